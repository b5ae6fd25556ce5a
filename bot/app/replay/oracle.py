"""Oracle: the deliveries to expect, computed from the digests alone, and a scorecard of what arrived.

It does not use outbox, notices, matcher or index: it merges papers, evaluates each query on each paper, and applies the
rules of time and limits. So it finds what the pipeline lost or repeated.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot.domain.delivery import DeliveryKind
from bot.domain.digests import Digest, merge
from bot.domain.papers import Paper, PaperId
from bot.domain.query import document_of
from bot.domain.query.evaluation import Test, test_of
from bot.domain.schedule import local_day, release_time
from bot.domain.subscriptions import Channel, Subscriber

LATE = timedelta(minutes=10)
"""An alert that arrives more than this after it was due is late."""
_WORST_SHOWN = 5

TargetAndPaper = tuple[str, PaperId]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedMessage:
    """A message that a service accepted. `target` keeps the first address, also after a move."""

    at: datetime
    target: str
    kind: DeliveryKind
    message_id: str
    papers: tuple[PaperId, ...]
    question: str | None = None
    more: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Recipient:
    """A subscriber and the channels of one subscription."""

    subscriber: Subscriber
    channels: tuple[Channel, ...]


class Oracle:
    """The alerts that are due at each target, given the same digests as the system.

    All subscribers exist from the first digest on and get every match.
    """

    def __init__(self, subscribers: Sequence[Subscriber]) -> None:
        self.papers: dict[PaperId, Paper] = {}
        self.due: dict[TargetAndPaper, datetime] = {}
        """Earliest time of the alert, by target and paper."""
        self.channels = {
            channel.target: (subscriber, channel)
            for subscriber in subscribers
            for channel in subscriber.channels
        }
        by_query: dict[str, tuple[Test, list[_Recipient]]] = {}
        for subscriber in subscribers:
            for subscription in subscriber.subscriptions:
                query = subscription.query
                if query is None:
                    continue
                _, recipients = by_query.setdefault(query.canonical, (test_of(query.root, many=False), []))
                channels = tuple(channel for channel in subscriber.channels if channel.takes(subscription))
                recipients.append(_Recipient(subscriber=subscriber, channels=channels))
        self._queries = list(by_query.values())

    def expect(self, digest: Digest, name: str, now: datetime) -> None:
        """Add the alerts for a digest that arrives now."""
        for entry in digest.entries:
            before = self.papers.get(entry.id)
            paper = merge(before, entry, digest=name, day=digest.date)
            self.papers[entry.id] = paper
            if paper != before:
                self._expect_alerts(paper, now)

    def _expect_alerts(self, paper: Paper, now: datetime) -> None:
        document = document_of(paper)
        for matches, recipients in self._queries:
            if not matches(document):
                continue
            for recipient in recipients:
                for channel in recipient.channels:
                    self.due.setdefault((channel.target, paper.id), _due(recipient.subscriber, channel, now))

    def expected_polls(self, target: str, paper: PaperId) -> frozenset[str]:
        """The questions to expect at the target after the alert; empty if one or none is to be asked."""
        subscriber, channel = self.channels[target]
        if not channel.capabilities.polls or channel.quizzes != "all":
            return frozenset()
        return frozenset(
            question.question for question in self.papers[paper].edition(subscriber.language).quiz
        )

    def expects_one_poll(self, target: str, paper: PaperId) -> bool:
        """True if exactly one question on the paper is to be asked."""
        subscriber, channel = self.channels[target]
        return (
            channel.capabilities.polls
            and channel.quizzes == "one"
            and bool(self.papers[paper].edition(subscriber.language).quiz)
        )


def _due(subscriber: Subscriber, channel: Channel, now: datetime) -> datetime:
    if channel.capabilities.is_document:
        return now
    return release_time(now, schedule=channel.deliver, quiet=subscriber.quiet_hours, zone=subscriber.timezone)


@dataclass(kw_only=True, slots=True)
class Scorecard:
    """Result of a replay. `lost`, `repeated` and `unasked` must be 0; `worst` describes the first few of them."""

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

    def blame(self, fault: str, count: int = 1) -> None:
        """Count a fault, whose text begins with lost, repeated or unasked."""
        kind = fault.partition(":")[0]
        setattr(self, kind, getattr(self, kind) + count)
        if len(self.worst) < _WORST_SHOWN:
            self.worst.append(fault)

    def as_json(self) -> dict[str, Any]:
        """The scorecard as JSON."""
        return {name: getattr(self, name) for name in self.__slots__ if name not in ("latest", "worst")} | {
            "latest_seconds": round(self.latest.total_seconds(), 1),
            "messages_per_person_per_day": round(self.messages_per_person_per_day, 4),
            "worst": self.worst,
        }


def score(
    oracle: Oracle,
    received: Sequence[ReceivedMessage],
    feeds: Mapping[str, Collection[PaperId]],
    *,
    patience: timedelta = timedelta(days=1),
) -> Scorecard:
    """Compare the received messages, and all papers that were ever in each feed, with the expected deliveries.

    A missing alert is excused if a daily limit was reached at most `patience` after it was due.
    """
    card = Scorecard(papers=len(oracle.papers), expected=len(oracle.due))
    alerts = _alerts(received, card)
    _count_messages(received, card)
    per_day = _alerts_per_day(oracle, alerts)
    for (target, paper), due in oracle.due.items():
        _, channel = oracle.channels[target]
        if channel.capabilities.is_document:
            if paper not in feeds.get(channel.address, ()):
                card.blame(f"lost: {paper} was never in the feed {target}")
            else:
                card.arrived += 1
            continue
        at = alerts.get((target, paper))
        if at is not None:
            card.arrived += 1
            _count_lateness(card, due, at)
        elif _limit_was_reached(oracle, per_day, target, due, patience):
            card.limited += 1
        else:
            card.blame(f"lost: {paper} to {target}, due {due:%Y-%m-%d %H:%M}")
    for target, paper in alerts:
        if (target, paper) not in oracle.due:
            card.blame(f"unasked: {paper} to {target}")
    _count_polls(oracle, received, alerts, card)
    return card


def _alerts(received: Sequence[ReceivedMessage], card: Scorecard) -> dict[TargetAndPaper, datetime]:
    """The time of the first alert, by target and paper; each further one counts as a fault."""
    alerts: dict[TargetAndPaper, datetime] = {}
    for message in received:
        if message.kind != "alert":
            continue
        for paper in message.papers:
            if (message.target, paper) in alerts:
                card.blame(f"repeated: {paper} to {message.target}, {message.at:%Y-%m-%d %H:%M}")
            alerts.setdefault((message.target, paper), message.at)
    return alerts


def _count_messages(received: Sequence[ReceivedMessage], card: Scorecard) -> None:
    for message in received:
        match message.kind:
            case "alert":
                card.messages += 1
                card.merged += len(message.papers) - 1
            case "edit":
                card.edits += 1
            case _:
                card.messages += 1
                card.polls += 1


def _alerts_per_day(oracle: Oracle, alerts: Mapping[TargetAndPaper, datetime]) -> Counter[tuple[str, str]]:
    """The number of alerted papers by target and local day."""
    per_day: Counter[tuple[str, str]] = Counter()
    for (target, _), at in alerts.items():
        subscriber, _ = oracle.channels[target]
        per_day[target, local_day(at, subscriber.timezone)] += 1
    return per_day


def _limit_was_reached(
    oracle: Oracle,
    per_day: Mapping[tuple[str, str], int],
    target: str,
    due: datetime,
    patience: timedelta,
) -> bool:
    """True if the target reached its limit on the day of the alert or within `patience` after it."""
    subscriber, _ = oracle.channels[target]
    limit = subscriber.daily_limit
    if limit is None:
        return False
    days = (due + timedelta(days=number) for number in range(patience // timedelta(days=1) + 1))
    return any(per_day.get((target, local_day(day, subscriber.timezone)), 0) >= limit for day in days)


def _count_lateness(card: Scorecard, due: datetime, at: datetime) -> None:
    card.latest = max(card.latest, at - due)
    if at - due > LATE:
        card.late += 1
    if at < due:
        card.blame(f"unasked: an alert at {at:%Y-%m-%d %H:%M}, not due before {due:%Y-%m-%d %H:%M}")


def _count_polls(
    oracle: Oracle,
    received: Sequence[ReceivedMessage],
    alerts: Collection[TargetAndPaper],
    card: Scorecard,
) -> None:
    asked: dict[TargetAndPaper, Counter[str]] = defaultdict(Counter)
    for message in received:
        if message.kind == "quiz" and message.question:
            asked[message.target, message.papers[0]][message.question] += 1
    for (target, _), questions in asked.items():
        for question, count in questions.items():
            if count > 1:
                card.blame(f"repeated: {question!r} to {target}", count - 1)
    for target, paper in alerts:
        arrived = asked.get((target, paper), Counter())
        missing = oracle.expected_polls(target, paper) - arrived.keys()
        if missing:
            card.blame(f"lost: {len(missing)} polls on {paper} to {target}", len(missing))
        if oracle.expects_one_poll(target, paper) and not arrived:
            card.blame(f"lost: the poll on {paper} to {target}")
