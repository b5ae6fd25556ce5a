"""Growable arrays of the index: numpy reads whole columns, single changes write cells.

Column            array of numbers that grows
LinkedLists       many short lists of numbers
Rows              lists of rows by node, each list in one block of memory
HashMap           64-bit keys to numbers
NodeMasks         masks of papers of the nodes that occur in a batch
DuplicateFinder   equal numbers of an array, without sorting
"""

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Masks = npt.NDArray[np.uint64]
"""Sets of papers of a batch, a row each: bit n of column m stands for the paper with index 64 * m + n."""
MASK_BITS = 64

GROWTH = 3
"""A Column of zeros grows seldom and much: zeroed cells that were never written take addresses, but no memory."""
FILLED_GROWTH = 1.5
_NO_CELLS: Ints = np.empty(0, dtype=np.int32)
NOTHING = -1
"""No row, no node, the end of a list."""


class Column:
    """Growable array of 32-bit numbers; `array` (numpy) and `cells` (memoryview) share their memory.

    Access to a single element is several times faster through `cells`. Both are replaced when the column grows: do
    not keep them across `reserve`.
    """

    __slots__ = ("_growth", "array", "cells", "fill")

    def __init__(self, array: Ints | None = None, *, fill: int = 0) -> None:
        self.fill = fill
        self._growth = FILLED_GROWTH if fill else GROWTH
        self._grow(_NO_CELLS if array is None else array)

    def __len__(self) -> int:
        """Number of cells allocated."""
        return len(self.array)

    def reserve(self, size: int) -> None:
        """Allocate at least `size` cells; new ones hold `fill`."""
        if size > len(self.array):
            self._grow(self.array, size)

    def _grow(self, array: Ints, size: int = 0) -> None:
        self.array: Ints = np.zeros(max(size, int(len(array) * self._growth)), dtype=np.int32)
        self.array[: len(array)] = array
        if self.fill:
            self.array[len(array) :] = self.fill
        self.cells = self.array.data


class LinkedLists:
    """Many short linked lists of numbers in two columns. A list is identified by its head, the cell of its first number;
    NOTHING is the empty list.

        push(7, NOTHING) → 0, then push(9, 0) → 1:    values      7        9
        list 1 is (9, 7)                              successors  NOTHING  0

    Freed cells form a list of their own, from which `push` takes the next one.
    """

    __slots__ = ("_free", "_size", "successors", "values")

    def __init__(self, values: Ints, successors: Ints) -> None:
        self.values = Column(values)
        self.successors = Column(successors)
        self._size = len(values)
        self._free = NOTHING

    def push(self, value: int, head: int) -> int:
        """The new head of the list with the value put before its others."""
        cell = self._free
        if cell == NOTHING:
            cell = self._size
            self._size += 1
            if cell >= len(self.values.array):
                self.values.reserve(cell + 1)
                self.successors.reserve(cell + 1)
        else:
            self._free = self.successors.cells[cell]
        self.values.cells[cell] = value
        self.successors.cells[cell] = head
        return cell

    def pop(self, head: int) -> tuple[int, int]:
        """The first value of a list that is not empty, and the head of the list without it."""
        rest = self.successors.cells[head]
        self.successors.cells[head] = self._free
        self._free = head
        return self.values.cells[head], rest


