"""Where in a paper's texts an atom is found: by its spellings where a text is sure, else by folded words."""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise

from bot.domain.query.documents import Document, Scope
from bot.domain.query.evaluation import near_places, places_in
from bot.domain.query.folding import word_count
from bot.domain.query.language import Atom, Near, Phrase
from bot.domain.query.written import Spelling, spelling_of, sure

Spot = tuple[int, int, int]
"""(number of the part among all parts, start, end); both in the part's text as written."""

_Span = tuple[int, int]

Spots = Callable[["Sheet"], Iterator[Spot]]
"""Gives each place in a paper in the order of `evaluation`: a NEAR's by its left side, where they may overlap."""


class Sheet:
    """A paper's texts by scope, made ready once for all atoms."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._texts: dict[Scope, list[tuple[int, str | None, str | None]]] = {}

    def texts(self, scope: Scope) -> list[tuple[int, str | None, str | None]]:
        """(number of the part, its text, the text in lower case), without texts where they are not sure."""
        texts = self._texts.get(scope)
        if texts is None:
            texts = self._texts[scope] = []
            for part in self.document.places(scope):
                text = sure(self.document.parts[part].text)
                texts.append((part, text, None if text is None else text.lower()))
        return texts

    def folded(self, atom: Atom, part: int) -> Iterator[Spot]:
        """The atom's places in that part, found by its folded words."""
        for first, last in places_in(atom, self.document, part):
            yield (part, *self.document.span(part, first, last))


def in_sheets(atom: Atom) -> Callable[[Sheet], bool]:
    """What tells whether a paper has the atom."""
    spots = spots_of(atom)
    return lambda sheet: next(spots(sheet), None) is not None


def spots_of(atom: Atom) -> Spots:
    """What gives the atom's places."""
    if isinstance(atom, Phrase):
        spelling = spelling_of(atom.words)
        return _by_folding(atom) if spelling is None else _by_spelling(atom, spelling)
    left, right = spelling_of(atom.left), spelling_of(atom.right)
    return _by_folding(atom) if left is None or right is None else _by_spellings(atom, left, right)


def _by_folding(atom: Atom) -> Spots:
    """What is ASCII folds to ASCII."""
    words = atom.words if isinstance(atom, Phrase) else atom.left + atom.right
    foreign = not all(word.text.isascii() for word in words)

    def spots(sheet: Sheet) -> Iterator[Spot]:
        for part in sheet.document.places(atom.scope):
            if not (foreign and sheet.document.parts[part].text.isascii()):
                yield from sheet.folded(atom, part)

    return spots


def _by_spelling(phrase: Phrase, spelling: Spelling) -> Spots:
    def spots(sheet: Sheet) -> Iterator[Spot]:
        for part, text, lower in sheet.texts(phrase.scope):
            if text is None or lower is None:
                yield from sheet.folded(phrase, part)
            else:
                for start, end in spelling.places(lower if spelling.caseless else text):
                    yield part, start, end

    return spots


def _by_spellings(near: Near, left: Spelling, right: Spelling) -> Spots:
    def spots(sheet: Sheet) -> Iterator[Spot]:
        for part, text, lower in sheet.texts(near.scope):
            if text is None or lower is None:
                yield from sheet.folded(near, part)
                continue
            rights = list(right.places(lower if right.caseless else text))
            lefts = rights and list(left.places(lower if left.caseless else text))
            for start, end in _close(near, lefts, rights, text):
                yield part, start, end

    return spots


def _close(near: Near, lefts: Sequence[_Span], rights: Sequence[_Span], text: str) -> Iterator[_Span]:
    """The places of the NEAR; words are only counted from one place of a side to the next one."""
    if not lefts:
        return
    marks = sorted({start for start, _ in (*lefts, *rights)})
    counts = (word_count(text, start, end) for start, end in pairwise(marks))
    numbers = dict(zip(marks, accumulate(counts, initial=0), strict=True))
    starts = {number: start for start, number in numbers.items()}
    ends = {numbers[start] + len(near.left) - 1: end for start, end in lefts}
    ends |= {numbers[start] + len(near.right) - 1: end for start, end in rights}
    firsts = [[numbers[start] for start, _ in side] for side in (lefts, rights)]
    for first, last in near_places(near, *firsts):
        yield starts[first], ends[last]
