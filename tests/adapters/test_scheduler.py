"""Jobs that come round by themselves, on a real scheduler with a short breath."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters import scheduler as module
from bot.adapters.clock import SystemClock
from bot.adapters.scheduler import SHORTEST_GAP, Job, Scheduler, next_run
from bot.domain.errors import StateLocked

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
NEVER = timedelta(days=1)
SOON = timedelta(milliseconds=1)
PATIENCE = 20
"""Seconds after which a run that did not come is a failure; a good one takes milliseconds."""


class Counted:
    """A job's work that counts its runs and lets a test wait for them."""

    def __init__(self, wanted: datetime | None = None) -> None:
        self.wanted = wanted
        self.runs = 0
        self.changed = asyncio.Condition()

    async def __call__(self) -> datetime | None:
        self.runs += 1
        async with self.changed:
            self.changed.notify_all()
        return self.wanted

    async def until(self, runs: int) -> None:
        async with asyncio.timeout(PATIENCE), self.changed:
            await self.changed.wait_for(lambda: self.runs >= runs)


@pytest.fixture
async def scheduler() -> AsyncIterator[Scheduler]:
    scheduler = Scheduler(SystemClock().now)
    yield scheduler
    await scheduler.stop()


def test_a_job_without_a_wish_comes_round_after_its_pace():
    assert next_run(NOW, every=timedelta(minutes=1), wanted=None) == NOW + timedelta(minutes=1)


def test_a_job_comes_round_when_it_wants_to():
    wanted = NOW + timedelta(seconds=3)
    assert next_run(NOW, every=timedelta(minutes=1), wanted=wanted) == wanted


@given(st.timedeltas(timedelta(milliseconds=1), timedelta(days=1)), st.timedeltas(-NEVER, 2 * NEVER))
def test_no_wish_makes_a_job_spin_or_stay_away(every, delay):
    moment = next_run(NOW, every=every, wanted=NOW + delay)
    assert NOW + min(SHORTEST_GAP, every) <= moment <= NOW + every


async def test_jobs_run_at_the_start_and_again(scheduler):
    work = Counted()
    scheduler.start([Job(name="work", every=SOON, run=work)])
    await work.until(3)


async def test_a_job_may_wait_for_its_first_time(scheduler):
    early, late = Counted(), Counted()
    scheduler.start(
        [
            Job(name="late", every=NEVER, run=late, at_start=False),
            Job(name="early", every=NEVER, run=early),
        ]
    )
    await early.until(1)
    assert late.runs == 0


async def test_a_job_that_names_a_moment_runs_then(scheduler):
    work = Counted(wanted=NOW - NEVER)
    scheduler.start([Job(name="work", every=NEVER, run=work)])
    await work.until(2)


async def test_a_woken_job_runs_now(scheduler):
    work = Counted()
    scheduler.start([Job(name="work", every=NEVER, run=work)])
    await work.until(1)
    scheduler.wake("work")
    await work.until(2)


async def test_a_job_that_is_woken_while_it_runs_runs_once_more(scheduler):
    runs, done = 0, asyncio.Event()

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            scheduler.wake("work")
            scheduler.wake("work")
            await asyncio.sleep(0)
        else:
            done.set()

    scheduler.start([Job(name="work", every=NEVER, run=work)])
    async with asyncio.timeout(PATIENCE):
        await done.wait()
    assert runs == 2


async def test_the_same_job_never_runs_twice_at_a_time(scheduler):
    running, most, runs = 0, 0, Counted()

    async def work() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        scheduler.wake("work")
        await asyncio.sleep(0.001)
        running -= 1
        await runs()

    scheduler.start([Job(name="work", every=SOON, run=work)])
    await runs.until(5)
    assert most == 1


async def test_a_failing_job_is_counted_and_comes_round_and_the_others_go_on(scheduler, caplog):
    good, bad = Counted(), Counted()

    async def fail() -> None:
        await bad()
        raise ZeroDivisionError

    scheduler.start([Job(name="bad", every=SOON, run=fail), Job(name="good", every=SOON, run=good)])
    await bad.until(3)
    await good.until(3)
    assert scheduler.failures["bad"] >= 2
    assert scheduler.failures["good"] == 0
    assert caplog.records[0].getMessage() == "job.failed"
    assert caplog.records[0].job == "bad"


async def test_the_end_of_each_run_is_told_and_what_we_raise_on_purpose_costs_one_line(caplog):
    ends: list[tuple[str, str]] = []

    async def note(name: str, failure: Exception | None) -> None:
        ends.append((name, type(failure).__name__))

    made, runs = Scheduler(SystemClock().now, note), Counted()

    async def work() -> None:
        await runs()
        if runs.runs == 1:
            raise StateLocked("held")

    made.start([Job(name="work", every=SOON, run=work)])
    await runs.until(3)
    await made.stop()
    assert ends[:2] == [("work", "StateLocked"), ("work", "NoneType")]
    (failed,) = [record for record in caplog.records if record.getMessage() == "job.failed"]
    assert failed.exc_info is None
    assert failed.error == "held"


async def test_stopping_waits_for_what_is_running(scheduler):
    begun, finish, finished = asyncio.Event(), asyncio.Event(), False

    async def work() -> None:
        nonlocal finished
        begun.set()
        await finish.wait()
        finished = True

    scheduler.start([Job(name="work", every=SOON, run=work)])
    await begun.wait()
    stopping = asyncio.create_task(scheduler.stop())
    await asyncio.sleep(0)
    assert not stopping.done()
    finish.set()
    await stopping
    assert finished


async def test_stopping_cancels_what_takes_too_long(scheduler, caplog):
    begun, cancelled = asyncio.Event(), False

    async def work() -> None:
        nonlocal cancelled
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled = True
            raise

    scheduler.start([Job(name="work", every=SOON, run=work)])
    await begun.wait()
    await scheduler.stop(patience=SOON)
    assert cancelled
    assert caplog.records[-1].getMessage() == "job.cancelled"


async def test_nothing_starts_after_stopping(scheduler):
    work = Counted()
    scheduler.start([Job(name="work", every=NEVER, run=work, at_start=False)])
    scheduler.wake("work")
    await scheduler.stop()
    scheduler.wake("work")
    await scheduler.stop()
    for _ in range(10):
        await asyncio.sleep(0)
    assert work.runs == 0


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)])
async def test_a_wall_clock_that_jumps_makes_every_job_run_now(monkeypatch, caplog, jump):
    offset = timedelta(0)
    monkeypatch.setattr(module, "CLOCK_CHECK_EVERY", SOON)
    scheduler = Scheduler(lambda: SystemClock().now() + offset)
    work = Counted()
    scheduler.start([Job(name="work", every=NEVER, run=work)])
    await work.until(1)
    offset = jump
    await work.until(2)
    await scheduler.stop()
    assert "clock.jumped" in [record.getMessage() for record in caplog.records]
