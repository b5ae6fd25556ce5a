"""Taking digests in: everything that one digest brings is stored together or not at all."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, or_, select

from bot.adapters.store.codec import paper_of, paper_text
from bot.adapters.store.engine import reading, writing
from bot.adapters.store.listening import ring
from bot.adapters.store.schema import (
    NEWEST_FIRST,
    deliveries,
    digests,
    files,
    micros,
    notices,
    papers,
    sightings,
    subscribers,
)
from bot.adapters.store.shelf import next_edition
from bot.adapters.store.statements import chunks, insert, inserting, updating
from bot.domain.delivery import Delivery, State
from bot.domain.notices import Notice
from bot.domain.papers import Paper, PaperId
from bot.pipeline.ports import NOT_NEW, FileMark, TakenDigest

_NOTICE = inserting(
    "notices",
    {"subscriber": "text", "paper": "text", "subscriptions": "text", "noticed_at": "bigint"},
    on_conflict="(subscriber, paper) DO UPDATE SET subscriptions = excluded.subscriptions",
)
_MEET = inserting(
    "targets", {"key": "text", "kind": "text", "address": "text"}, on_conflict="(key) DO NOTHING"
)
_PLAN = inserting(
    "deliveries",
    {
        "key": "text",
        "target": "text",
        "subscriber": "text",
        "kind": "text",
        "paper": "text",
        "part": "text",
        "state": "text",
        "due_at": "bigint",
        "created_at": "bigint",
    },
    on_conflict="(key) DO NOTHING",
)
_LATEST = "CASE WHEN wait_until > :due THEN wait_until ELSE :due END"
_READY_BY = updating(
    "targets",
    f"ready_at = {_LATEST}",
    # a lease: it is worked out when that ends
    where=f"key = :name AND lease_until IS NULL AND (ready_at IS NULL OR ready_at > {_LATEST})",
    columns={"name": "text", "due": "bigint"},
)


class StoredIntake:
    """The intake over a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def transaction(self) -> Iterator["StoredTransaction"]:
        """A transaction that alone may write; stored when the block ends, forgotten when it raises."""
        with writing(self._engine, alone=True) as connection:
            transaction = StoredTransaction(connection)
            yield transaction
            if transaction.changed_shelf:
                next_edition(connection)

    def known_files(self) -> Mapping[str, str]:
        """File name to SHA-256 of its content as last taken in."""
        with reading(self._engine) as connection:
            return dict(connection.execute(select(files.c.name, files.c.sha256)).all())


