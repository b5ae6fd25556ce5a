"""Bytes to nodes with places, by ruamel.yaml's parser; the only file that knows it.

Only its events are used, never its constructors: aliases, tags and directives are refused as they come
by, and sizes are counted on the way, so that no file can cost more than its stated limits.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bot.app.config.yaml_nodes import Document, Entry, Items, Mapping, Node, Scalar
from bot.domain.errors import UsageError

MAX_BYTES = 8_000_000
MAX_VALUES = 600_000
MAX_DEPTH = 32
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BARE_START = re.compile(r"found character '(.+)' that cannot start any token")
_ESCAPE_TOO_HIGH = re.compile(r"\\U(?!0010|000[0-9a-fA-F])")
_REMEDIES = (
    ("mapping values are not allowed here", "': ' inside a value; put the value in quotes"),
    ("sequence entries are not allowed here", "a list starts on its own line, below its key"),
    ("could not find expected ':'", "a key without ': ' and a value behind it"),
    ("but found '<scalar>'", "text after a closing quote; put the whole value in single quotes: '…'"),
    ("but got '<scalar>'", "text after a closing quote, or a comma is missing"),
    ("but found '<block mapping start>'", "this line's indentation fits nothing above it"),
    ("but found '<block sequence start>'", "this line's indentation fits nothing above it"),
    ("but found '-'", "a list item where a key is expected"),
    ("but got '{'", "'{' inside […] or {…}; put the value in quotes"),
    ("expected the node content", "a value is missing here, or one that starts with this sign needs quotes"),
    ("expected <block end>", "this does not fit what stands before it; put the whole value in quotes"),
    ("expected '<document start>'", "this does not belong to what stands above it"),
    ("unknown escape character", "no such escape in double quotes; use single quotes"),
    ("chomping or indentation", "text that starts with | or > needs quotes"),
)
"""What ruamel.yaml 0.19 says, and what a person can do about it."""


class _Stop(Exception):
    """No sense in reading further; the fault is noted."""


def read_document(path: Path) -> Document:
    """The file's nodes, and what is wrong with them; UsageError where there is no file to read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise UsageError(f"{path}: no such file; `paperboy init` writes one with comments") from error
    except OSError as error:
        reason = (error.strerror or "not readable").lower()
        raise UsageError(f"{path}: {reason}; it must be a file that paperboy may read") from error
    return parse_document(data, str(path))


def parse_document(data: bytes, file: str) -> Document:
    """The nodes of one YAML document; faults of its form are in the document, never raised one by one.

    ConfigError only where there are so many that the rest was not looked at.
    """
    document = Document(file=file)
    if len(data) > MAX_BYTES:
        document.fault(0, f"larger than {MAX_BYTES // 1_000_000} MB, the limit for a configuration file")
        return document
    try:
        document.text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        document.text = error.object[: error.start].decode("utf-8-sig")
        document.fault(len(document.text), "not UTF-8 from here on; save the file as UTF-8")
        return document
    if bad := _FORBIDDEN.search(document.text):
        document.fault(bad.start(), f"control character U+{ord(bad[0]):04X}; remove it")
        return document
    try:
        document.root = _Reading(document).root()
    except _Stop:
        document.root = None
    return document


