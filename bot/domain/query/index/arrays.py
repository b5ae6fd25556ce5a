"""Arrays that grow in place: for numpy all at once, for single steps cell by cell."""

from typing import Self

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


Keys = npt.NDArray[np.uint64]

_EMPTY = 0
"""No key is 0, so that a new table is memory that nobody has touched yet: to begin one takes no time."""
_MOVED = (1 << 64) - 1
"""Marks where an entry was: whoever looks for another one goes on looking behind it."""
_MULTIPLIER = 0x9E3779B97F4A7C15
_WORD = (1 << 64) - 1
_FULLEST = 0.55
_MOVED_PER_CHANGE = 6
_SMALLEST_BITS = 8


class _Slots:
    """One table of a fixed size."""

    __slots__ = ("bits", "keys", "keys_at", "mask", "shift", "used", "values", "values_at")

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.mask = (1 << bits) - 1
        self.shift = 64 - bits
        self.used = 0
        self.keys: Keys = np.zeros(1 << bits, dtype=np.uint64)
        self.values: Ints = np.zeros(1 << bits, dtype=np.int32)
        self.keys_at = self.keys.data
        self.values_at = self.values.data

    def slot(self, key: int) -> int:
        """Where the key is; NOTHING where it is not."""
        keys, mask = self.keys_at, self.mask
        slot = (key * _MULTIPLIER & _WORD) >> self.shift
        while (found := keys[slot]) != key:
            if found == _EMPTY:
                return NOTHING
            slot = (slot + 1) & mask
        return slot

    def put(self, key: int, value: int) -> None:
        """Add a key that is not there."""
        keys, mask = self.keys_at, self.mask
        slot = (key * _MULTIPLIER & _WORD) >> self.shift
        while keys[slot] != _EMPTY:
            slot = (slot + 1) & mask
        keys[slot] = key
        self.values_at[slot] = value
        self.used += 1

    def clear(self, slot: int) -> None:
        """Empty the slot and close the gap, so that every key stays within reach of its own slot."""
        keys, values, mask = self.keys_at, self.values_at, self.mask
        self.used -= 1
        gap = slot
        while True:
            keys[gap] = _EMPTY
            following = gap
            while True:
                following = (following + 1) & mask
                key = keys[following]
                if key == _EMPTY:
                    return
                home = (key * _MULTIPLIER & _WORD) >> self.shift
                if (following - home) & mask >= (following - gap) & mask:
                    break
            keys[gap] = key
            values[gap] = values[following]
            gap = following

    def find(self, keys: Keys) -> Ints:
        """The value of each key, NOTHING where it is not there."""
        values = np.full(len(keys), NOTHING, dtype=np.int32)
        asked = np.arange(len(keys))
        slots = ((keys * np.uint64(_MULTIPLIER)) >> np.uint64(self.shift)).astype(np.int64)
        while len(asked):
            found = self.keys.take(slots)
            same = found == keys
            values[asked[same]] = self.values.take(slots[same])
            others = np.flatnonzero(~same & (found != _EMPTY))
            asked, keys, slots = asked[others], keys[others], (slots[others] + 1) & self.mask
        return values

    def fill(self, keys: Keys, values: Ints) -> None:
        """Add many different keys that are not there; the same order gives the same table."""
        self.used += len(keys)
        slots = ((keys * np.uint64(_MULTIPLIER)) >> np.uint64(self.shift)).astype(np.int64)
        while len(keys):
            free = self.keys[slots] == _EMPTY
            self.keys[slots[free][::-1]] = keys[free][::-1]
            placed = self.keys[slots] == keys
            self.values[slots[placed]] = values[placed]
            left = ~placed
            keys, values, slots = keys[left], values[left], (slots[left] + 1) & self.mask


class Edges:
    """Keys, none of them 0, to numbers, none of them negative."""

    def __init__(self, keys: Keys, values: Ints) -> None:
        self._new = _Slots(_bits_for(len(keys)))
        self._new.fill(keys, values)
        self._old: _Slots | None = None
        self._moved = 0

    def get(self, key: int) -> int:
        """The value of the key, NOTHING where it is not there."""
        slot = self._new.slot(key)
        if slot >= 0:
            return self._new.values_at[slot]
        if self._old is not None:
            slot = self._old.slot(key)
            if slot >= 0:
                return self._old.values_at[slot]
        return NOTHING

    def add(self, key: int, value: int) -> None:
        """Add a key that is not there."""
        self._new.put(key, value)
        if self._old is not None:
            self._move()
        elif self._new.used > _FULLEST * (self._new.mask + 1):
            self._old, self._new, self._moved = self._new, _Slots(self._new.bits + 1), 0

    def remove(self, key: int) -> None:
        """Take a key away that is there."""
        slot = self._new.slot(key)
        if slot >= 0:
            self._new.clear(slot)
        else:
            assert self._old is not None
            self._old.keys_at[self._old.slot(key)] = _MOVED
        if self._old is not None:
            self._move()

    def find(self, keys: Keys) -> Ints:
        """The value of each key, NOTHING where it is not there."""
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
            key = old.keys_at[slot]
            if key not in (_EMPTY, _MOVED):
                self._new.put(key, old.values_at[slot])
                old.keys_at[slot] = _MOVED
        self._moved = end
        if end > old.mask:
            self._old = None


def _bits_for(entries: int) -> int:
    """Bits of a table that takes a quarter more entries before it has to grow."""
    return max(_SMALLEST_BITS, int(entries * 1.25 / _FULLEST).bit_length())
