"""Scheduler of periodic jobs: each runs at its interval, or sooner where it asks for it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.domain.errors import PaperboyError

_log = logging.getLogger(__name__)

SHORTEST_GAP = timedelta(milliseconds=50)
"""Least time between two runs of a job, so that one that asks to run at once cannot spin."""

GUARD_EVERY = timedelta(seconds=5)
CLOCK_TOLERANCE = timedelta(seconds=2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """Periodic job.

    `run` gives the moment at which it wants to run next, or None; the next run begins at most `every` after the
    end of the last one. With `at_start` the first run begins at once.
    """

    name: str
    every: timedelta
    run: Callable[[], Awaitable[datetime | None]]
    at_start: bool = True


OnEnd = Callable[[str, Exception | None], Awaitable[None]]
"""Called with the name of a job and how its run failed, if it did; raises nothing."""


def next_run(now: datetime, *, every: timedelta, wanted: datetime | None) -> datetime:
    """When a job that ends now runs again: at the `wanted` moment, kept between SHORTEST_GAP and `every` from now."""
    if wanted is None:
        return now + every
    return min(max(wanted, now + min(SHORTEST_GAP, every)), now + every)


class Scheduler:
    """Runs jobs on the event loop, never the same one twice at a time.

    A job that raises is logged and counted (`failures`, by name) and runs again after `every`; other jobs
    are not affected. When the wall clock jumps, every job runs now. All methods belong to the event loop's thread.
    """

    def __init__(self, now: Callable[[], datetime], on_end: OnEnd | None = None) -> None:
        """`on_end` is called after each run of a job."""
        self._now = now
        self._on_end = on_end
        self.failures: dict[str, int] = {}
        self._jobs: dict[str, Job] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._woken: set[str] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._stopped = True
        self._guard: asyncio.TimerHandle | None = None

    def start(self, jobs: Sequence[Job]) -> None:
        """Begin; call it once, inside a running event loop."""
        self._stopped = False
        self._jobs = {job.name: job for job in jobs}
        self.failures = dict.fromkeys(self._jobs, 0)
        for job in jobs:
            self._plan(job, timedelta() if job.at_start else job.every)
        self._watch_clock(self._drift())

    def wake(self, name: str) -> None:
        """Run that job now; a running one once more right after. No effect when stopped."""
        if name in self._running:
            self._woken.add(name)
        elif not self._stopped:
            self._plan(self._jobs[name], timedelta())

    async def stop(self, patience: timedelta = timedelta(seconds=10)) -> None:
        """Start no more runs and let those in flight finish; cancel what takes longer than `patience`."""
        self._stopped = True
        if self._guard:
            self._guard.cancel()
        for timer in self._timers.values():
            timer.cancel()
        if self._running:
            _, late = await asyncio.wait(self._running.values(), timeout=patience.total_seconds())
            for task in late:
                _log.warning("job.cancelled", extra={"job": task.get_name()})
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _plan(self, job: Job, wait: timedelta) -> None:
        """Set the job's next run, in place of one that was set."""
        if timer := self._timers.pop(job.name, None):
            timer.cancel()
        loop = asyncio.get_running_loop()
        self._timers[job.name] = loop.call_later(wait.total_seconds(), self._begin, job)

    def _begin(self, job: Job) -> None:
        self._running[job.name] = asyncio.create_task(self._run(job), name=job.name)

    async def _run(self, job: Job) -> None:
        wanted = failure = None
        try:
            wanted = await job.run()
        except Exception as error:  # noqa: BLE001 -- a bug in one job must not stop the others
            failure = error
            self.failures[job.name] += 1
            _log.error(
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
            if not self._stopped:
                now = self._now()
                moment = now if woken else next_run(now, every=job.every, wanted=wanted)
                self._plan(job, moment - now)

    def _drift(self) -> timedelta:
        """Lead of the wall clock over the monotonic one; constant until the wall clock jumps."""
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
