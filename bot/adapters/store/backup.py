"""A copy of a SQLite state while others read and write it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from bot.adapters import atomic_file
from bot.domain.errors import StateDamaged, StateError


def back_up(state: Path, to: Path) -> int:
    """Copy the state into one file, whole or not at all, and say how many bytes it has.

    A file that is there already is replaced only by a copy that was looked through. Raises StateError.
    """
    if not state.is_file():
        raise StateError(f"{state}: there is no state to copy yet")
    made = atomic_file.draft_of(to)
    try:
        _copy(state, made)
        size = made.stat().st_size
        atomic_file.put_in_place(made, to)
    except sqlite3.OperationalError as error:
        raise StateError(f"{state} cannot be copied to {to}: {error}; nothing was written") from error
    except sqlite3.DatabaseError as error:
        raise StateDamaged(f"{state} cannot be copied whole ({error}); nothing was written") from error
    except OSError as error:
        raise StateError(
            f"{to} cannot be written: {error.strerror}; name a file in a folder that is there and writable"
        ) from error
    finally:
        made.unlink(missing_ok=True)
    return size


def _copy(state: Path, made: Path) -> None:
    made.touch(mode=0o600, exist_ok=False)
    with (
        closing(sqlite3.connect(f"{state.absolute().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(made)) as copy,
    ):
        source.backup(copy)  # in one step: one moment of the state, and writers go on meanwhile
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, with nothing beside it
        said = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        if said != "ok":
            raise StateDamaged(f"{state} is damaged ({said}); nothing was written")
