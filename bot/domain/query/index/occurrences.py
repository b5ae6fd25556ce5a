"""The words of the papers that passes met, each with the number that the atoms have for it.

Papers use the same words over and over: each is folded, looked up, and compared with the beginnings once.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, repeat
from typing import NamedTuple

import numpy as np

from bot.domain.query.documents import SCOPES, Document, Field, Scope
from bot.domain.query.folding import Layer, folded_form, pieces, words
from bot.domain.query.index.arrays import NOTHING, Column, Ints, Longs, Masks
from bot.domain.query.index.atoms import HEAD, ROOTS, Atoms

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


_FIELDS: tuple[Field, ...] = ("title", "authors", "summary", "points", "source")


_NO_NUMBERS: Ints = np.empty(0, dtype=np.int32)
_NO_PLACES: Longs = np.empty(0, dtype=np.int64)


class _Stream:
    """The words of the parts that some query looks at, part after part, each with a 0 behind it."""

    def __init__(
        self, documents: Sequence[Document], fields: set[Field], numbers_of: Callable[[str], list[int]]
    ) -> None:
        runs: list[list[int]] = []
        papers: list[int] = []
        kinds: list[int] = []
        for paper, document in enumerate(documents):
            for part in document.parts:
                if part.field in fields:
                    run = numbers_of(part.text)
                    run.append(0)
                    runs.append(run)
                    papers.append(paper)
                    kinds.append(_FIELDS.index(part.field))
        lengths = [len(run) for run in runs]
        self.words = np.fromiter(chain.from_iterable(runs), np.int64, sum(lengths))
        self.papers: Ints = np.repeat(np.array(papers, dtype=np.int32), lengths)
        self.parts: Ints = np.repeat(np.arange(len(runs), dtype=np.int32), lengths)
        self._kinds = np.repeat(np.array(kinds, dtype=np.int8), lengths)

    def places(self, scope: Scope) -> Longs:
        """The places of the words in that scope."""
        wanted = np.array([field in SCOPES[scope] for field in _FIELDS])
        return np.flatnonzero(wanted[self._kinds])


class Seen(NamedTuple):
    """All simple atoms of some papers, with repeats, and the part to which each place belongs."""

    sightings: Sightings
    part_of_place: Ints


def atoms_in(documents: Sequence[Document], atoms: Atoms, lexicon: Lexicon) -> Seen:
    """The simple atoms of the papers."""
    lexicon.refresh()
    used = {(scope, layer) for (scope, layer), root in ROOTS.items() if atoms.is_used(root)}
    fields = {field for scope, _ in used for field in SCOPES[scope]}
    folding = _Stream(documents, fields, lexicon.numbers)
    exact = _Stream(documents, fields, lambda text: _exact(text, atoms)) if _any_exact(used) else folding
    texts: list[_Text] = []
    found: list[Sightings] = []
    for scope, layer in used:
        stream = exact if layer == "exact" else folding
        places = stream.places(scope)
        met, papers = stream.words[places], stream.papers[places]
        if layer is None:
            nodes, counts = lexicon.begun(scope, met)
            found.append(Sightings(nodes, np.repeat(papers, counts), np.repeat(places, counts)))
        else:
            labels = {"folded": lexicon.folded, "plain": lexicon.plain, "exact": _same}[layer](met)
            texts.append(_Text(labels, papers, places, ROOTS[scope, layer]))
    return Seen(_together((*found, *_phrases_in(texts, atoms))), folding.parts)


def _any_exact(used: set[tuple[Scope, Layer | None]]) -> bool:
    return any(layer == "exact" for _, layer in used)


def _same(numbers: Longs) -> Ints:
    return numbers.astype(np.int32)


def _exact(text: str, atoms: Atoms) -> list[int]:
    return list(map(atoms.words.get, words(text, "exact"), repeat(0)))


class _Text(NamedTuple):
    """The words of a scope in a layer, by the atoms' numbers, and the root at which its phrases begin."""

    labels: Ints
    papers: Ints
    places: Longs
    root: int


def _phrases_in(texts: Sequence[_Text], atoms: Atoms) -> Iterator[Sightings]:
    """Walks down the tree from every word at once, one word further each time."""
    labels = np.concatenate([_NO_NUMBERS, *(text.labels for text in texts)]).astype(np.int64)
    papers = np.concatenate([_NO_NUMBERS, *(text.papers for text in texts)])
    places = np.concatenate([_NO_NUMBERS, *(text.places for text in texts)]).astype(np.int64)
    roots = np.repeat([text.root for text in texts], [len(text.labels) for text in texts])
    begins = np.flatnonzero(labels)
    nodes, last = roots[begins].astype(np.int64), begins
    while len(nodes):
        reached = atoms.edges.find((nodes << 32 | labels[last]).astype(np.uint64))
        going = np.flatnonzero(reached >= 0)
        nodes, begins, last = reached[going].astype(np.int64), begins[going], last[going]
        yield Sightings(nodes, papers[begins], places[begins])
        last = last + 1
        longer = np.flatnonzero(labels[last])
        nodes, begins, last = nodes[longer], begins[longer], last[longer]


def _together(found: Sequence[Sightings]) -> Sightings:
    return Sightings(
        np.concatenate([_NO_PLACES, *(some.nodes for some in found)]),
        np.concatenate([_NO_NUMBERS, *(some.papers for some in found)]),
        np.concatenate([_NO_PLACES, *(some.places for some in found)]),
    )
