"""Thinning: old messages and updates lose what nobody asks for any more."""

import logging
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, delete, update

from bot.adapters.store.columns import micros
from bot.adapters.store.engine import reading, writing
from bot.adapters.store.places import hold, refresh_ready
from bot.adapters.store.schema import files, updates
from bot.adapters.store.statements import Statement, chunks
from bot.adapters.store_version import STATES
from bot.domain.errors import StateDamaged, StateError
from bot.pipeline.ports import Upkeep
from bot.pipeline.ports.upkeep import Waits

_OLD = Statement(
    "SELECT number FROM batches WHERE created_at < :before AND NOT EXISTS"
    " (SELECT 1 FROM deliveries AS one WHERE one.batch = batches.number"
    " AND (one.settled_at IS NULL OR one.settled_at >= :before"
    " OR one.state NOT IN ({sent}, {merged}, {limited})"
    # what the daily limit kept out is still to be named by the message that comes next
    " OR one.state = {limited} AND batches.message IS NULL)) LIMIT :most".format(**STATES)
)
_FORGET = Statement(
    "UPDATE deliveries SET batch = NULL, place = NULL, error = NULL"
    " WHERE batch IS NOT NULL AND batch = ANY(:messages)"
)
_DROP = Statement("DELETE FROM batches WHERE number = ANY(:messages)")


class StoredUpkeep:
    """See the port for what each method promises."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def thin_messages(self, before: datetime, limit: int) -> int:
        with writing(self._engine, alone=True) as connection:
            old = _OLD.run(connection, before=micros(before), most=limit).scalars().all()
            if old:
                _FORGET.run(connection, messages=list(old))
                _DROP.run(connection, messages=list(old))
        return len(old)

    def thin_updates(self, before: datetime) -> int:
        with writing(self._engine) as connection:
            return connection.execute(
                update(updates).where(updates.c.taken_at < before, updates.c.body != "").values(body="")
            ).rowcount

    def forget_unreadable(self, names: Sequence[str]) -> None:
        with writing(self._engine) as connection:
            for chunk in chunks(names):
                connection.execute(delete(files).where(files.c.name.in_(chunk), files.c.error.is_not(None)))


_TOO_FAR = Statement(
    "SELECT key FROM targets WHERE wait_until > :longest AND lease_until IS NULL AND NOT EXISTS"
    # a message that was tried may have been told to wait for any time
    " (SELECT 1 FROM deliveries AS one WHERE one.target = targets.number"
    " AND one.settled_at IS NULL AND one.attempts > 0)"
)
_CUT = Statement("UPDATE targets SET wait_until = :longest WHERE key = ANY(:places)")


class StoredWaits:
    """See the port for what each method promises."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def cut_waits(self, now: datetime, longest: timedelta) -> int:
        until = micros(now + longest)
        with reading(self._engine) as connection:  # most often there is nothing to write
            places = list(_TOO_FAR.run(connection, longest=until).scalars())
        if not places:
            return 0
        with writing(self._engine) as connection:
            hold(connection, places)
            still = set(_TOO_FAR.run(connection, longest=until).scalars())
            places = [place for place in places if place in still]
            _CUT.run(connection, longest=until, places=places)
            refresh_ready(connection, places)
        return len(places)


def back_up(state: Path, to: Path) -> int:
    """Copy the state into one file, whole or not at all, and say how many bytes it has.

    A file that is there already is replaced only by a copy that was looked through. Raises StateError.
    """
    if not state.is_file():
        raise StateError(f"{state}: there is no state to copy yet")
    made = to.with_name(f".{to.name}.{os.getpid()}.part")
    try:
        _copy(state, made)
        size = made.stat().st_size
        _keep(made, to)
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


def _keep(made: Path, to: Path) -> None:
    with made.open("rb") as whole:
        os.fsync(whole.fileno())
    made.replace(to)
    folder = os.open(to.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


log = logging.getLogger(__name__)

MESSAGES_KEPT = timedelta(days=90)
"""So long a message can still be edited, replied to with a quiz and asked for more."""
UPDATES_KEPT = timedelta(days=30)
LONGEST_PACE = timedelta(minutes=2)
"""No place waits for longer because of what was sent to it: the longest window is a minute."""
_AT_A_TIME = 1_000
"""Messages in one transaction, so that nobody waits for long."""


def thin(upkeep: Upkeep, now: datetime) -> int:
    """Forget what is old, and say how many messages that were; safe to stop anywhere and to repeat."""
    total = 0
    while count := upkeep.thin_messages(now - MESSAGES_KEPT, _AT_A_TIME):
        total += count
    updates = upkeep.thin_updates(now - UPDATES_KEPT)
    if total or updates:
        log.info("state.thinned", extra={"messages": total, "updates": updates})
    return total


def mind_the_clock(waits: Waits, now: datetime) -> int:
    """Where the clock was set back, let no place wait for what was a second away before; how many did."""
    cut = waits.cut_waits(now, LONGEST_PACE)
    if cut:
        log.warning("places.waits_cut", extra={"places": cut})
    return cut
