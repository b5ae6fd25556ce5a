"""Planning: the notices and deliveries that follow from changed papers and their matches."""

import hashlib
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from bot.domain.delivery import (
    NO_PAPER,
    ONE_QUESTION,
    OPEN,
    WENT_OUT,
    Delivery,
    DeliveryKind,
    State,
    delivery_key,
    edit_part,
)
from bot.domain.digests import Change, Gain
from bot.domain.message import WrittenDelivery, WrittenText
from bot.domain.notices import Matches, Notices
from bot.domain.papers import Paper, PaperId
from bot.domain.schedule import Immediately, release_time
from bot.domain.subscriptions import Channel, Subscriber, Subscription

_EDITED: frozenset[Gain] = frozenset({"title", "authors", "summary", "points", "quiz"})
_CORRECTED: frozenset[Gain] = frozenset({"answers"})
"""Gains that are worth a correction by a new message: the earlier message is wrong."""
_SHOWN: frozenset[State] = WENT_OUT | {"sending"}
"""States of an alert whose message may show the old text (which version a `sending` one shows is unknown)."""
_MAY_ARRIVE: frozenset[State] = WENT_OUT | OPEN | {"uncertain"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Rows to store, in the order in which they are to go out."""

    notices: Notices
    """New notices."""
    extended: Notices
    """Notices that exist, with all the names that they have now."""
    deliveries: Sequence[Delivery]
    backlog: Mapping[str, int | None]
    """Number of papers of the backlog that are still to be sent, by subscriber (None: all)."""


def alert_keys(
    matches: Matches, subscribers: Mapping[str, Subscriber], papers: Container[PaperId]
) -> list[str]:
    """The keys of all alerts on these papers that may have been planned before for these matches."""
    return [
        delivery_key(channel.target, "alert", paper)
        for name, matching in matches.items()
        for paper in matching
        if paper in papers
        for channel in subscribers[name].channels
    ]


def plan(
    changes: Iterable[Change],
    matches: Matches,
    subscribers: Mapping[str, Subscriber],
    *,
    noticed: Notices,
    planned: Mapping[str, State],
    now: datetime,
    backlog: Mapping[str, int | None] | None = None,
) -> Plan:
    """Notices and deliveries of these changes, subscriber by subscriber in the order of `matches`.

    Each subscriber's deliveries keep the order of the changes, all alerts before the rest; so planning a few subscribers
    at a time gives the same as planning for all at once. `backlog` has the subscribers to whom these changes are backlog,
    each with how many papers are still to be sent (None: all); further matches are noticed, but not sent. A paper that
    was `noticed` before goes only to channels that its new matches reach for the first time. `planned` are the states of
    alerts that exist, by key.
    """
    planner = _Planner(changes, planned, backlog or {}, now)
    for name, matching in matches.items():
        planner.add(subscribers[name], matching, noticed.get(name, {}))
    return planner.plan()


class _Route(NamedTuple):
    """A channel of a subscriber, with the state and due time of a new delivery there."""

    channel: Channel
    target: str
    takes_all: bool
    """No subscription is limited to other channels."""
    state: Literal["pending", "held"]
    due_at: datetime

    def takes_any(self, subscriptions: Sequence[Subscription]) -> bool:
        return self.takes_all or any(map(self.channel.takes, subscriptions))


class _Planner:
    """Plans all changes for one subscriber after the other."""

    def __init__(
        self,
        changes: Iterable[Change],
        planned: Mapping[str, State],
        backlog: Mapping[str, int | None],
        now: datetime,
    ) -> None:
        self._changes = {change.paper.id: change for change in changes}
        self._order = {paper: number for number, paper in enumerate(self._changes)}
        self._planned = planned
        self._backlog = dict(backlog)
        self._now = now
        self._notices: dict[str, dict[PaperId, tuple[str, ...]]] = {}
        self._extended: dict[str, dict[PaperId, tuple[str, ...]]] = {}
        self._deliveries: list[Delivery] = []
        self._followers: list[Delivery] = []
        """Quizzes and edits of the current subscriber, which come after the alerts."""
        self._parts: dict[tuple[PaperId, str], list[str]] = {}
        self._with_quiz = {
            paper
            for paper, change in self._changes.items()
            if any(edition.quiz for edition in change.paper.editions)
        }

    def plan(self) -> Plan:
        return Plan(
            notices=self._notices,
            extended=self._extended,
            deliveries=self._deliveries,
            backlog=self._backlog,
        )

    def add(
        self,
        subscriber: Subscriber,
        matching: Mapping[PaperId, Sequence[Subscription]],
        noticed: Mapping[PaperId, tuple[str, ...]],
    ) -> None:
        name = subscriber.id
        routes = [self._route(subscriber, channel) for channel in subscriber.channels]
        notices: dict[PaperId, tuple[str, ...]] = {}
        extended: dict[PaperId, tuple[str, ...]] = {}
        for paper in sorted(matching, key=self._order.__getitem__):
            subscriptions, before = matching[paper], noticed.get(paper, ())
            fresh = (
                [subscription for subscription in subscriptions if subscription.name not in before]
                if before
                else subscriptions
            )
            if fresh:
                (extended if before else notices)[paper] = (
                    *before,
                    *[subscription.name for subscription in fresh],
                )
            left = self._followed_up(routes, subscriber, paper, subscriptions) if self._planned else routes
            unsent = [route for route in left if route.takes_any(fresh)] if fresh else []
            if unsent and self._takes_from_backlog(name):
                for route in unsent:
                    self._deliveries.append(
                        Delivery(route.target, name, "alert", paper, route.state, route.due_at)
                    )
                    if paper in self._with_quiz:
                        self._ask(route, subscriber, paper)
        if notices:
            self._notices[name] = notices
        if extended:
            self._extended[name] = extended
        if self._followers:
            self._deliveries += self._followers
            self._followers.clear()

    def _followed_up(
        self,
        routes: Sequence[_Route],
        subscriber: Subscriber,
        paper: PaperId,
        subscriptions: Sequence[Subscription],
    ) -> list[_Route]:
        """Follow up the existing alerts on the paper; gives the routes on which there is none."""
        unsent: list[_Route] = []
        for route in routes:
            state = self._planned.get(delivery_key(route.target, "alert", paper))
            if state is None:
                unsent.append(route)
            elif self._changes[paper].gains and route.takes_any(subscriptions):
                self._follow_up(route, subscriber, paper, state)
        return unsent

    def _takes_from_backlog(self, subscriber: str) -> bool:
        left = self._backlog.get(subscriber)
        if left is None:
            return True
        self._backlog[subscriber] = max(left - 1, 0)
        return left > 0

    def _route(self, subscriber: Subscriber, channel: Channel) -> _Route:
        takes_all = all(map(channel.takes, subscriber.subscriptions))
        return _Route(channel, channel.target, takes_all, *_release(channel, subscriber, self._now))

    def _ask(self, route: _Route, subscriber: Subscriber, paper: PaperId) -> None:
        """Plan the quiz of the paper, where the channel has polls."""
        for part in _asked_parts(route.channel, self._question_parts(paper, subscriber.language)):
            row = Delivery(route.target, subscriber.id, "quiz", paper, route.state, route.due_at, part)
            self._followers.append(row)

    def _question_parts(self, paper: PaperId, language: str) -> list[str]:
        key = paper, language
        if key not in self._parts:
            quiz = self._changes[paper].paper.edition(language).quiz
            self._parts[key] = [question.part for question in quiz]
        return self._parts[key]

    def _follow_up(self, route: _Route, subscriber: Subscriber, paper: PaperId, state: State) -> None:
        can, gains = route.channel.capabilities, self._changes[paper].gains
        if can.edits and state in _SHOWN and (can.is_document or gains & _EDITED):
            self._edit(route, subscriber, paper)
        if can.corrects and state in _SHOWN and gains & _CORRECTED and _carries(route.channel):
            self._correct(route, subscriber, paper)
        if "quiz" in gains and state in _MAY_ARRIVE:
            self._ask(route, subscriber, paper)

    def _edit(self, route: _Route, subscriber: Subscriber, paper: PaperId) -> None:
        """Plan an edit, which is silent and so due at once, whatever quiet hours and schedule say.

        Its part has the moment as well as the content, so that a title that is changed back is edited back.
        """
        part = self._edit_part(paper, _EDITED)
        row = Delivery(route.target, subscriber.id, "edit", paper, "pending", self._now, part)
        self._followers.append(row)

    def _correct(self, route: _Route, subscriber: Subscriber, paper: PaperId) -> None:
        """Plan a correction, which is a message and so due like one."""
        part = self._edit_part(paper, _CORRECTED)
        row = Delivery(route.target, subscriber.id, "edit", paper, route.state, route.due_at, part)
        self._followers.append(row)

    def _edit_part(self, paper: PaperId, gains: frozenset[Gain]) -> str:
        change = self._changes[paper]
        return edit_part(self._now, _fingerprint(change.paper), change.gains & gains)


def _fingerprint(paper: Paper) -> str:
    visible = (paper.title, paper.authors, paper.summaries, paper.editions)
    return hashlib.sha256(repr(visible).encode()).hexdigest()[:12]


def _release(
    channel: Channel, subscriber: Subscriber, now: datetime
) -> tuple[Literal["pending", "held"], datetime]:
    """The state and due time of a new delivery on the channel. A document waits for nothing."""
    if channel.capabilities.is_document:
        return "pending", now
    due = due_time(channel, subscriber, now)
    return ("held" if due > now else "pending"), due


def due_time(channel: Channel, subscriber: Subscriber, now: datetime) -> datetime:
    """The first moment, not before `now`, at which something new may go out on the channel."""
    awake = max(now, subscriber.snoozed_until or now)
    return release_time(
        awake, schedule=channel.deliver, quiet=subscriber.quiet_hours, zone=subscriber.timezone
    )


def written_to(
    subscriber: Subscriber,
    target: str,
    kind: DeliveryKind,
    text: WrittenText,
    *,
    part: str,
    earliest: datetime,
    now: datetime,
) -> WrittenDelivery:
    """A delivery of a kind in `WRITTEN` to one target, due at `earliest` or when the subscriber's quiet hours end."""
    due = release_time(
        earliest, schedule=Immediately(), quiet=subscriber.quiet_hours, zone=subscriber.timezone
    )
    state: Literal["pending", "held"] = "held" if due > now else "pending"
    return WrittenDelivery(
        delivery=Delivery(target, subscriber.id, kind, NO_PAPER, state, due, part), text=text
    )


def _carries(channel: Channel) -> bool:
    """True where the channel's messages contain questions with their answers."""
    return channel.capabilities.carries_quiz and channel.quizzes not in ("none", "on_request")


def _asked_parts(channel: Channel, parts: Sequence[str]) -> Sequence[str]:
    """The parts of the polls that the channel gets for a quiz with these questions."""
    if not channel.capabilities.polls or channel.quizzes in ("none", "on_request"):
        return ()
    return [ONE_QUESTION] if parts and channel.quizzes == "one" else parts
