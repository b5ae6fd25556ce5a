"""What happens to a paperboy at work: asked to stop, out of disk, a clock set wrong, a configuration half written."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from bot.adapters.store import Store
from bot.app.config.subscriptions import SubscriptionsReloader
from bot.app.replay.fakes import LoopClock, VirtualLoop
from bot.domain.errors import StateError
from tests.builders import NOW, a_delivery, a_paper
from tests.e2e.test_file_to_message import TABLE, running
from tests.rigs import chats as many_chats
from tests.rigs.botapi import BotApi, Fault
from tests.rigs.strict import StrictTelegram


def until(what: str, test, patience: float = 30) -> None:
    end = time.monotonic() + patience
    while not test():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def test_asked_to_stop_before_a_silent_service_it_does_not_wait_for_its_answer(
    home: Path, bot_api: BotApi, seeds: Path
) -> None:
    bot_api.fail(Fault(kind="slow", seconds=120))
    shutil.copy(seeds / TABLE, home / "digests" / TABLE)
    (home / "config/subscriptions.yaml").write_text(
        "subscribers:\n  - {id: alice, channels: [{telegram: 123456789}], keywords: [language models]}\n"
    )
    with running(home) as process:
        until("nothing was sent", lambda: bot_api.calls["sendMessage"])
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        # Eight seconds on a quiet machine; the service would be silent for two minutes.
        assert time.monotonic() - began < 30
        assert process.returncode == 0
    store = Store(f"sqlite:///{home}/state/paperboy.sqlite3")
    (row, *_) = store.deliveries.list_rows(states=["uncertain"], keys=[], limit=10)
    assert row.error == "cut off while paperboy stopped"
    assert not store.deliveries.list_rows(states=["sending"], keys=[], limit=10)
    store.close()


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_jumps_an_hour_loses_and_repeats_nothing(tmp_path: Path, hours: int) -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        clock = LoopClock(loop, NOW)
        telegram = StrictTelegram(loop.time)
        chats = [*many_chats.private_chats(40), *many_chats.groups(2)]
        container = many_chats.container_for(
            many_chats.settings_for(tmp_path), chats, publisher=telegram, clock=clock
        )
        many_chats.ask(container, chats, 3)
        flush = asyncio.create_task(container.dispatcher.flush())
        await asyncio.sleep(1.5)
        clock.jump(timedelta(hours=hours))
        await flush
        while (due := await container.dispatcher.next_due()) is not None:
            await asyncio.sleep(max((due - clock.now()).total_seconds(), 0.05))
            await container.dispatcher.flush()
        counts = container.store.deliveries.counts(clock.now())
        await container.close()
        assert counts.deliveries["sent"] == 3 * len(chats)
        assert all(len(telegram.got[chat]) == len(set(telegram.got[chat])) == 3 for chat in chats)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(work())


def _full_at(store: Store, pages_more: int) -> None:
    """From now on the state may grow by so many pages."""
    with store._engine.connect() as connection:
        most = connection.exec_driver_sql("PRAGMA page_count").scalar() + pages_more

    def cap(connection, _record, _proxy) -> None:
        connection.execute(f"PRAGMA max_page_count={most}")

    event.listen(store._engine, "checkout", cap)


@pytest.mark.parametrize("pages", range(0, 40, 4))
def test_a_full_disk_at_any_write_stores_all_of_it_or_nothing(tmp_path: Path, pages: int) -> None:
    url = f"sqlite:///{tmp_path}/state.sqlite3"
    store = Store(url)
    papers = [a_paper(number) for number in range(60)]
    rows = [a_delivery(number) for number in range(60)]
    _full_at(store, pages)
    stored = False
    try:
        with store.digests.transaction() as tx:
            tx.save_papers(papers, NOW, changed=True)
            tx.plan(rows, tx.new_run(NOW))
        stored = True
    except StateError as error:
        assert "full" in str(error)  # noqa: PT017 - both ends are right, but only these two
    store.close()
    again = Store(url)
    counts = again.deliveries.counts(NOW)
    assert (counts.papers, counts.deliveries["pending"]) == ((60, 60) if stored else (0, 0))
    with again.digests.transaction() as tx:  # there is room again
        tx.save_papers(papers, NOW, changed=True)
        tx.plan(rows, tx.new_run(NOW))
    assert again.deliveries.counts(NOW).deliveries["pending"] == 60
    again.close()


def test_a_disk_that_fills_while_endings_are_written_sends_nothing_twice(tmp_path: Path) -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        clock = LoopClock(loop, NOW)
        telegram = StrictTelegram(loop.time)
        chats = many_chats.private_chats(20)
        container = many_chats.container_for(
            many_chats.settings_for(tmp_path), chats, publisher=telegram, clock=clock
        )
        many_chats.ask(container, chats, 2)
        settle, failures = container.store.outbox.settle, 3

        def full(outcomes, now) -> None:
            nonlocal failures
            if failures:
                failures -= 1
                raise StateError("the state cannot be used: database or disk is full")
            settle(outcomes, now)

        container.store.outbox.settle = full
        for _ in range(50):
            try:
                await container.dispatcher.flush()
            except StateError:
                continue
            due = await container.dispatcher.next_due()
            if due is None:
                break
            await asyncio.sleep(max((due - clock.now()).total_seconds(), 0.05))
        await container.close()
        assert not failures
        assert all(len(telegram.got[chat]) == len(set(telegram.got[chat])) == 2 for chat in chats)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(work())


def test_a_half_written_subscriptions_file_keeps_the_last_good_one(tmp_path: Path) -> None:
    path = tmp_path / "subscriptions.yaml"
    whole = "subscribers:\n  - id: alice\n    channels: [{telegram: 1}]\n    keywords: [agents, video]\n"
    path.write_text(whole)
    reloading = SubscriptionsReloader(path)
    longer = whole.replace("alice", "bob")
    for cut in range(1, len(longer)):
        path.write_text(longer[:cut])
        assert reloading.changed() is None
    path.write_text(longer)
    assert reloading.changed() is None
    (bob,) = reloading.changed()
    assert bob.id == "bob"
    path.write_text(longer[:-2])  # and stays so
    assert reloading.changed() is None
    assert reloading.changed() is None


def test_two_processes_on_one_sqlite_state_share_it(tmp_path: Path) -> None:
    """SQLite lets one write at a time; each target is claimed by one of the two."""

    async def work() -> None:
        loop = asyncio.get_running_loop()
        clock = LoopClock(loop, NOW)
        telegram = StrictTelegram(loop.time)
        chats = many_chats.private_chats(30)
        settings = many_chats.settings_for(tmp_path)
        container = many_chats.container_for(settings, chats, publisher=telegram, clock=clock)
        other = many_chats.container_for(settings, chats, publisher=telegram, clock=clock)
        many_chats.ask(container, chats, 2)
        for _ in range(20):
            await asyncio.gather(container.dispatcher.flush(), other.dispatcher.flush())
            await asyncio.sleep(5)
        await container.close()
        await other.close()
        assert all(len(telegram.got[chat]) == len(set(telegram.got[chat])) == 2 for chat in chats)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(work())


STUCK = """
import runpy, signal, sys, time
signal.signal(signal.SIGUSR1, lambda *_: time.sleep(3))  # in the thread of the loop, which so does nothing else
sys.argv = ["paperboy", "run", "--only", "ingest,deliver"]
runpy.run_module("bot", run_name="__main__")
"""
"""A `run` whose event loop can be made to hang."""


class Manager:
    """A service manager: what it was told (sd_notify(3)), and when."""

    def __init__(self, folder: Path) -> None:
        self.address = folder / "notify"
        self.told: list[tuple[float, str]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.address))

    def listen(self, seconds: float = 0.05) -> list[str]:
        """What comes within that time."""
        end, heard = time.monotonic() + seconds, []
        while (left := end - time.monotonic()) > 0:
            self._socket.settimeout(left)
            with suppress(TimeoutError):
                heard.append(self._socket.recv(4096).decode())
                self.told.append((time.monotonic(), heard[-1]))
        return heard

    def count(self, state: str) -> int:
        self.listen()
        return sum(message.startswith(state) for _, message in self.told)

    def close(self) -> None:
        self._socket.close()


def test_signals_and_the_service_manager(home: Path, bot_api: BotApi) -> None:
    """SIGHUP begins anew with a good configuration and keeps the old one before a bad one; each step is told as systemd asks."""
    config = home / "config/paperboy.yaml"
    good = config.read_text()
    log = (home / "log").open("w+")
    environment = {**os.environ, "NOTIFY_SOCKET": str(home / "notify"), "WATCHDOG_USEC": "1000000"}

    def said(text: str) -> int:
        return (home / "log").read_text().count(text)

    with (
        closing(Manager(home)) as manager,
        log,
        subprocess.Popen(
            [sys.executable, "-c", STUCK], cwd=home, env=environment, stdout=log, stderr=log
        ) as process,
    ):
        until("it does not run", lambda: manager.count("READY=1\nSTATUS=running: ingest, deliver"))
        until("the watchdog hears nothing", lambda: manager.count("WATCHDOG=1") > 2)
        config.write_text(f"{good}watsh: 1\n")
        process.send_signal(signal.SIGHUP)
        until("nothing was said", lambda: said("configuration.bad_edit"))
        config.write_text(f"{good}state: 'sqlite:////proc/no/state.sqlite3'\n")
        began = time.monotonic_ns() // 1000
        process.send_signal(signal.SIGHUP)
        until("it does not wait", lambda: manager.count("STATUS=waiting for the state: "))
        (reloading,) = (message for _, message in manager.told if message.startswith("RELOADING"))
        assert (
            began
            <= int(reloading.removeprefix("RELOADING=1\nMONOTONIC_USEC="))
            <= time.monotonic_ns() // 1000
        )
        config.write_text(f"{good}watsh: 1\n")
        process.send_signal(signal.SIGHUP)
        until("nothing was said of the second one", lambda: said("configuration.bad_edit") == 2)
        config.write_text(f"{good}site: {{title: Another}}\n")
        process.send_signal(signal.SIGHUP)
        until("it did not begin anew", lambda: manager.count("READY=1") == 2)
        process.send_signal(signal.SIGUSR1)
        manager.listen(0.5)
        assert "WATCHDOG=1" not in manager.listen(1.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
        assert manager.count("STOPPING=1") == 1
    assert said("service.reloading") == 1
