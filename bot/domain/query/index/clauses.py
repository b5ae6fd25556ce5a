"""A query as clauses, and its atoms as what can be looked up: the part of the index that needs no numbers.

A query is any of its clauses; a clause is all of its literals, of which one at least is not negated. An
atom is *simple* where a look-up of words finds it: a phrase of one layer, or one beginning of a word. Every
other atom is *complex*: its *guards*, clauses of simple atoms, hold wherever it does, and where they hold
the plain evaluation decides. So does it for a whole query that would have too many clauses.
"""

from typing import NamedTuple

from bot.domain.query.documents import UNFOLDED, Scope
from bot.domain.query.folding import Layer, folded_form, plain_form
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
