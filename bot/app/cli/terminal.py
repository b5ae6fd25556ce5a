"""What makes printed text easy on the eye: bold words, bars, excerpts, and a mark below a mistake."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from bot.domain.text import columns, printable

if TYPE_CHECKING:
    from bot.domain.subscriptions import Subscriber

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_CONTEXT = 38
_WINDOW = 100
"""Signs of a query that are shown around a mistake."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Style:
    """Bold and dim where a person watches; plain text in a pipe."""

    on: bool = False

    def strong(self, text: str) -> str:
        return f"\x1b[1m{printable(text)}\x1b[0m" if self.on else printable(text)

    def faint(self, text: str) -> str:
        return f"\x1b[2m{printable(text)}\x1b[0m" if self.on else printable(text)

    def marked(self, text: str, words: Iterable[str]) -> str:
        """The text with these words strong, wherever they stand."""
        wanted = [re.escape(printable(word)) for word in sorted(words, key=len, reverse=True)]
        if not wanted:
            return printable(text)
        pieces = re.split(f"({'|'.join(wanted)})", printable(text))
        return "".join(self.strong(piece) if place % 2 else piece for place, piece in enumerate(pieces))


def style_of(stream: TextIO) -> Style:
    """Bold on a terminal that was not told to do without (https://no-color.org)."""
    return Style(on=stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb")


def counted(number: int, one: str, many: str = "") -> str:
    """The number with its word, in the right form."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def people_counted(subscribers: "Sequence[Subscriber]") -> str:
    """How many there are, and how many subscriptions they have."""
    subscriptions = sum(len(one.subscriptions) for one in subscribers)
    return f"{counted(len(subscribers), 'subscriber')} with {counted(subscriptions, 'subscription')}"


def span_text(seconds: float) -> str:
    """A span of time in the largest unit that fits twice."""
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.3g} s"


def bar(value: float, largest: float, cells: int) -> str:
    """A bar of at most so many cells, to an eighth of a cell; something for whatever is not nothing."""
    eighths = round(value / largest * cells * 8) if largest else 0
    whole, rest = divmod(max(eighths, int(value > 0)), 8)
    return "█" * whole + _EIGHTHS[rest].strip()


def excerpt(text: str, words: str) -> str:
    """The words with a little of what stands around them."""
    at = text.find(words)
    if at < 0:
        return words
    start, end = max(at - _CONTEXT, 0), at + len(words) + _CONTEXT
    first = text.find(" ", start, at) + 1 if start else 0
    last = text.rfind(" ", at + len(words), end) if end < len(text) else len(text)
    first, last = max(first, start), last if last >= 0 else end
    return f"{'…' if start else ''}{text[first:last]}{'…' if last < len(text) else ''}"


def caret(text: str, position: int) -> str:
    """The text on one line, and below it a mark at that character; a long text is cut around it."""
    start = max(position - _WINDOW // 2, 0) if len(text) > _WINDOW else 0
    shown = printable(text[start : start + _WINDOW])
    before = ("… " if start else "") + shown[: position - start]
    return f"  {'… ' if start else ''}{shown}\n  {' ' * columns(before)}^"
