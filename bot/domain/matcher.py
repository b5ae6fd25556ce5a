"""SubscriptionMatcher: which papers match whose subscriptions, by an index of all queries where there are many."""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
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
from bot.domain.query import Document, Query, QueryEvaluator, document_of, match
from bot.domain.similarity import Similarity, SimilarityOf
from bot.domain.subscriptions import Subscriber, Subscription

if TYPE_CHECKING:
    from bot.domain.query.index.arrays import Longs
    from bot.domain.query.index.index import PersistentIndex

INDEXED_FROM = 400
"""Number of queries from which on an index of them pays for itself, and for loading numpy."""
PREPARED_FROM = 20_000
"""Number of subscriptions from which on `prepare` builds the index before papers come."""
_BATCH_PAPERS = 500
"""Number of papers that `find_in` matches together."""

BuildIndex = Callable[[Sequence[Query]], "PersistentIndex"]
"""A function that builds or loads the index of the queries."""
SubscriberMatches = tuple[str, dict[PaperId, list[Subscription]]]
"""A subscriber's id, and by paper those of their subscriptions that it matches."""


class SubscriptionMatcher:
    """Matcher of subscribers' subscriptions with papers; immutable.

    Matches come in the order of the subscribers' ids, the subscriptions of each in their own order.
    """

    def __init__(
        self,
        subscribers: Sequence[Subscriber],
        similarity: SimilarityOf | None = None,
        build_index: BuildIndex | None = None,
        *,
        subscriptions: "_Subscriptions | None" = None,
    ) -> None:
        """Without `similarity` no `like:` subscription matches; without `build_index` an index of many queries is built.

        `subscriptions`, of these subscribers and perhaps more, spare this matcher an index of its own.
        """
        self.subscribers = {subscriber.id: subscriber for subscriber in subscribers}
        self._similarity = similarity
        self._subscriptions = subscriptions or _Subscriptions(
            subscribers, lambda queries: PreparedQueries(queries, build_index)
        )
        self._owned = self._subscriptions.owned
        self._like_numbers = [
            number
            for number, (owner, subscription) in enumerate(self._owned)
            if subscription.like and owner in self.subscribers
        ]
        self._liked_papers = frozenset(
            paper for number in self._like_numbers for paper in self._owned[number][1].like
        )

    @cached_property
    def fingerprint(self) -> str:
        """Hash of everything about subscriptions that a feed or page shows; the same on every machine."""
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
        """The index of all queries; None where none was needed so far."""
        return self._subscriptions.prepared.index

    @property
    def similarity(self) -> Similarity | None:
        """Similarity to the papers of all `like:` subscriptions; None where there are none."""
        return self._similarity(self._liked_papers) if self._liked_papers and self._similarity else None

    def changed_to(self, subscribers: Sequence[Subscriber]) -> "SubscriptionMatcher":
        """The matcher of other subscribers, which takes over the index of this one: see `PreparedQueries.changed_to`."""
        subscriptions = _Subscriptions(subscribers, self._subscriptions.prepared.changed_to)
        return SubscriptionMatcher(subscribers, self._similarity, subscriptions=subscriptions)

    def only(self, ids: Container[str]) -> "SubscriptionMatcher":
        """The matcher of the subscribers with these ids; this matcher where those are all."""
        chosen = [subscriber for subscriber in self.subscribers.values() if subscriber.id in ids]
        if len(chosen) == len(self.subscribers):
            return self
        few = 2 * len(chosen) < len(self.subscribers)
        return SubscriptionMatcher(
            chosen, self._similarity, subscriptions=None if few else self._subscriptions
        )

    def only_like_subscriptions(self) -> "SubscriptionMatcher":
        """The matcher of only the `like:` subscriptions, and their subscribers."""
        likes = {
            subscriber.id: tuple(
                subscription for subscription in subscriber.subscriptions if subscription.like
            )
            for subscriber in self.subscribers.values()
        }
        return self.only_subscriptions(
            {name: subscriptions for name, subscriptions in likes.items() if subscriptions}
        )

    def only_subscriptions(
        self, subscriptions: Mapping[str, tuple[Subscription, ...]]
    ) -> "SubscriptionMatcher":
        """The matcher of these subscribers, by id, with only these subscriptions of each."""
        chosen = [
            replace(subscriber, subscriptions=subscriptions[subscriber.id])
            for subscriber in self.subscribers.values()
            if subscriber.id in subscriptions
        ]
        return SubscriptionMatcher(chosen, self._similarity)

    def without(self, ids: Collection[str]) -> "SubscriptionMatcher":
        """The matcher without the subscribers with these ids; this matcher where it has none of them."""
        if self.subscribers.keys().isdisjoint(ids):
            return self
        return self.only(self.subscribers.keys() - ids)

    def prepare(self) -> None:
        """Build the index of very many subscriptions now rather than when papers come."""
        if len(self._owned) >= PREPARED_FROM:
            self._subscriptions.prepared.prepare()

    def matches(self, papers: Sequence[Paper]) -> dict[str, dict[PaperId, list[Subscription]]]:
        """Papers that match each subscriber, in the order of the subscribers' ids, with the subscriptions that match them."""
        return dict(self.find(papers).after(""))

    def find(
        self, papers: Sequence[Paper], documents: Mapping[PaperId, Document] | None = None
    ) -> "MatchResult":
        """Match all subscriptions with the papers. `documents`, where given, are those of all the papers."""
        ids = [paper.id for paper in papers]
        folded = (documents[paper.id] if documents else document_of(paper) for paper in papers)
        return MatchResult(self.subscribers, self._owned, ids, self._pairs(ids, list(folded)))

    def find_in(self, documents: Iterable[tuple[PaperId, Document]]) -> "MatchResult":
        """Match all subscriptions with very many papers, of which only some hundred are in memory together."""
        ids: list[PaperId] = []
        pairs: list[tuple[int, int]] = []
        left = iter(documents)
        while batch := list(islice(left, _BATCH_PAPERS)):
            papers = [paper for paper, _ in batch]
            matches = self._pairs(papers, [document for _, document in batch])
            pairs += [(subscription, len(ids) + number) for subscription, number in matches]
            ids += papers
        return MatchResult(self.subscribers, self._owned, ids, sorted(pairs))

    def _pairs(self, papers: Sequence[PaperId], documents: Sequence[Document]) -> list[tuple[int, int]]:
        """(subscription, paper) by number, sorted, of each match."""
        if not self._owned:
            return []
        subscription_of = self._subscriptions.by_query
        pairs = self._subscriptions.prepared.matches(documents)
        if len(subscription_of) < len(self._owned):
            pairs = [(subscription_of[query], document) for query, document in pairs]
        if self._like_numbers:
            pairs = sorted((*pairs, *self._like_matches(papers, documents)))
        return pairs

    def _like_matches(
        self, papers: Sequence[PaperId], documents: Sequence[Document]
    ) -> Iterator[tuple[int, int]]:
        """(subscription, paper) by number, of the `like:` subscriptions."""
        similarity = self.similarity
        if similarity is None:
            return
        for paper_number, (paper, document) in enumerate(zip(papers, documents, strict=True)):
            near = similarity.nearness(document)
            for number in self._like_numbers:
                subscription = self._owned[number][1]
                nearest = max(
                    (near.get(liked, 0.0) for liked in subscription.like if liked != paper), default=0.0
                )
                if nearest >= subscription.near and all(
                    match(query, document) is None for query in subscription.unless
                ):
                    yield number, paper_number

    def concerned(
        self,
        changes: Sequence[Change],
        noticed: Notices,
        documents: Mapping[PaperId, Document] | None = None,
    ) -> "MatchResult":
        """The matches of the changed papers, and the subscribers for whom these were `noticed` before.

        A corrected paper may match no longer; who was told of it still gets the correction.
        """
        result = self.find([change.paper for change in changes], documents)
        result.noticed = {
            name: papers for name, papers in sorted(noticed.items()) if name in self.subscribers
        }
        return result


