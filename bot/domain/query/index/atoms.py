"""A query as clauses, and its atoms as what can be looked up: the part of the index that needs no numbers.

A query is any of its clauses; a clause is all of its literals, of which one at least is not negated. An
atom is *simple* where a look-up of words finds it: a phrase of one layer, or one beginning of a word. Every
other atom is *complex*: its *guards*, clauses of simple atoms, hold wherever it does, and where they hold
the plain evaluation decides. So does it for a whole query that would have too many clauses.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bot.domain.query.documents import SCOPES, UNFOLDED, Scope
from bot.domain.query.folding import Layer, folded_form, plain_form
from bot.domain.query.index.arrays import NOTHING, Column, HashMap, Ints, Longs
from bot.domain.query.language import (
    LAYER_OF_MODE,
    And,
    Atom,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Word,
    matches_nothing_said,
)

MAX_CLAUSES = 64
MAX_LITERALS = 32

Key = tuple[Scope, Layer | None, tuple[str, ...]]
"""A simple atom: the words of a phrase in a layer, or without a layer the beginning of a plain word."""


class Complex(NamedTuple):
    """What takes a second look; `text` is its canonical spelling.

    With a `distance` it is NEAR of two simple atoms, which are its one guard; without, the plain evaluation
    must decide.
    """

    text: str
    guards: tuple[tuple[Key, ...], ...]
    distance: int = 0


Literal = tuple[Key | Complex, bool]
"""An atom of a clause; True where it must not hold."""

_Leaves = tuple[Phrase | Near | Not, ...]

Clause = tuple[Literal, ...]


def clauses_of(root: Node) -> tuple[Clause, ...]:
    """The clauses of a query; one that contradicts itself may be among them.

    ValueError where the query only excludes: it would match what has none of its words.
    """
    if matches_nothing_said(root):
        raise ValueError(f"{root} only excludes")
    found = _clauses(root)
    if found is None:
        return (((Complex(str(root), guards_of(root)), False),),)
    return tuple([tuple([_literal(leaf) for leaf in clause]) for clause in found])


def guards_of(node: Node) -> tuple[tuple[Key, ...], ...]:
    """Clauses of simple atoms, one of which holds wherever the node does; empty where nothing is so sure."""
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
            sure = filter(None, map(guards_of, node.children))
            return min(sure, key=lambda guards: (len(guards), -sum(map(len, guards))), default=())
        case _:
            each = tuple(map(guards_of, node.children))
            return tuple(dict.fromkeys(guard for guards in each for guard in guards)) if all(each) else ()


def _clauses(node: Node) -> list[_Leaves] | None:
    """Clauses of leaves; None where they would be too many or too long."""
    if isinstance(node, And):
        return _products(node)
    if not isinstance(node, Or):
        return [(node,)]
    found: list[_Leaves] = []
    for child in node.children:
        more = _clauses(child)
        if more is None or len(found) + len(more) > MAX_CLAUSES:
            return None
        found += more
    return found


def _products(node: And) -> list[_Leaves] | None:
    """One clause for each choice among the alternatives that the node joins."""
    found: list[_Leaves] = [tuple([child for child in node.children if not isinstance(child, And | Or)])]
    for child in node.children:
        if isinstance(child, Or):
            more = _clauses(child)
            if more is None or len(found) * len(more) > MAX_CLAUSES:
                return None
            found = [(*one, *(leaf for leaf in other if leaf not in one)) for one in found for other in more]
    if max(map(len, found)) > MAX_LITERALS:
        return None
    return found if len(found) == 1 else _shortest(found)


def _shortest(clauses: list[_Leaves]) -> list[_Leaves]:
    """The clauses without those that ask for more than another one does."""
    kept: dict[frozenset[Phrase | Near | Not], _Leaves] = {}
    for clause in sorted(clauses, key=len):
        leaves = frozenset(clause)
        if not any(other <= leaves for other in kept):
            kept[leaves] = clause
    return list(kept.values())


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
    """The runs of whole words as folded phrases, and each beginning by itself."""
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
        self.nodes_by_edge = HashMap(
            keys | self.labels.array[nodes].astype(np.uint64), nodes.astype(np.int32)
        )
        self._word_uses = Column(
            np.bincount(self.labels.array[nodes], minlength=len(self.strings)).astype(np.int32)
        )
        self._free_nodes: list[int] = []
        self._free_words: list[int] = []
        self.changed_words: set[str] = set()
        """Words that came or went; who looks after them empties the set."""
        self.changed_prefix_heads: set[tuple[Scope, str]] = set()
        """Likewise where beginnings came or went."""
        self._prefixes: dict[tuple[Scope, str], set[str]] = {}
        """By scope and head."""
        for root, scope in _SCOPE_OF_BEGINNINGS.items():
            below = FIRST_NODE + np.flatnonzero(self.parents.array[FIRST_NODE : self.size] == root)
            heads: dict[str, set[str]] = defaultdict(set)
            for beginning in map(strings.__getitem__, (self.labels.array[below] - 1).tolist()):
                heads[beginning[:HEAD]].add(beginning)
            for head, beginnings in heads.items():
                self._prefixes[scope, head] = beginnings

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
                self._prefixes.setdefault(head, set()).add(words[0])
                self.changed_prefix_heads.add(head)
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

    def prefixes_of(self, scope: Scope, word: str) -> tuple[int, ...]:
        """The nodes of all beginnings in that scope that the word has."""
        among = self._prefixes.get((scope, word[:HEAD]))
        if among is None:
            return ()
        if len(word) > _LONG:
            begun = [beginning for beginning in among if word.startswith(beginning)]
        else:
            begun = [word[:end] for end in range(HEAD, len(word) + 1) if word[:end] in among]
        root = ROOTS[scope, None]
        return tuple([self.nodes_by_edge.get(root << 32 | self.words[beginning]) for beginning in begun])

    def _below(self, parent: int, string: str) -> int:
        word = self.words.get(string, 0)
        if word:
            node = self.nodes_by_edge.get(parent << 32 | word)
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
        self.nodes_by_edge.add(parent << 32 | word, node)
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
        self.nodes_by_edge.remove(parent << 32 | word)
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
        self._prefixes[head].remove(beginning)
        if not self._prefixes[head]:
            del self._prefixes[head]
        self.changed_prefix_heads.add(head)

    def _reserve(self, size: int) -> None:
        for column in (self.parents, self.labels, self.uses):
            column.reserve(size)


_SCOPE_OF_BEGINNINGS = {number: scope for (scope, layer), number in ROOTS.items() if layer is None}
