"""Rendering: alerts, alarms, look backs and lists of papers as messages in Telegram's markup, with buttons."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import product
from zoneinfo import ZoneInfo

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
from bot.domain.card import CardMatch, Piece, Pieces, card_of, cut_pieces, source_names
from bot.domain.message import Item, OutgoingMessage, WrittenText
from bot.domain.text import one_line
from bot.domain.translations import Wording, wording

_PRESS = re.compile(r"(?P<name>[a-z]{2,8}):(?P<message>[^\s:]{1,50}):(?P<number>\d{1,4})", re.ASCII)
_CALLBACK_BYTES = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Button:
    """A button that sends us `data` (1 to 64 bytes) when it is pressed."""

    text: str
    data: str
    row: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """Text in Telegram's HTML, within all limits, and its buttons."""

    html: str
    buttons: tuple[Button, ...] = ()
    asks: str | None = None
    """Placeholder of the reply field, where the message asks for a reply."""
    papers_shown: int | None = None
    """Number of an alert's papers shown, from the first on; None: all."""


_AUTHORS, _SHORT_AUTHORS = 6, 3
_MATCHES, _WHY = 6, 700
_MARKS = 12
"""Most matched words in bold in one text: entities are limited, and more would only shout."""
_POINT_LENGTHS = (900, 600, 450, 300, 200, 120)
_SHORT_POINT_LENGTHS = (300, 200, 140, 100)
_SOURCES = 2


class ShownItem:
    """Renderer of one paper with its reasons, in one language; `today` decides whether dates need a year."""

    def __init__(self, item: Item, words: Wording, today: date | None = None) -> None:
        self.card = card_of(item, language=words.language)
        self._words = words
        self._today = today
        self._updated = [words.gains[gain] for gain in sorted(item.updated) if gain in words.gains]

    def whole(self, room: int) -> Markup:
        """The paper as a whole message of at most `room` units (at least 3000): the points are shortened first."""
        card = self.card
        head = joined("\n", (self.title(), _marked(card.author_line(_AUTHORS)), self._news()))
        above = joined("\n\n", (head, _marked(card.gist)))
        below = joined("\n", (self._why(), self.provenance()))
        for length, mark in product(_POINT_LENGTHS, (True, False)):
            points = folded(joined("\n", self._points(length, mark=mark)))
            whole = joined("\n\n", (above, joined("\n", (points, below))))
            if whole.units <= room and whole.entities <= ENTITIES:
                return whole
        return joined("\n\n", (above, below))

    def short(self, number: int, *, dated: bool, named: bool = True, points: int = 0) -> Markup:
        """The paper as an entry of a list; `named` adds its subscriptions, `points` its points, cut to that length."""
        card = self.card
        title = joined(" ", (plain(f"{number}.") + plain(" ") + self.title(), plain(self.marks())))
        authors = card.author_line(_SHORT_AUTHORS)
        lines = (
            title,
            _marked(authors) if any(piece.matched for piece in authors) else NOTHING,
            self._news(),
            _marked(card.gist)
            or (_marked(authors) if not any(piece.matched for piece in authors) else NOTHING),
            folded(joined("\n", self._points(points, mark=False))) if points else NOTHING,
            joined(" · ", (self._why(named=named), self._when() if dated else NOTHING)),
        )
        return joined("\n", lines)

    def title(self) -> Markup:
        return link(_marked(self.card.title), self.card.links.best)

    def marks(self) -> str:
        """◆ with the number of sources where there are several, ❔ where there is a quiz."""
        several = f"◆{self.card.source_count}" if self.card.source_count > 1 else ""
        return " ".join(filter(None, (several, "❔" if self.card.questions else "")))

    def provenance(self) -> Markup:
        """The date, the sources, and the number of quiz questions."""
        quiz = (self._words.quiz(self.card.questions),) if self.card.questions else ()
        return provenance(self.card.date, self.card.sources, self._words, today=self._today, more=quiz)

    def _when(self) -> Markup:
        return provenance(self.card.date, self.card.sources, self._words, today=self._today)

    def _news(self) -> Markup:
        if not self._updated:
            return NOTHING
        return italic(f"🔄 {self._words.updated.format(gains=', '.join(self._updated))}")

    def _why(self, *, named: bool = True) -> Markup:
        parts = (*self.card.title, *self.card.gist, *self.card.author_line(_AUTHORS))
        is_visible = any(piece.matched for piece in parts)
        reasons = NOTHING
        for match in self.card.matches[:_MATCHES]:
            longer = joined(
                " · ", (reasons, _match(match, named=named, visible=is_visible, colon=self._words.colon))
            )
            if longer.units > _WHY:
                break
            reasons = longer
        return plain("🔎 ") + reasons if reasons else NOTHING

    def _points(self, limit: int, *, mark: bool) -> Iterator[Markup]:
        for point in self.card.points:
            if not mark and point.role == "gist" and self.card.gist:
                continue  # an entry of a list shows it above
            label = bold(f"{point.label}{self._words.colon.rstrip()}") if point.label else NOTHING
            yield joined(" ", (label, _marked(cut_pieces(point.text, limit), mark=mark)))


