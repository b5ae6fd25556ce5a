"""Connections to the state: engines for SQLite and PostgreSQL, transactions, foreign errors as ours, schema version.

On PostgreSQL several machines write at once. Each transaction that writes takes the writer lock, an advisory lock: shared
where rows are claimed and settled (those agree by locks on the targets they touch), exclusive where digests are taken
in, which must see everything as it is until they are done. So a digest that several machines see is stored once, and
no alert goes out in its old form while its paper changes.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, create_mock_engine, event, inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.mock import MockConnection
from sqlalchemy.exc import (
    DatabaseError,
    DBAPIError,
    DisconnectionError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from bot.adapters.atomic_file import draft_of, private_folder
from bot.adapters.store.schema import HEAD, deliveries, meta, metadata
from bot.adapters.store.sql import driver
from bot.domain.errors import StateDamaged, StateError, StateLocked, StateTooNew, StateUnavailable

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg import Connection as PsycopgConnection

PATIENCE = timedelta(seconds=10)
"""How long another process may hold the state before StateLocked."""
LOCKS = 0x70617065
"""The first half of every advisory lock of paperboy's."""
_MIGRATIONS = Path(__file__).parent / "migrations"


# Opening


def open_engine(url: str, patience: timedelta = PATIENCE) -> Engine:
    """An engine on the state at `url`, its schema brought up to date; raises StateError."""
    parsed = make_url(url)
    is_file = parsed.drivername.startswith("sqlite")
    engine = _sqlite_engine(parsed, patience) if is_file else _postgresql_engine(parsed, patience)
    try:
        with translated(parsed.render_as_string(hide_password=True)):
            _bring_up_to_date(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


class _ConnectionPool(QueuePool):
    """A pool that can be closed for good."""

    __module__ = QueuePool.__module__  # by which its log is named: it stays SQLAlchemy's, not ours
    closed = False

    def close(self) -> None:
        """Close the idle connections now, those that a thread still uses when it gives them back, and make no more."""
        self.closed = True
        self.dispose()

    def _do_get(self) -> ConnectionPoolEntry:
        if self.closed:
            raise StateError("the state is closed")
        return super()._do_get()

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        super()._do_return_conn(record)
        if self.closed:
            self.dispose()


def close_engine(engine: Engine) -> None:
    """Close every connection, as `_ConnectionPool.close` does."""
    pool = engine.pool
    assert isinstance(pool, _ConnectionPool)
    pool.close()


def _bring_up_to_date(engine: Engine) -> None:
    with engine.connect() as connection, connection.begin():
        if _version(connection) == HEAD:
            return  # without waiting for writers
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if engine.dialect.name != "sqlite":
            _take_writer_lock(connection, alone=True)  # machines that start together migrate once
        version = _version(connection)
        if version == HEAD:
            return
        if version is None:
            _create(connection)
            return
        if version not in _known_versions():
            raise StateTooNew(
                f"the state has schema {version}, this paperboy knows up to {HEAD}: install the newer paperboy"
            )
        _migrate(connection)


def _version(connection: Connection) -> str | None:
    tables = inspect(connection).get_table_names()
    if not tables:
        return None
    if not {"alembic_version", meta.name, deliveries.name} <= set(tables):
        raise StateDamaged("this database holds tables of another program; name another one under `state:`")
    version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    if version is None:
        raise StateDamaged("the state does not say which schema it has; restore it from a backup")
    return str(version)


def _create(connection: Connection) -> None:
    """A new state straight from the tables, without loading alembic; the migrations give the same (tested)."""
    for statement in _schema(connection.dialect.name):
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql(
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
        "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
    )
    connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{HEAD}')")


@cache
def _schema(dialect: str) -> tuple[str, ...]:
    """The statements that make all tables; nothing is looked for, since they are for a database without any."""
    statements: list[str] = []

    def note(ddl: Any, *_: object) -> None:
        statements.append(str(ddl.compile(dialect=recorder.dialect)))

    driver_name = "postgresql+psycopg" if dialect == "postgresql" else dialect
    recorder: MockConnection = create_mock_engine(f"{driver_name}://", note)
    metadata.create_all(recorder, checkfirst=False)
    return tuple(statements)


def _known_versions() -> set[str]:
    return {path.name.split("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py")}


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


# Transactions


@contextmanager
def writing(engine: Engine, *, alone: bool = False) -> Iterator[Connection]:
    """A transaction that may write: committed when the block ends, rolled back when it raises.

    On SQLite no other transaction writes meanwhile. On PostgreSQL others do, and lock the rows they touch; with
    `alone` the others wait there as well.
    """
    with translated(), engine.connect().execution_options(writes=True) as connection, connection.begin():
        if engine.dialect.name != "sqlite":
            _take_writer_lock(connection, alone=alone)
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one moment of the state."""
    options = {} if engine.dialect.name == "sqlite" else _SNAPSHOT
    with translated(), engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


# SQLite


def state_file(engine: Engine) -> Path | None:
    """The file of a SQLite state with symbolic links resolved, so that every process finds the same files beside it.

    None where the state is no file.
    """
    name = engine.url.database if engine.dialect.name == "sqlite" else None
    return Path(name).resolve() if name and name != ":memory:" else None


def _sqlite_engine(url: URL, patience: timedelta) -> Engine:
    if url.database and url.database != ":memory:":
        _prepare_file(Path(url.database))
    engine = create_engine(
        url,
        poolclass=_ConnectionPool,
        connect_args={"timeout": patience.total_seconds(), "check_same_thread": False},
    )
    event.listen(engine, "connect", lambda connection, _record: _set_up_sqlite(connection, patience))
    event.listen(engine, "begin", _begin)
    return engine


def _prepare_file(state: Path) -> None:
    """Make a new state's file, readable by this user alone; SQLite gives the files beside it the same mode.

    The file takes its name with a database's header in it, so that an empty file is never a new state but a damaged
    one, whose papers would all be sent again. Raises StateError.
    """
    try:
        private_folder(state.parent)
    except OSError as error:
        raise StateUnavailable(f"{state}: the folder cannot be made: {error.strerror}") from error
    try:
        if not state.exists():
            _make_file(state)
        if not state.stat().st_size:
            raise StateDamaged(
                f"{state} is empty, so the state was lost; restore it from a backup, or remove the file to begin anew"
            )
    except OSError as error:
        raise StateUnavailable(
            f"{state}: the state cannot be made or seen there: {error.strerror}"
        ) from error


def _make_file(state: Path) -> None:
    draft = draft_of(state)
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with closing(sqlite3.connect(draft)) as connection:
            connection.execute(f"PRAGMA page_size={_PAGE_BYTES}")
            connection.execute("PRAGMA journal_mode=WAL")
        try:
            os.link(draft, state)
        except FileExistsError:
            return  # another process made it meanwhile
        except OSError:  # a file system without links
            draft.rename(state)
    finally:
        for name in (draft, *(draft.with_name(draft.name + tail) for tail in ("-wal", "-shm"))):
            name.unlink(missing_ok=True)


_PAGE_BYTES = 8192
"""Of a new state: of the default's 4096 most papers take several, chained one to the next."""
_RETRY_SECONDS = 0.02
_PRAGMAS = (
    "synchronous=FULL",
    "foreign_keys=ON",
    "temp_store=MEMORY",
    "cache_size=-65536",  # 64 MB: the indices that every row touches stay at hand
    "wal_autocheckpoint=2000",  # pages: the same ones change again and again, and are copied back once
)


def _set_up_sqlite(connection: Any, patience: timedelta) -> None:
    connection.isolation_level = None  # _begin says BEGIN, so that writers queue from the start
    try:
        cursor = connection.cursor()
        _write_ahead(cursor, patience)
        for pragma in _PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
    except BaseException:  # the pool does not know the connection yet, so nobody else would close it
        connection.close()
        raise


def _write_ahead(cursor: sqlite3.Cursor, patience: timedelta) -> None:
    """Switch the journal to WAL; retried, since SQLite does not always wait where processes make one state at once."""
    give_up = time.monotonic() + patience.total_seconds()
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= give_up:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    driver(connection).execute("BEGIN IMMEDIATE" if writes else "BEGIN")


# PostgreSQL

_WRITER_LOCK = 0
"""The second half of the lock that writers share."""
_CONNECTIONS = 5
_MORE_CONNECTIONS = 25

_CLIENT_KEEPALIVES = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 1,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    "tcp_user_timeout": 3000,
    "application_name": "paperboy",
}
"""For libpq: three seconds of silence, and the other side counts as gone."""
_SERVER_KEEPALIVES = {
    "tcp_keepalives_idle": "1",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "2",
    "tcp_user_timeout": "3000",
}
"""The same for the server, which frees the locks of a machine that is gone."""

