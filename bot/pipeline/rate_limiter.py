"""Rate limiter: strict sliding windows over channels and their targets.

A message fills its slot in a window from the moment it is handed over until the window's span has passed
since its answer came. The service saw it in between, so that however long the way takes, no window of the
service's own ever holds more than is allowed.

A target's own wait is part of the stored schedule (its `wait_until`), and so holds across restarts; what was
sent before the start is read from the outbox. The windows of a whole channel are kept here.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain.channels import ChannelKind, Limit, Limits, Target
from bot.domain.errors import NotYet

AHEAD = timedelta(seconds=2)
"""Longest wait of a claimed message for its slot; with a longer one it returns to the outbox."""
_BUCKETS = 4096
"""Number of windows of targets from which on the idle ones are dropped."""
_NO_LIMITS = Limits()


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """The messages under one limit: `under_way` without an answer yet, and when the others got theirs."""

    limit: Limit
    under_way: int = 0
    ended: tuple[datetime, ...] = ()
    """Oldest first."""

    def at(self, now: datetime) -> "Window":
        """The window without messages that no longer count; after the clock was set back none counts from the future."""
        if not self.ended or (self.ended[0] > now - self.limit.span and self.ended[-1] <= now):
            return self
        return replace(
            self, ended=tuple(min(moment, now) for moment in self.ended if moment > now - self.limit.span)
        )

    def free_at(self, now: datetime) -> datetime | None:
        """The first moment at which one more may be sent; None while that depends on a message under way."""
        window = self.at(now)
        surplus = len(window.ended) + window.under_way - window.limit.most
        if surplus < 0:
            return now
        return window.ended[surplus] + window.limit.span if surplus < len(window.ended) else None

    def begun(self, now: datetime) -> "Window":
        """With one more under way."""
        window = self.at(now)
        return replace(window, under_way=window.under_way + 1)

    def over(self, now: datetime, *, messages: int = 1) -> "Window":
        """With one less under way; it counts as `messages`, 0 where the service accepted nothing."""
        window = self.at(now)
        return replace(
            window,
            under_way=max(window.under_way - 1, 0),
            ended=(*window.ended, *(now for _ in range(messages))),
        )

    def idle(self, now: datetime) -> bool:
        """True where no message counts any more."""
        window = self.at(now)
        return not window.ended and not window.under_way


class Slot:
    """A message's slot in the windows; how many messages it counts for is set after the send."""

    def __init__(self) -> None:
        self.messages = 1

    def took(self, messages: int) -> None:
        """Count this slot as so many messages (0: the service certainly accepted none)."""
        self.messages = messages


