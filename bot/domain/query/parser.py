"""A query's text to its syntax tree.

query   = any
any     = all ("OR" all)*
all     = one (("AND" one) | ("NOT" one))*         `a NOT b` is `a AND NOT b`
one     = "NOT"* (group | atom)
group   = [field] "(" any ")"
atom    = [field] phrase ["NEAR/n" [field] phrase]
"""

from bot.domain.errors import QuerySyntaxError
from bot.domain.query.documents import UNFOLDED, Scope
from bot.domain.query.folding import folded_form
from bot.domain.query.language import (
    Near,
    Node,
    Phrase,
    Query,
    Word,
    both,
    either,
    matches_nothing_said,
    negated,
)
from bot.domain.query.lexer import Kind, Token, as_words, tokens
from bot.domain.query.relations import dead_end

MAX_WORDS = 1_000
MAX_DEPTH = 50

_SMALL_OPERATORS = frozenset({"and", "or", "not", "near"})


def parse(text: str) -> Query:
    """The query that the text says; QuerySyntaxError tells what is wrong and where.

    Wrong is also what could match nothing, and what only excludes.
    """
    parser = _Parser(text)
    root = parser.whole()
    excluding = matches_nothing_said(root)
    if excluding is not None:
        raise QuerySyntaxError(
            f"this only excludes ({excluding}): name something to find as well", excluding.atom.position
        )
    clash = dead_end(root)
    if clash is not None:
        raise QuerySyntaxError(
            f"nothing could match: {clash.atom} is excluded and asked for at once", clash.atom.position
        )
    return Query(root=root, text=text, hints=tuple(parser.hints))


def tree_of(canonical: str) -> Node:
    """The tree of a node's own spelling, however large it is."""
    return _Parser(canonical, limited=False).whole()


def author_query(name: str) -> Query:
    """The query that follows an author or account of that name: its words side by side in one author."""
    inside = as_words(name, "plain")
    if not inside:
        raise QuerySyntaxError(f"there is no word in the author's name {name!r}", 0)
    root = Phrase(scope="author", words=inside, written=" ".join(name.split()), position=0)
    return Query(root=root, text=str(root))


def excluding(query: Query, excluded: tuple[Query, ...]) -> Query:
    """The query without what the others match; QuerySyntaxError where that leaves nothing."""
    if not excluded:
        return query
    root = both((query.root, *(negated(other.root) for other in excluded)))
    clash = dead_end(root)
    if clash is not None:
        raise QuerySyntaxError(f"nothing could match: {clash.atom.written} is excluded", 0)
    text = " AND ".join((f"({query.text})", *(f"NOT ({other.text})" for other in excluded)))
    return Query(root=root, text=text, hints=query.hints)


class _Parser:
    """Reads one query from left to right, one token ahead."""

    def __init__(self, text: str, *, limited: bool = True) -> None:
        self.hints: list[str] = []
        self._text = text
        self._limited = limited
        self._tokens = tokens(text, limited=limited)
        self._next = next(self._tokens)
        self._depth = 0
        self._words = 0

    def whole(self) -> Node:
        if self._at("end"):
            raise QuerySyntaxError("the query is empty", 0)
        root = self._any("")
        if self._at("close"):
            raise QuerySyntaxError("this bracket closes nothing", self._next.start)
        return root

    def _at(self, *kinds: Kind) -> bool:
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
        nodes = [self._one(scope)]
        while not self._at("OR", "close", "end"):
            if self._at("AND"):
                self._take()
            elif not self._at("NOT"):
                raise QuerySyntaxError(f"put AND or OR before {self._written(self._next)}", self._next.start)
            nodes.append(self._one(scope))
        return both(tuple(nodes))

    def _one(self, scope: Scope) -> Node:
        turns = 0
        while self._at("NOT"):
            self._take()
            turns += 1
        node = self._primary(scope)
        return negated(node) if turns % 2 else node

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
            raise QuerySyntaxError(f"{field.scope}: inside {outer}: could never match", field.start)
        return field.scope

    def _group(self, scope: Scope) -> Node:
        opening = self._take()
        self._depth += 1
        if self._depth > MAX_DEPTH and self._limited:
            raise QuerySyntaxError(f"brackets may be nested {MAX_DEPTH} deep", opening.start)
        if self._at("close"):
            raise QuerySyntaxError("there is nothing between these brackets", opening.start)
        node = self._any(scope)
        if not self._at("close"):
            raise QuerySyntaxError("this bracket is never closed", opening.start)
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
        """The words from here on that stand side by side, and where the last of them ends."""
        first = self._next
        if not self._at("words"):
            raise self._word_missing()
        inside: list[Word] = []
        end = first.end
        while self._at("words"):
            token = self._take()
            end = token.end
            self._hint(token)
            inside += token.words if token.quoted or scope in UNFOLDED else _folded(token)
        self._words += len(inside)
        if self._words > MAX_WORDS and self._limited:
            raise QuerySyntaxError(f"a query may have {MAX_WORDS} words", first.start)
        if not inside:
            raise QuerySyntaxError(f"there is no word in {self._text[first.start : end]!r}", first.start)
        return tuple(inside), end

    def _hint(self, token: Token) -> None:
        written = self._written(token)
        if written in _SMALL_OPERATORS:
            self.hints.append(f"{written!r} in small letters is a word to find; operators are in capitals")

    def _word_missing(self) -> QuerySyntaxError:
        if self._at("end"):
            return QuerySyntaxError("the query ends where a word is missing", self._next.start)
        return QuerySyntaxError(f"a word is missing before {self._written(self._next)}", self._next.start)

    def _written(self, token: Token) -> str:
        return self._text[token.start : token.end]


def _folded(token: Token) -> tuple[Word, ...]:
    return tuple(
        Word(text=folded_form(word.text), mode="folded") if word.mode == "plain" else word
        for word in token.words
    )
