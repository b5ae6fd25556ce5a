"""Many queries against papers: one after the other where they are few, by an index where they are many."""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import TYPE_CHECKING

from bot.domain.query.documents import Document
from bot.domain.query.evaluation import Matcher
from bot.domain.query.syntax import Query

if TYPE_CHECKING:
    from bot.domain.query.filed import Filed
    from bot.domain.query.index.arrays import Longs

INDEXED_FROM = 400
"""From so many queries on an index of them pays for itself, and for loading numpy."""

Filing = Callable[[Sequence[Query]], "Filed"]
"""Gives an index of the queries: built, or one that was saved."""


class Matching:
    """A list of queries, made ready for papers when it is first asked; any thread may ask."""

    def __init__(self, queries: Sequence[Query], filing: Filing | None = None) -> None:
        self._queries = queries
        self._filing = filing
        self._lock = Lock()
        self._ready: Matcher | Filed | None = None

    def matches(self, documents: Sequence[Document]) -> list[tuple[int, int]]:
        """(place of the query, index of the document) of each match, by query, then by document."""
        with self._lock:
            return sorted(self._when_ready().matches(documents))

    def hits(self, documents: Sequence[Document]) -> "tuple[Longs, Longs]":
        """The same in two columns; for many queries, which have an index."""
        with self._lock:
            ready = self._when_ready()
            if not isinstance(ready, Matcher):
                return ready.hits(documents)
            import numpy as np

            found = np.array(sorted(ready.matches(documents)), dtype=np.int64).reshape(-1, 2)
            return found[:, 0], found[:, 1]

    def prepare(self) -> None:
        """Get ready now, not when papers come."""
        with self._lock:
            self._when_ready()

    def changed_to(self, queries: Sequence[Query]) -> "Matching":
        """Another list. It takes the index over and changes it in place, so that only what changed costs time;
        this one, where somebody still asks it, makes an index of its own.
        """
        following = Matching(queries, self._filing)
        with self._lock:
            index, self._ready = self.index, None
        if index is not None and len(queries) >= INDEXED_FROM:
            index.change(queries)
            following._ready = index
        return following

    @property
    def index(self) -> "Filed | None":
        """The index, where there is one by now."""
        return None if isinstance(self._ready, Matcher) else self._ready

    def _when_ready(self) -> "Matcher | Filed":
        if self._ready is None:
            self._ready = self._made()
        return self._ready

    def _made(self) -> "Matcher | Filed":
        if len(self._queries) < INDEXED_FROM:
            return Matcher(self._queries)
        if self._filing is not None:
            return self._filing(self._queries)
        from bot.domain.query.filed import Filed

        return Filed(self._queries)
