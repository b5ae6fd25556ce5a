"""Text to words: where words begin and end, and the forms in which two spellings of one word are equal.

A word is a run of letters and digits of any script; everything else (blank, hyphen, slash, bracket,
full stop) only parts words. An apostrophe joins (`don't`), a possessive `'s` is left out, `C++` and
`C#` keep their signs. Scripts written without blanks (Chinese, Japanese, Korean, Thai …) give one word
per character, so that a phrase finds them anywhere.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable
from typing import Literal

from bot.domain.query.plurals import PLURAL_RULES, singular

Layer = Literal["folded", "plain", "exact"]
"""`exact`: the letters as written; `plain`: without case, accents and width; `folded`: singular too."""

UNSPACED = (
    "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e50-\u0e59"  # Thai
    "\u0e81-\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6\u0ed0-\u0edf"  # Lao
    "\u1000-\u102a\u103f-\u1049\u1050-\u1055"  # Myanmar
    "\u1100-\u11ff\u1780-\u17b3\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u303c"  # Jamo, Khmer, radicals
    "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u318e\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97c\uac00-\ud7fb\uf900-\ufaff\uff66-\uffdc"
    "\U0001b000-\U0001b2ff\U00020000-\U0003ffff"
)
MARKS = (
    "\u00ad\u034f\u061c\u200c-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff"  # no sign
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a"
    "\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u0711\u0730-\u074a\u07eb-\u07f3"
    "\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963\u0981-\u0983\u09bc-\u09cd\u09d7\u0a01-\u0a03"
    "\u0a3c-\u0a51\u0a70\u0a71\u0a81-\u0a83\u0abc-\u0acd\u0b01-\u0b03\u0b3c-\u0b57\u0b82\u0bbe-\u0bd7"
    "\u0c00-\u0c04\u0c3c-\u0c56\u0c81-\u0c83\u0cbc-\u0cd6\u0d00-\u0d03\u0d3b-\u0d4d\u0d57\u0d82\u0d83"
    "\u0dca-\u0ddf\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd\u0f71-\u0f84"
    "\u102b-\u103e\u1056-\u1059\u17b4-\u17d3\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\u3099\u309a"
    "\ufe20-\ufe2f"
)
"""Signs inside a word that are no letters: combining marks, soft hyphen, joiners and direction marks."""

_ACCENTS = re.compile(
    "[\u00ad\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u061c\u0640\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u1ab0-\u1aff\u1dc0-\u1dff\u200b-\u200f\u202a-\u202e\u2060-\u2069"
    "\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\ufeff]+"
)
"""Marks of alphabets where the bare letter is the same word; the vowel signs of other scripts stay."""

_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
"""Latin letters with a stroke or a ligature, which Unicode does not take apart."""

_APOSTROPHES = "'\u2019\u02bc\uff07"
_WORD = f"[^\\W_{_APOSTROPHES}{UNSPACED}]"
_TOKEN = re.compile(f"(?:{_WORD}+(?:[{MARKS}{_APOSTROPHES}]+{_WORD}+)*(?:\\+\\+|#)?|[{UNSPACED}])[{MARKS}]*")
_ASCII_TOKEN = re.compile(r"[a-zA-Z0-9]+(?:'+[a-zA-Z0-9]+)*(?:\+\+|#)?")
"""What `_TOKEN` finds in ASCII text."""
_UNSPACED_SIGN = re.compile(f"[{UNSPACED}]")
_POSSESSIVE = re.compile(f"(?<=.)[{_APOSTROPHES}][sS]$", re.DOTALL)
_JOINERS = re.compile(f"[{_APOSTROPHES}]+")
_NO_SIGN = re.compile("[\u00ad\u034f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff]+")
_SIGNED = frozenset({"c++", "g++", "c#", "f#", "j#"})
_NOT_WORD = re.compile(f"(?:(?![{MARKS}])[\\W_{_APOSTROPHES}])+")
_ASCII_GAPS = str.maketrans(
    {chr(code): " " for code in range(128) if not chr(code).isalnum() and chr(code) not in "'+#"}
)
_COMMON_GAPS = ".,()-:/"

_LONGEST_CACHED = 40
_MOST_CACHED = 100_000


def spans(text: str) -> list[tuple[int, int]]:
    """Start and end of each word of the text, in order, with possessive endings."""
    return list(map(re.Match.span, (_ASCII_TOKEN if text.isascii() else _TOKEN).finditer(text)))


def word_count(text: str, start: int, end: int) -> int:
    """How many words stand there in the text; no word reaches over `start` or `end`."""
    return len((_ASCII_TOKEN if text.isascii() else _TOKEN).findall(text, start, end))


def without_possessive(word: str) -> str:
    """The word as written, without `'s`."""
    return _POSSESSIVE.sub("", word)


def words(text: str, layer: Layer) -> list[str]:
    """The words of the text, in order, in the form of that layer. None holds a blank or is empty."""
    fold = _FOLDS[layer]
    return [fold(found) for found in _TOKEN.findall(text)]


def joined(text: str, layer: Layer) -> str:
    """`" "` and each word of the text followed by `" "`: what a phrase is looked for in.

    The same words as `words` gives, sooner: pieces between blanks are folded once and remembered.
    """
    return f" {' '.join(filter(None, map(_CACHES[layer].__getitem__, pieces(text))))} "


def pieces(text: str) -> list[str]:
    """The text cut at blanks and at some of the signs that no word holds: no word reaches over a cut."""
    if text.isascii():
        return text.translate(_ASCII_GAPS).split()
    for gap in _COMMON_GAPS:
        text = text.replace(gap, " ")
    return text.split()


def is_unspaced(sign: str) -> bool:
    """True where the sign belongs to a script written without blanks: it is a word by itself."""
    return _UNSPACED_SIGN.match(sign) is not None


def _surface(word: str) -> str:
    """The letters as written, without a possessive ending and signs that nobody sees."""
    if word.isascii() and word.isalnum():
        return word
    bare = _NO_SIGN.sub("", _JOINERS.sub("'", _POSSESSIVE.sub("", word)))
    return unicodedata.normalize("NFC", bare if bare.lower() in _SIGNED else bare.rstrip("+#"))


def plain_form(word: str) -> str:
    """One word without case, accents and width."""
    if word.isascii() and word.isalnum():
        return word.lower()
    bare = _JOINERS.sub("", _POSSESSIVE.sub("", word))
    folded = _caseless(bare)
    if folded in _SIGNED:
        return folded
    return _NOT_WORD.sub("", folded) or bare.rstrip("+#")


def _caseless(text: str) -> str:
    """The text without case, width and accents; the same text again for its own result."""
    if text.isascii():
        return text.lower()
    for _ in range(3):
        apart = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
        text = unicodedata.normalize("NFKC", _ACCENTS.sub("", apart).translate(_LETTERS))
    return text


def folded_form(word: str) -> str:
    """One word as `plain_form`, and singular."""
    return singular(plain_form(word))


class _Cache(dict[str, str]):
    """Pieces without blanks to their folded words, joined by blanks; holds a bounded number of short ones."""

    def __init__(self, fold: Callable[[str], str]) -> None:
        super().__init__()
        self._fold = fold

    def __missing__(self, piece: str) -> str:
        simple = piece.isascii() and piece.isalnum()
        folded = self._fold(piece) if simple else " ".join(map(self._fold, _TOKEN.findall(piece)))
        if len(piece) <= _LONGEST_CACHED:
            if len(self) >= _MOST_CACHED:
                self.clear()
            self[piece] = folded
        return folded


RULES = hashlib.sha256(
    repr(
        (
            _TOKEN.pattern,
            _ACCENTS.pattern,
            _LETTERS,
            sorted(_SIGNED),
            PLURAL_RULES,
            unicodedata.unidata_version,
        )
    ).encode()
).hexdigest()
"""Changes whenever a text may give other words than before."""

_FOLDS: dict[Layer, Callable[[str], str]] = {"folded": folded_form, "plain": plain_form, "exact": _surface}
_CACHES: dict[Layer, _Cache] = {layer: _Cache(fold) for layer, fold in _FOLDS.items()}
