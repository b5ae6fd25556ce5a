"""A query's words looked for in a text as it is written, which need not be folded then.

Most texts are *sure*: their words are of ASCII letters and digits, or signs of scripts without blanks that
fold to themselves. There the words of most queries have a handful of spellings, and an expression finds
exactly what a comparison of folded words does.
"""

import re
from collections.abc import Callable, Iterator
from itertools import takewhile
from typing import Protocol

from bot.domain.query.folding import MARKS, UNSPACED
from bot.domain.query.language import Word
from bot.domain.query.plurals import spellings

_LETTER = "[a-zA-Z0-9]"
_GAP = "[\\W_]"
"""Between words of a sure text."""
_POSSESSIVE = "(?:'[sS])?"
_SIGN = "(?:\\+\\+|\\#)?"
"""What belongs to a word as it is written."""

_UNSURE = re.compile(
    f"[^\\W{UNSPACED}]|[{MARKS}\uff07"
    "\u0e80-\u0eff\u2e80-\u2fdf\u3031-\u303f\u3130\ud7a4-\ud7ff\uf900-\ufaff\uff66-\uffdf"
    "\U0001b000-\U0001b2ff\U00020000-\U0003ffff]"
)
"""Of the signs that are not ASCII: letters, what stands inside words, and what may fold to another sign."""
_COLOURED = re.compile("(?<=[\u2600-\u2712\U0001f300-\U0001faff])\ufe0f")
"""Makes the picture before it a coloured one; by far the most common of the signs above."""
_ASCII = re.compile("[\x00-\x7f]+")
_JOINED = re.compile(f"'(?<={_LETTER}')(?![sS](?!{_LETTER}|['+#]))'*{_LETTER}")
"""An apostrophe inside a word that is no possessive one at its end."""

_UNLIKE_THEIR_SPELLING = frozenset("scgfj")
"""`s` is no word in `cat's`, nor `c` in `C++`."""
_IDEOGRAPH = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")


def sure(text: str) -> str | None:
    """The text, sign for sign, with one kind of apostrophe; None where folding alone tells its words."""
    text = text.replace("\u2019", "'")
    if not text.isascii():
        others = _ASCII.sub(" ", text)
        if _UNSURE.search(others) and _UNSURE.search(_COLOURED.sub("", others)):
            return None
    return None if "'" in text and _JOINED.search(text) else text


class Spelling(Protocol):
    """How some words side by side may be written."""

    caseless: bool
    """True where it is to be looked for in the text in lower case."""

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        """Start and end of each place in a sure text, in order; possessive endings are left out."""


def spelling_of(words: tuple[Word, ...]) -> Spelling | None:
    """How the words may be written in sure texts; None where that cannot be told."""
    forms = [_forms(word) for word in words]
    if not all(forms):
        return None
    caseless = not any(word.mode == "exact" for word in words)
    return (_One if len(words) == 1 else _Several)(
        _expression(words, forms, caseless=caseless), caseless=caseless
    )


def _forms(word: Word) -> frozenset[str]:
    if _IDEOGRAPH.fullmatch(word.text):
        return frozenset({word.text})
    if not (word.text.isascii() and word.text.isalnum()):
        return frozenset()
    forms = spellings(word.text) if word.mode == "folded" else frozenset({word.text})
    return frozenset() if any(form.lower() in _UNLIKE_THEIR_SPELLING for form in forms) else forms


def _expression(words: tuple[Word, ...], forms: list[frozenset[str]], *, caseless: bool) -> str:
    written = ""
    before = None
    for word, some in zip(words, forms, strict=True):
        ideograph = bool(_IDEOGRAPH.fullmatch(word.text))
        if before is not None:
            written += f"{'' if before else _POSSESSIVE}{_GAP}{'*' if before or ideograph else '+'}"
        letters = word.text if ideograph else _lettered(some, longer=word.mode == "prefix")
        written += letters if caseless or word.mode == "exact" else f"(?i:{letters})"
        before = ideograph
    return written if before else written + _SIGN


def _lettered(forms: frozenset[str], *, longer: bool) -> str:
    """The common letters come first: where an expression begins with letters, it is found sooner."""
    shared = takewhile(lambda signs: len(set(signs)) == 1, zip(*forms, strict=False))
    common = "".join(signs[0] for signs in shared)
    endings = "|".join(sorted(form.removeprefix(common) for form in forms))
    return f"{common}(?<!{_LETTER}{common})(?:{endings}){f'{_LETTER}*' if longer else ''}(?!{_LETTER})"


class _One:
    def __init__(self, expression: str, *, caseless: bool) -> None:
        self.caseless = caseless
        self._each: Callable[[str], Iterator[re.Match[str]]] = re.compile(expression).finditer

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        return map(re.Match.span, self._each(text))


class _Several:
    """Two places may overlap."""

    def __init__(self, expression: str, *, caseless: bool) -> None:
        self.caseless = caseless
        self._search = re.compile(expression).search

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        found = self._search(text)
        while found:
            yield found.span()
            found = self._search(text, found.start() + 1)
