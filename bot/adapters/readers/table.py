"""Reads table digests: Markdown with a row for each paper, in the three layouts that the source has used.

    | Title | Authors | Summary | [Read more](URL) |
    | Title - read more on [arXiv](URL) or [HuggingFace](URL) | Authors | Summary |
    | Title (Read more on [arXiv](URL) or [HuggingFace](URL))| Authors | Summary |

A row may stand on several lines (titles are wrapped), and a cell may hold bare bars.
"""

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass

from bot.adapters.readers.document import DigestText, Findings, find_date, links_of
from bot.domain.digests import Digest
from bot.domain.papers import Entry, Links, paper_id
from bot.domain.text import one_line, unescape

_HEADING = re.compile(r"^[ ]{0,3}#{1,6}[ \t]*Papers for (\d{4}-\d\d-\d\d)", re.MULTILINE)
_HEADER = re.compile(
    r"^[ ]{0,3}\|[ \t]*Title[ \t]*\|[ \t]*Authors[ \t]*\|[ \t]*Summary[ \t]*\|", re.MULTILINE
)
_READ_MORE = re.compile(r"\[[Rr]ead\s+[Mm]ore\]\(|[Rr]ead\s+[Mm]ore\s+on\s+(?=\[)")
_LINK = re.compile(r"\s*+(?:or|and|,)?+\s*+\[[^\[\]\n]{0,40}\]\(([^\s()|]*+(?:\([^\s()|]*+\)[^\s()|]*+)?+)\)")
_BARS = 4
"""In a row of three cells; a header with four asks for one more."""


_ESCAPED_BAR = "\ufdd0"
"""Stands for `\\|`, which ends no cell; Unicode keeps this code point for no character."""
_ENCODED = re.compile(
    r"\$[^$\n]*\$|\\(?P<sign>[`*_\[\]#+.!<>&~%-])|(?P<entity>&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{1,31});)"
)
"""A formula; an escaped sign (CommonMark §2.4, without those that are LaTeX rather); an entity."""


@dataclass(kw_only=True, slots=True)
class _Row:
    at: int
    lines: list[str]
    bars: int
    whole: bool = False
    """True where a bar ends it."""
    followed: bool = False
    """True where something stands after it, so that the file does not end in the middle of it."""


def recognises(document: DigestText) -> int:
    """4 for a Markdown table of papers below its heading, or that heading alone; 2 for such a table alone."""
    if "Papers for" in document.text and _HEADING.search(document.text):
        return 4
    return 2 if "Summary" in document.text and _HEADER.search(document.text) else 0


def heading_date(text: str) -> dt.date | None:
    """The date in the heading over the table."""
    matched = _HEADING.search(text)
    return find_date(matched[1]) if matched else None


def read(document: DigestText) -> Digest:
    """The table's papers with authors, summary and links, in the order of the rows."""
    text = document.text
    findings = Findings(document)
    top = _HEADING.search(text) or _HEADER.search(text)
    for row in _rows(text, findings):
        _read_row(row, findings)
    return findings.digest("table", date=heading_date(text), empty_at=top.start() if top else 0)


def _rows(text: str, findings: Findings) -> Iterator[_Row]:
    """The table's rows; one that does not end in a bar ends where the next begins."""
    row: _Row | None = None
    inside = False
    bars = _BARS
    at = -1
    for line in text.split("\n"):
        at, start = at + len(line) + 1, at + 1
        stripped = line.strip()
        if row and (_HEADING.match(line) or (stripped.startswith("|") and _begins_row(stripped, row))):
            row.followed = True
            yield row
            row = None
        if _HEADER.match(line):
            inside, bars = True, max(stripped.count("|"), _BARS)
        elif not stripped or (stripped[0] == "|" and not stripped.strip("|:- \t")):
            continue
        elif row:
            row.lines.append(line)
            row.bars += stripped.count("|")
        elif stripped[0] == "|":
            row = _Row(at=start, lines=[line], bars=stripped.count("|"))
        elif inside and not stripped.startswith("#"):
            findings.problem(start, f"text outside the table: {stripped[:60]!r}")
        if row and row.bars >= bars and stripped.endswith("|"):
            row.whole = True
            yield row
            row = None
    if row:
        yield row


def _begins_row(line: str, row: _Row) -> bool:
    """True where a line that starts with a bar cannot be what the open row still lacks."""
    bars = line.count("|")
    lacking = "](" in row.lines[-1] and line.endswith("|") and bars < _BARS <= row.bars + bars
    return not lacking


def _read_row(row: _Row, findings: Findings) -> None:
    text = "\n".join(row.lines).strip()
    title, authors, summary, urls = _cells(text[1:-1] if row.whole else text[1:])
    if not title or not (row.whole or (summary and row.followed)):
        findings.problem(row.at, f"a row that is not whole, left out: {one_line(text)[:60]!r}")
        return
    links = links_of(urls)
    if not row.whole:
        findings.problem(row.at, f"a row without its last bar: {title[:60]!r}")
    if links == Links():
        findings.problem(row.at, f"no link that can be used: {title[:60]!r}")
    if not summary:
        findings.problem(row.at, f"no summary: {title[:60]!r}")
    entry = Entry(
        id=paper_id(title, links.abs, links.pdf, links.huggingface),
        title=title,
        authors=tuple(filter(None, (name.strip() for name in authors.split(",")))),
        summary=summary or None,
        links=links,
    )
    if links.abs and links.huggingface and _number(links.abs) != _number(links.huggingface):
        findings.problem(row.at, f"two links to different papers: {title[:60]!r}")
    findings.add(entry, at=row.at)


def _number(link: str) -> str:
    return link.rpartition("/")[2]


def _cells(row: str) -> tuple[str, str, str, list[str]]:
    """Title, authors, summary and the links, wherever in the row those stand."""
    row = row.replace("\\|", _ESCAPED_BAR)
    phrase = _READ_MORE.search(row)
    if phrase is None:
        return *_three(row.rstrip().removesuffix("|")), []
    own_cell = phrase[0].startswith("[")
    urls: list[str] = []
    end = phrase.start() if own_cell else phrase.end()
    while link := _LINK.match(row, end):
        urls.append(link[1])
        end = link.end()
    before, after = row[: phrase.start()].rstrip(), row[end:].lstrip()
    if own_cell:
        return *_three(before.removesuffix("|")), urls
    if before.endswith("("):
        after = after.removeprefix(")").lstrip()
    before = before.rstrip("(-–—").rstrip()
    if after.startswith("|") and "|" in after[1:]:
        authors, _, summary = after[1:].partition("|")
        return _plain(before), _plain(authors), _plain(summary), urls
    return *_three(f"{before} {after}"), urls


def _three(cells: str) -> tuple[str, str, str]:
    title, _, rest = cells.partition("|")
    authors, _, summary = rest.partition("|")
    return _plain(title), _plain(authors), _plain(summary)


def _plain(cell: str) -> str:
    """The cell on one line, its Markdown escapes and HTML entities decoded; formulas stay as written."""
    if "\\" in cell or "&" in cell:
        cell = _ENCODED.sub(_decoded, cell)
    return one_line(cell.replace(_ESCAPED_BAR, "|"))


def _decoded(match: re.Match[str]) -> str:
    return match["sign"] or (unescape(match[0]) if match["entity"] else match[0])
