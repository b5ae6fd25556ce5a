"""Needs: conditions on folded words by which a full-text index finds the papers that may match a query, or surely do."""

from collections.abc import Iterable
from typing import NamedTuple

from bot.domain.query.documents import SCOPES, UNFOLDED, Field, Scope
from bot.domain.query.folding import begins_alike, common_beginning, folded_form
from bot.domain.query.syntax import And, Near, Node, Not, Or, Phrase, Word, atoms, words_of

LONGEST_WORD = 100
"""Characters of a word that every full-text index tells apart; words that differ only after them need the evaluation."""
_MOST_SPARED = 16
"""With at most this many terms each is left out in turn to find near misses; with more, every paper is looked at."""


class Term(NamedTuple):
    """Folded words, side by side in one part of one of these fields; with `is_prefix` the last one may go on."""

    fields: tuple[Field, ...]
    text: str
    is_prefix: bool


class AllOf(NamedTuple):
    """Every one of these is needed."""

    needs: tuple["Need", ...]


class AnyOf(NamedTuple):
    """One of these is needed."""

    needs: tuple["Need", ...]


class ButNot(NamedTuple):
    """The first is needed, the second must not be there."""

    need: "Need"
    barred: "Need"


Need = Term | AllOf | AnyOf | ButNot
"""A condition on a paper's folded words, which a full-text index decides exactly."""


class Bounds(NamedTuple):
    """A lower and an upper bound of a query's matches; the evaluation decides only on the papers between them."""

    certain: Need | None
    """Sufficient for a match; None where nothing is."""
    possible: Need | None
    """Necessary for a match; None where any paper may match."""


def bounds_of(node: Node) -> Bounds:
    """The bounds of a node of a query."""
    match node:
        case Not():
            return Bounds(None, None)
        case And():
            return _bounds_of_all(node)
        case Or():
            bounds = [bounds_of(child) for child in node.children]
            certain = [bound.certain for bound in bounds if bound.certain is not None]
            return Bounds(_any_of(certain) if certain else None, _any_of(bound.possible for bound in bounds))
        case Near():
            return Bounds(None, _all_of(_phrase(node.scope, words) for words in (node.left, node.right)))
        case _:
            possible = _phrase(node.scope, node.words)
            return Bounds(possible if _is_decided(node) else None, possible)


def need_of(node: Node) -> Need | None:
    """The condition that every match of the node meets; None where any paper may match."""
    return bounds_of(node).possible


def need_but_for_one(node: Node) -> Need | None:
    """`need_of` for papers that match the node, or would if they had one more of its terms."""
    match node:
        case And() if len(node.children) <= _MOST_SPARED:
            needs = [need_of(child) for child in node.children]
            lacking = [need_but_for_one(child) for child in node.children]
            return _any_of(
                _all_of((*needs[:number], lacking[number], *needs[number + 1 :]))
                for number in range(len(needs))
            )
        case Or():
            return _any_of(map(need_but_for_one, node.children))
        case _:
            return None


def need_of_something(node: Node) -> Need | None:
    """`need_of` for papers that have any word of the node, or a longer word that begins with one."""
    return _any_of(
        _term(atom.scope, word, begins=word.mode != "exact")
        for atom in atoms(node)
        for word in words_of(atom)
    )


def _bounds_of_all(node: And) -> Bounds:
    wanted = [bounds_of(child) for child in node.children if not isinstance(child, Not)]
    barred = [bounds_of(child.atom) for child in node.children if isinstance(child, Not)]
    possible = _all_of(bound.possible for bound in wanted)
    certain = _all_of(bound.certain for bound in wanted)
    if any(bound.certain is None for bound in wanted) or any(bound.possible is None for bound in barred):
        certain = None
    for bound in barred:
        if possible is not None and bound.certain is not None:
            possible = ButNot(possible, bound.certain)
        if certain is not None and bound.possible is not None:
            certain = ButNot(certain, bound.possible)
    return Bounds(certain, possible)


def _is_decided(phrase: Phrase) -> bool:
    """True where a paper with the phrase's folded words side by side always matches the phrase."""
    *firsts, last = phrase.words
    if any(len(word.text) > LONGEST_WORD for word in phrase.words):
        return False
    if last.mode != "prefix":
        firsts.append(last)
    elif not begins_alike(last.text):
        return False
    return all(word.mode == "folded" for word in firsts) and not (firsts and phrase.scope in UNFOLDED)


def _phrase(scope: Scope, words: tuple[Word, ...]) -> Need | None:
    """The need of a phrase: one term, unless a prefix stands before its last word."""
    terms = [_term(scope, word, begins=word.mode == "prefix") for word in words]
    known = [term for term in terms if term is not None]
    if len(known) < len(terms) or any(term.is_prefix for term in known[:-1]):
        return _all_of(known)
    return Term(SCOPES[scope], " ".join([term.text for term in known]), known[-1].is_prefix)


def _term(scope: Scope, word: Word, *, begins: bool) -> Term | None:
    if not begins:
        text = folded_form(word.text)
    else:
        text = word.text if word.mode == "prefix" and begins_alike(word.text) else common_beginning(word.text)
    return Term(SCOPES[scope], text, begins) if text else None


def _all_of(needs: Iterable[Need | None]) -> Need | None:
    known = tuple(dict.fromkeys(need for need in needs if need is not None))
    return AllOf(known) if len(known) > 1 else known[0] if known else None


def _any_of(needs: Iterable[Need | None]) -> Need | None:
    known = tuple(dict.fromkeys(needs))
    if None in known:
        return None
    needed = tuple(need for need in known if need is not None)
    return AnyOf(needed) if len(needed) > 1 else needed[0]
