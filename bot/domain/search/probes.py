"""A cheap look at a paper's raw text before a dear one: which queries can certainly not match it.

A probe never misses what the evaluation finds, but lets much pass that it does not: whatever it cannot be
sure of counts as there. It spares taking a paper apart into words.
"""

import re
from collections.abc import Callable, Sequence

from bot.domain.query.folding import plain_form
from bot.domain.query.language import And, Atom, Node, Not, Or, Phrase, Word
from bot.domain.query.plurals import beginnings

Probe = Callable[[str], bool]
"""Takes a text made ready by `probed`; false where it certainly has nothing of the kind."""
Count = Callable[[str], int]

_ODD = re.compile(
    "[\u00aa\u00ad\u00b2-\u00b6\u00b8-\u00d6\u00d8-\u024f\u02b0-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a"
    "\u061c\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u1ab0-\u1eff\u200b-\u200f"
    "\u202a-\u202e\u2060-\u209f\u20d0-\u218b\u2460-\u24ff\u2c60-\u2c7f\u3200-\u33ff\ua720-\ua7ff\uab30-\uab6f"
    "\ufb00-\ufb06\ufe00-\ufe0f\ufe20-\ufe2f\ufeff\uff07\uff10-\uff5a\U0001d400-\U0001d7ff"
    "\U00010780-\U000107bf\U0001f100-\U0001f1ff\U0001fbf0-\U0001fbf9"
    "\u2e80-\u2fdf\u3038-\u303a\u3190-\u319f\uf900-\ufaff\U0001f200-\U0001f2ff\U0002f800-\U0002fa1f]"
)
"""Signs that fold to ASCII letters or to ideographs, or vanish from words: accents, ligatures, styled letters,
joiners, radicals.
"""
_ASCII = re.compile("[\x00-\x7f]+")
_PICTURE = "\ufe0f"
"""Makes the sign before it a picture; by far the most common odd sign, and it folds to nothing."""
_APOSTROPHES = ("'", "\u2019")
_LETTERS = "a-z0-9"
_IDEOGRAPHS = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]+")


def probed(text: str) -> str | None:
    """The text in the form that probes take; None where no probe can be sure of anything in it."""
    text = text.lower()
    for sign in (*_APOSTROPHES, _PICTURE):
        text = text.replace(sign, "")
    return text if text.isascii() or not _ODD.search(_ASCII.sub("", text)) else None


def least_lacking(node: Node) -> Count:
    """At least so many terms keep a paper with that text from matching; counted as `missing` counts."""
    match node:
        case Not():
            return lambda _text: 0
        case And():
            parts = tuple(map(least_lacking, node.children))
            return lambda text: sum(part(text) for part in parts)
        case Or():
            return _least(tuple(map(least_lacking, node.children)))
        case _:
            words = tuple(map(_has_word, _words(node)))
            return lambda text: 0 if all(has(text) for has in words) else 1


def _least(counts: tuple[Count, ...]) -> Count:
    def least(text: str) -> int:
        found = counts[0](text)
        for count in counts[1:]:
            if not found:
                break
            found = min(found, count(text))
        return found

    return least


def one_of(found: Sequence[Atom]) -> Probe:
    """Whether a word of one of the atoms could stand in the text."""
    words = tuple(_has_word(word) for word in dict.fromkeys(word for atom in found for word in _words(atom)))
    return lambda text: any(has(text) for has in words)


def _words(atom: Atom) -> tuple[Word, ...]:
    return atom.words if isinstance(atom, Phrase) else atom.left + atom.right


def _has_word(word: Word) -> Probe:
    """Whether one of the word's possible beginnings stands where a word begins."""
    needles = _needles(word)
    if all(map(_IDEOGRAPHS.fullmatch, needles)):
        return lambda text: any(needle in text for needle in needles)
    if not all(needle and needle.isascii() for needle in needles):
        return lambda _text: True
    search = re.compile(
        "|".join(f"{needle}(?<![{_LETTERS}]{needle})" for needle in map(re.escape, needles))
    ).search
    return lambda text: any(needle in text for needle in needles) and search(text) is not None


def _needles(word: Word) -> frozenset[str]:
    if word.mode == "folded":
        return beginnings(word.text)
    return frozenset({word.text if word.mode == "prefix" else plain_form(word.text)})
