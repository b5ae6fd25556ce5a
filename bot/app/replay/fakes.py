"""Fakes for `replay`: services that record messages and fail as planned, a feed writer, and a virtual clock."""

import asyncio
import random
import selectors
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar

from bot.app.replay.oracle import ReceivedMessage
from bot.domain.channels import Capabilities, ChannelKind, Limit
from bot.domain.errors import (
    ChannelDown,
    DeliveryError,
    OutcomeUnknown,
    Refused,
    TargetGone,
    TargetMoved,
    TryLater,
    UsageError,
)
from bot.domain.feeds import Feed
from bot.domain.message import Begin, OutgoingMessage, Receipt, unrecorded
from bot.domain.papers import PaperId
from bot.pipeline.rate_limiter import Window

_T = TypeVar("_T")
_DAY = timedelta(days=1)
_OUTAGE_EVERY = timedelta(days=30)
_OUTAGE = timedelta(hours=2)
_LATENCY = 0.02
_MOVED = "-moved"


@dataclass(frozen=True, kw_only=True, slots=True)
class InjectedFault:
    """An error instead of an answer."""

    error: DeliveryError
    at: Literal["before", "after"] = "before"
    """Before or after the service accepted the message."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spell:
    """A period in which an address cannot be reached, and why."""

    start: datetime
    end: datetime
    kind: Literal["gone", "full"]


class Faults:
    """Random faults from a seed: of single calls, outages of a whole service, and spells of addresses.

    `rate` multiplies the share of single calls that fail; with 0 nothing fails.
    """

    def __init__(self, seed: int, *, start: datetime, end: datetime, rate: float = 1.0) -> None:
        self._rng = random.Random(seed)  # noqa: S311 - simulated faults
        self._seed = seed
        self._start = start
        self._end = end
        self._rate = rate
        self._spells: dict[str, tuple[Spell, ...]] = {}

    @property
    def any(self) -> bool:
        return self._rate > 0

    def fault(self, kind: ChannelKind, address: str, now: datetime) -> InjectedFault | None:
        """The fault of a call now; None for success."""
        if not self._rate:
            return None
        if self.down(kind, now):
            return InjectedFault(error=TryLater("nobody answers there", scope="channel"))
        for spell in self.spells(kind, address):
            if spell.start <= now < spell.end:
                return InjectedFault(error=_spell_error(spell))
        return self._single()

    def _single(self) -> InjectedFault | None:
        drawn = self._rng.random() / self._rate
        for share, fault in _SINGLE:
            if drawn < share:
                return fault(self._rng)
            drawn -= share
        return None

    def down(self, kind: ChannelKind, now: datetime) -> bool:
        """True during an outage of the whole service, two hours in 30 days."""
        hour = timedelta(hours=5 if kind == "telegram" else 11)
        return bool(self._rate) and (now - self._start - hour) % _OUTAGE_EVERY < _OUTAGE

    def spells(self, kind: ChannelKind, address: str) -> tuple[Spell, ...]:
        """The spells of an address; most have none."""
        key = f"{kind}:{address}"
        if key not in self._spells:
            self._spells[key] = self._drawn_spells(random.Random(f"{self._seed}|{key}"), kind)  # noqa: S311
        return self._spells[key]

    def _drawn_spells(self, rng: random.Random, kind: ChannelKind) -> tuple[Spell, ...]:
        if not self._rate or rng.random() > 0.1:  # noqa: PLR2004 - one address in ten
            return ()
        days = max((self._end - self._start) // _DAY, 2)
        start = self._start + _DAY * rng.randrange(1, days)
        full = kind == "email" and rng.random() < 0.5  # noqa: PLR2004 - a coin
        span = _DAY * (rng.randint(1, 3) if full else rng.randint(5, 40))
        return (Spell(start=start, end=start + span, kind="full" if full else "gone"),)


def no_faults(start: datetime) -> Faults:
    """Faults that never happen."""
    return Faults(0, start=start, end=start, rate=0)


def _spell_error(spell: Spell) -> DeliveryError:
    if spell.kind == "full":
        return TryLater("mailbox full: 452 4.2.2", wait=timedelta(hours=1))
    return TargetGone("bot was blocked by the user, or no such mailbox")


_SINGLE: tuple[tuple[float, Callable[[random.Random], InjectedFault]], ...] = (
    (
        0.02,
        lambda rng: InjectedFault(
            error=TryLater("too many requests", wait=timedelta(seconds=rng.randint(1, 40)))
        ),
    ),
    (0.005, lambda _: InjectedFault(error=TryLater("greylisted", wait=timedelta(minutes=5)))),
    (0.01, lambda _: InjectedFault(error=OutcomeUnknown("502 before it was taken"))),
    (0.01, lambda _: InjectedFault(error=OutcomeUnknown("502 after it was taken"), at="after")),
    (0.002, lambda _: InjectedFault(error=TryLater("connection refused", scope="channel"))),
    (0.001, lambda _: InjectedFault(error=Refused("can't parse entities"))),
    (0.0003, lambda _: InjectedFault(error=ChannelDown("5.7.1 come back later"))),
)


class FakeService:
    """A publisher that records accepted messages, refuses those over its rate limit, and fails as its faults say.

    `moves` gives the time from which an address has moved; messages to the new one count for the first.
    """

    def __init__(
        self,
        kind: ChannelKind,
        capabilities: Capabilities,
        *,
        now: Callable[[], datetime],
        faults: Faults,
        limit_of: Callable[[str], Limit | None] = lambda _: None,
        moves: Callable[[str], datetime | None] = lambda _: None,
    ) -> None:
        self.kind = kind
        self.capabilities = capabilities
        self.received: list[ReceivedMessage] = []
        self.message_ids: set[str] = set()
        """Ids of all accepted messages, as an operator would find them in the chat."""
        self.floods = self.refused = 0
        self._now = now
        self._faults = faults
        self._limit_of = limit_of
        self._moves = moves
        self._windows: dict[str, Window] = {}

    async def send(self, message: OutgoingMessage, begin: Begin = unrecorded, /) -> Receipt:
        await begin()
        await asyncio.sleep(_LATENCY)
        address, now = self._first_address(message.target.address), self._now()
        fault = self._faults.fault(self.kind, address, now)
        if fault is not None and fault.at == "before":
            self.refused += 1
            raise fault.error
        self._check_rate(address, now)
        self._accept(message, address, now)
        if fault is not None:
            raise fault.error
        number = str(len(self.received))
        return Receipt(message=number, poll=f"poll-{number}" if message.question else None)

    async def close(self) -> None:
        """Do nothing: nothing is open."""

    def _first_address(self, address: str) -> str:
        first = address.removesuffix(_MOVED)
        moved_at = self._moves(first)
        if moved_at is not None and moved_at <= self._now() and first == address:
            raise TargetMoved("group chat was upgraded to a supergroup chat", address=first + _MOVED)
        return first

    def _check_rate(self, address: str, now: datetime) -> None:
        limit = self._limit_of(address)
        if limit is None:
            return
        window = self._windows.get(address, Window(limit=limit))
        free = window.free_at(now)
        if free is not None and free > now:
            self.floods += 1
            raise TryLater("too many requests", wait=max(free - now, timedelta(seconds=1)))
        self._windows[address] = window.with_send_begun(now).with_send_ended(now)

    def _accept(self, message: OutgoingMessage, address: str, now: datetime) -> None:
        self.message_ids.add(message.id)
        self.received.append(
            ReceivedMessage(
                at=now,
                target=f"{self.kind}:{address}",
                kind=message.kind,
                message_id=message.id,
                papers=tuple(item.paper.id for item in message.items),
                question=message.question.question if message.question else None,
                more=message.more,
            )
        )


class CountingFeeds:
    """A feed writer that records in `papers` every paper that was ever in a feed, by name of the feed."""

    def __init__(self) -> None:
        self.papers: dict[str, set[PaperId]] = defaultdict(set)
        self.writes = 0
        self._last: dict[str, Feed] = {}

    def write(self, name: str, feed: Feed) -> bool:
        if self._last.get(name) == feed:
            return False
        self._last[name] = feed
        self.writes += 1
        self.papers[name].update(entry.paper.id for entry in feed.entries)
        return True

    def remove(self, name: str) -> None:
        self._last.pop(name, None)


class _SkippingSelector(selectors.DefaultSelector):
    """A selector that does not wait, but adds the time to `skipped`."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise UsageError("deadlock on the virtual clock: every task waits, and no timer is set")
        self.skipped += max(timeout, 0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop with virtual time, which passes only while nothing can run.

    Years pass in seconds, and every run has the same order: executor calls run at once in the same thread.
    """

    def __init__(self) -> None:
        self._skipping = _SkippingSelector()
        super().__init__(self._skipping)
        # After some months a float is too coarse for the default of a nanosecond, and no timer would come due.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._skipping.skipped

    def run_in_executor(  # type: ignore[override]  # the base class names no result type
        self,
        executor: Any,  # noqa: ARG002 - there is no other thread
        func: Callable[..., _T],
        *args: Any,
    ) -> "asyncio.Future[_T]":
        done: asyncio.Future[_T] = self.create_future()
        try:
            done.set_result(func(*args))
        except BaseException as error:  # noqa: BLE001 - raised where the result is awaited
            done.set_exception(error)
        return done


class LoopClock:
    """The wall clock of a loop that started at `start`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, start: datetime) -> None:
        self._loop = loop
        self._start = start
        self._began = loop.time()

    def now(self) -> datetime:
        """The current time, aware, UTC."""
        return (self._start + timedelta(seconds=self._loop.time() - self._began)).astimezone(UTC)

    def jump(self, span: timedelta) -> None:
        """Set the clock forward or back, as an operator might; timers of the loop stay as they are."""
        self._start += span
