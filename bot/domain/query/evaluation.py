"""Evaluation of queries: whether one matches, and the words that explain a match.

The index of many queries gives exactly what this gives; a database's full-text table gives bounds of it (`needs`).
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

from bot.domain.query.documents import Document, Field, Scope
from bot.domain.query.folding import Layer, begins_alike, common_beginning, folded_form
from bot.domain.query.patterns import Search, Span, is_plain, search_of
from bot.domain.query.syntax import (
    LAYER_OF_MODE,
    And,
    Atom,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Query,
    Word,
    words_of,
)

MAX_HITS = 40

Test = Callable[[Document], bool]
WordRange = tuple[int, int, int]
"""(number of the part among all parts, first word, last word)."""


class Hit(NamedTuple):
    """Words of a paper that a query's term found.

    `term` is the term as the query writes it; `text` is what stands from `start` to `end` in part number
    `part` of the field.
    """

    term: str
    field: Field
    part: int
    start: int
    end: int
    text: str


class HitFinder:
    """Finds the hits of one query in papers; with `many` papers to come, by patterns where texts are plain."""

    def __init__(self, query: Query, *, many: bool, limit: int = MAX_HITS) -> None:
        """`limit` is the most hits: the first ones of each term go before the second ones of any."""
        self._query, self._many, self._limit = query, many, limit
        self.matches = test_of(query.root, many=many)
        self._atoms = _contributing(query.root, many=many)
        self._searches: dict[int, Search | None] = {}

    def hits(self, document: Document) -> tuple[Hit, ...]:
        """The hits of a paper that matches, in reading order without repeats."""
        parts = document.parts
        hits = [
            Hit(
                atom.written,
                parts[number].field,
                parts[number].number,
                start,
                end,
                parts[number].text[start:end],
            )
            for number, start, end, atom in self._located(document)
        ]
        return tuple(dict.fromkeys(hits))

    def reasons(self, document: Document) -> list[tuple[str, Field, str]]:
        """Term, field and words of the hits, in the same order, without repeats."""
        parts = document.parts
        reasons = [
            (atom.written, parts[number].field, parts[number].text[start:end])
            for number, start, end, atom in self._located(document)
        ]
        return list(dict.fromkeys(reasons))

    def _located(self, document: Document) -> list[tuple[int, int, int, Atom]]:
        """Number of the part, start, end and atom of each hit."""
        atoms = list(dict.fromkeys(self._atoms(document)))
        located: list[tuple[int, int, int, int, int]] = []
        for rank, atom in enumerate(atoms):
            count = 0
            for number in document.numbers(atom.scope):
                spans = self._spans(atom, document, number)
                located += [
                    (number, start, end, index, rank) for index, (start, end) in enumerate(spans, count)
                ]
                count += len(spans)
                if count >= self._limit:
                    break
        if len(located) > self._limit:
            located.sort(key=lambda hit: (hit[3], *hit[:3]))
            del located[self._limit :]
        if len(atoms) > 1:
            located.sort()
        return [(number, start, end, atoms[rank]) for number, start, end, _, rank in located]

    def _spans(self, atom: Atom, document: Document, number: int) -> Sequence[Span]:
        """Start and end of each occurrence in a part, as many as could be shown, in reading order."""
        search = self._search(atom) if self._many else None
        if search is not None and is_plain(text := document.parts[number].text):
            return search(text)
        ranges = islice(_in_part(atom, document, number), self._limit)
        return [document.span(number, first, last) for first, last in ranges]

    def _search(self, atom: Atom) -> Search | None:
        if id(atom) not in self._searches:
            self._searches[id(atom)] = search_of(atom)
        return self._searches[id(atom)]


def match(query: Query, document: Document, limit: int = MAX_HITS) -> tuple[Hit, ...] | None:
    """The hits of a paper that the query matches; None where it does not."""
    finder = HitFinder(query, many=False, limit=limit)
    return finder.hits(document) if finder.matches(document) else None


def missing(query: Query, document: Document) -> tuple[str, ...]:
    """The terms that keep the paper from matching, as few as possible; empty where it matches.

    A term that must not be there, but is, stands as `NOT term`.
    """
    return missing_terms(query, lambda atom: test_of(atom, many=False)(document))


def missing_terms(query: Query, has: Callable[[Atom], bool]) -> tuple[str, ...]:
    """`missing` for a paper of which only is known whether it has an atom."""
    lacking = sorted(_lacking(query.root, has), key=lambda leaf: _atom(leaf).position)
    return tuple(
        dict.fromkeys(
            f"NOT {leaf.atom.written}" if isinstance(leaf, Not) else leaf.written for leaf in lacking
        )
    )


class QueryEvaluator:
    """Evaluation of queries with papers one after the other, which suits a few queries: without an index."""

    def __init__(self, queries: Sequence[Query]) -> None:
        self._tests = tuple(test_of(query.root, many=False) for query in queries)

    def matches(self, documents: Sequence[Document]) -> Iterator[tuple[int, int]]:
        """(index of the query, index of the document) of each match, by document, then by query."""
        for number, document in enumerate(documents):
            for index, test in enumerate(self._tests):
                if test(document):
                    yield index, number


def test_of(node: Node, *, many: bool) -> Test:
    """A test whether a document matches the node; compiled once, fast for many documents.

    `many` documents are tested with regular expressions, which cost more to make and less to use.
    """
    match node:
        case Phrase() | Near():
            return _atom_test(node, many=many)
        case Not():
            inner = test_of(node.atom, many=many)
            return lambda document: not inner(document)
        case And():
            return _every(tuple(test_of(child, many=many) for child in node.children))
        case _:
            return _any_of(tuple(test_of(child, many=many) for child in node.children))


# `all` and `any` take twice as long, and these are asked of every paper.


def _every(tests: tuple[Test, ...]) -> Test:
    def holds(document: Document) -> bool:
        for test in tests:  # noqa: SIM110
            if not test(document):
                return False
        return True

    return holds


def _any_of(tests: tuple[Test, ...]) -> Test:
    def holds(document: Document) -> bool:
        for test in tests:  # noqa: SIM110
            if test(document):
                return True
        return False

    return holds


def _atom_test(atom: Atom, *, many: bool) -> Test:
    """A search in the line of all words where the words allow it, else a look at each part."""
    words = words_of(atom)
    is_folded = all(_layer(word) == "folded" for word in words)
    if isinstance(atom, Phrase) and is_folded and _only_layer(words):
        return _line_test(atom.scope, words)
    guesses = tuple(_guesses(atom))
    if isinstance(atom, Near) and is_folded and many:
        return _every((*guesses, _near_in_line(atom)))
    search = search_of(atom) if many else None
    if search is None:
        return _every((*guesses, lambda document: _any(_occurrences(atom, document))))
    return _every((*guesses, _texts_test(atom, search)))


def _texts_test(atom: Atom, search: Search) -> Test:
    """The pattern in plain texts, the words of the others."""

    def test(document: Document) -> bool:
        at_hand, are_all = document.texts_at_hand(atom.scope)
        searched = list(filter(is_plain, at_hand))
        if any(map(search, searched)):
            return True
        if are_all and len(searched) == len(at_hand):
            return False
        parts, others = document.parts, []
        for number in document.numbers(atom.scope):
            text = parts[number].text
            if not is_plain(text):
                others.append(number)
            elif text not in searched and search(text):
                return True
        return any(_any(_in_part(atom, document, number)) for number in others)

    return test


def _near_in_line(near: Near) -> Test:
    """A NEAR of folded words as a pattern in the line of all words, in which a line feed ends each part."""
    left, right = (" ".join(map(_expression, words)) for words in (near.left, near.right))
    between = f"(?:[^ \\n]+ ){{0,{near.distance - 1}}}?"
    find = re.compile(f" {left} {between}{right} | {right} {between}{left} ").search
    return lambda document: find(document.line(near.scope, "folded")) is not None


def _expression(word: Word) -> str:
    return re.escape(word.text) + ("[^ \\n]*" if word.mode == "prefix" else "")


def _any(occurrences: Iterator[object]) -> bool:
    return next(occurrences, None) is not None


def _guesses(atom: Atom) -> Iterator[Test]:
    """Cheap tests on the folded words that every document with this atom passes."""
    for words in (atom.words,) if isinstance(atom, Phrase) else (atom.left, atom.right):
        guesses = tuple(map(_guess, words))
        if any(word.mode == "prefix" for word in guesses[:-1]):
            yield from (_line_test(atom.scope, (guess,)) for guess in guesses)
        else:
            yield _line_test(atom.scope, guesses)


def _guess(word: Word) -> Word:
    if word.mode != "prefix":
        return Word(text=folded_form(word.text), mode="folded")
    return word if begins_alike(word.text) else Word(text=common_beginning(word.text), mode="prefix")


def _line_test(scope: Scope, words: tuple[Word, ...]) -> Test:
    """Folded words, of which only the last may be a beginning, as a search in the line of the scope."""
    needle = _needle(words)
    return lambda document: document.has_folded(scope, needle)


def _only_layer(words: tuple[Word, ...]) -> Layer | None:
    """The layer of all the words, where a search in a line can find them; None where it cannot."""
    layers = set(map(_layer, words))
    return None if len(layers) > 1 or any(word.mode == "prefix" for word in words[:-1]) else layers.pop()


def _layer(word: Word) -> Layer:
    """The layer in which a word is looked for: the folded one where it gives the same."""
    return "folded" if word.mode == "prefix" and begins_alike(word.text) else LAYER_OF_MODE[word.mode]


def _needle(words: tuple[Word, ...]) -> str:
    return f" {' '.join([word.text for word in words])}{'' if words[-1].mode == 'prefix' else ' '}"


def _occurrences(atom: Atom, document: Document) -> Iterator[WordRange]:
    for part in document.numbers(atom.scope):
        for first, last in _in_part(atom, document, part):
            yield part, first, last


def _in_part(atom: Atom, document: Document, part: int) -> Iterator[tuple[int, int]]:
    """First and last word of each occurrence in that part, by the first word; by the left side's where it is a NEAR."""
    if isinstance(atom, Phrase):
        more = len(atom.words) - 1
        return ((start, start + more) for start in _starts(atom.words, document, part))
    rights = list(_starts(atom.right, document, part))
    return _near(atom, _starts(atom.left, document, part), rights) if rights else iter(())


