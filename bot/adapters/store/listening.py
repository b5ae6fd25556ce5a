"""The bell by PostgreSQL's LISTEN and NOTIFY: what one machine plans, the others send at once."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import Connection, Engine

from bot.adapters.store.engine import foreign_errors, own_connection

_log = logging.getLogger(__name__)

_CHANNEL = "paperboy_planned"
_AGAIN = timedelta(seconds=1)


def ring(connection: Connection) -> None:
    """Wake whoever listens, when this transaction is stored; where one process is all there is, nobody."""
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql(f"NOTIFY {_CHANNEL}")


class StoredBell:
    """See the port. On SQLite it never rings: the process that plans is the one that sends."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def listen(self, hear: Callable[[], None]) -> None:
        if self._engine.dialect.name == "sqlite":
            await asyncio.Event().wait()
        while True:
            try:
                await self._listen(hear)
            except foreign_errors() as error:
                _log.warning("bell.interrupted", extra={"error": " ".join(str(error).split())})
            await asyncio.sleep(_AGAIN.total_seconds())

    async def _listen(self, hear: Callable[[], None]) -> None:
        async with await own_connection(self._engine) as connection:
            await connection.execute(f"LISTEN {_CHANNEL}")
            hear()
            async for _ in connection.notifies():
                hear()
