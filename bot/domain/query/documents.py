"""Document: a paper as its searchable parts, whose words are folded once and may be stored."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from bot.domain.papers import Paper
from bot.domain.query.folding import Layer, WordPositions, folded_fields, joined, without_possessive
from bot.domain.query.vocabulary import PieceVocabulary

Field = Literal["title", "authors", "summary", "points", "source"]

Scope = Literal["", "title", "author", "summary", "source"]
"""The field prefix of a query's term; empty for none."""

SCOPES: dict[Scope, tuple[Field, ...]] = {
    "": ("title", "summary", "points"),
    "title": ("title",),
    "author": ("authors",),
    "summary": ("summary",),
    "source": ("source",),
}

UNFOLDED: frozenset[Scope] = frozenset({"author", "source"})
"""Names have no plural: `Williams` is not `William`. Words of a query in these scopes are `plain` ones."""


FIELDS: tuple[Field, ...] = ("title", "authors", "summary", "points", "source")
"""In reading order."""

_FIELD_INDICES = {scope: tuple(map(FIELDS.index, fields)) for scope, fields in SCOPES.items()}

FieldWords = tuple[str, str, str, str, str]
"""The folded words of a paper, a text for each of `FIELDS`: the words of a part between blanks, and a line feed
between two parts; empty where the field has no part.
"""


FieldTexts = tuple[tuple[str, ...], ...]
"""The texts of a paper: of each of `FIELDS` its parts."""


class Part(NamedTuple):
    """A text that phrases never cross; `number` counts the parts of the same field from 0."""

    field: Field
    number: int
    text: str


class Document:
    """The parts of one paper in reading order, and a cache of their words.

    `words` are its folded words where they are known, which saves folding. Of a document that was made of `words`
    alone these are the parts' texts as well: it is enough for queries of folded words, but not to show anything.
    """

    __slots__ = ("_lines", "_parts", "_pieces", "_positions", "_texts", "_vocabulary", "_words")

    def __init__(self, *, texts: FieldTexts | None = None, words: FieldWords | None = None) -> None:
        self._texts = texts
        self._words = words
        self._parts: tuple[Part, ...] | None = None
        self._lines: dict[tuple[Scope | int, Layer], str] = {}
        self._positions: dict[int, WordPositions] = {}
        self._vocabulary: PieceVocabulary | None = None
        self._pieces: Sequence[int] = ()
        """The pieces of the texts by their numbers in the vocabulary."""

    def __repr__(self) -> str:
        return f"Document(texts={self.texts!r})"

    @property
    def texts(self) -> FieldTexts:
        """The texts of all parts, field by field."""
        if self._texts is None:
            self._texts = tuple(tuple(text.split("\n")) if text else () for text in self.folded_words())
        return self._texts

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts in reading order."""
        if self._parts is None:
            self._parts = tuple(
                Part(field, number, text)
                for field, texts in zip(FIELDS, self.texts, strict=True)
                for number, text in enumerate(texts)
            )
        return self._parts

    def has_folded(self, scope: Scope, text: str) -> bool:
        """Whether the text, in which is no line feed, stands in the line of folded words of the scope."""
        words = self._words or self.folded_words()
        for index in _FIELD_INDICES[scope]:  # noqa: SIM110 - `any` takes twice as long, and this is asked of every paper
            if text in words[index]:
                return True
        return False

    def line(self, scope: Scope, layer: Layer) -> str:
        """All words of the scope, each between blanks, with a line feed between two parts."""
        line = self._lines.get((scope, layer))
        if line is None:
            line = self._lines[scope, layer] = self._joined(scope, layer)
        return line

    def _joined(self, scope: Scope, layer: Layer) -> str:
        fields = SCOPES[scope]
        if layer == "folded":
            texts = zip(FIELDS, self.folded_words(), strict=True)
            return "\n".join([text for field, text in texts if text and field in fields])
        return "\n".join([self.part_line(number, layer) for number in self.numbers(scope)])

    def texts_at_hand(self, scope: Scope) -> tuple[list[str], bool]:  # noqa: ARG002 - of this class none are
        """Texts of parts of the scope that cost less than `parts`, and whether these are all."""
        return [], False

    def numbers(self, scope: Scope) -> list[int]:
        """The parts of the scope by their numbers among all parts."""
        fields = SCOPES[scope]
        return [number for number, part in enumerate(self.parts) if part.field in fields]

    def words(self, number: int, layer: Layer) -> list[str]:
        """The words of the part with that number."""
        return self.part_line(number, layer).split()

    def span(self, number: int, first: int, last: int) -> tuple[int, int]:
        """Start and end, in the part's text, of its words number `first` to `last`."""
        positions = self._positions.get(number)
        if positions is None:
            positions = self._positions[number] = WordPositions(self.parts[number].text)
        begin, _ = start, end = positions[first]
        if last > first:
            start, end = positions[last]
        return begin, start + len(without_possessive(self.parts[number].text[start:end]))

    def part_line(self, number: int, layer: Layer) -> str:
        """All words of the part with that number, each between blanks."""
        line = self._lines.get((number, layer))
        if line is None and layer == "folded":
            lines = "\n".join(filter(None, self.folded_words())).split("\n")
            self._lines.update({(index, layer): text for index, text in enumerate(lines)})
            line = lines[number]
        elif line is None:
            line = self._lines[number, layer] = joined(self.parts[number].text, layer)
        return line

    def folded_words(self) -> FieldWords:
        """The folded words, to be stored; from the numbers of the pieces where an index has asked for those."""
        if self._words is None:
            if self._vocabulary is None:
                lines = folded_fields(self.texts)
            else:
                lines = self._vocabulary.folded_texts(self._pieces)
            title, authors, summary, points, source = lines
            self._words = title, authors, summary, points, source
        return self._words

    def pieces(self, known: PieceVocabulary) -> Sequence[int]:
        """The pieces of the texts by their numbers in the vocabulary: field by field, with the ends of parts and fields."""
        if self._vocabulary is not known:
            self._vocabulary, self._pieces = known, known.numbers(self.texts)
        return self._pieces


def document_of(paper: Paper, words: FieldWords | None = None) -> Document:
    """The paper's titles, authors, summaries, points (label and text), and digests' names; translations among them."""
    editions = paper.editions
    texts = texts_of(
        title=(paper.title, *[edition.title for edition in editions if edition.title]),
        authors=paper.authors,
        summary=(
            *[summary.text for summary in paper.summaries],
            *[edition.summary for edition in editions if edition.summary],
        ),
        points=[(point.label, point.text) for edition in editions for point in edition.points],
        source=paper.digests,
    )
    return Document(texts=texts, words=words)


def texts_of(
    *,
    title: Iterable[str],
    authors: Iterable[str],
    summary: Iterable[str],
    points: Iterable[tuple[str, str]],
    source: Iterable[str],
) -> FieldTexts:
    """These texts in reading order; points are label and text. Only one of several equal titles counts."""
    said = [f"{label}: {text}" if label else text for label, text in points]
    return tuple(dict.fromkeys(title)), tuple(authors), tuple(summary), tuple(said), tuple(source)
