"""Rows: those of tables with a whole history, read one by one where a closer look would read the same.

Such files have thousands of rows and are read again each day, so rows are remembered: of a history that grew by thirty
rows only those are looked at.
"""

import datetime as dt
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

from bot.adapters.readers.document import Findings
from bot.adapters.readers.outline import is_label
from bot.adapters.readers.record import Record, role_of
from bot.adapters.readers.titles import tidy_title
from bot.domain.papers import Entry, linked_id

KEPT_ROWS = 12_000
MANY_ROWS = 300
"""From so many rows on tables of HTML are read row by row where they can be."""
_BADGE = re.compile(r"!\[[^\[\]]*\]\([^()\s]+\)")
_ROW_LINK = re.compile(r"\[([^\[\]]*)\]\(([^()\s]+)\)")

_HTML_MARK = re.compile(
    r"(?P<row><tr\b[^<>]*>)|(?P<end></tr>)|<(?P<table>/?table)\b"
    r"|(?P<closed><!--|<(?:pre|code|script|style|textarea|template)\b|^ {0,3}(?:```|~~~))"
    r"|-->|</(?:pre|code|script|style|textarea|template)\b",
    re.IGNORECASE | re.MULTILINE,
)
_LOOKS = r"(?:\s+(?:align|valign|width|style|nowrap)(?:=\"[^\"<>]*\")?)*\s*"
_HTML_CELL = re.compile(rf"<td{_LOOKS}>((?:[^\n<]|<(?!/?td\b))*)</td>", re.IGNORECASE)
_HTML_CELLS = re.compile(rf"\s*(?:{_HTML_CELL.pattern}\s*)+", re.IGNORECASE)
_HEAD_CELLS = re.compile(rf"\s*(?:<th{_LOOKS}>[^\n<>]*</th>\s*)+", re.IGNORECASE)
_HEAD_CELL = re.compile(rf"<th{_LOOKS}>([^\n<>]*)</th>", re.IGNORECASE)
_HTML_LINK = re.compile(
    r"<a\s+(?:target=\"_blank\"\s+)?href=\"(https?://[^()\[\]\s\"]+)\"(?:\s+target=\"_blank\")?>([^<>]*)</a>"
)
_BOLD = re.compile(r"<(?:b|strong)>([^<>]*)</(?:b|strong)>")
_NOT_PLAIN = re.compile(r"[<>&|\\*_`\[\]~$]|://")
_CLOSING = {"<!--": "-->", "```": "```", "~~~": "~~~"}
_NOTHING = "<!---->"
"""Stands in a line that was taken: a blank one would end the HTML in Markdown."""
_LEFT = 2
"""Plain rows of each table that are left to the closer look."""
_MOST_BLANKS = 3
_SURE_TITLE = 3
"""So many words are a title wherever they stand; shorter ones are looked at more closely."""
_BLANK_LINE = re.compile(r"\n[ \t]*\n")


def cells_of(row: str) -> list[str]:
    """The cells of a Markdown row."""
    return row.strip().removeprefix("|").removesuffix("|").split("|")


def columns_of(cells: Sequence[str]) -> tuple[str, ...]:
    """The names of a table's columns by the cells of its head; none where none is for titles."""
    columns = tuple(map(tidy_title, cells))
    return columns if "title" in {role_of(column)[0] for column in columns} else ()


@lru_cache(KEPT_ROWS)
def plain_row(row: str, columns: tuple[str, ...], near: dt.date | None) -> Entry | None:
    """The paper of a Markdown row without markup but bold words and links; None where it is not as simple as that."""
    return _entry_of(cells_of(_BADGE.sub("", row) if "![" in row else row), columns, near)


def _entry_of(cells: Sequence[str], columns: tuple[str, ...], near: dt.date | None) -> Entry | None:
    if len(cells) != len(columns):
        return None
    record = Record()
    for column, cell in zip(columns, cells, strict=True):
        role = role_of(column)[0]
        if "](" in cell:
            links = _ROW_LINK.findall(cell)
            if any(linked_id(url) and not is_label(label) for label, url in links):
                return None  # the link's own text is the title
            record.urls += [url for _, url in links]
            if role == "code":
                record.code = next((url for _, url in links if linked_id(url) is None), None)
                continue
            cell = _ROW_LINK.sub(r"\1", cell)  # noqa: PLW2901 - the words of the same cell
        if role == "title":
            record.add_text("title", tidy_title(cell.strip(" *")))
        elif role and role not in {"link", "id", "code"}:
            record.add(column, cell.strip(" *`"), label=column)
    papers = {paper for paper in map(linked_id, record.urls) if paper}
    return record.entry(near) if len(papers) == 1 else None


