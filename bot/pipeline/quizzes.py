"""Quizzes: plans the next and the repeated questions (QuizScheduler), and computes scores (QuizStats)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from bot.domain.chats import is_private
from bot.domain.delivery import ONE_QUESTION, OPEN, Delivery, State, delivery_key, repeat_part
from bot.domain.papers import Paper, PaperId
from bot.domain.preferences import same_name
from bot.domain.quizzes.polls import poll_of
from bot.domain.quizzes.repetition import repeat_time
from bot.domain.quizzes.scores import (
    Score,
    Standing,
    TopicScore,
    Totals,
    by_topic,
    first_answers,
    leaderboard,
    score,
    totals,
)
from bot.domain.quizzes.votes import AskedPoll, CastVote, QuizAnswer, answer_of, is_member
from bot.domain.subscriptions import Channel, Subscriber
from bot.pipeline.ports.outbox import DeliveryStore
from bot.pipeline.ports.papers import PaperStore
from bot.pipeline.ports.quizzes import QuizStore, QuizTransaction, StoredRepetition
from bot.pipeline.subscribers import SubscriberRegistry

_EARLY = timedelta(days=2)
"""Repetitions are read this long before they are due: days of other time zones begin earlier."""
_NOTICES = 300
_STORED = (40, 5000)
"""Number of the newest papers with a quiz that are searched for an unasked question; the second where the first has none."""
_NEVER_ASKED: frozenset[State] = frozenset({"limited", "dead"})
"""States of a paper's alert that keep its quiz back as well."""
_NOT_ASKED_YET: frozenset[State] = frozenset({"limited", "skipped"})
"""States of a quiz that was not sent, and goes out once somebody asks for it."""

NextQuestion = Literal["due", "new", "any", "none", "unsubscribed", "stopped"]
"""Which question was planned: one that came back, one of a matched paper, or any; or why none."""


