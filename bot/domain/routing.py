"""What goes to whom: changed papers and everybody's subscriptions give notices and deliveries."""

import hashlib
from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bot.domain.audience import Audience, Matches, Noticed
from bot.domain.changes import Change, Gain
from bot.domain.delivery import Delivery, Kind, State, delivery_key
from bot.domain.notices import Notice
from bot.domain.papers import Paper, PaperId, Question
from bot.domain.subscriptions import Channel, Subscriber, Subscription
from bot.domain.timing import release_time

_EDITED: frozenset[Gain] = frozenset({"title", "authors", "summary", "points", "quiz"})
_SHOWN: frozenset[State] = frozenset({"sending", "sent", "merged"})
"""What may be out already as the paper was before: `sending` was put together, and nobody knows from what."""
_ON_ITS_WAY: frozenset[State] = frozenset({"pending", "held", "sending", "sent", "merged", "uncertain"})


@dataclass(kw_only=True, slots=True)
class Routed:
    """Rows to store, in the order in which they are to go out; `opening` is what is left of it afterwards."""

    notices: list[Notice] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    opening: dict[str, int | None] = field(default_factory=dict)


def alert_keys(matches: Matches, audience: Audience, papers: Container[PaperId]) -> list[str]:
    """The keys of every alert on these papers that these matches could have led to before."""
    return [
        delivery_key(channel.target, "alert", paper)
        for subscriber, paper in matches
        if paper in papers
        for channel in audience.subscribers[subscriber].channels
    ]


def route(
    changes: Sequence[Change],
    matches: Matches,
    audience: Audience,
    *,
    noticed: Noticed,
    planned: Mapping[str, State],
    opening: Mapping[str, int | None],
    now: datetime,
) -> Routed:
    """Notices and deliveries of these changes.

    `matches` hold who is `concerned`. `opening` names the subscribers who are new, with how many first matches they are still to get (None:
    all); what matched beyond that is noticed but not sent. Nobody is told of a paper twice: a paper that
    somebody was noticed of goes again only to a channel that its new matches reach for the first time.
    """
    routed = Routed(opening=dict(opening))
    by_paper: dict[PaperId, list[tuple[Subscriber, tuple[Subscription, ...]]]] = defaultdict(list)
    for (name, paper), subscriptions in matches.items():
        by_paper[paper].append((audience.subscribers[name], subscriptions))
    for change in changes:
        for subscriber, subscriptions in by_paper[change.paper.id]:
            _route_one(change, subscriber, subscriptions, noticed, planned, now, routed)
    routed.deliveries.sort(key=_alerts_first)
    return routed


def _alerts_first(delivery: Delivery) -> bool:
    return delivery.kind != "alert"


def _route_one(
    change: Change,
    subscriber: Subscriber,
    subscriptions: tuple[Subscription, ...],
    noticed: Noticed,
    planned: Mapping[str, State],
    now: datetime,
    routed: Routed,
) -> None:
    paper = change.paper
    before = noticed.get((subscriber.id, paper.id), ())
    fresh = tuple(subscription for subscription in subscriptions if subscription.name not in before)
    if fresh:
        names = (*before, *(subscription.name for subscription in fresh))
        routed.notices.append(Notice(subscriber=subscriber.id, paper=paper.id, subscriptions=names))
    may_send = _takes_from_opening(subscriber.id, routed) if fresh else False
    for channel in subscriber.channels:
        state = planned.get(delivery_key(channel.target, "alert", paper.id)) if planned else None
        if state is None and may_send and any(map(channel.takes, fresh)):
            routed.deliveries += _first_word(channel, subscriber, paper, now)
        elif state is not None and any(map(channel.takes, subscriptions)):
            routed.deliveries += _follow_up(channel, subscriber, change, state, now)


def _takes_from_opening(subscriber: str, routed: Routed) -> bool:
    left = routed.opening.get(subscriber)
    if left is None:
        return True
    routed.opening[subscriber] = max(left - 1, 0)
    return left > 0


def _first_word(channel: Channel, subscriber: Subscriber, paper: Paper, now: datetime) -> list[Delivery]:
    alert = _delivery("alert", channel, subscriber, paper, now)
    return [alert, *_quizzes(channel, subscriber, paper, now)]


def _follow_up(
    channel: Channel, subscriber: Subscriber, change: Change, state: State, now: datetime
) -> list[Delivery]:
    rows: list[Delivery] = []
    if channel.kind == "telegram" and state in _SHOWN and change.gains & _EDITED:
        rows.append(_edit(channel, subscriber, change.paper, now))
    if "quiz" in change.gains and state in _ON_ITS_WAY:
        rows += _quizzes(channel, subscriber, change.paper, now)
    if channel.kind == "atom" and state in _SHOWN:
        rows.append(_edit(channel, subscriber, change.paper, now))
    return rows


def _edit(channel: Channel, subscriber: Subscriber, paper: Paper, now: datetime) -> Delivery:
    """An edit is silent, so neither quiet hours nor a digest's time hold it.

    Its part holds the moment as well as the content: a title that is changed back is edited back.
    """
    part = f"{now.astimezone(UTC):%Y%m%dT%H%M%S%f}-{_fingerprint(paper)}"
    return Delivery(
        target=channel.target,
        subscriber=subscriber.id,
        kind="edit",
        paper=paper.id,
        part=part,
        state="pending",
        due_at=now,
    )


def _fingerprint(paper: Paper) -> str:
    shown = (paper.title, paper.authors, paper.summaries, paper.editions)
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:12]


ONE_QUESTION = "one"
"""The part of a quiz delivery that stands for the paper's most telling question, whichever that is when sent."""


def question_part(question: Question) -> str:
    """What tells the questions of one paper apart, whatever digest they came from."""
    return hashlib.sha256(question.question.encode("utf-8", "replace")).hexdigest()[:12]


def _quizzes(channel: Channel, subscriber: Subscriber, paper: Paper, now: datetime) -> list[Delivery]:
    if channel.kind != "telegram" or channel.quizzes == "none":
        return []
    quiz = paper.edition(subscriber.language).quiz
    if not quiz:
        return []
    parts = [ONE_QUESTION] if channel.quizzes == "one" else [question_part(question) for question in quiz]
    return [_delivery("quiz", channel, subscriber, paper, now, part=part) for part in parts]


def _delivery(
    kind: Kind, channel: Channel, subscriber: Subscriber, paper: Paper, now: datetime, part: str = ""
) -> Delivery:
    due = release_time(now, schedule=channel.deliver, quiet=subscriber.quiet_hours, zone=subscriber.timezone)
    if channel.kind == "atom":
        due = now
    return Delivery(
        target=channel.target,
        subscriber=subscriber.id,
        kind=kind,
        paper=paper.id,
        part=part,
        state="held" if due > now else "pending",
        due_at=due,
    )
