"""Planning runs with their cursor, and the notices and deliveries that they write.

A run takes many transactions; its `cursor` is the last subscriber that was planned, in the order of their ids. One begun
by a digest is for all subscribers, and its `changes` lists papers by number, each with what it gained (null for a new one):

    [[17, null], [18, ["title", "quiz"]]]

An onboarding is for the `subscribers` of a JSON list, and for all papers up to the number `last_paper`. Each transaction of
it has a run of its own as well, since one subscriber's notices of one run are one row.

Planning in a single transaction (a quiz question) also has a run, which is done from the start and records the time.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from bot.adapters.store import notices
from bot.adapters.store.cluster import notify
from bot.adapters.store.papers import paper_of
from bot.adapters.store.row_numbers import RowNumbers
from bot.adapters.store.schema import KINDS, STATES, micros, moment_of
from bot.adapters.store.sql import Statement, chunks, inserting
from bot.domain.backlog import Rule
from bot.domain.delivery import Delivery
from bot.domain.digests import Change
from bot.domain.notices import Notices
from bot.domain.papers import PaperId
from bot.pipeline.ports.papers import PlanningRun

_MOST_RUNS = 1_000
_OPEN_RUNS = Statement(
    "SELECT number, made_at, rule, source, cursor, papers, last_paper, subscribers FROM planning_runs"
    " WHERE done_at IS NULL ORDER BY number LIMIT :most"
)
_OPEN_PAPERS = Statement("SELECT changes, last_paper FROM planning_runs WHERE done_at IS NULL")
_STORED_UP_TO = Statement("SELECT id FROM papers WHERE number <= :last")
_LAST = Statement("SELECT coalesce(max(number), 0), count(*) FROM papers")
_BEING_ONBOARDED = Statement(
    "SELECT subscribers FROM planning_runs WHERE done_at IS NULL AND subscribers IS NOT NULL AND rule <> 'import'"
)
_CHANGES = Statement("SELECT changes FROM planning_runs WHERE number = :run")
_PAPERS = Statement("SELECT number, id, content FROM papers WHERE number = ANY(:numbers)")
_INSERT = Statement(
    "INSERT INTO planning_runs (made_at, done_at, rule, source, cursor, changes, papers, last_paper, subscribers)"
    " VALUES (:made_at, :done_at, :rule, :source, :cursor, :changes, :papers, :last_paper, :subscribers) RETURNING number"
)
_ADVANCE = Statement("UPDATE planning_runs SET cursor = :cursor WHERE number = :run")
_FINISH = Statement("UPDATE planning_runs SET done_at = :now, subscribers = NULL WHERE number = :run")
_DELIVERIES = inserting(
    "deliveries",
    {
        "target": "bigint",
        "subscriber": "bigint",
        "kind": "smallint",
        "paper": "bigint",
        "part": "text",
        "state": "smallint",
        "due_at": "bigint",
        "run": "bigint",
    },
    on_conflict="(target, paper, kind, part) DO NOTHING",
)
_LATEST = "CASE WHEN wait_until > :due THEN wait_until ELSE :due END"
_READY_BY = Statement(
    f"UPDATE targets SET ready_at = {_LATEST} WHERE number = ANY(:targets)"
    " AND lease_until IS NULL"  # otherwise it is computed when the lease ends
    f" AND (ready_at IS NULL OR ready_at > {_LATEST})"
)


def open_runs(connection: Connection, most: int = _MOST_RUNS) -> tuple[PlanningRun, ...]:
    """The oldest runs that are not done."""
    return tuple(
        PlanningRun(
            number=number,
            made_at=moment_of(made_at),
            rule=rule,
            source=source,
            cursor=cursor,
            papers=papers,
            last_paper=last_paper or 0,
            subscribers=None if names is None else tuple(json.loads(names)),
        )
        for number, made_at, rule, source, cursor, papers, last_paper, names in _OPEN_RUNS.rows(
            connection, most=most
        )
    )


def being_onboarded(connection: Connection) -> frozenset[str]:
    """The subscribers of the open runs that plan stored papers to be sent."""
    return frozenset(name for (names,) in _BEING_ONBOARDED.rows(connection) for name in json.loads(names))


def papers_ahead(connection: Connection, subscriber: str) -> Iterator[PaperId]:
    """The papers of open runs that are not planned for the subscriber yet."""
    for run in open_runs(connection):
        if run.cursor >= subscriber or (run.subscribers is not None and subscriber not in run.subscribers):
            continue
        if run.subscribers is None:
            yield from (change.paper.id for change in changes_of(connection, run.number))
        else:
            yield from (PaperId(paper) for (paper,) in _STORED_UP_TO.rows(connection, last=run.last_paper))


def changes_of(connection: Connection, run: int) -> tuple[Change, ...]:
    """The changes of a run, in order, with the papers as they are now."""
    ((text,),) = _CHANGES.rows(connection, run=run)
    gains = {number: frozenset(gained or ()) for number, gained in json.loads(text)}
    rows = _PAPERS.rows(connection, numbers=list(gains))
    papers = {number: paper_of(paper_id, content) for number, paper_id, content in rows}
    return tuple(Change(paper=papers[number], gains=gained) for number, gained in gains.items())


def is_being_planned(connection: Connection, numbers: RowNumbers, papers: Collection[PaperId]) -> bool:
    """Whether one of these papers is in a run that is not done."""
    rows = _OPEN_PAPERS.rows(connection) if papers else []
    if not rows:
        return False
    last = max(last_paper or 0 for _, last_paper in rows)
    planned = {number for changes, _ in rows if changes for number, _ in json.loads(changes)}
    return any(number <= last or number in planned for number in numbers.of_papers(papers).values())


class Planning:
    """Writes the runs, notices and deliveries of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.numbers = RowNumbers(connection)

    def new_run(self, now: datetime, rule: Rule | None = None) -> int:
        """Insert a run that ends with this transaction; gives its number."""
        return self._insert_run(made_at=micros(now), rule=rule, done_at=micros(now))

    def begin_run(
        self, changes: Sequence[Change], now: datetime, *, rule: Rule, source: str | None = None
    ) -> PlanningRun:
        """Insert a run over all subscribers."""
        numbers = self.numbers.of_papers({change.paper.id for change in changes})
        text = json.dumps([(numbers[change.paper.id], sorted(change.gains) or None) for change in changes])
        run = PlanningRun(number=0, made_at=now, rule=rule, source=source, cursor="", papers=len(changes))
        return self._begin(run, changes=text)

    def begin_stored_run(self, subscribers: Sequence[str], now: datetime, *, rule: Rule) -> PlanningRun:
        """Insert a run of all papers for these subscribers."""
        ((last, count),) = _LAST.rows(self._connection)
        names = tuple(sorted(subscribers))
        return self._begin(
            PlanningRun(
                number=0, made_at=now, rule=rule, cursor="", papers=count, subscribers=names, last_paper=last
            )
        )

    def advance(self, run: int, cursor: str) -> None:
        _ADVANCE.run(self._connection, run=run, cursor=cursor)

    def finish(self, run: int, now: datetime) -> None:
        _FINISH.run(self._connection, run=run, now=micros(now))

    def notice(self, new: Notices, extended: Notices, run: int) -> None:
        notices.write(self._connection, self.numbers, new, run)
        notices.rewrite(self._connection, self.numbers, extended)

    def plan(self, deliveries: Sequence[Delivery], run: int) -> int:
        """Insert the deliveries whose keys are new, in the given order; gives their number."""
        by_target: dict[str, list[Delivery]] = defaultdict(list)
        for delivery in deliveries:
            by_target[delivery.target].append(delivery)
        count = self._insert(by_target, run)
        self._make_ready(by_target)
        if count:
            notify(self._connection)
        return count

    def _begin(self, run: PlanningRun, changes: str | None = None) -> PlanningRun:
        """Insert an open run; gives it with its number."""
        number = self._insert_run(
            made_at=micros(run.made_at),
            rule=run.rule,
            source=run.source,
            cursor=run.cursor,
            changes=changes,
            papers=run.papers,
            last_paper=run.last_paper,
            subscribers=None if run.subscribers is None else json.dumps(run.subscribers),
        )
        return replace(run, number=number)

    def _insert_run(self, **values: Any) -> int:
        nothing = dict.fromkeys(
            ("done_at", "source", "cursor", "changes", "papers", "last_paper", "subscribers")
        )
        ((number,),) = _INSERT.rows(self._connection, **{**nothing, **values})
        return int(number)

    def _insert(self, by_target: Mapping[str, Sequence[Delivery]], run: int) -> int:
        """Insert the rows of each target together and in order, which is the order of the table's indexes."""
        targets = self.numbers.of_targets(by_target)
        rows = [delivery for waiting in by_target.values() for delivery in waiting]
        subscribers = self.numbers.of_subscribers(row.subscriber for row in rows)
        papers = self.numbers.of_papers({row.paper for row in rows})
        due = {moment: micros(moment) for moment in {row.due_at for row in rows}}
        return sum(
            _DELIVERIES.run(
                self._connection,
                [
                    (
                        targets[target],
                        subscribers[row.subscriber],
                        KINDS[row.kind],
                        papers[row.paper],
                        row.part,
                        STATES[row.state],
                        due[row.due_at],
                        run,
                    )
                    for target in chunk
                    for row in by_target[target]
                ],
            )
            for chunk in chunks(sorted(by_target, key=targets.__getitem__))
        )

    def _make_ready(self, by_target: Mapping[str, Sequence[Delivery]]) -> None:
        """Make the targets ready when the first of these rows is due, unless they are ready sooner."""
        targets = self.numbers.of_targets(by_target)
        due: dict[datetime, list[int]] = defaultdict(list)
        for target, rows in by_target.items():
            due[min([row.due_at for row in rows])].append(targets[target])
        for moment, numbers in due.items():
            _READY_BY.run(self._connection, targets=numbers, due=micros(moment))
