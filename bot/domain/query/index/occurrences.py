"""Occurrences of atoms in a batch of papers: words, prefixes, phrases, and words near each other.

Three kinds of numbers meet here. The *vocabulary* numbers the pieces of texts; `PaperWords` numbers the words in them, so
that each is folded and looked up once; the *labels* of the atoms number the words of queries, 0 for a word of no query.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from bot.domain.query.documents import FIELDS, SCOPES, Document, Scope
from bot.domain.query.folding import FIELD_END, PART_END, Layer, singular, words
from bot.domain.query.index.arrays import (
    NOTHING,
    Column,
    Ints,
    Longs,
    Masks,
    NodeMasks,
    empty_masks,
    runs,
    set_papers,
    united,
)
from bot.domain.query.index.atoms import HEAD, ROOTS, Atoms
from bot.domain.query.vocabulary import PieceVocabulary, vocabulary


class PaperWords:
    """Words of papers by number; 0 is no word.

    A *token* is an occurrence of a word in a piece; those of a piece are numbered side by side. A token has a word as written
    and a plain word, and a plain word has its singular.

        pieces   end of a part   end of a field   "Graphs"         "vision–language"
        tokens   0               1                2                3         4
        exact    0               0                1 "Graphs"       4         5
        plain    0               0                2 "graphs"       4         5
        singulars of the words   "graphs" 2 → "graph" 3
    """

    def __init__(self, atoms: Atoms) -> None:
        self._atoms = atoms
        self._begin(vocabulary())

    def _begin(self, pieces: PieceVocabulary) -> None:
        self.pieces = pieces
        self._starts, self._counts = Column(fill=NOTHING), Column()
        self._tokens = 0
        self._exact, self._plain = Column(), Column()
        self._strings = [""]
        self._numbers = {"": 0}
        self._heads: dict[str, list[int]] = {}
        self._labels, self._singulars = Column(), Column()
        self._labels.reserve(1)
        self._singulars.reserve(1)
        self._prefix_nodes: dict[Scope, _PrefixNodes] = {}

    def refresh(self) -> None:
        """Apply the changes of the atoms since the last call, and begin anew with a new vocabulary."""
        if self.pieces is not (current := vocabulary()):
            self._begin(current)
        for string in self._atoms.changed_words:
            number = self._numbers.get(string)
            if number is not None:
                self._labels.cells[number] = self._atoms.words.get(string, 0)
        self._atoms.changed_words.clear()
        for scope, head in self._atoms.changed_prefix_heads:
            if scope in self._prefix_nodes:
                self._prefix_nodes[scope].forget(self._heads.get(head, []))
        self._atoms.changed_prefix_heads.clear()

    def tokens(self, pieces: Longs) -> Longs:
        """The tokens of these pieces, in order."""
        self._starts.reserve(len(self.pieces.pieces))
        self._counts.reserve(len(self.pieces.pieces))
        starts = self._starts.array.take(pieces)
        # Only the pieces in these texts: an index for one new subscription sees few of the whole vocabulary.
        if len(unknown := pieces[starts == NOTHING]):
            for number in np.unique(unknown).tolist():
                self._learn_piece(number)
            starts = self._starts.array.take(pieces)
        return runs(starts, self._counts.array.take(pieces))

    def exact(self, tokens: Longs) -> Ints:
        """The words as written."""
        return self._exact.array.take(tokens)

    def plain(self, tokens: Longs) -> Ints:
        """The plain words."""
        return self._plain.array.take(tokens)

    def labels(self, numbers: Longs, layer: Layer) -> Ints:
        """Labels of these words: of words as written for the layer `exact`, of plain words for the others."""
        return self._labels.array.take(self._singulars.array.take(numbers) if layer == "folded" else numbers)

    def by_number(self, numbers: Longs, values: Ints) -> Ints:
        """An array that has the value of each of these words at the word's number, else 0."""
        array = np.zeros(len(self._strings), dtype=np.int32)
        array[numbers] = values
        return array

    def prefix_nodes(self, scope: Scope, numbers: Longs) -> tuple[Longs, Ints]:
        """Nodes of the prefixes of these words in that scope, word by word, and the number of nodes of each word.

        words  "quantized" "graph"    prefixes in use  "quan" (node 7), "quant" (node 9), "gra" (node 8)
        gives  nodes 7 9 8, counts 2 1
        """
        table = self._prefix_nodes.setdefault(scope, _PrefixNodes())
        table.starts.reserve(len(self._strings))
        table.counts.reserve(len(self._strings))
        for number in np.unique(numbers[table.starts.array[numbers] == NOTHING]).tolist():
            table.put(number, self._atoms.prefixes_of(scope, self._strings[number]))
        return table.nodes_of(numbers)

    def _learn_piece(self, number: int) -> None:
        piece = self.pieces.pieces[number]
        if piece in (PART_END, FIELD_END):
            pairs = [("", "")]
        elif piece.isascii() and piece.isalnum():
            pairs = [(piece, piece.lower())]
        else:
            pairs = list(zip(words(piece, "exact"), words(piece, "plain"), strict=True))
        token = self._tokens
        self._tokens += len(pairs)
        self._exact.reserve(self._tokens)
        self._plain.reserve(self._tokens)
        self._starts.cells[number] = token
        self._counts.cells[number] = len(pairs)
        for at, (exact, plain) in enumerate(pairs, token):
            self._exact.cells[at] = self._learn(exact)
            self._plain.cells[at] = self._learn(plain)

    def _learn(self, word: str) -> int:
        number = self._numbers.get(word)
        if number is not None:
            return number
        number = self._numbers[word] = len(self._strings)
        self._strings.append(word)
        self._heads.setdefault(word[:HEAD], []).append(number)
        self._labels.reserve(number + 1)
        self._singulars.reserve(number + 1)
        self._labels.cells[number] = self._atoms.words.get(word, 0)
        self._singulars.cells[number] = self._learn(singular(word))
        return number


