"""The pace of the ways out: who has to wait before the next message, and how many may be claimed at all.

A place's own pace is part of the stored schedule (its `wait_until`), and so holds across restarts; what was
sent before the start is read from the outbox. The pace of a whole channel is kept here.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.domain.delivery import Target
from bot.domain.pacing import Limit, Window
from bot.domain.subscriptions import ChannelKind

AHEAD = timedelta(seconds=2)
"""So long a claimed message waits for its turn; what would wait longer is put back, for others to go first."""
_LANES = 4096
"""So many windows of places are kept before those that say nothing are thrown away."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What services allow: `overall` on a whole channel, `of` in one place.

    `lane` names what the second counts by: topics of one group share its lane.
    """

    overall: Mapping[ChannelKind, Limit] = field(default_factory=dict)
    of: Callable[[Target], Limit | None] = lambda _: None
    lane: Callable[[Target], str] = lambda target: target.key


class Turn:
    """A message's turn: what it is told when it is over decides how it counts."""

    def __init__(self) -> None:
        self.messages = 1

    def took(self, messages: int) -> None:
        """The service took over so many messages for it (0: certainly none)."""
        self.messages = messages


class Pace:
    """Keeps the limits. All methods belong to one event loop's thread."""

    def __init__(self, limits: Limits, *, now: Callable[[], datetime]) -> None:
        self._limits = limits
        self._now = now
        self._overall = {kind: Window(limit=limit) for kind, limit in limits.overall.items()}
        self._lanes: dict[str, Window] = {}
        self._halted: dict[ChannelKind, datetime] = {}
        self._waiting: Counter[ChannelKind] = Counter()
        self._moved = asyncio.Event()

    def room(self, kind: ChannelKind) -> int | None:
        """How many more may wait for their turn on this channel, so that none waits long; None: any number."""
        window = self._overall.get(kind)
        return None if window is None else max(window.limit.most - self._waiting[kind], 0)

    def halt(self, kind: ChannelKind, until: datetime) -> None:
        """Nothing goes out on this channel before; who waits for a turn is sent back."""
        self._halted[kind] = until
        self._stir()

    def resume(self, kind: ChannelKind) -> None:
        """Take a halt back."""
        self._halted.pop(kind, None)

    def knows(self, target: Target) -> bool:
        """False where the place's past should be told with `remember` first: it may have been busy before us."""
        limit = self._limits.of(target)
        return limit is None or limit.most == 1 or self._limits.lane(target) in self._lanes

    def since(self, target: Target) -> datetime:
        """From when on a place's past matters."""
        limit = self._limits.of(target)
        return self._now() - (limit.span if limit else timedelta(0))

    def remember(self, target: Target, moments: Sequence[datetime]) -> None:
        """What went to this place before; without effect where more is known by now."""
        limit = self._limits.of(target)
        if limit is not None:
            self._lanes.setdefault(self._limits.lane(target), Window(limit=limit, ended=tuple(moments)))

    def forget(self) -> None:
        """Others may have sent since: the past of every place is to be told again."""
        self._lanes = {name: window for name, window in self._lanes.items() if window.under_way}

    def next_for(self, target: Target) -> datetime | None:
        """When that place may get its next message; None where it may at once."""
        lane = self._lanes.get(self._limits.lane(target))
        free = lane.free_at(self._now()) if lane else None
        return free if free is not None and free > self._now() else None

    @asynccontextmanager
    async def turn(self, target: Target, *, trying: bool = False) -> AsyncIterator[Turn | datetime]:
        """The message's turn, as soon as both its place and its channel allow it.

        A moment instead where that would take longer than AHEAD: the message is not to be sent before. With
        `trying` a halt is no hindrance: somebody has to find out whether it still holds.
        """
        again = await self._wait(target, trying=trying)
        if again is not None:
            yield again
            return
        turn = Turn()
        self._begin(target)
        try:
            yield turn
        finally:
            self._end(target, turn.messages)

    async def _wait(self, target: Target, *, trying: bool) -> datetime | None:
        self._waiting[target.kind] += 1
        give_up = self._now() + AHEAD
        try:
            while True:
                now = self._now()
                halted = self._halted.get(target.kind)
                if halted is not None and halted > now and not trying:
                    return halted
                free = self._free_at(target, now)
                if free is not None and free <= now:
                    return None
                if now >= give_up or (free is not None and free > give_up):
                    return free or now + AHEAD
                await self._until(min(free or give_up, give_up))
        finally:
            self._waiting[target.kind] -= 1

    async def _until(self, moment: datetime) -> None:
        """Sleep until then, or until something ended meanwhile."""
        self._moved.clear()
        try:
            async with asyncio.timeout(max((moment - self._now()).total_seconds(), 0.001)):
                await self._moved.wait()
        except TimeoutError:
            return

    def _free_at(self, target: Target, now: datetime) -> datetime | None:
        kind, lane = target.kind, self._limits.lane(target)
        # What is seen now is kept: where the clock was set back, the wait for it is counted from this look on.
        if kind in self._overall:
            self._overall[kind] = self._overall[kind].at(now)
        if lane in self._lanes:
            self._lanes[lane] = self._lanes[lane].at(now)
        windows = [self._overall.get(kind), self._lanes.get(lane)]
        moments = [window.free_at(now) for window in windows if window is not None]
        known = [moment for moment in moments if moment is not None]
        return None if len(known) < len(moments) else max(known, default=now)

    def _begin(self, target: Target) -> None:
        now, limit, lane = self._now(), self._limits.of(target), self._limits.lane(target)
        if limit is not None:
            self._forget_idle(now)
            self._lanes[lane] = self._lanes.get(lane, Window(limit=limit)).begun(now)
        if target.kind in self._overall:
            self._overall[target.kind] = self._overall[target.kind].begun(now)

    def _end(self, target: Target, messages: int) -> None:
        now, lane = self._now(), self._limits.lane(target)
        if lane in self._lanes:
            self._lanes[lane] = self._lanes[lane].over(now, messages=messages)
        if target.kind in self._overall:
            self._overall[target.kind] = self._overall[target.kind].over(now, messages=messages)
        self._stir()

    def _forget_idle(self, now: datetime) -> None:
        if len(self._lanes) > _LANES:
            self._lanes = {name: window for name, window in self._lanes.items() if not window.idle(now)}

    def _stir(self) -> None:
        self._moved.set()