class DuplicateFinder:
    """Finds equal numbers in an array without sorting it; its buffer is reused."""

    def __init__(self) -> None:
        self._last: Ints = np.zeros(0, dtype=np.int32)

    def representatives(self, numbers: Ints | Longs, size: int) -> Ints:
        """The index of the last occurrence of each number, all below `size`: equal numbers get the same index.

            numbers          5  8  5
            representatives  2  1  2    so that `representatives == arange` keeps each number once: 8, 5

        Each index is written into a buffer at its number, where the last one wins, and read back.
        """
        if size > len(self._last):
            self._last = np.zeros(size + size // 2, dtype=np.int32)
        self._last[numbers] = np.arange(len(numbers), dtype=np.int32)
        representatives: Ints = self._last.take(numbers)
        return representatives


def runs(starts: Ints | Longs, counts: Ints | Longs) -> Longs:
    """The runs one after the other: `count` consecutive numbers from each `start` on.

    starts  0  4    counts  3  1    →    0 1 2 4
    """
    ends = np.cumsum(counts, dtype=np.int64)
    numbers = np.arange(ends[-1] if len(ends) else 0)
    numbers += np.repeat(starts - ends + counts, counts)
    return numbers


def empty_masks(rows: int, papers: int) -> Masks:
    """Masks without a paper, for so many papers."""
    return np.zeros((rows, -(-papers // MASK_BITS)), dtype=np.uint64)


def set_papers(masks: Masks, rows: Ints | Longs, papers: Ints) -> None:
    """Set the bit of each paper in the row at the same index; pairs may repeat."""
    cells = rows * np.int64(masks.shape[1]) + papers // MASK_BITS
    np.bitwise_or.at(masks.reshape(-1), cells, np.uint64(1) << (papers % MASK_BITS).astype(np.uint64))


def united(nodes: Longs, rows: Longs, masks: Masks) -> tuple[Longs, Masks]:
    """Each node once, with the union of the masks in the rows at its indexes.

    nodes  4  9  4        masks  0b01  0b10        gives  4     9
    rows   0  1  1                                        0b11  0b10
    """
    order = np.argsort(nodes, kind="stable")
    nodes = nodes[order]
    firsts = np.flatnonzero(np.diff(nodes, prepend=-1))
    if not len(firsts):
        return nodes, masks[:0]
    return nodes[firsts], np.bitwise_or.reduceat(masks.take(rows[order], axis=0), firsts, axis=0)


class NodeMasks:
    """Masks of the papers of a batch by node, empty for most.

    `rows` gives for each node the row of its mask, 0 for the empty one. It is kept from batch to batch, so that a batch
    costs only what it touches.
    """

    def __init__(self) -> None:
        self.rows: Ints = np.zeros(0, dtype=np.int32)
        self._duplicates = DuplicateFinder()
        self._papers = 0
        self._nodes: list[Longs] = []
        self._masks: list[Masks] = []
        self._count = 0

    def begin(self, size: int, papers: int) -> None:
        """Begin a batch of so many papers, with so many nodes."""
        self.end()  # a batch that was broken off
        if size > len(self.rows):
            self.rows = np.zeros(size + size // 2, dtype=np.int32)
        self._papers = papers
        self._masks, self._count = [empty_masks(1, papers)], 1

    def end(self) -> None:
        """Forget the masks."""
        for nodes in self._nodes:
            self.rows[nodes] = 0
        self._nodes, self._masks = [], []

    @property
    def nodes(self) -> Longs:
        """The nodes with a mask, each once."""
        return np.concatenate(self._nodes)

    def add(self, nodes: Longs, masks: Masks) -> None:
        """Set the masks of different nodes that have none yet."""
        self.rows[nodes] = np.arange(self._count, self._count + len(nodes), dtype=np.int32)
        self._nodes.append(nodes)
        self._masks.append(masks)
        self._count += len(nodes)

    def add_papers(self, nodes: Longs, papers: Ints) -> None:
        """Set the bit of each paper in the mask of the node at the same index; nodes may repeat, and have no mask yet.

        nodes   4  6  4        masks of  4  0b11
        papers  0  0  1                  6  0b01
        """
        last = self._duplicates.representatives(nodes, len(self.rows))
        different = nodes[last == np.arange(len(nodes))]
        masks, first = empty_masks(len(different), self._papers), self._count
        self.add(different, masks)
        set_papers(masks, self.rows[nodes] - first, papers)

    def columns(self) -> list[Masks]:
        """The masks by row, one array for each 64 papers."""
        return [
            np.concatenate([masks[:, column] for masks in self._masks])
            for column in range(self._masks[0].shape[1])
        ]


_LARGEST_BLOCK = 32


class Rows:
    """Rows filed by node (an inverted index); those of one node lie side by side, in no order.

    A row has a target, and the head of the list of its other literals. Each node owns a block of 2 ** n cells that doubles
    when full and halves when a quarter full; freed blocks are used again.

        node     starts  counts        position  0   1   2   3   4
        "graph"  0       3             targets   20  24  62  -   20
        "tree"   4       1
    """

    def __init__(self, counts: Ints, targets: Ints, rests: Ints) -> None:
        self.starts = Column(np.cumsum(counts, dtype=np.int32) - counts)
        self.counts = Column(counts)
        self.targets = Column(targets)
        self.rests = Column(rests)
        self._block_bits = Column(_block_bits_of(counts))
        """By node: n + 1 for a block of 2 ** n cells, 0 without a block."""
        self._size = len(targets)
        self._free: list[list[int]] = [[] for _ in range(_LARGEST_BLOCK)]

    def add(self, node: int, target: int, rest: int) -> None:
        """File a row under the node."""
        if node >= len(self.counts.array):
            for column in (self.starts, self.counts, self._block_bits):
                column.reserve(node + 1)
        count, bits = self.counts.cells[node], self._block_bits.cells[node]
        if count >= 1 << bits >> 1:
            self._move(node, bits + 1)
        position = self.starts.cells[node] + count
        self.targets.cells[position] = target
        self.rests.cells[position] = rest
        self.counts.cells[node] = count + 1

    def remove(self, node: int, target: int) -> int:
        """Remove from the node one row with that target, which must exist; gives its rest."""
        start, last = self.starts.cells[node], self.counts.cells[node] - 1
        position = start + int((self.targets.array[start : start + last + 1] == target).argmax())
        rest = self.rests.cells[position]
        self.targets.cells[position] = self.targets.cells[start + last]
        self.rests.cells[position] = self.rests.cells[start + last]
        self.counts.cells[node] = last
        bits = self._block_bits.cells[node]
        if last == 0:
            self._free[bits].append(start)
            self._block_bits.cells[node] = 0
        elif last <= 1 << bits >> 3:
            self._move(node, bits - 1)
        return rest

    def positions_of(self, nodes: Longs) -> tuple[Longs, Ints]:
        """Positions of the rows of these nodes, node after node, and the number of rows of each.

        starts  0  4    counts  3  1    →    positions  0 1 2 4
        """
        counts = self.counts.array[nodes]
        return runs(self.starts.array[nodes], counts), counts

    def _move(self, node: int, bits: int) -> None:
        """Move the node's rows to a block of 2 ** (bits - 1) cells."""
        count, old = self.counts.cells[node], self.starts.cells[node]
        start = self._block(bits)
        for column in (self.targets, self.rests):
            column.array[start : start + count] = column.array[old : old + count]
        if self._block_bits.cells[node]:
            self._free[self._block_bits.cells[node]].append(old)
        self.starts.cells[node] = start
        self._block_bits.cells[node] = bits

    def _block(self, bits: int) -> int:
        if self._free[bits]:
            return self._free[bits].pop()
        start = self._size
        self._size += 1 << bits >> 1
        if self._size > len(self.targets.array):
            self.targets.reserve(self._size)
            self.rests.reserve(self._size)
        return start


def _block_bits_of(counts: Ints) -> Ints:
    """Block sizes in a loaded index, where a block is as large as its rows: the largest power of two that fits into it."""
    return np.frexp(counts)[1].astype(np.int32)


Keys = npt.NDArray[np.uint64]

_EMPTY = 0
"""No key is 0, so that a new table is zeroed memory, which takes no time to allocate."""
_TOMBSTONE = (1 << 64) - 1
"""Stands where an entry was moved away: a search goes on behind it."""
_MULTIPLIER = 0x9E3779B97F4A7C15
_WORD = (1 << 64) - 1
_FULLEST = 0.55
_MOVED_PER_CHANGE = 6
_SMALLEST_BITS = 8


class _Table:
    """Hash table of a fixed size: open addressing with linear probing, Fibonacci hashing.

    keys     0  k1  k2  0      k1 and k2 hash to slot 1: k2 stands in the next free one
    values   -  7   9   -
    """

    __slots__ = ("bits", "key_cells", "keys", "mask", "shift", "used", "value_cells", "values")

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.mask = (1 << bits) - 1
        self.shift = 64 - bits
        self.used = 0
        self.keys: Keys = np.zeros(1 << bits, dtype=np.uint64)
        self.values: Ints = np.zeros(1 << bits, dtype=np.int32)
        self.key_cells = self.keys.data
        self.value_cells = self.values.data

    def slot(self, key: int) -> int:
        """The slot of the key; NOTHING where it is absent."""
        keys, mask = self.key_cells, self.mask
        slot = (key * _MULTIPLIER & _WORD) >> self.shift
        while (present := keys[slot]) != key:
            if present == _EMPTY:
                return NOTHING
            slot = (slot + 1) & mask
        return slot

    def put(self, key: int, value: int) -> None:
        """Add an absent key."""
        keys, mask = self.key_cells, self.mask
        slot = (key * _MULTIPLIER & _WORD) >> self.shift
        while keys[slot] != _EMPTY:
            slot = (slot + 1) & mask
        keys[slot] = key
        self.value_cells[slot] = value
        self.used += 1

    def clear(self, slot: int) -> None:
        """Empty the slot and close the gap (backward-shift deletion), so that probing still reaches every key."""
        keys, values, mask = self.key_cells, self.value_cells, self.mask
        self.used -= 1
        gap = slot
        while True:
            keys[gap] = _EMPTY
            successors = gap
            while True:
                successors = (successors + 1) & mask
                key = keys[successors]
                if key == _EMPTY:
                    return
                home = (key * _MULTIPLIER & _WORD) >> self.shift
                if (successors - home) & mask >= (successors - gap) & mask:
                    break
            keys[gap] = key
            values[gap] = values[successors]
            gap = successors

    def find(self, keys: Keys) -> Ints:
        """The value of each key, NOTHING where it is absent."""
        slots = ((keys * np.uint64(_MULTIPLIER)) >> np.uint64(self.shift)).astype(np.int64)
        present = self.keys.take(slots)
        values: Ints = np.where(present == keys, self.values.take(slots), np.int32(NOTHING))
        others = np.flatnonzero((present != keys) & (present != _EMPTY))
        indexes = others
        while len(others):  # probe one slot further
            keys, slots = keys.take(others), (slots.take(others) + 1) & self.mask
            present = self.keys.take(slots)
            values[indexes] = np.where(present == keys, self.values.take(slots), np.int32(NOTHING))
            others = np.flatnonzero((present != keys) & (present != _EMPTY))
            indexes = indexes.take(others)
        return values

    def fill(self, keys: Keys, values: Ints) -> None:
        """Add many different, absent keys; the same order gives the same table."""
        self.used += len(keys)
        slots = ((keys * np.uint64(_MULTIPLIER)) >> np.uint64(self.shift)).astype(np.int64)
        while len(keys):
            free = self.keys[slots] == _EMPTY
            self.keys[slots[free][::-1]] = keys[free][::-1]
            placed = self.keys[slots] == keys
            self.values[slots[placed]] = values[placed]
            left = ~placed
            keys, values, slots = keys[left], values[left], (slots[left] + 1) & self.mask


class HashMap:
    """Hash map of 64-bit keys (not 0) to numbers (not negative) that grows without a pause.

    When a table fills up, a new one of twice the size takes the new keys, and each change moves a few entries of the
    old table to it; until then both are searched.
    """

    def __init__(self, keys: Keys, values: Ints) -> None:
        self._new = _Table(_bits_for(len(keys)))
        self._new.fill(keys, values)
        self._old: _Table | None = None
        self._moved = 0

    def get(self, key: int) -> int:
        """The value of the key, NOTHING where it is absent."""
        slot = self._new.slot(key)
        if slot >= 0:
            return self._new.value_cells[slot]
        if self._old is not None:
            slot = self._old.slot(key)
            if slot >= 0:
                return self._old.value_cells[slot]
        return NOTHING

    def add(self, key: int, value: int) -> None:
        """Add an absent key."""
        self._new.put(key, value)
        if self._old is not None:
            self._move()
        elif self._new.used > _FULLEST * (self._new.mask + 1):
            self._old, self._new, self._moved = self._new, _Table(self._new.bits + 1), 0

    def remove(self, key: int) -> None:
        """Remove a present key."""
        slot = self._new.slot(key)
        if slot >= 0:
            self._new.clear(slot)
        else:
            assert self._old is not None
            self._old.key_cells[self._old.slot(key)] = _TOMBSTONE
        if self._old is not None:
            self._move()

    def find(self, keys: Keys) -> Ints:
        """The value of each key, NOTHING where it is absent."""
        values = self._new.find(keys)
        if self._old is not None:
            missing = np.flatnonzero(values < 0)
            values[missing] = self._old.find(keys[missing])
        return values

    def _move(self) -> None:
        old = self._old
        assert old is not None
        end = min(self._moved + _MOVED_PER_CHANGE, old.mask + 1)
        for slot in range(self._moved, end):
            key = old.key_cells[slot]
            if key not in (_EMPTY, _TOMBSTONE):
                self._new.put(key, old.value_cells[slot])
                old.key_cells[slot] = _TOMBSTONE
        self._moved = end
        if end > old.mask:
            self._old = None


def _bits_for(entries: int) -> int:
    """Bits of a table that has room for a quarter more entries before it grows."""
    return max(_SMALLEST_BITS, int(entries * 1.25 / _FULLEST).bit_length())
