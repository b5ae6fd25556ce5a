"""SubscriptionMatcher: which papers match whose subscriptions, one query after the other or by an index of all."""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from heapq import merge
from itertools import groupby, islice
from operator import itemgetter
from threading import Lock
from typing import TYPE_CHECKING

from bot.domain.digests import Change
from bot.domain.notices import Notices
from bot.domain.papers import Paper, PaperId
from bot.domain.query import Document, Matcher, Query, document_of, match
from bot.domain.similarity import Similarity, SimilarityOf
from bot.domain.subscriptions import Subscriber, Subscription

if TYPE_CHECKING:
    from bot.domain.query.index import PersistentIndex
    from bot.domain.query.index.arrays import Longs

INDEXED_FROM = 400
"""From so many queries on an index of them pays for itself, and for loading numpy."""
PREPARED_FROM = 20_000
"""From so many subscriptions on the index is built before papers come, not when they do."""

Filing = Callable[[Sequence[Query]], "PersistentIndex"]
"""Gives an index of the queries: built, or one that was saved."""
MatchesOfOne = tuple[str, dict[PaperId, list[Subscription]]]
"""A subscriber's id, and by paper the subscriptions that it matches."""


class SubscriptionMatcher:
    """Subscribers and their subscriptions, ready to be matched; replaced, never changed.

    Matches come subscriber by subscriber in the order of their ids, the subscriptions of each in their own order.
    """

    def __init__(
        self,
        subscribers: Sequence[Subscriber],
        similarity: SimilarityOf | None = None,
        filing: Filing | None = None,
        *,
        subscriptions: "_Subscriptions | None" = None,
    ) -> None:
        """`similarity` is asked for where a subscription wants papers like others; without it none match.
        `filing` gives an index of many queries; without it one is built. `subscriptions` of more people than the
        subscribers spare this matcher an index of its own.
        """
        self.subscribers = {subscriber.id: subscriber for subscriber in subscribers}
        self._similarity = similarity
        self._subscriptions = subscriptions or _Subscriptions(
            subscribers, lambda queries: Matching(queries, filing)
        )
        self._owned = self._subscriptions.owned
        self._liking = [
            number
            for number, (owner, subscription) in enumerate(self._owned)
            if subscription.like and owner in self.subscribers
        ]
        self._liked = frozenset(paper for number in self._liking for paper in self._owned[number][1].like)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of everything that a feed or page shows of a subscription; the same on every machine."""
        digest = hashlib.sha256()
        for subscriber in self.subscribers.values():
            queries = [
                (subscription.name, subscription.text, subscription.canonical)
                for subscription in subscriber.subscriptions
            ]
            digest.update(repr((subscriber.id, subscriber.has_feed, queries)).encode(errors="replace"))
        return digest.hexdigest()[:12]

    @property
    def index(self) -> "PersistentIndex | None":
        """The index of all queries, where one was needed by now."""
        return self._subscriptions.matching.index

    @property
    def similarity(self) -> Similarity | None:
        """Similarity to the papers that these subscribers like; None where nobody likes any."""
        return self._similarity(self._liked) if self._liked and self._similarity else None

    def changed_to(self, subscribers: Sequence[Subscriber]) -> "SubscriptionMatcher":
        """The matcher of other subscribers, which takes the index of this one over: see `Matching.changed_to`."""
        subscriptions = _Subscriptions(subscribers, self._subscriptions.matching.changed_to)
        return SubscriptionMatcher(subscribers, self._similarity, subscriptions=subscriptions)

    def only(self, ids: Container[str]) -> "SubscriptionMatcher":
        """The matcher of the subscribers with these ids; itself where that is everybody."""
        chosen = [subscriber for subscriber in self.subscribers.values() if subscriber.id in ids]
        if len(chosen) == len(self.subscribers):
            return self
        few = 2 * len(chosen) < len(self.subscribers)
        return SubscriptionMatcher(
            chosen, self._similarity, subscriptions=None if few else self._subscriptions
        )

    def only_likes(self) -> "SubscriptionMatcher":
        """The matcher of only the subscriptions to papers like others."""
        likes = {
            subscriber.id: tuple(
                subscription for subscription in subscriber.subscriptions if subscription.like
            )
            for subscriber in self.subscribers.values()
        }
        return self.only_subscriptions({name: likes_ for name, likes_ in likes.items() if likes_})

    def only_subscriptions(
        self, subscriptions: Mapping[str, tuple[Subscription, ...]]
    ) -> "SubscriptionMatcher":
        """The matcher of these subscribers, with nothing but these subscriptions."""
        chosen = [
            replace(subscriber, subscriptions=subscriptions[subscriber.id])
            for subscriber in self.subscribers.values()
            if subscriber.id in subscriptions
        ]
        return SubscriptionMatcher(chosen, self._similarity)

    def without(self, ids: Collection[str]) -> "SubscriptionMatcher":
        """The matcher but for these ids; itself, with nothing built anew, where none of them is in it."""
        if self.subscribers.keys().isdisjoint(ids):
            return self
        return self.only(self.subscribers.keys() - ids)

    def prepare(self) -> None:
        """Build the index of many subscriptions now, not when papers come."""
        if len(self._owned) >= PREPARED_FROM:
            self._subscriptions.matching.prepare()

    def matches(self, papers: Sequence[Paper]) -> dict[str, dict[PaperId, list[Subscription]]]:
        """By subscriber, in the order of their ids: each paper that matches, with its subscriptions."""
        return dict(self.find(papers).after(""))

    def find(self, papers: Sequence[Paper], documents: Mapping[PaperId, Document] | None = None) -> "Hits":
        """Match all subscriptions with the papers, once; the result is then read subscriber by subscriber.

        `documents` are those of the papers, where they were made before.
        """
        if not self._owned:
            return Hits(self.subscribers, self._owned, papers, [])
        folded = [documents[paper.id] if documents else document_of(paper) for paper in papers]
        asking = self._subscriptions.asking
        pairs = self._subscriptions.matching.matches(folded)
        if len(asking) < len(self._owned):
            pairs = [(asking[query], document) for query, document in pairs]
        if self._liking:
            pairs = sorted((*pairs, *self._alike(papers, folded)))
        return Hits(self.subscribers, self._owned, papers, pairs)

    def _alike(self, papers: Sequence[Paper], documents: Sequence[Document]) -> Iterator[tuple[int, int]]:
        """(subscription, paper) by their numbers, for those that want papers like others."""
        similarity = self.similarity
        if similarity is None:
            return
        for paper_number, (paper, document) in enumerate(zip(papers, documents, strict=True)):
            near = similarity.nearness(document)
            for number in self._liking:
                wanted = self._owned[number][1]
                nearest = max(
                    (near.get(liked, 0.0) for liked in wanted.like if liked != paper.id), default=0.0
                )
                if nearest >= wanted.near and all(match(query, document) is None for query in wanted.unless):
                    yield number, paper_number

    def concerned(
        self,
        changes: Sequence[Change],
        noticed: Notices,
        documents: Mapping[PaperId, Document] | None = None,
    ) -> "Hits":
        """The matches of these changes, and those to whom the changed papers were `noticed` before.

        A corrected paper may match no longer; subscribers who were notified of it still get the correction.
        """
        hits = self.find([change.paper for change in changes], documents)
        hits.noticed = {name: papers for name, papers in sorted(noticed.items()) if name in self.subscribers}
        return hits


class Hits:
    """Matches of subscriptions and papers; may be read from any subscriber on, any number of times."""

    def __init__(
        self,
        subscribers: Mapping[str, Subscriber],
        owned: Sequence[tuple[str, Subscription]],
        papers: Sequence[Paper],
        pairs: Sequence[tuple[int, int]],
    ) -> None:
        """`pairs` are (subscription, paper) by their numbers, sorted."""
        self._subscribers = subscribers
        self._owned = owned
        self._papers = [paper.id for paper in papers]
        self._pairs = pairs
        self.noticed: Notices = {}
        """What was noticed before of these papers, in the order of the subscribers' ids."""

    def after(self, name: str) -> Iterator[MatchesOfOne]:
        """The matches of those whose ids come after this one, in the order of their ids."""
        matches = self._matches_after(name)
        return self._with_noticed(matches, name) if self.noticed else matches

    def _matches_after(self, name: str) -> Iterator[MatchesOfOne]:
        first = bisect_right(self._owned, name, key=itemgetter(0))
        pairs = islice(self._pairs, bisect_left(self._pairs, (first, 0)), None)
        for owner, group in groupby(pairs, key=lambda pair: self._owned[pair[0]][0]):
            if owner in self._subscribers:
                matching: dict[PaperId, list[Subscription]] = {}
                for subscription, paper in group:
                    matching.setdefault(self._papers[paper], []).append(self._owned[subscription][1])
                yield owner, matching

    def _with_noticed(self, matches: Iterator[MatchesOfOne], after: str) -> Iterator[MatchesOfOne]:
        nothing: dict[PaperId, list[Subscription]] = {}
        known = ((name, nothing) for name in self.noticed if name > after)
        for name, parts in groupby(merge(matches, known, key=itemgetter(0)), key=itemgetter(0)):
            matching = {paper: matched for _, part in parts for paper, matched in part.items()}
            for paper, names in self.noticed.get(name, {}).items():
                matching[paper] = [
                    subscription
                    for subscription in self._subscribers[name].subscriptions
                    if subscription.name in names or subscription in matching.get(paper, ())
                ]
            yield name, matching


