"""Digests: the ingest transaction, and look-ups of digests, files and planning."""

import datetime as dt
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, case, func, literal, select

from bot.adapters.store.engine import reading, writing
from bot.adapters.store.full_text import save_words, stored_documents
from bot.adapters.store.notices import of_subscriber_on, on_papers
from bot.adapters.store.papers import json_text, next_version, paper_json, paper_of, version
from bot.adapters.store.planning import (
    Planning,
    being_onboarded,
    changes_of,
    is_being_planned,
    open_runs,
    papers_ahead,
)
from bot.adapters.store.row_numbers import RowNumbers, delivery_numbers
from bot.adapters.store.schema import (
    backlog_shares,
    deliveries,
    digest_papers,
    digests,
    files,
    micros,
    moment_of,
    source_history,
    subscribers,
    targets,
)
from bot.adapters.store.sql import Statement, chunks, insert, inserting, updating
from bot.domain.backlog import Rule, SourceHistory
from bot.domain.delivery import Delivery, State
from bot.domain.digests import Change
from bot.domain.notices import Notices
from bot.domain.papers import Paper, PaperId
from bot.domain.query import Document, document_of
from bot.pipeline.ports.papers import DigestRecord, FileRecord, NoticeRecord, PlanningRun, ReadDigest

_PAPERS = Statement("SELECT id, content FROM papers WHERE id = ANY(:ids)")
_NEW_VALUES = (
    "(id) DO UPDATE SET date = excluded.date, quizzes = excluded.quizzes, content = excluded.content"
)
_SAVE_PAPERS, _SAVE_RESIGHTED = (
    inserting(
        "papers",
        {
            "id": "text",
            "date": "date",
            "number": "bigint",
            "quizzes": "integer",
            "first_seen_at": "bigint",
            "changed_at": "bigint",
            "content": "utf8",
        },
        on_conflict=_NEW_VALUES + more,
    )
    for more in (", changed_at = excluded.changed_at", "")
)
_NAME_PAPERS = inserting(
    "digest_papers", {"digest": "text", "position": "integer", "paper": "text"}, on_conflict="DO NOTHING"
)
_DIGESTS_KNOWN = Statement("SELECT sha256 FROM digests WHERE sha256 = ANY(:hashes)")
_SAVE_DIGESTS = inserting(
    "digests",
    {
        "sha256": "text",
        "name": "text",
        "kind": "text",
        "date": "date",
        "entries": "integer",
        "problems": "text",
        "tips": "text",
        "read_at": "bigint",
    },
    on_conflict="DO NOTHING",
)
_SAVE_FILES = inserting(
    "files",
    {"name": "text", "sha256": "text", "error": "text", "no_digest": "boolean"},
    on_conflict="(name) DO UPDATE SET sha256 = excluded.sha256, error = excluded.error, no_digest = excluded.no_digest",
)
_KNOWN_FILES = Statement("SELECT name, sha256 FROM files")
_LAST_NUMBER = Statement("SELECT coalesce(max(number), 0) FROM papers")
_REGISTER = inserting(
    "subscribers",
    {"id": "text", "registered_at": "bigint", "backlog": "integer"},
    on_conflict="(id) DO UPDATE SET registered_at = excluded.registered_at, backlog = excluded.backlog"
    " WHERE subscribers.registered_at IS NULL",
)
_THESE = " AND id = ANY(:names)"
_BACKLOG_OF_ALL = "SELECT id, backlog FROM subscribers WHERE registered_at IS NOT NULL AND onboarded = 0"
_BACKLOG, _BACKLOG_OF = Statement(_BACKLOG_OF_ALL), Statement(_BACKLOG_OF_ALL + _THESE)
_SUBSCRIPTIONS_OF_ALL = "SELECT id, subscriptions FROM subscribers WHERE onboarded = 1"
_SUBSCRIPTIONS, _SUBSCRIPTIONS_OF = (
    Statement(_SUBSCRIPTIONS_OF_ALL),
    Statement(_SUBSCRIPTIONS_OF_ALL + _THESE),
)
_ONBOARDED = updating(
    "subscribers",
    "onboarded = 1, subscriptions = :hashes",
    where="id = :name",
    columns={"name": "text", "hashes": "text"},
)
_ONBOARDING_SHARES = Statement(
    "SELECT id, backlog FROM subscribers WHERE registered_at IS NOT NULL AND id = ANY(:names)"
)
_SAVE_ONBOARDING_SHARES = updating(
    "subscribers", "backlog = :share", where="id = :name", columns={"name": "text", "share": "integer"}
)
_SHARES = Statement(
    "SELECT subscribers.id, CASE WHEN backlog_shares.remaining IS NOT NULL THEN backlog_shares.remaining"
    " WHEN subscribers.registered_at <= source_history.first_at THEN :share ELSE 0 END"
    " FROM subscribers JOIN source_history ON source_history.source = :source"
    " LEFT JOIN backlog_shares ON backlog_shares.subscriber = subscribers.number AND backlog_shares.source = :source"
    " WHERE subscribers.id = ANY(:names)"
)