class _PrefixNodes:
    """Nodes of the prefixes of each word: a run of `_nodes` for each; `starts` is NOTHING for a word not looked up yet."""

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
        counts = self.counts.array.take(numbers)
        return self._nodes.array.take(runs(self.starts.array.take(numbers), counts)).astype(np.int64), counts


class Occurrences(NamedTuple):
    """Occurrences of nodes in papers: node, index of the paper, and position of the first word, in three columns.

    Positions count the words of all parts of all papers of a batch; after each part one position is left free.
    """

    nodes: Longs
    papers: Ints
    positions: Longs


class Pairs(NamedTuple):
    """NEAR atoms of two nodes each: the nodes, the number of words of each, and the distance of the NEAR."""

    left: Longs
    right: Longs
    left_words: Longs
    right_words: Longs
    distance: Longs

    def swapped(self) -> "Pairs":
        """The pairs with their sides exchanged."""
        return Pairs(self.right, self.left, self.right_words, self.left_words, self.distance)


def near_masks(occurrences: Occurrences, parts: Ints, pairs: Pairs, papers: int) -> Masks:
    """The mask of each pair: the papers in which its nodes occur near each other within one part, in either order."""
    keys = occurrences.nodes << 32 | occurrences.positions
    order = np.argsort(keys)
    masks = empty_masks(len(pairs.left), papers)
    for ordered in (pairs, pairs.swapped()):
        _add_followed(masks, keys[order], occurrences.papers[order], parts, ordered)
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
    lefts = runs(starts, counts)
    ends = (keys[lefts] & 0xFFFFFFFF) + pairs.left_words[pair]
    wanted = pairs.right[pair] << 32 | ends
    rights = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    gap = keys[rights] - wanted
    close = np.flatnonzero((gap >= 0) & (gap < pairs.distance[pair]))
    first, second = keys[lefts[close]] & 0xFFFFFFFF, keys[rights[close]] & 0xFFFFFFFF
    close = close[parts[first] == parts[second]]
    set_papers(masks, pair[close], papers[lefts[close]])


