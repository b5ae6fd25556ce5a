"""The atoms of all queries as nodes of one tree of words.

    root of a scope and a layer ── word ── word ── …       a phrase is the node of its last word
    root of the beginnings of a scope ── beginning         quantiz*
    root of the complex atoms ── canonical text            graph NEAR/5 neural

A node lives as long as something uses it: a literal of a query, or a longer phrase. Numbers of nodes and
words that are gone are given out again.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from bot.domain.query.documents import SCOPES, Scope
from bot.domain.query.folding import Layer
from bot.domain.query.index.arrays import NOTHING, Column, Ints, Longs
from bot.domain.query.index.clauses import Complex, Key
from bot.domain.query.index.edges import Edges

LAYERS: tuple[Layer | None, ...] = ("folded", "plain", "exact", None)
ROOTS: dict[tuple[Scope, Layer | None], int] = {
    (scope, layer): number
    for number, (scope, layer) in enumerate((scope, layer) for scope in SCOPES for layer in LAYERS)
}
COMPLEX_ROOT = len(ROOTS)
FIRST_NODE = COMPLEX_ROOT + 1
HEAD = 2
"""Beginnings are filed by their first letters; each has at least so many."""

_LONG = 64


class Atoms:
    """Atoms to nodes and back."""

    def __init__(self, strings: Sequence[str], parents: Ints, labels: Ints, uses: Ints) -> None:
        self.words = {string: word for word, string in enumerate(strings, 1)}
        self.strings: list[str | None] = [None, *strings]
        self.parents = Column(parents)
        self.labels = Column(labels)
        self.uses = Column(uses)
        """Literals and longer phrases that need the node."""
        self.size = len(uses)
        nodes = np.arange(FIRST_NODE, self.size)
        keys = self.parents.array[nodes].astype(np.uint64) << np.uint64(32)
        self.edges = Edges(keys | self.labels.array[nodes].astype(np.uint64), nodes.astype(np.int32))
        self._word_uses = Column(
            np.bincount(self.labels.array[nodes], minlength=len(self.strings)).astype(np.int32)
        )
        self._free_nodes: list[int] = []
        self._free_words: list[int] = []
        self.changed_words: set[str] = set()
        """Words that came or went; who looks after them empties the set."""
        self.changed_heads: set[tuple[Scope, str]] = set()
        """Likewise where beginnings came or went."""
        self._beginnings: dict[tuple[Scope, str], set[str]] = {}
        """By scope and head."""
        for root, scope in _SCOPE_OF_BEGINNINGS.items():
            below = FIRST_NODE + np.flatnonzero(self.parents.array[FIRST_NODE : self.size] == root)
            heads: dict[str, set[str]] = defaultdict(set)
            for beginning in map(strings.__getitem__, (self.labels.array[below] - 1).tolist()):
                heads[beginning[:HEAD]].add(beginning)
            for head, beginnings in heads.items():
                self._beginnings[scope, head] = beginnings

    def obtain(self, atom: Key | Complex) -> int:
        """The node of the atom, made where there is none; counts one use more."""
        if isinstance(atom, Complex):
            node = self._below(COMPLEX_ROOT, atom.text)
        else:
            scope, layer, words = atom
            node = ROOTS[scope, layer]
            for word in words:
                node = self._below(node, word)
            if layer is None and not self.uses.cells[node]:
                head = scope, words[0][:HEAD]
                self._beginnings.setdefault(head, set()).add(words[0])
                self.changed_heads.add(head)
        self.uses.cells[node] += 1
        return node

    def release(self, node: int) -> None:
        """Count one use less; nodes that nothing uses any more are gone."""
        uses, parents = self.uses.cells, self.parents.cells
        uses[node] -= 1
        while not uses[node] and node >= FIRST_NODE:
            parent = parents[node]
            self._drop(parent, node)
            node = parent
            uses[node] -= 1

    def depths(self, nodes: Longs) -> Longs:
        """How many words each phrase has."""
        depths = np.zeros(len(nodes), dtype=np.int64)
        while (below := nodes >= FIRST_NODE).any():
            depths += below
            nodes = np.where(below, self.parents.array[nodes], nodes)
        return depths

    def is_used(self, root: int) -> bool:
        """True where something hangs on the root."""
        return self.uses.cells[root] > 0

    def text(self, node: int) -> str:
        """The last word of the node, or its beginning or canonical text."""
        string = self.strings[self.labels.cells[node]]
        assert string is not None
        return string

    def beginnings_of(self, scope: Scope, word: str) -> tuple[int, ...]:
        """The nodes of all beginnings in that scope that the word has."""
        among = self._beginnings.get((scope, word[:HEAD]))
        if among is None:
            return ()
        if len(word) > _LONG:
            begun = [beginning for beginning in among if word.startswith(beginning)]
        else:
            begun = [word[:end] for end in range(HEAD, len(word) + 1) if word[:end] in among]
        root = ROOTS[scope, None]
        return tuple([self.edges.get(root << 32 | self.words[beginning]) for beginning in begun])

    def _below(self, parent: int, string: str) -> int:
        word = self.words.get(string, 0)
        if word:
            node = self.edges.get(parent << 32 | word)
            if node != NOTHING:
                return node
        else:
            word = self._new_word(string)
        node = self._new_node()
        self.parents.cells[node] = parent
        self.labels.cells[node] = word
        self.uses.cells[node] = 0
        self.uses.cells[parent] += 1
        self._word_uses.cells[word] += 1
        self.edges.add(parent << 32 | word, node)
        return node

    def _new_word(self, string: str) -> int:
        if self._free_words:
            word = self._free_words.pop()
            self.strings[word] = string
        else:
            word = len(self.strings)
            self.strings.append(string)
            self._word_uses.reserve(word + 1)
        self.words[string] = word
        self.changed_words.add(string)
        return word

    def _new_node(self) -> int:
        if self._free_nodes:
            return self._free_nodes.pop()
        self.size += 1
        if self.size > len(self.parents.array):
            self._reserve(self.size)
        return self.size - 1

    def _drop(self, parent: int, node: int) -> None:
        word = self.labels.cells[node]
        self.edges.remove(parent << 32 | word)
        self._free_nodes.append(node)
        string = self.strings[word]
        assert string is not None
        scope = _SCOPE_OF_BEGINNINGS.get(parent)
        if scope is not None:
            self._forget(scope, string)
        self._word_uses.cells[word] -= 1
        if not self._word_uses.cells[word]:
            del self.words[string]
            self.changed_words.add(string)
            self.strings[word] = None
            self._free_words.append(word)

    def _forget(self, scope: Scope, beginning: str) -> None:
        head = scope, beginning[:HEAD]
        self._beginnings[head].remove(beginning)
        if not self._beginnings[head]:
            del self._beginnings[head]
        self.changed_heads.add(head)

    def _reserve(self, size: int) -> None:
        for column in (self.parents, self.labels, self.uses):
            column.reserve(size)


_SCOPE_OF_BEGINNINGS = {number: scope for (scope, layer), number in ROOTS.items() if layer is None}
