"""Owners of leases: the processes that claim, each with a number, and whether they are still alive.

An owner holds locks that the system releases when it dies: a file, and on PostgreSQL also an advisory lock in a session
of its own, which other machines can see. Claims of a dead owner come free at once; a lease only has to expire where its
owner hangs or the file system has no locks.

The file also holds marks: the leases whose requests were sent, each written right before its request. What a process has
written survives its death, though not a power failure, so marks count only on that machine and until it reboots.
"""

import fcntl
import hashlib
import logging
import os
import secrets
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import cache
from pathlib import Path
from struct import Struct
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Engine

from bot.adapters.atomic_file import private_folder
from bot.adapters.store.engine import foreign_errors, own_session, reading, state_file, translated
from bot.domain.errors import StateError, StateUnavailable

if TYPE_CHECKING:
    from psycopg import Connection

log = logging.getLogger(__name__)

_RANDOM_BITS = 61
"""Owners have random numbers, large enough that no two processes collide; they fit a bigint."""

DeadOwners = Mapping[int, frozenset[int] | None]
"""By number the owners that are certainly dead, with the leases whose requests were sent; None where that is not known."""


class Owner:
    """This process as the owner of leases. This base class is for an in-memory state, which has no other owner."""

    def __init__(self) -> None:
        self.number = secrets.randbits(_RANDOM_BITS)

    def acquire(self) -> int:
        """Acquire the locks by which others see that this process lives; gives its number. Raises StateError."""
        return self.number

    def find_dead(self, numbers: Collection[int]) -> DeadOwners:
        """Those of these owners that are certainly dead."""
        return dict.fromkeys(frozenset(numbers) - {self.number})

    def find_on_machine(self, numbers: Collection[int]) -> tuple[frozenset[int], DeadOwners]:  # noqa: ARG002 - files have it
        """(those that certainly live, those that certainly died) of these owners, as far as they ran on this machine."""
        return frozenset(), {}

    def mark(self, lease: int) -> None:
        """Mark that the next step sends a request under this lease. Raises StateError."""

    def unmark(self, leases: Iterable[int]) -> None:
        """Drop the marks of leases that ended."""

    def withdraw_marks(self) -> None:
        """Withdraw all marks, after one could not be written. Raises StateUnavailable where others may still read them."""

    def abandoned(self) -> frozenset[int]:
        """Dead owners whose files are still there."""
        return frozenset()

    def sweep(self, numbers: Iterable[int]) -> None:
        """Remove the files of these owners, whose leases have ended."""

    def close(self) -> None:
        """Release the locks; remaining leases come free."""


def owner_of(engine: Engine, folder: Path | None) -> Owner:
    """This process as the owner of leases on that state; its file is beside a SQLite state, else in the folder."""
    if engine.dialect.name != "sqlite":
        name = hashlib.sha256(engine.url.render_as_string(hide_password=True).encode()).hexdigest()[:8]
        return SessionOwner(engine, FileOwner(folder / f"postgresql-{name}") if folder else Owner())
    state = state_file(engine)
    return FileOwner(state) if state else Owner()


_MARK = Struct("<Q")
_BOOT_BYTES = 64
_MARKS = 504
"""Initial room for marks, more than there are ever requests at a time: with it the file is one page."""


