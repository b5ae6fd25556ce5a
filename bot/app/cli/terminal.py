"""Text for a terminal: bold words, tables, progress, counts, durations and bars."""

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from bot.domain.text import counted, printable

if TYPE_CHECKING:
    from bot.domain.subscriptions import Subscriber

_EIGHTHS = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True, kw_only=True, slots=True)
class Style:
    """Bold and dim text on a terminal; plain text in a pipe."""

    on: bool = False

    def strong(self, text: str) -> str:
        return f"\x1b[1m{printable(text)}\x1b[0m" if self.on else printable(text)

    def faint(self, text: str) -> str:
        return f"\x1b[2m{printable(text)}\x1b[0m" if self.on else printable(text)

    def marked(self, text: str, words: Iterable[str]) -> str:
        """The text with every occurrence of these words in bold, except inside longer words."""
        wanted = [_alone(printable(word)) for word in sorted(words, key=len, reverse=True)]
        if not wanted:
            return printable(text)
        pieces = re.split(f"({'|'.join(wanted)})", printable(text))
        return "".join(self.strong(piece) if index % 2 else piece for index, piece in enumerate(pieces))


def _alone(word: str) -> str:
    """A pattern of the word alone, not as part of a longer one; Chinese words need no boundaries."""
    before, after = (
        "[A-Za-z0-9]" if end.isascii() and end.isalnum() else "" for end in (word[:1], word[-1:])
    )
    return (f"(?<!{before})" if before else "") + re.escape(word) + (f"(?!{after})" if after else "")


def style_of(stream: TextIO) -> Style:
    """The style for a stream: bold on a terminal, unless NO_COLOR is set (https://no-color.org)."""
    return Style(on=stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb")


def print_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table that fits the terminal; in a pipe, rows with tabs and without titles."""
    if not sys.stdout.isatty():
        for row in rows:
            sys.stdout.write("\t".join(map(printable, row)) + "\n")
        sys.stdout.flush()
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    Console().print(table)


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar with the time left, if stderr is a terminal; yields the function that advances it."""
    if not sys.stderr.isatty() or not total:
        yield lambda _steps: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda steps: bar.advance(task, steps)


def people_counted(subscribers: "Sequence[Subscriber]") -> str:
    """The numbers of subscribers and of their subscriptions."""
    subscriptions = sum(len(subscriber.subscriptions) for subscriber in subscribers)
    return f"{counted(len(subscribers), 'subscriber')} with {counted(subscriptions, 'subscription')}"


def span_text(seconds: float) -> str:
    """A duration in the largest unit that fits twice."""
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.3g} s"


def bar(value: float, largest: float, cells: int) -> str:
    """A bar of at most `cells` characters, in eighths of a character; at least one eighth for a value above zero."""
    eighths = round(value / largest * cells * 8) if largest else 0
    whole, rest = divmod(max(eighths, int(value > 0)), 8)
    return "█" * whole + _EIGHTHS[rest].strip()
