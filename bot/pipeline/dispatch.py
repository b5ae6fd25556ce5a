"""Sending what is due: claim, pack, hand to the publisher, write down how it ended."""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from bot.domain.delivery import State
from bot.domain.errors import DeliveryError, StateError, TryLater
from bot.domain.subscriptions import CHANNEL_KINDS, ChannelKind
from bot.pipeline.courier import Courier
from bot.pipeline.endings import Endings, Landed, Rules, ends, named, summed_up
from bot.pipeline.feeds import FeedDesk
from bot.pipeline.herald import Herald, Telling
from bot.pipeline.pace import Pace
from bot.pipeline.parcels import Packed, Packer
from bot.pipeline.ports import Claim, Clock, FeedWriter, Outbox, Outcome, Publisher
from bot.pipeline.stops import CHANNEL_REST, ChannelStops

__all__ = ["CHANNEL_REST", "IN_FLIGHT", "LEASE", "Dispatcher", "Rules"]

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
"""Longer than any publisher takes to give up on an answer."""
IN_FLIGHT = 64
"""So many sends of one channel at a time: a slow channel takes no place of another's."""
_BREATH = 0.05
"""Seconds between two looks at least, when something is said to be due and cannot be claimed."""


@dataclass(kw_only=True, slots=True)
class _Run:
    """One flush: what is in flight, how rows ended so far, how late the oldest was, and whether it is to end."""

    flight: dict["asyncio.Task[Landed]", ChannelKind] = field(default_factory=dict)
    tally: Counter[State] = field(default_factory=Counter)
    late: timedelta = timedelta(0)
    ending: bool = False
    cut_off: bool = False


