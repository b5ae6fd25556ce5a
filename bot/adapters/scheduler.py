"""Work that comes round by itself (APScheduler): each job at its pace, or sooner where it asks for it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

_log = logging.getLogger(__name__)

SHORTEST_GAP = timedelta(milliseconds=50)
"""A job that finds more to do at once goes on by itself: asking to come round now cannot spin."""

GUARD_EVERY = timedelta(seconds=5)
CLOCK_TOLERANCE = timedelta(seconds=2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """Something to run again and again.

    `run` gives the moment at which it wants to run next, or None; it comes at most `every` after the end
    of the last run, whatever was asked for. With `at_start` the first run comes at once.
    """

    name: str
    every: timedelta
    run: Callable[[], Awaitable[datetime | None]]
    at_start: bool = True


def next_run(now: datetime, *, every: timedelta, wanted: datetime | None) -> datetime:
    """When a job that ends now runs again: when it wants to, but neither at once nor later than `every`."""
    if wanted is None:
        return now + every
    return min(max(wanted, now + min(SHORTEST_GAP, every)), now + every)


class Scheduler:
    """Runs jobs on the event loop, never the same one twice at a time.

    A job that raises is logged and counted (`failures`, by name) and comes round again after `every`; the
    others never notice. A wall clock that jumps makes every job run now instead of waiting for the hour to
    come round again. All methods belong to the event loop's thread.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.failures: dict[str, int] = {}
        self._jobs: dict[str, Job] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._woken: set[str] = set()
        self._scheduler: AsyncIOScheduler | None = None
        self._guard: asyncio.TimerHandle | None = None

    def start(self, jobs: Sequence[Job]) -> None:
        """Begin; inside a running event loop, once."""
        from apscheduler.schedulers.asyncio import AsyncIOScheduler

        # APScheduler tells of each single run; what a job has to tell, it says itself.
        logging.getLogger("apscheduler").setLevel(logging.WARNING)
        self._scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        self._scheduler.start()
        self._jobs = {job.name: job for job in jobs}
        self.failures = dict.fromkeys(self._jobs, 0)
        for job in jobs:
            self._plan(job, None if job.at_start else self._now() + job.every)
        self._watch_clock(self._drift())

    def wake(self, name: str) -> None:
        """Run that job now; where it is running, once more right after. Without effect when stopped."""
        if name in self._running:
            self._woken.add(name)
        elif self._scheduler:
            self._plan(self._jobs[name], None)

    async def stop(self, patience: timedelta = timedelta(seconds=10)) -> None:
        """Start no more runs and let those in flight finish; what takes longer than `patience` is cancelled."""
        scheduler, self._scheduler = self._scheduler, None
        if not scheduler:
            return
        if self._guard:
            self._guard.cancel()
        scheduler.pause()
        await asyncio.sleep(0)  # what was handed to the scheduler's executor sees that it is too late
        if self._running:
            _, late = await asyncio.wait(self._running.values(), timeout=patience.total_seconds())
            for task in late:
                _log.warning("job.cancelled", extra={"job": task.get_name()})
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        scheduler.shutdown(wait=False)
        # Its shutdown is only asked for, and done in the loop's next turn.
        await asyncio.sleep(0)

    def _plan(self, job: Job, moment: datetime | None) -> None:
        """Put the job's next run to that moment, or to now."""
        assert self._scheduler
        self._scheduler.add_job(
            self._begin, "date", run_date=moment, args=[job], id=job.name, replace_existing=True
        )

    async def _begin(self, job: Job) -> None:
        """Called by the scheduler; the run is a task of ours, which its shutdown does not cancel."""
        if self._scheduler and job.name not in self._running:
            self._running[job.name] = asyncio.create_task(self._run(job), name=job.name)

    async def _run(self, job: Job) -> None:
        wanted = None
        try:
            wanted = await job.run()
        except Exception:  # noqa: BLE001 -- whatever one job does wrong, the others go on
            self.failures[job.name] += 1
            _log.exception("job.failed", extra={"job": job.name, "failures": self.failures[job.name]})
        finally:
            del self._running[job.name]
            woken = job.name in self._woken
            self._woken.discard(job.name)
            if self._scheduler:
                soon = next_run(self._now(), every=job.every, wanted=wanted)
                self._plan(job, None if woken else soon)

    def _drift(self) -> timedelta:
        """How far the wall clock is ahead of one that only counts seconds: it changes when the clock jumps."""
        elapsed = timedelta(seconds=asyncio.get_running_loop().time())
        return self._now() - datetime(1970, 1, 1, tzinfo=UTC) - elapsed

    def _watch_clock(self, before: timedelta) -> None:
        drift = self._drift()
        if abs(drift - before) > CLOCK_TOLERANCE:
            _log.warning("clock.jumped", extra={"by": str(drift - before)})
            for name in self._jobs:
                self.wake(name)
        loop = asyncio.get_running_loop()
        self._guard = loop.call_later(GUARD_EVERY.total_seconds(), self._watch_clock, drift)
