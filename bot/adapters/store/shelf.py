"""The papers and what was noticed, to read."""

from collections import Counter
from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, Engine, select

from bot.adapters.paper_codec import paper_of
from bot.adapters.store.engine import reading
from bot.adapters.store.held_papers import HeldPapers
from bot.adapters.store.notices import counts_of, of_subscriber, of_subscriber_on
from bot.adapters.store.schema import NEWEST_FIRST, meta, papers
from bot.adapters.store.statements import Statement, insert
from bot.domain.notices import Rarity
from bot.domain.papers import Paper, PaperId
from bot.pipeline.ports import Noted, StoredPaper

_NEWEST_FIRST = "papers.date DESC NULLS LAST, papers.position"
_NEWEST = Statement(f"SELECT id FROM papers ORDER BY {_NEWEST_FIRST} LIMIT :most")
_NEWEST_OF = Statement(
    f"SELECT id, position FROM papers WHERE position = ANY(:numbers) ORDER BY {_NEWEST_FIRST} LIMIT :most"
)


class StoredShelf:
    """See the port for what each method promises."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._held = HeldPapers()

    def newest(self, limit: int) -> tuple[StoredPaper, ...]:
        with reading(self._engine) as connection:
            ids = [row[0] for row in _NEWEST.rows(connection, most=limit)]
            found = self._held.of(connection, edition(connection), ids)
        return tuple(found[one] for one in map(PaperId, ids))

    def every_paper(self) -> Iterator[Paper]:
        query = select(papers.c.id, papers.c.content).order_by(*NEWEST_FIRST)
        with reading(self._engine) as connection:
            rows = connection.execution_options(yield_per=200).execute(query)
            for paper_id, content in rows:
                yield paper_of(paper_id, content)

    def stored(self, ids: Iterable[PaperId]) -> dict[PaperId, StoredPaper]:
        wanted = list[str](ids)
        if not wanted:
            return {}
        with reading(self._engine) as connection:
            return self._held.of(connection, edition(connection), wanted)

    def noted(self, subscriber: str, limit: int) -> tuple[Noted, ...]:
        with reading(self._engine) as connection:
            noticed = of_subscriber(connection, subscriber)
            rows = _NEWEST_OF.rows(connection, numbers=list(noticed), most=limit)
            found = self._held.of(connection, edition(connection), [row[0] for row in rows])
        return tuple(
            Noted(stored=found[paper], subscriptions=noticed[number].names) for paper, number in rows
        )

    def noted_on(self, subscriber: str, ids: Iterable[PaperId]) -> dict[PaperId, Noted]:
        wanted = list[str](ids)
        with reading(self._engine) as connection:
            found = self._held.of(connection, edition(connection), wanted)
            names = _noticed(connection, subscriber, wanted)
        return {
            paper: Noted(stored=stored, subscriptions=names.get(paper, ())) for paper, stored in found.items()
        }

    def notices_on(self, subscriber: str, ids: Iterable[PaperId]) -> dict[PaperId, tuple[str, ...]]:
        with reading(self._engine) as connection:
            return _noticed(connection, subscriber, ids)

    def rarity(self, subscriber: str) -> Rarity:
        with reading(self._engine) as connection:
            noticed = counts_of(connection, subscriber)
        counts: Counter[str] = Counter()
        for names, count in noticed.items():
            counts.update(dict.fromkeys(names, count))
        return Rarity(counts=dict(counts), notices=noticed.total())

    def edition(self) -> str:
        with reading(self._engine) as connection:
            return edition(connection)


def _noticed(connection: Connection, subscriber: str, ids: Iterable[str]) -> dict[PaperId, tuple[str, ...]]:
    found = of_subscriber_on(connection, subscriber, map(PaperId, ids))
    return {paper: one.names for paper, one in found.items()}


_EDITION = "edition"
"""The row of `meta` that counts how often the shelf changed."""
_THE_EDITION = Statement("SELECT value FROM meta WHERE key = :key")


def edition(connection: Connection) -> str:
    """Changes whenever the shelf does."""
    rows = _THE_EDITION.rows(connection, key=_EDITION)
    return rows[0][0] if rows else "0"


def next_edition(connection: Connection) -> None:
    """Say that the shelf changed; inside the transaction that changes it."""
    value = str(int(edition(connection)) + 1)
    statement = insert(connection, meta).values(key=_EDITION, value=value)
    connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_={"value": value}))
