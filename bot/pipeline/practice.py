"""Questions that come back to people, and the one that somebody asks for."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from bot.domain.delivery import ONE_QUESTION, Delivery, State, again_part, delivery_key
from bot.domain.papers import Paper, PaperId
from bot.domain.quizzes.repair import poll_of
from bot.domain.quizzes.repetition import comes_back_at
from bot.domain.quizzes.votes import is_private
from bot.domain.subscriptions import Channel, Subscriber
from bot.pipeline.ports import DeliveryStore, PaperStore
from bot.pipeline.ports.study import KeptCard, Study, StudyTransaction
from bot.pipeline.subscribers import SubscriberRegistry

PER_DAY = 5
_EARLY = timedelta(days=2)
"""Cards are looked at this much before their due moment: the person's day may begin and end elsewhere."""
_NOTED = 300
_STORED = (40, 5000)
"""So many of the newest papers with a quiz are looked through for one that was never asked; more if need be."""
_NEVER_ASKED: frozenset[State] = frozenset({"limited", "dead"})
"""Where a paper's alert ended so, its quiz does not go out either."""

Given = Literal["due", "new", "any", "none", "unsubscribed", "stopped"]
"""Which question was given: one that came back, one of a matched paper, or any; or why none."""


class Practice:
    """Plans questions; they go out like everything else, through the outbox, once each."""

    def __init__(
        self,
        study: Study,
        papers: PaperStore,
        deliveries: DeliveryStore,
        roster: SubscriberRegistry,
        *,
        min_confidence: float,
        per_day: int = PER_DAY,
    ) -> None:
        self._study = study
        self._papers = papers
        self._deliveries = deliveries
        self._roster = roster
        self._min_confidence = min_confidence
        self._per_day = per_day

    def give(self, addresses: Sequence[str], person: int | None, now: datetime) -> Given:
        """Plan one question for the chat now: one that is due, else one of a matched paper, else any."""
        found = channel_at(addresses, self._deliveries, self._roster)
        if found is None:
            return "unsubscribed"
        subscriber, channel = found
        if self._is_suspended(channel):
            return "stopped"
        if person is not None and channel.address == str(person):
            with self._study.transaction() as tx:
                if self._give_due(tx, subscriber, channel, person, now):
                    return "due"
        noted = (one.stored.paper for one in self._papers.noticed(subscriber.id, _NOTED))
        if self._give_first(noted, subscriber, channel, now):
            return "new"
        for many in _STORED:
            if self._give_first(self._study.with_quiz(many), subscriber, channel, now):
                return "any"
        return "none"

    def plan_due(self, now: datetime) -> int:
        """Plan what comes back to whom today, at most `per_day` a day and person; how many rows were new.

        Doing it twice plans nothing twice: a repeat is named by how often the question was answered before.
        """
        planned = 0
        with self._study.transaction() as tx:
            people = tx.people_due(now + _EARLY)
            for subscriber, channel, person in self._learners() if people else ():
                if person in people and not self._is_suspended(channel):
                    planned += self._plan_for(tx, subscriber, channel, person, now)
        return planned

    def _plan_for(
        self, tx: StudyTransaction, subscriber: Subscriber, channel: Channel, person: int, now: datetime
    ) -> int:
        zone = subscriber.timezone
        rows: list[Delivery] = []
        due = due_cards(tx, person, now, zone)
        known = tx.states_of([_again_key(channel, one) for one in due])
        left: dict[date, int] = {}
        for one in due:
            if _again_key(channel, one) in known:
                continue
            moment = comes_back_at(
                one.card, now=now, schedule=channel.deliver, quiet=subscriber.quiet_hours, zone=zone
            )
            day = moment.astimezone(zone).date()
            if day not in left:
                left[day] = self._per_day - tx.brought_back(channel.target, *_span(day, zone))
            if left[day] > 0:
                left[day] -= 1
                rows.append(_again(channel, subscriber, one, moment, now))
        return tx.plan(rows, now)

    def _give_due(
        self, tx: StudyTransaction, subscriber: Subscriber, channel: Channel, person: int, now: datetime
    ) -> bool:
        due = due_cards(tx, person, now, subscriber.timezone)
        known = tx.states_of([_again_key(channel, one) for one in due])
        for one in due:
            key = _again_key(channel, one)
            if key not in known:
                return tx.plan([_again(channel, subscriber, one, now, now)], now) > 0
            if known[key] == "held" and tx.hasten(key, now):
                return True
        return False

    def _give_first(
        self, papers: Iterable[Paper], subscriber: Subscriber, channel: Channel, now: datetime
    ) -> bool:
        """Plan the first question of these papers that was never asked here; False where there is none."""
        candidates = [one for paper in papers for one in self._candidates(paper, subscriber, channel)]
        if not candidates:
            return False
        with self._study.transaction() as tx:
            asked = tx.questions_asked(channel.target)
            states = tx.states_of({key for one in candidates for key in one.keys(channel)})
            for one in candidates:
                alert, whole, own = (states.get(key) for key in one.keys(channel))
                if (one.paper, one.part) in asked or own or whole or alert in _NEVER_ASKED:
                    continue
                return tx.plan([_quiz(channel, subscriber, one.paper, one.part, now, now)], now) > 0
        return False

    def _candidates(self, paper: Paper, subscriber: Subscriber, channel: Channel) -> "Iterator[_Candidate]":
        for question in paper.edition(subscriber.language).quiz:
            if poll_of(question, seed=channel.target, min_confidence=self._min_confidence):
                yield _Candidate(paper=paper.id, part=question.part)

    def _learners(self) -> Iterator[tuple[Subscriber, Channel, int]]:
        """Everybody with a private chat that takes quizzes, each chat once."""
        seen: set[str] = set()
        for subscriber in self._roster.matcher.subscribers.values():
            for channel in subscriber.channels:
                takes = channel.capabilities.polls and channel.quizzes != "none"
                if takes and is_private(channel.address) and channel.address not in seen:
                    seen.add(channel.address)
                    yield subscriber, channel, int(channel.address)

    def _is_suspended(self, channel: Channel) -> bool:
        status = self._deliveries.target(channel.target)
        return status is not None and status.suspended is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Candidate:
    paper: PaperId
    part: str

    def keys(self, channel: Channel) -> tuple[str, str, str]:
        """The deliveries that may stand in its way: the paper's alert, its one question, and itself."""
        return (
            delivery_key(channel.target, "alert", self.paper),
            delivery_key(channel.target, "quiz", self.paper, ONE_QUESTION),
            delivery_key(channel.target, "quiz", self.paper, self.part),
        )


