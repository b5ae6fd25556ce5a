"""Parser: a query's text to its syntax tree, by way of tokens; errors name their position.

query   = any
any     = all ("OR" all)*
all     = factor (("AND" factor) | ("NOT" factor))*    `a NOT b` is `a AND NOT b`
factor  = "NOT"* (group | atom)
group   = [field] "(" any ")"
atom    = [field] phrase ["NEAR/n" [field] phrase]
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bot.domain.errors import QuerySyntaxError
from bot.domain.query.documents import SCOPES, UNFOLDED, Scope
from bot.domain.query.folding import folded_form, is_unspaced, spans, words
from bot.domain.query.syntax import (
    LAYER_OF_MODE,
    Mode,
    Near,
    Node,
    Phrase,
    Query,
    Word,
    both,
    contradiction,
    either,
    lone_exclusion,
    negated,
)
from bot.domain.text import nearest

MAX_CHARACTERS = 20_000
MAX_DISTANCE = 100
MIN_PREFIX = 2
MAX_WORDS = 1_000
MAX_DEPTH = 50

_SMALL_OPERATORS = frozenset({"and", "or", "not", "near"})

TokenKind = Literal["words", "open", "close", "field", "AND", "OR", "NOT", "NEAR", "end"]

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

    kind: TokenKind
    start: int
    end: int
    words: tuple[Word, ...] = ()
    """Unquoted words are `plain` here: whether they are folded depends on the scope."""
    quoted: bool = False
    scope: Scope = ""
    distance: int = 0


def parse(text: str) -> Query:
    """The query of the text.

    Raises QuerySyntaxError with the fault and its position, also for a query that only excludes or that nothing could
    match.
    """
    parser = _Parser(text)
    root = parser.parse()
    exclusion = lone_exclusion(root)
    if exclusion is not None:
        raise QuerySyntaxError(
            "this only excludes ({term}): name something to find as well",
            exclusion.atom.position,
            term=exclusion,
        )
    clash = contradiction(root)
    if clash is not None:
        raise QuerySyntaxError(
            "nothing could match: {term} is excluded and asked for at once",
            clash.atom.position,
            term=clash.atom,
        )
    return Query(root=root, text=text, small_operators=tuple(parser.small_operators))


def tree_of(canonical: str) -> Node:
    """The tree of a node's canonical spelling, of any size."""
    return _Parser(canonical, limited=False).parse()


def author_query(name: str) -> Query:
    """The query that follows an author or account of that name: its words side by side in one author."""
    parsed = words_in(name, "plain")
    if not parsed:
        raise QuerySyntaxError("there is no word in the author's name {name!r}", 0, name=name)
    root = Phrase(scope="author", words=parsed, written=" ".join(name.split()), position=0)
    return Query(root=root, text=str(root))


def excluding(query: Query, excluded: tuple[Query, ...]) -> Query:
    """The query without what the others match; QuerySyntaxError where that leaves nothing."""
    if not excluded:
        return query
    root = both((query.root, *(negated(other.root) for other in excluded)))
    clash = contradiction(root)
    if clash is not None:
        raise QuerySyntaxError("nothing could match: {term} is excluded", 0, term=clash.atom.written)
    text = " AND ".join((f"({query.text})", *(f"NOT ({other.text})" for other in excluded)))
    return Query(root=root, text=text, small_operators=query.small_operators)