_SNAPSHOT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""Execution options of a transaction that sees one moment of the state."""


def _postgresql_engine(url: URL, patience: timedelta) -> Engine:
    """An engine on that database; a lock is waited for no longer than `patience`."""
    settings = {**_SERVER_KEEPALIVES, "lock_timeout": str(max(int(patience.total_seconds() * 1000), 1))}
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            poolclass=_ConnectionPool,
            pool_size=_CONNECTIONS,
            max_overflow=_MORE_CONNECTIONS,
            connect_args=_arguments(url, settings),
        )
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise StateError(
            "PostgreSQL needs a driver that is not installed: pip install 'paperboy-bot[postgresql]'"
        ) from error
    event.listen(engine, "connect", _set_up_postgresql)
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", _check_alive)
    return engine


def _arguments(url: URL, settings: dict[str, str]) -> dict[str, Any]:
    """Arguments for libpq; the address of the database may override the keepalives."""
    defaults = {name: value for name, value in _CLIENT_KEEPALIVES.items() if name not in url.query}
    return {**defaults, "options": " ".join(f"-c {name}={value}" for name, value in settings.items())}


async def own_connection(engine: Engine) -> "AsyncConnection":
    """A connection beside the pool that may stay open; each statement commits at once."""
    from psycopg import AsyncConnection

    return await AsyncConnection.connect(autocommit=True, **_own_arguments(engine))


def own_session(engine: Engine) -> "PsycopgConnection[Any]":
    """The same for a thread."""
    from psycopg import Connection as PsycopgConnection

    return PsycopgConnection.connect(autocommit=True, **_own_arguments(engine))


def _own_arguments(engine: Engine) -> dict[str, Any]:
    _, arguments = engine.dialect.create_connect_args(engine.url)
    return {**arguments, **_arguments(engine.url, _SERVER_KEEPALIVES)}


def foreign_errors() -> type[Exception]:
    """The base class of what `own_connection` and `own_session` raise when the other side is gone."""
    from psycopg import Error

    return Error


def _take_writer_lock(connection: Connection, *, alone: bool) -> None:
    """Hold the writer lock until the transaction ends: shared, or alone."""
    lock = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    connection.exec_driver_sql(f"SELECT {lock}({LOCKS}, {_WRITER_LOCK})")


_TRUSTED_SECONDS = 1.0
"""A connection that was idle for longer is tested before it is used again."""


def _note_use(_connection: Any, record: Any) -> None:
    record.info["used"] = time.monotonic()


def _check_alive(connection: Any, record: Any, _proxy: object) -> None:
    """Let the pool replace a connection that the server has closed (and all others with it).

    A server that closes a connection announces it, so that the socket becomes readable.
    """
    with DefaultSelector() as selector:
        selector.register(connection, EVENT_READ)
        readable = selector.select(timeout=0)
    if not readable and time.monotonic() - record.info.get("used", 0.0) < _TRUSTED_SECONDS:
        return
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except foreign_errors() as error:
        raise DisconnectionError from error


def _set_up_postgresql(connection: Any, _record: object) -> None:
    """Replace NUL in text, which PostgreSQL cannot hold but answers of foreign servers may."""
    from psycopg.types.string import StrDumper

    class WithoutNul(StrDumper):
        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace("\0", "�") if "\0" in obj else obj)

    connection.adapters.register_dumper(str, WithoutNul)


# Foreign errors

_LOCKED = frozenset({"55P03", "40P01", "40001"})
"""PostgreSQL's lock_not_available, deadlock_detected and serialization_failure."""
_TURNED_AWAY = frozenset({"28P01", "28000"})
_TURNED_AWAY_TEXT = ("password authentication failed", "no password supplied", "no pg_hba.conf entry")
_DAMAGED = frozenset({"XX001", "XX002"})
_REMEDIES = {
    "3D000": "create the database, or name another one under `state:`",
    "28P01": "set the right password in the address, in PGPASSWORD or in ~/.pgpass",
    "28000": "let this user in (pg_hba.conf), or name another one under `state:`",
    "42501": "give this user the right to create and change tables in the database",
    "25006": "name the primary server under `state:`, not a standby",
    "53100": "make room on the database's disk",
    "53300": "raise max_connections of the server, or run fewer processes",
}
"""By SQLSTATE (PostgreSQL, appendix A)."""
_REMEDY_FOR_FILES = {
    "unable to open database file": "; it must be a file, in a folder, that paperboy may write",
    "attempt to write a readonly database": "; let paperboy write the file and its folder",
    "database or disk is full": "; make room on the disk",
    "disk I/O error": "; see whether the disk is full, or failing",
}
"""By what SQLite says (3.40 to 3.53)."""
_UNREACHABLE = "see that the server runs and can be reached from here"
_DATABASE = (DatabaseError, sqlite3.DatabaseError)
_OPERATIONAL = (OperationalError, sqlite3.OperationalError)
_INTERFACE = (InterfaceError, sqlite3.InterfaceError)
"""SQLAlchemy's errors, and those of SQLite's driver where it is used without SQLAlchemy."""


