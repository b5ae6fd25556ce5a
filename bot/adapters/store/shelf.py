"""The papers and what was noticed, to read."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from bot.adapters.store.codec import paper_of
from bot.adapters.store.engine import reading
from bot.adapters.store.numbers import subscriber_number
from bot.adapters.store.schema import NEWEST_FIRST, meta, notices, papers
from bot.adapters.store.statements import chunks, insert
from bot.domain.notices import Rarity
from bot.domain.papers import Paper, PaperId
from bot.pipeline.ports import Noted, StoredPaper


class StoredShelf:
    """See the port for what each method promises."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def newest(self, limit: int) -> tuple[StoredPaper, ...]:
        with reading(self._engine) as connection:
            rows = connection.execute(select(papers).order_by(*NEWEST_FIRST).limit(limit))
            return tuple(map(_stored, rows))

    def every_paper(self) -> Iterator[Paper]:
        query = select(papers.c.id, papers.c.content).order_by(*NEWEST_FIRST)
        with reading(self._engine) as connection:
            rows = connection.execution_options(yield_per=200).execute(query)
            for paper_id, content in rows:
                yield paper_of(paper_id, content)

    def stored(self, ids: Iterable[PaperId]) -> dict[PaperId, StoredPaper]:
        found: dict[PaperId, StoredPaper] = {}
        with reading(self._engine) as connection:
            for chunk in chunks(ids):
                for row in connection.execute(select(papers).where(papers.c.id.in_(chunk))):
                    found[PaperId(row.id)] = _stored(row)
        return found

    def noted(self, subscriber: str, limit: int) -> tuple[Noted, ...]:
        newest = (  # sorted without dragging along what all of them say
            select(papers.c.id, notices.c.subscriptions)
            .join(notices, notices.c.paper == papers.c.position)
            .where(notices.c.subscriber == subscriber_number(subscriber))
            .order_by(*NEWEST_FIRST)
            .limit(limit)
            .subquery()
        )
        query = (
            select(papers, newest.c.subscriptions)
            .join(newest, newest.c.id == papers.c.id)
            .order_by(*NEWEST_FIRST)
        )
        with reading(self._engine) as connection:
            return tuple(
                Noted(stored=_stored(row), subscriptions=tuple(json.loads(row.subscriptions)))
                for row in connection.execute(query)
            )

    def notices_on(self, subscriber: str, ids: Iterable[PaperId]) -> dict[PaperId, tuple[str, ...]]:
        found: dict[PaperId, tuple[str, ...]] = {}
        with reading(self._engine) as connection:
            for chunk in chunks(ids):
                query = (
                    select(papers.c.id, notices.c.subscriptions)
                    .join(papers, papers.c.position == notices.c.paper)
                    .where(notices.c.subscriber == subscriber_number(subscriber), papers.c.id.in_(chunk))
                )
                for paper, names in connection.execute(query):
                    found[PaperId(paper)] = tuple(json.loads(names))
        return found

    def rarity(self, subscriber: str) -> Rarity:
        query = (
            select(notices.c.subscriptions, func.count())
            .where(notices.c.subscriber == subscriber_number(subscriber))
            .group_by(notices.c.subscriptions)
        )
        counts: Counter[str] = Counter()
        total = 0
        with reading(self._engine) as connection:
            for names, count in connection.execute(query):
                total += count
                counts.update(dict.fromkeys(json.loads(names), count))
        return Rarity(counts=dict(counts), notices=total)

    def edition(self) -> str:
        with reading(self._engine) as connection:
            return _edition(connection)


_EDITION = "edition"
"""The row of `meta` that counts how often the shelf changed."""


def _edition(connection: Connection) -> str:
    return connection.execute(select(meta.c.value).where(meta.c.key == _EDITION)).scalar() or "0"


def next_edition(connection: Connection) -> None:
    """Say that the shelf changed; inside the transaction that changes it."""
    value = str(int(_edition(connection)) + 1)
    statement = insert(connection, meta).values(key=_EDITION, value=value)
    connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_={"value": value}))


def _stored(row: Any) -> StoredPaper:
    return StoredPaper(
        paper=paper_of(row.id, row.content),
        first_seen_at=row.first_seen_at,
        changed_at=row.changed_at,
    )
