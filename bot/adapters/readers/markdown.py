"""Reads Markdown digests: tables, headings, lists, blocks and front matter, also with HTML in them; and org files.

cmark (GitHub's) parses, and the HTML that it makes is read as HTML is; it keeps the lines' numbers. What digests
do and CommonMark does not allow is put right before: tables without a head, rows with more cells than it, tables
right behind an HTML tag.
"""

import datetime as dt
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from bot.adapters.readers.document import DigestText, Findings, NotThisKind, any_date
from bot.adapters.readers.items import take_outline
from bot.adapters.readers.outline import MAX_BLOCKS, local_papers, names_papers, outline, parse_fragment
from bot.adapters.readers.record import Record, day_of, record_of
from bot.adapters.readers.rows import LineFinder, cells_of, columns_of, plain_row, take_html_rows
from bot.adapters.readers.values import load_yaml
from bot.domain.digests import Digest, DigestKind
from bot.domain.errors import DigestTooLarge

_FRONT = re.compile(r"\A\s*(---|\+\+\+)[ \t]*\n(.{0,60000}?)\n(?:\1|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_TITLE = re.compile(r"^title\s*[:=]\s*([\"']?)([^\n]+)\1\s*$", re.MULTILINE)
_MARKS = re.compile(r"^\s{0,3}(?:#{1,6}\s|[-*+]\s|\d{1,4}[.)]\s|>|\|)|\]\(|\*\*", re.MULTILINE)
_HEADING = re.compile(r"^[ >]{0,5}(?:#{1,6}|\*\*)\s*(.{1,300})$", re.MULTILINE)
_DELIMITER = re.compile(r"^\s*\|?\s*:?-{1,}:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")
_BAR = re.compile(r"(?<!\\)\|")
_SPAN = re.compile(
    r"\*\*[^*\n]{1,600}\*\*|\[[^\[\]\n]{1,600}\]|\$[^$\n]{1,300}\$|`[^`\n]{1,300}`|<details>.{1,20000}?</details>"
)
_RULE = re.compile(r"^-{3,}\s*$")
_MARKED = re.compile(r"^\s*(?:\*\*|>|[-*+] |\d+[.)] )|[:：]")
_FENCE = re.compile(r"^\s{0,3}(```+|~~~+)")
_CODE = ("    ", "\t")
_TAG_LINE = re.compile(r"^\s*<[^<>]+>(?:.*</?[a-zA-Z][^<>]*>)?\s*$")
_UPDATED = re.compile(
    r"(?:last\s+)?updated?(?:\s+(?:on|at|time))?\s*[:：]?\s*\**\s*([\d./-]{8,10}|\w+ \d{1,2},? \d{4})",
    re.IGNORECASE,
)
_ORG_LINK = re.compile(r"\[\[([^\[\]]{1,2000})\](?:\[([^\[\]]{0,1000})\])?\]")
_ORG_KEY = re.compile(r"^\s*#\+(\w+):\s*(.*)$")
_ORG_HEADING = re.compile(r"^(\*+)\s+(?:(?:TODO|DONE)\s+)?(.*?)(?:\s+:[\w@:]+:)?\s*$")
_ORG_PROPERTY = re.compile(r"^\s*:(\w+):\s+(.*)$")
_PLAIN_ROW = re.compile(r"\|[^<>\\~]*\|?\s*")
MAX_LINES = 1_000_000
MANY_LINES = 300
"""From so many lines on tables are read row by row where they can be."""
HEAD = 2_048
"""Characters in which a digest tells its date."""


def recognises(document: DigestText) -> int:
    """2 where there is front matter or much Markdown, 1 where there is any text."""
    text = document.text
    if _FRONT.match(text) or is_org(text):
        return 2
    return 2 if len(_MARKS.findall(text[:20_000])) > 2 else int(bool(text.strip()))


def is_org(text: str) -> bool:
    """True for Emacs' org, which begins with keywords or stars and writes its links in double brackets."""
    return (
        bool(re.search(r"^#\+\w+:", text[:2_000], re.MULTILINE))
        and not _FRONT.match(text)
        and "](" not in text[:5_000]
    )


def heading_date(text: str) -> dt.date | None:
    """The date in the front matter, a heading of the beginning, or after "Updated on"."""
    front = _FRONT.match(text)
    if front and (match := re.search(r"^date\s*[:=]\s*(.+)$", front[2], re.MULTILINE)):
        return day_of(match[1].strip(" '\""))
    for match in _HEADING.finditer(text[:HEAD]):
        if day := any_date(match[1]):
            return day
    updated = _UPDATED.search(text[:HEAD])
    return any_date(updated[1]) if updated else None


def read(document: DigestText) -> Digest:
    """The papers in the document, each with what stands around its link."""
    if not names_papers(document.text):
        raise NotThisKind("nothing in it links to a paper")
    findings = Findings(document)
    findings.near = heading_date(document.text) or any_date(document.name)
    read_markdown(document.text, findings)
    if not len(findings):
        raise NotThisKind("no papers: nothing that links to one has a title near it")
    kind: DigestKind = "org" if is_org(document.text) else "markdown"
    return findings.loose_digest(kind, date=findings.near)


def read_markdown(text: str, findings: Findings) -> None:
    """Add the papers of a Markdown text to the findings.

    Front matter that describes a paper makes the file one on that paper: what else it names are mentions.
    """
    front = _FRONT.match(text)
    described = _described(front) if front else None
    if described is not None and described.id is not None:
        _take(described, findings)
        return
    first = text.count("\n", 0, front.end()) if front else 0
    body = text[front.end() :] if front else text
    if body.count("\n") > MAX_LINES:
        raise DigestTooLarge(f"more than {MAX_LINES:,} lines; split the file")
    finder = LineFinder(text)
    body = take_html_rows(
        body, findings, lambda _, entry: finder.line(entry.id.partition(":")[2]), in_markdown=True
    )
    lines = _from_org(body) if is_org(text) else body.split("\n")
    kept = list(range(1, len(lines) + 1))
    if len(lines) > MANY_LINES:
        lines, kept = _take_plain_rows(lines, first, findings)
    if front and (title := _TITLE.search(front[2])) and not any(line.startswith("# ") for line in lines):
        # A site's generator shows it above the page as its heading.
        lines, kept = [f"# {title[2]}", "", *lines], [1 - first, 1 - first, *kept]
    lines, numbers = prepared(lines)
    numbers = [kept[number - 1] for number in numbers]
    top = outline(
        parse_fragment(_html("\n".join(lines))),
        line_of=lambda element: _line_of(element, numbers, first),
        keep_lines=True,
        local=local_papers(findings.document),
    )
    if described is not None and (described.authors or described.summaries) and len(top.papers) == 1:
        described.ids += top.papers
        _take(described, findings)
        return
    take_outline(top, findings, text)


def _take_plain_rows(lines: list[str], first: int, findings: Findings) -> tuple[list[str], list[int]]:
    """Take the rows of tables that a closer look would read the same; returns what is left, and its lines' numbers.

    Files with a whole history in one table have thousands of rows, and are read again each day.
    """
    left: list[str] = []
    numbers: list[int] = []
    columns: tuple[str, ...] = ()
    for number, line in enumerate(lines, 1):
        if "|" not in line:
            columns = ()
        elif number < len(lines) and "-" in lines[number] and _DELIMITER.match(lines[number]):
            columns = columns_of(cells_of(line))
        elif columns and _PLAIN_ROW.fullmatch(line):
            entry = plain_row(line, columns, findings.near)
            if entry is not None:
                findings.take(entry, line=first + number)
                continue
        left.append(line)
        numbers.append(number)
    return left, numbers


def _described(front: re.Match[str]) -> Record | None:
    """The paper that front matter describes, perhaps without its id."""
    fields = load_yaml(front[2]) if front[1] == "---" else None
    return record_of(fields) if isinstance(fields, dict) else None


def _take(record: Record, findings: Findings) -> None:
    entry = record.entry()
    if entry is not None:
        findings.take(entry, line=1)


def _line_of(element: Any, numbers: list[int], first: int) -> int:
    index = element.get("data-sourcepos")
    if not index:
        return 0
    number = int(index.partition(":")[0])
    return first + (numbers[number - 1] if number <= len(numbers) else number)


def _html(text: str) -> str:
    import cmarkgfm
    from cmarkgfm.cmark import Options

    html: str = cmarkgfm.markdown_to_html_with_extensions(
        text,
        options=Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_SOURCEPOS,
        extensions=["table", "autolink"],
    )
    return html


def prepared(lines: list[str]) -> tuple[list[str], list[int]]:
    """The lines as CommonMark wants them, and for each the number of the line that it was."""
    lines = [
        line.lstrip() if above.startswith("#") and line.startswith(_CODE) else line  # a text, and no code
        for above, line in pairwise(["", *lines])
    ]
    made: list[str] = []
    numbers: list[int] = []

    def put(line: str, number: int) -> None:
        made.append(line)
        numbers.append(number)

    fence = ""
    index = 0
    while index < len(lines):
        line = lines[index]
        mark = _FENCE.match(line)
        if mark:
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1][:3]
        if fence or "|" not in line or not _is_row(line, lines[index + 1] if index + 1 < len(lines) else ""):
            if made and _RULE.match(line) and (len(made[-1]) > 60 or _MARKED.search(made[-1])) and not fence:
                put("", index + 1)  # a rule, and no underlined heading
            if made and _TAG_LINE.match(made[-1]) and line[:1] in "#-*>[" and line[:1] and not fence:
                put("", index + 1)
            put(line, index + 1)
            index += 1
            continue
        stop = index
        while (
            stop < len(lines)
            and "|" in lines[stop]
            and lines[stop].strip()
            and not (stop > index and lines[stop].startswith("#"))
        ):
            stop += 1
        if made and made[-1].strip():
            put("", index + 1)
        _put_table(lines[index:stop], index + 1, put)
        if stop < len(lines) and lines[stop].strip():
            put("", stop + 1)
        index = stop
    return made, numbers


def _is_row(line: str, following: str) -> bool:
    stripped = line.lstrip()
    return (stripped.startswith("|") and len(_BAR.findall(stripped)) > 1) or (
        "|" in following and bool(_DELIMITER.match(following))
    )


def _put_table(rows: list[str], first: int, put: Callable[[str, int], None]) -> None:
    """A run of rows as one table whose head has as many cells as its longest row."""
    headed = len(rows) > 1 and bool(_DELIMITER.match(rows[1]))
    counts = [_cells(row) for row in rows]
    usual = counts[0] if headed else max(set(counts), key=counts.count)
    rows = [_without_bars(row) if count > usual else row for row, count in zip(rows, counts, strict=True)]
    width = max(_cells(row) for row in rows)
    if (width + 1) * len(rows) > MAX_BLOCKS:
        raise DigestTooLarge(f"line {first}: a table of more than {MAX_BLOCKS:,} cells; split the file")
    if not headed:
        put("| " * width + "|", first)
        put("|-" * width + "|", first)
    for index, row in enumerate(rows):
        if _DELIMITER.match(row):
            if headed and index == 1:
                put("|-" * width + "|", first + index)
        else:
            stripped = row.strip()
            lead = stripped if stripped.startswith("|") else "| " + stripped
            missing = width - _cells(stripped)
            if missing and headed and index == 0:
                lead = (
                    lead if lead.endswith("|") and not lead.endswith("\\|") else lead + " |"
                ) + " |" * missing
            put(lead, first + index)


def _without_bars(row: str) -> str:
    """A row of too many cells with the bars inside bold words, links and formulas escaped."""
    return _SPAN.sub(lambda span: _BAR.sub(r"\\|", span[0]), row)


def _cells(row: str) -> int:
    stripped = row.strip()
    return (
        len(_BAR.findall(stripped))
        + 1
        - stripped.startswith("|")
        - (stripped.endswith("|") and not stripped.endswith("\\|") and len(stripped) > 1)
    )


def _from_org(text: str) -> list[str]:
    """Org's headings, keywords, properties and links as Markdown's, line by line."""
    return [
        _ORG_LINK.sub(_org_link, made) if "[[" in made else made for made in map(_org_line, text.split("\n"))
    ]


def _org_line(line: str) -> str:
    if heading := _ORG_HEADING.match(line):
        return "#" * min(len(heading[1]) + 1, 6) + " " + heading[2]
    if keyword := _ORG_KEY.match(line):
        name = keyword[1].lower()
        return (
            f"# {keyword[2]}" if name == "title" else "" if "_src" in name else f"**{name}:** {keyword[2]}  "
        )
    if line.strip() in {":PROPERTIES:", ":END:"}:
        return ""
    value = _ORG_PROPERTY.match(line)
    return f"**{value[1].lower()}:** {value[2]}  " if value else line


def _org_link(match: re.Match[str]) -> str:
    return f"[{match[2]}]({match[1]})" if match[2] else f"<{match[1]}>"