class _Subscriptions:
    """All subscriptions in the order of their owners' ids, and the queries of those that have one, ready to match."""

    def __init__(
        self, subscribers: Sequence[Subscriber], matching: "Callable[[Sequence[Query]], Matching]"
    ) -> None:
        self.owned = [
            (subscriber.id, subscription)
            for subscriber in sorted(subscribers, key=lambda subscriber: subscriber.id)
            for subscription in subscriber.subscriptions
        ]
        asking = [
            (number, subscription.query)
            for number, (_, subscription) in enumerate(self.owned)
            if subscription.query is not None
        ]
        self.asking = [number for number, _ in asking]
        """Of each query the number of its subscription."""
        self.matching = matching([query for _, query in asking])


class Matching:
    """A list of queries, made ready for papers when it is first asked; any thread may ask."""

    def __init__(self, queries: Sequence[Query], filing: Filing | None = None) -> None:
        self._queries = queries
        self._filing = filing
        self._lock = Lock()
        self._ready: Matcher | PersistentIndex | None = None

    def matches(self, documents: Sequence[Document]) -> list[tuple[int, int]]:
        """(query, document) by their numbers, for each match, by query, then by document."""
        with self._lock:
            ready = self._when_ready()
            if isinstance(ready, Matcher):
                return sorted(ready.matches(documents))
            return _in_order(*ready.hits(documents), len(documents))

    def prepare(self) -> None:
        """Build the tests or the index now, not when papers come."""
        with self._lock:
            self._when_ready()

    def changed_to(self, queries: Sequence[Query]) -> "Matching":
        """The matching of another list. It takes the index over and changes it, so that only changes cost time;
        this one builds an index of its own if it is asked again.
        """
        following = Matching(queries, self._filing)
        with self._lock:
            index, self._ready = self.index, None
        if index is not None and len(queries) >= INDEXED_FROM:
            index.change(queries)
            following._ready = index
        return following

    @property
    def index(self) -> "PersistentIndex | None":
        """The index, where there is one by now."""
        return None if isinstance(self._ready, Matcher) else self._ready

    def _when_ready(self) -> "Matcher | PersistentIndex":
        if self._ready is None:
            self._ready = self._built()
        return self._ready

    def _built(self) -> "Matcher | PersistentIndex":
        if len(self._queries) < INDEXED_FROM:
            return Matcher(self._queries)
        if self._filing is not None:
            return self._filing(self._queries)
        from bot.domain.query.index import PersistentIndex

        return PersistentIndex(self._queries)


def _in_order(queries: "Longs", documents: "Longs", count: int) -> list[tuple[int, int]]:
    """The pairs of two columns, sorted; there are `count` documents."""
    import numpy as np

    keys = np.sort(queries * count + documents)
    return list(zip((keys // count).tolist(), (keys % count).tolist(), strict=True))
