"""Compose: builds the message of a claim from the state as it is now."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Literal

from bot.domain.channels import CapabilitiesOf
from bot.domain.delivery import (
    CAUSE_TEXTS,
    ONE_QUESTION,
    Cause,
    edit_gains,
    is_repeat,
    question_of_part,
    repeat_count,
)
from bot.domain.message import MOST_NAMED, Item, Occasion, OutgoingMessage, Receipt
from bot.domain.notices import relevance
from bot.domain.papers import Paper, PaperId, Question
from bot.domain.quizzes.answers import pick_one
from bot.domain.schedule import Immediately
from bot.domain.subscriptions import Channel, QuizMode, Subscriber
from bot.pipeline.ports import TokenStore
from bot.pipeline.ports.outbox import Claim, ClaimedRow, DeliveryStore
from bot.pipeline.ports.papers import PaperStore
from bot.pipeline.subscribers import SubscriberRegistry

_FEWEST_PAPERS = 2
"""A message with fewer papers is no roll-up."""
_AWAY = timedelta(days=2)
"""Deliveries that were held for so long mean that the subscriber was away."""

AnswerQuiz = Callable[[Paper, str], tuple[Question, ...]]
"""A function from a paper and a language to the quiz, with answers worked out where the digest gives none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltMessage:
    """A message, and the keys of the rows that it sends, best first.

    `limited` are rows over the daily limit, `named` limited rows of earlier messages that this one names, `unwanted` those
    whose subscription was removed or paused.
    """

    message: OutgoingMessage
    sent: tuple[str, ...]
    limited: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()


class NothingToSend(Exception):
    """A claim gives no message. `limited` and `unwanted` rows are as in `BuiltMessage`; the others take `state`."""

    def __init__(
        self,
        cause: Cause,
        *,
        state: Literal["skipped", "dead"] = "skipped",
        limited: tuple[str, ...] = (),
        unwanted: tuple[str, ...] = (),
    ) -> None:
        super().__init__(CAUSE_TEXTS[cause])
        self.cause = cause
        self.state = state
        self.limited = limited
        self.unwanted = unwanted


