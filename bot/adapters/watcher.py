"""File events of the watched folders (watchdog), and the rounds of scanning that they cause.

An event only says when to scan; the scan decides which files there are and which are stable. Lost, duplicate or late
events therefore cost time, never a file: without any event the next round comes after `rescan`.
"""

import asyncio
import ctypes
import errno
import logging
import os
import stat
import sys
import warnings
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from bot.domain.files import FileStabilizer, FoundFile, ScanEntry, SkipLog, Skipped

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers.api import BaseObserver, ObservedWatch

log = logging.getLogger(__name__)

POLL_EVERY = timedelta(seconds=2)
_SHORTEST_PAUSE = 0.02
"""Seconds between two scans at least, so that a burst of events does not become a burst of scans."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """The result of one scan: the files that became stable, and the skipped entries not reported before."""

    stable: tuple[FoundFile, ...]
    skipped: tuple[Skipped, ...]
    waiting: int
    """Number of files that are not stable yet."""


async def rounds(
    scan: Callable[[], Iterable[ScanEntry]],
    *,
    watcher: "Watcher",
    stabilizer: FileStabilizer,
    now: Callable[[], datetime],
    rescan: timedelta,
) -> AsyncIterator[Round]:
    """Rounds, without end: one at once, then one after each hint, when a file should be stable, and every `rescan`.

    A scan begins when the consumer asks for the next round; an event after a scan began causes another one.
    """
    skip_log = SkipLog()
    clock = asyncio.get_running_loop().time
    while True:
        began = clock()
        entries = await asyncio.to_thread(lambda: tuple(scan()))
        pause = max(_SHORTEST_PAUSE, 2 * (clock() - began))
        result = stabilizer.see((entry for entry in entries if isinstance(entry, FoundFile)), now())
        yield Round(
            stable=result.files,
            skipped=skip_log.new((entry for entry in entries if isinstance(entry, Skipped)), now()),
            waiting=result.waiting,
        )
        await asyncio.sleep(began + pause - clock())
        until = result.next_scan_at
        await watcher.hint(min(rescan, max(until - now(), timedelta(0))) if until else rescan)


@dataclass(frozen=True, kw_only=True, slots=True)
class _WatchedFolder:
    """A folder that the system watches: a configured one with its subfolders (`recursive`), or the nearest existing
    parent of a missing one.

    Device and inode distinguish a replaced folder from the one before.
    """

    path: str
    device: int
    inode: int
    recursive: bool


class Watcher:
    """Hints when to scan the folders, which may be missing, appear, vanish and come back.

    With `polling`, or when the system runs out of watches (logged once), it hints at regular intervals.
    """

    def __init__(self, folders: Sequence[Path], *, polling: bool = False) -> None:
        self._folders = tuple(folders)
        self._real: tuple[str, ...] = ()
        self.polling = polling
        self._hinted = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._observer: BaseObserver | None = None
        self._watches: dict[_WatchedFolder, ObservedWatch] = {}
        self._deleted: set[str] = set()
        """Watched paths that were deleted; a new folder there may have the same inode."""

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._update_watches)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop = None
        await asyncio.to_thread(self._stop)

    async def hint(self, longest: timedelta) -> bool:
        """Wait for a file event: True when there was one, False when `longest` passed.

        Events since the previous call count.
        """
        if self.polling:
            longest = min(longest, POLL_EVERY)
        with suppress(TimeoutError):
            async with asyncio.timeout(longest.total_seconds()):
                await self._hinted.wait()
        hinted = self._hinted.is_set()
        self._hinted.clear()
        # A folder that came back is watched before it is scanned, so that no event is missed in between.
        await asyncio.to_thread(self._update_watches)
        return hinted

    def _update_watches(self) -> None:
        """Watch the folders that exist now. Runs in a thread, because a dead network folder may block it."""
        if self.polling:
            return
        try:
            observer = self._observer or self._start()
            while self._adjust(observer):
                pass  # a folder made just before its parent was watched caused no event
        except OSError as error:
            self.polling = True
            self._stop()
            log.warning("watch.polling", extra={"reason": error.strerror, "every": str(POLL_EVERY)})

    def _adjust(self, observer: "BaseObserver") -> bool:
        """Watch the nearest folders that exist and no others; gives whether a watch was added."""
        self._real = tuple(os.path.realpath(folder) for folder in self._folders)
        wanted = {_nearest_folder(real) for real in self._real}
        deleted = self._deleted.copy()
        self._deleted.difference_update(deleted)
        stale = self._watches.keys() - wanted | {folder for folder in self._watches if folder.path in deleted}
        for folder in stale:
            observer.unschedule(self._watches.pop(folder))
        added = False
        for folder in wanted - self._watches.keys():
            # A folder deleted at this moment counts as missing next time.
            with suppress(FileNotFoundError, NotADirectoryError):
                self._watches[folder] = self._schedule(observer, folder)
                _expect_free_watch(folder.path)
                added = True
        return added

    def _start(self) -> "BaseObserver":
        from watchdog.observers import Observer

        # watchdog warns when it finds a new folder in two ways at once, which is harmless.
        warnings.filterwarnings(
            "ignore", message="Callback with id .* already exists", category=RuntimeWarning
        )
        self._observer = Observer()
        self._observer.start()
        return self._observer

    def _stop(self) -> None:
        observer, self._observer = self._observer, None
        self._watches.clear()
        if observer:
            observer.stop()
            observer.join()

    def _schedule(self, observer: "BaseObserver", folder: _WatchedFolder) -> "ObservedWatch":
        from watchdog import events

        # Without "modified", which every write causes: a growing file is scanned until it is stable anyway.
        kinds: list[type[FileSystemEvent]] = [
            events.FileCreatedEvent,
            events.FileMovedEvent,
            events.FileClosedEvent,
            events.DirCreatedEvent,
            events.DirMovedEvent,
            events.DirDeletedEvent,
        ]
        return observer.schedule(self._handler(), folder.path, recursive=folder.recursive, event_filter=kinds)

    def _handler(self) -> "FileSystemEventHandler":
        from watchdog.events import FileSystemEventHandler

        watcher = self

        class EventHandler(FileSystemEventHandler):
            def dispatch(self, event: "FileSystemEvent") -> None:
                watcher._on_event(event)

        return EventHandler()

    def _on_event(self, event: "FileSystemEvent") -> None:
        """Called in watchdog's thread."""
        paths = [os.fsdecode(path) for path in (event.src_path, event.dest_path) if path]
        if event.event_type == "deleted":
            self._deleted.update(
                path for path in paths if any(path == folder.path for folder in tuple(self._watches))
            )
        loop = self._loop
        if loop and not self._hinted.is_set() and any(map(self._concerns, paths)):
            # The loop may close while this thread still runs.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._hinted.set)

    def _concerns(self, path: str) -> bool:
        """True for a watched folder, a parent of one, and what lies in one and is not hidden."""
        return any(
            f"{real}/".startswith(f"{path}/")
            or (path.startswith(f"{real}/") and "/." not in path[len(real) :])
            for real in self._real
        )


def _nearest_folder(real: str) -> _WatchedFolder:
    """The folder itself, or its nearest existing parent."""
    for path in (Path(real), *Path(real).parents):
        with suppress(OSError):
            status = path.stat()
            if stat.S_ISDIR(status.st_mode):
                return _WatchedFolder(
                    path=str(path), device=status.st_dev, inode=status.st_ino, recursive=str(path) == real
                )
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), real)


def _expect_free_watch(path: str) -> None:
    """Raise OSError where the system has no watch left.

    watchdog raises for the watched folder itself, but silently skips subfolders that it cannot watch, so this asks
    for one more watch and releases it.
    """
    if sys.platform != "linux":
        return
    from watchdog.observers.inotify_c import InotifyConstants, inotify_add_watch, inotify_init

    handle = inotify_init()
    if handle == -1:
        return
    try:
        if inotify_add_watch(handle, os.fsencode(path), InotifyConstants.IN_DELETE_SELF) == -1:
            number = ctypes.get_errno()
            if number == errno.ENOSPC:
                raise OSError(number, "inotify watch limit reached")
    finally:
        os.close(handle)
