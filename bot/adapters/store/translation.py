"""Foreign errors of the database as StateErrors, at the border of the room."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from bot.domain.errors import StateDamaged, StateError, StateLocked

_LOCKED = frozenset({"55P03", "40P01", "40001"})
"""PostgreSQL's lock_not_available, deadlock_detected and serialization_failure."""
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
}
"""By what SQLite says (3.40 to 3.53)."""
_UNREACHABLE = "see that the server runs and can be reached from here"
_DATABASE = (DatabaseError, sqlite3.DatabaseError)
_OPERATIONAL = (OperationalError, sqlite3.OperationalError)
_INTERFACE = (InterfaceError, sqlite3.InterfaceError)
"""SQLAlchemy's errors, and those of SQLite's driver where that is asked without SQLAlchemy."""


@contextmanager
def translated(what: str = "the state") -> Iterator[None]:
    """Foreign errors of the database as StateErrors; faults in our own SQL stay what they are."""
    try:
        yield
    except PoolExhausted as error:
        raise StateLocked(f"{what} is too busy: no connection came free; try again") from error
    except (DBAPIError, sqlite3.Error) as error:
        ours = _state_error(what, error)
        if ours is None:
            raise
        raise ours from error


def _state_error(what: str, error: DBAPIError | sqlite3.Error) -> StateError | None:
    told = error.orig if isinstance(error, DBAPIError) else error
    said, code = " ".join(str(told).split()), getattr(told, "sqlstate", None)
    is_file = not hasattr(told, "sqlstate")
    if code in _LOCKED or (is_file and isinstance(error, _OPERATIONAL) and _is_busy(said)):
        return StateLocked(f"{what} is locked by another process; stop that one or try again")
    if code in _DAMAGED or (isinstance(error, _DATABASE) and _is_torn(said)):
        return StateDamaged(f"{what} is damaged ({said}); restore it from a backup")
    if isinstance(error, (*_OPERATIONAL, *_INTERFACE)) or code in _REMEDIES:
        remedy = _REMEDY_FOR_FILES.get(said, "") if is_file else f"; {_remedy(said, code)}"
        return StateError(f"{what} cannot be used: {said}{remedy}")
    return None


def _is_busy(said: str) -> bool:
    return "locked" in said or "busy" in said


def _is_torn(said: str) -> bool:
    return "malformed" in said or "not a database" in said


def _remedy(said: str, code: str | None) -> str:
    unknown = "3D000" if "does not exist" in said and "database" in said else None  # not told when connecting
    refused = "28P01" if "password" in said else None
    return _REMEDIES.get(code or unknown or refused or "", _UNREACHABLE)
