"""Several machines on one state: leader election for each duty, and the wake-up after a plan.

A leader holds a lock that the system releases when it dies: an advisory lock on a connection of its own on PostgreSQL,
a locked file beside a SQLite state.
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

from sqlalchemy import Connection, Engine

from bot.adapters.store.engine import LOCKS, foreign_errors, own_connection, state_file
from bot.domain.errors import StateUnavailable

if TYPE_CHECKING:
    from psycopg import AsyncConnection

log = logging.getLogger(__name__)

_PULSE = timedelta(seconds=1)
"""Interval at which a leader checks its lock and a candidate tries to get it."""
_NO_ANSWER = timedelta(seconds=1)
"""Together with _PULSE shorter than the three seconds after which the server releases a silent machine's locks."""
_WAKE_UP_CHANNEL = "paperboy_planned"
_RECONNECT_AFTER = timedelta(seconds=1)


class LeaderElection:
    """Leader election: at most one process at a time has a duty.

    In-memory SQLite: the caller is always the leader.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def lead(self, duty: str, work: Callable[[], Awaitable[None]]) -> None:
        """Wait until no other process has the duty, then do its work; returns when the work is done.

        When the lock may be lost, the work is cancelled, and begun again once the lock is regained. Within five
        seconds of a leader's death another process takes over.
        """
        if self._engine.dialect.name == "sqlite":
            await self._lead_with_file(duty, work)
            return
        while True:
            try:
                async with await own_connection(self._engine) as connection:
                    await _acquire_lock(connection, duty)
                    log.info("leader.elected", extra={"duty": duty})
                    if await _run_while_locked(connection, work):
                        return
                    log.error("leader.lost", extra={"duty": duty})
            except foreign_errors() as error:
                log.warning("leader.interrupted", extra={"duty": duty, "error": " ".join(str(error).split())})
            await asyncio.sleep(_PULSE.total_seconds())

    async def _lead_with_file(self, duty: str, work: Callable[[], Awaitable[None]]) -> None:
        """Lead among the processes of one machine."""
        state = state_file(self._engine)
        if state is None:
            await work()
            return
        with _opened(state.with_name(f"{state.name}.{duty.replace(' ', '-')}.lock")) as file:
            waiting = False
            while not _try_lock(file):
                if not waiting:
                    log.warning(
                        "leader.waiting", extra={"duty": duty, "for": "another paperboy on this state"}
                    )
                    waiting = True
                await asyncio.sleep(_PULSE.total_seconds())
            await work()


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateUnavailable(f"{path} cannot be written: {error.strerror}") from error
    try:
        yield file
    finally:
        os.close(file)


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # a file system without locks: assume to be the only process
        log.warning("leader.no_locks", extra={"error": error.strerror})
    return True


async def _acquire_lock(connection: "AsyncConnection", duty: str) -> None:
    lock = zlib.crc32(duty.encode()) & 0x7FFFFFFF or 1
    while True:
        cursor = await connection.execute("SELECT pg_try_advisory_lock(%s, %s)", (LOCKS, lock))
        row = await cursor.fetchone()
        if row and row[0]:
            return
        await asyncio.sleep(_PULSE.total_seconds())


async def _run_while_locked(connection: "AsyncConnection", work: Callable[[], Awaitable[None]]) -> bool:
    """True when the work is done, False when it was cancelled because the lock may be lost."""
    task = asyncio.ensure_future(work())
    try:
        while True:
            await asyncio.wait({task}, timeout=_PULSE.total_seconds())
            if task.done():
                task.result()
                return True
            if not await _is_alive(connection):
                return False
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _is_alive(connection: "AsyncConnection") -> bool:
    query = asyncio.ensure_future(connection.execute("SELECT 1"))
    done, _ = await asyncio.wait({query}, timeout=_NO_ANSWER.total_seconds())
    if not done:
        query.cancel()
        return False
    return query.exception() is None


def notify(connection: Connection) -> None:
    """Wake listening machines once this transaction is committed; does nothing on SQLite."""
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql(f"NOTIFY {_WAKE_UP_CHANNEL}")


class WakeUp:
    """Wake-up: reports that any machine planned deliveries (PostgreSQL's LISTEN and NOTIFY).

    Does nothing on SQLite, where the process that plans is the one that sends.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def listen(self, on_wake: Callable[[], None]) -> None:
        """Call `on_wake` after each plan, and whenever one may have been missed. Runs until it is cancelled.

        Reconnects for as long as it takes.
        """
        if self._engine.dialect.name == "sqlite":
            await asyncio.Event().wait()
        while True:
            try:
                await self._listen(on_wake)
            except foreign_errors() as error:
                log.warning("wake_up.interrupted", extra={"error": " ".join(str(error).split())})
            await asyncio.sleep(_RECONNECT_AFTER.total_seconds())

    async def _listen(self, on_wake: Callable[[], None]) -> None:
        async with await own_connection(self._engine) as connection:
            await connection.execute(f"LISTEN {_WAKE_UP_CHANNEL}")
            on_wake()
            async for _ in connection.notifies():
                on_wake()