class _Text(NamedTuple):
    """The words of one scope in one layer: their labels, the nodes of the first words of phrases, papers and positions."""

    labels: Ints
    nodes: Ints
    papers: Ints
    positions: Longs


_NO_NUMBERS: Ints = np.empty(0, dtype=np.int32)
_NO_POSITIONS: Longs = np.empty(0, dtype=np.int64)
_PART_END_TOKEN, _FIELD_END_TOKEN = 0, 1
_LAYERS: dict[bool, tuple[Layer | None, ...]] = {True: ("exact",), False: ("folded", "plain", None)}


class Batch:
    """Papers to be matched together: which simple atoms occur in which of them, and where.

    The words of all parts form one sequence of tokens, in which tokens mark the end of each part and of each field.

        papers "Graph nets" and "Trees" (titles alone), with end of a part `.` and of a field `|`
        tokens   Graph nets . | | | | | Trees . | | | | |
        papers   0     0    0 0 0 0 0 0 1     1 1 1 1 1 1
    """

    def __init__(self, documents: Sequence[Document], atoms: Atoms, paper_words: PaperWords) -> None:
        self.documents = documents
        self._words = paper_words
        pieces = [document.pieces(paper_words.pieces) for document in documents]
        numbers = np.fromiter(chain.from_iterable(pieces), np.int64, sum(map(len, pieces)))
        self._tokens = paper_words.tokens(numbers)
        lengths = np.diff(np.flatnonzero(self._tokens == _FIELD_END_TOKEN), prepend=-1)
        fields = len(FIELDS)
        self._papers: Ints = np.repeat(np.repeat(np.arange(len(documents), dtype=np.int32), fields), lengths)
        self._fields = np.repeat(np.tile(np.arange(fields, dtype=np.int8), len(documents)), lengths)
        self._used = [key for key, root in ROOTS.items() if atoms.is_used(root)]
        self._texts: list[_Text] = []
        self._singles: list[tuple[Longs, Masks]] = []
        for scope in dict.fromkeys(scope for scope, _ in self._used):
            positions = self._positions(scope)
            for exact, layers in _LAYERS.items():
                used = [layer for layer in layers if (scope, layer) in self._used]
                if used:
                    self._look_up(scope, used, positions, atoms, exact=exact)
        self._phrases = _concatenated(list(_phrases_in(self._texts, atoms)))

    def add_to(self, masks: NodeMasks) -> None:
        """Add the masks of the papers in which simple atoms occur."""
        for nodes, masks_ in self._singles:
            masks.add(nodes, masks_)
        masks.add_papers(self._phrases.nodes, self._phrases.papers)

    @property
    def parts(self) -> Ints:
        """The number of the part at each position."""
        return np.cumsum(self._tokens == _PART_END_TOKEN, dtype=np.int32)

    def occurrences(self) -> Occurrences:
        """All occurrences of simple atoms."""
        results = [self._phrases]
        for text in self._texts:
            at = np.flatnonzero(text.nodes != NOTHING)
            nodes = text.nodes[at].astype(np.int64)
            results.append(Occurrences(nodes, text.papers[at], text.positions[at]))
        for scope, layer in self._used:
            if layer is None:
                positions = self._positions(scope)
                numbers = self._words.plain(self._tokens[positions]).astype(np.int64)
                nodes, counts = self._words.prefix_nodes(scope, numbers)
                results.append(
                    Occurrences(
                        nodes, np.repeat(self._papers[positions], counts), np.repeat(positions, counts)
                    )
                )
        return _concatenated(results)

    def _positions(self, scope: Scope) -> Longs:
        """The positions of the parts in that scope."""
        wanted = np.array([field in SCOPES[scope] for field in FIELDS])
        return np.flatnonzero(wanted[self._fields])

    def _look_up(
        self, scope: Scope, layers: Sequence[Layer | None], positions: Longs, atoms: Atoms, *, exact: bool
    ) -> None:
        """Find the nodes of single words, looking each different word up once."""
        forms = self._words.exact if exact else self._words.plain
        numbers, papers = forms(self._tokens[positions]), self._papers[positions]
        different, masks = _papers_by_word(numbers, papers, len(self.documents))
        for layer in layers:
            if layer is None:
                nodes, counts = self._words.prefix_nodes(scope, different)
                self._singles.append(united(nodes, np.repeat(np.arange(len(different)), counts), masks))
                continue
            labels = self._words.labels(different, layer)
            nodes_of_words = np.full(len(different), NOTHING, dtype=np.int32)
            rows = np.flatnonzero(labels != 0)
            roots = np.full(len(rows), ROOTS[scope, layer], dtype=np.int32)
            nodes_of_words[rows] = atoms.children_of(roots, labels[rows])
            rows = np.flatnonzero(nodes_of_words != NOTHING)
            self._singles.append(united(nodes_of_words[rows].astype(np.int64), rows, masks))
            self._texts.append(
                _Text(
                    self._words.by_number(different, labels).take(numbers),
                    self._words.by_number(different, nodes_of_words).take(numbers),
                    papers,
                    positions,
                )
            )