class RateLimiter:
    """Rate limiter of all channels. All methods belong to one event loop's thread."""

    def __init__(self, limits: Mapping[ChannelKind, Limits], *, now: Callable[[], datetime]) -> None:
        self._limits = limits
        self._now = now
        self._channels = {
            kind: Window(limit=limit.overall) for kind, limit in limits.items() if limit.overall is not None
        }
        self._targets: dict[str, Window] = {}
        """By bucket."""
        self._blocked: dict[ChannelKind, datetime] = {}
        self._moved = asyncio.Event()

    def room(self, kind: ChannelKind, claimed: int) -> int | None:
        """Number of messages that may be claimed beside those, so that all get a slot well within AHEAD; None: any number."""
        window = self._channels.get(kind)
        return None if window is None else max(window.limit.most - (claimed - window.under_way), 0)

    def block(self, kind: ChannelKind, until: datetime) -> None:
        """Block the channel until `until`; waiting sends return to the outbox."""
        self._blocked[kind] = until
        self._stir()

    def unblock(self, kind: ChannelKind) -> None:
        """Take a block back."""
        self._blocked.pop(kind, None)

    def knows(self, target: Target) -> bool:
        """False where the target's earlier sends should be given to `remember` first."""
        limit = self._limit(target)
        return limit is None or limit.most == 1 or self._bucket(target) in self._targets

    def since(self, target: Target) -> datetime:
        """The moment from which on earlier sends to the target count."""
        limit = self._limit(target)
        return self._now() - (limit.span if limit else timedelta(0))

    def remember(self, target: Target, moments: Sequence[datetime]) -> None:
        """Set the times of earlier sends to this target; without effect where its window exists by now."""
        limit = self._limit(target)
        if limit is not None:
            self._targets.setdefault(self._bucket(target), Window(limit=limit, ended=tuple(moments)))

    def forget(self) -> None:
        """Drop cached send history: another process may have sent meanwhile."""
        self._targets = {name: window for name, window in self._targets.items() if window.under_way}

    def next_for(self, target: Target) -> datetime | None:
        """The moment at which that target may get its next message; None where it may now."""
        window = self._targets.get(self._bucket(target))
        free = window.free_at(self._now()) if window else None
        return free if free is not None and free > self._now() else None

    @asynccontextmanager
    async def slot(self, target: Target, *, probe: bool = False) -> AsyncIterator[Slot]:
        """A slot for one message, as soon as both its target and its channel allow it.

        A probe passes through a block: it finds out whether the channel works again.

        Raises:
            NotYet: that would take longer than AHEAD.

        """
        await self._wait(target, probe=probe)
        slot = Slot()
        self._begin(target)
        try:
            yield slot
        finally:
            self._end(target, slot.messages)

    async def _wait(self, target: Target, *, probe: bool) -> None:
        give_up = self._now() + AHEAD
        while True:
            now = self._now()
            blocked = self._blocked.get(target.kind)
            if blocked is not None and blocked > now and not probe:
                raise NotYet(blocked)
            free = self._free_at(target, now)
            if free is not None and free <= now:
                return
            if now >= give_up or (free is not None and free > give_up):
                raise NotYet(free or now + AHEAD)
            await self._until(min(free or give_up, give_up))

    async def _until(self, moment: datetime) -> None:
        """Sleep until then, or until a send ended meanwhile."""
        self._moved.clear()
        try:
            async with asyncio.timeout(max((moment - self._now()).total_seconds(), 0.001)):
                await self._moved.wait()
        except TimeoutError:
            return

    def _free_at(self, target: Target, now: datetime) -> datetime | None:
        kind, bucket = target.kind, self._bucket(target)
        # What is seen now is kept: where the clock was set back, the wait for it is counted from this look on.
        if kind in self._channels:
            self._channels[kind] = self._channels[kind].at(now)
        if bucket in self._targets:
            self._targets[bucket] = self._targets[bucket].at(now)
        windows = [self._channels.get(kind), self._targets.get(bucket)]
        moments = [window.free_at(now) for window in windows if window is not None]
        known = [moment for moment in moments if moment is not None]
        return None if len(known) < len(moments) else max(known, default=now)

    def _begin(self, target: Target) -> None:
        now, limit, bucket = self._now(), self._limit(target), self._bucket(target)
        if limit is not None:
            self._forget_idle(now)
            self._targets[bucket] = self._targets.get(bucket, Window(limit=limit)).begun(now)
        if target.kind in self._channels:
            self._channels[target.kind] = self._channels[target.kind].begun(now)

    def _end(self, target: Target, messages: int) -> None:
        now, bucket = self._now(), self._bucket(target)
        if bucket in self._targets:
            self._targets[bucket] = self._targets[bucket].over(now, messages=messages)
        if target.kind in self._channels:
            self._channels[target.kind] = self._channels[target.kind].over(now, messages=messages)
        self._stir()

    def _forget_idle(self, now: datetime) -> None:
        if len(self._targets) > _BUCKETS:
            self._targets = {name: window for name, window in self._targets.items() if not window.idle(now)}

    def _limit(self, target: Target) -> Limit | None:
        return self._limits.get(target.kind, _NO_LIMITS).per_target(target.address)

    def _bucket(self, target: Target) -> str:
        return f"{target.kind}:{self._limits.get(target.kind, _NO_LIMITS).bucket(target.address)}"

    def _stir(self) -> None:
        self._moved.set()
