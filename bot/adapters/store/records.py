"""Looking back on the state, for those who ask what happened."""

import datetime as dt
import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Engine, Select, func, select

from bot.adapters.store.columns import moment_of
from bot.adapters.store.engine import reading
from bot.adapters.store.notices import of_subscriber_on
from bot.adapters.store.planning import changes_of, open_runs
from bot.adapters.store.schema import (
    digest_papers,
    digests,
    files,
    subscribers,
)
from bot.adapters.store.statements import chunks
from bot.domain.papers import PaperId
from bot.pipeline.ports import DigestRecord, NoticeRecord

_OLDEST_DAY_FIRST = (digests.c.date.is_(None), digests.c.date, digests.c.name)


class StoredRecords:
    """See the port for what each method promises."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

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

    def registered_at(self, subscriber: str) -> dt.datetime | None:
        with reading(self._engine) as connection:
            query = select(subscribers.c.registered_at).where(subscribers.c.id == subscriber)
            return connection.execute(query).scalar()

    def being_planned(self, subscriber: str) -> frozenset[PaperId]:
        with reading(self._engine) as connection:
            ahead = [run for run in open_runs(connection) if run.cursor < subscriber]
            changes = (change for run in ahead for change in changes_of(connection, run.number))
            return frozenset(change.paper.id for change in changes)


def _newest_day(connection: Connection) -> dt.date | None:
    return connection.execute(select(func.max(digests.c.date))).scalar()


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
