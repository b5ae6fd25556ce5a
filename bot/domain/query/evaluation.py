"""Evaluation of queries: whether one matches, the words that explain a match, and the words that a match needs.

The index of many queries gives exactly what this gives; a database's full-text table gives at least as much.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

from bot.domain.query.documents import SCOPES, UNFOLDED, Document, Field, Scope
from bot.domain.query.folding import Layer, common_beginning, folded_form
from bot.domain.query.syntax import LAYER_OF_MODE, And, Atom, Near, Node, Not, Or, Phrase, Query, Word, atoms

MAX_HITS = 40
_MOST_SPARED = 16
"""Of so many terms each is left out in turn; with more, any paper may lack but one."""

Test = Callable[[Document], bool]
Occurrence = tuple[int, int, int]
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


def match(query: Query, document: Document, limit: int = MAX_HITS) -> tuple[Hit, ...] | None:
    """The hits of a paper that the query matches, in reading order without repeats; None where it does not.

    Where there are more than `limit`, the first ones of each term go before the second ones of any.
    """
    if not test_of(query.root)(document):
        return None
    ranked = [
        (turn, occurrence, atom)
        for atom in dict.fromkeys(_contributing(query.root, document))
        for turn, occurrence in enumerate(islice(_occurrences(atom, document), limit))
    ]
    chosen = sorted(ranked, key=lambda entry: entry[:2])[:limit]
    hits = [
        _hit(atom, occurrence, document) for _, occurrence, atom in sorted(chosen, key=lambda entry: entry[1])
    ]
    return tuple(dict.fromkeys(hits))


def missing(query: Query, document: Document) -> tuple[str, ...]:
    """The terms that keep the paper from matching, as few as possible; empty where it matches.

    A term that must not be there, but is, stands as `NOT term`.
    """
    return missing_terms(query, lambda atom: test_of(atom)(document))


def missing_terms(query: Query, has: Callable[[Atom], bool]) -> tuple[str, ...]:
    """As `missing`, for a paper of which only is known whether it has an atom."""
    lacking = sorted(_lacking(query.root, has), key=lambda leaf: _atom(leaf).position)
    return tuple(
        dict.fromkeys(
            f"NOT {leaf.atom.written}" if isinstance(leaf, Not) else leaf.written for leaf in lacking
        )
    )


class Matcher:
    """Many queries against many papers, one after the other."""

    def __init__(self, queries: Sequence[Query]) -> None:
        self._tests = tuple(test_of(query.root) for query in queries)

    def matches(self, documents: Sequence[Document]) -> Iterator[tuple[int, int]]:
        """(index of the query, index of the document) of each match, by document, then by query."""
        for number, document in enumerate(documents):
            for index, test in enumerate(self._tests):
                if test(document):
                    yield index, number


def test_of(node: Node) -> Test:
    """A test whether a document matches the node; compiled once, fast for many documents."""
    match node:
        case Phrase():
            return _phrase_test(node)
        case Near():
            return _near_test(node)
        case Not():
            inner = test_of(node.atom)
            return lambda document: not inner(document)
        case And():
            return _every(tuple(map(test_of, node.children)))
        case _:
            tests = tuple(map(test_of, node.children))
            return lambda document: any(test(document) for test in tests)


def _every(tests: tuple[Test, ...]) -> Test:
    return lambda document: all(test(document) for test in tests)


def _phrase_test(phrase: Phrase) -> Test:
    """A search in the line of all words where the words allow it, else a look at each part."""
    words = phrase.words
    layer = _only_layer(words)
    if layer == "folded":
        return _line_test(phrase.scope, words)
    return _every((*_guesses(phrase.scope, words), lambda document: _any(_occurrences(phrase, document))))


def _near_test(near: Near) -> Test:
    guesses = _guesses(near.scope, near.left + near.right)
    return _every((*guesses, lambda document: _any(_occurrences(near, document))))


def _any(occurrences: Iterator[Occurrence]) -> bool:
    return next(occurrences, None) is not None


def _guesses(scope: Scope, words: tuple[Word, ...]) -> Iterator[Test]:
    """Cheap tests on the folded words that every document with these words passes."""
    if scope not in UNFOLDED:
        for word in words:
            yield _line_test(scope, (_guess(word),))


def _guess(word: Word) -> Word:
    if word.mode == "prefix":
        return Word(text=common_beginning(word.text), mode="prefix")
    return Word(text=folded_form(word.text), mode="folded")


def _line_test(scope: Scope, words: tuple[Word, ...]) -> Test:
    """Folded words, of which only the last may be a beginning, as a search in the line of the scope."""
    needle = _needle(words)
    return lambda document: needle in document.line(scope, "folded")


def _only_layer(words: tuple[Word, ...]) -> Layer | None:
    """The layer of all the words, where a search in a line can find them; None where it cannot."""
    layers = {LAYER_OF_MODE[word.mode] for word in words}
    return None if len(layers) > 1 or any(word.mode == "prefix" for word in words[:-1]) else layers.pop()


def _needle(words: tuple[Word, ...]) -> str:
    return f" {' '.join([word.text for word in words])}{'' if words[-1].mode == 'prefix' else ' '}"


def _occurrences(atom: Atom, document: Document) -> Iterator[Occurrence]:
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
    """From each occurrence of the left phrase to the closest right one, where that is close enough.

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
    columns = {layer: document.words(part, layer) for layer in {LAYER_OF_MODE[word.mode] for word in words}}
    first, *others = [(word.text, word.mode == "prefix", columns[LAYER_OF_MODE[word.mode]]) for word in words]
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