class QuizScheduler:
    """Quiz scheduler: plans questions as deliveries."""

    def __init__(
        self,
        store: QuizStore,
        papers: PaperStore,
        deliveries: DeliveryStore,
        registry: SubscriberRegistry,
        *,
        per_day: int,
    ) -> None:
        self._store = store
        self._papers = papers
        self._deliveries = deliveries
        self._registry = registry
        self._per_day = per_day

    def next_question(
        self, addresses: Sequence[str], person: int | None, now: datetime, *, topic: str = ""
    ) -> NextQuestion:
        """Plan one question for the chat now: one that is due, else one on a matched paper, else any.

        With a `topic`, only one on a paper that the subscription of this name brought.
        """
        subscribed = next(self._registry.at_chat(addresses, self._deliveries), None)
        if subscribed is None:
            return "unsubscribed"
        subscriber, channel = subscribed
        if self._is_suspended(channel):
            return "stopped"
        papers = [
            notice.stored.paper
            for notice in self._papers.noticed(subscriber.id, _NOTICES)
            if not topic or any(same_name(topic, name) for name in notice.subscriptions)
        ]
        if person is not None and channel.address == str(person):
            among = frozenset(paper.id for paper in papers) if topic else None
            with self._store.transaction() as tx:
                if self._plan_due_repetition(tx, subscriber, channel, person, now, among):
                    return "due"
        if self._plan_first(papers, subscriber, channel, now):
            return "new"
        for many in _STORED if not topic else ():
            if self._plan_first(self._store.with_quiz(many), subscriber, channel, now):
                return "any"
        return "none"

    def question_on(self, addresses: Sequence[str], paper: Paper, now: datetime) -> NextQuestion:
        """Plan the paper's next question that was never asked in the chat; `none` where all were."""
        subscribed = next(self._registry.at_chat(addresses, self._deliveries), None)
        if subscribed is None:
            return "unsubscribed"
        subscriber, channel = subscribed
        if self._is_suspended(channel):
            return "stopped"
        planned = self._plan_first((paper,), subscriber, channel, now, beyond_one=True)
        return "new" if planned else "none"

    def plan_due(self, now: datetime) -> int:
        """Plan the questions that come back today, at most `per_day` a day and person; gives the number of new rows.

        Idempotent, as the key of a repeated question has the number of earlier answers.
        """
        planned = 0
        with self._store.transaction() as tx:
            people = tx.people_due(now + _EARLY)
            for subscriber, channel, person in self._learners() if people else ():
                if person in people and not self._is_suspended(channel):
                    planned += self._plan_for_person(tx, subscriber, channel, person, now)
        return planned

    def _plan_for_person(
        self, tx: QuizTransaction, subscriber: Subscriber, channel: Channel, person: int, now: datetime
    ) -> int:
        zone = subscriber.timezone
        rows: list[Delivery] = []
        due = due_repetitions(tx, person, now, zone)
        known = tx.states_of([_repeat_key(channel, stored) for stored in due])
        room: dict[date, int] = {}
        for stored in due:
            if _repeat_key(channel, stored) in known:
                continue
            moment = repeat_time(
                stored.repetition, now=now, schedule=channel.deliver, quiet=subscriber.quiet_hours, zone=zone
            )
            day = moment.astimezone(zone).date()
            if day not in room:
                room[day] = self._per_day - tx.brought_back(channel.target, *_span(day, zone))
            if room[day] > 0:
                room[day] -= 1
                rows.append(_repeat(channel, subscriber, stored, moment, now))
        return tx.plan(rows, now)

    def _plan_due_repetition(
        self,
        tx: QuizTransaction,
        subscriber: Subscriber,
        channel: Channel,
        person: int,
        now: datetime,
        among: frozenset[PaperId] | None,
    ) -> bool:
        """Plan a question that is due, with `among` only on one of these papers; False where there is none."""
        due = [
            stored
            for stored in due_repetitions(tx, person, now, subscriber.timezone)
            if among is None or stored.paper in among
        ]
        known = tx.states_of([_repeat_key(channel, stored) for stored in due])
        for stored in due:
            key = _repeat_key(channel, stored)
            if key not in known:
                tx.plan([_repeat(channel, subscriber, stored, now, now)], now, asked=True)
                return True
            if known[key] == "held" and tx.release_now(key, now):
                return True
        return False

    def _plan_first(
        self,
        papers: Iterable[Paper],
        subscriber: Subscriber,
        channel: Channel,
        now: datetime,
        *,
        beyond_one: bool = False,
    ) -> bool:
        """Plan the first question on these papers that was never asked in the chat; False where there is none.

        `beyond_one`: also on a paper of which the channel, which takes one question a paper, got its one question.
        """
        candidates = [
            candidate for paper in papers for candidate in self._candidates(paper, subscriber, channel)
        ]
        if not candidates:
            return False
        with self._store.transaction() as tx:
            asked = tx.questions_asked(channel.target)
            states = tx.states_of({key for candidate in candidates for key in candidate.keys(channel)})
            for candidate in candidates:
                alert, whole, own = (states.get(key) for key in candidate.keys(channel))
                if (candidate.paper, candidate.part) in asked or alert in _NEVER_ASKED:
                    continue
                for state, key in zip((whole, own), candidate.keys(channel)[1:], strict=True):
                    if state in _NOT_ASKED_YET and tx.release_now(key, now):
                        return True
                if own or (whole and not (beyond_one and whole not in OPEN)):
                    continue
                row = _quiz(channel, subscriber, candidate.paper, candidate.part, now, now)
                tx.plan([row], now, asked=True)
                return True
        return False

    def _candidates(self, paper: Paper, subscriber: Subscriber, channel: Channel) -> "Iterator[_Candidate]":
        for question in paper.edition(subscriber.language).quiz:
            if poll_of(question, seed=channel.target):
                yield _Candidate(paper=paper.id, part=question.part)

    def _learners(self) -> Iterator[tuple[Subscriber, Channel, int]]:
        """(subscriber, channel, person) of each private chat that takes quizzes, each chat once."""
        chats: set[str] = set()
        for subscriber in self._registry.subscribers.values():
            for channel in subscriber.channels:
                takes = channel.capabilities.polls and channel.quizzes != "none"
                if takes and is_private(channel.address) and channel.address not in chats:
                    chats.add(channel.address)
                    yield subscriber, channel, int(channel.address)

    def _is_suspended(self, channel: Channel) -> bool:
        status = self._deliveries.target(channel.target)
        return status is not None and status.suspended is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Candidate:
    paper: PaperId
    part: str

    def keys(self, channel: Channel) -> tuple[str, str, str]:
        """Keys of deliveries that may rule the question out: the paper's alert, its one question, and this question."""
        return (
            delivery_key(channel.target, "alert", self.paper),
            delivery_key(channel.target, "quiz", self.paper, ONE_QUESTION),
            delivery_key(channel.target, "quiz", self.paper, self.part),
        )


def due_repetitions(
    tx: QuizTransaction, person: int, now: datetime, zone: ZoneInfo
) -> list[StoredRepetition]:
    """The person's repetitions due today or earlier, in the order in which they became due."""
    today = now.astimezone(zone).date()
    due = [
        stored for stored in tx.repetitions(person, now + _EARLY) if stored.repetition.due_day(zone) <= today
    ]
    return sorted(due, key=lambda stored: (stored.repetition.due_day(zone), stored.repetition.answered_at))


