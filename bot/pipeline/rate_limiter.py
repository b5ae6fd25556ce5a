"""Rate limiter: strict sliding windows over channels and their targets.

A message occupies its slot in a window from the moment it is sent until the window's span has passed since its answer
came. The service received it in between, so that its own windows never have more than is allowed, however long
transmission takes.

The wait of a target (`Outcome.wait_until`) is stored, and so holds across restarts; earlier sends to a target are read
from the outbox. The windows of whole channels exist only in memory.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain.channels import ChannelKind, Limit, Limits, Target
from bot.domain.errors import NotYet

AHEAD = timedelta(seconds=2)
"""Longest wait of a claimed message for its slot; a message that would wait longer returns to the outbox."""
_BUCKETS = 4096
"""Number of windows of targets above which idle ones are dropped."""
_NO_LIMITS = Limits()


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """The messages under one limit: the number of those `in_flight`, and when the others were answered."""

    limit: Limit
    in_flight: int = 0
    ended: tuple[datetime, ...] = ()
    """Oldest first."""

    def at(self, now: datetime) -> "Window":
        """The window without messages that no longer count; times after `now`, of a clock that was set back, become `now`."""
        return replace(
            self, ended=tuple(min(moment, now) for moment in self.ended if moment > now - self.limit.span)
        )

    def free_at(self, now: datetime) -> datetime | None:
        """The first moment at which one more message may be sent; None while that depends on one under way."""
        window = self.at(now)
        surplus = len(window.ended) + window.in_flight - window.limit.most
        if surplus < 0:
            return now
        return window.ended[surplus] + window.limit.span if surplus < len(window.ended) else None

    def with_send_begun(self, now: datetime) -> "Window":
        """The window with one more message under way."""
        window = self.at(now)
        return replace(window, in_flight=window.in_flight + 1)

    def with_send_ended(self, now: datetime, *, messages: int = 1) -> "Window":
        """The window with one message less under way, which counts as `messages`: 0 where the service accepted none."""
        window = self.at(now)
        return replace(
            window,
            in_flight=max(window.in_flight - 1, 0),
            ended=(*window.ended, *(now for _ in range(messages))),
        )

    def is_idle(self, now: datetime) -> bool:
        """True where no message counts any more."""
        window = self.at(now)
        return not window.ended and not window.in_flight


@dataclass(slots=True)
class Slot:
    """A message's slot in the windows. After the send it is set how many `messages` count; 0: certainly none was accepted."""

    messages: int = 1


class RateLimiter:
    """Rate limiter of all channels; used from one event loop only."""

    def __init__(self, limits: Mapping[ChannelKind, Limits], *, now: Callable[[], datetime]) -> None:
        self._limits = limits
        self._now = now
        self._channels = {
            kind: Window(limit=limit.overall) for kind, limit in limits.items() if limit.overall is not None
        }
        self._targets: dict[str, Window] = {}
        """Windows of the targets, by bucket."""
        self._blocked: dict[ChannelKind, datetime] = {}
        self._changed = asyncio.Event()
        """Set when a send ends or a channel is blocked."""

    def room(self, kind: ChannelKind, claimed: int) -> int | None:
        """Number of messages that may be claimed besides `claimed` ones, so that all get slots within AHEAD; None: any number."""
        window = self._channels.get(kind)
        return None if window is None else max(window.limit.most - (claimed - window.in_flight), 0)

    def block(self, kind: ChannelKind, until: datetime) -> None:
        """Block the channel until `until`; waiting sends return to the outbox."""
        self._blocked[kind] = until
        self._changed.set()

    def unblock(self, kind: ChannelKind) -> None:
        """End the block of the channel."""
        self._blocked.pop(kind, None)

    def knows(self, target: Target) -> bool:
        """False where earlier sends to the target have to be given to `remember` first."""
        limit = self._limit(target)
        return limit is None or limit.most == 1 or self._bucket(target) in self._targets

    def since(self, target: Target) -> datetime:
        """The moment after which earlier sends to the target count."""
        limit = self._limit(target)
        return self._now() - (limit.span if limit else timedelta(0))

    def remember(self, target: Target, moments: Sequence[datetime]) -> None:
        """Set the times of earlier sends to this target; has no effect where its window exists already."""
        limit = self._limit(target)
        if limit is not None:
            self._targets.setdefault(self._bucket(target), Window(limit=limit, ended=tuple(moments)))

    def forget(self) -> None:
        """Drop cached send history: another process may have sent meanwhile."""
        self._targets = {name: window for name, window in self._targets.items() if window.in_flight}

    def next_for(self, target: Target) -> datetime | None:
        """When the target may get its next message; None where it may now, or where that is unknown."""
        window = self._targets.get(self._bucket(target))
        free = window.free_at(self._now()) if window else None
        return free if free is not None and free > self._now() else None

    @asynccontextmanager
    async def slot(self, target: Target, *, probe: bool = False) -> AsyncIterator[Slot]:
        """Wait for a slot for one message, which both its target and its channel have to allow.

        A probe ignores a block, as it finds out whether the channel works again. Raises NotYet where the wait would be longer
        than AHEAD.
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
        """Sleep until then, or until something changes."""
        self._changed.clear()
        try:
            async with asyncio.timeout(max((moment - self._now()).total_seconds(), 0.001)):
                await self._changed.wait()
        except TimeoutError:
            return

    def _free_at(self, target: Target, now: datetime) -> datetime | None:
        kind, bucket = target.kind, self._bucket(target)
        # Stored, so that after the clock was set back waits are counted from now on.
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
            self._targets[bucket] = self._targets.get(bucket, Window(limit=limit)).with_send_begun(now)
        if target.kind in self._channels:
            self._channels[target.kind] = self._channels[target.kind].with_send_begun(now)

    def _end(self, target: Target, messages: int) -> None:
        now, bucket = self._now(), self._bucket(target)
        if bucket in self._targets:
            self._targets[bucket] = self._targets[bucket].with_send_ended(now, messages=messages)
        if target.kind in self._channels:
            self._channels[target.kind] = self._channels[target.kind].with_send_ended(now, messages=messages)
        self._changed.set()

    def _forget_idle(self, now: datetime) -> None:
        if len(self._targets) > _BUCKETS:
            self._targets = {
                name: window for name, window in self._targets.items() if not window.is_idle(now)
            }

    def _limit(self, target: Target) -> Limit | None:
        return self._limits.get(target.kind, _NO_LIMITS).per_target(target.address)

    def _bucket(self, target: Target) -> str:
        return f"{target.kind}:{self._limits.get(target.kind, _NO_LIMITS).bucket(target.address)}"
