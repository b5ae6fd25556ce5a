"""Planning runs: RunPlanner carries them out, in transactions of some thousand matches each.

What a digest changed is planned for all subscribers. The transaction that stores the digest begins the run and plans its
first part; the others go on behind the last subscriber, whichever machine planned for that one. All stored papers are
planned in the same way for those who are new (see `onboarding`).
"""

import gc
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from typing import NamedTuple

from bot.domain.backlog import Rule
from bot.domain.delivery import State
from bot.domain.digests import Change
from bot.domain.matcher import MatchResult, SubscriptionMatcher
from bot.domain.notices import Notices
from bot.domain.papers import Paper, PaperId
from bot.domain.planning import Plan, alert_keys, plan
from bot.domain.query import Document
from bot.domain.query.evaluation import decided_by_folded_words
from bot.domain.query.needs import need_of
from bot.domain.subscriptions import Subscriber, Subscription
from bot.pipeline.onboarding import hashes_of, only_new
from bot.pipeline.ports.full_text import FullTextStore, PaperWindow
from bot.pipeline.ports.papers import DigestStore, IngestTransaction, PlanningRun, StateView

_PART_TAKES = 0.05
"""Seconds that a transaction of planning should take: while it does, nobody else can write."""
_MOST_WAITING = 2_000
"""Number of papers, in matched runs that wait for older ones in memory, from which on all is planned before more is
ingested."""
_FIRST_SIZE, _SMALLEST, _LARGEST = 1_000, 250, 20_000
"""Matches, one for each channel, that are planned in a transaction."""
_MOST_CANDIDATES = 500_000
"""Number of papers that may match, counted by subscription, from which on the subscribers of a run of stored papers are
matched in several groups."""
_EVERY_DAY = 1_000_000
"""More days than any state has."""
_CHUNK_PAPERS = 500
"""Number of stored papers whose words are read together."""

SubscriptionMatches = Mapping[PaperId, Sequence[Subscription]]
"""By paper those of a subscriber's subscriptions that match it."""


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
    matched: "MatchedRun | None"
    """None where there is nobody to plan it for."""


