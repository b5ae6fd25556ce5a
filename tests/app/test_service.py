"""The service outlives what fails in it: a task, a round, a feed folder, a state that is away for a while."""

import asyncio
import fcntl
import logging
import shutil
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any, NoReturn

import pytest

from bot.adapters.feeds.folder import FeedFolder
from bot.adapters.heartbeat import notify_systemd, watchdog_interval
from bot.adapters.metrics import Metrics, TimedPublisher
from bot.adapters.store import Store
from bot.app import container as container_module
from bot.app import service, tasks
from bot.app.config.settings import Settings, load_settings
from bot.app.config.subscriptions import SubscriptionsReloader, load_subscribers
from bot.app.container import Container, build_container, state_figures
from bot.app.delays import repair_delays
from bot.app.service import Service, wait_for_state
from bot.app.tasks import FailureLog
from bot.app.watched import ingest_files, scan_watched
from bot.domain.errors import ChannelDown, StateDamaged, StateError, StateUnavailable
from bot.domain.feeds import Feed
from bot.domain.incidents import JOB_FAILING, TASK_FAILING
from bot.pipeline.ingest import IngestResult
from tests.adapters.feeds.test_websub import Hub
from tests.builders import NOW
from tests.rigs.clock import VirtualClock

SEEDS = Path(__file__).resolve().parents[2] / "seeds"
PEOPLE = """\
subscribers:
  - id: alice
    channels: [{email: alice@example.org}, {atom: true}]
    keywords: [language model]
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "digests").mkdir()
    (tmp_path / "paperboy.yaml").write_text(
        "watch: {folders: [digests], settle_seconds: 0, rescan_seconds: 1}\nweb: {listen: ''}\n"
        "subscriptions: people.yaml\nfirst_run: all\nsource_alarm: {to: [alice]}\n"
    )
    (tmp_path / "people.yaml").write_text(PEOPLE)
    shutil.copy(next(SEEDS.glob("*.txt")), tmp_path / "digests")
    return tmp_path


def container_of(home: Path) -> Container:
    settings = load_settings(home / "paperboy.yaml", {})
    return build_container(settings, load_subscribers(settings.subscriptions))


async def test_metrics_measure_every_channel_and_hide_none_of_what_it_can(home: Path) -> None:
    """Sign-ups need the mail channel itself, not only its sends."""
    text = (home / "paperboy.yaml").read_text() + "email: {open: true}\n"
    (home / "paperboy.yaml").write_text(text)
    settings = load_settings(home / "paperboy.yaml", {})
    metrics = Metrics()
    container = build_container(settings, load_subscribers(settings.subscriptions), metrics=metrics)
    metrics.observe_state(lambda: state_figures(container))
    try:
        assert container.sign_ups is not None
        assert all(isinstance(publisher, TimedPublisher) for publisher in container.publishers.values())
        with container.measured("match"):
            pass
        assert container.metrics is metrics
        assert b'paperboy_work_seconds_count{step="match"} 1.0' in metrics.exposition()
        assert b"paperboy_subscribers 1.0" in metrics.exposition()
    finally:
        await container.close()


@asynccontextmanager
async def running(
    container: Container, announced: list[IngestResult], roles: Sequence[str] = ("ingest", "deliver")
) -> AsyncIterator[asyncio.Task[None]]:
    async def announce(result: IngestResult) -> None:
        announced.append(result)

    reloader = SubscriptionsReloader(container.settings.subscriptions)
    made = Service(container, roles=roles, announce=announce, reloader=reloader)
    task = asyncio.create_task(made.run())
    try:
        yield task
    finally:
        made.stop()
        await asyncio.wait({task})
        await container.close()


async def until(is_so: Callable[[], object], patience: float = 20) -> None:
    async with asyncio.timeout(patience):
        while not is_so():
            await asyncio.sleep(0.01)


class FullFolder:
    """A feed folder on a disk without room, until it is emptied."""

    def __init__(self, folder: object) -> None:
        self.full = True
        self._folder = folder

    def write(self, name: str, feed: Feed) -> bool:
        if self.full:
            raise ChannelDown("feed all.atom: No space left on device")
        return bool(self._folder.write(name, feed))  # type: ignore[attr-defined]

    def remove(self, name: str) -> None:
        self._folder.remove(name)  # type: ignore[attr-defined]


async def test_a_feed_folder_that_is_full_holds_nothing_else_up_and_is_tried_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.pipeline.feeds.channel_wait", lambda _: timedelta(milliseconds=20))
    settings = load_settings(home / "paperboy.yaml", {})
    folder = FullFolder(FeedFolder(settings.atom.folder))
    container = build_container(
        settings,
        load_subscribers(settings.subscriptions),
        feed_writer=folder,  # type: ignore[arg-type]
    )
    announced: list[IngestResult] = []
    async with running(container, announced) as task:
        await until(lambda: announced)
        assert list((home / "state" / "mail" / "new").iterdir())
        (incident,) = container.store.incidents.open_incidents()
        assert (incident.subject, incident.kind) == ("atom", "stopped")
        folder.full = False
        await until((home / "state" / "feeds" / "all.atom").exists)
        await until(lambda: not container.store.incidents.open_incidents())
        assert not task.done()


@pytest.mark.parametrize("error", [ZeroDivisionError("ours"), StateUnavailable("away")])
async def test_a_first_look_that_fails_is_looked_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    container, announced, whole = container_of(home), list[IngestResult](), service.ingest_files
    failures = [error]

    def failing(*given: object) -> IngestResult:
        if failures:
            raise failures.pop()
        return whole(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(service, "ingest_files", failing)
    async with running(container, announced) as task:
        await until(lambda: announced)
        assert not task.done()
    assert announced[0].new


async def test_a_hub_is_told_of_new_papers_once(home: Path) -> None:
    hub = Hub("202 Accepted")
    async with await asyncio.start_server(hub.answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        config = (
            (home / "paperboy.yaml").read_text().replace("web: {listen: ''}", "web: {listen: '127.0.0.1:1'}")
        )
        config += f"site: {{url: 'https://p.example.org'}}\natom: {{hub: 'http://127.0.0.1:{port}', hub_is_private: true}}\n"
        (home / "paperboy.yaml").write_text(config)
        async with running(container_of(home), list[IngestResult]()):
            await until(lambda: hub.told)
        server.close()
    assert hub.told == [
        {
            "hub.mode": ["publish"],
            "hub.url": ["https://p.example.org/feed.atom", "https://p.example.org/feed.json"],
        }
    ]


async def test_a_first_look_at_a_damaged_state_ends_the_service(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> IngestResult:
        raise StateDamaged("torn")

    monkeypatch.setattr(service, "ingest_files", failing)
    async with running(container_of(home), []) as task:
        await asyncio.wait({task}, timeout=20)
    with pytest.raises(StateDamaged, match="torn"):
        task.result()


async def test_a_task_that_breaks_is_an_incident_until_it_works_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    container, announced = container_of(home), list[IngestResult]()
    failures = [ZeroDivisionError("ours")]
    scan = service.scan_watched

    def failing(settings: Settings) -> object:
        if failures:
            raise failures.pop()
        return scan(settings)

    monkeypatch.setattr(service, "scan_watched", failing)
    quick_pauses(monkeypatch)
    async with running(container, announced) as task:
        await until(lambda: announced)
        await until(lambda: not container.store.incidents.open_incidents())
        assert not task.done()
    assert "program.incident_opened" in caplog.text
    assert "task.failed" in caplog.text


def quick_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "FIRST_PAUSE", timedelta(milliseconds=10))
    monkeypatch.setattr(tasks, "WORKS_AFTER", timedelta(milliseconds=200))


class BrokenChat:
    """A chat that fails whenever it runs, until it is repaired."""

    def __init__(self) -> None:
        self.broken = True
        self.runs = 0

    def make(self, *_: object, **__: object) -> "BrokenChat":
        """In place of `chat_service`."""
        return self

    async def run(self, stop: asyncio.Event) -> None:
        self.runs += 1
        if self.broken:
            raise ZeroDivisionError("ours")
        await stop.wait()

    def notice_update(self) -> None:
        """Do nothing: there are no updates."""

    async def close(self) -> None:
        """Do nothing: nothing is open."""


def mailed(home: Path) -> list[str]:
    """The subjects of all alarms that went out, oldest first."""
    mails = sorted((home / "state/mail").glob("new/*"), key=lambda mail: mail.stat().st_mtime_ns)
    subjects = [
        message_from_bytes(mail.read_bytes(), policy=default)["Subject"].removeprefix("Paperboy: ")
        for mail in mails
    ]
    return [subject for subject in subjects if "chat" in subject]


@pytest.mark.parametrize("restarted", [False, True])
async def test_the_end_of_a_tasks_failures_is_told_also_after_a_restart(
    home: Path, monkeypatch: pytest.MonkeyPatch, restarted: bool
) -> None:
    config = (home / "paperboy.yaml").read_text() + "telegram: {token: '1:a'}\n"
    (home / "paperboy.yaml").write_text(config)
    chat = BrokenChat()
    monkeypatch.setattr(service, "chat_service", chat.make)
    quick_pauses(monkeypatch)
    roles = ("ingest", "deliver", "chat")
    begun, over = "The task “chat” fails", "The task “chat” works again"
    async with running(container_of(home), [], roles) as task:
        await until(lambda: mailed(home) == [begun] and chat.runs > 3)
        assert not task.done()
        if not restarted:
            chat.broken = False
            await until(lambda: mailed(home) == [begun, over])
    if restarted:
        chat.broken = False
        container = container_of(home)
        assert [incident.subject for incident in container.store.incidents.open_incidents()] == ["chat"]
        async with running(container, [], roles):
            await until(lambda: mailed(home) == [begun, over])
    container = container_of(home)
    assert container.store.incidents.open_incidents() == ()
    await container.close()


async def test_the_failure_of_a_task_that_the_configuration_no_longer_has_is_over(home: Path) -> None:
    container = container_of(home)
    await FailureLog(container).record_failure(TASK_FAILING, "chat", ZeroDivisionError("ours"))
    async with running(container, [], service.ROLES):
        await until(lambda: mailed(home)[-1:] == ["The task “chat” works again"])
    assert mailed(home)[:-1] == ["The task “chat” fails"]


async def test_a_run_without_its_duty_says_nothing_of_a_job(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process has the duty of maintenance, in which the job fails."""
    monkeypatch.setattr(service, "_QUIZZES_EVERY", timedelta(milliseconds=10))
    monkeypatch.setattr(service, "_RELOAD_EVERY", timedelta(milliseconds=10))
    container = container_of(home)
    for name in ("quizzes", "reload"):
        await FailureLog(container).record_failure(JOB_FAILING, name, ZeroDivisionError("ours"))
    (home / "state").mkdir(exist_ok=True)

    def still_open() -> list[str]:
        return [incident.subject for incident in container.store.incidents.open_incidents()]

    with (home / "state/paperboy.sqlite3.maintenance.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        async with running(container, []):
            await until(lambda: "reload" not in still_open())
            await asyncio.sleep(0.1)
            assert still_open() == ["quizzes"]
            fcntl.flock(lock, fcntl.LOCK_UN)
            await until(lambda: not still_open())


async def test_a_send_that_fails_after_the_first_look_ends_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    container, announced = container_of(home), list[IngestResult]()
    flush = container.dispatcher.flush
    failures: list[Exception] = [ZeroDivisionError("ours"), StateUnavailable("away")]

    async def failing() -> object:
        if failures:
            raise failures.pop()
        return await flush()

    monkeypatch.setattr(container.dispatcher, "flush", failing)
    monkeypatch.setattr(service, "_DELIVER_AT_LEAST", timedelta(milliseconds=50))
    async with running(container, announced) as task:
        await until(lambda: container.store.deliveries.counts(container.clock.now()).deliveries["sent"])
        assert not task.done()


def test_after_a_clock_that_was_far_ahead_nothing_waits_for_that_century(home: Path) -> None:
    (home / "people.yaml").write_text(
        "subscribers:\n  - id: alice\n    quiet_hours: '22:00-07:00'\n    channels:\n"
        "      - {email: alice@example.org, deliver: weekdays at 08:00}\n      - {telegram: 123456789}\n"
        "    keywords: [language model]\n"
    )
    settings = load_settings(home / "paperboy.yaml", {})
    clock = VirtualClock(datetime(2099, 1, 3, 23, tzinfo=UTC))
    container = build_container(settings, load_subscribers(settings.subscriptions), clock=clock)
    ingest_files(container, list(scan_watched(settings)))  # type: ignore[arg-type]
    container.ingest.finish_planning(clock.now())
    container.store.incidents.stop_channel("email", "down", clock.now() + timedelta(hours=18), clock.now())
    clock.go_to(back := NOW + timedelta(hours=1))
    rows = container.store.deliveries.list_rows(states=(), keys=(), limit=1000)
    assert rows
    assert all(row.due_at.year == 2099 for row in rows)
    assert repair_delays(container) == len(rows) + 1
    assert repair_delays(container) == 0
    rows = container.store.deliveries.list_rows(states=(), keys=(), limit=1000)
    assert {(row.target.partition(":")[0], row.state, row.due_at) for row in rows} == {
        ("email", "held", datetime(2026, 9, 21, 8, tzinfo=UTC)),
        ("telegram", "pending", back),
    }
    assert container.store.incidents.stopped_channels() == {}
    asyncio.run(container.close())


class Away:
    """A state that is out of reach so many times."""

    def __init__(self, times: int, error: StateError | None = None) -> None:
        self.times, self.error = times, error or StateUnavailable("no connection")
        self.slept = 0.0

    def __call__(self) -> str:
        if self.times:
            self.times -= 1
            raise self.error
        return "made"

    def sleep(self, seconds: float) -> None:
        self.slept += seconds

    def elapsed(self) -> float:
        return self.slept


def test_a_state_that_is_not_there_yet_is_waited_for_and_that_is_said_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    away = Away(61)
    with caplog.at_level(logging.WARNING):
        assert wait_for_state(away, sleep=away.sleep, elapsed=away.elapsed) == "made"
    assert [record.getMessage() for record in caplog.records] == ["state.waiting"] * 3
    assert away.slept == 122


def test_a_state_that_cannot_be_used_is_not_waited_for() -> None:
    away = Away(1, StateDamaged("torn"))
    with pytest.raises(StateDamaged):
        wait_for_state(away, sleep=away.sleep, elapsed=away.elapsed)
    assert away.slept == 0


def test_a_state_that_gets_lost_while_the_service_starts_is_closed_before_the_next_try(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Store] = []

    class Watched(Store):
        def __init__(self, *arguments: Any, **more: Any) -> None:
            super().__init__(*arguments, **more)
            opened.append(self)

    def lost(*_: object) -> NoReturn:
        raise StateUnavailable("the disk is gone")

    monkeypatch.setattr(container_module, "Store", Watched)
    monkeypatch.setattr(container_module, "SubscriberRegistry", lost)
    with pytest.raises(StateUnavailable, match="the disk is gone"):
        container_of(home)
    (store,) = opened
    with pytest.raises(StateError, match="the state is closed"):
        store.deliveries.counts(NOW)


def test_the_service_manager_is_told_where_it_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        notify_systemd(READY="1", STATUS="two\nlines")
        assert manager.recv(1000) == b"READY=1\nSTATUS=two lines"


@pytest.mark.parametrize(
    ("patience", "interval"),
    [("120000000", 15), ("20000000", 10), ("1", 0.1), ("", 15), ("soon", 15), ("9" * 40, 15)],
)
def test_the_watchdog_is_told_twice_in_its_time(
    monkeypatch: pytest.MonkeyPatch, patience: str, interval: float
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", patience)
    assert watchdog_interval().total_seconds() == interval


@pytest.mark.parametrize("address", ["", "vsock:2:1", "/nowhere/at/all"])
def test_without_a_service_manager_nobody_is_told(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify_systemd(READY="1")
