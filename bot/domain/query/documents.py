"""A paper as the query language sees it: its searchable parts, their words worked out when first asked for."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from bot.domain.papers import Edition, Paper
from bot.domain.query.folding import Layer, joined, spans, without_possessive

Field = Literal["title", "authors", "summary", "points", "source"]

Scope = Literal["", "title", "author", "summary", "source"]
"""What stands before the colon in a query; empty where nothing does."""

SCOPES: dict[Scope, tuple[Field, ...]] = {
    "": ("title", "summary", "points"),
    "title": ("title",),
    "author": ("authors",),
    "summary": ("summary",),
    "source": ("source",),
}

UNFOLDED: frozenset[Scope] = frozenset({"author", "source"})
"""Names have no plural: `Williams` is not `William`. Words of a query in these scopes are `plain` ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A text that phrases never cross; `index` counts the parts of the same field from 0."""

    field: Field
    index: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """The parts of one paper in reading order, and a memory of their words."""

    parts: tuple[Part, ...]
    _lines: dict[tuple[Scope | int, Layer], str] = field(default_factory=dict, repr=False, compare=False)
    _spans: dict[int, list[tuple[int, int]]] = field(default_factory=dict, repr=False, compare=False)

    def line(self, scope: Scope, layer: Layer) -> str:
        """All words of the scope, each between blanks, with a line feed between two parts."""
        line = self._lines.get((scope, layer))
        if line is None:
            line = "\n".join([self.part_line(place, layer) for place in self.places(scope)])
            self._lines[scope, layer] = line
        return line

    def places(self, scope: Scope) -> list[int]:
        """The parts of the scope as places among all parts."""
        fields = SCOPES[scope]
        return [place for place, part in enumerate(self.parts) if part.field in fields]

    def words(self, place: int, layer: Layer) -> list[str]:
        """The words of the part at that place."""
        return self.part_line(place, layer).split()

    def span(self, place: int, first: int, last: int) -> tuple[int, int]:
        """Where in the part's text its words number `first` to `last` stand."""
        ends = self._spans.get(place)
        if ends is None:
            ends = self._spans[place] = spans(self.parts[place].text)
        start, end = ends[last]
        return ends[first][0], start + len(without_possessive(self.parts[place].text[start:end]))

    def part_line(self, place: int, layer: Layer) -> str:
        """All words of the part at that place, each between blanks."""
        line = self._lines.get((place, layer))
        if line is None:
            line = self._lines[place, layer] = joined(self.parts[place].text, layer)
        return line


def document_of(paper: Paper) -> Document:
    """The paper's title, authors, summaries, points of all editions (label and text), and digests' names."""
    return Document(
        parts=(
            Part(field="title", index=0, text=paper.title),
            *_parts("authors", paper.authors),
            *_parts("summary", (summary.text for summary in paper.summaries)),
            *_parts("points", (text for edition in paper.editions for text in _points(edition))),
            *_parts("source", paper.sources),
        )
    )


def _parts(field: Field, texts: Iterator[str] | tuple[str, ...]) -> Iterator[Part]:
    return (Part(field=field, index=index, text=text) for index, text in enumerate(texts))


def _points(edition: Edition) -> Iterator[str]:
    return (f"{point.label}: {point.text}" if point.label else point.text for point in edition.points)