class Dispatcher:
    """Sends deliveries. Several may work on one state: each place is claimed by one at a time."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        packer: Packer,
        publishers: Mapping[ChannelKind, Publisher],
        feeds: FeedDesk,
        feed_writer: FeedWriter,
        clock: Clock,
        rng: random.Random,
        rules: Rules,
        telling: Telling,
    ) -> None:
        self._outbox = outbox
        self._packer = packer
        self._publishers = publishers
        self._feeds = feeds
        self._feed_writer = feed_writer
        self._clock = clock
        self._rules = rules
        self._pace = Pace(rules.limits, now=clock.now)
        self._courier = Courier(pace=self._pace, outbox=outbox, now=clock.now)
        self._endings = Endings(rules=rules, now=clock.now, rng=rng, next_for=self._pace.next_for)
        self._kinds = tuple(kind for kind in CHANNEL_KINDS if kind == "atom" or kind in publishers)
        self._stops = ChannelStops(outbox=outbox, pace=self._pace, alarms=telling.alarms, now=clock.now)
        self.herald = Herald(
            telling=telling,
            outbox=outbox,
            courier=self._courier,
            stops=self._stops,
            kinds=lambda: self._kinds,
            now=clock.now,
            rng=rng,
            grace=rules.grace,
        )
        self._stopping = False
        self._turn, self._awake = asyncio.Lock(), asyncio.Event()
        self._unwritten: list[Landed] = []

    def stop(self) -> None:
        """Claim nothing more; what is in flight is finished."""
        self._stopping = True

    def wake(self) -> None:
        """There may be more to send: a flush that is waiting for answers looks at once."""
        self._awake.set()

    def leave(self, kind: ChannelKind) -> None:
        """Claim nothing more on this channel: somebody else sends there."""
        self._kinds = tuple(one for one in self._kinds if one != kind)

    def take(self, kind: ChannelKind) -> None:
        """Claim on this channel (again), where it is one of ours."""
        if kind not in self._kinds:
            self._pace.forget()
        ours = {*self._kinds, kind} & {"atom", *self._publishers}
        self._kinds = tuple(one for one in CHANNEL_KINDS if one in ours)
        self.wake()

    async def flush(self) -> Counter[State]:
        """Send everything that is due and count the rows by how they ended; returns when nothing is.

        What becomes due meanwhile goes out as well, however long a slow place takes to answer. A second call
        waits for the first. When it is cancelled it claims nothing more, and what has no answer after
        `Rules.grace` is uncertain. Raises StateError; endings that could not be written down are kept for
        the next call.
        """
        async with self._turn:
            run = _Run()
            work = asyncio.create_task(self._work(run))
            try:
                return await asyncio.shield(work)
            except asyncio.CancelledError:
                await self._end(run, work)
                raise

    async def next_due(self) -> datetime | None:
        """When something next wants to go out."""
        return await asyncio.to_thread(self._outbox.next_due, self._kinds)

    async def _end(self, run: _Run, work: "asyncio.Task[Counter[State]]") -> None:
        run.ending = True
        self._awake.set()
        await asyncio.wait({work}, timeout=self._rules.grace.total_seconds())
        run.cut_off = True
        for task in run.flight:
            task.cancel()
        await asyncio.wait({work})

    async def _work(self, run: _Run) -> Counter[State]:
        await self._write_down(run)
        again = self._rules.may_go_again
        run.tally["uncertain"] += await asyncio.to_thread(self._outbox.expire, self._clock.now(), again=again)
        await self._next_due(run, self._kinds)
        try:
            while True:
                self._awake.clear()
                await self._take_off(run)
                if not run.flight:
                    return summed_up(run.tally, run.late)
                await self._something_happens(run)
                self._collect(run)
                await self._write_down(run)
        finally:
            if run.flight:
                await asyncio.wait(run.flight)
                self._collect(run)
                await self._write_down(run)

    async def _take_off(self, run: _Run) -> None:
        """Claim what is due and start sending it; on a channel that was stopped, one message to try it."""
        now = self._clock.now()
        stopped = await self._stops.stopped()
        for kind in self._kinds:
            stop = stopped.get(kind)
            if stop is None:
                self._pace.resume(kind)
                await self._claim(run, now, kind)
            elif stop.until > now:
                self._pace.halt(kind, stop.until)
            elif not self._stops.under_trial(kind):
                self._pace.resume(kind)
                for claim in await self._claim(run, now, kind, most=1):
                    self._stops.begin_trial(claim)

    async def _claim(
        self, run: _Run, now: datetime, kind: ChannelKind, most: int = IN_FLIGHT
    ) -> tuple[Claim, ...]:
        room = min(self._room(run, kind), most)
        if room <= 0:
            return ()
        claims = await asyncio.to_thread(self._outbox.claim, now, lease=LEASE, limit=room, kinds=[kind])
        for claim in claims:
            log.debug(
                "delivery.claimed", extra={"batch": claim.batch, "target": claim.key, "keys": named(claim)}
            )
            run.flight[asyncio.create_task(self._deliver(claim, run))] = kind
        return claims

    def _room(self, run: _Run, kind: ChannelKind) -> int:
        """How many more may be claimed: as many as can be sent soon, long before their leases end."""
        if self._stopping or run.ending:
            return 0
        most = min(IN_FLIGHT, self._rules.at_once.get(kind, IN_FLIGHT))
        under_way = sum(flown == kind for flown in run.flight.values())
        paced = self._pace.room(kind)
        return most - under_way if paced is None else min(most - under_way, paced)

    async def _something_happens(self, run: _Run) -> None:
        """Wait until a send ends, something else is due, or somebody wakes us."""
        awake = asyncio.create_task(self._awake.wait())
        try:
            await asyncio.wait(
                {awake, *run.flight},
                timeout=await self._seconds_to_next(run),
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            awake.cancel()

    async def _seconds_to_next(self, run: _Run) -> float | None:
        kinds = [
            kind for kind in self._kinds if not self._stops.under_trial(kind) and self._room(run, kind) > 0
        ]
        if not kinds:
            return None
        due = await self._next_due(run, kinds)
        return max((due - self._clock.now()).total_seconds(), _BREATH) if due else None

    async def _next_due(self, run: _Run, kinds: Sequence[ChannelKind]) -> datetime | None:
        due = await asyncio.to_thread(self._outbox.next_due, kinds)
        run.late = max(run.late, self._clock.now() - due) if due else run.late
        return due

    def _collect(self, run: _Run) -> None:
        for task in [task for task in run.flight if task.done()]:
            del run.flight[task]
            self._unwritten.append(task.result())

    async def _write_down(self, run: _Run) -> None:
        landed = tuple(self._unwritten)
        if not landed:
            return
        for one in landed:
            await self._stops.mind(one)
        outcomes = [one.outcome for one in landed]
        await asyncio.to_thread(self._outbox.settle, outcomes, self._clock.now())
        del self._unwritten[: len(landed)]
        for outcome in outcomes:
            run.tally.update(ends(outcome))

    async def _deliver(self, claim: Claim, run: _Run) -> Landed:
        """How the send of this claim ended; raises nothing, whatever goes wrong with this one."""
        if run.cut_off:
            return Landed(outcome=Outcome(claim=claim, state="pending", counted=False))
        if claim.target.kind == "atom":
            return Landed(outcome=await self._write_feed(claim))
        packed = await self._pack(claim)
        return Landed(outcome=packed) if isinstance(packed, Outcome) else await self._send(claim, packed)

    async def _pack(self, claim: Claim) -> Packed | Outcome:
        try:
            packed = await asyncio.to_thread(self._packer.pack, claim, self._clock.now())
        except asyncio.CancelledError:
            return Outcome(claim=claim, state="pending", counted=False)
        except StateError as error:
            return self._endings.later(claim, TryLater(str(error)))
        except Exception as error:
            log.exception("delivery.pack_failed", extra={"batch": claim.batch, "target": claim.key})
            return Outcome(claim=claim, state="dead", error=f"could not be put together: {error!r}")
        if packed.parcel is None:
            return Outcome(claim=claim, state=packed.state, limited=packed.limited, error=packed.note)
        return packed

    async def _write_feed(self, claim: Claim) -> Outcome:
        try:
            written = await asyncio.to_thread(self._feeds.write_for, self._feed_writer, claim.subscriber)
        except asyncio.CancelledError:
            return Outcome(claim=claim, state="pending", counted=False)
        except Exception as error:
            log.exception("feed.write_failed", extra={"subscriber": claim.subscriber})
            return self._endings.later(claim, TryLater(f"the feed could not be written: {error}"))
        if not written:
            return Outcome(claim=claim, state="merged", error="no longer subscribed")
        return Outcome(claim=claim, state="sent", sent=tuple(row.key for row in claim.rows))

    async def _send(self, claim: Claim, packed: Packed) -> Landed:
        assert packed.parcel is not None
        told = {"batch": claim.batch, "target": claim.key, "keys": named(claim)}
        try:
            send = partial(self._publishers[claim.target.kind].send, packed.parcel)
            receipt = await self._courier.hand_over(
                claim.key, claim.target, send, trying=self._stops.is_trial(claim)
            )
        except DeliveryError as error:
            log.warning("delivery.failed", extra={**told, "error": str(error), "is": type(error).__name__})
            return self._endings.failed(claim, error)
        except asyncio.CancelledError:
            log.warning("delivery.cut_off", extra=told)
            return self._endings.unknown(claim, "cut off while paperboy stopped")
        except Exception as error:  # a fault of ours in the middle of a send: nobody knows what went out
            log.exception("delivery.send_failed", extra=told)
            return self._endings.unknown(claim, f"unexpected: {type(error).__name__}")
        if isinstance(receipt, datetime):
            log.debug("delivery.put_back", extra={**told, "until": receipt})
            return Landed(outcome=self._endings.not_before(claim, receipt))
        log.debug("delivery.sent", extra={**told, "papers": len(packed.sent)})
        return self._endings.sent(claim, packed, receipt)
