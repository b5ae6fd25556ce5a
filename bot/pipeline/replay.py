"""What ought to have arrived, foretold from the digests alone, held against what services counted.

Nothing in here looks at the outbox, the notices or the index of queries: papers are merged, each query is
asked of each paper in the plain way, and the rules for time and limits are applied. So what gets lost on the
way through the pipeline, or goes out twice, shows.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot.domain.delivery import Kind
from bot.domain.digests import Digest
from bot.domain.papers import Paper, PaperId, merge
from bot.domain.query import document_of
from bot.domain.query.evaluation import Test, test_of
from bot.domain.schedule import local_day, release_time
from bot.domain.subscriptions import Channel, Subscriber

LATE = timedelta(minutes=10)
"""An alert that comes so long after its time is late."""
_SHOWN = 5

PlaceAndPaper = tuple[str, PaperId]


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """One message that a service took over; `place` is the place's first address, whatever became of it."""

    at: datetime
    place: str
    kind: Kind
    batch: str
    papers: tuple[PaperId, ...]
    question: str | None = None
    more: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asker:
    subscriber: Subscriber
    channels: tuple[Channel, ...]


class Foretelling:
    """Takes in the digests beside the system and knows who is to hear of what, where and when.

    Everybody is there from the first digest on, and is to get all that matches.
    """

    def __init__(self, subscribers: Sequence[Subscriber]) -> None:
        self.papers: dict[PaperId, Paper] = {}
        self.due: dict[PlaceAndPaper, datetime] = {}
        """When the alert on that paper may go to that place at the earliest."""
        self.channels = {
            channel.target: (subscriber, channel)
            for subscriber in subscribers
            for channel in subscriber.channels
        }
        asked: dict[str, tuple[Test, list[_Asker]]] = {}
        for subscriber in subscribers:
            for subscription in subscriber.subscriptions:
                query = subscription.query
                if query is None:
                    continue
                _, askers = asked.setdefault(query.canonical, (test_of(query.root), []))
                channels = tuple(channel for channel in subscriber.channels if channel.takes(subscription))
                askers.append(_Asker(subscriber=subscriber, channels=channels))
        self._asked = list(asked.values())

    def hear(self, digest: Digest, name: str, now: datetime) -> None:
        """This digest arrives now."""
        for entry in digest.entries:
            before = self.papers.get(entry.id)
            paper = merge(before, entry, source=name, day=digest.date)
            self.papers[entry.id] = paper
            if paper != before:
                self._tell(paper, now)

    def _tell(self, paper: Paper, now: datetime) -> None:
        document = document_of(paper)
        for matches, askers in self._asked:
            if not matches(document):
                continue
            for asker in askers:
                for channel in asker.channels:
                    self.due.setdefault((channel.target, paper.id), _due(asker.subscriber, channel, now))

    def polls(self, place: str, paper: PaperId) -> frozenset[str]:
        """The questions that are to be asked there once the paper was alerted; empty where any one of them will do."""
        subscriber, channel = self.channels[place]
        if not channel.capabilities.polls or channel.quizzes != "all":
            return frozenset()
        return frozenset(
            question.question for question in self.papers[paper].edition(subscriber.language).quiz
        )

    def wants_one_poll(self, place: str, paper: PaperId) -> bool:
        """True where exactly one question on that paper is to be asked."""
        subscriber, channel = self.channels[place]
        one = channel.capabilities.polls and channel.quizzes == "one"
        return one and bool(self.papers[paper].edition(subscriber.language).quiz)


def _due(subscriber: Subscriber, channel: Channel, now: datetime) -> datetime:
    if channel.capabilities.is_document:
        return now
    return release_time(now, schedule=channel.deliver, quiet=subscriber.quiet_hours, zone=subscriber.timezone)


@dataclass(kw_only=True, slots=True)
class Scorecard:
    """How it went. `lost`, `repeated` and `unasked` must be nothing; the first few of them stand in `worst`."""

    digests: int = 0
    papers: int = 0
    subscribers: int = 0
    days: int = 0
    expected: int = 0
    arrived: int = 0
    messages: int = 0
    polls: int = 0
    edits: int = 0
    merged: int = 0
    limited: int = 0
    lost: int = 0
    repeated: int = 0
    unasked: int = 0
    late: int = 0
    latest: timedelta = timedelta(0)
    refused: int = 0
    floods: int = 0
    uncertain: int = 0
    worst: list[str] = field(default_factory=list)

    @property
    def faultless(self) -> bool:
        return not (self.lost or self.repeated or self.unasked)

    @property
    def messages_per_person_per_day(self) -> float:
        return self.messages / max(self.subscribers * self.days, 1)

    def blame(self, what: str, count: int = 1) -> None:
        """Count a loss, a repeat or something nobody asked for."""
        kind = what.partition(":")[0]
        setattr(self, kind, getattr(self, kind) + count)
        if len(self.worst) < _SHOWN:
            self.worst.append(what)

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {name: getattr(self, name) for name in self.__slots__ if name not in ("latest", "worst")} | {
            "latest_seconds": round(self.latest.total_seconds(), 1),
            "messages_per_person_per_day": round(self.messages_per_person_per_day, 4),
            "worst": self.worst,
        }


