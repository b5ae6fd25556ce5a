"""Opening the state: the connection's settings, who may write meanwhile, and the schema's version."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import QueuePool

from bot.adapters.drafts import draft_of, private_folder
from bot.adapters.store import postgresql
from bot.adapters.store.columns import metadata
from bot.adapters.store.schema import deliveries, meta
from bot.adapters.store.statements import driver
from bot.adapters.store.translation import translated
from bot.adapters.store_version import HEAD
from bot.domain.errors import StateDamaged, StateError, StateTooNew

PATIENCE = timedelta(seconds=10)
"""How long another process may hold the state before we give up."""
_TRY_AGAIN = 0.02
"""Seconds."""
_MIGRATIONS = Path(__file__).parent / "migrations"


def open_engine(url: str, patience: timedelta = PATIENCE) -> Engine:
    """An engine on the state at `url`, its schema brought up to date; raises StateError."""
    parsed = make_url(url)
    is_file = parsed.drivername.startswith("sqlite")
    engine = _sqlite_engine(parsed, patience) if is_file else postgresql.engine(parsed, patience)
    try:
        with translated(parsed.render_as_string(hide_password=True)):
            _bring_up_to_date(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _sqlite_engine(url: URL, patience: timedelta) -> Engine:
    if url.database and url.database != ":memory:":
        _prepare_file(Path(url.database))
    engine = create_engine(
        url,
        poolclass=QueuePool,
        connect_args={"timeout": patience.total_seconds(), "check_same_thread": False},
    )
    event.listen(engine, "connect", lambda connection, _record: _settle_connection(connection, patience))
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
        raise StateError(f"{state}: the folder cannot be made: {error.strerror}") from error
    try:
        if not state.exists():
            _make_file(state)
        if not state.stat().st_size:
            raise StateDamaged(
                f"{state} is empty, so the state was lost; restore it from a backup, or remove the file to begin anew"
            )
    except OSError as error:
        raise StateError(f"{state}: the state cannot be made or seen there: {error.strerror}") from error


def _make_file(state: Path) -> None:
    draft = draft_of(state)
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with closing(sqlite3.connect(draft)) as connection:
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


_PRAGMAS = (
    "synchronous=FULL",
    "foreign_keys=ON",
    "temp_store=MEMORY",
    "cache_size=-65536",  # 64 MB: the indices that every row touches stay at hand
    "wal_autocheckpoint=4000",  # pages: the same ones change again and again, and are copied back once
)


def _settle_connection(connection: Any, patience: timedelta) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, so that writers queue at once
    cursor = connection.cursor()
    _write_ahead(cursor, patience)
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _write_ahead(cursor: sqlite3.Cursor, patience: timedelta) -> None:
    """Switch the journal. Those who make a state at the same time get into each other's way here, and
    SQLite does not always wait by itself.
    """
    give_up = time.monotonic() + patience.total_seconds()
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= give_up:
                raise
            time.sleep(_TRY_AGAIN)
        else:
            return


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    driver(connection).execute("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def writing(engine: Engine, *, alone: bool = False) -> Iterator[Connection]:
    """A transaction that may write; stored when the block ends, forgotten when it raises.

    On SQLite nobody else writes meanwhile. On PostgreSQL several do, which must agree among each other
    about the rows they touch; with `alone` all others wait, here as well.
    """
    with translated(), engine.connect().execution_options(writes=True) as connection, connection.begin():
        if engine.dialect.name != "sqlite":
            postgresql.queue(connection, alone=alone)
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one moment of the state."""
    options = {} if engine.dialect.name == "sqlite" else postgresql.SNAPSHOT
    with translated(), engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


def _bring_up_to_date(engine: Engine) -> None:
    with engine.connect() as connection, connection.begin():
        if _version(connection) == HEAD:
            return  # without waiting for those who write
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if engine.dialect.name != "sqlite":
            postgresql.queue(connection, alone=True)  # machines that start at once migrate once
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
    """A new state straight from the tables, without loading alembic; the migrations lead to the same."""
    metadata.create_all(connection)
    connection.exec_driver_sql(
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
        "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
    )
    connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{HEAD}')")


def _known_versions() -> set[str]:
    return {path.name.split("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py")}


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
