"""Alerts and alarms as messages: one paper in full, several as pages of a list, best first."""

from dataclasses import dataclass

from bot.adapters.botapi.markup import NOTHING, TEXT_UNITS, Markup, bold, joined, plain
from bot.adapters.botapi.messages import Message, more_button
from bot.adapters.botapi.papers import ShownItem, provenance, said
from bot.adapters.botapi.phrases import Phrases, phrases
from bot.adapters.presentation import shown
from bot.domain.message import AlarmText, Item, OutgoingMessage

PAGE = 8
"""Papers a page at most: what still can be read on a telephone without losing one's place."""
_TITLES_NAMED = 5
_NAMED_TITLE = 90
_LONGEST_LINE = 400


def render_alert(parcel: OutgoingMessage, start: int = 0) -> Message | None:
    """The parcel's papers from number `start` on, as many as one message takes; None where there are none.

    A single paper is shown in full. What does not fit is behind the button "+N more", which asks for the
    page that begins where this one ends; what the daily limit kept out is named on the first page.
    """
    if not 0 <= start < len(parcel.items):
        return None
    words = phrases(parcel.language)
    limited = _over_limit(parcel, words) if start == 0 else NOTHING
    if len(parcel.items) == 1:
        room = TEXT_UNITS - limited.units - 2
        whole = ShownItem(parcel.items[0], words).whole(room)
        return Message(html=joined("\n\n", (whole, limited)).html)
    page = _page(parcel, start, limited, words)
    left = len(parcel.items) - page.end
    buttons = more_button(words.more.format(count=left), parcel.id, page.end) if left else ()
    told = page.markup
    if left and not buttons:
        told = joined("\n\n", (told, plain(words.more.format(count=left))))
    return Message(html=told.html, buttons=buttons)


def render_alarm(alarm: AlarmText) -> Message:
    """The alarm's subject in bold, then its paragraphs; the last ones are left out where there is no room."""
    whole = bold(shown(alarm.subject, _LONGEST_LINE))
    for paragraph in alarm.body.split("\n\n"):
        lines = plain("\n".join(shown(line, _LONGEST_LINE) for line in paragraph.splitlines()))
        longer = joined("\n\n", (whole, lines))
        if longer.units > TEXT_UNITS:
            break
        whole = longer
    return Message(html=whole.html)


def render_list(heading: str, items: tuple[Item, ...], language: str) -> Message:
    """As many of the papers as one message takes below a heading of our own."""
    words = phrases(language)
    whole = joined("\n\n", (bold(heading), *_entries(items, words, 0, dated=True)))
    while not whole.fits:
        items = items[:-1]
        whole = joined("\n\n", (bold(heading), *_entries(items, words, 0, dated=True)))
    return Message(html=whole.html)


@dataclass(frozen=True, slots=True)
class _Page:
    markup: Markup
    end: int


def _page(parcel: OutgoingMessage, start: int, limited: Markup, words: Phrases) -> _Page:
    """The longest page that fits; at least one paper always does."""
    day_told = len({item.paper.date for item in parcel.items}) == 1
    entries = _entries(parcel.items[start : start + PAGE], words, start, dated=not day_told)
    foot = _common_provenance(parcel, words) if day_told else NOTHING
    while True:
        end = start + len(entries)
        heading = _heading(parcel, start, end, words)
        markup = joined("\n\n", (heading, *entries, limited, foot))
        if (markup.fits and markup.units <= TEXT_UNITS - 20) or len(entries) == 1:
            return _Page(markup, end)
        entries = entries[:-1]


def _entries(items: tuple[Item, ...], words: Phrases, start: int, *, dated: bool) -> list[Markup]:
    return [ShownItem(item, words).short(number, dated=dated) for number, item in enumerate(items, start + 1)]


def _heading(parcel: OutgoingMessage, start: int, end: int, words: Phrases) -> Markup:
    count = len(parcel.items)
    if start == 0:
        return bold(words.heading.format(count=count))
    return bold(words.page.format(first=start + 1, last=end, count=count))


def _common_provenance(parcel: OutgoingMessage, words: Phrases) -> Markup:
    sources = dict.fromkeys(source for item in parcel.items for source in item.paper.sources)
    return provenance(parcel.items[0].paper.date, sources, words)


def _over_limit(parcel: OutgoingMessage, words: Phrases) -> Markup:
    if not parcel.more:
        return NOTHING
    named = parcel.more_titles[:_TITLES_NAMED]
    lines = (plain(f"• {said(title, _NAMED_TITLE)}") for title in named)
    colon = words.colon if named else ""
    return joined("\n", (plain(words.over_limit.format(count=parcel.more) + colon), *lines))