class RunPlanner:
    """Carries out planning runs, strictly in their order, in transactions of some thousand matches each.

    A run is matched once, and kept in memory until it is done; each transaction reads how far the run came, so that
    several machines may work on the same one.
    """

    def __init__(
        self,
        digests: DigestStore,
        full_text: FullTextStore,
        *,
        first_run: int | None,
        elapsed: Callable[[], float] = perf_counter,
    ) -> None:
        """`first_run` is how many matches of a backlog a subscriber gets (None: all)."""
        self._digests = digests
        self._full_text = full_text
        self.first_run = first_run
        self._elapsed = elapsed
        self._matched: MatchedRun | MatchedBacklog | None = None
        self._waiting: dict[int, MatchedRun] = {}
        """By the number of their run: matched when it was stored, for when its turn comes."""
        self._size = _FIRST_SIZE

    @property
    def is_full(self) -> bool:
        """Whether as many papers wait as are kept."""
        return sum(len(matched.changes) for matched in self._waiting.values()) >= _MOST_WAITING

    @contextmanager
    def transaction(self) -> Iterator[IngestTransaction]:
        """A transaction of the store; where it fails, what it began is forgotten."""
        try:
            with uncollected(), self._digests.transaction() as tx:
                yield tx
        except BaseException:
            self._matched = None
            self._waiting.clear()
            raise

    def begin(self, tx: IngestTransaction, new_runs: Sequence[NewRun], now: datetime) -> Planned:
        """Store those of the runs that concern anybody; where no older run is open, plan as much of the first as one
        transaction takes.
        """
        older = tx.open_run()
        planned = Planned()
        for new in new_runs:
            if new.matched is None:
                continue
            run = tx.begin_run(new.changes, now, rule=new.rule, source=new.source)
            new.matched.run = run.number
            if older is None:
                older, self._matched = run, new.matched
                planned = self._plan_part(tx, run, new.matched, now)
            else:
                self._waiting[run.number] = new.matched
        return planned

    def plan_part(self, matcher: SubscriptionMatcher, now: datetime) -> Planned | None:
        """Plan the next part; None where no run is open."""
        matched = self._oldest(matcher)
        if matched is None:
            return None
        # Outside of the transaction, so that others can write meanwhile.
        matched.prepare(self._digests, self._size)
        with self.transaction() as tx:
            start = self._elapsed()
            run = tx.open_run()
            if run is None or run.number != matched.run:  # another machine finished it
                self._matched = None
                return Planned()
            planned = self._plan_part(tx, run, matched, now)
        self._adapt(self._elapsed() - start)
        return planned

    def _oldest(self, matcher: SubscriptionMatcher) -> "MatchedRun | MatchedBacklog | None":
        """The oldest open run, matched by this matcher."""
        if self._matched is not None and self._matched.matcher is matcher:
            return self._matched
        runs = self._digests.open_runs()
        if not runs:
            self._waiting.clear()
            return None
        waiting = self._waiting.get(runs[0].number)
        self._waiting = {run: matched for run, matched in self._waiting.items() if run > runs[0].number}
        if waiting is not None and waiting.matcher is matcher:
            self._matched = waiting
        else:
            self._matched = self._match(runs[0], matcher)
        return self._matched

    def _match(self, run: PlanningRun, matcher: SubscriptionMatcher) -> "MatchedRun | MatchedBacklog":
        if run.subscribers is not None:
            new = only_new(self._digests, matcher, run)
            return MatchedBacklog(run, matcher, *match_stored(self._full_text, new, run))
        changes = self._digests.changes_of(run)
        documents = self._digests.documents([change.paper for change in changes])
        matched = MatchedRun(self._digests, matcher, changes, documents)
        matched.run = run.number
        return matched

    def _plan_part(
        self, tx: IngestTransaction, run: PlanningRun, matched: "MatchedRun | MatchedBacklog", now: datetime
    ) -> Planned:
        part = matched.part(run.cursor, self._size)
        shares = self._shares(tx, run, part.matches)
        excluded: Collection[str] = ()
        if run.subscribers is not None:  # who was deleted meanwhile
            excluded = part.matches.keys() - shares.keys()
        elif run.sends:  # onboarding gives them these papers
            excluded = tx.backlog(part.matches).keys()
        matches = {name: matching for name, matching in part.matches.items() if name not in excluded}
        noticed, planned = matched.earlier(tx, run, matches)
        result = plan(
            part.changes,
            matches,
            matched.subscribers,
            noticed=noticed,
            planned=planned,
            now=run.made_at,
            backlog=shares,
        )
        left = {name: share for name, share in result.backlog.items() if share != shares[name]}
        if run.subscribers is not None:
            tx.save_onboarding_shares(left)
        elif run.source is not None:
            tx.save_shares(run.source, {name: share for name, share in left.items() if share is not None})
        counts = self._save(tx, run, result)
        if run.sends:
            tx.onboarded(part.onboarded)
        if part.cursor is None:
            tx.finish(run, now)
        else:
            tx.advance(run, part.cursor)
        if part.is_last:
            self._matched = None
        return counts

    def _shares(
        self, tx: IngestTransaction, run: PlanningRun, names: Collection[str]
    ) -> Mapping[str, int | None]:
        """How many papers of this run each of these subscribers is still to get, where it plans a backlog."""
        if run.subscribers is not None:
            shares = tx.onboarding_shares(names)
            return shares if run.sends else dict.fromkeys(shares, 0)
        if run.source is None or self.first_run is None:
            return {}
        return tx.backlog_shares(run.source, names, self.first_run)

    @staticmethod
    def _save(tx: IngestTransaction, run: PlanningRun, result: Plan) -> Planned:
        number = run.number
        if run.subscribers is not None and (result.notices or result.deliveries):
            number = tx.new_run(run.made_at, run.rule)  # a subscriber's notices of one run are one row
        tx.save_notices(result.notices, number, extended=result.extended)
        deliveries = tx.plan(result.deliveries, number) if run.sends else 0
        notices = sum(
            len(papers) for notices in (result.notices, result.extended) for papers in notices.values()
        )
        return Planned(notices=notices, deliveries=deliveries)

    def _adapt(self, seconds: float) -> None:
        """Choose the size of the next part so that its transaction takes about `_PART_TAKES`."""
        fitting = int(self._size * _PART_TAKES / max(seconds, 0.001))
        self._size = min(max(fitting, self._size // 2, _SMALLEST), 2 * self._size, _LARGEST)


@contextmanager
def uncollected() -> Iterator[None]:
    """No garbage is collected inside: entries, papers and plans have no cycles, and looking for some takes a twentieth of
    an ingest, and of a large state longer than a transaction should.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Slice(NamedTuple):
    """A part of a run: what one transaction plans."""

    changes: Sequence[Change]
    """All papers that are among the matches, in order, and perhaps more."""
    matches: Mapping[str, SubscriptionMatches]
    cursor: str | None
    """The last subscriber who is planned with it; None where nobody is left."""
    is_last: bool
    """Nothing is left of what is matched."""
    onboarded: Mapping[str, str] = {}
    """The subscribers who are onboarded with it, with the hashes of their subscriptions."""


class MatchedRun:
    """A planning run of changes in memory, matched with all subscribers."""

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
        self.subscribers = matcher.subscribers
        self.changes = changes
        self._gained = frozenset(change.paper.id for change in changes if not change.is_new)
        self._noticed = state.notices(self._gained)
        self._hits = matcher.concerned(changes, self._noticed, documents)
        self._left = self._hits.after("")
        self._cursor = ""

    def prepare(self, state: StateView, size: int) -> None:
        """Read what the next part needs: nothing, as the papers are in memory."""

    def part(self, cursor: str, size: int) -> Slice:
        """The matches of the subscribers behind the cursor, so many or a few more."""
        if cursor != self._cursor:  # another machine went on
            self._left = self._hits.after(cursor)
        matches: dict[str, SubscriptionMatches] = {}
        weight = 0
        for name, matching in self._left:
            matches[name] = matching
            weight += len(matching) * max(len(self.subscribers[name].channels), 1)
            if weight >= size:
                self._cursor = name
                return Slice(self.changes, matches, name, is_last=False)
        return Slice(self.changes, matches, None, is_last=True)

    def earlier(
        self, tx: IngestTransaction, run: PlanningRun, matches: Mapping[str, SubscriptionMatches]
    ) -> tuple[Notices, Mapping[str, State]]:
        """Earlier notices on the papers, and the states of earlier alerts on them by key."""
        if not run.sends or not self._gained:
            return self._noticed, {}
        return self._noticed, tx.planned(alert_keys(matches, self.subscribers, self._gained))


class MatchedBacklog:
    """A planning run of stored papers in memory, or as many of its subscribers as were matched together.

    Of very many matches of one subscriber a part takes some. Nothing stored says how many: what was planned already is
    known by its notices, which each transaction reads, and does not count again.
    """

    def __init__(
        self, run: PlanningRun, matcher: SubscriptionMatcher, names: Sequence[str], hits: MatchResult
    ) -> None:
        """`hits` are all matches of the subscribers with these names, which come next in the run."""
        self.run = run.number
        self.matcher = matcher
        self.subscribers = hits.subscribers
        self._sends = run.sends
        self._names = names
        self._is_end = tuple(names[-1:]) == (run.subscribers or ())[-1:] or not names
        self._hits = hits
        self._order = {paper: number for number, paper in enumerate(hits.papers)}
        self._go_to(run.cursor)

    def _go_to(self, cursor: str) -> None:
        self._cursor = cursor
        self._left = self._hits.after(cursor)
        self._name = ""
        self._rest: list[tuple[PaperId, Sequence[Subscription]]] = []
        """What is left of the subscriber of that name."""
        self._part = Slice((), {}, cursor, is_last=False)

    def prepare(self, state: StateView, size: int) -> None:
        """Choose the next part, and read its papers."""
        matches: dict[str, SubscriptionMatches] = {}
        cursor, weight, is_last = self._cursor, 0, False
        while weight < size:
            if not self._rest:
                self._name, matching = next(self._left, ("", {}))
                self._rest = sorted(matching.items(), key=lambda match: self._order[match[0]])
            if not self._rest:
                cursor, is_last = max((cursor, *self._names)), True
                break
            channels = max(len(self.subscribers[self._name].channels), 1)
            most = -(-(size - weight) // channels)
            matches[self._name] = dict(self._rest[:most])
            weight += len(matches[self._name]) * channels
            self._rest = self._rest[most:]
            if not self._rest:
                cursor = self._name
        papers = {paper for matching in matches.values() for paper in matching}
        # Of a paper of which nothing is to be sent, the id is enough.
        shares = state.onboarding_shares(matches.keys()) if self._sends else {}
        stored = state.papers(
            {paper for name, share in shares.items() if share != 0 for paper in matches[name]}
        )
        self._part = Slice(
            [
                Change(paper=stored.get(paper) or Paper(id=paper, title=""))
                for paper in sorted(papers, key=self._order.__getitem__)
            ],
            matches,
            None if is_last and self._is_end else cursor,
            is_last,
            {
                name: hashes_of(self.matcher.subscribers[name])
                for name in self._names
                if self._cursor < name <= cursor and name in self.matcher.subscribers
            },
        )

    def part(self, cursor: str, size: int) -> Slice:  # noqa: ARG002 - `prepare` was told
        """The part that was prepared; an empty one where another machine went on, after which the next one fits."""
        if cursor != self._cursor:
            self._go_to(cursor)
        elif self._part.cursor is not None:
            self._cursor = self._part.cursor
        return self._part

    def earlier(
        self, tx: IngestTransaction, run: PlanningRun, matches: Mapping[str, SubscriptionMatches]
    ) -> tuple[Notices, Mapping[str, State]]:
        """Earlier notices on the papers, and the states of earlier alerts on them by key."""
        papers = {paper for matching in matches.values() for paper in matching}
        noticed = tx.notices(papers, matches)
        if run.rule != "new subscription":
            return noticed, {}
        return noticed, tx.planned(alert_keys(matches, self.subscribers, papers))


def match_stored(
    full_text: FullTextStore, new: SubscriptionMatcher, run: PlanningRun
) -> tuple[Sequence[str], MatchResult]:
    """Match stored papers with the next subscribers of the run, as many as are matched together; gives these too.

    The full text gives the papers that may match, newest first.
    """
    ahead = [name for name in run.subscribers or () if name > run.cursor]
    with full_text.last_days(_EVERY_DAY) as window:
        every_paper = [number for number in window.candidates(None) if number <= run.last_paper]
        candidates: set[int] = set()
        names: list[str] = []
        count = 0
        for name in ahead if every_paper else ():
            subscriptions = new.subscribers[name].subscriptions if name in new.subscribers else ()
            for subscription in subscriptions:
                need = need_of(subscription.query.root) if subscription.query else None
                numbers = every_paper if need is None else window.candidates(need)
                candidates.update(numbers)
                count += len(numbers)
            names.append(name)
            if count >= _MOST_CANDIDATES:
                break
        chosen = new.only(frozenset(names))
        ordered = [number for number in every_paper if number in candidates]
        with_texts = not all(map(_is_decided_by_words, chosen.subscribers.values()))
        return names or ahead, chosen.find_in(_documents(window, ordered, with_texts=with_texts))


def _is_decided_by_words(subscriber: Subscriber) -> bool:
    """Whether the folded words of papers are enough to match all subscriptions."""
    return all(
        decided_by_folded_words(query.root)
        for subscription in subscriber.subscriptions
        for query in (subscription.query, *subscription.unless)
        if query is not None
    )


def _documents(
    window: PaperWindow, numbers: Sequence[int], *, with_texts: bool
) -> Iterator[tuple[PaperId, Document]]:
    for start in range(0, len(numbers), _CHUNK_PAPERS):
        chunk = numbers[start : start + _CHUNK_PAPERS]
        ids = window.ids(chunk)
        for number, document in window.documents(chunk, with_texts=with_texts):
            yield ids[number], document