def score(
    foretold: Foretelling,
    arrivals: Sequence[Arrival],
    feeds: Mapping[str, Collection[PaperId]],
    *,
    patience: timedelta = timedelta(days=1),
) -> Scorecard:
    """Hold what arrived, and what ever stood in each feed, against what was foretold.

    `patience` is how long after its time an alert may still be counted against that day's limit.
    """
    card = Scorecard(papers=len(foretold.papers), expected=len(foretold.due))
    alerts = _alerts(arrivals, card)
    _count_messages(arrivals, card)
    told = _told_by_day(foretold, alerts)
    for (place, paper), due in foretold.due.items():
        if place.startswith("atom:"):
            if paper not in feeds.get(place.partition(":")[2], ()):
                card.blame(f"lost: {paper} never stood in the feed {place}")
            else:
                card.arrived += 1
            continue
        at = alerts.get((place, paper))
        if at is not None:
            card.arrived += 1
            _mind_time(card, due, at)
        elif _limit_was_reached(foretold, told, place, due, patience):
            card.limited += 1
        else:
            card.blame(f"lost: {paper} to {place}, due {due:%Y-%m-%d %H:%M}")
    for place, paper in alerts:
        if (place, paper) not in foretold.due:
            card.blame(f"unasked: {paper} to {place}")
    _count_polls(foretold, arrivals, alerts, card)
    return card


def _alerts(arrivals: Sequence[Arrival], card: Scorecard) -> dict[PlaceAndPaper, datetime]:
    found: dict[PlaceAndPaper, datetime] = {}
    for one in arrivals:
        if one.kind != "alert":
            continue
        for paper in one.papers:
            if (one.place, paper) in found:
                card.blame(f"repeated: {paper} to {one.place}, {one.at:%Y-%m-%d %H:%M}")
            found.setdefault((one.place, paper), one.at)
    return found


def _count_messages(arrivals: Sequence[Arrival], card: Scorecard) -> None:
    for one in arrivals:
        match one.kind:
            case "alert":
                card.messages += 1
                card.merged += len(one.papers) - 1
            case "edit":
                card.edits += 1
            case _:
                card.messages += 1
                card.polls += 1


def _told_by_day(foretold: Foretelling, alerts: Mapping[PlaceAndPaper, datetime]) -> Counter[tuple[str, str]]:
    """(place, local day) to how many papers it was alerted to."""
    told: Counter[tuple[str, str]] = Counter()
    for (place, _), at in alerts.items():
        subscriber, _ = foretold.channels[place]
        told[place, local_day(at, subscriber.timezone)] += 1
    return told


def _limit_was_reached(
    foretold: Foretelling,
    told: Mapping[tuple[str, str], int],
    place: str,
    due: datetime,
    patience: timedelta,
) -> bool:
    """True where on the alert's day, or soon after, the place had got all that its limit allows."""
    subscriber, _ = foretold.channels[place]
    limit = subscriber.daily_limit
    if limit is None:
        return False
    days = (due + timedelta(days=number) for number in range(patience // timedelta(days=1) + 1))
    return any(told.get((place, local_day(day, subscriber.timezone)), 0) >= limit for day in days)


def _mind_time(card: Scorecard, due: datetime, at: datetime) -> None:
    card.latest = max(card.latest, at - due)
    if at - due > LATE:
        card.late += 1
    if at < due:
        card.blame(f"unasked: an alert at {at:%Y-%m-%d %H:%M}, not due before {due:%Y-%m-%d %H:%M}")


def _count_polls(
    foretold: Foretelling,
    arrivals: Sequence[Arrival],
    alerts: Collection[PlaceAndPaper],
    card: Scorecard,
) -> None:
    asked: dict[PlaceAndPaper, Counter[str]] = defaultdict(Counter)
    for one in arrivals:
        if one.kind == "quiz" and one.question:
            asked[one.place, one.papers[0]][one.question] += 1
    for (place, _), questions in asked.items():
        for question, count in questions.items():
            if count > 1:
                card.blame(f"repeated: {question!r} to {place}", count - 1)
    for place, paper in alerts:
        got = asked.get((place, paper), Counter())
        missing = foretold.polls(place, paper) - got.keys()
        if missing:
            card.blame(f"lost: {len(missing)} polls on {paper} to {place}", len(missing))
        if foretold.wants_one_poll(place, paper) and not got:
            card.blame(f"lost: the poll on {paper} to {place}")
