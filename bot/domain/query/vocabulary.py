"""Vocabulary: the pieces of papers' texts by number, so that each is folded, and looked up in an index, once.

A *piece* is a run of a text between blanks, which has usually one word: "graph". One like "vision–language" has several, a
dash none.
"""

from collections.abc import Sequence
from operator import itemgetter
from threading import Lock

from bot.domain.query.folding import (
    FIELD_END,
    PART_END,
    folded_form,
    folded_piece,
    lines_of_fields,
    pieces,
)

MOST_PIECES = 150_000
MOST_CHARACTERS = 3_000_000
"""Beyond either limit the next document begins a new vocabulary."""


class PieceVocabulary(dict[str, int]):
    """Numbers of pieces, which are given out in order; those of `PART_END` and `FIELD_END` are 0 and 1.

    It only grows, and any thread may use it. `current` is the one in use; documents keep the one that they have used.
    """

    current: "PieceVocabulary"

    def __init__(self) -> None:
        super().__init__({PART_END: 0, FIELD_END: 1})
        self.pieces = [PART_END, FIELD_END]
        """By number: the piece."""
        self.folded = [folded_piece(piece, folded_form) for piece in self.pieces]
        """By number: the folded words of the piece, each followed by a blank; as far as they were asked for."""
        self._characters = 0
        self._lock = Lock()

    def __missing__(self, piece: str) -> int:
        with self._lock:
            number = self.get(piece)
            if number is None:
                number = len(self.pieces)
                self.pieces.append(piece)
                self._characters += len(piece)
                self[piece] = number
        return number

    @property
    def is_full(self) -> bool:
        """Whether another one is to be begun."""
        return len(self.pieces) > MOST_PIECES or self._characters > MOST_CHARACTERS

    def numbers(self, fields: Sequence[Sequence[str]]) -> tuple[int, ...]:
        """The numbers of all pieces of the texts of each field, with the ends of texts and of fields."""
        # `itemgetter` looks all up in half the time of a loop.
        numbers: tuple[int, ...] = itemgetter(*pieces(fields))(self)
        return numbers

    def folded_texts(self, numbers: Sequence[int]) -> list[str]:
        """The folded words of each field: a line for each part, with a blank before and after each word."""
        if len(self.folded) < len(self.pieces):
            self._fold_new()
        return lines_of_fields(itemgetter(*numbers)(self.folded))

    def _fold_new(self) -> None:
        with self._lock:
            self.folded += [folded_piece(piece, folded_form) for piece in self.pieces[len(self.folded) :]]


PieceVocabulary.current = PieceVocabulary()


def vocabulary() -> PieceVocabulary:
    """The vocabulary in use."""
    if PieceVocabulary.current.is_full:
        PieceVocabulary.current = PieceVocabulary()
    return PieceVocabulary.current
