"""Syntax tree of a query, and its logic: which atoms and queries imply or contradict others.

    Query ── root: Node
    Node = Phrase    words side by side, in one scope
         | Near      two phrases at most `distance` words apart, in any order
         | Not       of a Phrase or Near: negations are pushed down to the atoms
         | And | Or  of two or more different nodes, never of their own kind, in canonical order

Queries with the same tree are equal, however they were written.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from bot.domain.query.documents import SCOPES, Scope
from bot.domain.query.folding import Layer, plain_form, singular

MAX_COMPARED = 100_000
"""Most pairs of atoms compared within one query; beyond that a contradiction may go unnoticed."""
MAX_CONTAINMENT_STEPS = 10_000
"""Most pairs of nodes compared for two queries; beyond that `contained` gives False."""

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
    """Words side by side. `written` is the part of the query's text that begins at `position`."""

    scope: Scope
    words: tuple[Word, ...]
    written: str = field(compare=False)
    position: int = field(compare=False)

    def __str__(self) -> str:
        return _scoped(self.scope, _side_by_side(self.words))


@dataclass(frozen=True, kw_only=True, slots=True)
class Near:
    """Two phrases that do not overlap, in any order: the first word of the later one stands at most `distance` words after
    the last word of the earlier one.
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


def words_of(atom: Atom) -> tuple[Word, ...]:
    """The words of an atom; of a NEAR the left ones, then the right ones."""
    return atom.words if isinstance(atom, Phrase) else atom.left + atom.right


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

    `text` is what was written; `small_operators` are words such as `or` that were perhaps meant as operators.
    """

    root: Node
    text: str = field(compare=False)
    small_operators: tuple[str, ...] = field(default=(), compare=False)

    @property
    def canonical(self) -> str:
        """The query in one fixed spelling: parsing it gives an equal query."""
        return str(self.root)


def atoms(node: Node) -> Iterator[Atom]:
    """Every phrase and NEAR of the tree that is not excluded, in written order."""
    wanted = (leaf for leaf in leaves(node) if not isinstance(leaf, Not))
    return iter(sorted(wanted, key=lambda atom: atom.position))


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


def lone_exclusion(node: Node) -> Not | None:
    """An exclusion by which alone the node matches, also papers with none of its words; None where there is none."""
    match node:
        case Not():
            return node
        case Or():
            return next(filter(None, map(lone_exclusion, node.children)), None)
        case And():
            exclusions = tuple(map(lone_exclusion, node.children))
            return exclusions[0] if all(exclusions) else None
        case _:
            return None


def leaves(node: Node) -> Iterator[Phrase | Near | Not]:
    """Every phrase, NEAR and exclusion of the tree."""
    if isinstance(node, And | Or):
        for child in node.children:
            yield from leaves(child)
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


def implies(first: Atom, second: Atom) -> bool:
    """True where every paper with the first has the second. False may be wrong: only simple cases are recognised."""
    if not set(SCOPES[first.scope]) <= set(SCOPES[second.scope]):
        return False
    if isinstance(first, Near):
        if isinstance(second, Near):
            return (first.left, first.right) == (second.left, second.right) and (
                first.distance <= second.distance
            )
        return _contains(first.left, second.words) or _contains(first.right, second.words)
    return isinstance(second, Phrase) and _contains(first.words, second.words)


def contradiction(node: Node) -> Not | None:
    """An exclusion because of which the node could match nothing; None where none was found."""
    budget = [MAX_COMPARED]
    return _contradiction(node, (), (), budget)


def _contradiction(
    node: Node, wanted: tuple[Atom, ...], unwanted: tuple[Not, ...], budget: list[int]
) -> Not | None:
    match node:
        case Phrase() | Near():
            return _first_contradicted(((node, exclusion) for exclusion in unwanted), budget)
        case Not():
            return _first_contradicted(((atom, node) for atom in wanted), budget)
        case Or():
            exclusions = [_contradiction(child, wanted, unwanted, budget) for child in node.children]
            return exclusions[0] if all(exclusions) else None
        case _:
            inner_wanted = wanted + tuple(
                child for child in node.children if isinstance(child, Phrase | Near)
            )
            inner_unwanted = unwanted + tuple(child for child in node.children if isinstance(child, Not))
            contradictions = (
                _contradiction(
                    child, wanted if isinstance(child, Not) else inner_wanted, inner_unwanted, budget
                )
                for child in node.children
            )
            return next(filter(None, contradictions), None)


def _first_contradicted(pairs: Iterable[tuple[Atom, Not]], budget: list[int]) -> Not | None:
    """The first exclusion that the atom beside it implies; None also where the budget is used up."""
    for atom, exclusion in pairs:
        budget[0] -= 1
        if budget[0] < 0:
            return None
        if implies(atom, exclusion.atom):
            return exclusion
    return None


def _contains(words: tuple[Word, ...], part: tuple[Word, ...]) -> bool:
    return any(all(map(_word_implies, words[start:], part)) for start in range(len(words) - len(part) + 1))


def _word_implies(first: Word, second: Word) -> bool:
    if first == second:
        return True
    if first.mode == "folded" or second.mode == "exact":
        return False
    plain = plain_form(first.text)
    if second.mode == "prefix":
        return plain.startswith(second.text)
    if first.mode == "prefix":
        return False
    return (singular(plain) if second.mode == "folded" else plain) == second.text


def contained(first: Query, second: Query) -> bool:
    """True where the second query matches every paper that the first matches. False may be wrong: only simple cases are
    recognised.
    """
    return _node_implies(first.root, second.root, [MAX_CONTAINMENT_STEPS])


def _node_implies(first: Node, second: Node, budget: list[int]) -> bool:
    budget[0] -= 1
    if budget[0] < 0:
        return False
    if isinstance(first, Or):
        return all(_node_implies(child, second, budget) for child in first.children)
    if isinstance(second, And):
        return all(_node_implies(first, child, budget) for child in second.children)
    weaker = first.children if isinstance(first, And) else ()
    stronger = second.children if isinstance(second, Or) else ()
    return (
        _atom_implies(first, second)
        or any(_node_implies(child, second, budget) for child in weaker)
        or any(_node_implies(first, child, budget) for child in stronger)
    )


def _atom_implies(first: Node, second: Node) -> bool:
    if first == second:
        return True
    if isinstance(first, Not) and isinstance(second, Not):
        return implies(second.atom, first.atom)
    return isinstance(first, Phrase | Near) and isinstance(second, Phrase | Near) and implies(first, second)