class MatchResult:
    """Matches of subscriptions and papers, which can be read repeatedly, from any subscriber on."""

    def __init__(
        self,
        subscribers: Mapping[str, Subscriber],
        owned: Sequence[tuple[str, Subscription]],
        papers: Sequence[PaperId],
        pairs: Sequence[tuple[int, int]],
    ) -> None:
        """`pairs` are (subscription, paper) by number, sorted."""
        self.subscribers = subscribers
        self._owned = owned
        self.papers = papers
        """All papers that were matched, in their order."""
        self._pairs = pairs
        self.noticed: Notices = {}
        """Earlier notices on these papers, in the order of the subscribers' ids."""

    def after(self, name: str) -> Iterator[SubscriberMatches]:
        """The matches of the subscribers whose ids come after `name`, in the order of their ids."""
        matches = self._matches_after(name)
        return self._with_noticed(matches, name) if self.noticed else matches

    def _matches_after(self, name: str) -> Iterator[SubscriberMatches]:
        first = bisect_right(self._owned, name, key=itemgetter(0))
        pairs = islice(self._pairs, bisect_left(self._pairs, (first, 0)), None)
        for owner, group in groupby(pairs, key=lambda pair: self._owned[pair[0]][0]):
            if owner in self.subscribers:
                matching: dict[PaperId, list[Subscription]] = {}
                for subscription, paper in group:
                    matching.setdefault(self.papers[paper], []).append(self._owned[subscription][1])
                yield owner, matching

    def _with_noticed(self, matches: Iterator[SubscriberMatches], after: str) -> Iterator[SubscriberMatches]:
        nothing: dict[PaperId, list[Subscription]] = {}
        known = ((name, nothing) for name in self.noticed if name > after)
        for name, parts in groupby(merge(matches, known, key=itemgetter(0)), key=itemgetter(0)):
            matching = {paper: matched for _, part in parts for paper, matched in part.items()}
            for paper, names in self.noticed.get(name, {}).items():
                matching[paper] = [
                    subscription
                    for subscription in self.subscribers[name].subscriptions
                    if subscription.name in names or subscription in matching.get(paper, ())
                ]
            yield name, matching


