"""Tasks and jobs that fail: when their incidents begin and end."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta

import pytest

from bot.app import tasks
from bot.app.config.settings import load_settings
from bot.app.container import Container, build_container
from bot.app.tasks import FailureLog, Task, TaskRunner
from bot.domain.errors import StateUnavailable
from bot.domain.incidents import JOB_FAILING, TASK_FAILING
from tests.builders import NOW
from tests.rigs.clock import VirtualClock

BUG = ZeroDivisionError("ours")


@pytest.fixture
def container(tmp_path) -> Iterator[Container]:
    (tmp_path / "paperboy.yaml").write_text("{}")
    made = build_container(load_settings(tmp_path / "paperboy.yaml", {}), (), clock=VirtualClock(NOW))
    yield made
    asyncio.run(made.close())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "FIRST_PAUSE", timedelta(milliseconds=1))
    monkeypatch.setattr(tasks, "WORKS_AFTER", timedelta(milliseconds=50))


def opened(container: Container) -> list[tuple[str, str, str]]:
    return [
        (incident.kind, incident.subject, incident.what)
        for incident in container.store.incidents.open_incidents()
    ]


async def run_until(
    is_so: Callable[[], object], container: Container, work: Callable[[], Awaitable[None]], **more
) -> None:
    stop = asyncio.Event()
    runner = TaskRunner(container, FailureLog(container), stop)
    running = asyncio.create_task(runner.run(Task(name="chat", run=work, **more)))
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.001)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("is_duty", [False, True])
async def test_a_task_that_works_for_a_while_after_a_failure_ends_its_incident(
    container: Container, is_duty: bool
) -> None:
    failures, seen = [BUG], list[list[tuple[str, str, str]]]()

    async def work() -> None:
        seen.append(opened(container))
        if failures:
            raise failures.pop()
        await asyncio.Event().wait()

    await run_until(lambda: len(seen) > 1 and not opened(container), container, work, is_duty=is_duty)
    assert seen == [[], [(TASK_FAILING, "chat", "ZeroDivisionError: ours")]]


async def test_a_task_that_fails_sooner_than_that_keeps_its_incident(container: Container) -> None:
    runs = list[float]()

    async def work() -> None:
        runs.append(0)
        await asyncio.sleep(0.01)
        raise BUG

    await run_until(lambda: len(runs) > 8, container, work)
    assert [incident.kind for incident in container.store.incidents.open_incidents()] == [TASK_FAILING]


async def test_a_success_that_cannot_be_stored_is_stored_later(
    container: Container, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await FailureLog(container).record_failure(TASK_FAILING, "chat", BUG)
    read, away = container.store.incidents.open_incidents, [StateUnavailable("away")] * 2

    def reading():
        if away:
            raise away.pop()
        return read()

    monkeypatch.setattr(container.store.incidents, "open_incidents", reading)
    await run_until(lambda: not away and not read(), container, asyncio.Event().wait)  # type: ignore[arg-type]
    assert caplog.text.count("incident.not_recorded") == 2


async def test_a_failure_that_cannot_be_stored_is_stored_when_it_comes_again(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(*_: object) -> None:
        raise StateUnavailable("away")

    log = FailureLog(container)
    with monkeypatch.context() as patch:
        patch.setattr(container.store.incidents, "open_incidents", unavailable)
        await log.record_failure(JOB_FAILING, "prune", BUG)
        await log.forget_others(())
    assert opened(container) == []
    await log.record_failure(JOB_FAILING, "prune", BUG)
    assert len(opened(container)) == 1


async def test_a_task_and_a_job_of_one_name_are_told_apart(container: Container) -> None:
    log = FailureLog(container)
    await log.record_failure(TASK_FAILING, "sources", BUG)
    await log.record_success(JOB_FAILING, "sources")
    assert [kind for kind, *_ in opened(container)] == [TASK_FAILING]
    await log.record_success(TASK_FAILING, "sources")
    assert opened(container) == []


async def test_an_incident_tells_of_the_last_failure(container: Container) -> None:
    log = FailureLog(container)
    await log.record_failure(JOB_FAILING, "prune", BUG)
    await log.record_failure(JOB_FAILING, "prune", KeyError("x"))
    assert [what for *_, what in opened(container)] == ["KeyError: 'x'"]


async def test_a_state_that_is_away_is_no_bug_of_a_job(container: Container) -> None:
    await FailureLog(container).record_failure(JOB_FAILING, "prune", StateUnavailable("away"))
    assert opened(container) == []


async def test_a_task_takes_over_the_incident_that_another_process_left(container: Container) -> None:
    log = FailureLog(container)
    await log.record_success(JOB_FAILING, "prune")  # reads that there is none
    await FailureLog(container).record_failure(TASK_FAILING, "chat", BUG)
    await log.record_success(TASK_FAILING, "chat")
    assert len(opened(container)) == 1
    await log.record_success(TASK_FAILING, "chat", read_again=True)
    assert opened(container) == []


async def test_a_failure_after_another_process_closed_the_incident_is_a_new_one(container: Container) -> None:
    log, other = FailureLog(container), FailureLog(container)
    await log.record_failure(JOB_FAILING, "plan", BUG)
    await other.record_success(JOB_FAILING, "plan")
    assert opened(container) == []
    await log.record_failure(JOB_FAILING, "plan", BUG)
    assert len(opened(container)) == 1


async def test_incidents_of_tasks_that_no_longer_exist_are_closed(container: Container) -> None:
    log = FailureLog(container)
    for name in ("chat", "sources"):
        await log.record_failure(TASK_FAILING, name, BUG)
    container.incidents.report("email", "535", container.clock.now())
    await FailureLog(container).forget_others({(TASK_FAILING, "sources"), (JOB_FAILING, "chat")})
    assert [subject for _, subject, _ in opened(container)] == ["sources", "email"]
