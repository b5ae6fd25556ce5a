"""Search: the stored papers by query, by similarity and by name, and what a query would have brought."""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from bot.domain.analysis.preview import NearMiss, Previewer
from bot.domain.analysis.related import RelatedIndex, rising, short_name
from bot.domain.analysis.spelling import Speller, Spelling
from bot.domain.errors import QuerySyntaxError
from bot.domain.notices import Reason
from bot.domain.papers import Paper
from bot.domain.query import Document, Query, document_of, parse
from bot.pipeline.finder import EVERYTHING, SearchableText, SearchWindow

_RELATED = 6
_INDEXED = 20_000
"""Papers, the newest, among which related ones are looked for."""
_NAMED_BY = 8
_ANEW = 0.1
"""Share of papers that came since, from which on the index of related papers is made anew."""
_RISERS = 12
_MONTH = 30
_BEFORE = 90


FoundPaper = tuple[Paper, Reason]
"""A paper with what made it match."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """How many papers match a query, and some of them, newest first."""

    query: Query
    total: int
    papers: tuple[FoundPaper, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PreviewResult:
    """Preview of a query: hits by day over the days that were searched, the newest of them, near misses."""

    query: Query
    days: int
    searched: int
    found: int
    newest: dt.date | None
    per_day: float
    hits: dict[dt.date, int]
    samples: tuple[FoundPaper, ...]
    near_misses: tuple[NearMiss, ...]
    better: tuple[Spelling, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Trends:
    """Papers a week for each query (`weeks` are Mondays, oldest first), and the newest month's rising terms."""

    weeks: tuple[dt.date, ...]
    counts: tuple[tuple[Query, tuple[int, ...]], ...]
    risers: tuple[tuple[str, int, float], ...]


class Search:
    """Search over everything that is stored; safe from any thread."""

    def __init__(self, full_text: SearchableText) -> None:
        self._full_text = full_text
        self._speller: tuple[object, Speller] | None = None
        self._related: RelatedIndex | None = None
        self._highest = 0
        self._indexing = Lock()

    def find(self, query: Query, *, start: int = 0, limit: int = 25) -> Found:
        """The papers that match, from number `start` on."""
        previewer = Previewer(query)
        with self._full_text.last_days(EVERYTHING) as window:
            numbers = _matching(previewer, window)
            papers = _found(previewer, window, numbers[start : start + limit])
        return Found(query=query, total=len(numbers), papers=papers)

    def preview(self, query: Query, *, days: int, samples: int = 5) -> PreviewResult:
        """Preview of the query over these days."""
        previewer = Previewer(query)
        with self._full_text.last_days(days) as window:
            numbers = _matching(previewer, window)
            hits = Counter(day for day in map(window.day, numbers) if day)
            others = window.documents(
                window.candidates(previewer.near_need, without=frozenset(numbers)),
                with_texts=previewer.needs_texts,
            )
            lacking = (number for number, document in others if previewer.lacks_one(document))
            return PreviewResult(
                query=query,
                days=days,
                searched=len(window),
                found=len(numbers),
                newest=window.newest,
                per_day=_per_day(window, days, len(numbers)),
                hits=dict(hits),
                samples=_found(previewer, window, numbers[:samples]),
                near_misses=previewer.near_misses(window.papers(lacking)),
                better=self._better(query, window, days),
            )

    def trends(self, queries: Sequence[Query], *, weeks: int) -> Trends:
        """Papers a week for these queries, and what rises."""
        with self._full_text.last_days(weeks * 7) as window:
            newest = window.newest
            if newest is None:
                return Trends(weeks=(), counts=tuple((query, ()) for query in queries), risers=())
            last = newest - dt.timedelta(days=newest.weekday())
            mondays = tuple(last - dt.timedelta(weeks=back) for back in reversed(range(weeks)))
            counted = []
            for query in queries:
                days = (window.day(number) for number in _matching(Previewer(query), window))
                by_week = Counter(day - dt.timedelta(days=day.weekday()) for day in days if day)
                counted.append((query, tuple(by_week[monday] for monday in mondays)))
            return Trends(weeks=mondays, counts=tuple(counted), risers=_risers(window, newest))

    def around(self, paper: Paper) -> tuple[tuple[Paper, ...], tuple[Paper, ...], str]:
        """The papers most like this one, nearest first; then later papers that have its short name in their text, newest
        first, and that name (empty where it has none).
        """
        with self._full_text.last_days(EVERYTHING) as window:
            with self._indexing:
                index = self._current_index(window)
            numbers = index.near(document_of(paper), _RELATED + 1)
            found = [other for other, _ in window.papers(numbers) if other.id != paper.id]
            name, later = _building_on(paper, window)
        return tuple(found[:_RELATED]), later, name

    def warm_up(self) -> None:
        """Make the index of related papers, so that nobody waits for it."""
        with self._full_text.last_days(EVERYTHING) as window, self._indexing:
            self._current_index(window)

    def _current_index(self, window: SearchWindow) -> RelatedIndex:
        """The index with the papers that came since; made anew where those are many."""
        missing = [number for number in window.candidates(None) if number > self._highest]
        if self._related is None or len(missing) > _ANEW * len(self._related) + 10:
            self._related = RelatedIndex()
            missing = window.candidates(None)[:_INDEXED]
        if missing:
            self._related.add(window.documents(missing, with_texts=False))
            self._highest = max(missing)
        return self._related

    def _better(self, query: Query, window: SearchWindow, days: int) -> tuple[Spelling, ...]:
        """Spellings that would find at least a fifth more, most first."""
        key = (window.newest, len(window), days)
        if self._speller is None or self._speller[0] != key:
            every = window.documents(window.candidates(None), with_texts=False)
            documents = [document for _, document in every]
            self._speller = key, Speller(documents)
        better = self._speller[1].better(query)
        return tuple(spelling for spelling in better if spelling.would_find >= 1.2 * spelling.found)[:2]


