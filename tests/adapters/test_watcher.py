"""Hints from real folders, and the rounds of looking that they cause."""

import asyncio
import ctypes
import errno
import os
import shutil
import threading
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from watchdog.events import FileCreatedEvent
from watchdog.observers import inotify_c
from watchdog.observers.api import BaseObserver

from bot.adapters import watcher as module
from bot.adapters.folders import scan
from bot.adapters.watcher import Round, Watcher, rounds
from bot.domain.files import FileSignature, FileStabilizer, FoundFile, Skipped

NEVER = timedelta(hours=1)
LONG_AFTER = datetime(2100, 1, 1, tzinfo=UTC)
PATIENCE = 20
"""Seconds after which a hint that did not come is a failure; a good one takes a thousandth of one."""


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "watched" / "sub").mkdir(parents=True)
    (tmp_path / "watched" / "old.md").write_bytes(b"old")
    return tmp_path / "watched"


@pytest.fixture
def outside(tmp_path) -> Path:
    (tmp_path / "outside" / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "outside" / "file.md").write_bytes(b"x")
    (tmp_path / "outside" / "tree" / "deep" / "file.md").write_bytes(b"x")
    return tmp_path / "outside"


class Names:
    """The names of whole files, round by round, as hints alone bring them: no rescan comes in a test's time."""

    def __init__(self, folder: Path, watcher: Watcher, rescan: timedelta = NEVER) -> None:
        self.names: set[str] = set()
        self._rounds = rounds(
            lambda: scan([folder], max_bytes=1000, base=folder),
            watcher=watcher,
            stabilizer=FileStabilizer(timedelta(0)),
            now=lambda: LONG_AFTER,
            rescan=rescan,
        )

    async def until(self, name: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while name not in self.names:
                self.names.update(file.name for file in (await anext(self._rounds)).stable)

    async def close(self) -> None:
        await self._rounds.aclose()


def written(folder: Path, outside: Path) -> str:
    (folder / "new.md").write_bytes(b"x")
    return "new.md"


def moved_in(folder: Path, outside: Path) -> str:
    (outside / "file.md").rename(folder / "moved.md")
    return "moved.md"


def renamed(folder: Path, outside: Path) -> str:
    (folder / "old.md").rename(folder / "renamed.md")
    return "renamed.md"


def made_ready(folder: Path, outside: Path) -> str:
    (folder / "ready.md.part").write_bytes(b"x")
    (folder / "ready.md.part").rename(folder / "ready.md")
    return "ready.md"


def hard_linked(folder: Path, outside: Path) -> str:
    (folder / "sub" / "linked.md").hardlink_to(outside / "file.md")
    return "sub/linked.md"


def tree_moved_in(folder: Path, outside: Path) -> str:
    (outside / "tree").rename(folder / "tree")
    return "tree/deep/file.md"


def tree_copied_in(folder: Path, outside: Path) -> str:
    shutil.copytree(outside / "tree", folder / "sub" / "tree")
    return "sub/tree/deep/file.md"


def written_without_closing(folder: Path, outside: Path) -> str:
    os.write(os.open(folder / "open.md", os.O_CREAT | os.O_WRONLY), b"x")
    return "open.md"


@pytest.mark.parametrize(
    "act",
    [
        written,
        moved_in,
        renamed,
        made_ready,
        hard_linked,
        tree_moved_in,
        tree_copied_in,
        written_without_closing,
    ],
)
async def test_a_file_is_seen_however_it_comes(folder, outside, act):
    async with Watcher([folder]) as watcher:
        seen = Names(folder, watcher)
        await seen.until("old.md")
        await seen.until(act(folder, outside))
        await seen.close()


async def test_a_file_that_is_written_again_is_seen_again(folder):
    async with Watcher([folder]) as watcher:
        seen = Names(folder, watcher)
        await seen.until("old.md")
        seen.names.clear()
        (folder / "old.md").write_bytes(b"other")
        await seen.until("old.md")
        await seen.close()


async def test_a_file_in_a_tree_that_came_later_is_seen(folder, outside):
    async with Watcher([folder]) as watcher:
        seen = Names(folder, watcher)
        await seen.until("old.md")
        await seen.until(tree_moved_in(folder, outside))
        (folder / "tree" / "deep" / "later.md").write_bytes(b"x")
        await seen.until("tree/deep/later.md")
        await seen.close()


async def test_a_folder_that_is_missing_at_the_start_is_watched_when_it_comes(tmp_path):
    missing = tmp_path / "not" / "yet"
    async with Watcher([missing]) as watcher:
        seen = Names(missing, watcher)
        (tmp_path / "not").mkdir()
        assert await watcher.hint(timedelta(seconds=PATIENCE))
        missing.mkdir()
        (missing / "a.md").write_bytes(b"x")
        await seen.until("a.md")
        (missing / "b.md").write_bytes(b"x")
        await seen.until("b.md")
        await seen.close()


async def test_a_folder_that_is_deleted_and_made_again_is_watched_again(folder):
    async with Watcher([folder]) as watcher:
        seen = Names(folder, watcher)
        await seen.until("old.md")
        shutil.rmtree(folder)
        folder.mkdir()
        (folder / "a.md").write_bytes(b"x")
        await seen.until("a.md")
        (folder / "b.md").write_bytes(b"x")
        await seen.until("b.md")
        await seen.close()


async def test_a_folder_that_was_replaced_by_another_is_watched_from_the_next_round_on(folder, tmp_path):
    async with Watcher([folder]) as watcher:
        folder.rename(tmp_path / "away")
        folder.mkdir()
        await watcher.hint(timedelta(0))
        (folder / "a.md").write_bytes(b"x")
        assert await watcher.hint(timedelta(seconds=PATIENCE))


async def test_two_missing_folders_below_one_that_exists_are_both_awaited(tmp_path):
    async with Watcher([tmp_path / "one", tmp_path / "two"]) as watcher:
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            assert await watcher.hint(timedelta(seconds=PATIENCE))
            (tmp_path / name / "a.md").write_bytes(b"x")
            assert await watcher.hint(timedelta(seconds=PATIENCE))


async def test_a_folder_made_just_before_its_parent_is_watched_is_watched_as_well(tmp_path, monkeypatch):
    folder = tmp_path / "sources" / "daily"
    watch = BaseObserver.schedule

    def late(observer: BaseObserver, handler, path, **more):
        if path == str(folder.parent):
            folder.mkdir(exist_ok=True)
        return watch(observer, handler, path, **more)

    monkeypatch.setattr(BaseObserver, "schedule", late)
    async with Watcher([folder]) as watcher:
        names = Names(folder, watcher)
        folder.parent.mkdir()
        assert await watcher.hint(NEVER)
        (folder / "daily.md").write_bytes(b"x")
        assert await watcher.hint(timedelta(seconds=PATIENCE))
        await names.until("daily.md")
        await names.close()


async def test_what_lies_beside_a_missing_folder_is_no_hint(tmp_path):
    async with Watcher([tmp_path / "one"]) as watcher:
        assert not watcher._concerns(str(tmp_path / "oneself"))
        assert not watcher._concerns(str(tmp_path / "other" / "one"))
        assert watcher._concerns(str(tmp_path / "one"))
        assert watcher._concerns(str(tmp_path / "one" / "a.md"))


async def test_a_round_comes_without_any_event(folder, monkeypatch):
    monkeypatch.setattr(Watcher, "_on_event", lambda self, event: None)
    async with Watcher([folder]) as watcher:
        seen = Names(folder, watcher, rescan=timedelta(milliseconds=1))
        await seen.until("old.md")
        (folder / "a.md").write_bytes(b"x")
        await seen.until("a.md")
        await seen.close()


async def test_nothing_runs_on_after_the_watcher_is_closed(folder):
    before = set(threading.enumerate())
    async with Watcher([folder]) as watcher:
        assert any("Inotify" in type(thread).__name__ for thread in threading.enumerate())
    assert not [thread for thread in set(threading.enumerate()) - before if "asyncio" not in thread.name]
    watcher._on_event(FileCreatedEvent(str(folder / "a.md")))
    assert not watcher._hinted.is_set()


async def test_polling_hints_at_regular_times_and_watches_nothing(folder, monkeypatch):
    monkeypatch.setattr(module, "POLL_EVERY", timedelta(milliseconds=1))
    async with Watcher([folder], polling=True) as watcher:
        seen = Names(folder, watcher)
        await seen.until("old.md")
        (folder / "a.md").write_bytes(b"x")
        await seen.until("a.md")
        assert watcher._observer is None
        await seen.close()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EMFILE])