class FileOwner(Owner):
    """Owner with a locked file beside a state, which holds the id of the machine's boot and then the marks."""

    def __init__(self, state: Path) -> None:
        super().__init__()
        self._state = state
        self._file: int | None = None
        self._mutex = Lock()
        self._positions: dict[int, int] = {}
        """By lease: the position of its mark in the file."""
        self._free_positions = list(range(_MARKS))

    def acquire(self) -> int:
        path = self._path(self.number)
        with self._mutex:
            if self._file is not None and not _is_still_at(self._file, path):  # somebody removed it
                os.close(self._file)
                self._file = None
            while self._file is None:
                self._file = self._make_file(path)
        return self.number

    def _make_file(self, path: Path) -> int | None:
        try:
            private_folder(path.parent)
        except OSError as error:
            raise StateUnavailable(f"{path.parent} cannot be made: {error.strerror}") from error
        file = _open_locked(path)
        if file is not None:
            try:
                os.pwrite(file, bytes(_MARKS * _MARK.size), _BOOT_BYTES)
                for lease, position in self._positions.items():
                    _write_mark(file, position, lease)
                os.pwrite(file, _boot_id().ljust(_BOOT_BYTES, b"\0"), 0)  # last: with it the marks count
            except OSError as error:
                os.close(file)
                raise StateUnavailable(f"{path} cannot be written: {error.strerror}") from error
        return file

    def find_dead(self, numbers: Collection[int]) -> DeadOwners:
        others = {number: self._path(number) for number in numbers if number != self.number}
        return {
            number: _marks(path) for number, path in others.items() if _lock_state(path) in ("free", None)
        }

    def find_on_machine(self, numbers: Collection[int]) -> tuple[frozenset[int], DeadOwners]:
        locks = {number: _lock_state(self._path(number)) for number in numbers}
        marks = {number: _marks(self._path(number)) for number, lock in locks.items() if lock == "free"}
        alive = frozenset(number for number, lock in locks.items() if lock == "held")
        return alive, {number: left for number, left in marks.items() if left is not None}

    def mark(self, lease: int) -> None:
        with self._mutex:
            position = self._free_positions.pop() if self._free_positions else len(self._positions)
            self._positions[lease] = position
            if self._file is not None:
                try:
                    _write_mark(self._file, position, lease)
                except OSError as error:
                    raise StateUnavailable(
                        f"the state's folder cannot be written: {error.strerror}"
                    ) from error

    def unmark(self, leases: Iterable[int]) -> None:
        # The mark of an ended lease has no effect, so it may stay until its position is reused.
        with self._mutex:
            self._free_positions += [
                self._positions.pop(lease) for lease in leases if lease in self._positions
            ]

    def abandoned(self) -> frozenset[int]:
        paths = self._state.parent.glob(f"{self._state.name}.{'[0-9a-f]' * 16}.owner")
        return frozenset(int(path.suffixes[-2][1:], 16) for path in paths if _lock_state(path) == "free")

    def sweep(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            _lock_state(self._path(number), remove=True)

    def withdraw_marks(self) -> None:
        with self._mutex:
            if self._file is not None:
                try:
                    self._path(self.number).unlink(missing_ok=True)
                except OSError as error:
                    raise StateUnavailable(
                        f"{self._state.parent} cannot be written: {error.strerror}"
                    ) from error
                self._close_file(self._file)

    def close(self) -> None:
        with self._mutex:
            if self._file is not None:
                with suppress(OSError):
                    self._path(self.number).unlink(missing_ok=True)
                self._close_file(self._file)

    def _close_file(self, file: int) -> None:
        os.close(file)
        self._file = None

    def _path(self, number: int) -> Path:
        return self._state.with_name(f"{self._state.name}.{number:016x}.owner")


@cache
def _boot_id() -> bytes:
    """Id of the machine's current boot (Linux, random(4)); empty where the system has none."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_bytes().strip()
    return b""


def _write_mark(file: int, position: int, lease: int) -> None:
    os.pwrite(file, _MARK.pack(lease), _BOOT_BYTES + position * _MARK.size)


def _marks(path: Path) -> frozenset[int] | None:
    """The leases marked in an owner's file; None where the file is gone, or was written before the last reboot."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    boot, marks = content[:_BOOT_BYTES].rstrip(b"\0"), content[_BOOT_BYTES:]
    if not boot or boot != _boot_id() or len(marks) % _MARK.size:
        return None
    return frozenset(lease for (lease,) in _MARK.iter_unpack(marks))


def _open_locked(path: Path) -> int | None:
    """The file, made and locked; None where another process took it for abandoned and locked or removed it meanwhile."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateError(f"{path} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    except OSError as error:  # a file system without locks: leases only end when they expire
        log.warning("owner.no_locks", extra={"error": error.strerror})
        return file
    if _is_still_at(file, path):
        return file
    os.close(file)
    return None


def _is_still_at(file: int, path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file), path.stat())
    return False


def _lock_state(path: Path, *, remove: bool = False) -> Literal["held", "free", "unknown"] | None:
    """Whether a process has locked the file; None where there is no file. With `remove` a free one is removed."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError:
        return "unknown"
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if remove else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        if remove:
            path.unlink(missing_ok=True)
    except BlockingIOError:
        return "held"
    except OSError:
        return "unknown"
    finally:
        os.close(file)
    return "free"


_PULSE = timedelta(seconds=1)
"""Interval at which an owner checks its session."""
_PATIENCE = timedelta(seconds=3)
"""Time without its lock after which an owner counts as dead: after a restart of the server it needs a new session."""
_UNLOCKED = (
    "SELECT given.number FROM unnest(%s::bigint[]) AS given(number) WHERE NOT EXISTS"
    " (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND classid = (given.number >> 32)::oid AND objid = (given.number & 4294967295)::oid)"
)
"""Those of the given numbers on which no session holds a lock (PostgreSQL, "pg_locks": a bigint is shown as two halves)."""


class SessionOwner(Owner):
    """Owner with an advisory lock in a PostgreSQL session, which a thread keeps open, and a file for processes on its machine."""

    def __init__(self, engine: Engine, file: Owner) -> None:
        super().__init__()
        self.number = file.number
        self.patience = _PATIENCE
        self._engine = engine
        self._file = file
        self._file_fails = False
        self._stop = Event()
        self._thread: Thread | None = None
        self._mutex = Lock()
        self._unlocked_since: dict[int, float] = {}
        """By owner: the time since which it has been without its lock."""

    def acquire(self) -> int:
        with self._mutex:
            if self._thread is None:
                with translated():
                    session = self._open_session()
                self._thread = Thread(
                    target=self._keep_session, args=(session,), name="lease owner", daemon=True
                )
                self._thread.start()
        try:
            self._file.acquire()
            self._file_fails = False
        except StateError as error:  # without a file, what was begun becomes uncertain if this process dies
            if not self._file_fails:
                log.warning("owner.no_file", extra={"error": str(error)})
            self._file_fails = True
        return self.number

    def find_dead(self, numbers: Collection[int]) -> DeadOwners:
        others = frozenset(numbers) - {self.number}
        alive, dead = self._file.find_on_machine(others)
        return {**dead, **dict.fromkeys(self._unlocked(others - alive - dead.keys()))}

    def _unlocked(self, numbers: Collection[int]) -> list[int]:
        """Those of these owners that have been without a lock for longer than the patience."""
        if not numbers:
            self._unlocked_since = {}
            return []
        with reading(self._engine) as connection:
            unlocked = set(connection.exec_driver_sql(_UNLOCKED, (sorted(numbers),)).scalars())
        now = time.monotonic()
        self._unlocked_since = {number: self._unlocked_since.get(number, now) for number in unlocked}
        return [
            number
            for number, since in self._unlocked_since.items()
            if now - since >= self.patience.total_seconds()
        ]

    def mark(self, lease: int) -> None:
        try:
            self._file.mark(lease)
        except StateUnavailable:
            self._file.withdraw_marks()

    def unmark(self, leases: Iterable[int]) -> None:
        self._file.unmark(leases)

    def abandoned(self) -> frozenset[int]:
        return self._file.abandoned()

    def sweep(self, numbers: Iterable[int]) -> None:
        self._file.sweep(numbers)

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._file.close()

    def _open_session(self) -> "Connection[Any]":
        """A session that holds the lock; waits until the server has released that of an earlier session."""
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

    def _keep_session(self, session: "Connection[Any] | None") -> None:
        while not self._stop.wait(_PULSE.total_seconds()):
            try:
                if session is None:
                    session = self._open_session()
                session.execute("SELECT 1")
            except foreign_errors() as error:
                log.debug("owner.interrupted", extra={"error": " ".join(str(error).split())})
                if session is not None:
                    session.close()
                session = None
        if session is not None:
            session.close()
