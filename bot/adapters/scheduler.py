"""Scheduler of periodic jobs (APScheduler): each runs at its interval, or sooner if its last run asked for that."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bot.domain.errors import PaperboyError

if TYPE_CHECKING:
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

log = logging.getLogger(__name__)

SHORTEST_GAP = timedelta(milliseconds=50)
"""Least time between two runs of a job, so that one that always asks to run at once cannot spin."""

CLOCK_CHECK_EVERY = timedelta(seconds=5)
CLOCK_TOLERANCE = timedelta(seconds=2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """Periodic job.

    `run` returns when it wants to run next, or None; the next run begins at most `every` after the end of the last
    one. With `at_start` the first run begins at once.
    """

    name: str
    every: timedelta
    run: Callable[[], Awaitable[datetime | None]]
    at_start: bool = True


OnEnd = Callable[[str, Exception | None], Awaitable[None]]
"""Called after each run with the job's name and the error of a failed run; raises nothing."""


def next_run(now: datetime, *, every: timedelta, wanted: datetime | None) -> datetime:
    """When a job that ends now runs again: at the `wanted` moment, clamped to SHORTEST_GAP to `every` from now."""
    if wanted is None:
        return now + every
    return min(max(wanted, now + min(SHORTEST_GAP, every)), now + every)


class Scheduler:
    """Runs jobs on the event loop, each at most once at a time.

    A job that raises is logged, counted in `failures` (by name) and run again after `every`; other jobs are not
    affected. When the wall clock jumps, every job runs at once. Call all methods in the event loop's thread.
    """

    def __init__(self, now: Callable[[], datetime], on_end: OnEnd | None = None) -> None:
        self._now = now
        self._on_end = on_end
        self.failures: dict[str, int] = {}
        self._jobs: dict[str, Job] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._woken: set[str] = set()
        self._scheduler: AsyncIOScheduler | None = None
        self._clock_check: asyncio.TimerHandle | None = None

    def start(self, jobs: Sequence[Job]) -> None:
        """Start the jobs; call it once, inside a running event loop."""
        from apscheduler.schedulers.asyncio import AsyncIOScheduler

        # APScheduler logs every single run, and warns where a job was woken twice.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
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
        """Run that job now, or once more after its current run. Does nothing when stopped."""
        if name in self._running:
            self._woken.add(name)
        elif self._scheduler:
            self._plan(self._jobs[name], None)

    async def stop(self, patience: timedelta = timedelta(seconds=10)) -> None:
        """Start no more runs, let current ones finish, and cancel those that take longer than `patience`."""
        scheduler, self._scheduler = self._scheduler, None
        if not scheduler:
            return
        if self._clock_check:
            self._clock_check.cancel()
        scheduler.pause()
        await asyncio.sleep(0)  # lets runs that APScheduler has submitted already see that it stopped
        if self._running:
            _, late = await asyncio.wait(self._running.values(), timeout=patience.total_seconds())
            for task in late:
                log.warning("job.cancelled", extra={"job": task.get_name()})
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        scheduler.shutdown(wait=False)
        await asyncio.sleep(0)  # APScheduler shuts down in the next iteration of the loop

    def _plan(self, job: Job, moment: datetime | None) -> None:
        """Set the job's next run to that moment; None: now."""
        assert self._scheduler
        self._scheduler.add_job(
            self._begin, "date", run_date=moment, args=[job], id=job.name, replace_existing=True
        )

    async def _begin(self, job: Job) -> None:
        """Called by APScheduler. The run is a task of its own, which APScheduler's shutdown does not cancel."""
        if self._scheduler and job.name not in self._running:
            self._running[job.name] = asyncio.create_task(self._run(job), name=job.name)

    async def _run(self, job: Job) -> None:
        next_at = failure = None
        try:
            next_at = await job.run()
        except Exception as error:  # a bug in one job must not stop the others
            failure = error
            self.failures[job.name] += 1
            log.error(
                "job.failed",
                extra={"job": job.name, "failures": self.failures[job.name], "error": str(error)},
                exc_info=None if isinstance(error, PaperboyError) else error,
            )
        try:
            if self._on_end:
                await self._on_end(job.name, failure)
        finally:
            del self._running[job.name]
            woken = job.name in self._woken
            self._woken.discard(job.name)
            if self._scheduler:
                self._plan(job, None if woken else next_run(self._now(), every=job.every, wanted=next_at))

    def _drift(self) -> timedelta:
        """Lead of the wall clock over the monotonic one; constant until the wall clock jumps."""
        elapsed = timedelta(seconds=asyncio.get_running_loop().time())
        return self._now() - datetime(1970, 1, 1, tzinfo=UTC) - elapsed

    def _watch_clock(self, before: timedelta) -> None:
        drift = self._drift()
        if abs(drift - before) > CLOCK_TOLERANCE:
            log.warning("clock.jumped", extra={"by": str(drift - before)})
            for name in self._jobs:
                self.wake(name)
        loop = asyncio.get_running_loop()
        self._clock_check = loop.call_later(CLOCK_CHECK_EVERY.total_seconds(), self._watch_clock, drift)
