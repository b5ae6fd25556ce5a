"""Needs: folded words by which a full-text index tells which papers may match a query, and which certainly do."""

from collections.abc import Iterable
from typing import NamedTuple

from bot.domain.query.documents import SCOPES, UNFOLDED, Field, Scope
from bot.domain.query.folding import begins_alike, common_beginning, folded_form
from bot.domain.query.syntax import And, Near, Node, Not, Or, Phrase, Word, atoms, words_of

LONGEST_WORD = 100
"""Signs of a word that every full-text index distinguishes; the evaluation distinguishes longer words."""
_MOST_SPARED = 16
"""Of so many terms each is left out in turn; with more, any paper may lack but one."""


class Term(NamedTuple):
    """Folded words, one after the other in one part of any of these fields; of the last one perhaps the beginning alone."""

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
"""Folded words that a paper must have. A full-text index gives exactly the papers that have them."""


class Bounds(NamedTuple):
    """Two needs of a query: the evaluation has to decide only of papers that may, but do not certainly match."""

    certain: Need | None
    """Every paper that has this matches; None where that is known of no paper."""
    possible: Need | None
    """Every paper that matches has this; None where any paper may match."""


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
    """The folded words that every paper matching the node has; None where that may be any paper."""
    return bounds_of(node).possible


def need_but_for_one(node: Node) -> Need | None:
    """As `need_of`, for papers that match the node or lack one term for it."""
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
    """As `need_of`, for papers that have any word of the node, or a longer one that begins like it."""
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
    """True where a paper that has the phrase's folded words has the phrase."""
    *firsts, last = phrase.words
    if any(len(word.text) > LONGEST_WORD for word in phrase.words):
        return False
    if last.mode != "prefix":
        firsts.append(last)
    elif not begins_alike(last.text):
        return False
    return all(word.mode == "folded" for word in firsts) and not (firsts and phrase.scope in UNFOLDED)


def _phrase(scope: Scope, words: tuple[Word, ...]) -> Need | None:
    """The folded words that every paper with the phrase has: as one term unless a beginning stands amid them."""
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
