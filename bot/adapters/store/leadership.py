"""Leadership by a lock that is gone with its holder: PostgreSQL's advisory locks, each held by a connection of
its own, or beside a SQLite state a locked file for each role.
"""

import asyncio
import fcntl
import logging
import os
import zlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from bot.adapters.store.engine import LOCKS, foreign_errors, own_connection
from bot.domain.errors import StateError

if TYPE_CHECKING:
    from psycopg import AsyncConnection

_log = logging.getLogger(__name__)

PULSE = timedelta(seconds=1)
"""So often who leads sees whether it still does, and who waits whether it may."""
_NO_ANSWER = timedelta(seconds=1)
"""With PULSE less than the three seconds after which the server gives a silent machine's locks away."""


class StoredLeadership:
    """See the port. In a SQLite state that is no file, who asks leads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def lead(self, role: str, work: Callable[[], Awaitable[None]]) -> None:
        if self._engine.dialect.name == "sqlite":
            await self._lead_here(role, work)
            return
        while True:
            try:
                async with await own_connection(self._engine) as connection:
                    await _elected(connection, role)
                    _log.info("leader.elected", extra={"role": role})
                    if await _while_it_lives(connection, work):
                        return
                    _log.error("leader.lost", extra={"role": role})
            except foreign_errors() as error:
                _log.warning(
                    "leader.interrupted", extra={"role": role, "error": " ".join(str(error).split())}
                )
            await asyncio.sleep(PULSE.total_seconds())

    async def _lead_here(self, role: str, work: Callable[[], Awaitable[None]]) -> None:
        """The same among the processes of one machine: the system frees the locks of those that are gone."""
        state = self._engine.url.database
        if not state or state == ":memory:":
            await work()
            return
        with _lock_file(Path(f"{state}.{role.replace(' ', '-')}.lock")) as file:
            waiting = False
            while not _locked(file):
                if not waiting:
                    _log.warning(
                        "leader.waiting", extra={"role": role, "for": "another paperboy on this state"}
                    )
                    waiting = True
                await asyncio.sleep(PULSE.total_seconds())
            await work()


@contextmanager
def _lock_file(path: Path) -> Iterator[int]:
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateError(f"{path} cannot be written: {error.strerror}") from error
    try:
        yield file
    finally:
        os.close(file)


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # a file system that knows no locks: as good as alone
        _log.warning("leader.no_locks", extra={"error": error.strerror})
    return True


async def _elected(connection: "AsyncConnection", role: str) -> None:
    number = zlib.crc32(role.encode()) & 0x7FFFFFFF or 1
    while True:
        cursor = await connection.execute("SELECT pg_try_advisory_lock(%s, %s)", (LOCKS, number))
        row = await cursor.fetchone()
        if row and row[0]:
            return
        await asyncio.sleep(PULSE.total_seconds())


async def _while_it_lives(connection: "AsyncConnection", work: Callable[[], Awaitable[None]]) -> bool:
    """True when the work is done, False when it was cancelled because the lock may be somebody else's."""
    working = asyncio.ensure_future(work())
    try:
        while True:
            await asyncio.wait({working}, timeout=PULSE.total_seconds())
            if working.done():
                working.result()
                return True
            if not await _answers(connection):
                return False
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def _answers(connection: "AsyncConnection") -> bool:
    asking = asyncio.ensure_future(connection.execute("SELECT 1"))
    done, _ = await asyncio.wait({asking}, timeout=_NO_ANSWER.total_seconds())
    if not done:
        asking.cancel()
        return False
    return asking.exception() is None
