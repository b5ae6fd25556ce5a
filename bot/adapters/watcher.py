"""Hints that something happened in the watched folders (watchdog), and the rounds of looking that they cause.

An event only says when to look; what is there, and whether it is whole, the look decides. So events that
are lost, doubled or late cost time and never a file: a round comes without any, too.
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

_log = logging.getLogger(__name__)

POLL_EVERY = timedelta(seconds=2)
_BREATH = 0.02
"""Seconds between two looks at least, so that a storm of events does not become a storm of looks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """One look: the files that became whole with it, and what was passed over and not said before."""

    whole: tuple[FoundFile, ...]
    skipped: tuple[Skipped, ...]
    waiting: int
    """Files that are still being written, or so new that nobody can know."""


async def rounds(
    look: Callable[[], Iterable[ScanEntry]],
    *,
    watcher: "Watcher",
    settling: FileStabilizer,
    now: Callable[[], datetime],
    rescan: timedelta,
) -> AsyncIterator[Round]:
    """A round at once, then one after each hint, when a file should have settled, and each `rescan`.

    Never ends by itself. A round is asked for when the one before was dealt with: what happens meanwhile
    is seen by the next. Nothing that happens after a look began is left to the rescan alone.
    """
    said = SkipLog()
    clock = asyncio.get_running_loop().time
    while True:
        began = clock()
        sightings = await asyncio.to_thread(lambda: tuple(look()))
        pause = max(_BREATH, 2 * (clock() - began))
        found = [sighting for sighting in sightings if isinstance(sighting, FoundFile)]
        settled = settling.see(found, now())
        yield Round(
            whole=settled.whole,
            skipped=said.news((s for s in sightings if isinstance(s, Skipped)), now()),
            waiting=settled.waiting,
        )
        await asyncio.sleep(began + pause - clock())
        until = settled.look_again_at
        await watcher.hint(min(rescan, max(until - now(), timedelta(0))) if until else rescan)


@dataclass(frozen=True, kw_only=True, slots=True)
class _WatchedFolder:
    """A folder as watched: a watched folder with all below it, or alone, one above a missing one.

    Device and inode tell a folder that was replaced from the one that was there before.
    """

    path: str
    device: int
    inode: int
    recursive: bool


class Watcher:
    """Says when a look at the folders is worth it. Folders may be missing, come, go and come again.

    Where the system has no more watches to give, or `polling` is asked for, it hints at regular times;
    that events are not used is logged once.
    """

    def __init__(self, folders: Sequence[Path], *, polling: bool = False) -> None:
        self._folders = tuple(folders)
        self._real: tuple[str, ...] = ()
        self.polling = polling
        self._hinted = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._observer: BaseObserver | None = None
        self._watches: dict[_WatchedFolder, ObservedWatch] = {}
        self._lost: set[str] = set()
        """Watched paths that were deleted: a new folder there may have the old one's inode, too."""

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._tend)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop = None
        await asyncio.to_thread(self._stop)

    async def hint(self, longest: timedelta) -> bool:
        """Wait for something to happen: True when it did, False when `longest` passed.

        What happened before the call and after the one before it counts.
        """
        if self.polling:
            longest = min(longest, POLL_EVERY)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hinted.wait(), longest.total_seconds())
        hinted = self._hinted.is_set()
        self._hinted.clear()
        # A folder that came back is watched before it is looked at: nothing falls in between.
        await asyncio.to_thread(self._tend)
        return hinted

    def _tend(self) -> None:
        """Watch what should be watched now. Runs in a thread: a dead network folder may block it."""
        if self.polling:
            return
        try:
            self._adjust(self._observer or self._start())
        except OSError as error:
            self.polling = True
            self._stop()
            _log.warning("watch.polling", extra={"reason": error.strerror, "every": str(POLL_EVERY)})

    def _adjust(self, observer: "BaseObserver") -> None:
        self._real = tuple(os.path.realpath(folder) for folder in self._folders)
        wanted = {_nearest_folder(real) for real in self._real}
        lost = self._lost.copy()
        self._lost.difference_update(lost)
        for place in self._watches.keys() - wanted | {p for p in self._watches if p.path in lost}:
            observer.unschedule(self._watches.pop(place))
        for place in wanted - self._watches.keys():
            # A folder that went in this very moment shows as missing the next time.
            with suppress(FileNotFoundError, NotADirectoryError):
                self._watches[place] = self._schedule(observer, place)
                _expect_free_watch(place.path)

    def _start(self) -> "BaseObserver":
        from watchdog.observers import Observer

        # It says so where a folder that has just come is found on two ways: once is enough, and nothing is lost.
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

    def _schedule(self, observer: "BaseObserver", place: _WatchedFolder) -> "ObservedWatch":
        from watchdog import events

        # Not "modified": each write of a slow writer would be one. A file that is seen once and still
        # grows is looked at until it settles.
        kinds: list[type[FileSystemEvent]] = [
            events.FileCreatedEvent,
            events.FileMovedEvent,
            events.FileClosedEvent,
            events.DirCreatedEvent,
            events.DirMovedEvent,
            events.DirDeletedEvent,
        ]
        return observer.schedule(self._handler(), place.path, recursive=place.recursive, event_filter=kinds)

    def _handler(self) -> "FileSystemEventHandler":
        from watchdog.events import FileSystemEventHandler

        watcher = self

        class Handler(FileSystemEventHandler):
            def dispatch(self, event: "FileSystemEvent") -> None:
                watcher._on_event(event)

        return Handler()

    def _on_event(self, event: "FileSystemEvent") -> None:
        """Called in watchdog's thread."""
        paths = [os.fsdecode(path) for path in (event.src_path, event.dest_path) if path]
        if event.event_type == "deleted":
            self._lost.update(path for path in paths if any(path == p.path for p in tuple(self._watches)))
        loop = self._loop
        if loop and not self._hinted.is_set() and any(map(self._concerns, paths)):
            # The loop may close while this thread still runs.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._hinted.set)

    def _concerns(self, path: str) -> bool:
        """True for what lies in a watched folder or on the way to it."""
        return any(
            f"{path}/".startswith(f"{real}/") or f"{real}/".startswith(f"{path}/") for real in self._real
        )


def _nearest_folder(real: str) -> _WatchedFolder:
    """The folder itself, or the nearest one above it that exists."""
    for path in (Path(real), *Path(real).parents):
        with suppress(OSError):
            about = path.stat()
            if stat.S_ISDIR(about.st_mode):
                return _WatchedFolder(
                    path=str(path), device=about.st_dev, inode=about.st_ino, recursive=str(path) == real
                )
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), real)


def _expect_free_watch(path: str) -> None:
    """Raises OSError where the system has no watch left.

    watchdog says so for a watched folder itself, but passes silently over the subfolders that it could
    not watch for that reason; so one more is asked for, and given back.
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
