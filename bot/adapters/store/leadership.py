"""Leadership by PostgreSQL's advisory locks: held by a connection of its own, and gone with it."""

import asyncio
import logging
import zlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from bot.adapters.store.postgresql import LOCKS, foreign_errors, own_connection

if TYPE_CHECKING:
    from psycopg import AsyncConnection

_log = logging.getLogger(__name__)

PULSE = timedelta(seconds=1)
"""So often who leads sees whether it still does, and who waits whether it may."""
_NO_ANSWER = timedelta(seconds=1)
"""With PULSE less than the three seconds after which the server gives a silent machine's locks away."""


class StoredLeadership:
    """See the port. On SQLite who asks leads: one process is what it is for."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def lead(self, role: str, work: Callable[[], Awaitable[None]]) -> None:
        if self._engine.dialect.name == "sqlite":
            await work()
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