class MessageBuilder:
    """Builds the message of a claim."""

    def __init__(
        self,
        deliveries: DeliveryStore,
        papers: PaperStore,
        tokens: TokenStore,
        registry: SubscriberRegistry,
        answer_quiz: AnswerQuiz,
        capabilities: CapabilitiesOf,
    ) -> None:
        self._deliveries = deliveries
        self._papers = papers
        self._tokens = tokens
        self._registry = registry
        self._answer_quiz = answer_quiz
        self._capabilities = capabilities

    def build(self, claim: Claim, now: datetime) -> BuiltMessage:
        """The message for this claim; raises NothingToSend where there is none."""
        subscriber = self._recipient(claim)
        if subscriber is None:
            raise NothingToSend("no subscriber")
        if self._capabilities[claim.target.kind].is_document:
            message = self._message(claim, subscriber, ())
            return BuiltMessage(message=message, sent=tuple(row.key for row in claim.rows))
        match claim.kind:
            case "alert":
                return self._alert(claim, subscriber, now)
            case "quiz":
                return self._quiz(claim, subscriber)
            case "edit":
                return self._edit(claim, subscriber)
            case _:  # an alarm or a look back
                return self._written(claim, subscriber)

    def _recipient(self, claim: Claim) -> Subscriber | None:
        """The subscriber for whom the message was planned, else another one with the same target and notices on its papers."""
        planned_for = self._registry.subscriber(claim.subscriber)
        if planned_for is not None and _has_target(planned_for, claim):
            return planned_for
        papers = [row.paper for row in claim.rows]
        return next(
            (
                subscriber
                for subscriber in self._registry.subscribers.values()
                if _has_target(subscriber, claim) and self._papers.notices_on(subscriber.id, papers)
            ),
            None,
        )

    def shown_again(self, claim: Claim, subscriber: Subscriber) -> OutgoingMessage:
        """The message of a claim that went out, with its papers as they are now, in the order in which they were shown.

        Papers over the daily limit come last: they are shown because somebody asks for them.
        """
        items = self._items(claim.rows, claim, subscriber, updated=True)
        limited = sum(not row.shown for row in claim.rows)
        return self._message(claim, subscriber, items, limited=limited)

    def _alert(self, claim: Claim, subscriber: Subscriber, now: datetime) -> BuiltMessage:
        pairs = list(zip(claim.rows, self._items(claim.rows, claim, subscriber), strict=True))
        unwanted = tuple(row.key for row, item in pairs if not self._is_wanted(item, claim, subscriber))
        ranked = self._ranked([pair for pair in pairs if pair[0].key not in unwanted], subscriber)
        allowed = self._allowed(claim, subscriber, now)
        chosen, kept_out = ranked[:allowed], ranked[allowed:]
        limited = tuple(row.key for row, _ in kept_out)
        if not chosen:
            raise NothingToSend("over limit" if limited else "unwanted", limited=limited, unwanted=unwanted)
        earlier = self._deliveries.unnamed(claim.target_key)
        known = self._papers.stored(paper for _, paper in earlier) if earlier else {}
        message = self._message(
            claim,
            subscriber,
            tuple(item for _, item in chosen),
            occasion=self._occasion(claim, subscriber, now),
            left_out=(
                *(item.paper for _, item in kept_out),
                *(known[paper].paper for _, paper in earlier),
            ),
        )
        return BuiltMessage(
            message=message,
            sent=tuple(row.key for row, _ in chosen),
            limited=limited,
            named=tuple(key for key, _ in earlier),
            unwanted=unwanted,
        )

    def _is_wanted(self, item: Item, claim: Claim, subscriber: Subscriber) -> bool:
        """Whether a current subscription at the target matches the paper, of any subscriber there: an old one or a new one."""
        if item.reasons:
            return True
        noticed = self._papers.notices_on(subscriber.id, [item.paper.id])
        return not noticed or any(
            names.intersection(self._papers.notices_on(person.id, [item.paper.id]).get(item.paper.id, ()))
            or any(reason.why for reason in self._registry.reasons(person, item.paper, names))
            for person in self._registry.subscribers.values()
            if (names := _names_taken(person, claim))
        )

    def _occasion(self, claim: Claim, subscriber: Subscriber, now: datetime) -> Occasion | None:
        """The occasion of a roll-up; None for an ordinary message."""
        channel = _channel_of(subscriber, claim)
        if (
            len(claim.rows) < _FEWEST_PAPERS
            or channel is None
            or not isinstance(channel.deliver, Immediately)
        ):
            return None
        if subscriber.quiet_hours is None and subscriber.snoozed_until is None:
            return None
        records = self._deliveries.deliveries_on(subscriber.id, [row.paper for row in claim.rows])
        keys = {row.key for row in claim.rows}
        held = [record for record in records if record.key in keys and record.due_at > record.created_at]
        if not held:
            return None
        waited = now - min(record.created_at for record in held)
        if waited >= _AWAY:
            return Occasion(away_days=waited.days)
        quiet = subscriber.quiet_hours
        return Occasion(quiet_hours=f"{quiet.start:%H:%M}–{quiet.end:%H:%M}") if quiet else None

    def _ranked(
        self, pairs: list[tuple[ClaimedRow, Item]], subscriber: Subscriber
    ) -> list[tuple[ClaimedRow, Item]]:
        """The rows with their items, best first."""
        if len(pairs) <= 1:
            return pairs
        rarity = self._papers.rarity(subscriber.id)
        return sorted(pairs, key=lambda pair: -relevance(pair[1].reasons, pair[1].paper, rarity))

    def _allowed(self, claim: Claim, subscriber: Subscriber, now: datetime) -> int:
        if subscriber.daily_limit is None:
            return len(claim.rows)
        today = datetime.combine(now.astimezone(subscriber.timezone), time(), subscriber.timezone)
        return max(subscriber.daily_limit - self._deliveries.alerted_since(claim.target_key, today), 0)

    def _quiz(self, claim: Claim, subscriber: Subscriber) -> BuiltMessage:
        (row,) = claim.rows
        items = self._items(claim.rows, claim, subscriber)
        question = self._question(items[0].paper, subscriber.language, row.part)
        if question is None:
            raise NothingToSend("replaced")
        alert = self._deliveries.alert_on(claim.target_key, row.paper)
        if is_repeat(row.part):  # it was answered before, whatever became of the alert
            reply_to = alert.receipt if alert else None
            message = self._message(
                claim, subscriber, items, question=question, repeat=repeat_count(row.part), reply_to=reply_to
            )
            return BuiltMessage(message=message, sent=(row.key,))
        channel = _channel_of(subscriber, claim)
        waits = channel is not None and channel.quizzes in ("none", "on_request")
        if waits and not self._deliveries.is_asked(row.key):
            raise NothingToSend("on request")
        if alert and alert.state == "skipped" and not self._deliveries.is_asked(row.key):
            raise NothingToSend("paper skipped")
        if alert and alert.state == "limited":
            raise NothingToSend("paper over limit", limited=(row.key,))
        if alert and not alert.shown and not self._deliveries.is_asked(row.key):
            raise NothingToSend("paper behind more")
        if alert and alert.state == "dead":
            raise NothingToSend("paper dead", state="dead")
        message = self._message(
            claim, subscriber, items, question=question, reply_to=alert.receipt if alert else None
        )
        return BuiltMessage(message=message, sent=(row.key,))

    def _question(self, paper: Paper, language: str, part: str) -> Question | None:
        quiz = self._answer_quiz(paper, language)
        if part == ONE_QUESTION:
            return pick_one(quiz)
        question = question_of_part(quiz, part)
        if question is not None or not is_repeat(part):
            return question
        others = (edition.language for edition in paper.editions if edition.language != language)
        quizzes = (self._answer_quiz(paper, other) for other in others)
        return next(filter(None, (question_of_part(other, part) for other in quizzes)), None)

    def _written(self, claim: Claim, subscriber: Subscriber) -> BuiltMessage:
        (row,) = claim.rows
        text = self._deliveries.written_text(row.key)
        message = self._message(claim, subscriber, (), text=text)
        return BuiltMessage(message=message, sent=(row.key,))

    def _edit(self, claim: Claim, subscriber: Subscriber) -> BuiltMessage:
        (row,) = claim.rows
        alert = self._deliveries.alert_on(claim.target_key, row.paper)
        rows = self._deliveries.rows_of(alert.message) if alert and alert.message and alert.receipt else None
        if not alert or not rows:
            raise NothingToSend("nothing to edit")
        if not alert.shown:
            raise NothingToSend("paper behind more")
        original, _ = rows
        if self._capabilities[claim.target.kind].corrects:
            return self._correction(claim, subscriber, original, alert.receipt)
        left_out = [other.paper for other in original.rows if not other.shown]
        known = self._papers.stored(left_out)
        message = self._message(
            claim,
            subscriber,
            self._items([other for other in original.rows if other.shown], claim, subscriber, updated=True),
            left_out=tuple(known[paper].paper for paper in left_out),
            replaces=alert.receipt,
            name=original.message,
        )
        return BuiltMessage(message=message, sent=(row.key,))

    def _correction(
        self, claim: Claim, subscriber: Subscriber, original: Claim, receipt: Receipt | None
    ) -> BuiltMessage:
        """A reply to the original message that corrects all that is wrong in it by now, for every correction that waits."""
        (row,) = claim.rows
        rows = [other for other in original.rows if other.shown]
        records = self._deliveries.deliveries_on(subscriber.id, [other.paper for other in rows])
        corrections = [
            record for record in records if record.kind == "edit" and record.target == claim.target_key
        ]
        planned = next(record.created_at for record in corrections if record.key == row.key)
        moments = [
            record.settled_at for record in corrections if record.settled_at and record.state == "sent"
        ]
        if any(settled >= planned for settled in moments):
            raise NothingToSend("corrected before")
        wrong = {record.paper for record in corrections if record.settled_at is None}
        items = self._items([other for other in rows if other.paper in wrong], claim, subscriber)
        left_out = self._papers.stored([other.paper for other in original.rows if not other.shown])
        corrected = self._message(
            original,
            subscriber,
            self._items(rows, original, subscriber),
            left_out=tuple(stored.paper for stored in left_out.values()),
        )
        message = self._message(claim, subscriber, items, reply_to=receipt, corrects=corrected)
        return BuiltMessage(message=message, sent=(row.key,))

    def _items(
        self, rows: Sequence[ClaimedRow], claim: Claim, subscriber: Subscriber, *, updated: bool = False
    ) -> tuple[Item, ...]:
        """The papers of the rows as they are now; with `updated`, also what each gained since its alert."""
        ids = [row.paper for row in rows]
        noticed = self._papers.with_notices(subscriber.id, ids)
        channels, allowed = _channels_of(subscriber, claim), _names_taken(subscriber, claim)
        gains = self._gains(claim, subscriber, ids) if updated else {}

        def item(paper_id: PaperId) -> Item:
            paper = noticed[paper_id].stored.paper
            names = allowed.intersection(noticed[paper_id].subscriptions)
            quiz = self._carried(paper, subscriber.language, quizzes)
            return Item(
                paper=paper,
                reasons=self._registry.reasons(subscriber, paper, names),
                quiz=quiz,
                updated=gains.get(paper_id, frozenset()),
            )

        carried = self._capabilities[claim.target.kind].carries_quiz and channels
        quizzes = channels[0].quizzes if carried else "none"
        return tuple(map(item, ids))

    def _gains(
        self, claim: Claim, subscriber: Subscriber, papers: Sequence[PaperId]
    ) -> Mapping[PaperId, frozenset[str]]:
        """The gains of each paper since its alert to the target, by the edits that were planned."""
        gains: dict[PaperId, frozenset[str]] = {}
        for row in self._deliveries.deliveries_on(subscriber.id, papers):
            if row.kind == "edit" and row.target == claim.target_key:
                gains[row.paper] = gains.get(row.paper, frozenset()) | edit_gains(row.part)
        return gains

    def _carried(self, paper: Paper, language: str, quizzes: QuizMode) -> tuple[Question, ...]:
        """The questions of the paper that the message itself contains."""
        if quizzes == "none":
            return ()
        quiz = self._answer_quiz(paper, language)
        chosen = pick_one(quiz) if quizzes == "one" else None
        return quiz if chosen is None else (chosen,)

    def _message(
        self,
        claim: Claim,
        subscriber: Subscriber,
        items: tuple[Item, ...],
        *,
        left_out: tuple[Paper, ...] = (),
        name: str | None = None,
        **more: object,
    ) -> OutgoingMessage:
        can = self._capabilities[claim.target.kind]
        channel = _channel_of(subscriber, claim)
        return OutgoingMessage(
            id=name or claim.message,
            kind=claim.kind,
            target=claim.target,
            subscriber=subscriber.id,
            language=subscriber.language,
            timezone=subscriber.timezone.key,
            created_at=claim.created_at,
            items=items,
            more=len(left_out),
            more_papers=left_out[:MOST_NAMED],
            silent=channel is not None and channel.silent,
            unsubscribe_token=self._tokens.issue("unsubscribe", claim.target_key)
            if can.unsubscribes
            else None,
            preferences_token=self._tokens.issue("preferences", subscriber.id) if can.unsubscribes else None,
            return_token=self._tokens.issue("return", claim.target_key) if can.reports else None,
            **more,  # type: ignore[arg-type]  # question, text, reply_to, replaces: checked at the callers
        )


def _channels_of(subscriber: Subscriber, claim: Claim) -> list[Channel]:
    targets = (claim.target_key, claim.target.key)
    return [channel for channel in subscriber.channels if channel.target in targets]


def _channel_of(subscriber: Subscriber, claim: Claim) -> Channel | None:
    return next(iter(_channels_of(subscriber, claim)), None)


def _has_target(subscriber: Subscriber, claim: Claim) -> bool:
    return bool(_channels_of(subscriber, claim))


def _names_taken(subscriber: Subscriber, claim: Claim) -> frozenset[str]:
    """The names of the subscriber's subscriptions that go to the claim's target."""
    channels = _channels_of(subscriber, claim)
    return frozenset(
        subscription.name
        for subscription in subscriber.subscriptions
        if any(channel.takes(subscription) for channel in channels)
    )