async def test_where_the_system_gives_no_watch_polling_takes_over_and_is_said_once(
    folder, monkeypatch, caplog, number
):
    def refuse(self, *args, **kwargs):
        raise OSError(number, "inotify limit reached")

    monkeypatch.setattr(BaseObserver, "schedule", refuse)
    monkeypatch.setattr(module, "POLL_EVERY", timedelta(milliseconds=1))
    async with Watcher([folder]) as watcher:
        assert watcher.polling
        for _ in range(3):
            assert not await watcher.hint(NEVER)
    (record,) = caplog.records
    assert record.getMessage() == "watch.polling"
    assert record.reason == "inotify limit reached"


async def test_watches_that_run_out_below_the_folder_are_noticed(folder, monkeypatch):
    """watchdog watches the folder itself and says nothing of the subfolders it had no watch for."""
    really_add = inotify_c.inotify_add_watch
    calls: list[bytes] = []

    def exhausted(handle: int, path: bytes, mask: int) -> int:
        calls.append(path)
        if len(calls) > 1:
            ctypes.set_errno(errno.ENOSPC)
            return -1
        return really_add(handle, path, mask)

    monkeypatch.setattr(inotify_c, "inotify_add_watch", exhausted)
    async with Watcher([folder]) as watcher:
        assert watcher.polling


