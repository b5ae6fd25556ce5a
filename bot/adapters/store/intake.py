"""Taking digests in: everything that one digest brings is stored together or not at all."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, or_, select

from bot.adapters.store.engine import reading, writing
from bot.adapters.store.fanouts import since
from bot.adapters.store.full_text import save_words
from bot.adapters.store.noticing import on_papers
from bot.adapters.store.numbers import numbers_of_deliveries
from bot.adapters.store.papers import next_version, paper_of, paper_text
from bot.adapters.store.planning import Planning
from bot.adapters.store.schema import (
    NEWEST_FIRST,
    deliveries,
    digests,
    files,
    papers,
    sightings,
    subscribers,
)
from bot.adapters.store.statements import chunks, insert
from bot.domain.delivery import Delivery, State
from bot.domain.fanout import Fanout
from bot.domain.notices import Noticed
from bot.domain.papers import Paper, PaperId
from bot.domain.query import document_of
from bot.pipeline.ports import NOT_NEW, FileMark, TakenDigest


class StoredIntake:
    """The intake over a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._met: set[str] = set()

    @contextmanager
    def transaction(self) -> Iterator["StoredTransaction"]:
        """A transaction that alone may write; stored when the block ends, forgotten when it raises.

        In it everything that was planned before stands in rows.
        """
        with self._writing() as transaction:
            while transaction.write_out():
                pass
            yield transaction

    def write_out(self) -> bool:
        """See the port."""
        with reading(self._engine) as connection:
            if since(connection) is None:
                return False
        with self._writing() as transaction:
            return transaction.write_out()

    @contextmanager
    def _writing(self) -> Iterator["StoredTransaction"]:
        with writing(self._engine, alone=True) as connection:
            transaction = StoredTransaction(connection)
            yield transaction
            if transaction.changed_shelf:
                next_version(connection)

    def met(self) -> frozenset[str]:
        """See the port."""
        with reading(self._engine) as connection:
            return StoredTransaction(connection).met()

    def unmet(self, names: AbstractSet[str]) -> AbstractSet[str]:
        """See the port. Who was met stays so: what was once found is not looked up again."""
        unknown = names - self._met
        if unknown:
            self._met |= unknown & self.met()
        return unknown - self._met

    def openings(self) -> dict[str, int | None]:
        """See the port."""
        with reading(self._engine) as connection:
            return StoredTransaction(connection).openings()

    def known_files(self) -> Mapping[str, str]:
        """File name to SHA-256 of its content as last taken in."""
        with reading(self._engine) as connection:
            return dict(connection.execute(select(files.c.name, files.c.sha256)).all())


class StoredTransaction:
    """One open transaction; see the port for what each method promises."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._planning = Planning(connection)
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
        numbers = self._planning.numbers.of_papers({paper.id for paper in papers_})
        save_words(self._connection, [(numbers[paper.id], document_of(paper)) for paper in papers_])

    def met(self) -> frozenset[str]:
        return frozenset(
            self._connection.execute(
                select(subscribers.c.id).where(subscribers.c.met_at.is_not(None))
            ).scalars()
        )

    def openings(self) -> dict[str, int | None]:
        query = select(subscribers.c.id, subscribers.c.opening).where(
            subscribers.c.met_at.is_not(None),
            or_(subscribers.c.opening.is_(None), subscribers.c.opening != NOT_NEW),
        )
        return dict(self._connection.execute(query).all())

    def save_openings(self, openings: Mapping[str, int | None], now: datetime) -> None:
        rows = [{"id": name, "opening": left, "met_at": now} for name, left in openings.items()]
        if not rows:
            return
        statement = insert(self._connection, subscribers)
        self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["id"],
                set_={
                    "opening": statement.excluded.opening,
                    "met_at": func.coalesce(subscribers.c.met_at, statement.excluded.met_at),
                },
            ),
            rows,
        )

    def planned(self, keys: Iterable[str]) -> dict[str, State]:
        found: dict[str, State] = {}
        numbers = numbers_of_deliveries(self._connection, keys)
        named = {seq: key for key, seq in numbers.items()}
        for chunk in chunks(named):
            query = select(deliveries.c.seq, deliveries.c.state).where(deliveries.c.seq.in_(chunk))
            found.update({named[seq]: state for seq, state in self._connection.execute(query)})
        return found

    def noticed(self, ids: Iterable[PaperId]) -> dict[str, dict[PaperId, tuple[str, ...]]]:
        return on_papers(self._connection, self._planning.numbers.of_papers(set(ids)))

    def save_notices(self, noticed: Noticed, now: datetime) -> None:
        if noticed:
            self.changed_shelf = True
            self._planning.notice(noticed, now)

    def plan(self, deliveries_: Sequence[Delivery], now: datetime) -> int:
        return self._planning.plan(deliveries_, now)

    def fan_out(self, parts: Sequence[Fanout], now: datetime) -> None:
        self._planning.fan_out(parts, now)

    def write_out(self) -> bool:
        """Make rows of the oldest fan-out; False where there is none."""
        written = self._planning.write_out()
        self.changed_shelf = self.changed_shelf or written
        return written


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
