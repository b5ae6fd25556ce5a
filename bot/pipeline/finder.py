"""PaperFinder: finds stored papers by query, by similarity and by name, and previews queries.

The web pages, the read API, the feeds of queries, the chat and the command line all find papers by it.
"""

import datetime as dt
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, Literal

from bot.domain.analysis.preview import Match, NearMiss, Previewer
from bot.domain.analysis.short_names import papers_naming, short_name
from bot.domain.analysis.spelling import Speller, Spelling, closest
from bot.domain.analysis.trends import RisingTerm, rising_terms
from bot.domain.notices import Reason, Why
from bot.domain.papers import Paper, PaperId
from bot.domain.query import Document, Query, document_of, parse
from bot.domain.query.documents import SCOPES
from bot.domain.query.folding import folded_form
from bot.domain.query.needs import Term
from bot.domain.query.syntax import atoms, words_of
from bot.domain.similarity import written_words
from bot.pipeline.ports.full_text import FullTextStore, PaperWindow
from bot.pipeline.ports.papers import PaperStore

if TYPE_CHECKING:
    from bot.domain.analysis.related_index import RelatedIndex

DAYS = 30
FLOOD = 0.5
"""A query that finds a larger share of all papers selects hardly anything."""
ENOUGH = 20
"""Number of papers from which a query may be called a flood."""
GAIN = 1.2
"""A spelling is suggested when it finds at least so many times as many papers."""
EVERYTHING = 100_000
"""More days than any state has."""
_SPELLINGS = 2
_SPELLED = 3_000
"""Number of papers, the newest, on which spellings are tried; those suggested are then counted on all papers."""
_RELATED = 6
_INDEXED = 20_000
"""Number of papers, the newest, among which related ones are found."""
_WORDS_SHOWN = 5
"""Number of shared words that are shown of two related papers."""
_NAMED_BY = 8
_NAMED_AT_MOST = 400
"""Number of papers with a name, the newest, among which those that mean the paper are chosen."""
_ANEW = 0.1
"""Share of newer papers above which the index of related papers is built anew."""
_RISERS = 12
_MONTH = 30
_BEFORE = 90
"""Days: rising terms of a month are compared with so many days before it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchResult:
    """The number of papers that match a query, and some of them, newest first."""

    query: Query
    total: int
    matches: tuple[Match, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class MatchedText:
    """A match without its paper, which is quicker to read where there are very many."""

    id: PaperId
    title: str
    date: dt.date | None
    why: tuple[tuple[str, str, str], ...]
    """(term, field, text), in reading order."""


FrequencyUnit = Literal["day", "week", "month", "year"]
_FREQUENCY_UNITS: dict[FrequencyUnit, float] = {"day": 1, "week": 7, "month": 30.4, "year": 365}
"""Number of days of each unit of time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryPreview:
    """Preview of a query on the papers of some days: how many match (`found`), by day (`hits`), the newest matches, near
    misses, and spellings that find much more.
    """

    query: Query
    days: int
    papers: int
    found: int
    newest: dt.date | None = None
    oldest: dt.date | None = None
    hits: dict[dt.date, int]
    matches: tuple[Match, ...] = ()
    near_misses: tuple[NearMiss, ...] = ()
    better: tuple[Spelling, ...] = ()

    @property
    def covered(self) -> int:
        """How many of the days asked for the stored papers reach back; at least 1."""
        if self.newest is None or self.oldest is None:
            return 1
        return min(self.days, (max(self.newest, self.oldest) - self.oldest).days + 1)

    @property
    def per_day(self) -> float:
        """Matches a day, over the days covered."""
        return round(self.found / self.covered, 3)

    @property
    def frequency(self) -> tuple[int, FrequencyUnit] | None:
        """About how many matches there are in the shortest unit that has one: (3, "week"); None without matches."""
        if not self.per_day:
            return None
        longest: FrequencyUnit = "year"
        unit = next((unit for unit, days in _FREQUENCY_UNITS.items() if self.per_day * days >= 1), longest)
        return round(self.per_day * _FREQUENCY_UNITS[unit]), unit

    @property
    def verdict(self) -> Literal["dead", "flood", "fine"]:
        """`dead` where it finds nothing, `flood` where it finds nearly everything."""
        if not self.found:
            return "dead"
        return "flood" if self.found > FLOOD * self.papers and self.papers >= ENOUGH else "fine"


