"""What goes to whom: changed papers and everybody's subscriptions give notices and deliveries."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from bot.domain.changes import Change, Gain
from bot.domain.delivery import Delivery, Kind, State, delivery_key
from bot.domain.notices import Notice
from bot.domain.papers import Paper, PaperId, Question
from bot.domain.query import Document, Matcher, Query, document_of, match
from bot.domain.search.likeness import Likeness, LikenessOf
from bot.domain.subscriptions import Channel, Subscriber, Subscription
from bot.domain.timing import release_time

if TYPE_CHECKING:
    from bot.domain.query.index import Index

_EDITED: frozenset[Gain] = frozenset({"title", "authors", "summary", "points", "quiz"})
_SHOWN: frozenset[State] = frozenset({"sending", "sent", "merged"})
"""What may be out already as the paper was before: `sending` was put together, and nobody knows from what."""
_ON_ITS_WAY: frozenset[State] = frozenset({"pending", "held", "sending", "sent", "merged", "uncertain"})

Noticed = Mapping[tuple[str, PaperId], tuple[str, ...]]
"""(subscriber, paper) to the subscriptions that it was noticed for."""


INDEXED_FROM = 400
"""From so many subscriptions on an index of them pays for itself, and for loading numpy."""


def _matcher(queries: Sequence[Query]) -> "Matcher | Index":
    """What finds the queries that match: one after the other where they are few, an index where they are many."""
    if len(queries) < INDEXED_FROM:
        return Matcher(queries)
    from bot.domain.query.index import Index

    return Index(queries)


class Audience:
    """Everybody who asked for something, ready to be matched; built once per configuration."""

    def __init__(self, subscribers: Sequence[Subscriber], likeness: LikenessOf | None = None) -> None:
        """`likeness` is asked for where somebody wishes for papers like others; without it none are found."""
        self.subscribers = {subscriber.id: subscriber for subscriber in subscribers}
        self._owners = [
            (subscriber.id, subscription)
            for subscriber in subscribers
            for subscription in subscriber.subscriptions
        ]
        asking = [(place, one.query) for place, (_, one) in enumerate(self._owners) if one.query is not None]
        self._asking = [place for place, _ in asking]
        self._matcher = _matcher([query for _, query in asking])
        self._liking = [place for place, (_, one) in enumerate(self._owners) if one.like]
        self._liked = frozenset(paper for place in self._liking for paper in self._owners[place][1].like)
        self._likeness = likeness

    @cached_property
    def fingerprint(self) -> str:
        """Changes with whatever a feed or page shows of a subscription; the same on every machine."""
        asked = hashlib.sha256()
        for one in self.subscribers.values():
            queries = [(each.name, each.text, each.canonical) for each in one.subscriptions]
            asked.update(repr((one.id, one.has_feed, queries)).encode(errors="replace"))
        return asked.hexdigest()[:12]

    def only(self, ids: Container[str]) -> "Audience":
        """The part of the audience with these ids."""
        return Audience([one for one in self.subscribers.values() if one.id in ids], self._likeness)

    def only_likes(self) -> "Audience":
        """Those who wish for papers like others, with nothing but those wishes."""
        likes = {
            one.id: tuple(each for each in one.subscriptions if each.like)
            for one in self.subscribers.values()
        }
        some = [
            replace(one, subscriptions=likes[one.id]) for one in self.subscribers.values() if likes[one.id]
        ]
        return Audience(some, self._likeness)

    def without(self, ids: Collection[str]) -> "Audience":
        """The audience but for these ids; itself, with nothing built anew, where none of them is in it."""
        if self.subscribers.keys().isdisjoint(ids):
            return self
        return self.only(self.subscribers.keys() - ids)

    def matches(self, papers: Sequence[Paper]) -> "Matches":
        """(subscriber, paper) to the subscriptions that match, papers and subscribers in the given order."""
        if not self._owners:
            return {}
        documents = [document_of(paper) for paper in papers]
        hits = [(document, self._asking[query]) for query, document in self._matcher.matches(documents)]
        found: dict[tuple[str, PaperId], list[Subscription]] = defaultdict(list)
        for document, place in sorted((*hits, *self._alike(papers, documents))):
            owner, subscription = self._owners[place]
            found[owner, papers[document].id].append(subscription)
        return {key: tuple(subscriptions) for key, subscriptions in found.items()}

    @property
    def likeness(self) -> Likeness | None:
        """What tells how near papers are to those that somebody here likes; None where nobody does."""
        return self._likeness(self._liked) if self._liked and self._likeness else None

    def _alike(self, papers: Sequence[Paper], documents: Sequence[Document]) -> Iterator[tuple[int, int]]:
        """(paper, subscription) by their places, for those that wish for papers like others."""
        likeness = self.likeness
        if likeness is None:
            return
        for number, (paper, document) in enumerate(zip(papers, documents, strict=True)):
            near = likeness.nearness(document)
            for place in self._liking:
                one = self._owners[place][1]
                nearest = max((near.get(liked, 0.0) for liked in one.like if liked != paper.id), default=0.0)
                if nearest >= one.near and all(match(query, document) is None for query in one.unless):
                    yield number, place

    def concerned(self, changes: Sequence[Change], noticed: "Noticed") -> "Matches":
        """The matches of these changes, and what was noticed of them before.

        A paper that was corrected may match no longer; those who were told of it still want the correction.
        """
        found = dict(self.matches([change.paper for change in changes]))
        gained = {change.paper.id for change in changes if not change.is_new}
        for (name, paper), names in noticed.items() if gained else ():
            if paper in gained and name in self.subscribers:
                found[name, paper] = tuple(
                    subscription
                    for subscription in self.subscribers[name].subscriptions
                    if subscription.name in names or subscription in found.get((name, paper), ())
                )
        return found


@dataclass(kw_only=True, slots=True)
class Routed:
    """Rows to store, in the order in which they are to go out; `opening` is what is left of it afterwards."""

    notices: list[Notice] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    opening: dict[str, int | None] = field(default_factory=dict)


Matches = Mapping[tuple[str, PaperId], tuple[Subscription, ...]]
"""(subscriber, paper) to the subscriptions that match."""


def alert_keys(matches: Matches, audience: Audience) -> list[str]:
    """The keys of every alert that these matches could have led to before."""
    return [
        delivery_key(channel.target, "alert", paper)
        for subscriber, paper in matches
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
        state = planned.get(delivery_key(channel.target, "alert", paper.id))
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
    quiz = paper.edition(subscriber.language).quiz
    if channel.kind != "telegram" or channel.quizzes == "none" or not quiz:
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
