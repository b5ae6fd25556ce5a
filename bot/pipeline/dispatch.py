"""Sending what is due: claim, pack, hand to the publisher, write down how it ended."""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.domain.delivery import State
from bot.domain.errors import StateError
from bot.domain.subscriptions import CHANNEL_KINDS, ChannelKind
from bot.pipeline.courier import Courier
from bot.pipeline.endings import Endings, Landed, Rules, ends, named, summed_up
from bot.pipeline.errands import Errands, untried
from bot.pipeline.feeds import FeedDesk
from bot.pipeline.herald import Herald, Telling
from bot.pipeline.pace import Pace
from bot.pipeline.parcels import Packer
from bot.pipeline.ports import Claim, Clock, FeedWriter, Outbox, Publisher
from bot.pipeline.stops import CHANNEL_REST, ChannelStops

__all__ = ["CHANNEL_REST", "IN_FLIGHT", "LEASE", "Dispatcher", "Rules"]

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
"""Longer than any publisher takes to give up on an answer."""
IN_FLIGHT = 64
"""So many sends of one channel at a time: a slow channel takes no place of another's."""
_BREATH = 0.05
"""Seconds between two looks at least, when something is said to be due and cannot be claimed."""
_LOOK_EVERY = timedelta(seconds=30)
"""So often a flush that goes on and on looks for leases of others that have ended."""


class _Flown(NamedTuple):
    """What is in flight, and until when it is ours."""

    claim: Claim
    until: datetime


@dataclass(kw_only=True, slots=True)
class _Run:
    """One flush: what is in flight, how rows ended so far, how late the oldest was, and whether it is to end.

    `looked_at` is when leases that had ended were last looked for.
    """

    looked_at: datetime
    flight: dict["asyncio.Task[Landed]", _Flown] = field(default_factory=dict)
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
        self._publishers = publishers
        self._clock = clock
        self._rules = rules
        self._pace = Pace(rules.limits, now=clock.now)
        courier = Courier(pace=self._pace, outbox=outbox, now=clock.now)
        endings = Endings(rules=rules, now=clock.now, rng=rng, next_for=self._pace.next_for)
        self._kinds = tuple(kind for kind in CHANNEL_KINDS if kind == "atom" or kind in publishers)
        self._stops = ChannelStops(outbox=outbox, pace=self._pace, alarms=telling.alarms, now=clock.now)
        self.herald = Herald(
            telling=telling,
            outbox=outbox,
            courier=courier,
            stops=self._stops,
            kinds=lambda: self._kinds,
            now=clock.now,
            rng=rng,
            grace=rules.grace,
        )
        self._errands = Errands(
            packer=packer,
            publishers=publishers,
            feeds=feeds,
            feed_writer=feed_writer,
            courier=courier,
            endings=endings,
            is_trial=self._stops.is_trial,
            now=clock.now,
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
            run = _Run(looked_at=self._clock.now())
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
        await self._lift_ended(run)
        await self._next_due(run, self._kinds)
        try:
            while True:
                self._awake.clear()
                if self._clock.now() - run.looked_at >= _LOOK_EVERY:
                    await self._lift_ended(run)
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

    async def _lift_ended(self, run: _Run) -> None:
        """What others claimed and never settled is uncertain, or goes again, once their lease has ended.

        Never while a send of ours may be taken for one of those: where the clock jumped, its lease has
        ended too, and what it sends must not go again meanwhile.
        """
        now = run.looked_at = self._clock.now()
        if any(flown.until <= now for flown in run.flight.values()):
            return
        again = self._rules.may_go_again
        run.tally["uncertain"] += await asyncio.to_thread(self._outbox.expire, now, again=again)

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
            run.flight[asyncio.create_task(self._deliver(claim, run))] = _Flown(claim, now + LEASE)
        return claims

    def _room(self, run: _Run, kind: ChannelKind) -> int:
        """How many more may be claimed: as many as can be sent soon, long before their leases end."""
        if self._stopping or run.ending:
            return 0
        most = min(IN_FLIGHT, self._rules.at_once.get(kind, IN_FLIGHT))
        under_way = sum(flown.claim.target.kind == kind for flown in run.flight.values())
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
            flown = run.flight.pop(task)
            never_began = task.cancelled()
            self._unwritten.append(untried(flown.claim) if never_began else task.result())

    async def _deliver(self, claim: Claim, run: _Run) -> Landed:
        return untried(claim) if run.cut_off else await self._errands.run(claim)

    async def _write_down(self, run: _Run) -> None:
        """What a busy state keeps from being minded waits for the next time; the others are written down."""
        minded: list[Landed] = []
        try:
            for one in tuple(self._unwritten):
                await self._mind(one)
                minded.append(one)
        finally:
            if minded:
                outcomes = [one.outcome for one in minded]
                await asyncio.to_thread(self._outbox.settle, outcomes, self._clock.now())
                del self._unwritten[: len(minded)]
                for outcome in outcomes:
                    run.tally.update(ends(outcome))

    async def _mind(self, landed: Landed) -> None:
        try:
            await self._stops.mind(landed)
        except StateError:
            raise
        except (
            Exception
        ):  # a fault of ours with a stop or an alarm: what went out is written down all the same
            log.exception("channel.mind_failed", extra={"target": landed.outcome.claim.key})