def channel_at(
    addresses: Sequence[str], deliveries: DeliveryStore, roster: SubscriberRegistry
) -> tuple[Subscriber, Channel] | None:
    """Who is subscribed at the Telegram chat that is at these addresses now, and as which channel; the first."""
    targets = [deliveries.target_at("telegram", address) or f"telegram:{address}" for address in addresses]
    return next(
        (
            (subscriber, channel)
            for target in targets
            for subscriber in roster.matcher.subscribers.values()
            for channel in subscriber.channels
            if channel.target == target
        ),
        None,
    )


def due_cards(tx: StudyTransaction, person: int, now: datetime, zone: ZoneInfo) -> list[KeptCard]:
    """What is due today or was due before, in the order in which it became due."""
    today = now.astimezone(zone).date()
    cards = (one for one in tx.cards(person, now + _EARLY) if one.card.due_day(zone) <= today)
    return sorted(cards, key=lambda one: (one.card.due_day(zone), one.card.answered_at))


def _span(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    start = datetime.combine(day, time(0), tzinfo=zone)
    end = datetime.combine(day + timedelta(days=1), time(0), tzinfo=zone)
    return start.astimezone(UTC), end.astimezone(UTC)


def _again_key(channel: Channel, one: KeptCard) -> str:
    return delivery_key(channel.target, "quiz", one.paper, again_part(one.card.answers, one.part))


def _again(
    channel: Channel, subscriber: Subscriber, one: KeptCard, moment: datetime, now: datetime
) -> Delivery:
    return _quiz(channel, subscriber, one.paper, again_part(one.card.answers, one.part), moment, now)


def _quiz(
    channel: Channel, subscriber: Subscriber, paper: PaperId, part: str, due_at: datetime, now: datetime
) -> Delivery:
    return Delivery(
        target=channel.target,
        subscriber=subscriber.id,
        kind="quiz",
        paper=paper,
        part=part,
        state="held" if due_at > now else "pending",
        due_at=due_at,
    )