@dataclass(frozen=True, kw_only=True, slots=True)
class Misspelling:
    """A folded word of a query's term that no paper has, and the similar one that was probably `meant`, which `count` have."""

    term: str
    word: str
    meant: str
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Trends:
    """Papers a week for each query (`weeks` are Mondays, oldest first, from the first week that has any paper), and the
    newest month's rising terms.
    """

    weeks: tuple[dt.date, ...]
    counts: tuple[tuple[Query, tuple[int, ...]], ...]
    risers: tuple[RisingTerm, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Relations:
    """Papers around a paper: the most similar ones, nearest first, and later ones that name it, newest first.

    `short_name` is the name by which they do so; empty where the paper has none.
    """

    related: tuple[Paper, ...] = ()
    builds_on: tuple[Paper, ...] = ()
    short_name: str = ""


class PaperFinder:
    """PaperFinder over everything that is stored; safe from any thread."""

    def __init__(self, full_text: FullTextStore, papers: PaperStore) -> None:
        self._full_text = full_text
        self._papers = papers
        self._speller: tuple[object, Speller] | None = None
        self._related: RelatedIndex | None = None
        self._indexed = ""
        self._highest = 0
        """The highest number among all papers when the index was last looked at."""
        self._indexing = Lock()

    def search(self, query: Query, *, start: int = 0, limit: int = 5) -> SearchResult:
        """The number of matches among all papers, and `limit` of them from number `start` on."""
        previewer = Previewer(query)
        with self._full_text.last_days(EVERYTHING) as window:
            numbers = _matching(previewer, window)
            matches = _matches(previewer, window, numbers[start : start + limit])
        return SearchResult(query=query, total=len(numbers), matches=matches)

    def preview(
        self, query: Query, *, days: int = DAYS, limit: int = 3, spellings: bool = True
    ) -> QueryPreview:
        """The preview of the query on the last `days`, with `limit` of the matches."""
        previewer = Previewer(query)
        with self._full_text.last_days(days) as window:
            numbers = _matching(previewer, window)
            outcome = _outcome(previewer, window, days, numbers)
            return replace(
                outcome,
                matches=_matches(previewer, window, numbers[:limit]),
                better=self._better(query, window, days, len(numbers)) if spellings else (),
            )

    @contextmanager
    def every_match(self, query: Query, *, days: int) -> Iterator[tuple[QueryPreview, Iterator[MatchedText]]]:
        """The preview of the query on these days, and an iterator over all matches, newest first."""
        previewer = Previewer(query)
        with self._full_text.last_days(days) as window:
            numbers = _matching(previewer, window)
            yield (
                _outcome(previewer, window, days, numbers),
                _matched_texts(previewer, window, numbers),
            )

    def misspellings(self, query: Query, *, days: int) -> Iterator[Misspelling]:
        """The words of the query that no paper has, each with a similar word that papers of these days have."""
        with self._full_text.last_days(days) as window:
            for atom in atoms(query.root):
                for word in words_of(atom):
                    fields, text = SCOPES[atom.scope], folded_form(word.text)
                    if word.mode == "prefix" or window.has(Term(fields, text, is_prefix=False)):
                        continue
                    for near in closest(text, window.words_from(text[:1])):
                        if count := window.count(Term(fields, near, is_prefix=False)):
                            yield Misspelling(term=atom.written, word=text, meant=near, count=count)
                            break

    def trends(self, queries: Sequence[Query], *, weeks: int) -> Trends:
        """The trends of these queries, over at most so many weeks."""
        with self._full_text.last_days(weeks * 7) as window:
            newest = window.newest
            if newest is None:
                return Trends(weeks=(), counts=tuple((query, ()) for query in queries), risers=())
            last = _monday(newest)
            first = max(_monday(window.oldest or newest), last - dt.timedelta(weeks=weeks - 1))
            mondays = tuple(last - dt.timedelta(days=back) for back in range((last - first).days, -1, -7))
            counts = []
            for query in queries:
                days = (window.day(number) for number in _matching(Previewer(query), window))
                by_week = Counter(_monday(day) for day in days if day)
                counts.append((query, tuple(by_week[monday] for monday in mondays)))
            return Trends(weeks=mondays, counts=tuple(counts), risers=_risers(window, newest))

    def newest(self, *, start: int = 0, limit: int = 5) -> tuple[Paper, ...]:
        """The newest papers, from number `start` on."""
        return tuple(stored.paper for stored in self._papers.newest(limit, start))

    def paper(self, paper_id: PaperId) -> Paper | None:
        """The paper of that id; None where there is none."""
        stored = self._papers.stored([paper_id]).get(paper_id)
        return stored.paper if stored else None

    def like(self, paper: Paper, limit: int = 5) -> tuple[tuple[Paper, Reason], ...]:
        """The stored papers most similar to this one, nearest first, with the words that they share."""
        with self._full_text.last_days(EVERYTHING) as window:
            near, index = self._near(paper, window, limit)
            liked = document_of(paper)
            return tuple(
                (other, _shared(paper, index.shared(liked, document), document)) for other, document in near
            )

    def relations(self, paper: Paper) -> Relations:
        """The papers around this one, each once: one that names it is left out of the similar ones."""
        with self._full_text.last_days(EVERYTHING) as window:
            name, later = _building_on(paper, window)
            near, _ = self._near(paper, window, _RELATED)
        named = {other.id for other in later}
        related = tuple(other for other, _ in near if other.id not in named)
        return Relations(related=related, builds_on=later, short_name=name)

    def warm_up(self, *, fewest: int = 0) -> None:
        """Build the index of related papers now, so that no request waits for it, if there are at least `fewest` papers."""
        with self._full_text.last_days(EVERYTHING) as window, self._indexing:
            if len(window) >= fewest:
                self._current_index(window)

    def _near(
        self, paper: Paper, window: PaperWindow, limit: int
    ) -> "tuple[list[tuple[Paper, Document]], RelatedIndex]":
        with self._indexing:
            index = self._current_index(window)
            numbers = index.near(document_of(paper), limit + 1)
        near = [(other, document) for other, document in window.papers(numbers) if other.id != paper.id]
        return near[:limit], index

    def _current_index(self, window: PaperWindow) -> "RelatedIndex":
        """The index, with newer papers added, or built anew where those are many."""
        if self._related is not None and self._indexed == window.version:
            return self._related
        numbers = window.candidates(None)
        missing = [number for number in numbers if number > self._highest]
        if self._related is None or len(missing) > _ANEW * len(self._related):
            from bot.domain.analysis.related_index import RelatedIndex

            self._related = RelatedIndex()
            missing = numbers[:_INDEXED]
        if missing:
            self._related.add(window.documents(missing, with_texts=False))
        self._highest = max(numbers, default=0)
        self._indexed = window.version
        return self._related

    def _better(self, query: Query, window: PaperWindow, days: int, found: int) -> tuple[Spelling, ...]:
        """The spellings that find much more, the most first."""
        key = window.version, days
        if self._speller is None or self._speller[0] != key:
            newest = window.documents(window.candidates(None)[:_SPELLED], with_texts=True)
            self._speller = key, Speller([document for _, document in newest])
        return tuple(
            replace(spelling, found=found, would_find=would_find)
            for spelling in self._speller[1].better(query)[:_SPELLINGS]
            if (would_find := len(_matching(Previewer(parse(spelling.query)), window))) >= GAIN * found
        )


def _matching(previewer: Previewer, window: PaperWindow) -> list[int]:
    return window.matching(previewer.bounds, previewer.matches, with_texts=previewer.needs_texts)


def _matches(previewer: Previewer, window: PaperWindow, numbers: Sequence[int]) -> tuple[Match, ...]:
    return tuple(previewer.match(paper, document) for paper, document in window.papers(numbers))


def _matched_texts(
    previewer: Previewer, window: PaperWindow, numbers: Sequence[int]
) -> Iterator[MatchedText]:
    for number, paper, document in window.texts(numbers):
        title, why = document.parts[0].text, tuple(previewer.reasons(document))
        yield MatchedText(id=paper, title=title, date=window.day(number), why=why)


def _outcome(previewer: Previewer, window: PaperWindow, days: int, numbers: Sequence[int]) -> QueryPreview:
    """The preview of a query that these papers match, without matches and spellings."""
    return QueryPreview(
        query=previewer.query,
        days=days,
        papers=len(window),
        found=len(numbers),
        newest=window.newest,
        oldest=window.oldest,
        hits=dict(Counter(day for day in map(window.day, numbers) if day)),
        near_misses=_near_misses(previewer, window, frozenset(numbers)),
    )


def _near_misses(previewer: Previewer, window: PaperWindow, numbers: Container[int]) -> tuple[NearMiss, ...]:
    if not previewer.can_be_near:
        return ()
    candidates = window.candidates(previewer.near_need, without=numbers)
    others = window.documents(candidates, with_texts=previewer.needs_texts)
    lacking = (number for number, document in others if previewer.lacks_one(document))
    return previewer.near_misses(window.papers(lacking))


def _shared(liked: Paper, words: Sequence[str], paper: Document) -> Reason:
    """The shared words as a reason that a card can show."""
    written = written_words(liked.title, words[:_WORDS_SHOWN], paper)
    why = tuple(Why(term=term, field=field, text=text) for term, field, text in written)
    return Reason(subscription=written[0][0] if written else "like", why=why)


def _building_on(paper: Paper, window: PaperWindow) -> tuple[str, tuple[Paper, ...]]:
    name = short_name(paper)
    if name is None:
        return "", ()
    numbers = _matching(Previewer(parse(f"={name}")), window)[:_NAMED_AT_MOST]
    return name, papers_naming(paper, (other for other, _ in window.papers(numbers)))[:_NAMED_BY]


def _monday(day: dt.date) -> dt.date:
    return day - dt.timedelta(days=day.weekday())


def _risers(window: PaperWindow, newest: dt.date) -> tuple[RisingTerm, ...]:
    now: list[Document] = []
    before: list[Document] = []
    month, earlier = newest - dt.timedelta(days=_MONTH), newest - dt.timedelta(days=_MONTH + _BEFORE)
    for number, document in window.documents(window.candidates(None), with_texts=False):
        day = window.day(number)
        if day is not None and day > earlier:
            (now if day > month else before).append(document)
    if not before:  # in a first month everything would rise
        return ()
    return tuple(rising_terms(now, before, _RISERS))
