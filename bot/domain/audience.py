"""Everybody who asked for something, and which papers they asked for."""

import hashlib
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from bot.domain.changes import Change
from bot.domain.notices import Noticed
from bot.domain.papers import Paper, PaperId
from bot.domain.query import Document, Filing, Matching, Query, document_of, match
from bot.domain.similarity import Likeness, LikenessOf
from bot.domain.subscriptions import Subscriber, Subscription

if TYPE_CHECKING:
    from bot.domain.crowd import Crowd, Ints
    from bot.domain.fanout import Fanout
    from bot.domain.query.filed import Filed

WIDE_FROM = 20_000
"""From so many subscriptions on a digest's papers are planned in columns."""

Matches = Mapping[str, Mapping[PaperId, Sequence[Subscription]]]
"""Of a subscriber the papers that match, each with the subscriptions that it matches."""


class Audience:
    """Subscribers and their subscriptions, ready to be matched; replaced, never changed."""

    def __init__(
        self,
        subscribers: Sequence[Subscriber],
        likeness: LikenessOf | None = None,
        filing: Filing | None = None,
        *,
        wishes: "_Wishes | None" = None,
    ) -> None:
        """`likeness` is asked for where somebody wishes for papers like others; without it none are found.
        `filing` gives an index of many queries; without it one is built. `wishes` of more people than the
        subscribers spare this audience an index of its own.
        """
        self.subscribers = {subscriber.id: subscriber for subscriber in subscribers}
        self._likeness = likeness
        self._wishes = wishes or _Wishes(subscribers, lambda queries: Matching(queries, filing))
        self._owners = self._wishes.owners
        self._liking = [
            place for place, (owner, one) in enumerate(self._owners) if one.like and owner in self.subscribers
        ]
        self._liked = frozenset(paper for place in self._liking for paper in self._owners[place][1].like)

    @cached_property
    def fingerprint(self) -> str:
        """Changes with whatever a feed or page shows of a subscription; the same on every machine."""
        asked = hashlib.sha256()
        for one in self.subscribers.values():
            queries = [(each.name, each.text, each.canonical) for each in one.subscriptions]
            asked.update(repr((one.id, one.has_feed, queries)).encode(errors="replace"))
        return asked.hexdigest()[:12]

    def changed_to(self, subscribers: Sequence[Subscriber]) -> "Audience":
        """The audience of other subscribers, which takes the index of this one over: see `Matching.changed_to`."""
        wishes = _Wishes(subscribers, self._wishes.matching.changed_to)
        return Audience(subscribers, self._likeness, wishes=wishes)

    @property
    def index(self) -> "Filed | None":
        """The index of all queries, where one was needed by now."""
        return self._wishes.matching.index

    def only(self, ids: Container[str]) -> "Audience":
        """The part of the audience with these ids; itself where that is everybody."""
        some = [one for one in self.subscribers.values() if one.id in ids]
        if len(some) == len(self.subscribers):
            return self
        few = 2 * len(some) < len(self.subscribers)
        return Audience(some, self._likeness, wishes=None if few else self._wishes)

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

    def matches(self, papers: Sequence[Paper]) -> dict[str, dict[PaperId, list[Subscription]]]:
        """See `Matches`; subscribers and their subscriptions in the given order."""
        if not self._owners:
            return {}
        documents = [document_of(paper) for paper in papers]
        asking = self._wishes.asking
        matches = self._wishes.matching.matches(documents)
        return self._gathered(papers, documents, [(asking[query], document) for query, document in matches])

    def _gathered(
        self, papers: Sequence[Paper], documents: Sequence[Document], hits: Iterable[tuple[int, int]]
    ) -> dict[str, dict[PaperId, list[Subscription]]]:
        """The matches of these hits, (subscription, paper) by their places, and of what is like the papers that
        people like.
        """
        if self._liking:
            hits = sorted((*hits, *self._alike(papers, documents)))
        ids = [paper.id for paper in papers]
        found: dict[str, dict[PaperId, list[Subscription]]] = {}
        for place, document in hits:
            owner, subscription = self._owners[place]
            if owner in self.subscribers:
                found.setdefault(owner, {}).setdefault(ids[document], []).append(subscription)
        return found

    @property
    def is_wide(self) -> bool:
        """So many subscriptions that new papers are planned by `fan_out`."""
        return len(self._owners) >= WIDE_FROM

    def fan_out(self, papers: Sequence[Paper], now: datetime) -> "tuple[list[Fanout], Matches]":
        """New papers for many people: what is to be planned at once, and the matches of those who are to be routed
        one by one. Together that is what routing all `matches` of these papers would give.
        """
        from bot.domain.crowd import Hits

        crowd = self._wishes.crowd
        documents = [document_of(paper) for paper in papers]
        queries, found_in = self._wishes.matching.hits(documents)
        hits = Hits(self._wishes.asking_column[queries], found_in)
        here = self.subscribers if len(self.subscribers) < len(crowd) else None
        fanouts = list(crowd.fan_out(hits, papers, now, here))
        alone = zip(*(column.tolist() for column in crowd.alone(hits)), strict=True)
        return fanouts, self._gathered(papers, documents, alone)

    def prepare(self) -> None:
        """Where there is much to get ready, do it now and not when papers come."""
        if self.is_wide:
            self._wishes.matching.prepare()
            _ = self._wishes.crowd, self._wishes.asking_column

    @property
    def likeness(self) -> Likeness | None:
        """What tells how near papers are to those that somebody here likes; None where nobody does."""
        return self._likeness(self._liked) if self._liked and self._likeness else None

    def _alike(self, papers: Sequence[Paper], documents: Sequence[Document]) -> Iterator[tuple[int, int]]:
        """(subscription, paper) by their places, for those that wish for papers like others."""
        likeness = self.likeness
        if likeness is None:
            return
        for number, (paper, document) in enumerate(zip(papers, documents, strict=True)):
            near = likeness.nearness(document)
            for place in self._liking:
                one = self._owners[place][1]
                nearest = max((near.get(liked, 0.0) for liked in one.like if liked != paper.id), default=0.0)
                if nearest >= one.near and all(match(query, document) is None for query in one.unless):
                    yield place, number

    def concerned(self, changes: Sequence[Change], noticed: Noticed) -> Matches:
        """The matches of these changes, and what was noticed of them before.

        A paper that was corrected may match no longer; those who were told of it still want the correction.
        """
        found = self.matches([change.paper for change in changes])
        gained = {change.paper.id for change in changes if not change.is_new}
        if not gained:
            return found
        for name, papers in noticed.items():
            if name in self.subscribers:
                for paper in gained & papers.keys():
                    matching = found.setdefault(name, {})
                    matching[paper] = [
                        subscription
                        for subscription in self.subscribers[name].subscriptions
                        if subscription.name in papers[paper] or subscription in matching.get(paper, ())
                    ]
        return found


class _Wishes:
    """All subscriptions in order, and what finds the papers that their queries ask for."""

    def __init__(
        self, subscribers: Sequence[Subscriber], matching: Callable[[Sequence[Query]], Matching]
    ) -> None:
        self._subscribers = subscribers
        self.owners = [(subscriber.id, one) for subscriber in subscribers for one in subscriber.subscriptions]
        asking = [(place, one.query) for place, (_, one) in enumerate(self.owners) if one.query is not None]
        self.asking = [place for place, _ in asking]
        """Of each query its place among all subscriptions."""
        self.matching = matching([query for _, query in asking])

    @cached_property
    def asking_column(self) -> "Ints":
        """`asking`, as a column."""
        import numpy as np

        return np.array(self.asking, dtype=np.int64)

    @cached_property
    def crowd(self) -> "Crowd":
        """The same people in columns."""
        from bot.domain.crowd import Crowd

        return Crowd(self._subscribers)
