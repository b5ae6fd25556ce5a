"""Looking back on the state, for those who ask what happened."""

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Engine, Select, func, or_, select

from bot.adapters.glance_papers import first_day
from bot.adapters.paper_codec import paper_of, searchable
from bot.adapters.store.columns import moment_of
from bot.adapters.store.engine import reading
from bot.adapters.store.notices import of_subscriber_on
from bot.adapters.store.numbers import subscriber_number
from bot.adapters.store.planning import changes_of, open_runs
from bot.adapters.store.rows import ROWS, key_of
from bot.adapters.store.schema import (
    NEWEST_FIRST,
    deliveries,
    digest_papers,
    digests,
    files,
    papers,
    subscribers,
    targets,
)
from bot.adapters.store.statements import chunks
from bot.domain.papers import PaperId
from bot.pipeline.ports import DeliveryRecord, DigestRecord, NoticeRecord, Sifted

_OLDEST_DAY_FIRST = (digests.c.date.is_(None), digests.c.date, digests.c.name)


class StoredRecords:
    """See the port for what each method promises."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def sift(self, days: int, wanted: Callable[[str], bool]) -> Sifted:
        with reading(self._engine) as connection:
            newest = _newest_day(connection)
            recent = or_(papers.c.date >= first_day(newest, days), papers.c.date.is_(None))
            query = select(papers.c.id, papers.c.content).where(recent).order_by(*NEWEST_FIRST)
            found = []
            searched = 0
            for paper_id, content in connection.execute(query.execution_options(yield_per=500)):
                searched += 1
                text = searchable(content)
                if text is None or wanted(text):
                    found.append(paper_of(paper_id, content))
            oldest = connection.execute(select(func.min(papers.c.date)).where(recent)).scalar()
        return Sifted(newest=newest, oldest=oldest, searched=searched, papers=tuple(found))

    def newest_day(self) -> dt.date | None:
        with reading(self._engine) as connection:
            return _newest_day(connection)

    def digests(self) -> tuple[DigestRecord, ...]:
        return self._digests(select(digests).order_by(*_OLDEST_DAY_FIRST))

    def digests_on(self, paper: PaperId) -> tuple[DigestRecord, ...]:
        named = select(digest_papers.c.digest).where(digest_papers.c.paper == paper)
        return self._digests(select(digests).where(digests.c.sha256.in_(named)).order_by(*_OLDEST_DAY_FIRST))

    def _digests(self, query: Select[Any]) -> tuple[DigestRecord, ...]:
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
            named = _named(connection, [row.sha256 for row in rows])
        return tuple(_digest(row, tuple(named[row.sha256])) for row in rows)

    def papers_of(self, day: dt.date) -> tuple[PaperId, ...]:
        query = (
            select(digest_papers.c.paper)
            .join(digests, digests.c.sha256 == digest_papers.c.digest)
            .where(digests.c.date == day)
            .order_by(digests.c.name, digests.c.sha256, digest_papers.c.position)
        )
        with reading(self._engine) as connection:
            return tuple(dict.fromkeys(map(PaperId, connection.execute(query).scalars())))

    def unreadable(self) -> dict[str, str]:
        query = select(files.c.name, files.c.error).where(files.c.error.is_not(None)).order_by(files.c.name)
        with reading(self._engine) as connection:
            return dict(connection.execute(query).all())

    def notices_on(self, subscriber: str, ids: Iterable[PaperId]) -> dict[PaperId, NoticeRecord]:
        with reading(self._engine) as connection:
            found = of_subscriber_on(connection, subscriber, ids)
        return {
            paper: NoticeRecord(subscriptions=one.names, noticed_at=moment_of(one.moment))
            for paper, one in found.items()
        }

    def deliveries_on(self, subscriber: str, ids: Iterable[PaperId]) -> tuple[DeliveryRecord, ...]:
        with reading(self._engine) as connection:
            rows = [row for chunk in chunks(ids) for row in _deliveries(connection, subscriber, chunk)]
        return tuple(_delivery(row) for row in sorted(rows, key=lambda row: row.seq))

    def registered_at(self, subscriber: str) -> dt.datetime | None:
        with reading(self._engine) as connection:
            query = select(subscribers.c.registered_at).where(subscribers.c.id == subscriber)
            return connection.execute(query).scalar()

    def being_planned(self, subscriber: str) -> frozenset[PaperId]:
        with reading(self._engine) as connection:
            ahead = [run for run in open_runs(connection) if run.cursor < subscriber]
            changes = (change for run in ahead for change in changes_of(connection, run.number))
            return frozenset(change.paper.id for change in changes)

    def suspended(self, places: Iterable[str]) -> Mapping[str, str]:
        found: dict[str, str] = {}
        with reading(self._engine) as connection:
            for chunk in chunks(places):
                query = select(targets.c.key, targets.c.suspended).where(
                    targets.c.key.in_(chunk), targets.c.suspended.is_not(None)
                )
                found.update(connection.execute(query).all())
        return found


def _newest_day(connection: Connection) -> dt.date | None:
    return connection.execute(select(func.max(digests.c.date))).scalar()


def _deliveries(connection: Connection, subscriber: str, ids: list[PaperId]) -> Iterator[Any]:
    yield from connection.execute(
        ROWS.where(deliveries.c.subscriber == subscriber_number(subscriber), papers.c.id.in_(ids))
    )


def _named(connection: Connection, hashes: list[str]) -> dict[str, list[PaperId]]:
    """Each digest's papers, in its order."""
    named: dict[str, list[PaperId]] = {sha256: [] for sha256 in hashes}
    for chunk in chunks(hashes):
        query = (
            select(digest_papers.c.digest, digest_papers.c.paper)
            .where(digest_papers.c.digest.in_(chunk))
            .order_by(digest_papers.c.digest, digest_papers.c.position)
        )
        for sha256, paper in connection.execute(query):
            named[sha256].append(PaperId(paper))
    return named


def _digest(row: Any, named: tuple[PaperId, ...]) -> DigestRecord:
    return DigestRecord(
        name=row.name,
        kind=row.kind,
        date=row.date,
        entries=row.entries,
        problems=tuple((line, what) for line, what in json.loads(row.problems)),
        read_at=row.read_at,
        papers=named,
    )


def _delivery(row: Any) -> DeliveryRecord:
    return DeliveryRecord(
        key=key_of(row),
        target=row.target,
        kind=row.kind,
        paper=PaperId(row.paper),
        part=row.part,
        state=row.state,
        due_at=row.due_at,
        attempts=row.attempts,
        error=row.error,
        message=row.message,
        created_at=row.created_at,
        settled_at=row.settled_at,
    )
