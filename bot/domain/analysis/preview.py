"""Preview: the matches of a query among stored papers, and its near misses."""

from collections.abc import Callable, Iterable
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
"""Papers that lack one term, the newest, from which the nearest misses are chosen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """A paper that the query finds, with the reasons in reading order."""

    paper: Paper
    why: tuple[Why, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class NearMiss:
    """A paper that the query finds but for one term: one that is missing, or `NOT term` for one that must not be there."""

    paper: Paper
    missing: str


class Previewer:
    """Preview of one query, over papers that the caller provides, newest first (see `bounds` and `near_need`)."""

    def __init__(self, query: Query) -> None:
        self.query = query
        self.needs_texts = not decided_by_folded_words(query.root)
        """False where documents with only folded words are enough for `matches` and `lacks_one`."""
        self.bounds = bounds_of(query.root)
        """Conditions by which a full-text index finds the papers that surely match, and those that may."""
        self._hits = HitFinder(query, many=True)
        self.matches: Callable[[Document], bool] = self._hits.matches
        every_atom = (leaf.atom if isinstance(leaf, Not) else leaf for leaf in leaves(query.root))
        self._tests = {atom: test_of(atom, many=True) for atom in every_atom}
        self._presences = tuple(map(_presence, atoms(query.root)))

    @property
    def can_be_near(self) -> bool:
        """Whether a paper can lack one term and still have a part of the query; False for a single exact word."""
        words = [word for atom in self._tests for word in words_of(atom)]
        return len(words) > 1 or words[0].mode != "exact"

    @property
    def near_need(self) -> Need | None:
        """The condition on folded words that every near miss meets; None where there is none."""
        needs = (need_but_for_one(self.query.root), need_of_something(self.query.root))
        known = tuple(need for need in needs if need is not None)
        return AllOf(known) if known else None

    def match(self, paper: Paper, document: Document) -> Match:
        """A paper that matches, with the reasons."""
        why = tuple(Why(term=term, field=field, text=text) for term, field, text in self.reasons(document))
        return Match(paper=paper, why=why)

    def reasons(self, document: Document) -> list[tuple[str, Field, str]]:
        """Why a paper matches, as (term, field, text), which are quicker to make than `Why`."""
        return self._hits.reasons(document)

    def lacks_one(self, document: Document) -> bool:
        """True where exactly one term keeps the paper, which does not match, from matching."""
        if len(self._tests) == 1:
            return True
        return len(self._missing(document)) == 1

    def near_misses(self, papers: Iterable[tuple[Paper, Document]]) -> tuple[NearMiss, ...]:
        """The nearest misses among papers that lack one term, the nearest first; of equals the first."""
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


def _presence(atom: Atom) -> Callable[[Document], float]:
    """1 where the atom is found; else 0.9 of the share of its words that are, where a longer word counts half."""
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
