"""A query's text to tokens: words, quotes, brackets, fields and operators, each with its place."""

import difflib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bot.domain.errors import QuerySyntaxError
from bot.domain.query.documents import SCOPES, Scope
from bot.domain.query.folding import is_unspaced, spans, words
from bot.domain.query.language import LAYER_OF_MODE, Mode, Word

MAX_CHARACTERS = 20_000
MAX_DISTANCE = 100
MIN_PREFIX = 2

Kind = Literal["words", "open", "close", "field", "AND", "OR", "NOT", "NEAR", "end"]

_FIELDS = tuple(scope for scope in SCOPES if scope)
_QUOTES = '"\u201c\u201d\u201e\u201f\uff02'
_PIECE = re.compile(
    rf"""(?P<blank>\s+)
    | (?P<open>[(（])
    | (?P<close>[)）])
    | (?P<exact>[=＝]?)[{_QUOTES}](?P<quoted>[^{_QUOTES}]*)(?P<unquote>[{_QUOTES}]|$)
    | (?P<near>NEAR(?:/(?P<distance>\d+))?)(?![^\s()（）{_QUOTES}])
    | (?P<operator>AND|OR|NOT)(?![^\s()（）{_QUOTES}])
    | (?P<field>[A-Za-z]+)[:：]
    | (?P<bare>[^\s()（）{_QUOTES}]+)""",
    re.VERBOSE,
)
_OTHER_SIGNS = {"|": "OR", "||": "OR", "&": "AND", "&&": "AND", "!": "NOT"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """A piece of the query from `start` up to `end`."""

    kind: Kind
    start: int
    end: int
    words: tuple[Word, ...] = ()
    """Unquoted words stand here as `plain` ones: whether they are folded is the scope's affair."""
    quoted: bool = False
    scope: Scope = ""
    distance: int = 0


def tokens(text: str, *, limited: bool = True) -> Iterator[Token]:
    """The tokens of the query in order, the last of kind `end`; raises QuerySyntaxError at the first fault."""
    if limited and len(text) > MAX_CHARACTERS:
        raise QuerySyntaxError(
            f"a query may have {MAX_CHARACTERS} characters; this one has {len(text)}", MAX_CHARACTERS
        )
    for place, sign in enumerate(text):
        if not sign.isspace() and unicodedata.category(sign) in ("Cc", "Cs"):
            raise QuerySyntaxError(f"the character U+{ord(sign):04X} cannot be searched for", place)
    for found in _PIECE.finditer(text):
        if found.lastgroup != "blank":
            yield _token(found)
    yield Token(kind="end", start=len(text), end=len(text))


def _token(found: re.Match[str]) -> Token:
    start, end = found.span()
    if found["open"] or found["close"]:
        return Token(kind="open" if found["open"] else "close", start=start, end=end)
    if found["near"]:
        return Token(kind="NEAR", start=start, end=end, distance=_distance(found))
    if found["operator"]:
        kinds: dict[str, Kind] = {"AND": "AND", "OR": "OR", "NOT": "NOT"}
        return Token(kind=kinds[found["operator"]], start=start, end=end)
    if found["field"]:
        return Token(kind="field", start=start, end=end, scope=_scope(found["field"], start))
    if found["quoted"] is None:
        return Token(kind="words", start=start, end=end, words=_bare(found["bare"], start))
    return Token(kind="words", start=start, end=end, words=_quoted(found), quoted=True)


def _distance(found: re.Match[str]) -> int:
    digits = found["distance"]
    if digits is None:
        raise QuerySyntaxError("NEAR needs a number of words, like NEAR/5", found.start())
    if not 1 <= int(digits[:9]) <= MAX_DISTANCE:
        raise QuerySyntaxError(
            f"NEAR takes a distance from 1 to {MAX_DISTANCE} words", found.start("distance")
        )
    return int(digits)


def _scope(name: str, position: int) -> Scope:
    for scope in _FIELDS:
        if scope == name.lower():
            return scope
    near = difflib.get_close_matches(name.lower(), _FIELDS, n=1, cutoff=0.5)
    known = f"did you mean {near[0]}:?" if near else f"the fields are {', '.join(f'{f}:' for f in _FIELDS)}"
    raise QuerySyntaxError(f"{name}: is no field; {known} (a colon in a text goes into quotes)", position)


def _quoted(found: re.Match[str]) -> tuple[Word, ...]:
    opening = found.end("exact")
    if not found["unquote"]:
        raise QuerySyntaxError("this quotation mark is never closed", opening)
    inside = as_words(found["quoted"], "exact" if found["exact"] else "plain")
    if not inside:
        raise QuerySyntaxError("there is no word between these quotation marks", opening)
    return inside


def _bare(piece: str, start: int) -> tuple[Word, ...]:
    if piece in _OTHER_SIGNS:
        raise QuerySyntaxError(f"write {_OTHER_SIGNS[piece]} instead of {piece}", start)
    if piece[0] == "-" and piece[1:2].isalnum():
        raise QuerySyntaxError(f"write NOT {piece[1:]} to leave out what has that word", start)
    exact = piece[0] in "=＝"
    star = piece.find("*")
    if 0 <= star < len(piece.rstrip("*")):
        raise QuerySyntaxError("a star can only end a word", start + star)
    if exact and star >= 0:
        raise QuerySyntaxError("a word cannot be exact (=) and a beginning (*) at once", start + star)
    inside = as_words(piece, "exact" if exact else "plain")
    if exact and not inside:
        raise QuerySyntaxError("= needs a word right behind it", start)
    return inside if star < 0 else _prefix(piece.rstrip("*"), inside, start)


def _prefix(piece: str, inside: tuple[Word, ...], start: int) -> tuple[Word, ...]:
    """The words with the last one as a beginning; a script without blanks has no beginnings of words."""
    plain = words(piece, "plain")
    if not plain:
        raise QuerySyntaxError("a star needs the beginning of a word before it", start)
    last, (first, end) = plain[-1].rstrip("+#"), spans(piece)[-1]
    if end != len(piece):
        raise QuerySyntaxError("a star needs the beginning of a word right before it", start + end)
    if is_unspaced(piece[first]):
        return inside
    if len(last) < MIN_PREFIX:
        raise QuerySyntaxError(
            f"a beginning needs {MIN_PREFIX} letters at least (in quotes * is no sign)", start + first
        )
    return (*inside[:-1], Word(text=last, mode="prefix"))


def as_words(text: str, mode: Mode) -> tuple[Word, ...]:
    """The words of the text, all of that mode."""
    return tuple(Word(text=word, mode=mode) for word in words(text, LAYER_OF_MODE[mode]))