@contextmanager
def translated(what: str = "the state") -> Iterator[None]:
    """Foreign errors of the database as StateErrors; faults in our own SQL stay what they are."""
    try:
        yield
    except PoolExhausted as error:
        raise StateLocked(f"{what} is too busy: no connection came free; try again") from error
    except (DBAPIError, sqlite3.Error) as error:
        state_error = _state_error(what, error)
        if state_error is None:
            raise
        raise state_error from error


def _state_error(what: str, error: DBAPIError | sqlite3.Error) -> StateError | None:
    original = error.orig if isinstance(error, DBAPIError) else error
    text, code = " ".join(str(original).split()), getattr(original, "sqlstate", None)
    is_file = not hasattr(original, "sqlstate")
    if code in _LOCKED or (is_file and isinstance(error, _OPERATIONAL) and _is_busy(text)):
        return StateLocked(f"{what} is locked by another process; stop that one or try again")
    if code in _DAMAGED or (isinstance(error, _DATABASE) and _is_torn(text)):
        return StateDamaged(f"{what} is damaged ({text}); restore it from a backup")
    if isinstance(error, (*_OPERATIONAL, *_INTERFACE)) or code in _REMEDIES:
        remedy = _REMEDY_FOR_FILES.get(text, "") if is_file else f"; {_remedy(text, code)}"
        kind = StateError if not is_file and _is_turned_away(text, code) else StateUnavailable
        return kind(f"{what} cannot be used: {text}{remedy}")
    return None


def _is_turned_away(text: str, code: str | None) -> bool:
    """Whether PostgreSQL refuses the login, so that waiting does not help. While connecting there is no SQLSTATE."""
    return code in _TURNED_AWAY or any(words in text for words in _TURNED_AWAY_TEXT)


def _is_busy(text: str) -> bool:
    return "locked" in text or "busy" in text


def _is_torn(text: str) -> bool:
    return "malformed" in text or "not a database" in text


def _remedy(text: str, code: str | None) -> str:
    unknown = (
        "3D000" if "does not exist" in text and "database" in text else None
    )  # no SQLSTATE while connecting
    refused = "28P01" if "password" in text else None
    return _REMEDIES.get(code or unknown or refused or "", _UNREACHABLE)
