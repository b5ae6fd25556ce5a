"""What is PostgreSQL's own: connections that notice when the other side is gone, and who waits for whom.

Several machines write at once. Each transaction that writes holds the gate: shared by those who claim and
settle, who agree by locks on the places they touch; alone by those who take digests in, who must see
everything as it is until they are done. So a digest that several machines see is stored once, and an alert
cannot go out as it was while its paper changes.
"""

import time
from datetime import timedelta
from selectors import EVENT_READ, DefaultSelector
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DisconnectionError, NoSuchModuleError

from bot.domain.errors import StateError

if TYPE_CHECKING:
    from psycopg import AsyncConnection

LOCKS = 0x70617065
"""The first half of every advisory lock of paperboy's."""
_GATE = 0
_CONNECTIONS = 5
_MORE_CONNECTIONS = 25

_ALIVE = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 1,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    "tcp_user_timeout": 3000,
    "application_name": "paperboy",
}
"""For libpq: three seconds of silence, and the other side counts as gone."""
_ALIVE_THERE = {
    "tcp_keepalives_idle": "1",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "2",
    "tcp_user_timeout": "3000",
}
"""The same for the server, which frees the locks of a machine that is gone."""

SNAPSHOT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""Execution options of a transaction that sees one moment."""


def engine(url: URL, patience: timedelta) -> Engine:
    """An engine on that database; a transaction waits for others no longer than `patience`."""
    settings = {**_ALIVE_THERE, "lock_timeout": str(max(int(patience.total_seconds() * 1000), 1))}
    try:
        made = create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_size=_CONNECTIONS,
            max_overflow=_MORE_CONNECTIONS,
            connect_args=_arguments(url, settings),
        )
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise StateError(
            "PostgreSQL needs a driver that is not installed: pip install 'paperboy-bot[postgresql]'"
        ) from error
    event.listen(made, "connect", _settle_connection)
    event.listen(made, "checkin", _remember_when)
    event.listen(made, "checkout", _make_sure)
    return made


def _arguments(url: URL, settings: dict[str, str]) -> dict[str, Any]:
    """What libpq is told; what the address says itself goes before what we would choose."""
    ours = {name: value for name, value in _ALIVE.items() if name not in url.query}
    return {**ours, "options": " ".join(f"-c {name}={value}" for name, value in settings.items())}


async def own_connection(engine: Engine) -> "AsyncConnection":
    """A connection beside the pool, for what lasts; each statement is stored at once."""
    from psycopg import AsyncConnection

    _, given = engine.dialect.create_connect_args(engine.url)
    return await AsyncConnection.connect(autocommit=True, **{**given, **_arguments(engine.url, _ALIVE_THERE)})


def foreign_errors() -> type[Exception]:
    """What such a connection raises when the other side is gone."""
    from psycopg import Error

    return Error


def queue(connection: Connection, *, alone: bool) -> None:
    """Take the gate until the transaction ends."""
    how = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    connection.exec_driver_sql(f"SELECT {how}({LOCKS}, {_GATE})")


_TRUSTED = 1.0
"""Seconds after which a connection is asked whether it still works before it is used again."""


def _remember_when(_connection: Any, record: Any) -> None:
    record.info["used"] = time.monotonic()


def _make_sure(connection: Any, record: Any, _proxy: object) -> None:
    """One that the server has closed is replaced by the pool (and so are all others).

    A server that closes a connection says so first, which waits to be read.
    """
    with DefaultSelector() as selector:
        selector.register(connection, EVENT_READ)
        heard = selector.select(timeout=0)
    if not heard and time.monotonic() - record.info.get("used", 0.0) < _TRUSTED:
        return
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except foreign_errors() as error:
        raise DisconnectionError from error


def _settle_connection(connection: Any, _record: object) -> None:
    """Text may hold NUL, which PostgreSQL's cannot: what foreign servers answer must never stop us."""
    from psycopg.types.string import StrDumper

    class WithoutNul(StrDumper):
        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace("\0", "�") if "\0" in obj else obj)

    connection.adapters.register_dumper(str, WithoutNul)
