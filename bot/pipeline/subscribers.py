"""SubscriberRegistry: the current subscribers and their matcher, with caches of its index and of similarities."""

import logging
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING

from bot.domain.channels import CapabilitiesOf
from bot.domain.chats import CHAT
from bot.domain.errors import IndexUnusable
from bot.domain.matcher import SubscriptionMatcher
from bot.domain.notices import Reason, reasons_for
from bot.domain.papers import Paper, PaperId
from bot.domain.preferences import Choices, chosen_subscriber, with_choices
from bot.domain.query import Query
from bot.domain.similarity import Similarity, SimilarityOf
from bot.domain.subscriptions import Channel, Subscriber
from bot.pipeline.ports import IndexFile
from bot.pipeline.ports.outbox import DeliveryStore
from bot.pipeline.ports.papers import PaperStore
from bot.pipeline.ports.preferences import PreferenceStore

if TYPE_CHECKING:
    from bot.domain.query.index.index import PersistentIndex

SAVED_FROM = 5_000
"""Number of queries from which on the index is saved; fewer are indexed within a twentieth of a second."""
_PAPERS = 2_000
"""Number of papers, the newest, by which the rarity of words is measured."""
_USES = 200
"""Number of uses of a similarity after which it is made anew if papers changed."""

log = logging.getLogger(__name__)


class SubscriberRegistry:
    """The current subscribers, as configured and with their own choices, and their matcher.

    Reading is safe from any thread, as both are replaced rather than changed. A person's change shows at once in
    `subscribers`, and in the matcher after `refresh`, which is called when nothing is being matched.
    """

    def __init__(
        self,
        subscribers: Sequence[Subscriber] = (),
        similarity: SimilarityOf | None = None,
        indexes: "IndexCache | None" = None,
        preferences: PreferenceStore | None = None,
        capabilities: CapabilitiesOf = MappingProxyType({}),
    ) -> None:
        self._indexes = indexes
        self._preferences = preferences
        self._capabilities = capabilities
        self._lock = Lock()
        self.configured: Mapping[str, Subscriber] = {subscriber.id: subscriber for subscriber in subscribers}
        """The configured subscribers, without their choices."""
        self._revision, everybody = self._everybody()
        self.matcher = SubscriptionMatcher(everybody, similarity, indexes)
        self.subscribers: Mapping[str, Subscriber] = self.matcher.subscribers

    def replace(self, subscribers: Sequence[Subscriber]) -> None:
        """Replace the configured subscribers; waits for a running match to end, and costs time for what changed."""
        self.configured = {subscriber.id: subscriber for subscriber in subscribers}
        self._rebuild()

    def refresh(self) -> bool:
        """Update the matcher to the choices that people made since, on any machine; False where there are none."""
        if self._preferences is None or self._preferences.revision() == self._revision:
            return False
        self._rebuild()
        return True

    def show(self, name: str, choices: Choices) -> Subscriber | None:
        """Apply a person's new choices to `subscribers`; gives the resulting subscriber."""
        subscriber = chosen_subscriber(name, self.configured.get(name), choices, self._capabilities)
        with self._lock:
            others = {key: other for key, other in self.subscribers.items() if key != name}
            self.subscribers = others if subscriber is None else {**self.subscribers, name: subscriber}
        return subscriber

    def _rebuild(self) -> None:
        with self._lock:
            self._revision, everybody = self._everybody()
            self.matcher = self.matcher.changed_to(everybody)
            self.subscribers = self.matcher.subscribers

    def _everybody(self) -> tuple[int, tuple[Subscriber, ...]]:
        configured = tuple(self.configured.values())
        if self._preferences is None:
            return 0, configured
        revision, choices = self._preferences.all_choices()
        return revision, with_choices(configured, choices, self._capabilities)

    def keep_index(self) -> None:
        """Save the index of all subscriptions, if there is one and it is large enough."""
        index = self.matcher.index
        if index is not None and self._indexes is not None:
            self._indexes.keep(index)

    def reasons(self, subscriber: Subscriber, paper: Paper, names: Container[str]) -> tuple[Reason, ...]:
        """The reasons of the named subscriptions; see `reasons_for`."""
        likes = any(
            subscription.like and subscription.name in names for subscription in subscriber.subscriptions
        )
        return reasons_for(subscriber, paper, names, self.matcher.similarity if likes else None)

    def subscriber(self, name: str) -> Subscriber | None:
        return self.subscribers.get(name)

    def at_chat(
        self, addresses: Sequence[str], deliveries: DeliveryStore
    ) -> Iterator[tuple[Subscriber, Channel]]:
        """The subscribers of the Telegram chat that has these addresses now, each with its channel there.

        In the order of the addresses, then of the subscribers.
        """
        targets = (deliveries.target_at(CHAT, address) for address in addresses)
        for target in dict.fromkeys(targets):
            for subscriber in self.subscribers.values():
                for channel in subscriber.channels:
                    if channel.target == target:
                        yield subscriber, channel


class IndexCache:
    """Cache of the index of queries in a file: loads it, or builds and saves it.

    A damaged or unwritable file is logged and only costs time.
    """

    def __init__(self, file: IndexFile) -> None:
        self._file = file

    def __call__(self, queries: Sequence[Query]) -> "PersistentIndex":
        # Late: it loads numpy, which few queries do not need.
        from bot.domain.query.index.index import PersistentIndex

        if len(queries) < SAVED_FROM:
            return PersistentIndex(queries)
        try:
            data = self._file.read()
            if data is not None:
                return PersistentIndex.from_bytes(data, queries)
        except IndexUnusable as error:
            log.warning("index.unusable", extra={"why": str(error), "instead": "it is built anew"})
        index = PersistentIndex(queries)
        self.keep(index)
        return index

    def keep(self, index: "PersistentIndex") -> None:
        """Save the index where it is large enough and has changed."""
        if index.is_saved or len(index) < SAVED_FROM:
            return
        try:
            self._file.write(index.to_bytes())
            index.is_saved = True
        except IndexUnusable as error:
            log.warning("index.not_saved", extra={"why": str(error), "then": "a restart takes longer"})


@dataclass(kw_only=True, slots=True)
class _CachedSimilarity:
    liked: frozenset[PaperId]
    similarity: Similarity
    missing: frozenset[PaperId]
    version: str
    uses: int = 0


class SimilarityCache:
    """Cache of the similarity: made when first needed, and again when it is too old or a liked paper was missing."""

    def __init__(self, papers: PaperStore) -> None:
        self._papers = papers
        self._cached: _CachedSimilarity | None = None

    def __call__(self, liked: frozenset[PaperId]) -> Similarity:
        cached = self._cached
        if cached is None or not liked <= cached.liked or self._is_old(cached):
            cached = self._cached = self._make(liked)
        cached.uses += 1
        return cached.similarity

    def _is_old(self, cached: _CachedSimilarity) -> bool:
        if cached.uses < _USES and not cached.missing:
            return False
        return self._papers.version() != cached.version and (
            cached.uses >= _USES or bool(self._papers.stored(cached.missing))
        )

    def _make(self, liked: frozenset[PaperId]) -> _CachedSimilarity:
        version = self._papers.version()
        stored = self._papers.stored(liked)
        newest = (paper.paper for paper in self._papers.newest(_PAPERS))
        return _CachedSimilarity(
            liked=liked,
            similarity=Similarity(newest, (stored[paper].paper for paper in sorted(stored))),
            missing=liked - stored.keys(),
            version=version,
        )