_STATE = case(
    (
        and_(deliveries.c.state.in_(("pending", "held")), targets.c.lease_until.is_not(None)),
        literal("sending", deliveries.c.state.type),
    ),
    else_=deliveries.c.state,
)
"""What was claimed may have been built already, from the paper as it was."""
_OLDEST_DAY_FIRST = (digests.c.date.is_(None), digests.c.date, digests.c.name)


class SqlStateView:
    """`StateView`: each look-up in a transaction of its own, or all in that of an ingest."""

    def __init__(
        self,
        reading: Callable[[], AbstractContextManager[Connection]],
        numbers: Callable[[Connection], RowNumbers],
    ) -> None:
        self._reading = reading
        self._numbers = numbers

    def version(self) -> str:
        with self._reading() as connection:
            return version(connection)

    def digests_known(self, hashes: Iterable[str]) -> frozenset[str]:
        with self._reading() as connection:
            rows = [row for chunk in chunks(hashes) for row in _DIGESTS_KNOWN.rows(connection, hashes=chunk)]
        return frozenset(sha256 for (sha256,) in rows)

    def papers(self, ids: Iterable[PaperId]) -> dict[PaperId, Paper]:
        with self._reading() as connection:
            return {
                PaperId(paper_id): paper_of(paper_id, content)
                for chunk in chunks(ids)
                for paper_id, content in _PAPERS.rows(connection, ids=chunk)
            }

    def registered(self) -> frozenset[str]:
        query = select(subscribers.c.id).where(subscribers.c.registered_at.is_not(None))
        with self._reading() as connection:
            return frozenset(connection.execute(query).scalars())

    def backlog(self, names: Iterable[str] | None = None) -> dict[str, int | None]:
        with self._reading() as connection:
            if names is None:
                return dict(_BACKLOG.rows(connection))
            return dict(_BACKLOG_OF.rows(connection, names=list(names)))

    def subscriptions(self, names: Iterable[str] | None = None) -> dict[str, str]:
        with self._reading() as connection:
            if names is None:
                return dict(_SUBSCRIPTIONS.rows(connection))
            return dict(_SUBSCRIPTIONS_OF.rows(connection, names=list(names)))

    def onboarding_shares(self, names: Collection[str]) -> dict[str, int | None]:
        with self._reading() as connection:
            return dict(_ONBOARDING_SHARES.rows(connection, names=sorted(names)))

    def source_history(self, source: str) -> SourceHistory | None:
        query = select(source_history).where(source_history.c.source == source)
        with self._reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        return SourceHistory(
            first_at=row.first_at,
            last_at=row.last_at,
            newest=row.newest,
            young=bool(row.young),
            announced=frozenset(map(dt.date.fromisoformat, json.loads(row.announced))),
        )

    def is_being_planned(self, ids: Collection[PaperId]) -> bool:
        with self._reading() as connection:
            return is_being_planned(connection, self._numbers(connection), ids)

    def notices(
        self, ids: Iterable[PaperId], subscribers_: Iterable[str] | None = None
    ) -> dict[str, dict[PaperId, tuple[str, ...]]]:
        with self._reading() as connection:
            return on_papers(connection, self._numbers(connection), ids, subscribers_)


