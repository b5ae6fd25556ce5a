"""Many queries against papers: one after the other where they are few, by an index where they are many."""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import TYPE_CHECKING

from bot.domain.query.documents import Document
from bot.domain.query.evaluation import Matcher
from bot.domain.query.language import Query

if TYPE_CHECKING:
    from bot.domain.query.filed import Filed

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
            if self._ready is None:
                self._ready = self._made()
            return sorted(self._ready.matches(documents))

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

    def _made(self) -> "Matcher | Filed":
        if len(self._queries) < INDEXED_FROM:
            return Matcher(self._queries)
        if self._filing is not None:
            return self._filing(self._queries)
        from bot.domain.query.filed import Filed

        return Filed(self._queries)
