"""What a query would have brought: its matches in stored papers, how many a day, and what it barely missed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.domain.notices import Why
from bot.domain.papers import Paper
from bot.domain.query import Document, Query, document_of, match, missing
from bot.domain.query.evaluation import test_of
from bot.domain.query.language import Atom, Phrase, Word, atoms
from bot.domain.search.probes import least_lacking, one_of, probed

NEAR_MISSES = 3
_LOOKED_AT = 150
"""Papers that a query seems to miss by one term, newest first, of which the nearest are chosen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """A paper that the query finds, with what made it match, in reading order."""

    paper: Paper
    why: tuple[Why, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class NearMiss:
    """A paper that the query would find, were it not for one term; `NOT term` where that is there, but must not be."""

    paper: Paper
    missing: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """What the query brings in the papers searched; both lists newest first, near misses nearest first."""

    matches: tuple[Match, ...]
    near_misses: tuple[NearMiss, ...]


class Previewer:
    """Works one query's preview out; `wants` spares it the papers that can play no part in it."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self._atoms = tuple(atoms(query.root))
        self._lacking = least_lacking(query.root)
        self._has_something = one_of(self._atoms)
        self._left = _LOOKED_AT

    def wants(self, text: str) -> bool:
        """False for the raw text of a paper that can neither match nor be near; asked newest paper first."""
        ready = probed(text)
        if ready is None:
            return True
        lacking = self._lacking(ready)
        if lacking != 1 or not self._left or not self._has_something(ready):
            return lacking == 0
        self._left -= 1
        return True

    def preview(self, papers: Sequence[Paper]) -> Preview:
        """What the query brings of these papers, which stand newest first."""
        matches: list[Match] = []
        near: list[tuple[float, NearMiss]] = []
        for paper in papers:
            document = document_of(paper)
            hits = match(self._query, document)
            if hits is not None:
                why = dict.fromkeys(Why(term=hit.term, field=hit.field, text=hit.text) for hit in hits)
                matches.append(Match(paper=paper, why=tuple(why)))
            elif len(near) < _LOOKED_AT and (found := self._near_miss(paper, document)):
                near.append(found)
        nearest = sorted(near, key=lambda one: -one[0])[:NEAR_MISSES]
        return Preview(matches=tuple(matches), near_misses=tuple(miss for _, miss in nearest))

    def _near_miss(self, paper: Paper, document: Document) -> tuple[float, NearMiss] | None:
        lacking = missing(self._query, document)
        if len(lacking) != 1:
            return None
        nearness = sum(_presence(atom, document) for atom in self._atoms)
        return (nearness, NearMiss(paper=paper, missing=lacking[0])) if nearness else None


def _presence(atom: Atom, document: Document) -> float:
    """1 where the atom is found, else the share of its words that are, beginnings of longer words at half."""
    if test_of(atom)(document):
        return 1.0
    words = atom.words if isinstance(atom, Phrase) else atom.left + atom.right
    return 0.9 * sum(_word_presence(atom, word, document) for word in words) / len(words)


def _word_presence(atom: Atom, word: Word, document: Document) -> float:
    alone = Phrase(scope=atom.scope, words=(word,), written=atom.written, position=atom.position)
    if test_of(alone)(document):
        return 1.0
    longer = replace(alone, words=(replace(word, mode="prefix"),))
    return 0.5 if word.mode != "exact" and test_of(longer)(document) else 0.0
