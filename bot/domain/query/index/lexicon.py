"""The words of the papers that passes met, each with the number that the atoms have for it.

Papers use the same words over and over: each is folded, looked up, and compared with the beginnings once.
"""

from collections.abc import Callable

import numpy as np

from bot.domain.query.documents import Scope
from bot.domain.query.folding import folded_form, pieces, words
from bot.domain.query.index.arrays import NOTHING, Column, Ints, Longs
from bot.domain.query.index.atoms import HEAD, Atoms

MOST_WORDS = 150_000
MOST_CHARACTERS = 10_000_000
"""Beyond either all words are forgotten and learnt again."""

_LONGEST_REMEMBERED = 40
_PASSING = 1 << 40
"""Pieces of several words that are not remembered are numbered from the complement of this downwards."""


class Lexicon:
    """Plain words by number; 0 is no word."""

    def __init__(self, atoms: Atoms) -> None:
        self._atoms = atoms
        self._forget()

    def numbers(self, text: str) -> list[int]:
        """The words of the text."""
        found = list(map(self._pieces.__getitem__, pieces(text)))
        if not found or min(found) >= 0:
            return found
        flat = [number for piece in found for number in ((piece,) if piece >= 0 else self._words_of(~piece))]
        self._passing.clear()
        return flat

    def plain(self, numbers: Longs) -> Ints:
        """The atoms' numbers of these words."""
        return self._labels.array.take(numbers)

    def folded(self, numbers: Longs) -> Ints:
        """The atoms' numbers of the singulars of these words."""
        return self._labels.array.take(self._singulars.array.take(numbers))

    def begun(self, scope: Scope, numbers: Longs) -> tuple[Longs, Ints]:
        """The nodes of the beginnings in that scope that the words have, word by word, and how many each has."""
        table = self._begun.setdefault(scope, _Begun())
        table.starts.reserve(len(self._strings))
        table.counts.reserve(len(self._strings))
        for number in np.unique(numbers[table.starts.array[numbers] == NOTHING]).tolist():
            table.put(number, self._atoms.beginnings_of(scope, self._strings[number]))
        return table.of(numbers)

    def refresh(self) -> None:
        """Take up what changed in the atoms since the last time."""
        if len(self._pieces) + len(self._strings) > MOST_WORDS or self._characters > MOST_CHARACTERS:
            self._forget()
        for string in self._atoms.changed_words:
            number = self._known.get(string)
            if number is not None:
                self._labels.cells[number] = self._atoms.words.get(string, 0)
        self._atoms.changed_words.clear()
        for scope, head in self._atoms.changed_heads:
            if scope in self._begun:
                self._begun[scope].forget(self._heads.get(head, []))
        self._atoms.changed_heads.clear()

    def _forget(self) -> None:
        self._strings = [""]
        self._known = {"": 0}
        self._heads: dict[str, list[int]] = {}
        self._labels = Column()
        self._singulars = Column()
        self._labels.reserve(1)
        self._singulars.reserve(1)
        self._begun: dict[Scope, _Begun] = {}
        self._pieces = _Pieces(self._learn_piece)
        self._several: list[tuple[int, ...]] = []
        """Remembered pieces of no word or of several."""
        self._passing: list[tuple[int, ...]] = []
        """Likewise the long ones of the text at hand."""
        self._characters = 0

    def _learn_piece(self, piece: str) -> int:
        """The number of its word; where it has none or several, the complement of where they are."""
        found = tuple([self._learn(word) for word in words(piece, "plain")])
        if len(found) == 1:
            return found[0]
        if len(piece) > _LONGEST_REMEMBERED:
            self._passing.append(found)
            return ~(_PASSING + len(self._passing) - 1)
        self._several.append(found)
        return ~(len(self._several) - 1)

    def _words_of(self, place: int) -> tuple[int, ...]:
        return self._several[place] if place < _PASSING else self._passing[place - _PASSING]

    def _learn(self, word: str) -> int:
        number = self._known.get(word)
        if number is not None:
            return number
        number = self._known[word] = len(self._strings)
        self._strings.append(word)
        self._characters += len(word)
        self._heads.setdefault(word[:HEAD], []).append(number)
        self._labels.reserve(number + 1)
        self._singulars.reserve(number + 1)
        self._labels.cells[number] = self._atoms.words.get(word, 0)
        self._singulars.cells[number] = self._learn(folded_form(word))
        return number


class _Pieces(dict[str, int]):
    """Pieces of texts to numbers, learnt when first met."""

    def __init__(self, learn: Callable[[str], int]) -> None:
        super().__init__()
        self._learn = learn

    def __missing__(self, piece: str) -> int:
        number = self._learn(piece)
        if len(piece) <= _LONGEST_REMEMBERED:
            self[piece] = number
        return number


class _Begun:
    """By word: the nodes of its beginnings."""

    def __init__(self) -> None:
        self.starts = Column(fill=NOTHING)
        self.counts = Column()
        self._nodes = Column()
        self._size = 0

    def put(self, number: int, nodes: tuple[int, ...]) -> None:
        self.starts.cells[number] = self._size
        self.counts.cells[number] = len(nodes)
        self._nodes.reserve(self._size + len(nodes))
        for node in nodes:
            self._nodes.cells[self._size] = node
            self._size += 1

    def forget(self, numbers: list[int]) -> None:
        known = [number for number in numbers if number < len(self.starts)]
        self.starts.array[known] = NOTHING

    def of(self, numbers: Longs) -> tuple[Longs, Ints]:
        counts = self.counts.array[numbers]
        ends = np.cumsum(counts, dtype=np.int64)
        places = np.arange(ends[-1] if len(ends) else 0)
        places += np.repeat(self.starts.array[numbers] - ends + counts, counts)
        return self._nodes.array[places].astype(np.int64), counts