def _matching(previewer: Previewer, window: SearchWindow) -> list[int]:
    return window.matching(previewer.bounds, previewer.matches, with_texts=previewer.needs_texts)


def _found(previewer: Previewer, window: SearchWindow, numbers: Sequence[int]) -> tuple[FoundPaper, ...]:
    return tuple(
        (paper, Reason(subscription=previewer.query.text, why=previewer.match(paper, document).why))
        for paper, document in window.papers(numbers)
    )


def _building_on(paper: Paper, window: SearchWindow) -> tuple[str, tuple[Paper, ...]]:
    name = short_name(paper)
    if name is None:
        return "", ()
    try:
        previewer = Previewer(parse(f"={name}"))
    except QuerySyntaxError:
        return "", ()
    numbers = _matching(previewer, window)
    later = [
        other
        for other, _ in window.papers(numbers[: 4 * _NAMED_BY])
        if other.id != paper.id and other.date and paper.date and other.date >= paper.date
    ]
    return name, tuple(later[:_NAMED_BY])


def _per_day(window: SearchWindow, days: int, found: int) -> float:
    """Matches a day, over the days asked for as far as the stored papers reach back."""
    oldest = next(filter(None, map(window.day, reversed(window.candidates(None)))), None)
    if window.newest is None or oldest is None:
        return 0.0
    covered = (max(window.newest, oldest) - oldest).days + 1
    return round(found / min(days, covered), 3)


def _risers(window: SearchWindow, newest: dt.date) -> tuple[tuple[str, int, float], ...]:
    now: list[Document] = []
    before: list[Document] = []
    month, earlier = newest - dt.timedelta(days=_MONTH), newest - dt.timedelta(days=_MONTH + _BEFORE)
    for number, document in window.documents(window.candidates(None), with_texts=False):
        day = window.day(number)
        if day is not None and day > earlier:
            (now if day > month else before).append(document)
    return tuple(rising(now, before, _RISERS))