class _Reading:
    """One pass over the parser's events."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._events = _events(document)
        self._values = 0

    def root(self) -> Node | None:
        root: Node | None = None
        started = False
        for event in self._events:
            match type(event).__name__:
                case "DocumentStartEvent":
                    self._start(event, started)
                    started = True
                case "DocumentEndEvent" | "StreamStartEvent" | "StreamEndEvent":
                    pass
                case _:
                    root = self._node(event, 1)
        return root

    def _start(self, event: Any, started: bool) -> None:
        start = event.start_mark.index
        if started:
            self._document.fault(start, "a second document starts here; one file holds one document")
            raise _Stop
        if event.version or event.tags:
            self._document.fault(start, "%-directives are not allowed; remove the line")

    def _node(self, event: Any, depth: int) -> Node:
        start = event.start_mark.index
        self._count(start, depth)
        name = type(event).__name__
        if name == "AliasEvent":
            self._document.fault(start, "aliases (*name) are not allowed; write the value out, or quote it")
            self._document.spoiled.add(start)
            return Scalar("", start, start, None)
        if event.anchor is not None:
            self._document.fault(start, "anchors (&name) are not allowed; remove it, or quote the value")
        if event.ctag is not None:
            self._document.fault(start, "tags (!name) are not allowed; remove it, or quote the value")
        if name == "ScalarEvent":
            return self._scalar(event, start)
        return self._mapping(start, depth) if name == "MappingStartEvent" else self._items(start, depth)

    def _scalar(self, event: Any, start: int) -> Scalar:
        if event.style == '"' and (bad := _FORBIDDEN.search(event.value)):
            self._document.fault(start, f"control character U+{ord(bad[0]):04X} by an escape; remove it")
            self._document.spoiled.add(start)
        return Scalar(event.value, start, event.end_mark.index, event.style)

    def _count(self, start: int, depth: int) -> None:
        self._values += 1
        if depth > MAX_DEPTH:
            self._document.fault(start, f"nested deeper than {MAX_DEPTH} levels, the limit")
            raise _Stop
        if self._values > MAX_VALUES:
            self._document.fault(start, f"more than {MAX_VALUES:,} values, the limit for one file")
            raise _Stop

    def _items(self, start: int, depth: int) -> Items:
        values: list[Node] = []
        while type(event := next(self._events)).__name__ != "SequenceEndEvent":
            values.append(self._node(event, depth + 1))
        return Items(tuple(values), start)

    def _mapping(self, start: int, depth: int) -> Mapping:
        entries: dict[str, Entry] = {}
        while type(event := next(self._events)).__name__ != "MappingEndEvent":
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            self._add(entries, key, value)
        return Mapping(entries, start)

    def _add(self, entries: dict[str, Entry], key: Node, value: Node) -> None:
        if not isinstance(key, Scalar):
            self._document.fault(key.start, "a key must be a word, not a list or a mapping")
        elif key.text in entries:
            first = self._document.fault_at(entries[key.text].key_start, "").line
            self._document.fault(key.start, f"duplicate key {key.text!r}; it stands in line {first} already")
        else:
            entries[key.text] = Entry(key.start, value)


def _events(document: Document) -> Iterator[Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError

    try:
        yield from YAML(typ="safe", pure=True, plug_ins=[]).parse(document.text)
    except MarkedYAMLError as error:
        place, message = _explained(error)
        document.fault(place, message)
        raise _Stop from error
    except (ValueError, OverflowError) as error:  # chr() of an escape beyond Unicode
        escape = _ESCAPE_TOO_HIGH.search(document.text)
        document.fault(escape.start() if escape else 0, "an escape that is no character; remove it")
        raise _Stop from error


def _explained(error: Any) -> tuple[int, str]:
    """The character where a syntax error is best shown, and what to do about it."""
    problem, mark = str(error.problem or "not readable"), error.problem_mark or error.context_mark
    if mark is None:
        return 0, "not valid YAML; is the file cut off?"
    if "end of stream" in problem and "quoted scalar" in str(error.context):
        return error.context_mark.index, "this quote is never closed"
    if bare := _BARE_START.search(problem):
        sign = bare[1]
        tab = sign in ("\\t", "\t")
        return (
            mark.index,
            "a tab; indent with blanks" if tab else f"text that starts with {sign} needs quotes",
        )
    if "<stream end>" in problem and error.context_mark:
        return error.context_mark.index, "the bracket that opens here is never closed"
    for known, remedy in _REMEDIES:
        if known in problem:
            return mark.index, remedy
    return mark.index, f"not valid YAML: {ascii(problem)[1:-1]}"
