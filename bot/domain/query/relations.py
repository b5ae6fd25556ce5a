"""What follows from what: atoms that imply others, and queries that contradict themselves."""

from collections.abc import Iterable

from bot.domain.query.documents import SCOPES
from bot.domain.query.folding import plain_form
from bot.domain.query.language import Atom, Near, Node, Not, Or, Phrase, Word
from bot.domain.query.plurals import singular

MAX_COMPARED = 100_000
"""Pairs of atoms compared within one query; beyond that a contradiction may go unnoticed."""


def implies(first: Atom, second: Atom) -> bool:
    """True where every paper with the first has the second; False also where that is not plain to see."""
    if not set(SCOPES[first.scope]) <= set(SCOPES[second.scope]):
        return False
    if isinstance(first, Near):
        if isinstance(second, Near):
            return (first.left, first.right) == (second.left, second.right) and (
                first.distance <= second.distance
            )
        return _contains(first.left, second.words) or _contains(first.right, second.words)
    return isinstance(second, Phrase) and _contains(first.words, second.words)


def dead_end(node: Node) -> Not | None:
    """An exclusion because of which the node could match nothing; None where none is plain to see."""
    budget = [MAX_COMPARED]
    return _dead_end(node, (), (), budget)


def _dead_end(
    node: Node, wanted: tuple[Atom, ...], unwanted: tuple[Not, ...], budget: list[int]
) -> Not | None:
    match node:
        case Phrase() | Near():
            return _first(((node, no) for no in unwanted), budget)
        case Not():
            return _first(((yes, node) for yes in wanted), budget)
        case Or():
            found = [_dead_end(child, wanted, unwanted, budget) for child in node.children]
            return found[0] if all(found) else None
        case _:
            inner_wanted = wanted + tuple(
                child for child in node.children if isinstance(child, Phrase | Near)
            )
            inner_unwanted = unwanted + tuple(child for child in node.children if isinstance(child, Not))
            deads = (
                _dead_end(child, wanted if isinstance(child, Not) else inner_wanted, inner_unwanted, budget)
                for child in node.children
            )
            return next(filter(None, deads), None)


def _first(pairs: Iterable[tuple[Atom, Not]], budget: list[int]) -> Not | None:
    for atom, no in pairs:
        budget[0] -= 1
        if budget[0] < 0:
            return None
        if implies(atom, no.atom):
            return no
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