def provenance(
    day: date | None,
    sources: Iterable[str],
    words: Wording,
    *,
    today: date | None = None,
    more: Iterable[str] = (),
) -> Markup:
    """The date and the names of the sources in italics; the year only where it is not the current one."""
    named = " + ".join(list(dict.fromkeys(sources))[:_SOURCES])
    parts = (words.short_day(day, today) if day else "", named, *more)
    return italic(" · ".join(filter(None, parts)))


def _marked(parts: Pieces, *, mark: bool = True) -> Markup:
    unmarked = [index for index, part in enumerate(parts) if part.matched][_MARKS:]
    return pieces(
        tuple(Piece(part.text) if index in unmarked else part for index, part in enumerate(parts)), mark=mark
    )


def _match(match: CardMatch, *, named: bool, visible: bool, colon: str) -> Markup:
    """The subscription, with the words that matched where nothing else in the message shows them (`visible`)."""
    excerpt = NOTHING
    if not visible and match.excerpt:
        excerpt = plain("“") + _marked(match.excerpt) + plain("”")
    elif not visible and match.words:
        excerpt = joined(", ", map(bold, match.words))
    return joined(colon, (italic(match.subscription) if named else NOTHING, excerpt))


_MOST_ENTRIES = 24
"""Most entries of a page: three rows of buttons."""
_BUTTONS_IN_ROW = 8
"""Telegram's limit."""
_BEST_WHILE_AWAY = 10
"""Most entries of the first page after a long absence."""
_COUNTS = 4
_ALARM_LINE = 400


def render_alert(outgoing: OutgoingMessage, start: int = 0) -> Message | None:
    """The message's papers from index `start` on, as many as fit in one message; None where there are none.

    A single paper is shown in full. What does not fit or is over the daily limit is behind the button "+N more", which
    opens the page that begins where this one ends.
    """
    items = outgoing.items
    if not 0 <= start < len(items):
        return None
    words = wording(outgoing.language)
    if len(items) - outgoing.limited == 1 and not start:
        return _single(outgoing, words)
    page = _page(outgoing, start, words)
    buttons = list(_number_buttons(outgoing, start, page.end))
    row = buttons[-1].row + 1 if buttons else 0
    if start:
        buttons += alert_button(words.buttons["back"], "page", outgoing, 0, row=row)
    left = len(items) + outgoing.more - page.end
    markup = page.markup
    if left:
        text = (
            words.all_of_it
            if outgoing.occasion and outgoing.occasion.away_days is not None
            else words.more_heading.format(count=left)
        )
        more = alert_button(text, "page", outgoing, page.end, row=row)
        buttons += more
        if not more:
            markup = joined("\n\n", (markup, plain(words.more_heading.format(count=left))))
    return Message(html=markup.html, buttons=tuple(buttons), papers_shown=page.end)


def render_card(outgoing: OutgoingMessage, index: int) -> Message | None:
    """The paper with that index in full, with a button back to its page; None where there is none."""
    if not 0 <= index < len(outgoing.items):
        return None
    words = wording(outgoing.language)
    whole = ShownItem(outgoing.items[index], words, _today(outgoing)).whole(TEXT_UNITS)
    buttons = list(alert_buttons(outgoing, index))
    start = 0
    while (end := _page(outgoing, start, words).end) <= index:
        start = end
    buttons += alert_button(words.buttons["back"], "page", outgoing, start, row=2)
    return Message(html=whole.html, buttons=tuple(buttons))


def alert_buttons(outgoing: OutgoingMessage, index: int) -> Iterator[Button]:
    """The buttons below a paper: Save, More like this, Not for me, and Quiz me where there are questions."""
    words = wording(outgoing.language)
    names = [("save", 0), ("like", 0), ("not", 1)]
    if outgoing.items[index].paper.edition(outgoing.language).quiz:
        names.append(("quiz", 1))
    for name, row in names:
        yield from alert_button(words.buttons[name], name, outgoing, index, row=row)


def alert_button(
    text: str, name: str, outgoing: OutgoingMessage, number: int, *, row: int = 0
) -> tuple[Button, ...]:
    """A button for one paper of the message; none where its data would be too long with the message's id."""
    data = f"{name}:{outgoing.id}:{number}"
    fits = _PRESS.fullmatch(data) and len(data.encode()) <= _CALLBACK_BYTES
    return (Button(text=text, data=data, row=row),) if fits else ()


def _single(outgoing: OutgoingMessage, words: Wording) -> Message:
    limited, left = _over_limit(outgoing, words), outgoing.more or outgoing.limited
    whole = ShownItem(outgoing.items[0], words, _today(outgoing)).whole(TEXT_UNITS - limited.units - 2)
    more = words.more_heading.format(count=left)
    buttons = [
        *alert_buttons(outgoing, 0),
        *(alert_button(more, "page", outgoing, 1, row=2) if left else ()),
    ]
    return Message(html=joined("\n\n", (whole, limited)).html, buttons=tuple(buttons))


