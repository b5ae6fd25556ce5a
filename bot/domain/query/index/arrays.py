"""Arrays that grow in place: for numpy all at once, for single steps cell by cell."""

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Masks = npt.NDArray[np.uint32]
"""One bit per paper of a pass."""

GROWTH = 3
"""Cells of 0 that nobody has touched yet take no memory, only addresses; growing seldom is what counts."""
FILLED_GROWTH = 1.5
_NO_CELLS: Ints = np.empty(0, dtype=np.int32)
NOTHING = -1
"""No row, no node, no next."""


class Column:
    """A growing array of 32-bit numbers; `array` and `cells` are two views of the same memory.

    Reading or writing one cell of `cells` costs a fraction of what it costs in `array`.
    """

    __slots__ = ("_growth", "array", "cells", "fill")

    def __init__(self, array: Ints | None = None, *, fill: int = 0) -> None:
        self.fill = fill
        self._growth = FILLED_GROWTH if fill else GROWTH
        self._grow(_NO_CELLS if array is None else array)

    def __len__(self) -> int:
        """Cells there is room for."""
        return len(self.array)

    def reserve(self, size: int) -> None:
        """Make room for at least `size` cells; new ones hold `fill`."""
        if size > len(self.array):
            self._grow(self.array, size)

    def _grow(self, array: Ints, size: int = 0) -> None:
        self.array: Ints = np.zeros(max(size, int(len(array) * self._growth)), dtype=np.int32)
        self.array[: len(array)] = array
        if self.fill:
            self.array[len(array) :] = self.fill
        self.cells = self.array.data


class Chains:
    """Many short linked lists of numbers in two columns; NOTHING ends a list and is the empty one."""

    __slots__ = ("_free", "_size", "following", "values")

    def __init__(self, values: Ints, following: Ints) -> None:
        self.values = Column(values)
        self.following = Column(following)
        self._size = len(values)
        self._free = NOTHING

    def push(self, value: int, chain: int) -> int:
        """The chain with the value put before it."""
        place = self._free
        if place == NOTHING:
            place = self._size
            self._size += 1
            if place >= len(self.values.array):
                self.values.reserve(place + 1)
                self.following.reserve(place + 1)
        else:
            self._free = self.following.cells[place]
        self.values.cells[place] = value
        self.following.cells[place] = chain
        return place

    def pop(self, chain: int) -> tuple[int, int]:
        """The first value of a chain that is not empty, and the chain without it."""
        rest = self.following.cells[chain]
        self.following.cells[chain] = self._free
        self._free = chain
        return self.values.cells[chain], rest