def _papers_by_word(numbers: Ints, papers: Ints, count: int) -> tuple[Longs, Masks]:
    """The different words among these, and for each the mask of its papers."""
    seen = np.zeros(numbers.max(initial=0) + 1, dtype=np.bool_)
    seen[numbers] = True
    different = np.flatnonzero(seen)
    masks = empty_masks(len(different), count)
    set_papers(masks, (np.cumsum(seen, dtype=np.int64) - 1).take(numbers), papers)
    return different, masks


def _phrases_in(texts: Sequence[_Text], atoms: Atoms) -> Iterator[Occurrences]:
    """Occurrences of all phrases of several words, found by walking down the tree from every word at once, one word a step.

    The tree of the queries "graph" and "graph neural network" (label of a word, node in brackets):

        root ── graph ① [17] ── neural ② [18] ── network ③ [19]

    Two papers, "graph neural network" and "neural graph", have the labels 1 2 3 0 and 2 1 0; only `graph` is a child of the
    root. Each step holds the walks still under way, in three columns: node reached, position of the first word, of the last.

        before   nodes 17 17, firsts 0 5
        step 1   next labels 2 and 0: the second walk ends with its text; nodes 18, firsts 0
        step 2   next label 3: nodes 19, firsts 0; after it comes 0, and no walk is left

    A step yields all nodes that it reached, also those at which no query's phrase ends: those have no rows.
    """
    labels = np.concatenate([_NO_NUMBERS, *(text.labels for text in texts)])
    papers = np.concatenate([_NO_NUMBERS, *(text.papers for text in texts)])
    positions = np.concatenate([_NO_POSITIONS, *(text.positions for text in texts)])
    nodes = np.concatenate([_NO_NUMBERS, *(text.nodes for text in texts)])
    firsts = lasts = np.flatnonzero(nodes != NOTHING)
    nodes = nodes[firsts]
    while len(nodes):
        lasts = lasts + 1
        following = labels[lasts]
        walks = np.flatnonzero(following != 0)
        firsts, lasts = firsts[walks], lasts[walks]
        children = atoms.children_of(nodes[walks], following[walks])
        walks = np.flatnonzero(children != NOTHING)
        nodes, firsts, lasts = children[walks], firsts[walks], lasts[walks]
        yield Occurrences(nodes.astype(np.int64), papers[firsts], positions[firsts])


def _concatenated(results: Sequence[Occurrences]) -> Occurrences:
    return Occurrences(
        np.concatenate([_NO_POSITIONS, *(result.nodes for result in results)]),
        np.concatenate([_NO_NUMBERS, *(result.papers for result in results)]),
        np.concatenate([_NO_POSITIONS, *(result.positions for result in results)]),
    )
