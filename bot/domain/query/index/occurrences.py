"""Occurrences of atoms in a batch of papers: phrases, prefixes, and words near each other.

Two kinds of word numbers meet here. The *vocabulary* numbers every word that papers use, so that each is folded and
looked up once; the *labels* of the atoms number the words that queries use. Label 0 is a word of no query.
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
"""Beyond either limit the vocabulary is emptied and learnt anew."""

_LONGEST_REMEMBERED = 40
_TEMPORARY = 1 << 40
"""Codes of pieces that are not cached begin at the complement of this."""


class AtomVocabulary:
    """Words of papers by number; 0 is no word.

    A *piece* is a run of a text between blanks, which has usually one word: "graph" → 1. A piece of several words
    ("vision-language" → 4, 5) or of none is coded as a negative number, the complement of its index in a list.
    """

    def __init__(self, atoms: Atoms) -> None:
        self._atoms = atoms
        self._clear()

    def numbers(self, text: str) -> list[int]:
        """The numbers of the words of the text, in order."""
        codes = list(map(self._pieces.__getitem__, pieces(text)))
        if not codes or min(codes) >= 0:
            return codes
        flat = [number for piece in codes for number in ((piece,) if piece >= 0 else self._words_of(~piece))]
        self._temporary.clear()
        return flat

    def plain(self, numbers: Longs) -> Ints:
        """Labels of these words as written."""
        return self._labels.array.take(numbers)

    def folded(self, numbers: Longs) -> Ints:
        """Labels of the singulars of these words."""
        return self._labels.array.take(self._singulars.array.take(numbers))

    def prefix_nodes(self, scope: Scope, numbers: Longs) -> tuple[Longs, Ints]:
        """Nodes of all prefixes in that scope that the words begin with, word by word, and the number of each word.

        words  "quantized" "graph"    prefixes in use  "quan" (node 7), "quant" (node 9), "gra" (node 8)
        gives  nodes 7 9 8, counts 2 1
        """
        table = self._prefix_nodes.setdefault(scope, _PrefixNodes())
        table.starts.reserve(len(self._strings))
        table.counts.reserve(len(self._strings))
        for number in np.unique(numbers[table.starts.array[numbers] == NOTHING]).tolist():
            table.put(number, self._atoms.prefixes_of(scope, self._strings[number]))
        return table.nodes_of(numbers)

    def refresh(self) -> None:
        """Apply the changes of the atoms since the last call."""
        if len(self._pieces) + len(self._strings) > MOST_WORDS or self._characters > MOST_CHARACTERS:
            self._clear()
        for string in self._atoms.changed_words:
            number = self._known.get(string)
            if number is not None:
                self._labels.cells[number] = self._atoms.words.get(string, 0)
        self._atoms.changed_words.clear()
        for scope, head in self._atoms.changed_prefix_heads:
            if scope in self._prefix_nodes:
                self._prefix_nodes[scope].forget(self._heads.get(head, []))
        self._atoms.changed_prefix_heads.clear()

    def _clear(self) -> None:
        self._strings = [""]
        self._known = {"": 0}
        self._heads: dict[str, list[int]] = {}
        self._labels = Column()
        self._singulars = Column()
        self._labels.reserve(1)
        self._singulars.reserve(1)
        self._prefix_nodes: dict[Scope, _PrefixNodes] = {}
        self._pieces = _Pieces(self._learn_piece)
        self._multiples: list[tuple[int, ...]] = []
        """Word numbers of the cached pieces with no word or several."""
        self._temporary: list[tuple[int, ...]] = []
        """Likewise of pieces too long to be cached, while one text is read."""
        self._characters = 0

    def _learn_piece(self, piece: str) -> int:
        """The code of the piece: the number of its word, or the complement of the index of its words."""
        numbers = tuple([self._learn(word) for word in words(piece, "plain")])
        if len(numbers) == 1:
            return numbers[0]
        if len(piece) > _LONGEST_REMEMBERED:
            self._temporary.append(numbers)
            return ~(_TEMPORARY + len(self._temporary) - 1)
        self._multiples.append(numbers)
        return ~(len(self._multiples) - 1)

    def _words_of(self, index: int) -> tuple[int, ...]:
        return self._multiples[index] if index < _TEMPORARY else self._temporary[index - _TEMPORARY]

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
    """Cache of the codes of pieces; `learn` gives the code of a new one."""

    def __init__(self, learn: Callable[[str], int]) -> None:
        super().__init__()
        self._learn = learn

    def __missing__(self, piece: str) -> int:
        number = self._learn(piece)
        if len(piece) <= _LONGEST_REMEMBERED:
            self[piece] = number
        return number


class _PrefixNodes:
    """Nodes of the prefixes of each word, one run of `_nodes` a word; `starts` is NOTHING for a word not looked up."""

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

    def nodes_of(self, numbers: Longs) -> tuple[Longs, Ints]:
        counts = self.counts.array[numbers]
        ends = np.cumsum(counts, dtype=np.int64)
        positions = np.arange(ends[-1] if len(ends) else 0)
        positions += np.repeat(self.starts.array[numbers] - ends + counts, counts)
        return self._nodes.array[positions].astype(np.int64), counts


class Occurrences(NamedTuple):
    """Occurrences of nodes in papers: node, index of the paper, and position of the first word, in three columns.

    Positions count the words of all parts of all papers of a batch; after each part one position is left free.
    """

    nodes: Longs
    papers: Ints
    positions: Longs


class Pairs(NamedTuple):
    """NEAR of two nodes each: the nodes, their number of words, and the most words between them plus one."""

    left: Longs
    right: Longs
    left_words: Longs
    right_words: Longs
    distance: Longs

    def swapped(self) -> "Pairs":
        """The pairs with their sides exchanged."""
        return Pairs(self.right, self.left, self.right_words, self.left_words, self.distance)


def near_masks(occurrences: Occurrences, parts: Ints, pairs: Pairs) -> Masks:
    """For each pair the papers in which its nodes occur near each other within one part, in either order."""
    keys = occurrences.nodes << 32 | occurrences.positions
    order = np.argsort(keys)
    keys, papers = keys[order], occurrences.papers[order]
    masks: Masks = np.zeros(len(pairs.left), dtype=np.uint32)
    for ordered in (pairs, pairs.swapped()):
        _add_followed(masks, keys, papers, parts, ordered)
    return masks


def _add_followed(masks: Masks, keys: Longs, papers: Ints, parts: Ints, pairs: Pairs) -> None:
    """Add to the masks the papers in which the left node is followed closely enough by the right one.

    `keys` are the sorted occurrences, node << 32 | position; `papers` stand beside them. For `graph NEAR/5 neural`
    (nodes 3 and 8, one word each) and two papers, "graph of a neural net" and "graph theory":

        keys       3:0  3:6  8:3    graph at positions 0 and 6, neural at 3; paper 0, 1, 0
        lefts      0 1              indexes of the left node's occurrences, one row each from here
        ends       1    7           position after the left phrase
        wanted     8:1  8:7         the earliest key at which the right node may stand
        rights     2    2           the first key not below it (for 8:7 there is none: the last key, gap < 0)
        gap        2    -4          words between: 2 < 5, so paper 0 holds
    """
    starts = np.searchsorted(keys, pairs.left << 32)
    counts = np.searchsorted(keys, pairs.left + 1 << 32) - starts
    pair = np.repeat(np.arange(len(counts)), counts)
    lefts = np.arange(len(pair)) + np.repeat(starts - np.cumsum(counts) + counts, counts)
    ends = (keys[lefts] & 0xFFFFFFFF) + pairs.left_words[pair]
    wanted = pairs.right[pair] << 32 | ends
    rights = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    gap = keys[rights] - wanted
    close = np.flatnonzero((gap >= 0) & (gap < pairs.distance[pair]))
    first, second = keys[lefts[close]] & 0xFFFFFFFF, keys[rights[close]] & 0xFFFFFFFF
    close = close[parts[first] == parts[second]]
    np.bitwise_or.at(masks, pair[close], np.uint32(1) << papers[lefts[close]].astype(np.uint32))


_FIELDS: tuple[Field, ...] = ("title", "authors", "summary", "points", "source")


_NO_NUMBERS: Ints = np.empty(0, dtype=np.int32)
_NO_POSITIONS: Longs = np.empty(0, dtype=np.int64)


class _Stream:
    """The words of all parts in `fields`, part after part, each followed by a 0, in columns by position.

    papers "Graph nets" and "Trees", numbers graph 1, nets 2, trees 3
    words   1 2 0 3 0
    papers  0 0 0 1 1
    parts   0 0 0 1 1
    """

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

    def positions(self, scope: Scope) -> Longs:
        """The positions of the parts in that scope."""
        wanted = np.array([field in SCOPES[scope] for field in _FIELDS])
        return np.flatnonzero(wanted[self._kinds])


class BatchOccurrences(NamedTuple):
    """All occurrences of simple atoms in a batch of papers, and by position the number of its part."""

    occurrences: Occurrences
    parts: Ints


def find_occurrences(
    documents: Sequence[Document], atoms: Atoms, vocabulary: AtomVocabulary
) -> BatchOccurrences:
    """All occurrences of simple atoms in the papers: prefixes by the vocabulary, phrases by a walk down the tree."""
    vocabulary.refresh()
    used = {(scope, layer) for (scope, layer), root in ROOTS.items() if atoms.is_used(root)}
    fields = {field for scope, _ in used for field in SCOPES[scope]}
    folding = _Stream(documents, fields, vocabulary.numbers)
    exact = _Stream(documents, fields, lambda text: _exact(text, atoms)) if _any_exact(used) else folding
    texts: list[_Text] = []
    results: list[Occurrences] = []
    for scope, layer in used:
        stream = exact if layer == "exact" else folding
        positions = stream.positions(scope)
        numbers, papers = stream.words[positions], stream.papers[positions]
        if layer is None:
            nodes, counts = vocabulary.prefix_nodes(scope, numbers)
            results.append(Occurrences(nodes, np.repeat(papers, counts), np.repeat(positions, counts)))
        else:
            labels = {"folded": vocabulary.folded, "plain": vocabulary.plain, "exact": _same}[layer](numbers)
            texts.append(_Text(labels, papers, positions, ROOTS[scope, layer]))
    return BatchOccurrences(_concatenated((*results, *_phrases_in(texts, atoms))), folding.parts)


def _any_exact(used: set[tuple[Scope, Layer | None]]) -> bool:
    return any(layer == "exact" for _, layer in used)


def _same(numbers: Longs) -> Ints:
    return numbers.astype(np.int32)


def _exact(text: str, atoms: Atoms) -> list[int]:
    return list(map(atoms.words.get, words(text, "exact"), repeat(0)))


class _Text(NamedTuple):
    """Labels of the words of one scope in one layer, and the root below which its phrases hang."""

    labels: Ints
    papers: Ints
    positions: Longs
    root: int


def _phrases_in(texts: Sequence[_Text], atoms: Atoms) -> Iterator[Occurrences]:
    """Occurrences of all phrases, found by walking down the tree from every word at once, one word a step.

    The tree of the queries "graph" and "graph neural network" (label of a word, node in brackets):

        root ── graph ① [17] ── neural ② [18] ── network ③ [19]

    Two papers, "graph neural network" and "neural graph", have the labels 1 2 3 0 and 2 1 0. Each step holds the
    walks still under way, in three columns: node reached, position of the first word, position of the last.

        step 1   starts 0 1 2 4 5 (label not 0); only `graph` hangs on the root: nodes 17 17, firsts 0 5
        step 2   next labels 2 and 0: the second walk ends with its text; nodes 18, firsts 0
        step 3   next label 3: nodes 19, firsts 0; after it comes 0, and no walk is left

    A step yields all nodes that it reached, also those at which no phrase ends: they have no rows.
    """
    labels = np.concatenate([_NO_NUMBERS, *(text.labels for text in texts)]).astype(np.int64)
    papers = np.concatenate([_NO_NUMBERS, *(text.papers for text in texts)])
    positions = np.concatenate([_NO_NUMBERS, *(text.positions for text in texts)]).astype(np.int64)
    roots = np.repeat([text.root for text in texts], [len(text.labels) for text in texts])
    firsts = np.flatnonzero(labels)
    nodes, lasts = roots[firsts].astype(np.int64), firsts
    while len(nodes):
        children = atoms.nodes_by_edge.find((nodes << 32 | labels[lasts]).astype(np.uint64))
        walks = np.flatnonzero(children >= 0)
        nodes, firsts, lasts = children[walks].astype(np.int64), firsts[walks], lasts[walks]
        yield Occurrences(nodes, papers[firsts], positions[firsts])
        lasts = lasts + 1
        walks = np.flatnonzero(labels[lasts])
        nodes, firsts, lasts = nodes[walks], firsts[walks], lasts[walks]


def _concatenated(results: Sequence[Occurrences]) -> Occurrences:
    return Occurrences(
        np.concatenate([_NO_POSITIONS, *(result.nodes for result in results)]),
        np.concatenate([_NO_NUMBERS, *(result.papers for result in results)]),
        np.concatenate([_NO_POSITIONS, *(result.positions for result in results)]),
    )
