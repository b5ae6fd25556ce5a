"""What goes to whom: changed papers and everybody's subscriptions give notices and deliveries."""

import hashlib
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from bot.domain.audience import Audience, Matches
from bot.domain.changes import Change, Gain
from bot.domain.delivery import ONE_QUESTION, Delivery, State, delivery_key
from bot.domain.notices import Noticed
from bot.domain.papers import Paper, PaperId
from bot.domain.subscriptions import Channel, Subscriber, Subscription
from bot.domain.timing import release_time

_EDITED: frozenset[Gain] = frozenset({"title", "authors", "summary", "points", "quiz"})
_SHOWN: frozenset[State] = frozenset({"sending", "sent", "merged"})
"""What may be out already as the paper was before: `sending` was put together, and nobody knows from what."""
_ON_ITS_WAY: frozenset[State] = frozenset({"pending", "held", "sending", "sent", "merged", "uncertain"})


@dataclass(kw_only=True, slots=True)
class Routed:
    """Rows to store, in the order in which they are to go out; `opening` is what is left of it afterwards."""

    notices: Noticed
    deliveries: Sequence[Delivery]
    opening: Mapping[str, int | None]


def alert_keys(matches: Matches, audience: Audience, papers: Container[PaperId]) -> list[str]:
    """The keys of every alert on these papers that these matches could have led to before."""
    return [
        delivery_key(channel.target, "alert", paper)
        for subscriber, matching in matches.items()
        for paper in matching
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
    """Notices and deliveries of these changes; to each place in the order of the changes.

    `matches` hold who is `concerned`. `opening` names the subscribers who are new, with how many first matches they are still to get (None:
    all); what matched beyond that is noticed but not sent. Nobody is told of a paper twice: a paper that
    somebody was noticed of goes again only to a channel that its new matches reach for the first time.
    """
    router = _Router(changes, planned, opening, now)
    for name, matching in matches.items():
        router.route(audience.subscribers[name], matching, noticed.get(name, {}))
    return router.routed()


class _Way(NamedTuple):
    """A channel of somebody, and when what is new may go out there."""

    channel: Channel
    target: str
    takes_all: bool
    """No subscription is limited to other channels."""
    state: Literal["pending", "held"]
    due_at: datetime

    def takes_any(self, subscriptions: Sequence[Subscription]) -> bool:
        return self.takes_all or any(map(self.channel.takes, subscriptions))


class _Router:
    """Routes all changes to one person after the other."""

    def __init__(
        self,
        changes: Sequence[Change],
        planned: Mapping[str, State],
        opening: Mapping[str, int | None],
        now: datetime,
    ) -> None:
        self._changes = {change.paper.id: change for change in changes}
        self._order = {paper: number for number, paper in enumerate(self._changes)}
        self._planned = planned
        self._opening = dict(opening)
        self._now = now
        self._notices: dict[str, dict[PaperId, tuple[str, ...]]] = {}
        self._alerts: list[Delivery] = []
        self._others: list[Delivery] = []
        self._parts: dict[tuple[PaperId, str], list[str]] = {}
        self._owners: dict[str, str] = {}
        """Who sends to a place, and is the only one while nothing is `_shared`."""
        self._shared = False

    def routed(self) -> Routed:
        deliveries = [*self._alerts, *self._others]
        if self._shared:
            deliveries = [*sorted(self._alerts, key=self._place), *sorted(self._others, key=self._place)]
        return Routed(notices=self._notices, deliveries=deliveries, opening=self._opening)

    def _place(self, row: Delivery) -> int:
        return self._order[row.paper]

    def route(
        self,
        subscriber: Subscriber,
        matching: Mapping[PaperId, Sequence[Subscription]],
        noticed: Mapping[PaperId, tuple[str, ...]],
    ) -> None:
        name = subscriber.id
        ways = [self._way(subscriber, channel) for channel in subscriber.channels]
        notices: dict[PaperId, tuple[str, ...]] = {}
        for paper in sorted(matching, key=self._order.__getitem__):
            subscriptions, before = matching[paper], noticed.get(paper, ())
            fresh = [one for one in subscriptions if one.name not in before] if before else subscriptions
            if fresh:
                notices[paper] = (*before, *[one.name for one in fresh])
            may_send = bool(fresh) and self._takes_from_opening(name)
            for way in ways:
                key = delivery_key(way.target, "alert", paper) if self._planned else ""
                state = self._planned.get(key)
                if state is None and may_send and way.takes_any(fresh):
                    self._alerts.append(Delivery(way.target, name, "alert", paper, way.state, way.due_at))
                    self._ask(way, subscriber, paper)
                elif state is not None and subscriptions and way.takes_any(subscriptions):
                    self._follow_up(way, subscriber, paper, state)
        if notices:
            self._notices[name] = notices

    def _takes_from_opening(self, subscriber: str) -> bool:
        left = self._opening.get(subscriber)
        if left is None:
            return True
        self._opening[subscriber] = max(left - 1, 0)
        return left > 0

    def _way(self, subscriber: Subscriber, channel: Channel) -> _Way:
        target = channel.target
        if self._owners.setdefault(target, subscriber.id) != subscriber.id:
            self._shared = True
        takes_all = all(map(channel.takes, subscriber.subscriptions))
        return _Way(channel, target, takes_all, *release(channel, subscriber, self._now))

    def _ask(self, way: _Way, subscriber: Subscriber, paper: PaperId) -> None:
        """The quiz, as polls, where the channel has them."""
        for part in asked_parts(way.channel, self._question_parts(paper, subscriber.language)):
            row = Delivery(way.target, subscriber.id, "quiz", paper, way.state, way.due_at, part)
            self._others.append(row)

    def _question_parts(self, paper: PaperId, language: str) -> list[str]:
        asked = paper, language
        if asked not in self._parts:
            self._parts[asked] = question_parts(self._changes[paper].paper, language)
        return self._parts[asked]

    def _follow_up(self, way: _Way, subscriber: Subscriber, paper: PaperId, state: State) -> None:
        can, gains = way.channel.capabilities, self._changes[paper].gains
        if can.edits and state in _SHOWN and (can.is_document or gains & _EDITED):
            self._edit(way, subscriber, paper)
        if "quiz" in gains and state in _ON_ITS_WAY:
            self._ask(way, subscriber, paper)

    def _edit(self, way: _Way, subscriber: Subscriber, paper: PaperId) -> None:
        """An edit is silent, so neither quiet hours nor a digest's time hold it.

        Its part holds the moment as well as the content: a title that is changed back is edited back.
        """
        fingerprint = _fingerprint(self._changes[paper].paper)
        part = f"{self._now.astimezone(UTC):%Y%m%dT%H%M%S%f}-{fingerprint}"
        row = Delivery(way.target, subscriber.id, "edit", paper, "pending", self._now, part)
        self._others.append(row)


def _fingerprint(paper: Paper) -> str:
    shown = (paper.title, paper.authors, paper.summaries, paper.editions)
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:12]


def release(
    channel: Channel, subscriber: Subscriber, now: datetime
) -> tuple[Literal["pending", "held"], datetime]:
    """In which state something new is planned for the channel, and when it may go out. A document waits for nothing."""
    if channel.capabilities.is_document:
        return "pending", now
    due = release_time(now, schedule=channel.deliver, quiet=subscriber.quiet_hours, zone=subscriber.timezone)
    return ("held" if due > now else "pending"), due


def question_parts(paper: Paper, language: str) -> list[str]:
    """The part of each question of the paper's quiz."""
    return [question.part for question in paper.edition(language).quiz]


def asked_parts(channel: Channel, parts: Sequence[str]) -> Sequence[str]:
    """Those of a quiz's questions that are polls of their own on the channel, where it has polls."""
    if not channel.capabilities.polls or channel.quizzes == "none":
        return ()
    return [ONE_QUESTION] if parts and channel.quizzes == "one" else parts
