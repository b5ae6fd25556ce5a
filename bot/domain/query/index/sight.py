"""Which simple atoms a handful of papers has."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, repeat
from typing import NamedTuple

import numpy as np

from bot.domain.query.documents import SCOPES, Document, Field, Scope
from bot.domain.query.folding import Layer, words
from bot.domain.query.index.arrays import Ints, Longs
from bot.domain.query.index.atoms import ROOTS, Atoms
from bot.domain.query.index.lexicon import Lexicon
from bot.domain.query.index.near import Sightings

_FIELDS: tuple[Field, ...] = ("title", "authors", "summary", "points", "source")


_NO_NUMBERS: Ints = np.empty(0, dtype=np.int32)
_NO_PLACES: Longs = np.empty(0, dtype=np.int64)


class _Stream:
    """The words of the parts that some query looks at, part after part, each with a 0 behind it."""

    def __init__(
        self, documents: Sequence[Document], fields: set[Field], numbers_of: Callable[[str], list[int]]
    ) -> None:
        runs: list[list[int]] = []
        papers: list[int] = []
        kinds: list[int] = []
        for paper, document in enumerate(documents):
            for part in document.parts:
                if part.field in fields:
                    run = numbers_of(part.text)
                    run.append(0)
                    runs.append(run)
                    papers.append(paper)
                    kinds.append(_FIELDS.index(part.field))
        lengths = [len(run) for run in runs]
        self.words = np.fromiter(chain.from_iterable(runs), np.int64, sum(lengths))
        self.papers: Ints = np.repeat(np.array(papers, dtype=np.int32), lengths)
        self.parts: Ints = np.repeat(np.arange(len(runs), dtype=np.int32), lengths)
        self._kinds = np.repeat(np.array(kinds, dtype=np.int8), lengths)

    def places(self, scope: Scope) -> Longs:
        """The places of the words in that scope."""
        wanted = np.array([field in SCOPES[scope] for field in _FIELDS])
        return np.flatnonzero(wanted[self._kinds])


class Seen(NamedTuple):
    """All simple atoms of some papers, with repeats, and the part to which each place belongs."""

    sightings: Sightings
    part_of_place: Ints


def atoms_in(documents: Sequence[Document], atoms: Atoms, lexicon: Lexicon) -> Seen:
    """The simple atoms of the papers."""
    lexicon.refresh()
    used = {(scope, layer) for (scope, layer), root in ROOTS.items() if atoms.is_used(root)}
    fields = {field for scope, _ in used for field in SCOPES[scope]}
    folding = _Stream(documents, fields, lexicon.numbers)
    exact = _Stream(documents, fields, lambda text: _exact(text, atoms)) if _any_exact(used) else folding
    texts: list[_Text] = []
    found: list[Sightings] = []
    for scope, layer in used:
        stream = exact if layer == "exact" else folding
        places = stream.places(scope)
        met, papers = stream.words[places], stream.papers[places]
        if layer is None:
            nodes, counts = lexicon.begun(scope, met)
            found.append(Sightings(nodes, np.repeat(papers, counts), np.repeat(places, counts)))
        else:
            labels = {"folded": lexicon.folded, "plain": lexicon.plain, "exact": _same}[layer](met)
            texts.append(_Text(labels, papers, places, ROOTS[scope, layer]))
    return Seen(_together((*found, *_phrases_in(texts, atoms))), folding.parts)


def _any_exact(used: set[tuple[Scope, Layer | None]]) -> bool:
    return any(layer == "exact" for _, layer in used)


def _same(numbers: Longs) -> Ints:
    return numbers.astype(np.int32)


def _exact(text: str, atoms: Atoms) -> list[int]:
    return list(map(atoms.words.get, words(text, "exact"), repeat(0)))


class _Text(NamedTuple):
    """The words of a scope in a layer, by the atoms' numbers, and the root at which its phrases begin."""

    labels: Ints
    papers: Ints
    places: Longs
    root: int


def _phrases_in(texts: Sequence[_Text], atoms: Atoms) -> Iterator[Sightings]:
    """Walks down the tree from every word at once, one word further each time."""
    labels = np.concatenate([_NO_NUMBERS, *(text.labels for text in texts)]).astype(np.int64)
    papers = np.concatenate([_NO_NUMBERS, *(text.papers for text in texts)])
    places = np.concatenate([_NO_NUMBERS, *(text.places for text in texts)]).astype(np.int64)
    roots = np.repeat([text.root for text in texts], [len(text.labels) for text in texts])
    begins = np.flatnonzero(labels)
    nodes, last = roots[begins].astype(np.int64), begins
    while len(nodes):
        reached = atoms.edges.find((nodes << 32 | labels[last]).astype(np.uint64))
        going = np.flatnonzero(reached >= 0)
        nodes, begins, last = reached[going].astype(np.int64), begins[going], last[going]
        yield Sightings(nodes, papers[begins], places[begins])
        last = last + 1
        longer = np.flatnonzero(labels[last])
        nodes, begins, last = nodes[longer], begins[longer], last[longer]


def _together(found: Sequence[Sightings]) -> Sightings:
    return Sightings(
        np.concatenate([_NO_PLACES, *(some.nodes for some in found)]),
        np.concatenate([_NO_NUMBERS, *(some.papers for some in found)]),
        np.concatenate([_NO_PLACES, *(some.places for some in found)]),
    )
