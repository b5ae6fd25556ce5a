"""The papers of a SQLite state, read with nothing but the standard library.

What only looks at papers need not wait until the database toolkit is loaded. Whenever the state is not just
as expected, the answer is None, and the store itself is to be asked, which brings it up to date or says why not.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

from bot.adapters.paper_codec import paper_of, searchable
from bot.pipeline.ports import Sifted

_VERSIONS = Path(__file__).parent / "store" / "migrations" / "versions"
_NEWEST = "SELECT max(date) FROM digests"
_OLDEST = "SELECT min(date) FROM papers WHERE date >= ?"
_PAPERS = """
SELECT id, content FROM papers WHERE date >= ? OR date IS NULL ORDER BY date DESC NULLS LAST, position
"""


def glance_at_papers(state: Path, days: int, wanted: Callable[[str], bool]) -> Sifted | None:
    """What `Records.sift` gives; None where the store is to be asked."""
    if not state.is_file():
        return None
    try:
        with closing(
            sqlite3.connect(f"{state.absolute().as_uri()}?mode=ro", uri=True, timeout=0)
        ) as connection:
            if connection.execute("SELECT version_num FROM alembic_version").fetchone() != (_head(),):
                return None
            return _sift(connection, days, wanted)
    except sqlite3.Error:
        return None


def _sift(connection: sqlite3.Connection, days: int, wanted: Callable[[str], bool]) -> Sifted:
    newest = _day(connection.execute(_NEWEST).fetchone()[0])
    since = (first_day(newest, days).isoformat(),)
    papers = []
    searched = 0
    for paper_id, content in connection.execute(_PAPERS, since):
        searched += 1
        text = searchable(content)
        if text is None or wanted(text):
            papers.append(paper_of(paper_id, content))
    oldest = _day(connection.execute(_OLDEST, since).fetchone()[0])
    return Sifted(newest=newest, oldest=oldest, searched=searched, papers=tuple(papers))


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def first_day(newest: date | None, days: int) -> date:
    """The first of so many days that end with the newest one."""
    if newest is None or days >= newest.toordinal():
        return date.min
    return newest - timedelta(days=days - 1)


def _head() -> str:
    """The newest schema version; `store.schema` has it too, but loads the toolkit."""
    return max(path.name.partition("_")[0] for path in _VERSIONS.glob("[0-9]*.py"))
