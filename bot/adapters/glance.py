"""A glance at a SQLite state tells whether there is anything to do at all.

Answers from the file alone, with nothing but the standard library, so that a `once` that has nothing to do
ends before the database toolkit is even loaded. Whenever the glance is not sure, it says no.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.adapters.store_version import CONFIGURATION, DROPPED, HEAD, STATES

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_ANYTHING_TO_DO = f"""
SELECT EXISTS (SELECT 1 FROM targets WHERE ready_at <= :now AND suspended IS NULL)
    OR EXISTS (SELECT 1 FROM targets WHERE lease_until IS NOT NULL)
    OR EXISTS (SELECT 1 FROM subscribers WHERE registered_at IS NOT NULL AND onboarded = 0)
    OR EXISTS (SELECT 1 FROM cards WHERE due_at <= :now + 172800000000)
    OR EXISTS (SELECT 1 FROM planning_runs WHERE done_at IS NULL)
    OR EXISTS (SELECT 1 FROM updates WHERE taken_at IS NULL)
    OR EXISTS (SELECT 1 FROM files WHERE error IS NOT NULL)
    OR EXISTS (SELECT 1 FROM deliveries WHERE state IN ({STATES["uncertain"]}, {STATES["dead"]}) AND error IS NOT :dropped)
"""  # noqa: S608 - the codes are our own


def nothing_to_do(state: Path, *, files: Mapping[str, str], configuration: str, now: datetime) -> bool:
    """True where the state has taken in exactly these files (name to SHA-256, all of them known) under this
    configuration, nothing is due, nobody waits to be met, and nothing needs a look.
    """
    if not state.is_file():
        return False
    try:
        with closing(
            sqlite3.connect(f"{state.absolute().as_uri()}?mode=ro", uri=True, timeout=0)
        ) as connection:
            return _settled(connection, files, configuration, now)
    except sqlite3.Error:
        return False


def _settled(
    connection: sqlite3.Connection, files: Mapping[str, str], configuration: str, now: datetime
) -> bool:
    def one(query: str, **values: object) -> object:
        row = connection.execute(query, values).fetchone()
        return row[0] if row else None

    known = dict(connection.execute("SELECT name, sha256 FROM files"))
    return (
        one("SELECT version_num FROM alembic_version") == HEAD
        and one("SELECT value FROM meta WHERE key = :key", key=CONFIGURATION) == configuration
        and all(known.get(name) == sha256 for name, sha256 in files.items())
        and not one(_ANYTHING_TO_DO, dropped=DROPPED, now=(now - _EPOCH) // timedelta(microseconds=1))
    )
