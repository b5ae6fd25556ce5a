"""Sending bulletins: claimed, handed over in their turn among the other messages, and written down; never twice."""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Collection, Container, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from bot.domain.bulletins import Bulletin, BulletinState
from bot.domain.delivery import MAX_ATTEMPTS, Receipt, Target, retry_wait
from bot.domain.errors import (
    ChannelDown,
    DeliveryError,
    NotSent,
    Refused,
    StateError,
    TargetGone,
    TargetMoved,
    TryLater,
)
from bot.domain.subscriptions import ChannelKind
from bot.pipeline.alarms import AlarmDesk
from bot.pipeline.courier import Courier
from bot.pipeline.ports import Outbox
from bot.pipeline.ports.alarms import BulletinEnd, Bulletins, ClaimedBulletin, Tellers
from bot.pipeline.stops import ChannelStops

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
_AT_ONCE = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Telling:
    """What it takes to tell people of incidents."""

    alarms: AlarmDesk
    bulletins: Bulletins
    tellers: Tellers


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ended:
    """How a try ended, and what it says of its channel."""

    end: BulletinEnd
    kind: ChannelKind
    arrived: bool = False
    trouble: DeliveryError | None = None


@dataclass(kw_only=True, slots=True)
class _Run:
    flight: dict["asyncio.Task[_Ended]", ClaimedBulletin] = field(default_factory=dict)
    tally: Counter[BulletinState] = field(default_factory=Counter)
    ending: bool = False


