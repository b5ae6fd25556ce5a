"""The syntax tree of a query.

    Query ── root: Node
    Node = Phrase    words side by side, in one scope
         | Near      two phrases at most so many words apart, in any order
         | Not       of a Phrase or Near: exclusions are pushed down to what they exclude
         | And | Or  of two or more different nodes, never of their own kind, in canonical order

Two queries that were written differently but say the same by these rules are equal.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from bot.domain.query.documents import Scope
from bot.domain.query.folding import Layer

Mode = Literal["folded", "plain", "exact", "prefix"]
"""How a word is compared: in any number, without plural folding, to the letter, or by its beginning."""

LAYER_OF_MODE: dict[Mode, Layer] = {
    "folded": "folded",
    "plain": "plain",
    "exact": "exact",
    "prefix": "plain",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """One word of a query in the form of its mode's layer."""

    text: str
    mode: Mode

    def __str__(self) -> str:
        if self.mode == "exact":
            return f'="{self.text}"'
        return f"{self.text}*" if self.mode == "prefix" else self.text


@dataclass(frozen=True, kw_only=True, slots=True)
class Phrase:
    """Words side by side. `written` are the query's own letters, found at `position`."""

    scope: Scope
    words: tuple[Word, ...]
    written: str = field(compare=False)
    position: int = field(compare=False)

    def __str__(self) -> str:
        return _scoped(self.scope, _side_by_side(self.words))


@dataclass(frozen=True, kw_only=True, slots=True)
class Near:
    """Two phrases that do not overlap, in any order, the one's first word at most `distance` words
    after the other's last.
    """

    scope: Scope
    left: tuple[Word, ...]
    right: tuple[Word, ...]
    distance: int
    written: str = field(compare=False)
    position: int = field(compare=False)

    def __str__(self) -> str:
        both = f"{_side_by_side(self.left)} NEAR/{self.distance} {_side_by_side(self.right)}"
        return _scoped(self.scope, f"({both})" if self.scope else both)


Atom = Phrase | Near


@dataclass(frozen=True, kw_only=True, slots=True)
class Not:
    """True where the atom is not found."""

    atom: Atom

    def __str__(self) -> str:
        inner = str(self.atom)
        return f"NOT ({inner})" if isinstance(self.atom, Near) else f"NOT {inner}"


@dataclass(frozen=True, kw_only=True, slots=True)
class And:
    """True where all children are."""

    children: tuple["Node", ...]

    def __str__(self) -> str:
        return " AND ".join(f"({child})" if isinstance(child, Or) else str(child) for child in self.children)


@dataclass(frozen=True, kw_only=True, slots=True)
class Or:
    """True where at least one child is."""

    children: tuple["Node", ...]

    def __str__(self) -> str:
        return " OR ".join(map(str, self.children))


Node = Phrase | Near | Not | And | Or


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """A query that can match something. Equal queries match the same papers.

    `text` is what was written; `hints` are remarks for the person who wrote it.
    """

    root: Node
    text: str = field(compare=False)
    hints: tuple[str, ...] = field(default=(), compare=False)

    @property
    def canonical(self) -> str:
        """The query in one fixed spelling: parsing it gives an equal query."""
        return str(self.root)


def atoms(node: Node) -> Iterator[Atom]:
    """Every phrase and NEAR of the tree that is not excluded, in written order."""
    found = (leaf for leaf in _leaves(node) if not isinstance(leaf, Not))
    return iter(sorted(found, key=lambda atom: atom.position))


def both(nodes: tuple[Node, ...]) -> Node:
    """All of the nodes, flattened, without repeats."""
    return _combined(And, nodes)


def either(nodes: tuple[Node, ...]) -> Node:
    """Any of the nodes, flattened, without repeats."""
    return _combined(Or, nodes)


def negated(node: Node) -> Node:
    """The node's opposite, with the exclusions at the atoms (De Morgan)."""
    match node:
        case Not():
            return node.atom
        case And():
            return either(tuple(map(negated, node.children)))
        case Or():
            return both(tuple(map(negated, node.children)))
        case _:
            return Not(atom=node)


def matches_nothing_said(node: Node) -> Not | None:
    """The exclusion that lets the node match a paper with none of its words; None where there is none."""
    match node:
        case Not():
            return node
        case Or():
            return next(filter(None, map(matches_nothing_said, node.children)), None)
        case And():
            found = tuple(map(matches_nothing_said, node.children))
            return found[0] if all(found) else None
        case _:
            return None


def _leaves(node: Node) -> Iterator[Phrase | Near | Not]:
    if isinstance(node, And | Or):
        for child in node.children:
            yield from _leaves(child)
    else:
        yield node


def _combined(kind: type[And] | type[Or], nodes: tuple[Node, ...]) -> Node:
    flat: dict[Node, None] = {}
    for node in nodes:
        flat.update(dict.fromkeys(node.children if isinstance(node, kind) else (node,)))
    if len(flat) == 1:
        return next(iter(flat))
    return kind(children=tuple(sorted(flat, key=_order)))


def _order(node: Node) -> tuple[bool, str]:
    return isinstance(node, Not), str(node)


def _side_by_side(words: tuple[Word, ...]) -> str:
    pieces: list[str] = []
    quoted: list[str] = []
    for word in words:
        if word.mode == "plain":
            quoted.append(word.text)
            continue
        if quoted:
            pieces.append(f'"{" ".join(quoted)}"')
            quoted = []
        pieces.append(str(word))
    if quoted:
        pieces.append(f'"{" ".join(quoted)}"')
    return " ".join(pieces)


def _scoped(scope: Scope, text: str) -> str:
    return f"{scope}:{text}" if scope else text
