"""Preview: what a query would have brought in stored papers, and its near misses."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from bot.domain.notices import Why
from bot.domain.papers import Paper
from bot.domain.query import Document, Query
from bot.domain.query.documents import Field
from bot.domain.query.evaluation import HitFinder, decided_by_folded_words, missing_terms, test_of
from bot.domain.query.needs import (
    AllOf,
    Need,
    bounds_of,
    need_but_for_one,
    need_of_something,
)
from bot.domain.query.syntax import Atom, Not, Phrase, Word, atoms, leaves, words_of

NEAR_MISSES = 3
MOST_NEAR = 150
"""Papers that lack one term, newest first, of which the nearest are chosen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """A paper that the query finds, with the reasons, in reading order."""

    paper: Paper
    why: tuple[Why, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class NearMiss:
    """A paper that the query would find, were it not for one term; `NOT term` where that is there, but must not be."""

    paper: Paper
    missing: str


class Previewer:
    """One query's preview. The caller brings the papers: those that bounds and needs let through, newest first."""

    def __init__(self, query: Query) -> None:
        self.query = query
        self.needs_texts = not decided_by_folded_words(query.root)
        """False where documents of folded words alone are enough for `matches` and `lacks_one`."""
        self.bounds = bounds_of(query.root)
        """Needs that suffice for a match, and needs of every match."""
        self._hits = HitFinder(query, many=True)
        self.matches: Callable[[Document], bool] = self._hits.matches
        self._tests = {atom: test_of(atom, many=True) for atom in _all_atoms(query)}
        self._presences = tuple(map(_presence, atoms(query.root)))

    @property
    def can_be_near(self) -> bool:
        """Whether a paper can lack one term and yet have something of the query: not of a single word as written."""
        words = [word for atom in self._tests for word in words_of(atom)]
        return len(words) > 1 or words[0].mode != "exact"

    @property
    def near_need(self) -> Need | None:
        """The folded words that every near miss has."""
        needs = (need_but_for_one(self.query.root), need_of_something(self.query.root))
        known = tuple(need for need in needs if need is not None)
        return AllOf(known) if known else None

    def match(self, paper: Paper, document: Document) -> Match:
        """A paper that matches, with the reasons."""
        why = tuple(Why(term=term, field=field, text=text) for term, field, text in self.reasons(document))
        return Match(paper=paper, why=why)

    def reasons(self, document: Document) -> list[tuple[str, Field, str]]:
        """The reasons why a paper matches as tuples, which take less time: term, field and text."""
        return self._hits.reasons(document)

    def lacks_one(self, document: Document) -> bool:
        """True where exactly one term keeps a paper from matching that does not match."""
        if len(self._tests) == 1:
            return True
        return len(self._missing(document)) == 1

    def near_misses(self, papers: Iterable[tuple[Paper, Document]]) -> tuple[NearMiss, ...]:
        """The nearest of these papers that lack one term; of equally near ones the first."""
        near: list[tuple[float, NearMiss]] = []
        for paper, document in papers:
            missing = self._missing(document)
            nearness = sum(presence(document) for presence in self._presences) if len(missing) == 1 else 0.0
            if nearness:
                near.append((nearness, NearMiss(paper=paper, missing=missing[0])))
                if len(near) == MOST_NEAR:
                    break
        return tuple(miss for _, miss in sorted(near, key=lambda entry: -entry[0])[:NEAR_MISSES])

    def _missing(self, document: Document) -> tuple[str, ...]:
        return missing_terms(self.query, lambda atom: self._tests[atom](document))


def _all_atoms(query: Query) -> Iterator[Atom]:
    return (leaf.atom if isinstance(leaf, Not) else leaf for leaf in leaves(query.root))


def _presence(atom: Atom) -> Callable[[Document], float]:
    """1 where the atom is found, else the share of its words that are, beginnings of longer words at half."""
    is_in = test_of(atom, many=True)
    words = words_of(atom)
    presences = [_word_presence(atom, word) for word in words]
    return lambda document: (
        1.0 if is_in(document) else 0.9 * sum(presence(document) for presence in presences) / len(words)
    )


def _word_presence(atom: Atom, word: Word) -> Callable[[Document], float]:
    alone = Phrase(scope=atom.scope, words=(word,), written=atom.written, position=atom.position)
    is_in = test_of(alone, many=True)
    if word.mode == "exact":
        return lambda document: 1.0 if is_in(document) else 0.0
    begins = test_of(replace(alone, words=(replace(word, mode="prefix"),)), many=True)
    return lambda document: 1.0 if is_in(document) else 0.5 if begins(document) else 0.0
