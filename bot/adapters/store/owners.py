"""Owners of leases: the processes that claim, each known by a number, and whether they are still alive.

An owner holds locks that the system frees when it dies: a file, and on PostgreSQL also an advisory lock of a session of
its own, which other machines see. What a dead owner had claimed comes free at once; the time of the lease is only for one
that hangs, or a file system without locks.

The file also holds marks: the leases whose requests left, each written right before its request. The system keeps
what a process wrote when it is killed, though not when the power fails, so marks count until the machine starts again,
and on that machine.
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
"""An owner's number is so large that no two processes meet; it has room in a bigint."""

Dead = Mapping[int, frozenset[int] | None]
"""Owners that are certainly dead, with the leases whose requests had left them; None where nobody can tell."""


class Owner:
    """Owner of leases: this process. Without a lock of its own (an in-memory state) it is the only one."""

    def __init__(self) -> None:
        self.number = secrets.randbits(_RANDOM_BITS)

    def hold(self) -> int:
        """See to it that others can tell that this process lives; gives its number. Raises StateError."""
        return self.number

    def dead(self, numbers: Collection[int]) -> Dead:
        """Those of these owners that are certainly dead."""
        return dict.fromkeys(frozenset(numbers) - {self.number})

    def seen(self, numbers: Collection[int]) -> tuple[frozenset[int], Dead]:  # noqa: ARG002 - files have it
        """Those of these owners that certainly live, and those that certainly died, on this machine."""
        return frozenset(), {}

    def mark(self, lease: int) -> None:
        """Mark that a request under this lease leaves with the very next step. Raises StateError."""

    def unmark(self, leases: Iterable[int]) -> None:
        """Forget the marks of leases that ended."""

    def withdraw(self) -> None:
        """Give up the marks, of which one is missing. Raises StateUnavailable where somebody might still believe them."""

    def left_behind(self) -> frozenset[int]:
        """Owners that died and left something behind."""
        return frozenset()

    def sweep(self, numbers: Iterable[int]) -> None:
        """Remove what these owners left behind, whose leases have ended."""

    def close(self) -> None:
        """Let go: leases that are left come free."""


def owner_of(engine: Engine, folder: Path | None) -> Owner:
    """This process as an owner of leases on that state; its file lies beside a SQLite state, else in the folder."""
    if engine.dialect.name != "sqlite":
        name = hashlib.sha256(engine.url.render_as_string(hide_password=True).encode()).hexdigest()[:8]
        return SessionOwner(engine, FileOwner(folder / f"postgresql-{name}") if folder else Owner())
    state = state_file(engine)
    return FileOwner(state) if state else Owner()


_MARK = Struct("<Q")
_BOOT_BYTES = 64
_MARKS = 504
"""Places for marks that a file has from the beginning, more than requests are ever under way: it is one page."""


