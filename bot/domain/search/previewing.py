"""What a query would have brought: its matches in stored papers, how many a day, and what it barely missed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bot.domain.notices import Why
from bot.domain.papers import Paper
from bot.domain.query import Query, document_of
from bot.domain.query.finding import Finder
from bot.domain.query.language import Atom, Phrase, Word, atoms
from bot.domain.query.spots import Sheet, in_sheets
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
        wanted = tuple(atoms(query.root))
        self._finder = Finder(query)
        self._presences = tuple(map(_presence, wanted))
        self._lacking = least_lacking(query.root)
        self._has_something = one_of(wanted)
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
            sheet = Sheet(document_of(paper))
            reasons = self._finder.reasons(sheet)
            if reasons is not None:
                why = tuple([Why(term=term, field=field, text=text) for term, field, text in reasons])
                matches.append(Match(paper=paper, why=why))
            elif len(near) < _LOOKED_AT and (found := self._near_miss(paper, sheet)):
                near.append(found)
        nearest = sorted(near, key=lambda one: -one[0])[:NEAR_MISSES]
        return Preview(matches=tuple(matches), near_misses=tuple(miss for _, miss in nearest))

    def _near_miss(self, paper: Paper, sheet: Sheet) -> tuple[float, NearMiss] | None:
        lacking = self._finder.missing(sheet)
        if len(lacking) != 1:
            return None
        nearness = sum(presence(sheet) for presence in self._presences)
        return (nearness, NearMiss(paper=paper, missing=lacking[0])) if nearness else None


def _presence(atom: Atom) -> Callable[[Sheet], float]:
    """1 where the atom is found, else the share of its words that are, beginnings of longer words at half."""
    is_in = in_sheets(atom)
    words = atom.words if isinstance(atom, Phrase) else atom.left + atom.right
    presences = [_word_presence(atom, word) for word in words]
    return lambda sheet: (
        1.0 if is_in(sheet) else 0.9 * sum(presence(sheet) for presence in presences) / len(words)
    )


def _word_presence(atom: Atom, word: Word) -> Callable[[Sheet], float]:
    alone = Phrase(scope=atom.scope, words=(word,), written=atom.written, position=atom.position)
    is_in = in_sheets(alone)
    if word.mode == "exact":
        return lambda sheet: 1.0 if is_in(sheet) else 0.0
    begins = in_sheets(replace(alone, words=(replace(word, mode="prefix"),)))
    return lambda sheet: 1.0 if is_in(sheet) else 0.5 if begins(sheet) else 0.0
