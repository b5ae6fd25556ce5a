"""Dispatch: the loop that claims due deliveries, sends them, and settles the outcomes.

A claim only reserves a target. Its rows become `sending` right before its request goes out; only of these is the outcome
unknown when the process dies.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.domain.channels import ChannelKind
from bot.domain.delivery import State
from bot.domain.errors import StateError, Withdrawn
from bot.pipeline.circuit_breaker import CircuitBreaker
from bot.pipeline.compose import MessageBuilder
from bot.pipeline.incidents import IncidentLog
from bot.pipeline.ports import Clock, Publisher
from bot.pipeline.ports.incidents import IncidentStore
from bot.pipeline.ports.outbox import Claim, DeliveryStore, OutboxStore, Outcome
from bot.pipeline.rate_limiter import RateLimiter
from bot.pipeline.send import Sender, SendResult, SendRules, untried

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
"""Longer than a send may take (`send.GIVE_UP`)."""
IN_FLIGHT = 64
"""Most sends in flight on one channel, so that a slow channel does not delay another."""
_LEAST_WAIT = 0.05
"""Least seconds between two attempts to claim while a delivery is due that cannot be claimed."""
LEASE_CHECK_INTERVAL = timedelta(seconds=2)
"""Interval at which expired leases are looked for while another process has one: it may have died."""
_MOST_BEGUN = 4
"""Most claims begun in one transaction. If the process dies before the last of their requests has left, some are taken
for uncertain that were never sent, unless the store can read the marks. So they are few; on channels where sending twice
is harmless this does not matter, and the limit is IN_FLIGHT.
"""


class _InFlight(NamedTuple):
    """A claim whose send has begun, and the end of its lease."""

    claim: Claim
    until: datetime


@dataclass(kw_only=True, slots=True)
class _Flush:
    """The state of one call of `Dispatcher.flush`."""

    expired_at: datetime
    """Moment at which expired leases were last looked for."""
    flight: dict["asyncio.Task[SendResult]", _InFlight] = field(default_factory=dict)
    tally: Counter[State] = field(default_factory=Counter)
    """Settled rows by the state in which they ended."""
    late: timedelta = timedelta(0)
    """The longest time for which a delivery had been due."""
    stopping: bool = False
    """True once nothing more is claimed."""
    cut_off: bool = False
    """What is in flight is cancelled."""


class BeginQueue:
    """Queue of claims whose requests are about to go out: up to `most` of them are begun in one transaction."""

    def __init__(self, outbox: OutboxStore, *, most: int) -> None:
        self._outbox = outbox
        self._most = most
        self._lock = asyncio.Lock()
        self._open: list[Claim] | None = None
        self._written: asyncio.Task[frozenset[int]]

    async def begin(self, claim: Claim) -> None:
        """Make the claim's rows `sending`; raises Withdrawn where it must not be sent, and StateError.

        The caller sends the request right after this returns, in the same step of the event loop, so that nothing else runs
        between the mark and the write.
        """
        batch = self._open
        if batch is None or len(batch) == self._most or self._written.done():
            batch = self._open = []
            self._written = asyncio.create_task(self._write_down(batch))
        batch.append(claim)
        if claim.lease not in await asyncio.shield(self._written):
            raise Withdrawn("dropped, suspended or claimed by another process meanwhile")
        self._outbox.mark(claim)

    async def _write_down(self, batch: list[Claim]) -> frozenset[int]:
        async with self._lock:
            if self._open is batch:
                self._open = None
            return await asyncio.to_thread(self._outbox.begin, batch)


class Dispatcher:
    """Dispatcher: sends due deliveries. Several can work on one state, as a target is claimed by one of them at a time."""

    def __init__(
        self,
        *,
        outbox: OutboxStore,
        deliveries: DeliveryStore,
        stops: IncidentStore,
        builder: MessageBuilder,
        publishers: Mapping[ChannelKind, Publisher],
        incidents: IncidentLog,
        clock: Clock,
        rng: random.Random,
        rules: SendRules,
    ) -> None:
        self._outbox = outbox
        self._publishers = publishers
        self._clock = clock
        self._rules = rules
        self._kinds = tuple(publishers)
        can = {kind: publisher.capabilities for kind, publisher in publishers.items()}
        self._documents = frozenset(kind for kind, capabilities in can.items() if capabilities.is_document)
        self._harmless = frozenset(kind for kind, capabilities in can.items() if capabilities.harmless_twice)
        self._limiter = RateLimiter(
            {kind: capabilities.limits for kind, capabilities in can.items()}, now=clock.now
        )
        self._breaker = CircuitBreaker(store=stops, limiter=self._limiter, incidents=incidents, now=clock.now)
        queues = {
            kind: BeginQueue(outbox, most=IN_FLIGHT if kind in self._harmless else _MOST_BEGUN)
            for kind in publishers
        }
        self._sender = Sender(
            builder=builder,
            deliveries=deliveries,
            publishers=publishers,
            limiter=self._limiter,
            harmless=self._harmless,
            resend=rules.resend_uncertain,
            begin=lambda claim: queues[claim.target.kind].begin(claim),
            is_probe=self._breaker.is_probe,
            forbidden=self._breaker.forbidden,
            now=clock.now,
            rng=rng,
        )
        self._stopping = False
        self._lock, self._awake = asyncio.Lock(), asyncio.Event()
        self._unsettled: list[SendResult] = []

    def stop(self) -> None:
        """Claim nothing more; sends in flight are finished."""
        self._stopping = True

    def wake(self) -> None:
        """Have a flush that waits for answers look for more to send at once."""
        self._awake.set()

    def leave_channel(self, kind: ChannelKind) -> None:
        """Claim nothing more on this channel, since another process serves it."""
        self._kinds = tuple(served for served in self._kinds if served != kind)

    def take_channel(self, kind: ChannelKind) -> None:
        """Claim on this channel (again), if there is a publisher for it."""
        self._limiter.forget()
        kinds = {*self._kinds, kind}
        self._kinds = tuple(served for served in self._publishers if served in kinds)
        self.wake()

    async def flush(self) -> Counter[State]:
        """Send everything that is due, until nothing is; gives the rows by the state in which they ended.

        What becomes due meanwhile goes out as well, however slowly a target answers. A second call waits for the first. When
        cancelled, it claims nothing more, and what has no answer after `SendRules.grace` is uncertain. Raises StateError;
        outcomes that could not be settled are kept for the next call.
        """
        async with self._lock:
            flush = _Flush(expired_at=self._clock.now())
            work = asyncio.create_task(self._work(flush))
            try:
                return await asyncio.shield(work)
            except asyncio.CancelledError:
                await self._end(flush, work)
                raise

    async def next_due(self) -> datetime | None:
        """The moment at which a delivery is next due."""
        return await asyncio.to_thread(
            self._outbox.next_due, self._kinds, self._clock.now() + LEASE_CHECK_INTERVAL
        )

    async def _end(self, flush: _Flush, work: "asyncio.Task[Counter[State]]") -> None:
        flush.stopping = True
        self._awake.set()
        await asyncio.wait({work}, timeout=self._rules.grace.total_seconds())
        flush.cut_off = True
        for task in flush.flight:
            task.cancel()
        await asyncio.wait({work})

    async def _work(self, flush: _Flush) -> Counter[State]:
        self._breaker.forget()
        await self._settle(flush)
        await self._expire(flush)
        await self._next_due(flush, self._kinds)
        try:
            while True:
                self._awake.clear()
                if self._clock.now() - flush.expired_at >= LEASE_CHECK_INTERVAL:
                    await self._expire(flush)
                await self._start_due(flush)
                if not flush.flight:
                    return _summary(flush.tally, flush.late)
                await self._wait_for_change(flush)
                self._collect(flush)
                await self._settle(flush)
        finally:
            if flush.flight:
                await asyncio.wait(flush.flight)
                self._collect(flush)
                await self._settle(flush)

    async def _expire(self, flush: _Flush) -> None:
        """End the leases of processes that died or hang: their claims come free, and what they were sending is uncertain.

        Skipped while a lease of ours has ended too (the clock jumped): what we are sending must not be sent again.
        """
        now = flush.expired_at = self._clock.now()
        if any(in_flight.until <= now for in_flight in flush.flight.values()):
            return
        flush.tally["uncertain"] += await asyncio.to_thread(
            self._outbox.expire, now, again=self._rules.resend_uncertain, harmless=self._harmless
        )

    async def _start_due(self, flush: _Flush) -> None:
        """Claim what is due and start sending it; on a channel whose stop is over, one message to probe it."""
        now = self._clock.now()
        stopped = await self._breaker.stopped()
        for kind in self._kinds:
            stop = stopped.get(kind)
            if stop is None:
                self._limiter.unblock(kind)
                await self._claim(flush, now, kind)
            elif stop.until > now:
                self._limiter.block(kind, stop.until)
            elif not self._breaker.is_probed(kind):
                self._limiter.unblock(kind)
                for claim in await self._claim(flush, now, kind, most=1):
                    self._breaker.begin_probe(claim)

    async def _claim(
        self, flush: _Flush, now: datetime, kind: ChannelKind, most: int = IN_FLIGHT
    ) -> tuple[Claim, ...]:
        room = min(self._room(flush, kind), most)
        if not room:
            return ()
        claims = await asyncio.to_thread(
            self._outbox.claim,
            now,
            lease=LEASE,
            limit=room,
            kinds=[kind],
            documents=self._documents,
            flood_guard=self._rules.flood_guard,
        )
        for claim in claims:
            log.debug(
                "delivery.claimed",
                extra={"message_id": claim.message, "target": claim.target_key, "rows": len(claim.rows)},
            )
            flush.flight[asyncio.create_task(self._deliver(claim, flush))] = _InFlight(claim, now + LEASE)
        return claims

    def _room(self, flush: _Flush, kind: ChannelKind) -> int:
        """Number of claims that may still be made: as many as get their slots within a second or two."""
        if self._stopping or flush.stopping:
            return 0
        most = min(IN_FLIGHT, self._publishers[kind].capabilities.at_once or IN_FLIGHT)
        busy = sum(in_flight.claim.target.kind == kind for in_flight in flush.flight.values())
        free, room = most - busy, self._limiter.room(kind, busy)
        return free if room is None else min(free, room)

    async def _wait_for_change(self, flush: _Flush) -> None:
        """Wait until a send ends, something else is due, or `wake` is called."""
        awake = asyncio.create_task(self._awake.wait())
        try:
            await asyncio.wait(
                {awake, *flush.flight},
                timeout=await self._seconds_to_next(flush),
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            awake.cancel()

    async def _seconds_to_next(self, flush: _Flush) -> float | None:
        kinds = [
            kind for kind in self._kinds if not self._breaker.is_probed(kind) and self._room(flush, kind)
        ]
        if not kinds:
            return None
        due = await self._next_due(flush, kinds)
        return max((due - self._clock.now()).total_seconds(), _LEAST_WAIT) if due else None

    async def _next_due(self, flush: _Flush, kinds: Sequence[ChannelKind]) -> datetime | None:
        due = await asyncio.to_thread(self._outbox.next_due, kinds, self._clock.now() + LEASE_CHECK_INTERVAL)
        flush.late = max(flush.late, self._clock.now() - due) if due else flush.late
        return due

    def _collect(self, flush: _Flush) -> None:
        for task in [task for task in flush.flight if task.done()]:
            claim = flush.flight.pop(task).claim
            never_began = task.cancelled()
            self._unsettled.append(untried(claim) if never_began else task.result())

    async def _deliver(self, claim: Claim, flush: _Flush) -> SendResult:
        return untried(claim) if flush.cut_off else await self._sender.send(claim)

    async def _settle(self, flush: _Flush) -> None:
        """Settle the sends that ended; results that could not be settled are kept for the next call."""
        recorded: list[SendResult] = []
        try:
            for result in tuple(self._unsettled):
                await self._record(result)
                recorded.append(result)
        finally:
            if recorded:
                outcomes = [result.outcome for result in recorded]
                await asyncio.to_thread(self._outbox.settle, outcomes, self._clock.now())
                del self._unsettled[: len(recorded)]
                for outcome in outcomes:
                    flush.tally.update(end_states(outcome))

    async def _record(self, result: SendResult) -> None:
        try:
            await self._breaker.record(result)
        except StateError:
            raise
        except Exception:  # a bug in handling a stop or an alarm must not keep the outcome from being settled
            log.exception("channel.record_failed", extra={"target": result.outcome.claim.target_key})


def _summary(tally: Counter[State], late: timedelta) -> Counter[State]:
    """Log the rows of one flush by state, and for how long the oldest had been due; gives the states that occurred."""
    done = +tally
    if done:
        ended: dict[str, float] = {str(state): count for state, count in done.items()}
        log.info("deliveries.done", extra={**ended, "oldest_seconds": round(late.total_seconds(), 1)})
    return done


def end_states(outcome: Outcome) -> Counter[State]:
    """The claim's rows by the states in which they end."""
    limited, sent, unwanted = len(outcome.limited), len(outcome.sent), len(outcome.unwanted)
    states: Counter[State] = Counter(
        {"limited": limited, "skipped": unwanted, "merged": max(sent - 1, 0), "sent": min(sent, 1)}
    )
    states[outcome.state] += len(outcome.claim.rows) - limited - sent - unwanted
    return +states
