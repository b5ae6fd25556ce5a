"""One paper in Telegram's markup: whole for a message of its own, short for a list."""

import re
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import product

from bot.adapters.botapi.markup import (
    ENTITIES,
    NOTHING,
    Markup,
    bold,
    folded,
    italic,
    joined,
    link,
    pieces,
    plain,
)
from bot.adapters.botapi.phrases import Phrases
from bot.adapters.presentation import Piece, Pieces, ShownMatch, marked, shown, shown_matches, web_links
from bot.domain.message import Item
from bot.domain.papers import Paper, Point
from bot.domain.plain_text import gist, plain_text
from bot.domain.quizzes.lengths import cut_to_units

_TITLE, _AUTHOR, _LABEL, _SOURCE = 300, 50, 60, 60
_GIST, _SHORT_GIST = 400, 180
_AUTHORS, _SHORT_AUTHORS = 6, 3
_MATCHES, _WHY = 6, 700
_MARKS = 12
"""Matched words in bold in one text at most: entities are counted, and more only shout."""
_POINT_LENGTHS = (900, 600, 450, 300, 200, 120)
_SOURCES = 2
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,5}$")


class ShownItem:
    """A paper with its reasons, about to be shown in one language."""

    def __init__(self, item: Item, phrases: Phrases) -> None:
        self.paper: Paper = item.paper
        self._phrases = phrases
        self._matches = shown_matches(item.reasons)[:_MATCHES]
        found = (said(why.text, _TITLE) for reason in item.reasons for why in reason.why)
        self._words = tuple(dict.fromkeys(filter(None, found)))

    def whole(self, room: int) -> Markup:
        """The paper as a message of its own, in at most `room` units, not below 3000: the points give way first."""
        head = joined("\n", (self.title(), self._authors(_AUTHORS)))
        above = joined("\n\n", (head, self._gist(_GIST), self._why()))
        below = self.provenance()
        for length, mark in product(_POINT_LENGTHS, (True, False)):
            points = joined("\n", self._points(length, mark=mark))
            whole = joined("\n", (above, folded(points), below))
            if whole.units <= room and whole.entities <= ENTITIES:
                return whole
        return joined("\n", (above, below))

    def short(self, number: int, *, dated: bool) -> Markup:
        """The paper as an entry of a list."""
        title = plain(f"{number}. ") + self.title()
        when = self.provenance() if dated else NOTHING
        return joined(
            "\n", (title, self._authors(_SHORT_AUTHORS), self._gist(_SHORT_GIST), self._why(), when)
        )

    def title(self) -> Markup:
        text = said(self.paper.title, _TITLE) or self.paper.id
        return link(self._marked(text), web_links(self.paper.links).best)

    def provenance(self) -> Markup:
        """The day and the digests that named the paper."""
        day = self.paper.date or self.paper.published
        return provenance(day, self.paper.sources, self._phrases)

    def _marked(self, text: str, *, mark: bool = True) -> Markup:
        return pieces(_first_marks(marked(text, self._words)), mark=mark)

    def _authors(self, most: int) -> Markup:
        names = [name for name in (said(author, _AUTHOR) for author in self.paper.authors) if name]
        left = len(names) - most
        if left <= 1:  # "and 1 more" takes the room of the name
            return self._marked(", ".join(names))
        return self._marked(", ".join(names[:most])) + plain(
            self._phrases.others.format(count=left, total=len(names))
        )

    def _gist(self, limit: int) -> Markup:
        points = self.paper.edition(self._phrases.language).points
        text = self.paper.summary or (points[0].text if points else "")
        return self._marked(cut_to_units(shown(gist(text)), limit))

    def _why(self) -> Markup:
        told = NOTHING
        for match in self._matches:
            longer = joined("; ", (told, _match(match)))
            if longer.units > _WHY:
                break
            told = longer
        return plain(f"🔎 {self._phrases.matched}") + told if told else NOTHING

    def _points(self, limit: int, *, mark: bool) -> Iterator[Markup]:
        for point in self.paper.edition(self._phrases.language).points:
            yield joined(" ", (_label(point), self._marked(said(point.text, limit), mark=mark)))


def provenance(day: date | None, sources: Iterable[str], phrases: Phrases) -> Markup:
    """The day and the names of the digests, small; a digest that is only called by its day is not named."""
    names = [_EXTENSION.sub("", said(source, _SOURCE).rsplit("/", 1)[-1]) for source in sources]
    named = [name for name in dict.fromkeys(names) if name and (day is None or name != day.isoformat())]
    parts = ([phrases.day(day)] if day else []) + named[:_SOURCES]
    return italic(" · ".join(parts)) if parts else NOTHING


def said(text: str, limit: int) -> str:
    """The text as it is meant, on one line, at most `limit` units long."""
    return cut_to_units(shown(plain_text(text)), limit)


def _first_marks(parts: Pieces) -> Pieces:
    places = [place for place, part in enumerate(parts) if part.matched][_MARKS:]
    return tuple(Piece(part.text) if place in places else part for place, part in enumerate(parts))


def _match(match: ShownMatch) -> Markup:
    if not match.words:
        return bold(match.subscription)
    words = joined(", ", map(bold, match.words))
    return plain(f"{match.subscription} (") + words + plain(")")


def _label(point: Point) -> Markup:
    label = said(point.label, _LABEL)
    return bold(f"{label}:") if label else NOTHING
