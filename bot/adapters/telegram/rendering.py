"""Messages: alerts, alarms and lists of papers in Telegram's markup, with their buttons."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import product

from bot.adapters.telegram.markup import (
    ENTITIES,
    NOTHING,
    TEXT_UNITS,
    Markup,
    bold,
    folded,
    italic,
    joined,
    link,
    pieces,
    plain,
)
from bot.domain.card import CardMatch, Piece, Pieces, card_of, cut_pieces, plain_line, source_names
from bot.domain.message import AlarmText, Item, OutgoingMessage
from bot.domain.text import one_line
from bot.domain.translations import Wording, wording

_MORE = re.compile(r"more:(?P<message>[^\s:]{1,50}):(?P<start>\d{1,4})", re.ASCII)
_CALLBACK_BYTES = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Button:
    """A button that tells us `data` when pressed, 1 to 64 bytes."""

    text: str
    data: str
    row: int = 0
    """Buttons of one row stand side by side."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A text in Telegram's HTML, within all limits, and its buttons."""

    html: str
    buttons: tuple[Button, ...] = ()
    asks: str | None = None
    """What the person is asked to write in reply, shown in the empty field."""
    shown: int | None = None
    """How many of an alert's papers it shows, from the first on; None: all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MorePapers:
    """A request for the papers of a message from number `start` on, counted from 0."""

    message: str
    """The message's id."""
    start: int


def more_button(text: str, message: str, start: int) -> tuple[Button, ...]:
    """The button that asks for the rest of that message; none where its id leaves it no room."""
    data = f"more:{message}:{start}"
    fits = _MORE.fullmatch(data) and len(data.encode()) <= _CALLBACK_BYTES
    return (Button(text=text, data=data),) if fits else ()


def parse_more(data: str) -> MorePapers | None:
    """The request in a pressed button's data; None for any other text: it comes from outside and may be anything."""
    match = _MORE.fullmatch(data)
    return MorePapers(message=match["message"], start=int(match["start"])) if match else None


_AUTHORS, _SHORT_AUTHORS = 6, 3
_MATCHES, _WHY = 6, 700
_MARKS = 12
"""Matched words in bold in one text at most: entities are counted, and more only shout."""
_POINT_LENGTHS = (900, 600, 450, 300, 200, 120)
_SOURCES = 2


class ShownItem:
    """A paper with its reasons, about to be shown in one language."""

    def __init__(self, item: Item, words: Wording) -> None:
        self.card = card_of(item, language=words.language)
        self._words = words

    def whole(self, room: int) -> Markup:
        """The paper as a message of its own, in at most `room` units, not below 3000: the points give way first."""
        head = joined("\n", (self.title(), self._authors(_AUTHORS)))
        above = joined("\n\n", (head, self._gist(), self._why()))
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
        return joined("\n", (title, self._authors(_SHORT_AUTHORS), self._gist(), self._why(), when))

    def title(self) -> Markup:
        return link(_marked(self.card.title), self.card.links.best)

    def provenance(self) -> Markup:
        """The day and the sources that named the paper."""
        return provenance(self.card.date, self.card.sources, self._words)

    def _authors(self, most: int) -> Markup:
        return _marked(self.card.author_line(most))

    def _gist(self) -> Markup:
        return _marked(self.card.gist)

    def _why(self) -> Markup:
        reasons = NOTHING
        for match in self.card.matches[:_MATCHES]:
            longer = joined("; ", (reasons, _match(match)))
            if longer.units > _WHY:
                break
            reasons = longer
        return plain(f"🔎 {self._words.matched}{self._words.colon}") + reasons if reasons else NOTHING

    def _points(self, limit: int, *, mark: bool) -> Iterator[Markup]:
        for point in self.card.points:
            label = bold(f"{point.label}{self._words.colon.rstrip()}") if point.label else NOTHING
            yield joined(" ", (label, _marked(cut_pieces(point.text, limit), mark=mark)))


def provenance(day: date | None, sources: Iterable[str], words: Wording) -> Markup:
    """The day and the names of the sources, small."""
    parts = ([words.day(day)] if day else []) + list(dict.fromkeys(sources))[:_SOURCES]
    return italic(" · ".join(parts)) if parts else NOTHING


def _marked(parts: Pieces, *, mark: bool = True) -> Markup:
    unmarked = [index for index, part in enumerate(parts) if part.matched][_MARKS:]
    return pieces(
        tuple(Piece(part.text) if index in unmarked else part for index, part in enumerate(parts)), mark=mark
    )


