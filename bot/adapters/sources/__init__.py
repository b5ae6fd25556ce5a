"""Fetchers of sources: each brings what a source has into the source's own folder, where the watcher reads it."""

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from bot.adapters.sources.git import fetch_git
from bot.adapters.sources.url import fetch_url
from bot.domain.errors import SourceUnreachable
from bot.domain.sources import Source

__all__ = ["FETCHERS", "fetch_into"]

PATIENCE = 60.0
"""Seconds to wait for another process that fetches the same source."""
_TRY_AGAIN = 0.1

Fetcher = Callable[[Source, Path, int], Awaitable[bool]]
"""(source, its folder, most bytes of one file); False where nothing is new. Raises SourceUnreachable."""

FETCHERS: dict[str, Fetcher] = {"git": fetch_git, "url": fetch_url}
"""By the kind of source. A new kind is a file in this folder and a line here."""


async def fetch_into(
    root: Path, source: Source, max_bytes: int, *, fetcher: Fetcher | None = None, patience: float = PATIENCE
) -> bool:
    """Fetch the source into its folder below `root`, for its owner only and by one process at a time.

    False where nothing is new. Raises SourceUnreachable.
    """
    folder = root / source.name
    try:
        await asyncio.to_thread(_make, root, folder)
        async with _alone(root / f".{source.name}.lock", patience):
            return await (fetcher or FETCHERS[source.kind])(source, folder, max_bytes)
    except OSError as error:
        raise SourceUnreachable(
            f"what it has cannot be stored in {folder}: {error.strerror or error}"
        ) from None


def _make(root: Path, folder: Path) -> None:
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.mkdir(exist_ok=True, mode=0o700)


@asynccontextmanager
async def _alone(path: Path, patience: float) -> AsyncIterator[None]:
    """Hold the lock; the system frees it when its process is gone."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        give_up = time.monotonic() + patience
        while not _locked(lock):
            if time.monotonic() >= give_up:
                raise SourceUnreachable("another paperboy has been fetching it for a while; wait for its end")
            await asyncio.sleep(_TRY_AGAIN)
        yield
    finally:
        os.close(lock)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
