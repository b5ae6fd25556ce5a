"""Masks by number that are empty between two passes, and cost what is put into them, not their size."""

from typing import Self

import numpy as np

from bot.domain.query.index.arrays import Ints, Longs, Masks


class Marks:
    """Tells which of many numbers are the same without sorting them."""

    def __init__(self) -> None:
        self._last: Ints = np.zeros(0, dtype=np.int32)

    def owners(self, numbers: Ints | Longs, size: int) -> Ints:
        """For each number, all of them below `size`, one place at which it stands; the same for the same number."""
        if size > len(self._last):
            self._last = np.zeros(size + size // 2, dtype=np.int32)
        self._last[numbers] = np.arange(len(numbers), dtype=np.int32)
        owners: Ints = self._last.take(numbers)
        return owners


class Scratch:
    """One mask of papers per number; `touched` are the numbers that have one, each once."""

    def __init__(self) -> None:
        self.masks: Masks = np.zeros(0, dtype=np.uint32)
        self.touched: Longs = np.empty(0, dtype=np.int64)
        self._marks = Marks()

    def sized(self, size: int) -> Self:
        """Itself, with room for so many numbers."""
        if size > len(self.masks):
            self.masks = np.zeros(size + size // 2, dtype=np.uint32)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.masks[self.touched] = 0
        self.touched = self.touched[:0]

    def add(self, numbers: Longs, masks: Masks) -> None:
        """Put masks of numbers that have none yet, each of them once."""
        self.masks[numbers] = masks
        self.touched = np.concatenate((self.touched, numbers))

    def add_papers(self, numbers: Longs, papers: Ints) -> None:
        """Put the bits of papers; a number may come often, and has none yet."""
        order = np.argsort(papers.astype(np.uint8), kind="stable")
        numbers = numbers[order]
        start = 0
        for paper, end in enumerate(np.cumsum(np.bincount(papers)).tolist()):
            self.masks[numbers[start:end]] |= np.uint32(1 << paper)
            start = end
        owners = self._marks.owners(numbers, len(self.masks))
        self.touched = np.concatenate((self.touched, numbers[owners == np.arange(len(numbers))]))