def take_html_rows(
    text: str, findings: Findings, line_of: Callable[[int, Entry], int], *, in_markdown: bool = False
) -> str:
    """Take the plain rows of HTML tables; returns the text without them, line for line.

    `line_of` tells the line of a row by its place and its paper.
    """
    if text.count("<tr") < MANY_ROWS:
        return text
    kept: list[str] = []
    taken = 0
    plain: Counter[int] = Counter()
    """By table how many plain rows it has so far."""
    for row in _html_rows(text, in_markdown=in_markdown):
        entry = _plain_html_row(row.cells, row.columns, findings.near)
        if entry is None:
            continue
        plain[row.table] += 1
        if plain[row.table] > _LEFT:
            findings.take(entry, line=line_of(row.start, entry))
            lines = text.count("\n", row.start, row.end)
            kept += (text[taken : row.start], *[_NOTHING + "\n"] * lines, _NOTHING)
            taken = row.end
    return "".join((*kept, text[taken:]))


class _HtmlRow(NamedTuple):
    """A row of a table whose head names its columns; `table` is where that begins."""

    start: int
    end: int
    cells: str
    columns: tuple[str, ...]
    table: int


def _html_rows(text: str, *, in_markdown: bool) -> Iterator[_HtmlRow]:
    """The rows of HTML tables below their heads that begin in lines of their own; in linear time, whatever is not closed."""
    table = before = 0
    columns: tuple[str, ...] | None = ()
    """Of the open table; None until its first row."""
    opened: re.Match[str] | None = None
    for mark in _marks(text):
        if mark["row"]:
            opened = mark
            continue
        start, end = opened.start() if opened else 0, mark.end()
        if mark["table"]:
            is_open = mark["table"][0] != "/" and not (in_markdown and _is_inside(text, mark.start()))
            table, before, columns = mark.start(), end, None if is_open else ()
        elif mark["end"] and opened and columns != ():
            cells = text[opened.end() : mark.start()]
            if in_markdown and _BLANK_LINE.search(text, before, end):
                columns = ()  # the HTML ends there, and what follows may be something else
            elif columns is None:
                columns = columns_of(_HEAD_CELL.findall(cells)) if _HEAD_CELLS.fullmatch(cells) else ()
            elif "\n" in text[before:start]:
                yield _HtmlRow(start, end, cells, columns, table)
            before = end
        opened = None


def _marks(text: str) -> Iterator[re.Match[str]]:
    """The marks of tables, and of what parts them, outside of comments and code."""
    closing = ""
    for mark in _HTML_MARK.finditer(text):
        stripped = mark[0].strip().lower()
        if closing:
            closing = "" if stripped == closing else closing
            continue
        yield mark
        if mark["closed"]:
            closing = _CLOSING.get(stripped) or stripped.replace("<", "</")


def _is_inside(text: str, index: int) -> bool:
    """Whether the place is inside of a line or code in Markdown: behind more than three blanks, or anything else."""
    before = text[max(index - _MOST_BLANKS - 1, 0) : index].rpartition("\n")[2]
    return len(before) > _MOST_BLANKS or bool(before.strip(" "))


@lru_cache(KEPT_ROWS)
def _plain_html_row(cells: str, columns: tuple[str, ...], near: dt.date | None) -> Entry | None:
    """The paper of a row of HTML that has the same in it as a plain row of Markdown; None elsewhere."""
    if not _HTML_CELLS.fullmatch(cells):
        return None
    texts = [_as_markdown(cell) for cell in _HTML_CELL.findall(cells)]
    entry = _entry_of([cell for cell in texts if cell is not None], columns, near)
    return entry if entry and len(entry.title.split()) >= _SURE_TITLE else None


def _as_markdown(cell: str) -> str | None:
    """The cell, which is plain text or bold as a whole, or has links, in Markdown; None for any other."""
    bold = _BOLD.fullmatch(cell)
    plain = bold[1] if bold else cell
    if _NOT_PLAIN.search(_HTML_LINK.sub(r"\2", plain)):
        return None
    return f"**{plain}**" if bold else _HTML_LINK.sub(r"[\2](\1)", plain)


class LineFinder:
    """Lines of a text by the first place at which the name of a paper stands in it."""

    def __init__(self, text: str) -> None:
        self._text = text

    def line(self, name: str) -> int:
        """The line, from 1, in which the name stands first; 1 where it stands nowhere."""
        at = self._numbers.get(name)
        if at is None:
            at = self._text.find(name)
        return bisect_left(self._line_ends, at) + 1

    @cached_property
    def _line_ends(self) -> list[int]:
        return [match.start() for match in re.finditer("\n", self._text)]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """The first place of each arXiv number, since a text with thousands of them is not searched for each."""
        positions: dict[str, int] = {}
        for match in _NUMBER.finditer(self._text):
            number = match[0] + match[1]
            positions.setdefault(number, match.start())
            positions.setdefault(number[:_SHORT], match.start())
        return positions


_NUMBER = re.compile(r"[0-9](?=([0-9]{3}\.[0-9]{4,5}))")
"""Every place where one begins: one may stand in another."""
_SHORT = len("2501.0001")