class _Subscriptions:
    """All subscriptions, and the queries of those that have one, prepared for matching."""

    def __init__(
        self, subscribers: Sequence[Subscriber], prepare: "Callable[[Sequence[Query]], PreparedQueries]"
    ) -> None:
        self.owned = [
            (subscriber.id, subscription)
            for subscriber in sorted(subscribers, key=lambda subscriber: subscriber.id)
            for subscription in subscriber.subscriptions
        ]
        """(owner's id, subscription), in the order of the owners' ids; a subscription's number is its index here."""
        numbered = [
            (number, subscription.query)
            for number, (_, subscription) in enumerate(self.owned)
            if subscription.query is not None
        ]
        self.by_query = [number for number, _ in numbered]
        """Number of the subscription of each query."""
        self.prepared = prepare([query for _, query in numbered])


class PreparedQueries:
    """A list of queries, prepared for matching when first needed: as tests, or as an index; safe from any thread."""

    def __init__(self, queries: Sequence[Query], build_index: BuildIndex | None = None) -> None:
        self._queries = queries
        self._build_index = build_index
        self._lock = Lock()
        self._prepared: QueryEvaluator | PersistentIndex | None = None

    def matches(self, documents: Sequence[Document]) -> list[tuple[int, int]]:
        """(query, document) by number, of each match, by query, then by document."""
        with self._lock:
            prepared = self._prepare()
            if isinstance(prepared, QueryEvaluator):
                return sorted(prepared.matches(documents))
            return _in_order(*prepared.hits(documents), len(documents))

    def prepare(self) -> None:
        """Build the tests or the index now rather than with the first match."""
        with self._lock:
            self._prepare()

    def changed_to(self, queries: Sequence[Query]) -> "PreparedQueries":
        """Another list of queries, prepared by changing the index of this one: only the differences cost time.

        This list builds a new index when it is used again.
        """
        other = PreparedQueries(queries, self._build_index)
        with self._lock:
            index, self._prepared = self.index, None
        if index is not None and len(queries) >= INDEXED_FROM:
            index.change(queries)
            other._prepared = index
        return other

    @property
    def index(self) -> "PersistentIndex | None":
        """The index; None where none was built so far."""
        return None if isinstance(self._prepared, QueryEvaluator) else self._prepared

    def _prepare(self) -> "QueryEvaluator | PersistentIndex":
        if self._prepared is None:
            self._prepared = self._build()
        return self._prepared

    def _build(self) -> "QueryEvaluator | PersistentIndex":
        if len(self._queries) < INDEXED_FROM:
            return QueryEvaluator(self._queries)
        if self._build_index is not None:
            return self._build_index(self._queries)
        from bot.domain.query.index.index import PersistentIndex

        return PersistentIndex(self._queries)


def _in_order(queries: "Longs", documents: "Longs", count: int) -> list[tuple[int, int]]:
    """The pairs of the two columns, sorted; `count` is the number of documents."""
    import numpy as np

    keys = np.sort(queries * count + documents)
    return list(zip((keys // count).tolist(), (keys % count).tolist(), strict=True))
