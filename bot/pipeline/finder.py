"""PaperFinder: stored papers by query or similarity to another, as a chat shows them: at once, the newest first."""

import datetime as dt
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from bot.domain.analysis.preview import Match, NearMiss, Previewer
from bot.domain.analysis.spelling import Speller, Spelling
from bot.domain.notices import Reason, Why
from bot.domain.papers import Paper, PaperId
from bot.domain.query import Document, Query
from bot.domain.query.needs import Bounds, Need
from bot.domain.similarity import NEAR, Similarity, written_words
from bot.pipeline.ports.papers import PaperStore

DAYS = 30
FLOOD = 0.5
"""A query that finds a larger share of all papers brings nearly everything."""
ENOUGH = 20
"""Of fewer papers nobody can say what is nearly everything."""
GAIN = 1.2
"""A spelling must find so many times as much to be worth a word."""
EVERYTHING = 100_000
"""Days that reach back to the first paper."""
_NEIGHBOURHOOD = 90
"""Days in which papers like another are looked for."""


class SearchWindow(Protocol):
    """The papers of some days, by number, newest first; one moment of the state."""

    newest: dt.date | None

    def __len__(self) -> int: ...

    def day(self, number: int) -> dt.date | None:
        """The date of a paper."""
        ...

    def matching(self, bounds: Bounds, matches: Callable[[Document], bool], *, with_texts: bool) -> list[int]:
        """The numbers of the papers that match, newest first; asks only of those that the bounds do not decide."""
        ...

    def candidates(self, need: Need | None, *, without: Container[int] = ()) -> list[int]:
        """The papers that may have what is needed (None: every paper), by number, newest first."""
        ...

    def documents(self, numbers: Iterable[int], *, with_texts: bool) -> Iterator[tuple[int, Document]]:
        """The papers with these numbers, in that order; without texts as documents of their folded words alone."""
        ...

    def papers(self, numbers: Iterable[int]) -> Iterator[tuple[Paper, Document]]:
        """The papers with these numbers, in that order, with their documents."""
        ...


class SearchableText(Protocol):
    """The stored papers by their words."""

    def last_days(self, days: int) -> "AbstractContextManager[SearchWindow]":
        """The papers of so many days back from the newest digest."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryPreview:
    """Outcome of a query on the papers of some days: counts, the newest matches, and where it finds little, its near misses."""

    query: Query
    days: int
    papers: int
    found: int
    matches: tuple[Match, ...] = ()
    near_misses: tuple[NearMiss, ...] = ()
    better: Spelling | None = None

    @property
    def verdict(self) -> Literal["dead", "flood", "fine"]:
        """Whether it finds nothing, or nearly everything."""
        if not self.found:
            return "dead"
        return "flood" if self.found > FLOOD * self.papers and self.papers >= ENOUGH else "fine"


class PaperFinder:
    """PaperFinder over everything that is stored; safe from any thread."""

    def __init__(self, full_text: SearchableText, papers: PaperStore) -> None:
        self._full_text = full_text
        self._papers = papers
        self._speller: tuple[object, Speller] | None = None

    def preview(self, query: Query, *, days: int = DAYS, limit: int = 3) -> QueryPreview:
        """The outcome of the query on these days, with a better spelling where there is one."""
        previewer = Previewer(query)
        with self._full_text.last_days(days) as window:
            numbers = _matching(previewer, window)
            matches = _matches(previewer, window, numbers[:limit])
            near: tuple[NearMiss, ...] = ()
            if not numbers:
                others = window.documents(
                    window.candidates(previewer.near_need), with_texts=previewer.needs_texts
                )
                lacking = (number for number, document in others if previewer.lacks_one(document))
                near = previewer.near_misses(window.papers(lacking))
            return QueryPreview(
                query=query,
                days=days,
                papers=len(window),
                found=len(numbers),
                matches=matches,
                near_misses=near,
                better=self._better(query, window, days, len(numbers)),
            )

    def search(self, query: Query, *, start: int = 0, limit: int = 5) -> tuple[int, tuple[Match, ...]]:
        """How many of all papers match, and those from number `start` on, newest first."""
        previewer = Previewer(query)
        with self._full_text.last_days(EVERYTHING) as window:
            numbers = _matching(previewer, window)
            return len(numbers), _matches(previewer, window, numbers[start : start + limit])

    def newest(self, *, start: int = 0, limit: int = 5) -> tuple[Paper, ...]:
        """The newest papers of all, from number `start` on."""
        return tuple(stored.paper for stored in self._papers.newest(start + limit)[start:])

    def like(self, paper: Paper, limit: int = 5) -> tuple[tuple[Paper, Reason], ...]:
        """The stored papers most like this one, the nearest first, with the words that they share."""
        with self._full_text.last_days(_NEIGHBOURHOOD) as window:
            documents = dict(window.documents(window.candidates(None), with_texts=False))
            similarity = Similarity.to(paper, documents.values())
            near = sorted(
                (
                    (similarity.nearness(document).get(paper.id, 0.0), -number)
                    for number, document in documents.items()
                ),
                reverse=True,
            )
            chosen = [-number for nearness, number in near[: limit + 1] if nearness >= NEAR]
            found = [each for each in window.papers(chosen) if each[0].id != paper.id][:limit]
        return tuple((each, _shared(similarity, paper.id, each, document)) for each, document in found)

    def documents(self, papers: Sequence[PaperId]) -> tuple[Document, ...]:
        """The documents of those of the papers that are stored."""
        from bot.domain.query import document_of

        return tuple(document_of(stored.paper) for stored in self._papers.stored(papers).values())

    def _better(self, query: Query, window: SearchWindow, days: int, found: int) -> Spelling | None:
        """The spelling that finds most; None where none finds much more."""
        key = (window.newest, len(window), days)
        if self._speller is None or self._speller[0] != key:
            documents = [
                document for _, document in window.documents(window.candidates(None), with_texts=True)
            ]
            self._speller = key, Speller(documents)
        better = self._speller[1].better(query)
        return next((each for each in better[:1] if each.would_find >= max(GAIN * found, found + 1)), None)


def _matching(previewer: Previewer, window: SearchWindow) -> list[int]:
    return window.matching(previewer.bounds, previewer.matches, with_texts=previewer.needs_texts)


def _matches(previewer: Previewer, window: SearchWindow, numbers: Sequence[int]) -> tuple[Match, ...]:
    return tuple(previewer.match(paper, document) for paper, document in window.papers(numbers))


def _shared(similarity: Similarity, liked: PaperId, paper: Paper, document: Document) -> Reason:
    """The similarity as a reason that a card can show."""
    neighbour = similarity.nearest([liked], paper.id, document)
    written = written_words(neighbour, document) if neighbour else []
    why = tuple(Why(term=term, field=field, text=text) for term, field, text in written)
    return Reason(subscription=written[0][0] if written else "like", why=why)
