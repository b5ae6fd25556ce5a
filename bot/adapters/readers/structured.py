"""Reads data: JSON of any nesting, JSON and Python objects line by line, YAML, and tables of comma-separated values.

Whatever the nesting, a paper is an object with a title and an id, authors or a summary; its fields are known by
synonyms. Texts that are Markdown, in objects keyed by ids, are read as Markdown.
"""

import csv
import datetime as dt
import io
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bot.adapters.readers.document import DigestText, Findings, NotThisKind, any_date
from bot.adapters.readers.markdown import read_markdown
from bot.adapters.readers.record import NESTED, Record, key_of, record_of, role_of
from bot.adapters.readers.values import MAX_DEPTH, json_values, load_yaml
from bot.domain.digests import Digest
from bot.domain.errors import NotADigest
from bot.domain.text import one_line

MAX_CELL = 1_000_000
_DATES = ("date", "day", "generated_at", "updated", "updated_at", "last_updated", "timestamp")
_DATED = re.compile(rf'"(?:{"|".join(_DATES)})"\s*:\s*"([^"]{{8,40}})"')
_DATED_YAML = re.compile(rf"^(?:{'|'.join(_DATES)}):[ \t]*(\S.{{7,40}})", re.MULTILINE)
_TITLED_YAML = re.compile(r"^title:", re.MULTILINE)
_TOP = 400
"""So many characters of a file hold the first fields of the object at its top."""
_JSON = re.compile(r"\s*(?:\{\s*[\"'}]|\[\s*[\[{\"\]\d-])")
_YAML_KEY = re.compile(r"^(?:- )?[\w\"' -]{1,40}:(?:\s|$)", re.MULTILINE)
_SEPARATORS = ",\t;|"
_KIND_OF_TITLE = re.compile(
    r"(?!(?:sub|short|running|book|journal|container|series|conference|venue|source|host|job|section|publication|site|page)title)\w{1,20}title"
)
MIN_COLUMNS, MIN_ROWS, MANY_ROWS = 2, 4, 20
HEAD_OF_TABLE = 60_000


# --- JSON -----------------------------------------------------------------------------------------------------


def recognises_json(document: DigestText) -> int:
    """3 where the document begins as JSON does, and so do lines of Python objects."""
    return 3 if _JSON.match(document.text) else 0


def read_json(document: DigestText) -> Digest:
    """The papers in JSON, in JSON lines, or in lines of Python's own notation."""
    findings = Findings(document)
    values = json_values(document.text, findings)
    take_values(values, findings)
    if not len(findings) and not _is_empty_list(values):
        raise NotADigest("JSON without papers: no object has a title beside an id, authors or a summary")
    return findings.loose_digest("json", date=_top_date(values))


def take_values(values: list[Any], findings: Findings) -> None:
    """Add the papers in values that JSON held to the findings."""
    collector = _RecordCollector(findings, _Finder(findings.document.text))
    for value in values:
        collector.down(value, "", 0)
    collector.read_texts()


def heading_date(text: str) -> dt.date | None:
    """The date that an object at the top tells in its first fields."""
    match = _DATED.search(text[:_TOP]) if text.lstrip()[:1] == "{" and "\n{" not in text[:4000] else None
    return any_date(match[1]) if match else None


def yaml_heading_date(text: str) -> dt.date | None:
    """The date that YAML tells in its first fields; none where the object at the top is itself a paper, whose day it is."""
    match = _DATED_YAML.search(text[:_TOP])
    if not match or _TITLED_YAML.search(text) or not recognises_yaml(DigestText(text=text, name="")):
        return None
    return any_date(match[1])


def _is_empty_list(values: list[Any]) -> bool:
    """True where the place of the papers is there and empty."""
    top = values[0] if len(values) == 1 else None
    if isinstance(top, Mapping):
        return any(
            isinstance(value, list) and not value and key_of(str(key)) in {"papers", "articles", "entries"}
            for key, value in top.items()
        )
    return False