def _match(match: CardMatch) -> Markup:
    if not match.words:
        return bold(match.subscription)
    words = joined(", ", map(bold, match.words))
    return plain(f"{match.subscription} (") + words + plain(")")


PAGE = 8
"""Papers a page at most: what still can be read on a telephone without getting lost."""
_TITLES_NAMED = 5
_NAMED_TITLE = 90
_ALARM_LINE = 400


def render_alert(outgoing: OutgoingMessage, start: int = 0) -> Message | None:
    """The message's papers from number `start` on, as many as one message takes; None where there are none.

    A single paper is shown in full. What does not fit is behind the button "+N more", which asks for the
    page that begins where this one ends; what the daily limit kept out is named on the first page.
    """
    if not 0 <= start < len(outgoing.items):
        return None
    words = wording(outgoing.language)
    limited = _over_limit(outgoing, words) if start == 0 else NOTHING
    if len(outgoing.items) == 1:
        room = TEXT_UNITS - limited.units - 2
        whole = ShownItem(outgoing.items[0], words).whole(room)
        return Message(html=joined("\n\n", (whole, limited)).html)
    page = _page(outgoing, start, limited, words)
    left = len(outgoing.items) - page.end
    buttons = more_button(words.more_heading.format(count=left), outgoing.id, page.end) if left else ()
    markup = page.markup
    if left and not buttons:
        markup = joined("\n\n", (markup, plain(words.more_heading.format(count=left))))
    return Message(html=markup.html, buttons=buttons, shown=page.end)


def render_alarm(alarm: AlarmText) -> Message:
    """The alarm's subject in bold, then its paragraphs; the last ones are left out where there is no room."""
    whole = bold(one_line(alarm.subject, _ALARM_LINE))
    for paragraph in alarm.body.split("\n\n"):
        lines = plain("\n".join(one_line(line, _ALARM_LINE) for line in paragraph.splitlines()))
        longer = joined("\n\n", (whole, lines))
        if longer.units > TEXT_UNITS:
            break
        whole = longer
    return Message(html=whole.html)


def render_list(heading: str, items: tuple[Item, ...], language: str) -> Message:
    """As many of the papers as one message takes below a heading of our own."""
    words = wording(language)
    shown = joined("\n\n", (bold(heading), *_entries(items, words, 0, dated=True)))
    while not shown.fits:
        items = items[:-1]
        shown = joined("\n\n", (bold(heading), *_entries(items, words, 0, dated=True)))
    return Message(html=shown.html)


@dataclass(frozen=True, slots=True)
class _Page:
    markup: Markup
    end: int


def _page(outgoing: OutgoingMessage, start: int, limited: Markup, words: Wording) -> _Page:
    """The longest page that fits; at least one paper always does."""
    one_day = len({item.paper.date for item in outgoing.items}) == 1
    entries = _entries(outgoing.items[start : start + PAGE], words, start, dated=not one_day)
    foot = _common_provenance(outgoing, words) if one_day else NOTHING
    while True:
        end = start + len(entries)
        heading = _heading(outgoing, start, end, words)
        markup = joined("\n\n", (heading, *entries, limited, foot))
        if (markup.fits and markup.units <= TEXT_UNITS - 20) or len(entries) == 1:
            return _Page(markup, end)
        entries = entries[:-1]


def _entries(items: tuple[Item, ...], words: Wording, start: int, *, dated: bool) -> list[Markup]:
    return [ShownItem(item, words).short(number, dated=dated) for number, item in enumerate(items, start + 1)]


def _heading(outgoing: OutgoingMessage, start: int, end: int, words: Wording) -> Markup:
    count = len(outgoing.items)
    if start == 0:
        return bold(words.count(count))
    return bold(words.page.format(first=start + 1, last=end, count=count))


def _common_provenance(outgoing: OutgoingMessage, words: Wording) -> Markup:
    sources = dict.fromkeys(source for item in outgoing.items for source in item.paper.sources)
    return provenance(outgoing.items[0].paper.date, source_names(sources), words)


def _over_limit(outgoing: OutgoingMessage, words: Wording) -> Markup:
    if not outgoing.more:
        return NOTHING
    named = outgoing.more_titles[:_TITLES_NAMED]
    lines = (plain(f"• {plain_line(title, _NAMED_TITLE)}") for title in named)
    colon = words.colon.rstrip() if named else ""
    return joined("\n", (plain(words.over_limit.format(count=outgoing.more) + colon), *lines))