class VirtualWatcher:
    """Keeps the contract of `hint` on a clock of its own: nothing ever happens, only time passes."""

    def __init__(self) -> None:
        self.time = LONG_AFTER
        self.waits: list[timedelta] = []

    def now(self) -> datetime:
        return self.time

    async def hint(self, longest: timedelta) -> bool:
        self.waits.append(longest)
        self.time += longest
        return False


def file_changed_at(moment: datetime) -> FoundFile:
    nanoseconds = int(moment.timestamp()) * 1_000_000_000
    signature = FileSignature(device=1, inode=1, size=1, mtime_ns=0, ctime_ns=nanoseconds)
    return FoundFile(folder=Path("/w"), relative="a.md", name="a.md", signature=signature)


async def some_rounds(count: int, virtual: VirtualWatcher, scan: Callable[[], list]) -> list[Round]:
    stabilizer = FileStabilizer(timedelta(seconds=0.3))
    running = rounds(
        scan, watcher=virtual, stabilizer=stabilizer, now=virtual.now, rescan=timedelta(seconds=30)
    )
    async with aclosing(running):
        return [await anext(running) for _ in range(count)]


async def test_a_young_file_is_looked_at_again_when_it_may_be_whole_and_an_old_one_at_the_rescan():
    virtual = VirtualWatcher()
    file = file_changed_at(LONG_AFTER)
    first, second, third = await some_rounds(3, virtual, lambda: [file])
    assert (first.stable, first.waiting) == ((), 1)
    assert (second.stable, second.waiting) == ((file,), 0)
    assert third.stable == ()
    assert virtual.waits == [timedelta(seconds=0.3), timedelta(seconds=30)]


async def test_what_is_passed_over_is_said_in_one_round_only():
    link = Skipped(path=Path("/w/a"), name="a", reason="link", what="is a symbolic link")
    first, second = await some_rounds(2, VirtualWatcher(), lambda: [link])
    assert first.skipped == (link,)
    assert second.skipped == ()


async def test_what_happens_during_a_look_causes_the_next_one(folder):
    async with Watcher([folder]) as watcher:
        looks: list[int] = []

        def look_while_something_happens() -> list[FoundFile]:
            looks.append(len(looks))
            if len(looks) == 1:
                (folder / "meanwhile.md").write_bytes(b"x")
            return []

        running = rounds(
            look_while_something_happens,
            watcher=watcher,
            stabilizer=FileStabilizer(timedelta(0)),
            now=lambda: LONG_AFTER,
            rescan=NEVER,
        )
        async with aclosing(running), asyncio.timeout(PATIENCE):
            await anext(running)
            await anext(running)


async def test_what_happens_in_hidden_folders_wakes_nobody(folder: Path) -> None:
    (folder / "sub" / ".git").mkdir()
    async with Watcher([folder]) as watcher:
        (folder / "sub" / ".git" / "index").write_bytes(b"x")
        (folder / ".index.lock").write_bytes(b"x")
        assert not await watcher.hint(timedelta(seconds=0.3))
        (folder / ".index.lock").rename(folder / "seen.md")
        async with asyncio.timeout(PATIENCE):
            assert await watcher.hint(NEVER)


async def test_a_cancellation_in_the_same_turn_as_a_hint_is_not_lost(folder):
    """As `asyncio.wait_for` does on Python 3.11, so that a SIGTERM was waited out (cpython#86296)."""
    async with Watcher([folder]) as watcher:
        task = asyncio.create_task(watcher.hint(timedelta(seconds=PATIENCE)))
        await asyncio.sleep(0)
        watcher._hinted.set()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