def _near(near: Near, lefts: Iterable[int], rights: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The occurrences of a NEAR: from each left phrase to the closest right one, where that is close enough.

    Takes the numbers of the phrases' first words; there is a right one.
    """
    left, right = len(near.left), len(near.right)
    for start in lefts:
        after = bisect_left(rights, start + left)
        before = bisect_left(rights, start - right + 1) - 1
        behind = rights[after] - start - left + 1 if after < len(rights) else near.distance + 1
        ahead = start - rights[before] - right + 1 if before >= 0 else near.distance + 1
        if min(behind, ahead) <= near.distance:
            first, last = (
                (start, rights[after] + right) if behind <= ahead else (rights[before], start + left)
            )
            yield first, last - 1


def _starts(words: tuple[Word, ...], document: Document, part: int) -> Iterator[int]:
    """Numbers of the words of the part at which the phrase begins."""
    layer = _only_layer(words)
    if layer:
        yield from _starts_in_line(_needle(words), document.part_line(part, layer))
        return
    columns = {layer: document.words(part, layer) for layer in set(map(_layer, words))}
    first, *others = [(word.text, word.mode == "prefix", columns[_layer(word)]) for word in words]
    for start in _equals(*first):
        ends = start + len(words) <= len(first[2])
        if ends and all(
            column[index].startswith(text) if prefix else column[index] == text
            for index, (text, prefix, column) in enumerate(others, start + 1)
        ):
            yield start


def _starts_in_line(needle: str, line: str) -> Iterator[int]:
    """The same by a search in the line of all words, where each word has one blank before it."""
    start, counted = 0, 0
    position = line.find(needle)
    while position >= 0:
        start += line.count(" ", counted, position)
        yield start
        counted, position = position, line.find(needle, position + 1)


def _equals(text: str, prefix: bool, column: list[str]) -> Iterator[int]:
    if prefix:
        yield from (index for index, word in enumerate(column) if word.startswith(text))
        return
    index = -1
    with suppress(ValueError):
        while True:
            index = column.index(text, index + 1)
            yield index


def _contributing(node: Node, *, many: bool) -> Callable[[Document], Iterator[Atom]]:
    """Gives the atoms that make a matching document match."""
    if isinstance(node, Phrase | Near):
        return lambda _document: iter((node,))
    if isinstance(node, Not):
        return lambda _document: iter(())
    inner = [_contributing(child, many=many) for child in node.children]
    if isinstance(node, And):
        return lambda document: (atom for atoms in inner for atom in atoms(document))
    tests = [test_of(child, many=many) for child in node.children]
    return lambda document: (
        atom for test, atoms in zip(tests, inner, strict=True) if test(document) for atom in atoms(document)
    )


def _lacking(node: Node, has: Callable[[Atom], bool]) -> list[Phrase | Near | Not]:
    match node:
        case And():
            return [leaf for child in node.children for leaf in _lacking(child, has)]
        case Or():
            return min((_lacking(child, has) for child in node.children), key=len)
        case Not():
            return [node] if has(node.atom) else []
        case _:
            return [] if has(node) else [node]


def _atom(leaf: Phrase | Near | Not) -> Atom:
    return leaf.atom if isinstance(leaf, Not) else leaf


def decided_by_folded_words(node: Node) -> bool:
    """True where the folded words of a paper alone tell whether it matches."""
    if isinstance(node, And | Or):
        return all(map(decided_by_folded_words, node.children))
    atom = node.atom if isinstance(node, Not) else node
    return all(_layer(word) == "folded" for word in words_of(atom))
