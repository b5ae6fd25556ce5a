"""Planning runs: RunPlanner carries them out, in transactions of some thousand matches each.

What a digest changed is planned for all subscribers. The transaction that stores the digest begins the run and plans its
first part; the others go on behind the last subscriber, whichever machine planned for that one.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from bot.domain.backlog import Rule
from bot.domain.digests import Change
from bot.domain.matcher import SubscriptionMatcher
from bot.domain.papers import PaperId
from bot.domain.planning import alert_keys, plan
from bot.domain.query import Document
from bot.domain.subscriptions import Subscription
from bot.pipeline.ports.papers import DigestStore, IngestTransaction, PlanningRun, StateView

_PART_TAKES = 0.05
"""Seconds that a transaction of planning should take: while it does, nobody else can write."""
_MOST_WAITING = 2_000
"""Number of papers, in matched runs that wait for older ones in memory, from which on all is planned before more is
ingested."""
_FIRST_SIZE, _SMALLEST, _LARGEST = 1_000, 250, 20_000
"""Matches, one for each channel, that are planned in a transaction."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """How many notices and deliveries were planned."""

    notices: int = 0
    deliveries: int = 0

    def __add__(self, other: "Planned") -> "Planned":
        return Planned(notices=self.notices + other.notices, deliveries=self.deliveries + other.deliveries)


class NewRun(NamedTuple):
    """A planning run that is to be stored, with its changes matched already."""

    changes: Sequence[Change]
    rule: Rule
    source: str | None
    """The source whose backlog it plans."""
    work: "MatchedRun | None"
    """None where there is nobody to plan it for."""


class RunPlanner:
    """Carries out planning runs, strictly in their order, in transactions of some thousand matches each.

    A run is matched once, and kept in memory until it is done; each transaction reads how far the run came, so that
    several machines may work on the same one.
    """

    def __init__(self, digests: DigestStore, first_run: int | None, elapsed: Callable[[], float]) -> None:
        self._digests = digests
        self._first_run = first_run
        self._elapsed = elapsed
        self._work: MatchedRun | None = None
        self._waiting: dict[int, MatchedRun] = {}
        """By the number of their run: matched when it was stored, for when its turn comes."""
        self._size = _FIRST_SIZE

    @property
    def is_full(self) -> bool:
        """Whether as many papers wait as are kept."""
        return self._papers_waiting() >= _MOST_WAITING

    def _papers_waiting(self) -> int:
        return sum(len(work.changes) for work in self._waiting.values())

    @contextmanager
    def transaction(self) -> Iterator[IngestTransaction]:
        """A transaction of the store; where it fails, what it began is forgotten."""
        try:
            with self._digests.transaction() as tx:
                yield tx
        except BaseException:
            self._work = None
            self._waiting.clear()
            raise

    def begin(self, tx: IngestTransaction, new_runs: Sequence[NewRun], now: datetime) -> Planned:
        """Store those of the runs that concern anybody; where no older run is open, plan as much of the first as one
        transaction takes.
        """
        older = tx.open_run()
        planned = Planned()
        for new in new_runs:
            if new.work is None:
                continue
            run = tx.begin_run(new.changes, now, rule=new.rule, source=new.source)
            new.work.run = run.number
            if older is None:
                older, self._work = run, new.work
                planned = self._plan_part(tx, run, new.work, now)
            else:
                self._waiting[run.number] = new.work
        return planned

    def plan_part(self, matcher: SubscriptionMatcher, now: datetime) -> Planned | None:
        """Plan the next part; None where no run is open."""
        if self._work is None or self._work.matcher is not matcher:
            runs = self._digests.open_runs()
            if not runs:
                self._waiting.clear()
                return None
            waiting = self._waiting.get(runs[0].number)
            self._waiting = {run: work for run, work in self._waiting.items() if run > runs[0].number}
            if waiting is not None and waiting.matcher is matcher:
                self._work = waiting
            else:
                self._work = self._prepare(runs[0], matcher)
        work = self._work
        with self.transaction() as tx:
            start = self._elapsed()
            run = tx.open_run()
            if run is None or run.number != work.run:  # another machine finished it
                self._work = None
                return Planned()
            planned = self._plan_part(tx, run, work, now)
        self._adapt(self._elapsed() - start)
        return planned

    def _prepare(self, run: PlanningRun, matcher: SubscriptionMatcher) -> "MatchedRun":
        changes = self._digests.changes_of(run)
        documents = self._digests.documents([change.paper for change in changes])
        work = MatchedRun(self._digests, matcher, changes, documents)
        work.run = run.number
        return work

    def _plan_part(
        self, tx: IngestTransaction, run: PlanningRun, work: "MatchedRun", now: datetime
    ) -> Planned:
        matches, cursor = work.part(run.cursor, self._size)
        for name in tx.backlog().keys() & matches.keys() if run.sends else ():
            del matches[name]
        subscribers = work.matcher.subscribers
        planned = (
            tx.planned(alert_keys(matches, subscribers, work.gained)) if run.sends and work.gained else {}
        )
        shares = self._shares(tx, run, matches)
        result = plan(
            work.changes,
            matches,
            subscribers,
            noticed=work.noticed,
            planned=planned,
            now=run.made_at,
            backlog=shares,
        )
        if run.source is not None:
            spent = {name: left for name, left in result.backlog.items() if left is not None}
            tx.save_shares(run.source, {name: left for name, left in spent.items() if left != shares[name]})
        tx.save_notices(result.notices, run.number, extended=result.extended)
        deliveries = tx.plan(result.deliveries, run.number) if run.sends else 0
        if cursor is None:
            tx.finish(run, now)
            self._work = None
        else:
            tx.advance(run, cursor)
        notices = sum(
            len(papers) for notices in (result.notices, result.extended) for papers in notices.values()
        )
        return Planned(notices=notices, deliveries=deliveries)

    def _shares(
        self, tx: IngestTransaction, run: PlanningRun, names: Collection[str]
    ) -> Mapping[str, int | None]:
        """How many papers of this run each of these subscribers is still to get, where it plans a backlog."""
        if run.source is None or self._first_run is None:
            return {}
        return tx.backlog_shares(run.source, names, self._first_run)

    def _adapt(self, seconds: float) -> None:
        """Choose the size of the next part so that its transaction takes about `_PART_TAKES`."""
        fitting = int(self._size * _PART_TAKES / max(seconds, 0.001))
        self._size = min(max(fitting, self._size // 2, _SMALLEST), 2 * self._size, _LARGEST)


class MatchedRun:
    """A planning run in memory: its changes, matched with all subscriptions."""

    run: int
    """The number of the run, once it has one."""

    def __init__(
        self,
        state: StateView,
        matcher: SubscriptionMatcher,
        changes: Sequence[Change],
        documents: Mapping[PaperId, Document],
    ) -> None:
        self.matcher = matcher
        self.changes = changes
        self.gained = frozenset(change.paper.id for change in changes if not change.is_new)
        self.noticed = state.notices(self.gained)
        self._hits = matcher.concerned(changes, self.noticed, documents)
        self._left = self._hits.after("")
        self._cursor = ""

    def part(
        self, cursor: str, size: int
    ) -> tuple[dict[str, Mapping[PaperId, Sequence[Subscription]]], str | None]:
        """The matches of the subscribers behind the cursor, so many or a few more, and the last of them; None instead
        where nobody is left.
        """
        if cursor != self._cursor:  # another machine went on
            self._left = self._hits.after(cursor)
        matches: dict[str, Mapping[PaperId, Sequence[Subscription]]] = {}
        weight = 0
        for name, matching in self._left:
            matches[name] = matching
            weight += len(matching) * max(len(self.matcher.subscribers[name].channels), 1)
            if weight >= size:
                self._cursor = name
                return matches, name
        return matches, None
