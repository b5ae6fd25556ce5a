"""Bulletins as messages: the subject in bold, then the text as it is."""

from bot.adapters.telegram.markup import TEXT_UNITS, Markup, bold, joined, plain
from bot.adapters.telegram.rendering import Message
from bot.domain.bulletins import Bulletin
from bot.domain.text import one_line

_LONGEST_LINE = 400


def render_bulletin(bulletin: Bulletin) -> Message:
    """The message; paragraphs that it has no room for are left out, the first ones last."""
    whole = bold(one_line(bulletin.subject, _LONGEST_LINE))
    for paragraph in bulletin.text.split("\n\n"):
        longer = joined("\n\n", (whole, _paragraph(paragraph)))
        if longer.units > TEXT_UNITS:
            break
        whole = longer
    return Message(html=whole.html)


def _paragraph(text: str) -> Markup:
    return plain("\n".join(one_line(line, _LONGEST_LINE) for line in text.splitlines()))