def _contributing(node: Node, document: Document) -> Iterator[Atom]:
    """The atoms that make a matching node match."""
    if isinstance(node, Phrase | Near):
        yield node
    elif isinstance(node, And | Or):
        for child in node.children:
            if isinstance(node, And) or test_of(child)(document):
                yield from _contributing(child, document)


def _hit(atom: Atom, occurrence: Occurrence, document: Document) -> Hit:
    number, first, last = occurrence
    part = document.parts[number]
    start, end = document.span(number, first, last)
    return Hit(
        term=atom.written, field=part.field, part=part.index, start=start, end=end, text=part.text[start:end]
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


class Term(NamedTuple):
    """A folded word, or the beginning of one, in any of these fields."""

    fields: tuple[Field, ...]
    text: str
    is_prefix: bool


class AllOf(NamedTuple):
    """Every one of these is needed."""

    needs: tuple["Need", ...]


class AnyOf(NamedTuple):
    """One of these is needed."""

    needs: tuple["Need", ...]


Need = Term | AllOf | AnyOf
"""Folded words that a paper must have. A full-text index gives the papers that have them; the evaluation decides."""


def decided_by_folded_words(node: Node) -> bool:
    """True where the folded words of a paper alone tell whether it matches."""
    if isinstance(node, And | Or):
        return all(map(decided_by_folded_words, node.children))
    atom = node.atom if isinstance(node, Not) else node
    return atom.scope not in UNFOLDED and all(word.mode == "folded" for word in words_of(atom))


def words_of(atom: Atom) -> tuple[Word, ...]:
    """The words of an atom, of a NEAR those of both sides."""
    return atom.words if isinstance(atom, Phrase) else atom.left + atom.right


def need_of(node: Node) -> Need | None:
    """The folded words that every paper matching the node has; None where that may be any paper."""
    match node:
        case Not():
            return None
        case And():
            return _all_of(map(need_of, node.children))
        case Or():
            return _any_of(map(need_of, node.children))
        case _:
            return _all_of(_term(node.scope, word, begins=word.mode == "prefix") for word in words_of(node))


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


def _term(scope: Scope, word: Word, *, begins: bool) -> Need | None:
    text = common_beginning(word.text) if begins else folded_form(word.text)
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
