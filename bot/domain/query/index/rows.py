"""The rows of every node: what is to be looked at when the node's words are in a paper.

A row is one clause of a query, filed under one of its literals: its *target* (whose clause it is) and the
*rest* of its literals, a chain. The rows of one node lie side by side in a block of 2ⁿ cells; a block that
is full moves to one of twice the size, and blocks that were left are used again.
"""

import numpy as np

from bot.domain.query.index.arrays import Column, Ints, Longs

_LARGEST_BLOCK = 32


class Rows:
    """Rows by node, in no particular order."""

    def __init__(self, counts: Ints, targets: Ints, rests: Ints) -> None:
        self.starts = Column(np.cumsum(counts, dtype=np.int32) - counts)
        self.counts = Column(counts)
        self.targets = Column(targets)
        self.rests = Column(rests)
        self._bits = Column(_bits_of(counts))
        """Of each block: n + 1, 0 where a node has none."""
        self._size = len(targets)
        self._free: list[list[int]] = [[] for _ in range(_LARGEST_BLOCK)]

    def add(self, node: int, target: int, rest: int) -> None:
        """File a row under the node."""
        if node >= len(self.counts.array):
            for column in (self.starts, self.counts, self._bits):
                column.reserve(node + 1)
        count, bits = self.counts.cells[node], self._bits.cells[node]
        if count >= 1 << bits >> 1:
            self._move(node, bits + 1)
        place = self.starts.cells[node] + count
        self.targets.cells[place] = target
        self.rests.cells[place] = rest
        self.counts.cells[node] = count + 1

    def take(self, node: int, target: int) -> int:
        """Remove one row of that target, which is there, from the node; gives its rest."""
        start, last = self.starts.cells[node], self.counts.cells[node] - 1
        place = start + int((self.targets.array[start : start + last + 1] == target).argmax())
        rest = self.rests.cells[place]
        self.targets.cells[place] = self.targets.cells[start + last]
        self.rests.cells[place] = self.rests.cells[start + last]
        self.counts.cells[node] = last
        bits = self._bits.cells[node]
        if last == 0:
            self._free[bits].append(start)
            self._bits.cells[node] = 0
        elif last <= 1 << bits >> 3:
            self._move(node, bits - 1)
        return rest

    def of(self, nodes: Longs) -> tuple[Longs, Ints]:
        """The places of all rows of the nodes one after the other, and how many each node has."""
        counts = self.counts.array[nodes]
        ends = np.cumsum(counts, dtype=np.int64)
        places = np.arange(ends[-1] if len(ends) else 0)
        places += np.repeat(self.starts.array[nodes] - ends + counts, counts)
        return places, counts

    def _move(self, node: int, bits: int) -> None:
        """Give the node a block of 2 ** (bits - 1) cells."""
        count, old = self.counts.cells[node], self.starts.cells[node]
        start = self._block(bits)
        for column in (self.targets, self.rests):
            column.array[start : start + count] = column.array[old : old + count]
        if self._bits.cells[node]:
            self._free[self._bits.cells[node]].append(old)
        self.starts.cells[node] = start
        self._bits.cells[node] = bits

    def _block(self, bits: int) -> int:
        if self._free[bits]:
            return self._free[bits].pop()
        start = self._size
        self._size += 1 << bits >> 1
        if self._size > len(self.targets.array):
            self.targets.reserve(self._size)
            self.rests.reserve(self._size)
        return start


def _bits_of(counts: Ints) -> Ints:
    """The blocks of a packed index, each as large as its rows: the largest power of two within them."""
    return np.frexp(counts)[1].astype(np.int32)
