"""NEAR for thousands of pairs of phrases at once."""

from typing import NamedTuple

import numpy as np

from bot.domain.query.index.arrays import Ints, Longs, Masks


class Sightings(NamedTuple):
    """Where nodes were seen: node, number of the paper, and the place of the first word.

    Places count the words of all parts of all papers; between two parts one place is left free.
    """

    nodes: Longs
    papers: Ints
    places: Longs


class Pairs(NamedTuple):
    """Two nodes each, how many words each has, and how far apart they may be."""

    left: Longs
    right: Longs
    left_words: Longs
    right_words: Longs
    distance: Longs

    def turned(self) -> "Pairs":
        return Pairs(self.right, self.left, self.right_words, self.left_words, self.distance)


def near_masks(sightings: Sightings, part_of_place: Ints, pairs: Pairs) -> Masks:
    """The papers in which the two of each pair stand near each other, in either order."""
    keys = sightings.nodes << 32 | sightings.places
    order = np.argsort(keys)
    keys, papers = keys[order], sightings.papers[order]
    masks: Masks = np.zeros(len(pairs.left), dtype=np.uint32)
    for one in (pairs, pairs.turned()):
        _add_followed(masks, keys, papers, part_of_place, one)
    return masks


def _add_followed(masks: Masks, keys: Longs, papers: Ints, part_of_place: Ints, pairs: Pairs) -> None:
    """Add the papers in which the left one is followed closely enough by the right one."""
    begins = np.searchsorted(keys, pairs.left << 32)
    counts = np.searchsorted(keys, pairs.left + 1 << 32) - begins
    pair = np.repeat(np.arange(len(counts)), counts)
    seen = np.arange(len(pair)) + np.repeat(begins - np.cumsum(counts) + counts, counts)
    ends = (keys[seen] & 0xFFFFFFFF) + pairs.left_words[pair]
    wanted = pairs.right[pair] << 32 | ends
    following = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    gap = keys[following] - wanted
    close = np.flatnonzero((gap >= 0) & (gap < pairs.distance[pair]))
    first, second = keys[seen[close]] & 0xFFFFFFFF, keys[following[close]] & 0xFFFFFFFF
    close = close[part_of_place[first] == part_of_place[second]]
    np.bitwise_or.at(masks, pair[close], np.uint32(1) << papers[seen[close]].astype(np.uint32))
