"""Tasks: long-running work of `run`, started again after failures; and the incidents of tasks and jobs that fail."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from bot.app.container import Container
from bot.domain.errors import PaperboyError, StateError
from bot.domain.incidents import JOB_FAILING, TASK_FAILING

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(minutes=1)
"""Pauses before a task that failed is started again, doubled each time."""
WORKS_AFTER = timedelta(minutes=10)
"""A task that ran for so long works again: its incident ends, and its next failure is a first one. Much longer than the
longest pause, so that a task that fails again and again raises one alarm, not one a minute.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """Long-running work of the service, which ends when the service stops."""

    name: str
    run: Callable[[], Awaitable[None]]
    is_duty: bool = False
    """Whether only one process of the cluster runs it at a time."""


class StateUnusable(Exception):
    """Raised by a task to end the service, since the state turned out to be unusable."""

    def __init__(self, reason: StateError) -> None:
        super().__init__(str(reason))
        self.reason = reason


def log_failure(event: str, error: Exception, **more: object) -> None:
    """Log an error of paperboy on one line, and any other one, which is a bug, with its traceback."""
    log.error(
        event,
        extra={**more, "error": str(error)},
        exc_info=None if isinstance(error, PaperboyError) else error,
    )


class FailureLog:
    """Incidents of the tasks and jobs that fail because of a bug, each told apart by its kind of incident and its name.

    An error of paperboy itself, such as a state that is away, begins and ends no incident.
    """

    def __init__(self, container: Container) -> None:
        self._container = container
        self._open: set[tuple[str, str]] | None = None
        """Kind and name of those with an open incident; None until they are read from the state."""

    async def record_failure(self, kind: str, name: str, error: Exception) -> None:
        """Open the incident of a failure, or give the open one its error."""
        if isinstance(error, PaperboyError):
            return
        what, now = f"{type(error).__name__}: {error}", self._container.clock.now()
        try:
            await asyncio.to_thread(self._container.incidents.report, name, what, now, kind)
            (await self._failing()).add((kind, name))
        except Exception as unrecorded:  # noqa: BLE001 - the state is unavailable: the next failure is recorded
            log_failure("incident.not_recorded", unrecorded, subject=name)

    async def record_success(self, kind: str, name: str, *, read_again: bool = False) -> bool:
        """Close the incident if one is open; False if the state is unavailable.

        Incidents that other processes opened since the state was last read are found with `read_again`.
        """
        if read_again:
            self._open = None
        try:
            failing = await self._failing()
            if (kind, name) in failing:
                now = self._container.clock.now()
                await asyncio.to_thread(self._container.incidents.resolve, name, now, kind)
                failing.discard((kind, name))
        except Exception as unrecorded:  # noqa: BLE001 - the state is unavailable: the next success is recorded
            log_failure("incident.not_recorded", unrecorded, subject=name)
            return False
        return True

    async def forget_others(self, known: Collection[tuple[str, str]]) -> None:
        """Close the incidents of tasks and jobs that no longer exist; `known` are all that do, by kind and name."""
        try:
            gone = await self._failing() - set(known)
        except Exception as unread:  # noqa: BLE001 - the state is unavailable
            log_failure("incident.not_recorded", unread)
            return
        for kind, name in gone:
            await self.record_success(kind, name)

    async def _failing(self) -> set[tuple[str, str]]:
        if self._open is None:
            incidents = await asyncio.to_thread(self._container.store.incidents.open_incidents)
            self._open = {
                (incident.kind, incident.subject)
                for incident in incidents
                if incident.kind in (TASK_FAILING, JOB_FAILING)
            }
        return self._open


class TaskRunner:
    """Runs tasks until the service stops; one that fails is started again after a growing pause."""

    def __init__(self, container: Container, failures: FailureLog, stop: asyncio.Event) -> None:
        self._election = container.store.leader_election
        self._failures = failures
        self._stop = stop

    async def run(self, task: Task) -> None:
        """Run the task to its end. Raises the StateError of a StateUnusable."""
        work: Callable[[], Awaitable[None]] = partial(self._run_confirmed, task)
        if task.is_duty:
            work = partial(self._election.lead, task.name, work)
        pause = FIRST_PAUSE
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                await work()
            except StateUnusable as error:
                raise error.reason from error
            except Exception as error:  # noqa: BLE001 - a bug in one task must not stop the others
                log_failure("task.failed", error, task=task.name, seconds=pause.total_seconds())
                await self._failures.record_failure(TASK_FAILING, task.name, error)
            else:
                return
            if time.monotonic() - began > WORKS_AFTER.total_seconds():
                pause = FIRST_PAUSE
            await asyncio.sleep(pause.total_seconds())
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _run_confirmed(self, task: Task) -> None:
        """Run the task once, and record after a while that it works; a process that waits for a duty records nothing."""
        confirmation = asyncio.create_task(self._confirm(task.name))
        try:
            await task.run()
        finally:
            confirmation.cancel()

    async def _confirm(self, name: str) -> None:
        recorded = False
        while not recorded:
            await asyncio.sleep(WORKS_AFTER.total_seconds())
            recorded = await self._failures.record_success(TASK_FAILING, name, read_again=True)
