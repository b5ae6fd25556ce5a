"""One query against many papers: gives exactly what `evaluation.match` gives, sooner.

The query is taken apart once, and its words are looked for in the papers' texts as they are written; only
texts where that would not be sure are folded.
"""

from collections.abc import Callable, Iterator
from itertools import chain, islice, repeat, zip_longest
from operator import itemgetter

from bot.domain.query.evaluation import MAX_HITS, missing_terms
from bot.domain.query.language import And, Atom, Node, Not, Or, Query
from bot.domain.query.spots import Sheet, Spot, Spots, in_sheets, spots_of

Place = tuple[Spot, str]
"""A place, and the term as the query writes it."""

_Found = list[tuple[int, Iterator[Place]]]
"""Atoms that make a paper match, with repeats: equal ones have the same number. Each with its places."""

_Contributing = Callable[[Sheet], _Found | None]
"""What makes a node match; None where it does not match."""


class Finder:
    """A query, made ready for papers."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self._contributing = _contributing(query.root, {})
        self._tests: dict[Atom, Callable[[Sheet], bool]] = {}

    def reasons(self, sheet: Sheet) -> list[tuple[str, str, str]] | None:
        """(term, field, text) of the hits, in reading order without repeats; None where there is no match."""
        found = self.places(sheet)
        if found is None:
            return None
        reasons: dict[tuple[str, str, str], None] = {}
        for (number, start, end), written in found:
            part = sheet.document.parts[number]
            reasons[written, part.field, part.text[start:end]] = None
        return list(reasons)

    def missing(self, sheet: Sheet) -> tuple[str, ...]:
        """What `evaluation.missing` gives."""
        return missing_terms(self._query, lambda atom: self._test(atom)(sheet))

    def _test(self, atom: Atom) -> Callable[[Sheet], bool]:
        if atom not in self._tests:
            self._tests[atom] = in_sheets(atom)
        return self._tests[atom]

    def places(self, sheet: Sheet, limit: int = MAX_HITS) -> list[Place] | None:
        """Where the hits are that `match` gives, each beside its term; None where there is no match.

        In reading order; where there are more than `limit`, the first ones of each term before the second
        ones of any. Equal ones may be repeated.
        """
        contributing = self._contributing(sheet)
        if contributing is None:
            return None
        if len(contributing) == 1:
            return sorted(islice(contributing[0][1], limit), key=itemgetter(0))
        each: dict[int, Iterator[Place]] = {}
        for number, places in contributing:
            each.setdefault(number, places)
        found: list[Place] = []
        for turn in zip_longest(*each.values()):
            found += sorted(filter(None, turn), key=itemgetter(0))
            if len(found) >= limit:
                break
        return sorted(found[:limit], key=itemgetter(0))


def _contributing(node: Node, numbers: dict[Atom, int]) -> _Contributing:
    """`numbers` are those of the atoms met so far."""
    match node:
        case And():
            return _of_every(tuple(_contributing(child, numbers) for child in node.children))
        case Or():
            return _of_some(tuple(_contributing(child, numbers) for child in node.children))
        case Not():
            excluded = in_sheets(node.atom)
            return lambda sheet: None if excluded(sheet) else []
        case _:
            return _of_one(numbers.setdefault(node, len(numbers)), node.written, spots_of(node))


def _of_one(number: int, written: str, spots: Spots) -> _Contributing:
    def contributing(sheet: Sheet) -> _Found | None:
        found = spots(sheet)
        first = next(found, None)
        return None if first is None else [(number, zip(chain((first,), found), repeat(written)))]

    return contributing


def _of_every(parts: tuple[_Contributing, ...]) -> _Contributing:
    def contributing(sheet: Sheet) -> _Found | None:
        found: _Found = []
        for part in parts:
            some = part(sheet)
            if some is None:
                return None
            found += some
        return found

    return contributing


def _of_some(parts: tuple[_Contributing, ...]) -> _Contributing:
    def contributing(sheet: Sheet) -> _Found | None:
        each = [some for part in parts if (some := part(sheet)) is not None]
        return list(chain.from_iterable(each)) if each else None

    return contributing
