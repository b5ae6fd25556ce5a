"""The straightforward evaluation of queries: what a match is, and the words that explain it.

Faster ways of matching must give exactly what this gives.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from bot.domain.query.documents import UNFOLDED, Document, Field, Scope
from bot.domain.query.folding import Layer, folded_form
from bot.domain.query.language import LAYER_OF_MODE, And, Atom, Near, Node, Not, Or, Phrase, Query, Word
from bot.domain.query.plurals import common_beginning

MAX_HITS = 40

Test = Callable[[Document], bool]
Place = tuple[int, int, int]
"""(number of the part among all parts, first word, last word)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
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
        (turn, place, atom)
        for atom in dict.fromkeys(_contributing(query.root, document))
        for turn, place in enumerate(islice(_places(atom, document), limit))
    ]
    chosen = sorted(ranked, key=lambda found: found[:2])[:limit]
    hits = [_hit(atom, place, document) for _, place, atom in sorted(chosen, key=lambda found: found[1])]
    return tuple(dict.fromkeys(hits))


def missing(query: Query, document: Document) -> tuple[str, ...]:
    """The terms that keep the paper from matching, as few as possible; empty where it matches.

    A term that must not be there, but is, stands as `NOT term`.
    """
    return missing_terms(query, lambda atom: test_of(atom)(document))


def missing_terms(query: Query, has: Callable[[Atom], bool]) -> tuple[str, ...]:
    """What `missing` gives for a paper that has these atoms."""
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
        for place, document in enumerate(documents):
            for index, test in enumerate(self._tests):
                if test(document):
                    yield index, place


def test_of(node: Node) -> Test:
    """What tells whether a paper has what the node says; made once, fast for many papers."""
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
            some = tuple(map(test_of, node.children))
            return lambda document: any(test(document) for test in some)


def _every(tests: tuple[Test, ...]) -> Test:
    return lambda document: all(test(document) for test in tests)


def _phrase_test(phrase: Phrase) -> Test:
    """One search in the line of all words where the words allow it, else a look at each place."""
    words = phrase.words
    layer = _only_layer(words)
    if layer is None:
        return _every((*_guesses(phrase.scope, words), lambda document: _any(_places(phrase, document))))
    line = _line_test(phrase.scope, words, layer)
    return line if layer == "folded" else _every((*_guesses(phrase.scope, words), line))


def _near_test(near: Near) -> Test:
    guesses = _guesses(near.scope, near.left + near.right)
    return _every((*guesses, lambda document: _any(_places(near, document))))


def _any(places: Iterator[Place]) -> bool:
    return next(places, None) is not None


def _guesses(scope: Scope, words: tuple[Word, ...]) -> Iterator[Test]:
    """What must hold in the folded words where these words are found: a cheap look before a dear one."""
    if scope not in UNFOLDED:
        for word in words:
            beginning = common_beginning(word.text)
            folded = (
                Word(text=beginning, mode="prefix")
                if word.mode == "prefix"
                else Word(text=folded_form(word.text), mode="folded")
            )
            yield _line_test(scope, (folded,), "folded")


def _line_test(scope: Scope, words: tuple[Word, ...], layer: Layer) -> Test:
    """Words of one layer, of which only the last may be a beginning, as a search in the line of the scope."""
    needle = _needle(words)
    return lambda document: needle in document.line(scope, layer)


def _only_layer(words: tuple[Word, ...]) -> Layer | None:
    """The layer of all the words, where a search in a line can find them; None where it cannot."""
    layers = {LAYER_OF_MODE[word.mode] for word in words}
    return None if len(layers) > 1 or any(word.mode == "prefix" for word in words[:-1]) else layers.pop()


def _needle(words: tuple[Word, ...]) -> str:
    return f" {' '.join([word.text for word in words])}{'' if words[-1].mode == 'prefix' else ' '}"


def _places(atom: Atom, document: Document) -> Iterator[Place]:
    for part in document.places(atom.scope):
        for first, last in places_in(atom, document, part):
            yield part, first, last


def places_in(atom: Atom, document: Document, part: int) -> Iterator[tuple[int, int]]:
    """First and last word of each place in that part, by the first word; by the left side's where it is a NEAR."""
    if isinstance(atom, Phrase):
        more = len(atom.words) - 1
        return ((start, start + more) for start in _starts(atom.words, document, part))
    rights = list(_starts(atom.right, document, part))
    return near_places(atom, _starts(atom.left, document, part), rights) if rights else iter(())


def near_places(near: Near, lefts: Iterable[int], rights: Sequence[int]) -> Iterator[tuple[int, int]]:
    """From each place of the left phrase to the closest right one, where that is close enough.

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
    """Where in the part the words stand side by side, as numbers of the first one."""
    layer = _only_layer(words)
    if layer and _needle(words) not in document.part_line(part, layer):
        return
    columns = {layer: document.words(part, layer) for layer in {LAYER_OF_MODE[word.mode] for word in words}}
    first, *others = [(word.text, word.mode == "prefix", columns[LAYER_OF_MODE[word.mode]]) for word in words]
    for start in _equals(*first):
        ends = start + len(words) <= len(first[2])
        if ends and all(
            column[place].startswith(text) if prefix else column[place] == text
            for place, (text, prefix, column) in enumerate(others, start + 1)
        ):
            yield start


def _equals(text: str, prefix: bool, column: list[str]) -> Iterator[int]:
    if prefix:
        yield from (place for place, word in enumerate(column) if word.startswith(text))
        return
    place = -1
    with suppress(ValueError):
        while True:
            place = column.index(text, place + 1)
            yield place


def _contributing(node: Node, document: Document) -> Iterator[Atom]:
    """The atoms that make a matching node match."""
    if isinstance(node, Phrase | Near):
        yield node
    elif isinstance(node, And | Or):
        for child in node.children:
            if isinstance(node, And) or test_of(child)(document):
                yield from _contributing(child, document)


def _hit(atom: Atom, place: Place, document: Document) -> Hit:
    number, first, last = place
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