class StoredTransaction:
    """One open transaction; see the port for what each method promises."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.changed_shelf = False

    def digests_known(self, hashes: Iterable[str]) -> frozenset[str]:
        found: set[str] = set()
        for chunk in chunks(hashes):
            found.update(
                self._connection.execute(
                    select(digests.c.sha256).where(digests.c.sha256.in_(chunk))
                ).scalars()
            )
        return frozenset(found)

    def papers(self, ids: Iterable[PaperId]) -> dict[PaperId, Paper]:
        found: dict[PaperId, Paper] = {}
        for chunk in chunks(ids):
            query = select(papers.c.id, papers.c.content).where(papers.c.id.in_(chunk))
            for paper_id, content in self._connection.execute(query):
                found[paper_id] = paper_of(paper_id, content)
        return found

    def every_paper(self) -> Iterator[Paper]:
        query = select(papers.c.id, papers.c.content).order_by(*NEWEST_FIRST)
        for paper_id, content in self._connection.execute(query.execution_options(yield_per=200)):
            yield paper_of(paper_id, content)

    def save_digests(self, taken: Sequence[TakenDigest], now: datetime) -> None:
        if not taken:
            return
        self._connection.execute(
            insert(self._connection, digests).on_conflict_do_nothing(),
            [_digest_row(one, now) for one in taken],
        )
        seen = [
            {"digest": one.sha256, "position": position, "paper": entry.id}
            for one in taken
            for position, entry in enumerate(one.digest.entries)
        ]
        if seen:
            self._connection.execute(insert(self._connection, sightings).on_conflict_do_nothing(), seen)
        self.save_files([FileMark(name=one.name, sha256=one.sha256) for one in taken])

    def save_files(self, marks: Sequence[FileMark]) -> None:
        if not marks:
            return
        statement = insert(self._connection, files)
        self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["name"],
                set_={"sha256": statement.excluded.sha256, "error": statement.excluded.error},
            ),
            [{"name": mark.name, "sha256": mark.sha256, "error": mark.error} for mark in marks],
        )

    def save_papers(self, papers_: Sequence[Paper], now: datetime, *, changed: bool) -> None:
        if not papers_:
            return
        self.changed_shelf = True
        last = self._connection.execute(select(func.max(papers.c.position))).scalar() or 0
        rows = [_paper_row(paper, position, now) for position, paper in enumerate(papers_, start=last + 1)]
        statement = insert(self._connection, papers)
        replaced = ["date", "quizzes", "content", *(["changed_at"] if changed else [])]
        self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["id"], set_={column: statement.excluded[column] for column in replaced}
            ),
            rows,
        )

    def met(self) -> frozenset[str]:
        return frozenset(self._connection.execute(select(subscribers.c.id)).scalars())

    def openings(self) -> dict[str, int | None]:
        query = select(subscribers.c.id, subscribers.c.opening).where(
            or_(subscribers.c.opening.is_(None), subscribers.c.opening != NOT_NEW)
        )
        return dict(self._connection.execute(query).all())

    def save_openings(self, openings: Mapping[str, int | None], now: datetime) -> None:
        rows = [{"id": name, "opening": left, "met_at": now} for name, left in openings.items()]
        if not rows:
            return
        statement = insert(self._connection, subscribers)
        self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["id"], set_={"opening": statement.excluded.opening}
            ),
            rows,
        )

    def planned(self, keys: Iterable[str]) -> dict[str, State]:
        found: dict[str, State] = {}
        for chunk in chunks(keys):
            query = select(deliveries.c.key, deliveries.c.state).where(deliveries.c.key.in_(chunk))
            found.update(self._connection.execute(query).all())
        return found

    def noticed(self, ids: Iterable[PaperId]) -> dict[tuple[str, PaperId], tuple[str, ...]]:
        found: dict[tuple[str, PaperId], tuple[str, ...]] = {}
        for chunk in chunks(ids):
            query = select(notices.c.subscriber, notices.c.paper, notices.c.subscriptions).where(
                notices.c.paper.in_(chunk)
            )
            for subscriber, paper, names in self._connection.execute(query):
                found[subscriber, paper] = tuple(json.loads(names))
        return found

    def save_notices(self, notices_: Sequence[Notice], now: datetime) -> None:
        if not notices_:
            return
        self.changed_shelf = True
        noticed = micros(now)
        _NOTICE.run(
            self._connection,
            [
                (one.subscriber, one.paper, json.dumps(one.subscriptions, ensure_ascii=False), noticed)
                for one in {(each.subscriber, each.paper): each for each in notices_}.values()
            ],
        )

    def plan(self, deliveries_: Sequence[Delivery], now: datetime) -> int:
        if not deliveries_:
            return 0
        self._make_known(deliveries_)
        planned = micros(now)
        count = _PLAN.run(self._connection, [_delivery_row(delivery, planned) for delivery in deliveries_])
        self._make_ready(deliveries_)
        if count:
            ring(self._connection)
        return count

    def _make_known(self, deliveries_: Sequence[Delivery]) -> None:
        names = sorted({delivery.target for delivery in deliveries_})
        rows = [(name, kind, address) for name in names for kind, _, address in [name.partition(":")]]
        _MEET.run(self._connection, rows)

    def _make_ready(self, deliveries_: Sequence[Delivery]) -> None:
        due: dict[str, datetime] = {}
        for delivery in deliveries_:
            before = due.get(delivery.target)
            if before is None or delivery.due_at < before:
                due[delivery.target] = delivery.due_at
        _READY_BY.run(self._connection, [(name, micros(moment)) for name, moment in due.items()])


def _digest_row(one: TakenDigest, now: datetime) -> dict[str, Any]:
    return {
        "sha256": one.sha256,
        "name": one.name,
        "kind": one.digest.kind,
        "date": one.digest.date,
        "entries": len(one.digest.entries),
        "problems": json.dumps(
            [(problem.line, problem.what) for problem in one.digest.problems], ensure_ascii=False
        ),
        "tips": json.dumps(dict(one.digest.tips), ensure_ascii=False),
        "read_at": now,
    }


def _paper_row(paper: Paper, position: int, now: datetime) -> dict[str, Any]:
    return {
        "id": paper.id,
        "date": paper.date,
        "position": position,
        "quizzes": sum(len(edition.quiz) for edition in paper.editions if edition.language == "en"),
        "first_seen_at": now,
        "changed_at": now,
        "content": paper_text(paper),
    }


def _delivery_row(delivery: Delivery, now: int) -> tuple[Any, ...]:
    return (
        delivery.key,
        delivery.target,
        delivery.subscriber,
        delivery.kind,
        delivery.paper,
        delivery.part,
        delivery.state,
        micros(delivery.due_at),
        now,
    )
