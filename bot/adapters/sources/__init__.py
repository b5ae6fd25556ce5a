"""Fetchers of sources: each downloads a source into the source's own folder, which is watched like any other."""

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from bot.adapters.atomic_file import private_folder
from bot.adapters.sources.git import fetch_git
from bot.adapters.sources.url import fetch_url
from bot.domain.errors import SourceUnreachable
from bot.domain.sources import Source

__all__ = ["FETCHERS", "fetch_into"]

PATIENCE = 60.0
"""Seconds to wait for another process that fetches the same source."""
_RETRY_SECONDS = 0.1

FetchInto = Callable[[Source, Path, int], Awaitable[bool]]
"""(source, its folder, size limit of one file in bytes); False where nothing is new. Raises SourceUnreachable."""

FETCHERS: dict[str, FetchInto] = {"git": fetch_git, "url": fetch_url}
"""By the kind of source. A new kind is a file in this folder and a line here."""


async def fetch_into(
    root: Path,
    source: Source,
    max_bytes: int,
    *,
    fetcher: FetchInto | None = None,
    patience: float = PATIENCE,
) -> bool:
    """Fetch the source into its folder below `root`, one process at a time; the folder is readable by this user only.

    False where nothing is new. Raises SourceUnreachable.
    """
    folder = root / source.name
    try:
        await asyncio.to_thread(private_folder, folder)
        async with _locked(root / f".{source.name}.lock", patience):
            return await (fetcher or FETCHERS[source.kind])(source, folder, max_bytes)
    except OSError as error:
        raise SourceUnreachable(
            f"what it has cannot be stored in {folder}: {error.strerror or error}"
        ) from None


@asynccontextmanager
async def _locked(path: Path, patience: float) -> AsyncIterator[None]:
    """Hold a lock file, which the system unlocks when the process dies."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        give_up = time.monotonic() + patience
        while not _try_lock(file):
            if time.monotonic() >= give_up:
                raise SourceUnreachable("another paperboy has been fetching it for a while; wait for its end")
            await asyncio.sleep(_RETRY_SECONDS)
        yield
    finally:
        os.close(file)


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
