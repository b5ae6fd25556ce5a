"""Atoms of queries: a query as clauses of literals, and the tree of words in which simple atoms are nodes.

A query matches where any of its clauses does, and a clause where all of its literals do; at least one of them is not
negated. An atom is *simple* where looking words up finds it: a phrase of one layer, or one prefix. Every other atom is
*complex*: wherever it holds, one of its *guards* does, which are clauses of simple atoms; where one does, the plain
evaluation decides. A query that would have too many clauses is one complex atom.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bot.domain.query.documents import SCOPES, UNFOLDED, Scope
from bot.domain.query.folding import Layer, folded_form, plain_form
from bot.domain.query.index.arrays import NOTHING, Column, HashMap, Ints, Longs
from bot.domain.query.syntax import (
    LAYER_OF_MODE,
    And,
    Atom,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Word,
    lone_exclusion,
)

MAX_CLAUSES = 64
MAX_LITERALS = 32

Key = tuple[Scope, Layer | None, tuple[str, ...]]
"""A simple atom: the words of a phrase in a layer, or without a layer the prefix of a plain word."""


class Complex(NamedTuple):
    """A complex atom; `text` is its canonical spelling.

    With a `distance` it is NEAR of two simple atoms, which together are its only guard; 0 for any other.
    """

    text: str
    guards: tuple[tuple[Key, ...], ...]
    distance: int = 0


Literal = tuple[Key | Complex, bool]
"""An atom of a clause; True where it must not hold."""

_Leaves = tuple[Phrase | Near | Not, ...]

Clause = tuple[Literal, ...]


def clauses_of(root: Node) -> tuple[Clause, ...]:
    """The clauses of a query; some may contradict themselves. Raises ValueError for a query that only excludes."""
    if lone_exclusion(root):
        raise ValueError(f"{root} only excludes")
    clauses = _clauses(root)
    if clauses is None:
        return (((Complex(str(root), guards_of(root)), False),),)
    return tuple([tuple([_literal(leaf) for leaf in clause]) for clause in clauses])


def guards_of(node: Node) -> tuple[tuple[Key, ...], ...]:
    """The guards of a node: clauses of simple atoms, one of which holds wherever the node does; empty where there are none."""
    match node:
        case Phrase():
            return (tuple(dict.fromkeys(_guards(node.scope, node.words))),)
        case Near():
            return (
                tuple(dict.fromkeys((*_guards(node.scope, node.left), *_guards(node.scope, node.right)))),
            )
        case Not():
            return ()
        case And():
            guarded = filter(None, map(guards_of, node.children))
            return min(guarded, key=lambda guards: (len(guards), -sum(map(len, guards))), default=())
        case _:
            alternatives = tuple(map(guards_of, node.children))
            return (
                tuple(dict.fromkeys(guard for guards in alternatives for guard in guards))
                if all(alternatives)
                else ()
            )


def _clauses(node: Node) -> list[_Leaves] | None:
    """Clauses of leaves; None where they would be too many or too long."""
    if isinstance(node, And):
        return _products(node)
    if not isinstance(node, Or):
        return [(node,)]
    clauses: list[_Leaves] = []
    for child in node.children:
        more = _clauses(child)
        if more is None or len(clauses) + len(more) > MAX_CLAUSES:
            return None
        clauses += more
    return clauses


def _products(node: And) -> list[_Leaves] | None:
    """The clauses of an AND: one for each choice of a clause from each of its ORs."""
    products: list[_Leaves] = [tuple([child for child in node.children if not isinstance(child, And | Or)])]
    for child in node.children:
        if isinstance(child, Or):
            more = _clauses(child)
            if more is None or len(products) * len(more) > MAX_CLAUSES:
                return None
            products = [
                (*clause, *(leaf for leaf in other if leaf not in clause))
                for clause in products
                for other in more
            ]
    if max(map(len, products)) > MAX_LITERALS:
        return None
    return products if len(products) == 1 else _shortest(products)


def _shortest(clauses: list[_Leaves]) -> list[_Leaves]:
    """The clauses without those that contain another one."""
    shortest: dict[frozenset[Phrase | Near | Not], _Leaves] = {}
    for clause in sorted(clauses, key=len):
        leaves = frozenset(clause)
        if not any(other <= leaves for other in shortest):
            shortest[leaves] = clause
    return list(shortest.values())


def _literal(leaf: Phrase | Near | Not) -> Literal:
    return (_atom(leaf.atom), True) if isinstance(leaf, Not) else (_atom(leaf), False)


def _atom(atom: Atom) -> Key | Complex:
    if isinstance(atom, Phrase):
        key = _simple(atom.scope, atom.words)
        if key is not None:
            return key
        return Complex(str(atom), guards_of(atom))
    simple = _simple(atom.scope, atom.left) and _simple(atom.scope, atom.right)
    return Complex(str(atom), guards_of(atom), atom.distance if simple else 0)


def _simple(scope: Scope, words: tuple[Word, ...]) -> Key | None:
    mode = words[0].mode
    if mode == "prefix":
        return (scope, None, (words[0].text,)) if len(words) == 1 else None
    for word in words:
        if word.mode != mode:
            return None
    return scope, LAYER_OF_MODE[mode], tuple([word.text for word in words])


def _guards(scope: Scope, words: tuple[Word, ...]) -> tuple[Key, ...]:
    """The runs of whole words as folded phrases, and each prefix by itself."""
    simple = _simple(scope, words)
    if simple is not None:
        return (simple,)
    layer: Layer = "plain" if scope in UNFOLDED else "folded"
    fold = plain_form if scope in UNFOLDED else folded_form
    guards: list[Key] = []
    run: list[str] = []
    for word in words:
        if word.mode != "prefix":
            run.append(fold(word.text))
            continue
        if run:
            guards.append((scope, layer, tuple(run)))
            run = []
        guards.append((scope, None, (word.text,)))
    return (*guards, (scope, layer, tuple(run))) if run else tuple(guards)


LAYERS: tuple[Layer | None, ...] = ("folded", "plain", "exact", None)
ROOTS: dict[tuple[Scope, Layer | None], int] = {
    (scope, layer): number
    for number, (scope, layer) in enumerate((scope, layer) for scope in SCOPES for layer in LAYERS)
}
COMPLEX_ROOT = len(ROOTS)
FIRST_NODE = COMPLEX_ROOT + 1
HEAD = 2
"""Number of first letters by which prefixes are grouped; each prefix has at least so many."""

_LONG = 64


class Atoms:
    """The tree of words: atoms to nodes and back, with the number of uses of each node.

    Each scope and layer has a root; below it each node is a word, and a phrase is a path. Complex atoms are children of a
    root of their own, with their whole text as label. The queries "graph" and "graph neural":

        node    parent          label (word number)    uses
        17      root            1  "graph"             2: the atom, and the longer phrase
        18      17              2  "neural"            1
    """

    def __init__(self, strings: Sequence[str], parents: Ints, labels: Ints, uses: Ints) -> None:
        self.words = {string: word for word, string in enumerate(strings, 1)}
        self.strings: list[str | None] = [None, *strings]
        self.parents = Column(parents)
        self.labels = Column(labels)
        self.uses = Column(uses)
        """By node: the number of literals and child nodes that need it."""
        self.size = len(uses)
        nodes = np.arange(FIRST_NODE, self.size)
        keys = self.parents.array[nodes].astype(np.uint64) << np.uint64(32)
        self.child_nodes = HashMap(keys | self.labels.array[nodes].astype(np.uint64), nodes.astype(np.int32))
        self._word_uses = Column(
            np.bincount(self.labels.array[nodes], minlength=len(self.strings)).astype(np.int32)
        )
        self._free_nodes: list[int] = []
        self._free_words: list[int] = []
        self.changed_words: set[str] = set()
        """Words added or removed since `PaperWords.refresh` last emptied the set."""
        self.changed_prefix_heads: set[tuple[Scope, str]] = set()
        """(scope, head) of prefixes added or removed since then."""
        self._prefixes: dict[tuple[Scope, str], set[str]] = {}
        """Prefixes by scope and head."""
        for root, scope in _SCOPE_OF_PREFIXES.items():
            below = FIRST_NODE + np.flatnonzero(self.parents.array[FIRST_NODE : self.size] == root)
            heads: dict[str, set[str]] = defaultdict(set)
            for prefix in map(strings.__getitem__, (self.labels.array[below] - 1).tolist()):
                heads[prefix[:HEAD]].add(prefix)
            for head, prefixes in heads.items():
                self._prefixes[scope, head] = prefixes

    def obtain(self, atom: Key | Complex) -> int:
        """The node of the atom, created where missing; adds one use."""
        if isinstance(atom, Complex):
            node = self._child(COMPLEX_ROOT, atom.text)
        else:
            scope, layer, words = atom
            node = ROOTS[scope, layer]
            for word in words:
                node = self._child(node, word)
            if layer is None and not self.uses.cells[node]:
                head = scope, words[0][:HEAD]
                self._prefixes.setdefault(head, set()).add(words[0])
                self.changed_prefix_heads.add(head)
        self.uses.cells[node] += 1
        return node

    def release(self, node: int) -> None:
        """Remove one use; nodes without a use are dropped, up to the root."""
        uses, parents = self.uses.cells, self.parents.cells
        uses[node] -= 1
        while not uses[node] and node >= FIRST_NODE:
            parent = parents[node]
            self._drop(parent, node)
            node = parent
            uses[node] -= 1

    def children_of(self, parents: Ints, labels: Ints) -> Ints:
        """The child of each node with the label (not 0) at the same index; NOTHING where there is none."""
        return self.child_nodes.find(parents.astype(np.uint64) << np.uint64(32) | labels.astype(np.uint64))

    def depths(self, nodes: Longs) -> Longs:
        """The number of words of each phrase: its node's distance from the root."""
        depths = np.zeros(len(nodes), dtype=np.int64)
        while (below := nodes >= FIRST_NODE).any():
            depths += below
            nodes = np.where(below, self.parents.array[nodes], nodes)
        return depths

    def is_used(self, root: int) -> bool:
        """True where the root has a child."""
        return self.uses.cells[root] > 0

    def text(self, node: int) -> str:
        """The last word of the node's phrase; the text of a prefix or of a complex atom."""
        string = self.strings[self.labels.cells[node]]
        assert string is not None
        return string

    def prefixes_of(self, scope: Scope, word: str) -> tuple[int, ...]:
        """The nodes of all prefixes of the word in that scope, in no order."""
        candidates = self._prefixes.get((scope, word[:HEAD]))
        if candidates is None:
            return ()
        if len(word) > _LONG:
            prefixes = [prefix for prefix in candidates if word.startswith(prefix)]
        else:
            prefixes = [word[:end] for end in range(HEAD, len(word) + 1) if word[:end] in candidates]
        root = ROOTS[scope, None]
        return tuple([self.child_nodes.get(root << 32 | self.words[prefix]) for prefix in prefixes])

    def _child(self, parent: int, string: str) -> int:
        word = self.words.get(string, 0)
        if word:
            node = self.child_nodes.get(parent << 32 | word)
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
        self.child_nodes.add(parent << 32 | word, node)
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
        self.child_nodes.remove(parent << 32 | word)
        self._free_nodes.append(node)
        string = self.strings[word]
        assert string is not None
        scope = _SCOPE_OF_PREFIXES.get(parent)
        if scope is not None:
            self._forget(scope, string)
        self._word_uses.cells[word] -= 1
        if not self._word_uses.cells[word]:
            del self.words[string]
            self.changed_words.add(string)
            self.strings[word] = None
            self._free_words.append(word)

    def _forget(self, scope: Scope, prefix: str) -> None:
        head = scope, prefix[:HEAD]
        self._prefixes[head].remove(prefix)
        if not self._prefixes[head]:
            del self._prefixes[head]
        self.changed_prefix_heads.add(head)

    def _reserve(self, size: int) -> None:
        for column in (self.parents, self.labels, self.uses):
            column.reserve(size)


_SCOPE_OF_PREFIXES = {number: scope for (scope, layer), number in ROOTS.items() if layer is None}