class Digests(SqlStateView):
    """`DigestStore` over a database."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(partial(reading, engine), RowNumbers)
        self._engine = engine
        self._registered: set[str] = set()

    @contextmanager
    def transaction(self) -> Iterator["SqlIngestTransaction"]:
        """A transaction that alone may write; stored when the block ends, forgotten when it raises."""
        with writing(self._engine, alone=True) as connection:
            transaction = SqlIngestTransaction(connection)
            yield transaction
            if transaction.changed_papers:
                next_version(connection)

    def unregistered(self, names: AbstractSet[str]) -> AbstractSet[str]:
        """Those of the names that are not registered; a registered one is remembered, since it stays so."""
        unknown = names - self._registered
        if unknown:
            self._registered |= unknown & self.registered()
        return unknown - self._registered

    def known_files(self) -> Mapping[str, str]:
        """File name to SHA-256 of its content as last taken in."""
        with self._reading() as connection:
            return dict(_KNOWN_FILES.rows(connection))

    def open_runs(self) -> tuple[PlanningRun, ...]:
        with self._reading() as connection:
            return open_runs(connection)

    def documents(self, papers: Sequence[Paper]) -> dict[PaperId, Document]:
        with self._reading() as connection:
            return stored_documents(connection, papers)

    def changes_of(self, run: PlanningRun) -> tuple[Change, ...]:
        with self._reading() as connection:
            return changes_of(connection, run.number)

    def newest_day(self) -> dt.date | None:
        with self._reading() as connection:
            return _newest_day(connection)

    def all(self) -> tuple[DigestRecord, ...]:
        return self._digests(select(digests).order_by(*_OLDEST_DAY_FIRST))

    def digests_on(self, paper: PaperId) -> tuple[DigestRecord, ...]:
        named = select(digest_papers.c.digest).where(digest_papers.c.paper == paper)
        return self._digests(select(digests).where(digests.c.sha256.in_(named)).order_by(*_OLDEST_DAY_FIRST))

    def _digests(self, query: Select[Any]) -> tuple[DigestRecord, ...]:
        with self._reading() as connection:
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
        with self._reading() as connection:
            return tuple(dict.fromkeys(map(PaperId, connection.execute(query).scalars())))

    def unreadable(self) -> dict[str, str]:
        return self._without_digest(files.c.error.is_not(None), ~files.c.no_digest)

    def no_digests(self) -> dict[str, str]:
        return self._without_digest(files.c.error.is_not(None), files.c.no_digest)

    def _without_digest(self, *conditions: ColumnElement[bool]) -> dict[str, str]:
        query = select(files.c.name, files.c.error).where(*conditions).order_by(files.c.name)
        with self._reading() as connection:
            return dict(connection.execute(query).all())

    def notice_records(self, subscriber: str, ids: Iterable[PaperId]) -> dict[PaperId, NoticeRecord]:
        with self._reading() as connection:
            notices = of_subscriber_on(connection, subscriber, ids)
        return {
            paper: NoticeRecord(
                subscriptions=notice.names,
                noticed_at=moment_of(notice.moment),
                rule=notice.rule,
                source=notice.source,
            )
            for paper, notice in notices.items()
        }

    def registered_at(self, subscriber: str) -> dt.datetime | None:
        with self._reading() as connection:
            query = select(subscribers.c.registered_at).where(subscribers.c.id == subscriber)
            return connection.execute(query).scalar()

    def being_planned(self, subscriber: str) -> frozenset[PaperId]:
        with self._reading() as connection:
            return frozenset(papers_ahead(connection, subscriber))


class SqlIngestTransaction(SqlStateView):
    """`IngestTransaction` over one connection."""

    def __init__(self, connection: Connection) -> None:
        planning = Planning(connection)
        super().__init__(lambda: nullcontext(connection), lambda _: planning.numbers)
        self._connection = connection
        self._planning = planning
        self.changed_papers = False

    def save_digests(self, read: Sequence[ReadDigest], now: dt.datetime) -> None:
        _SAVE_DIGESTS.run(self._connection, [_digest_row(file, now) for file in read])
        rows = [
            (file.sha256, position, entry.id)
            for file in read
            for position, entry in enumerate(file.digest.entries)
        ]
        _NAME_PAPERS.run(self._connection, rows)
        self.save_files([FileRecord(name=file.name, sha256=file.sha256) for file in read])

    def save_files(self, files: Sequence[FileRecord]) -> None:
        # One row a name: of several PostgreSQL takes none.
        rows = {file.name: (file.name, file.sha256, file.error, file.is_no_digest) for file in files}
        _SAVE_FILES.run(self._connection, list(rows.values()))

    def save_papers(
        self,
        papers_: Sequence[Paper],
        now: dt.datetime,
        *,
        changed: bool,
        documents: Mapping[PaperId, Document] | None = None,
    ) -> None:
        if not papers_:
            return
        self.changed_papers = True
        ((last,),) = _LAST_NUMBER.rows(self._connection)
        save = _SAVE_PAPERS if changed else _SAVE_RESIGHTED
        save.run(
            self._connection,
            [_paper_row(paper, number, now) for number, paper in enumerate(papers_, start=last + 1)],
        )
        numbers = self._planning.numbers.of_papers({paper.id for paper in papers_})
        known = documents or {}
        save_words(
            self._connection,
            [(numbers[paper.id], known.get(paper.id) or document_of(paper)) for paper in papers_],
        )

    def register(self, names: Collection[str], backlog: int | None, now: dt.datetime) -> None:
        _REGISTER.run(self._connection, [(name, micros(now), backlog) for name in sorted(names)])

    def save_source(self, source: str, history: SourceHistory) -> None:
        values = {
            "first_at": history.first_at,
            "last_at": history.last_at,
            "newest": history.newest,
            "young": int(history.young),
            "announced": json.dumps(sorted(day.isoformat() for day in history.announced)),
        }
        self._connection.execute(
            insert(self._connection, source_history).on_conflict_do_update(
                index_elements=["source"], set_=values
            ),
            {"source": source, **values},
        )

    def backlog_shares(self, source: str, names: Collection[str], share: int) -> dict[str, int]:
        return dict(_SHARES.rows(self._connection, source=source, names=sorted(names), share=share))

    def save_shares(self, source: str, left: Mapping[str, int]) -> None:
        if not left:
            return
        numbers = self._planning.numbers.of_subscribers(left)
        statement = insert(self._connection, backlog_shares)
        self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["source", "subscriber"], set_={"remaining": statement.excluded.remaining}
            ),
            [
                {"source": source, "subscriber": numbers[name], "remaining": count}
                for name, count in sorted(left.items())
            ],
        )

    def onboarded(self, subscriptions: Mapping[str, str]) -> None:
        _ONBOARDED.run(self._connection, sorted(subscriptions.items()))

    def being_onboarded(self) -> frozenset[str]:
        return being_onboarded(self._connection)

    def save_onboarding_shares(self, left: Mapping[str, int | None]) -> None:
        _SAVE_ONBOARDING_SHARES.run(self._connection, sorted(left.items()))

    def planned(self, keys: Iterable[str]) -> dict[str, State]:
        states: dict[str, State] = {}
        numbers = delivery_numbers(self._connection, keys)
        named = {number: key for key, number in numbers.items()}
        for chunk in chunks(named):
            query = select(deliveries.c.number, _STATE).join(targets, targets.c.number == deliveries.c.target)
            rows = self._connection.execute(query.where(deliveries.c.number.in_(chunk)))
            states.update({named[number]: state for number, state in rows})
        return states

    def new_run(self, now: dt.datetime, rule: Rule | None = None) -> int:
        return self._planning.new_run(now, rule)

    def begin_run(
        self, changes: Sequence[Change], now: dt.datetime, *, rule: Rule, source: str | None = None
    ) -> PlanningRun:
        return self._planning.begin_run(changes, now, rule=rule, source=source)

    def begin_stored_run(self, subscribers: Sequence[str], now: dt.datetime, *, rule: Rule) -> PlanningRun:
        # As of now these papers are being planned, which an ingest that compared its digests before must notice.
        self.changed_papers = True
        return self._planning.begin_stored_run(subscribers, now, rule=rule)

    def open_run(self) -> PlanningRun | None:
        return next(iter(open_runs(self._connection, 1)), None)

    def advance(self, run: PlanningRun, cursor: str) -> None:
        self._planning.advance(run.number, cursor)

    def finish(self, run: PlanningRun, now: dt.datetime) -> None:
        self._planning.finish(run.number, now)

    def save_notices(self, new: Notices, run: int, *, extended: Notices | None = None) -> None:
        if new or extended:
            self.changed_papers = True
            self._planning.notice(new, extended or {}, run)

    def plan(self, deliveries_: Sequence[Delivery], run: int) -> int:
        return self._planning.plan(deliveries_, run) if deliveries_ else 0


def _digest_row(file: ReadDigest, now: dt.datetime) -> tuple[Any, ...]:
    digest = file.digest
    problems = [(problem.line, problem.what) for problem in digest.problems]
    return (
        file.sha256,
        file.name,
        digest.kind,
        digest.date.isoformat() if digest.date else None,
        len(digest.entries),
        json_text(problems),
        json_text(dict(digest.tips)),
        micros(now),
    )


def _paper_row(paper: Paper, number: int, now: dt.datetime) -> tuple[Any, ...]:
    day = paper.date.isoformat() if paper.date else None
    quizzes = sum([len(edition.quiz) for edition in paper.editions if edition.language == "en"])
    return paper.id, day, number, quizzes, micros(now), micros(now), paper_json(paper)


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