class _Parser:
    """Reads one query from left to right, one token ahead."""

    def __init__(self, text: str, *, limited: bool = True) -> None:
        self.small_operators: list[str] = []
        self._text = text
        self._limited = limited
        self._tokens = tokens(text, limited=limited)
        self._next = next(self._tokens)
        self._depth = 0
        self._words = 0

    def parse(self) -> Node:
        if self._at("end"):
            raise QuerySyntaxError("the query is empty", 0)
        root = self._any("")
        if self._at("close"):
            raise QuerySyntaxError("this bracket closes nothing", self._next.start)
        return root

    def _at(self, *kinds: TokenKind) -> bool:
        return self._next.kind in kinds

    def _take(self) -> Token:
        token, self._next = self._next, next(self._tokens)
        return token

    def _any(self, scope: Scope) -> Node:
        nodes = [self._all(scope)]
        while self._at("OR"):
            self._take()
            nodes.append(self._all(scope))
        return either(tuple(nodes))

    def _all(self, scope: Scope) -> Node:
        nodes = [self._factor(scope)]
        while not self._at("OR", "close", "end"):
            if self._at("AND"):
                self._take()
            elif not self._at("NOT"):
                raise QuerySyntaxError(
                    "put AND or OR before {term}", self._next.start, term=self._written(self._next)
                )
            nodes.append(self._factor(scope))
        return both(tuple(nodes))

    def _factor(self, scope: Scope) -> Node:
        negations = 0
        while self._at("NOT"):
            self._take()
            negations += 1
        node = self._primary(scope)
        return negated(node) if negations % 2 else node

    def _primary(self, outer: Scope) -> Node:
        scope = self._scope(outer)
        if self._at("open"):
            return self._group(scope)
        return self._atom(scope)

    def _scope(self, outer: Scope) -> Scope:
        if not self._at("field"):
            return outer
        field = self._take()
        if outer and field.scope != outer:
            raise QuerySyntaxError(
                "{inner}: inside {outer}: could never match", field.start, inner=field.scope, outer=outer
            )
        return field.scope

    def _group(self, scope: Scope) -> Node:
        bracket = self._take()
        self._depth += 1
        if self._depth > MAX_DEPTH and self._limited:
            raise QuerySyntaxError("brackets may be nested {most} deep", bracket.start, most=MAX_DEPTH)
        if self._at("close"):
            raise QuerySyntaxError("there is nothing between these brackets", bracket.start)
        node = self._any(scope)
        if not self._at("close"):
            raise QuerySyntaxError("this bracket is never closed", bracket.start)
        self._take()
        self._depth -= 1
        if self._at("NEAR"):
            raise QuerySyntaxError("NEAR joins two words or phrases, no groups", self._next.start)
        return node

    def _atom(self, scope: Scope) -> Node:
        start = self._next.start
        left, end = self._phrase(scope)
        if not self._at("NEAR"):
            return Phrase(scope=scope, words=left, written=self._text[start:end], position=start)
        near = self._take()
        if self._at("open"):
            raise QuerySyntaxError("NEAR joins two words or phrases, no groups", self._next.start)
        if self._at("field") and self._next.scope != scope:
            raise QuerySyntaxError("both sides of NEAR must be in the same field", self._next.start)
        self._scope(scope)
        right, end = self._phrase(scope)
        if self._at("NEAR"):
            raise QuerySyntaxError(
                "NEAR joins two: write a NEAR/5 b AND b NEAR/5 c for three", self._next.start
            )
        left, right = sorted((left, right), key=lambda side: [str(word) for word in side])
        return Near(
            scope=scope,
            left=left,
            right=right,
            distance=near.distance,
            written=self._text[start:end],
            position=start,
        )

    def _phrase(self, scope: Scope) -> tuple[tuple[Word, ...], int]:
        """The adjacent words that begin here, and where the last of them ends."""
        first = self._next
        if not self._at("words"):
            raise self._word_missing()
        parsed: list[Word] = []
        end = first.end
        while self._at("words"):
            token = self._take()
            end = token.end
            if self._written(token) in _SMALL_OPERATORS:
                self.small_operators.append(self._written(token))
            parsed += token.words if token.quoted or scope in UNFOLDED else _folded(token)
        self._words += len(parsed)
        if self._words > MAX_WORDS and self._limited:
            raise QuerySyntaxError("a query may have {most} words", first.start, most=MAX_WORDS)
        if not parsed:
            raise QuerySyntaxError(
                "there is no word in {text!r}", first.start, text=self._text[first.start : end]
            )
        return tuple(parsed), end

    def _word_missing(self) -> QuerySyntaxError:
        if self._at("end"):
            return QuerySyntaxError("the query ends where a word is missing", self._next.start)
        return QuerySyntaxError(
            "a word is missing before {term}", self._next.start, term=self._written(self._next)
        )

    def _written(self, token: Token) -> str:
        return self._text[token.start : token.end]


def _folded(token: Token) -> tuple[Word, ...]:
    return tuple(
        Word(text=folded_form(word.text), mode="folded") if word.mode == "plain" else word
        for word in token.words
    )


def tokens(text: str, *, limited: bool = True) -> Iterator[Token]:
    """The tokens of the query in order, the last of kind `end`; raises QuerySyntaxError at the first fault."""
    if limited and len(text) > MAX_CHARACTERS:
        raise QuerySyntaxError(
            "a query may have {most} characters; this one has {count}",
            MAX_CHARACTERS,
            most=MAX_CHARACTERS,
            count=len(text),
        )
    for index, sign in enumerate(text):
        if not sign.isspace() and unicodedata.category(sign) in ("Cc", "Cs"):
            raise QuerySyntaxError("the character U+{code:04X} cannot be searched for", index, code=ord(sign))
    for piece in _PIECE.finditer(text):
        if piece.lastgroup != "blank":
            yield _token(piece)
    yield Token(kind="end", start=len(text), end=len(text))


