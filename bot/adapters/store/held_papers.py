"""Papers held ready in memory, so that the same ones need not be read and taken apart for each message and feed."""

from threading import Lock

from sqlalchemy import Connection

from bot.adapters.paper_codec import paper_of
from bot.adapters.store.schema import moment_of
from bot.adapters.store.sql import Statement, chunks
from bot.domain.papers import PaperId
from bot.pipeline.ports import StoredPaper

_MOST = 2_000
_PAPERS = Statement(
    "SELECT id, first_seen_at, changed_at, content FROM papers WHERE id = ANY(:ids)",
)

_Row = tuple[str, int, int, str]
_Held = tuple[str, _Row, StoredPaper]
"""The edition in which it was last seen to be so, the row, and what is in it."""


class HeldPapers:
    """What the last papers looked like. Any thread may use it.

    A paper is taken from memory only where the state says that its shelf has not changed since
    (`edition`, read in the same transaction), or where its row is the same to the letter.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._held: dict[str, _Held] = {}
        self._lock = Lock()

    def of(self, connection: Connection, edition: str, ids: list[str]) -> dict[PaperId, StoredPaper]:
        """Those of the papers that are stored, as they are in this transaction."""
        found: dict[PaperId, StoredPaper] = {}
        missing: list[str] = []
        for paper_id in ids:
            held = self._held.get(paper_id)
            if held is not None and held[0] == edition:
                found[PaperId(paper_id)] = held[2]
            else:
                missing.append(paper_id)
        for chunk in chunks(missing):
            for paper_id, first_seen_at, changed_at, content in _PAPERS.rows(connection, ids=chunk):
                row = paper_id, first_seen_at, changed_at, content
                found[PaperId(paper_id)] = self._take(edition, row)
        return found

    def _take(self, edition: str, row: _Row) -> StoredPaper:
        held = self._held.get(row[0])
        stored = held[2] if held is not None and held[1] == row else _stored(*row)
        with self._lock:
            self._held.pop(row[0], None)
            self._held[row[0]] = edition, row, stored
            if len(self._held) > self._most:
                del self._held[next(iter(self._held))]
        return stored


def _stored(paper_id: str, first_seen_at: int, changed_at: int, content: str) -> StoredPaper:
    return StoredPaper(
        paper=paper_of(paper_id, content),
        first_seen_at=moment_of(first_seen_at),
        changed_at=moment_of(changed_at),
    )
