"""A hash table from 64-bit keys to numbers that answers thousands of keys at once and never stops to grow.

Open addressing with linear probing. When it fills up, a table of twice the size is begun, and every
change moves a few entries over; until all are moved both are asked.
"""

import numpy as np
import numpy.typing as npt

from bot.domain.query.index.arrays import NOTHING, Ints

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