def _span(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    start = datetime.combine(day, time(0), tzinfo=zone)
    end = datetime.combine(day + timedelta(days=1), time(0), tzinfo=zone)
    return start.astimezone(UTC), end.astimezone(UTC)


def _repeat_key(channel: Channel, stored: StoredRepetition) -> str:
    part = repeat_part(stored.repetition.answers, stored.part)
    return delivery_key(channel.target, "quiz", stored.paper, part)


def _repeat(
    channel: Channel, subscriber: Subscriber, stored: StoredRepetition, moment: datetime, now: datetime
) -> Delivery:
    part = repeat_part(stored.repetition.answers, stored.part)
    return _quiz(channel, subscriber, stored.paper, part, moment, now)


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Scores:
    """A score, in all and by topic; `due` is the number of questions that come back today."""

    score: Score
    topics: tuple[TopicScore, ...] = ()
    due: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Board:
    """A chat's leaderboard; `strangers` is the number of voters who are not members, `hidden` of those not to be named."""

    standings: tuple[Standing, ...]
    names: Mapping[int, str]
    strangers: int = 0
    hidden: int = 0


class QuizStats:
    """Scores and leaderboards from the stored votes. `addresses` are those that a chat may have in the configuration, the most
    exact first.
    """

    def __init__(self, store: QuizStore, deliveries: DeliveryStore, registry: SubscriberRegistry) -> None:
        self._store = store
        self._deliveries = deliveries
        self._registry = registry

    def score(self, addresses: Sequence[str], person: int, now: datetime) -> Scores:
        """The person's score in this chat; in their private chat the score in all chats."""
        chats = self._store.chats_at(addresses)
        cast = self._store.votes_by(person)
        in_private = is_private(chats[0])
        if not in_private:
            cast = tuple((poll, vote) for poll, vote in cast if poll.chat in chats)
        members = {chat: frozenset({person}) for chat in self._store.chats_with(person)}
        answers = self._answers(cast, members)
        zone = self._zone(addresses, person)
        return Scores(
            score=score(answers, now=now, zone=zone),
            topics=by_topic(
                answers, self._store.topics({(answer.subscriber, answer.paper) for answer in answers})
            ),
            due=self._due(person, now, zone) if in_private else 0,
        )

    def between(self, address: str, since: datetime, until: datetime, zone: ZoneInfo) -> Scores:
        """The score of a chat's members together, from the first answers that they gave in that span of time."""
        chats = self._store.chats_at([address])
        if is_private(chats[0]):
            person = int(chats[0])
            cast = self._store.votes_by(person)
            members = {chat: frozenset({person}) for chat in self._store.chats_with(person)}
        else:
            cast, members = self._store.votes_in(chats), self._store.members(chats)
        first = first_answers(self._answers(cast, members))
        answers = [answer for answer in first if since <= answer.at < until]
        topics = self._store.topics({(answer.subscriber, answer.paper) for answer in answers})
        return Scores(score=score(answers, now=until, zone=zone), topics=by_topic(answers, topics))

    def leaderboard(self, addresses: Sequence[str]) -> Board:
        """The chat's members by right answers; strangers and hidden members are counted, not named."""
        chats = self._store.chats_at(addresses)
        cast = tuple((poll, vote) for poll, vote in self._store.votes_in(chats) if vote.options)
        members = self._store.members(chats)
        hidden = self._store.hidden(chats)
        answers = self._answers(cast, members)
        standings = leaderboard(answers, hidden=hidden)
        insiders = {vote.person for poll, vote in cast if is_member(poll.chat, vote.person, members)}
        return Board(
            standings=standings,
            names=self._store.names([standing.person for standing in standings]),
            strangers=len({vote.person for _, vote in cast} - insiders),
            hidden=len({answer.person for answer in answers} & hidden),
        )

    def totals(self, addresses: Sequence[str]) -> Totals:
        """The sums of a channel's anonymous polls."""
        return totals(self._store.polls_in(self._store.chats_at(addresses)))

    def hide(self, addresses: Sequence[str], person: int, *, hidden: bool) -> None:
        """Hide the person on this chat's leaderboard, or show them again."""
        for chat in self._store.chats_at(addresses):
            self._store.hide(chat, person, hidden=hidden)

    def add_member(self, addresses: Sequence[str], person: int) -> None:
        """Store that the person, who wrote in this group, is a member of it."""
        known = self._store.chats_with(person)
        for chat in self._store.chats_at(addresses):
            if not is_private(chat) and chat not in known:
                self._store.save_members(chat, {person: True})

    def _answers(
        self, cast: Iterable[tuple[AskedPoll, CastVote]], members: Mapping[str, Iterable[int]]
    ) -> list[QuizAnswer]:
        """The answers of voters who are members of the poll's chat."""
        answers = (answer_of(poll, vote) for poll, vote in cast if is_member(poll.chat, vote.person, members))
        return [answer for answer in answers if answer is not None]

    def _due(self, person: int, now: datetime, zone: ZoneInfo) -> int:
        with self._store.transaction() as tx:
            return len(due_repetitions(tx, person, now, zone))

    def _zone(self, addresses: Sequence[str], person: int) -> ZoneInfo:
        """The person's own time zone, else that of the chat's first subscriber."""
        at_chat = self._registry.at_chat((str(person), *addresses), self._deliveries)
        return next((subscriber.timezone for subscriber, _ in at_chat), ZoneInfo("UTC"))
