"""Parcels: claimed rows become what a publisher needs to send one message."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Literal

from bot.domain.delivery import Item, Parcel
from bot.domain.notices import relevance
from bot.domain.papers import Paper, PaperId, Question
from bot.domain.planning import ONE_QUESTION
from bot.domain.quizzes.guessing import pick_one
from bot.domain.quizzes.parts import is_again, question_of_part, repeats
from bot.domain.subscriptions import Quizzes, Subscriber
from bot.pipeline.ports import Claim, ClaimedRow, Outbox, Shelf, Tokens
from bot.pipeline.subscribers import SubscriberRegistry

_NAMED = 10
"""How many titles of what the daily limit kept out are named."""

AnswerQuiz = Callable[[Paper, str], tuple[Question, ...]]
"""A paper's quiz in a language, with answers worked out where the digest gives none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Packed:
    """A parcel and the claim's rows behind it, best first; no parcel where nothing is to be sent.

    `limited` are rows over the daily limit, `named` those of earlier days that this one names. Where there
    is nothing to send, `note` says why, and rows that are not limited take `state`.
    """

    parcel: Parcel | None
    state: Literal["merged", "dead"] = "merged"
    sent: tuple[str, ...] = ()
    limited: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    note: str | None = None


class Packer:
    """Packs what was claimed from the state as it is now."""

    def __init__(
        self,
        outbox: Outbox,
        shelf: Shelf,
        tokens: Tokens,
        roster: SubscriberRegistry,
        answer_quiz: AnswerQuiz,
    ) -> None:
        self._outbox = outbox
        self._shelf = shelf
        self._tokens = tokens
        self._roster = roster
        self._answer_quiz = answer_quiz

    def pack(self, claim: Claim, now: datetime) -> Packed:
        """What is to be sent for this claim."""
        subscriber = self._recipient(claim)
        if subscriber is None:
            return Packed(parcel=None, note="no longer subscribed")
        match claim.kind:
            case "alert":
                return self._alert(claim, subscriber, now)
            case "quiz":
                return self._quiz(claim, subscriber)
            case _:
                return self._edit(claim, subscriber)

    def _recipient(self, claim: Claim) -> Subscriber | None:
        """Who the message is for: the one it was planned for, or else somebody with whom they shared the place."""
        planned_for = self._roster.subscriber(claim.subscriber)
        if planned_for is not None and _has_place(planned_for, claim):
            return planned_for
        papers = [row.paper for row in claim.rows]
        return next(
            (
                one
                for one in self._roster.matcher.subscribers.values()
                if _has_place(one, claim) and self._shelf.notices_on(one.id, papers)
            ),
            None,
        )

    def shown_again(self, claim: Claim, subscriber: Subscriber) -> Parcel:
        """The message of a claim that went out, with its papers as they are now, in the order shown."""
        return self._parcel(claim, subscriber, self._items(claim.rows, claim, subscriber))

    def _alert(self, claim: Claim, subscriber: Subscriber, now: datetime) -> Packed:
        items = self._items(claim.rows, claim, subscriber)
        ranked = self._ranked(claim.rows, items, subscriber)
        allowed = self._allowed(claim, subscriber, now)
        shown, kept_out = ranked[:allowed], ranked[allowed:]
        limited = tuple(row.key for row, _ in kept_out)
        if not shown:
            return Packed(parcel=None, limited=limited, note="over the daily limit")
        earlier = self._outbox.unnamed(claim.key)
        known = self._shelf.stored(paper for _, paper in earlier) if earlier else {}
        parcel = self._parcel(
            claim,
            subscriber,
            tuple(item for _, item in shown),
            left_out=(
                *(item.paper for _, item in kept_out),
                *(known[paper].paper for _, paper in earlier),
            ),
        )
        return Packed(
            parcel=parcel,
            sent=tuple(row.key for row, _ in shown),
            limited=limited,
            named=tuple(key for key, _ in earlier),
        )

    def _ranked(
        self, rows: Sequence[ClaimedRow], items: Sequence[Item], subscriber: Subscriber
    ) -> list[tuple[ClaimedRow, Item]]:
        """The rows with their items, best first."""
        both = list(zip(rows, items, strict=True))
        if len(both) <= 1:
            return both
        rarity = self._shelf.rarity(subscriber.id)
        return sorted(both, key=lambda one: -relevance(one[1].reasons, one[1].paper, rarity))

    def _allowed(self, claim: Claim, subscriber: Subscriber, now: datetime) -> int:
        if subscriber.daily_limit is None:
            return len(claim.rows)
        today = datetime.combine(now.astimezone(subscriber.timezone), time(), subscriber.timezone)
        return max(subscriber.daily_limit - self._outbox.told_since(claim.key, today), 0)

    def _quiz(self, claim: Claim, subscriber: Subscriber) -> Packed:
        (row,) = claim.rows
        items = self._items(claim.rows, claim, subscriber)
        question = self._question(items[0].paper, subscriber.language, row.part)
        if question is None:
            return Packed(parcel=None, note="replaced by a corrected question")
        alert = self._outbox.alert_on(claim.key, row.paper)
        if is_again(row.part):  # it was answered before, whatever became of the alert
            reply_to = alert.receipt if alert else None
            parcel = self._parcel(
                claim, subscriber, items, question=question, repeat=repeats(row.part), reply_to=reply_to
            )
            return Packed(parcel=parcel, sent=(row.key,))
        if alert and alert.state == "limited":
            return Packed(parcel=None, limited=(row.key,), note="its paper went over the daily limit")
        if alert and alert.state == "dead":
            return Packed(parcel=None, state="dead", note="the alert that it belongs to is a dead letter")
        parcel = self._parcel(
            claim, subscriber, items, question=question, reply_to=alert.receipt if alert else None
        )
        return Packed(parcel=parcel, sent=(row.key,))

    def _question(self, paper: Paper, language: str, part: str) -> Question | None:
        quiz = self._answer_quiz(paper, language)
        if part == ONE_QUESTION:
            return pick_one(quiz)
        found = question_of_part(quiz, part)
        if found is not None or not is_again(part):
            return found
        others = (one.language for one in paper.editions if one.language != language)
        answered = (self._answer_quiz(paper, other) for other in others)
        return next(filter(None, (question_of_part(other, part) for other in answered)), None)

    def _edit(self, claim: Claim, subscriber: Subscriber) -> Packed:
        (row,) = claim.rows
        alert = self._outbox.alert_on(claim.key, row.paper)
        found = self._outbox.rows_of(alert.batch) if alert and alert.batch and alert.receipt else None
        if not alert or not found:
            return Packed(parcel=None, note="there is no message to edit")
        original, _ = found
        shown = [one for one in original.rows if one.shown]
        left_out = [one.paper for one in original.rows if not one.shown]
        known = self._shelf.stored(left_out)
        parcel = self._parcel(
            claim,
            subscriber,
            self._items(shown, claim, subscriber),
            left_out=tuple(known[paper].paper for paper in left_out),
            replaces=alert.receipt,
            batch=original.batch,
        )
        return Packed(parcel=parcel, sent=(row.key,))

    def _items(self, rows: Sequence[ClaimedRow], claim: Claim, subscriber: Subscriber) -> tuple[Item, ...]:
        ids = [row.paper for row in rows]
        noted = self._shelf.noted_on(subscriber.id, ids)
        channels = [one for one in subscriber.channels if one.target in (claim.key, claim.target.key)]
        allowed = frozenset(
            subscription.name
            for subscription in subscriber.subscriptions
            if any(channel.takes(subscription) for channel in channels)
        )

        def item(paper_id: PaperId) -> Item:
            paper = noted[paper_id].stored.paper
            names = allowed.intersection(noted[paper_id].subscriptions)
            quiz = self._carried(paper, subscriber.language, quizzes)
            return Item(paper=paper, reasons=self._roster.reasons(subscriber, paper, names), quiz=quiz)

        quizzes = channels[0].quizzes if claim.target.kind == "email" and channels else "none"
        return tuple(map(item, ids))

    def _carried(self, paper: Paper, language: str, quizzes: Quizzes) -> tuple[Question, ...]:
        """The questions that the message itself carries."""
        if quizzes == "none":
            return ()
        quiz = self._answer_quiz(paper, language)
        chosen = pick_one(quiz) if quizzes == "one" else None
        return quiz if chosen is None else (chosen,)

    def _parcel(
        self,
        claim: Claim,
        subscriber: Subscriber,
        items: tuple[Item, ...],
        *,
        left_out: tuple[Paper, ...] = (),
        batch: str | None = None,
        **more: object,
    ) -> Parcel:
        mail = claim.target.kind == "email"
        return Parcel(
            batch=batch or claim.batch,
            kind=claim.kind,
            target=claim.target,
            subscriber=subscriber.id,
            language=subscriber.language,
            timezone=subscriber.timezone.key,
            created_at=claim.created_at,
            items=items,
            more=len(left_out),
            more_titles=tuple(paper.title for paper in left_out[:_NAMED]),
            unsubscribe_token=self._tokens.issue("unsubscribe", claim.key) if mail else None,
            **more,  # type: ignore[arg-type]  # question, reply_to, replaces: checked at the three callers
        )


def _has_place(subscriber: Subscriber, claim: Claim) -> bool:
    return any(channel.target in (claim.key, claim.target.key) for channel in subscriber.channels)
