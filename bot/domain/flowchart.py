"""Flowchart: the drawing of a paper's method, as SVG markup or as its words alone."""

import re
from dataclasses import dataclass

from bot.domain.text import one_line, unescape

_WORDLESS = (
    ("<!--", "-->"),
    ("<style", "</style>"),
    ("<script", "</script>"),
    ("<title", "</title>"),
    ("<desc", "</desc>"),
)
_WRITTEN = re.compile(r"<(?:text\b[^<>]*>([^<]*)</text>|!--.*?-->|(text|foreignObject|script)\b)", re.DOTALL)
"""A text without elements in it, as nearly all are; a comment; or a sign that each tag must be looked at."""
_TAG = frozenset("/!?abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


@dataclass(frozen=True, kw_only=True, slots=True)
class Flowchart:
    """A flowchart; it is the same one in every language of its digest."""

    text: str | None = None
    """Its words where a digest gives them without the drawing, one line."""
    drawing: str | None = None
    """Its SVG markup, as found: untrusted, never shown without being made safe."""

    @property
    def words(self) -> str:
        """Its words on one line; empty where it has none."""
        return self.text or (words_of(self.drawing) if self.drawing else "")


def merged(first: Flowchart | None, second: Flowchart | None) -> Flowchart | None:
    """The first flowchart with what it lacks taken from the second."""
    if not (first and second):
        return first or second
    return Flowchart(text=first.text or second.text, drawing=first.drawing or second.drawing)


def words_of(drawing: str) -> str:
    """The words of SVG markup as a browser would show them, on one line, in the order of the markup."""
    if drawing.rfind("<!--") <= drawing.rfind("-->"):  # every comment ends
        texts = _WRITTEN.findall(drawing)
        if not any(odd for _, odd in texts):
            return one_line(unescape(" ".join([text for text, _ in texts if text])))
    return one_line(unescape(_text(drawing)))


def _text(drawing: str) -> str:
    for opening, closing in _WORDLESS:
        drawing = _without(drawing, opening, closing)
    before, *pieces = drawing.split("<")
    return before + "".join(map(_text_after_tag, pieces))


def _text_after_tag(piece: str) -> str:
    """The text after the tag that begins the piece. A `<tspan>` without coordinates goes on in the same word."""
    if piece[:1] not in _TAG:
        return "<" + piece
    tag, _, text = piece.partition(">")
    return text if tag.startswith("/tspan") or (tag.startswith("tspan") and " x=" not in tag) else " " + text


def _without(drawing: str, opening: str, closing: str) -> str:
    kept: list[str] = []
    end = 0
    begin = drawing.find(opening)
    while begin >= 0:
        kept.append(drawing[end:begin])
        end = drawing.find(closing, begin)
        if end < 0:
            return " ".join(kept)
        end += len(closing)
        begin = drawing.find(opening, end)
    return " ".join((*kept, drawing[end:]))