def _top_date(values: list[Any]) -> dt.date | None:
    top = values[0] if len(values) == 1 else None
    if isinstance(top, Mapping):
        for key in _DATES:
            value = top.get(key)
            if isinstance(value, dt.date):  # of YAML; a moment is one as well
                return dt.date(value.year, value.month, value.day)
            if isinstance(value, str) and (day := any_date(value[:40])):
                return day
    return None


class _Finder:
    """Tells the line of a text that comes next: fields stand in the file in the order in which they are read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1

    def line(self, record: Record) -> int:
        for word in _words_of(record):
            index = self._text.find(word, self._at)
            if index >= 0:
                self._line += self._text.count("\n", self._at, index)
                self._at = index
                return self._line
        return self._line


def _words_of(record: Record) -> Iterator[str]:
    if record.id:
        yield record.id.partition(":")[2]
    yield json.dumps(record.title[:40])[1:-1]
    yield record.title[:40]


class _RecordCollector:
    """Collects the papers from nested values."""

    def __init__(self, findings: Findings, finder: _Finder) -> None:
        self._findings = findings
        self._finder = finder
        self._texts: list[str] = []

    def down(self, value: Any, name: str, depth: int) -> int:
        """Take the papers in the value, and say how many; `name` is the key under which it stands."""
        if depth > MAX_DEPTH:
            return 0
        if isinstance(value, list):
            return sum(self.down(item, name, depth + 1) for item in value)
        if isinstance(value, str):
            if ("arxiv" in value or "](http" in value) and (
                value.lstrip()[:1] in "|-*#" or "](http" in value
            ):
                self._texts.append(value)
            return 0
        return self._object(value, name, depth) if isinstance(value, Mapping) else 0

    def _object(self, value: Mapping[Any, Any], name: str, depth: int) -> int:
        record = record_of(value, name)
        in_list = depth > 0
        if record is not None and (record.id is not None or (in_list and not _holds_objects(value))):
            return self._take(record)
        if record is None and role_of(str(name))[0] == "ignored":
            return 0
        below = sum(self.down(content, str(key), depth + 1) for key, content in value.items())
        if not below and record is not None and in_list and not self._texts:
            return self._take(record)
        return below

    def _take(self, record: Record) -> int:
        entry = record.entry()
        if entry is None:
            return 0
        self._findings.take(entry, line=self._finder.line(record))
        return 1

    def read_texts(self) -> None:
        """Read the texts that are Markdown, where there are no objects with titles."""
        if self._texts and not len(self._findings):
            text = "\n".join(
                text.strip("\n") if text.lstrip().startswith("|") else text.strip("\n") + "\n"
                for text in self._texts
            )
            inner = Findings(DigestText(text=text, name=self._findings.document.name))
            read_markdown(text, inner)
            for entry in inner.entries:
                probe = Record(titles=[("en", entry.title)], ids=[entry.id])
                self._findings.take(entry, line=self._finder.line(probe))


def _holds_objects(value: Mapping[Any, Any]) -> bool:
    """True where a list of objects, or objects keyed by ids, stand in the object: it may hold papers."""
    for key, content in value.items():
        if role_of(str(key))[0] in {"authors", "ignored", "categories", "link"}:
            continue
        if isinstance(content, list) and any(isinstance(item, Mapping) for item in content[:5]):
            return True
        if (
            isinstance(content, Mapping)
            and sum(isinstance(item, (Mapping, list)) for item in content.values()) > 1
            and key_of(str(key)) not in NESTED
        ):
            return True
    return False


# --- YAML -----------------------------------------------------------------------------------------------------


def recognises_yaml(document: DigestText) -> int:
    """2 where the lines of the beginning are keys with values."""
    lines = [line for line in document.text[:4_000].split("\n") if line.strip() and line[:1] != "#"][:12]
    keys = sum(bool(_YAML_KEY.match(line)) or line.startswith((" ", "- ", "#", "---")) for line in lines)
    return 2 if lines and keys == len(lines) and any(_YAML_KEY.match(line) for line in lines) else 0


def read_yaml(document: DigestText) -> Digest:
    """The papers in YAML: one a file, a list, or any nesting."""
    findings = Findings(document)
    value = load_yaml(document.text)
    if not isinstance(value, (Mapping, list)):
        raise NotThisKind("no YAML that can be read")
    collector = _RecordCollector(findings, _Finder(document.text))
    collector.down(value, "", 0)
    if not len(findings):
        raise NotThisKind("YAML without papers")
    day = None if "title" in value else _top_date([value])
    return findings.loose_digest("yaml", date=day or any_date(document.name))


# --- comma-separated values -----------------------------------------------------------------------------------


def recognises_csv(document: DigestText) -> int:
    """3 where the first line names columns that papers have, or as many as every line after it has; 0 elsewhere."""
    separator, columns = _columns(document.text)
    if len(columns) > 1 and "title" in _roles(columns):
        return 3
    return 3 if len(columns) > MIN_COLUMNS and _is_regular(document.text, separator, len(columns)) else 0


def _roles(columns: list[str]) -> list[str]:
    """The columns' names, where none is a title's with the name `title` for the one that ends so: `parentTitle`."""
    if any(role_of(column)[0] == "title" for column in columns):
        return ["title" if role_of(column)[0] == "title" else column for column in columns]
    kind = next((column for column in columns if _KIND_OF_TITLE.fullmatch(key_of(column))), None)
    return ["title" if column == kind else column for column in columns]


def _is_regular(text: str, separator: str, columns: int) -> bool:
    """True where the first rows have as many cells as the head."""
    rows = csv.reader(io.StringIO(text.lstrip("\n")[:HEAD_OF_TABLE]), delimiter=separator)
    try:
        counts = [len(row) for row in rows if row][1 : MANY_ROWS + 1]
    except csv.Error:
        return False
    return len(counts) >= MIN_ROWS and counts[:-1].count(columns) == len(counts) - 1


def _columns(text: str) -> tuple[str, list[str]]:
    """The separator and the columns that the first line names."""
    first = text.lstrip("\n")[:4_000].partition("\n")[0]
    if first.lstrip()[:1] in {"|", "#", "{", "[", "<", "-"}:
        return ",", []
    separator = max(_SEPARATORS, key=first.count)
    return separator, [
        one_line(column).strip("\"' ") for column in first.split(separator)
    ] if separator in first else []


def read_csv(document: DigestText) -> Digest:
    """The papers in a table of comma-, tab- or semicolon-separated values."""
    findings = Findings(document)
    separator, columns = _columns(document.text)
    roles = _roles(columns)
    limit = csv.field_size_limit(MAX_CELL)
    rows = csv.reader(io.StringIO(document.text.lstrip("\n")), delimiter=separator)
    try:
        next(rows, None)
        _take_rows(rows, roles, findings)
    except csv.Error as error:
        findings.note(rows.line_num, f"the rest cannot be read: {error}")
    finally:
        csv.field_size_limit(limit)
    if not len(findings) and "title" not in roles:
        raise NotADigest("a table without a column of titles")
    if not len(findings):
        raise NotThisKind("a table without papers: no row has a title beside an id, authors or a summary")
    return findings.loose_digest("csv", date=any_date(document.name))


def _take_rows(rows: Any, columns: list[str], findings: Findings) -> None:
    line = rows.line_num + 1
    for row in rows:
        fields = dict(zip(columns, row, strict=False))
        record = record_of(fields)
        entry = record.entry() if record else None
        if entry is not None and record is not None:
            findings.take(entry, line=line)
        elif any(cell.strip() for cell in row):
            findings.pass_over(line, "a row without a title beside an id, authors or a summary")
        line = rows.line_num + 1
