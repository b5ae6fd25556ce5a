"""Which query brings nothing that another one does not bring as well."""

from bot.domain.query import Query, implies
from bot.domain.query.language import And, Near, Node, Not, Or, Phrase

MAX_COMPARED = 10_000
"""Pairs of terms compared for two queries; beyond that the answer is no."""


def contained(first: Query, second: Query) -> bool:
    """True where whatever the first matches the second matches too; false also where that is not plain to see."""
    return _implies(first.root, second.root, [MAX_COMPARED])


def _implies(first: Node, second: Node, budget: list[int]) -> bool:
    budget[0] -= 1
    if budget[0] < 0:
        return False
    if isinstance(first, Or):
        return all(_implies(child, second, budget) for child in first.children)
    if isinstance(second, And):
        return all(_implies(first, child, budget) for child in second.children)
    weaker = first.children if isinstance(first, And) else ()
    stronger = second.children if isinstance(second, Or) else ()
    return (
        _atom_implies(first, second)
        or any(_implies(child, second, budget) for child in weaker)
        or any(_implies(first, child, budget) for child in stronger)
    )


def _atom_implies(first: Node, second: Node) -> bool:
    if first == second:
        return True
    if isinstance(first, Not) and isinstance(second, Not):
        return implies(second.atom, first.atom)
    return isinstance(first, Phrase | Near) and isinstance(second, Phrase | Near) and implies(first, second)