def _number_buttons(outgoing: OutgoingMessage, start: int, end: int) -> Iterator[Button]:
    """A button for each entry, which opens its card."""
    for index in range(start, end):
        yield from alert_button(
            str(index + 1), "open", outgoing, index, row=(index - start) // _BUTTONS_IN_ROW
        )


def _today(outgoing: OutgoingMessage) -> date:
    return outgoing.created_at.astimezone(ZoneInfo(outgoing.timezone)).date()


def render_written(text: WrittenText) -> Message:
    """The subject of an alarm or a look back in bold, then its paragraphs, as many as fit."""
    whole = bold(one_line(text.subject, _ALARM_LINE))
    for paragraph in text.body.split("\n\n"):
        lines = plain("\n".join(one_line(line, _ALARM_LINE) for line in paragraph.splitlines()))
        longer = joined("\n\n", (whole, lines))
        if longer.units > TEXT_UNITS:
            break
        whole = longer
    return Message(html=whole.html)


def render_list(heading: str, items: tuple[Item, ...], language: str, *, first: int = 1) -> Message:
    """A list of the papers, as many as fit below the heading, numbered from `first` on."""
    words = wording(language)
    entries = [ShownItem(item, words).short(number, dated=True) for number, item in enumerate(items, first)]
    while not (whole := joined("\n\n", (bold(heading), *entries))).fits:
        entries.pop()
    return Message(html=whole.html, papers_shown=len(entries))


@dataclass(frozen=True, slots=True)
class _Page:
    markup: Markup
    end: int


def _page(outgoing: OutgoingMessage, start: int, words: Wording) -> _Page:
    """The page with the most papers that fits, at least one; then with the longest points that fit."""
    items = outgoing.items
    within = len(items) - outgoing.limited
    last = within if start < within else len(items)
    away = start == 0 and outgoing.occasion is not None and outgoing.occasion.away_days is not None
    most = _BEST_WHILE_AWAY if away else _MOST_ENTRIES
    candidates = [ShownItem(item, words, _today(outgoing)) for item in items[start : min(start + most, last)]]
    names = {match.subscription for entry in candidates for match in entry.card.matches}
    one_day = len({item.paper.date for item in items}) == 1
    foot = _common_provenance(outgoing, words) if one_day else NOTHING
    limited = _over_limit(outgoing, words) if start == 0 else NOTHING

    def page_of(many: int, points: int) -> Markup:
        entries = [
            entry.short(number, dated=not one_day, named=len(names) > 1, points=points)
            for number, entry in enumerate(candidates[:many], start + 1)
        ]
        heading = _heading(outgoing, start, start + many, words)
        return joined("\n\n", (heading, *entries, joined("\n", (limited, foot))))

    many = len(candidates)
    while many > 1 and not _has_room(page_of(many, 0)):
        many -= 1
    pages = (page_of(many, length) for length in _SHORT_POINT_LENGTHS)
    whole = next((page for page in pages if _has_room(page)), None)
    return _Page(whole or page_of(many, 0), start + many)


def _has_room(page: Markup) -> bool:
    return page.fits and page.units <= TEXT_UNITS - 20


def _heading(outgoing: OutgoingMessage, start: int, end: int, words: Wording) -> Markup:
    if start:
        return bold(words.page.format(first=start + 1, last=end, count=len(outgoing.items)))
    items = outgoing.items[: len(outgoing.items) - outgoing.limited]
    count = len(items)
    if outgoing.occasion is None:
        head = words.new_for_you.format(count=count)
    else:
        quizzes = sum(bool(item.paper.edition(outgoing.language).quiz) for item in items)
        papers = (
            words.count(count)
            if end == count or outgoing.occasion.away_days is None
            else words.best_of.format(count=end, all=count + outgoing.more + outgoing.limited)
        )
        contents = " · ".join(
            filter(None, (papers, words.with_quiz.format(count=quizzes) if quizzes else ""))
        )
        head = outgoing.occasion.heading(words, contents)
    return joined(" · ", (bold(head), plain(_counts(items))))


def _counts(items: Iterable[Item]) -> str:
    """The subscriptions of the papers, with the number of papers of each where there are several."""
    counts = Counter(one_line(reason.subscription, 40) for item in items for reason in item.reasons)
    if len(counts) == 1:
        return next(iter(counts))
    return " · ".join(f"{name} {many}" for name, many in counts.most_common(_COUNTS))


def _common_provenance(outgoing: OutgoingMessage, words: Wording) -> Markup:
    digests = dict.fromkeys(digest for item in outgoing.items for digest in item.paper.digests)
    return provenance(outgoing.items[0].paper.date, source_names(digests), words, today=_today(outgoing))


def _over_limit(outgoing: OutgoingMessage, words: Wording) -> Markup:
    count = outgoing.more or outgoing.limited
    return plain(words.over_limit.format(count=count)) if count else NOTHING