class FileOwner(Owner):
    """Owner with a locked file beside a state: which boot of the machine it is of, then its marks."""

    def __init__(self, state: Path) -> None:
        super().__init__()
        self._state = state
        self._file: int | None = None
        self._mutex = Lock()
        self._places: dict[int, int] = {}
        """By lease the place of its mark."""
        self._free = list(range(_MARKS))

    def hold(self) -> int:
        path = self._path(self.number)
        with self._mutex:
            if self._file is not None and not _is_in_place(self._file, path):  # somebody removed it
                os.close(self._file)
                self._file = None
            while self._file is None:
                self._file = self._made(path)
        return self.number

    def _made(self, path: Path) -> int | None:
        try:
            private_folder(path.parent)
        except OSError as error:
            raise StateUnavailable(f"{path.parent} cannot be made: {error.strerror}") from error
        file = _locked(path)
        if file is not None:
            try:
                os.pwrite(file, bytes(_MARKS * _MARK.size), _BOOT_BYTES)
                for lease, place in self._places.items():
                    _write_mark(file, place, lease)
                os.pwrite(file, _boot().ljust(_BOOT_BYTES, b"\0"), 0)  # last: from here on the marks count
            except OSError as error:
                os.close(file)
                raise StateUnavailable(f"{path} cannot be written: {error.strerror}") from error
        return file

    def dead(self, numbers: Collection[int]) -> Dead:
        others = {number: self._path(number) for number in numbers if number != self.number}
        return {number: _marks(path) for number, path in others.items() if _lock_of(path) in ("free", None)}

    def seen(self, numbers: Collection[int]) -> tuple[frozenset[int], Dead]:
        locks = {number: _lock_of(self._path(number)) for number in numbers}
        marks = {number: _marks(self._path(number)) for number, lock in locks.items() if lock == "free"}
        alive = frozenset(number for number, lock in locks.items() if lock == "held")
        return alive, {number: left for number, left in marks.items() if left is not None}

    def mark(self, lease: int) -> None:
        with self._mutex:
            place = self._free.pop() if self._free else len(self._places)
            self._places[lease] = place
            if self._file is not None:
                try:
                    _write_mark(self._file, place, lease)
                except OSError as error:
                    raise StateUnavailable(
                        f"the state's folder cannot be written: {error.strerror}"
                    ) from error

    def unmark(self, leases: Iterable[int]) -> None:
        # The mark of a lease that ended says nothing any more: it may stay until its place is taken.
        with self._mutex:
            self._free += [self._places.pop(lease) for lease in leases if lease in self._places]

    def left_behind(self) -> frozenset[int]:
        paths = self._state.parent.glob(f"{self._state.name}.{'[0-9a-f]' * 16}.owner")
        return frozenset(int(path.suffixes[-2][1:], 16) for path in paths if _lock_of(path) == "free")

    def sweep(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            _lock_of(self._path(number), remove=True)

    def withdraw(self) -> None:
        with self._mutex:
            if self._file is not None:
                try:
                    self._path(self.number).unlink(missing_ok=True)
                except OSError as error:
                    raise StateUnavailable(
                        f"{self._state.parent} cannot be written: {error.strerror}"
                    ) from error
                self._let_go(self._file)

    def close(self) -> None:
        with self._mutex:
            if self._file is not None:
                with suppress(OSError):
                    self._path(self.number).unlink(missing_ok=True)
                self._let_go(self._file)

    def _let_go(self, file: int) -> None:
        os.close(file)
        self._file = None

    def _path(self, number: int) -> Path:
        return self._state.with_name(f"{self._state.name}.{number:016x}.owner")


@cache
def _boot() -> bytes:
    """The name of this boot of the machine (Linux, random(4)); empty where the system has none."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_bytes().strip()
    return b""


def _write_mark(file: int, place: int, lease: int) -> None:
    os.pwrite(file, _MARK.pack(lease), _BOOT_BYTES + place * _MARK.size)


def _marks(path: Path) -> frozenset[int] | None:
    """The leases that are marked in an owner's file; None where that is gone, or was written before the machine's last start."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    boot, marks = content[:_BOOT_BYTES].rstrip(b"\0"), content[_BOOT_BYTES:]
    if not boot or boot != _boot() or len(marks) % _MARK.size:
        return None
    return frozenset(lease for (lease,) in _MARK.iter_unpack(marks))


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
        log.warning("owner.no_locks", extra={"error": error.strerror})
        return file
    if _is_in_place(file, path):
        return file
    os.close(file)
    return None


def _is_in_place(file: int, path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file), path.stat())
    return False


def _lock_of(path: Path, *, remove: bool = False) -> Literal["held", "free", "unknown"] | None:
    """Whether a process holds the file; None where there is none. A free one may be removed."""
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
    """Owner with an advisory lock of a PostgreSQL session, which a thread keeps, and a file for processes on its machine."""

    def __init__(self, engine: Engine, file: Owner) -> None:
        super().__init__()
        self.number = file.number
        self.patience = PATIENCE
        self._engine = engine
        self._file = file
        self._file_fails = False
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
        try:
            self._file.hold()
            self._file_fails = False
        except StateError as error:  # others then call uncertain what this process had begun when it died
            if not self._file_fails:
                log.warning("owner.no_file", extra={"error": str(error)})
            self._file_fails = True
        return self.number

    def dead(self, numbers: Collection[int]) -> Dead:
        others = frozenset(numbers) - {self.number}
        alive, dead = self._file.seen(others)
        return {**dead, **dict.fromkeys(self._unlocked(others - alive - dead.keys()))}

    def _unlocked(self, numbers: Collection[int]) -> list[int]:
        """Those of these owners without a lock for longer than the patience lasts."""
        if not numbers:
            self._missing = {}
            return []
        with reading(self._engine) as connection:
            unlocked = set(connection.exec_driver_sql(_UNLOCKED, (sorted(numbers),)).scalars())
        now = time.monotonic()
        self._missing = {number: self._missing.get(number, now) for number in unlocked}
        return [
            number for number, since in self._missing.items() if now - since >= self.patience.total_seconds()
        ]

    def mark(self, lease: int) -> None:
        try:
            self._file.mark(lease)
        except StateUnavailable:
            self._file.withdraw()

    def unmark(self, leases: Iterable[int]) -> None:
        self._file.unmark(leases)

    def left_behind(self) -> frozenset[int]:
        return self._file.left_behind()

    def sweep(self, numbers: Iterable[int]) -> None:
        self._file.sweep(numbers)

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._file.close()

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
                log.debug("owner.interrupted", extra={"error": " ".join(str(error).split())})
                if session is not None:
                    session.close()
                session = None
        if session is not None:
            session.close()
