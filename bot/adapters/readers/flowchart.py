"""The flowchart on a quiz page: its words on one line, and its drawing as found."""

import re
from dataclasses import dataclass

from bot.adapters.readers.findings import Findings
from bot.adapters.readers.page_text import unescape
from bot.domain.text import one_line

MAX_DRAWING = 200_000
"""Characters; real drawings have at most 23,000."""

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
    words: str | None = None
    drawing: str | None = None


def read_flowchart(text: str, start: int, stop: int, findings: Findings) -> Flowchart:
    """The flowchart in the card at `start`; an SVG that is never closed ends with the card, at `stop`."""
    begin = text.find("<svg", start, stop)
    if begin < 0:
        if start < stop:
            findings.problem(start, "a flowchart card without a drawing")
        return Flowchart()
    end = text.rfind("</svg>", begin, stop)
    if end < 0:
        findings.problem(begin, "a drawing that is never closed")
    drawing = text[begin : end + len("</svg>")] if end >= 0 else _without_card(text[begin:stop])
    if len(drawing) > MAX_DRAWING:
        findings.problem(begin, f"a drawing of more than {MAX_DRAWING:,} characters, left out")
        return Flowchart()
    return Flowchart(words=_words(drawing) or None, drawing=drawing.strip())


def _without_card(drawing: str) -> str:
    """The drawing without the ends of the elements around it."""
    drawing = drawing.rstrip()
    while drawing.endswith("</div>"):
        drawing = drawing.removesuffix("</div>").rstrip()
    return drawing


def _words(drawing: str) -> str:
    """What is written in the drawing, as a browser would show it, in the order of the markup."""
    if drawing.rfind("<!--") <= drawing.rfind("-->"):  # every comment ends
        found = _WRITTEN.findall(drawing)
        if not any(odd for _, odd in found):
            return one_line(unescape(" ".join([text for text, _ in found if text])))
    return one_line(unescape(_text(drawing)))


def _text(drawing: str) -> str:
    for opening, closing in _WORDLESS:
        drawing = _without(drawing, opening, closing)
    before, *pieces = drawing.split("<")
    return before + "".join(map(_said, pieces))


def _said(piece: str) -> str:
    """What follows a tag that begins the piece. A `<tspan>` without its own place goes on in the same word."""
    if piece[:1] not in _TAG:
        return "<" + piece
    tag, _, said = piece.partition(">")
    return said if tag.startswith("/tspan") or (tag.startswith("tspan") and " x=" not in tag) else " " + said


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