class Herald:
    """Sends bulletins on the channels that are ours. Several may work on one state: each is claimed by one."""

    def __init__(
        self,
        *,
        telling: Telling,
        outbox: Outbox,
        courier: Courier,
        stops: ChannelStops,
        kinds: Callable[[], Collection[ChannelKind]],
        now: Callable[[], datetime],
        rng: random.Random,
        grace: timedelta,
    ) -> None:
        self._bulletins = telling.bulletins
        self._tellers = telling.tellers
        self._outbox = outbox
        self._courier = courier
        self._stops = stops
        self._kinds = kinds
        self._now = now
        self._rng = rng
        self._grace = grace
        self._turn = asyncio.Lock()
        self._unwritten: list[BulletinEnd] = []

    async def flush(self) -> Counter[BulletinState]:
        """Send what is due and count it by how it ended.

        When it is cancelled, what has no answer after the grace is uncertain. Raises StateError; ends that
        could not be written down are kept for the next call.
        """
        async with self._turn:
            run = _Run()
            work = asyncio.create_task(self._work(run))
            try:
                return await asyncio.shield(work)
            except asyncio.CancelledError:
                run.ending = True
                await asyncio.wait({work}, timeout=self._grace.total_seconds())
                for task in run.flight:
                    task.cancel()
                await asyncio.wait({work})
                raise

    async def next_due(self) -> datetime | None:
        """When the next one is due on a channel that is not stopped, or may be tried again."""
        stopped = await self._stops.stopped()
        moments: list[datetime] = []
        for kind in self._ours():
            due = await asyncio.to_thread(self._bulletins.next_bulletin, (kind,))
            if due is not None:
                moments.append(max(due, stopped[kind].until) if kind in stopped else due)
        return min(moments, default=None)

    def _ours(self) -> tuple[ChannelKind, ...]:
        return tuple(kind for kind in self._kinds() if kind in self._tellers)

    async def _work(self, run: _Run) -> Counter[BulletinState]:
        await self._write_down(run)
        run.tally["uncertain"] += await asyncio.to_thread(self._bulletins.expire_bulletins, self._now())
        while not run.ending:
            stopped = await self._stops.stopped()
            now = self._now()
            kinds = [kind for kind in self._ours() if kind not in stopped or stopped[kind].until <= now]
            claimed = await asyncio.to_thread(
                self._bulletins.claim_bulletins, now, lease=LEASE, limit=_AT_ONCE, kinds=kinds
            )
            if run.ending:  # it began to end while we asked
                self._unwritten += [_untried(one).end for one in claimed]
                await self._write_down(run)
            elif not claimed:
                break
            else:
                await self._send_all(run, claimed, stopped)
        return +run.tally

    async def _send_all(
        self, run: _Run, claimed: Sequence[ClaimedBulletin], stopped: Container[ChannelKind]
    ) -> None:
        run.flight = {
            asyncio.create_task(self._send(one, trying=one.bulletin.target.kind in stopped)): one
            for one in claimed
        }
        await asyncio.wait(run.flight)
        ended = [_untried(one) if task.cancelled() else task.result() for task, one in run.flight.items()]
        self._unwritten += [one.end for one in ended]
        await self._write_down(run)
        for kind in self._ours():
            mine = [one for one in ended if one.kind == kind]
            trouble = next((one.trouble for one in mine if one.trouble), None)
            if trouble:
                await self._stops.rest(kind, trouble)
            elif kind in stopped and any(one.arrived for one in mine):
                await self._stops.open(kind)

    async def _write_down(self, run: _Run) -> None:
        ends = tuple(self._unwritten)
        if ends:
            await asyncio.to_thread(self._bulletins.settle_bulletins, ends, self._now())
            del self._unwritten[: len(ends)]
            run.tally.update(end.state for end in ends)

    async def _send(self, claimed: ClaimedBulletin, *, trying: bool) -> _Ended:
        """How it ended; raises nothing."""
        told = {"bulletin": claimed.bulletin.key, "subject": claimed.bulletin.subject}
        try:
            ended = await self._handed_over(claimed, trying=trying)
        except asyncio.CancelledError:
            ended = _ended(claimed, "uncertain", "cut off while paperboy stopped")
        except Exception as error:  # a fault of ours: nobody knows what went out
            log.exception("bulletin.failed", extra=told)
            ended = _ended(claimed, "uncertain", f"unexpected: {type(error).__name__}")
        if ended.arrived:
            log.info("bulletin.sent", extra=told)
        elif ended.end.error:
            level = logging.WARNING if ended.end.state == "pending" else logging.ERROR
            log.log(
                level, "bulletin.not_sent", extra={**told, "state": ended.end.state, "error": ended.end.error}
            )
        return ended

    async def _handed_over(self, claimed: ClaimedBulletin, *, trying: bool) -> _Ended:
        try:
            receipt = await self._tell(claimed.bulletin, trying=trying)
        except (ChannelDown, TryLater) as error:
            if isinstance(error, TryLater) and error.scope == "target":
                return self._later(claimed, error)
            end = BulletinEnd(claimed=claimed, state="pending", error=str(error), counted=False)
            return _Ended(end=end, kind=claimed.bulletin.target.kind, trouble=error)
        except (Refused, TargetGone) as error:
            return _ended(claimed, "dead", str(error))
        except NotSent as error:
            return self._later(claimed, error)
        except DeliveryError as error:
            return _ended(claimed, "uncertain", str(error))
        return _untried(claimed, receipt) if isinstance(receipt, datetime) else _ended(claimed, "sent")

    async def _tell(self, bulletin: Bulletin, *, trying: bool) -> Receipt | datetime:
        """To where the place is now. A moment where it is not to be tried before: certainly nothing was sent."""
        key, target = bulletin.target.key, bulletin.target
        try:
            place = await asyncio.to_thread(self._outbox.place, key)
        except StateError as error:
            raise TryLater(str(error)) from error
        except asyncio.CancelledError:
            return self._now()
        if place is not None:
            if place.suspended is not None:
                raise TargetGone(f"gets nothing more: {place.suspended}")
            if place.paused_until is not None and place.paused_until > self._now():
                return place.paused_until
            target = place.target
        try:
            return await self._to(key, target, bulletin, trying=trying)
        except TargetMoved as error:
            return await self._to(key, replace(target, address=error.address), bulletin, trying=trying)

    async def _to(self, key: str, target: Target, bulletin: Bulletin, *, trying: bool) -> Receipt | datetime:
        send = partial(self._tellers[target.kind].tell, replace(bulletin, target=target))
        return await self._courier.hand_over(key, target, send, trying=trying)

    def _later(self, claimed: ClaimedBulletin, error: NotSent) -> _Ended:
        if claimed.attempts >= MAX_ATTEMPTS:
            return _ended(claimed, "dead", f"given up after {claimed.attempts} tries: {error}")
        told = (error.wait if isinstance(error, TryLater) else None) or timedelta(0)
        due = self._now() + max(told, retry_wait(claimed.attempts, self._rng))
        end = BulletinEnd(claimed=claimed, state="pending", error=str(error), due_at=due)
        return _Ended(end=end, kind=claimed.bulletin.target.kind)


def _ended(
    claimed: ClaimedBulletin, state: Literal["sent", "uncertain", "dead"], error: str | None = None
) -> _Ended:
    end = BulletinEnd(claimed=claimed, state=state, error=error)
    return _Ended(end=end, kind=claimed.bulletin.target.kind, arrived=state == "sent")


def _untried(claimed: ClaimedBulletin, due: datetime | None = None) -> _Ended:
    end = BulletinEnd(claimed=claimed, state="pending", due_at=due, counted=False)
    return _Ended(end=end, kind=claimed.bulletin.target.kind)
