"""Owners of leases: the processes that claim, each known by a number, and whether they are still alive.

An owner holds a lock that the system frees when it dies: beside a SQLite state a locked file, on PostgreSQL an
advisory lock of a session of its own. What a dead owner had claimed comes free at once; the time of the lease is only
for one that hangs, or a file system without locks.
"""

import fcntl
import logging
import os
import secrets
import time
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

from bot.adapters.store.engine import foreign_errors, own_session, reading, translated
from bot.domain.errors import StateError

if TYPE_CHECKING:
    from psycopg import Connection

_log = logging.getLogger(__name__)

_RANDOM_BITS = 61
"""An owner's number is so large that no two processes meet; it has room in a bigint."""


class Owner:
    """Owner of leases: this process. Without a lock of its own (an in-memory state) it is the only one."""

    def __init__(self) -> None:
        self.number = secrets.randbits(_RANDOM_BITS)

    def hold(self) -> int:
        """See to it that others can tell that this process lives; gives its number. Raises StateError."""
        return self.number

    def dead(self, numbers: Collection[int]) -> frozenset[int]:
        """Those of these owners that are certainly dead."""
        return frozenset(numbers) - {self.number}

    def close(self) -> None:
        """Let go: leases that are left come free."""


def owner_of(engine: Engine) -> Owner:
    """This process as an owner of leases on that state."""
    if engine.dialect.name != "sqlite":
        return SessionOwner(engine)
    state = engine.url.database
    return FileOwner(Path(state)) if state and state != ":memory:" else Owner()


class FileOwner(Owner):
    """Owner with a locked file beside a SQLite state."""

    def __init__(self, state: Path) -> None:
        super().__init__()
        self._state = state
        self._file: int | None = None
        self._mutex = Lock()

    def hold(self) -> int:
        path = self._path(self.number)
        with self._mutex:
            if self._file is None:
                self._sweep()
            elif not _is_in_place(self._file, path):  # somebody removed it
                os.close(self._file)
                self._file = None
            while self._file is None:
                self._file = _locked(path)
        return self.number

    def dead(self, numbers: Collection[int]) -> frozenset[int]:
        return frozenset(
            number for number in numbers if number != self.number and _is_free(self._path(number))
        )

    def close(self) -> None:
        with self._mutex:
            if self._file is not None:
                self._path(self.number).unlink(missing_ok=True)
                os.close(self._file)
                self._file = None

    def _path(self, number: int) -> Path:
        return self._state.with_name(f"{self._state.name}.{number:016x}.owner")

    def _sweep(self) -> None:
        """Remove the files of owners that died."""
        for path in self._state.parent.glob(f"{self._state.name}.*.owner"):
            _is_free(path)


def _locked(path: Path) -> int | None:
    """The file of that name, made and locked; None where somebody who sweeps took it for left behind meanwhile."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateError(f"{path} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    except OSError as error:  # a file system without locks: nobody can tell, the time of the leases decides
        _log.warning("owner.no_locks", extra={"error": error.strerror})
        return file
    if _is_in_place(file, path):
        return file
    os.close(file)
    return None


def _is_in_place(file: int, path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file), path.stat())
    return False


def _is_free(path: Path) -> bool:
    """True where no process holds the file, which then is removed; False also where nobody can tell."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except OSError:
        return False
    finally:
        os.close(file)
    return True


_PULSE = timedelta(seconds=1)
"""How often an owner looks whether its session is still there."""
PATIENCE = timedelta(seconds=3)
"""For so long an owner must have been without its lock: its session may have ended with the server, and is made anew."""
_UNLOCKED = (
    "SELECT given.number FROM unnest(%s::bigint[]) AS given(number) WHERE NOT EXISTS"
    " (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND classid = (given.number >> 32)::oid AND objid = (given.number & 4294967295)::oid)"
)
"""Those of these numbers under which no session holds a lock (PostgreSQL, "pg_locks": a bigint is kept in two halves)."""


class SessionOwner(Owner):
    """Owner with an advisory lock of a PostgreSQL session, which a thread keeps."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.patience = PATIENCE
        self._engine = engine
        self._stop = Event()
        self._thread: Thread | None = None
        self._mutex = Lock()
        self._missing: dict[int, float] = {}
        """Since when each of the owners was seen without its lock."""

    def hold(self) -> int:
        with self._mutex:
            if self._thread is None:
                with translated():
                    session = self._open()
                self._thread = Thread(target=self._keep, args=(session,), name="lease owner", daemon=True)
                self._thread.start()
        return self.number

    def dead(self, numbers: Collection[int]) -> frozenset[int]:
        others = sorted(frozenset(numbers) - {self.number})
        if not others:
            self._missing = {}
            return frozenset()
        with reading(self._engine) as connection:
            unlocked = set(connection.exec_driver_sql(_UNLOCKED, (others,)).scalars())
        now = time.monotonic()
        self._missing = {number: self._missing.get(number, now) for number in unlocked}
        return frozenset(
            number for number, since in self._missing.items() if now - since >= self.patience.total_seconds()
        )

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _open(self) -> "Connection[Any]":
        """A session that has the lock, as soon as the server let go of the one before."""
        session = own_session(self._engine)
        try:
            while not session.execute("SELECT pg_try_advisory_lock(%s::bigint)", (self.number,)).fetchone()[
                0
            ]:  # type: ignore[index]
                if self._stop.wait(_PULSE.total_seconds()):
                    break
        except BaseException:
            session.close()
            raise
        return session

    def _keep(self, session: "Connection[Any] | None") -> None:
        while not self._stop.wait(_PULSE.total_seconds()):
            try:
                if session is None:
                    session = self._open()
                session.execute("SELECT 1")
            except foreign_errors() as error:
                _log.debug("owner.interrupted", extra={"error": " ".join(str(error).split())})
                if session is not None:
                    session.close()
                session = None
        if session is not None:
            session.close()