def _token(piece: re.Match[str]) -> Token:
    start, end = piece.span()
    if piece["open"] or piece["close"]:
        return Token(kind="open" if piece["open"] else "close", start=start, end=end)
    if piece["near"]:
        return Token(kind="NEAR", start=start, end=end, distance=_distance(piece))
    if piece["operator"]:
        kinds: dict[str, TokenKind] = {"AND": "AND", "OR": "OR", "NOT": "NOT"}
        return Token(kind=kinds[piece["operator"]], start=start, end=end)
    if piece["field"]:
        return Token(kind="field", start=start, end=end, scope=_scope(piece["field"], start))
    if piece["quoted"] is None:
        return Token(kind="words", start=start, end=end, words=_bare(piece["bare"], start))
    return Token(kind="words", start=start, end=end, words=_quoted(piece), quoted=True)


def _distance(piece: re.Match[str]) -> int:
    digits = piece["distance"]
    if digits is None:
        raise QuerySyntaxError("NEAR needs a number of words, like NEAR/5", piece.start())
    if not 1 <= int(digits[:9]) <= MAX_DISTANCE:
        raise QuerySyntaxError(
            "NEAR takes a distance from 1 to {most} words", piece.start("distance"), most=MAX_DISTANCE
        )
    return int(digits)


def _scope(name: str, position: int) -> Scope:
    for scope in _FIELDS:
        if scope == name.lower():
            return scope
    near = nearest(name, _FIELDS, cutoff=0.5)
    if near:
        fault = "{name}: is no field; did you mean {near}:? (a colon in a text goes into quotes)"
        raise QuerySyntaxError(fault, position, name=name, near=near)
    fault = "{name}: is no field; the fields are {fields} (a colon in a text goes into quotes)"
    raise QuerySyntaxError(fault, position, name=name, fields=", ".join(f"{field}:" for field in _FIELDS))


def _quoted(piece: re.Match[str]) -> tuple[Word, ...]:
    mark = piece.end("exact")
    if not piece["unquote"]:
        raise QuerySyntaxError("this quotation mark is never closed", mark)
    parsed = words_in(piece["quoted"], "exact" if piece["exact"] else "plain")
    if not parsed:
        raise QuerySyntaxError("there is no word between these quotation marks", mark)
    return parsed


def _bare(piece: str, start: int) -> tuple[Word, ...]:
    if piece in _OTHER_SIGNS:
        raise QuerySyntaxError(
            "write {sign} instead of {written}", start, sign=_OTHER_SIGNS[piece], written=piece
        )
    if piece[0] == "-" and piece[1:2].isalnum():
        raise QuerySyntaxError("write NOT {word} to leave out what has that word", start, word=piece[1:])
    exact = piece[0] in "=＝"
    star = piece.find("*")
    if 0 <= star < len(piece.rstrip("*")):
        raise QuerySyntaxError("a star can only end a word", start + star)
    if exact and star >= 0:
        raise QuerySyntaxError("a word cannot be exact (=) and a beginning (*) at once", start + star)
    parsed = words_in(piece, "exact" if exact else "plain")
    if exact and not parsed:
        raise QuerySyntaxError("= needs a word right behind it", start)
    return parsed if star < 0 else _prefix(piece.rstrip("*"), parsed, start)


def _prefix(piece: str, parsed: tuple[Word, ...], start: int) -> tuple[Word, ...]:
    """The words, the last one as a prefix; unchanged in a script without blanks, which has no prefixes of words."""
    plain = words(piece, "plain")
    if not plain:
        raise QuerySyntaxError("a star needs the beginning of a word before it", start)
    last, (first, end) = plain[-1].rstrip("+#"), spans(piece)[-1]
    if end != len(piece):
        raise QuerySyntaxError("a star needs the beginning of a word right before it", start + end)
    if is_unspaced(piece[first]):
        return parsed
    if len(last) < MIN_PREFIX:
        raise QuerySyntaxError(
            "a beginning needs {most} letters at least (in quotes * is no sign)",
            start + first,
            most=MIN_PREFIX,
        )
    return (*parsed[:-1], Word(text=last, mode="prefix"))


def words_in(text: str, mode: Mode) -> tuple[Word, ...]:
    """The words of the text, all of that mode."""
    return tuple(Word(text=word, mode=mode) for word in words(text, LAYER_OF_MODE[mode]))
