"""SubscriberRegistry: the current subscribers with their matcher, and what it keeps between two looks."""

import logging
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.domain.errors import IndexUnusable
from bot.domain.matcher import SubscriptionMatcher
from bot.domain.notices import Reason, reasons_for
from bot.domain.papers import Paper, PaperId
from bot.domain.query import Query
from bot.domain.similarity import Likeness, LikenessOf
from bot.domain.subscriptions import Channel, Subscriber
from bot.pipeline.ports import DeliveryStore, IndexFile, PaperStore

if TYPE_CHECKING:
    from bot.domain.query.index import PersistentIndex

SAVED_FROM = 5_000
"""Queries from which on loading is worth a file; fewer are built within a twentieth of a second."""
_PAPERS = 2_000
"""So many of the newest papers tell how rare a word is."""
_USES = 200
"""Times that a likeness is used before it is made anew from papers that changed."""

log = logging.getLogger(__name__)


class SubscriberRegistry:
    """The current matcher. Reading it is safe from any thread: it is replaced, never changed."""

    def __init__(
        self,
        subscribers: Sequence[Subscriber] = (),
        likeness: LikenessOf | None = None,
        indexes: "IndexCache | None" = None,
    ) -> None:
        self._indexes = indexes
        self.matcher = SubscriptionMatcher(subscribers, likeness, indexes)

    def replace(self, subscribers: Sequence[Subscriber]) -> None:
        """Take other subscribers up; costs what changed, and waits for a matching under way to end."""
        self.matcher = self.matcher.changed_to(subscribers)

    def keep_index(self) -> None:
        """Save the index of all subscriptions, where there is one that is worth it."""
        index = self.matcher.index
        if index is not None and self._indexes is not None:
            self._indexes.keep(index)

    def reasons(self, subscriber: Subscriber, paper: Paper, names: Container[str]) -> tuple[Reason, ...]:
        """What made the named subscriptions match; see `reasons_for`."""
        likes = any(each.like and each.name in names for each in subscriber.subscriptions)
        return reasons_for(subscriber, paper, names, self.matcher.likeness if likes else None)

    def subscriber(self, name: str) -> Subscriber | None:
        return self.matcher.subscribers.get(name)

    def at_chat(
        self, addresses: Sequence[str], deliveries: DeliveryStore
    ) -> Iterator[tuple[Subscriber, Channel]]:
        """The subscribers of the Telegram chat that is at these addresses now, each with its channel there.

        In the order of the addresses, then of the configuration.
        """
        targets = (
            deliveries.target_at("telegram", address) or f"telegram:{address}" for address in addresses
        )
        for target in dict.fromkeys(targets):
            for subscriber in self.matcher.subscribers.values():
                for channel in subscriber.channels:
                    if channel.target == target:
                        yield subscriber, channel


class IndexCache:
    """Gives an index of queries from the file, or builds it and fills the file.

    What is wrong with the file is logged and costs time, nothing else.
    """

    def __init__(self, file: IndexFile) -> None:
        self._file = file

    def __call__(self, queries: Sequence[Query]) -> "PersistentIndex":
        from bot.domain.query.index import PersistentIndex  # with numpy, which few queries do without

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
        """Fill the file, where it is worth it and anything changed."""
        if index.is_saved or len(index) < SAVED_FROM:
            return
        try:
            self._file.write(index.to_bytes())
            index.is_saved = True
        except IndexUnusable as error:
            log.warning("index.not_saved", extra={"why": str(error), "then": "a restart takes longer"})


@dataclass(kw_only=True, slots=True)
class _Made:
    liked: frozenset[PaperId]
    likeness: Likeness
    missing: frozenset[PaperId]
    version: str
    uses: int = 0


class SimilarityCache:
    """Makes a likeness when it is first asked for, and again when it is too old or lacked a liked paper."""

    def __init__(self, papers: PaperStore) -> None:
        self._papers = papers
        self._made: _Made | None = None

    def __call__(self, liked: frozenset[PaperId]) -> Likeness:
        made = self._made
        if made is None or not liked <= made.liked or self._is_old(made):
            made = self._made = self._make(liked)
        made.uses += 1
        return made.likeness

    def _is_old(self, made: _Made) -> bool:
        if made.uses < _USES and not made.missing:
            return False
        return self._papers.version() != made.version and (
            made.uses >= _USES or bool(self._papers.stored(made.missing))
        )

    def _make(self, liked: frozenset[PaperId]) -> _Made:
        version = self._papers.version()
        stored = self._papers.stored(liked)
        newest = (paper.paper for paper in self._papers.newest(_PAPERS))
        return _Made(
            liked=liked,
            likeness=Likeness(newest, (stored[paper].paper for paper in sorted(stored))),
            missing=liked - stored.keys(),
            version=version,
        )
