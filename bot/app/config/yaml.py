"""YAML files as nodes of ruamel.yaml, with every syntax error at its line and column.

Nodes are composed and never constructed, so no value of the file can run anything. Aliases, anchors, tags
and directives are refused while composing, and values are counted, so no file costs more than its limits.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import AliasEvent, MappingEndEvent, ScalarEvent, SequenceStartEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.tag import Tag

from bot.domain.errors import ConfigError, Fault, UsageError

MAX_BYTES = 8_000_000
MAX_VALUES = 600_000
MAX_DEPTH = 32
MAX_FAULTS = 100
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BARE_START = re.compile(r"found character '(.+)' that cannot start any token")
_ESCAPE_TOO_HIGH = re.compile(r"\\U(?!0010|000[0-9a-fA-F])")
_HEADER = re.compile(r"[|>][^\r\n]*(?:\r\n|\r|\n)")
"""The first line of a block."""
_ESCAPES = r"\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}|\\(?:\r\n|.)"
_WRITTEN_CHARACTERS = {
    **dict.fromkeys(("", "|", ">"), re.compile(".", re.DOTALL)),
    "'": re.compile("''|.", re.DOTALL),
    '"': re.compile(f"{_ESCAPES}|.", re.DOTALL),
}
"""By style: how one character of a value is written."""
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
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
    ("but found another document", "a second document starts here; one file holds one document"),
    (
        "expected the node content",
        "a value is missing here, or one that starts with this character needs quotes",
    ),
    ("but found ','", "a comma after the value; remove it, or put the whole value in quotes"),
    ("expected <block end>", "this does not fit what stands before it; put the whole value in quotes"),
    ("expected '<document start>'", "this does not belong to what stands above it"),
    ("unknown escape character", "no such escape in double quotes; use single quotes"),
    ("chomping or indentation", "text that starts with | or > needs quotes"),
)
"""Problems as ruamel.yaml 0.19 words them, and the remedy shown instead."""
_NO_TAG = Tag()
_INTEGER = re.compile(r"[-+]?[0-9]{1,30}")
_BASED = re.compile(r"0o[0-7]{1,30}|0x[0-9a-fA-F]{1,30}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,30}|[0-9]{1,30}(?:\.[0-9]{0,30})?)(?:[eE][-+]?[0-9]{1,5})?")
_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}

Plain = str | int | float | bool | None
"""The value of a scalar."""
KeyPath = Sequence[str | int]
"""The keys and list positions that lead to a value."""


def plain_value(text: str) -> Plain:
    """The value of a bare scalar by the core schema of YAML 1.2 (1.2.2 §10.3.2), so `yes` is text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text


def scalar_value(scalar: ScalarNode) -> Plain:
    """The value of a scalar; quoted and block scalars are always text."""
    return str(scalar.value) if scalar.style else plain_value(scalar.value)


def to_data(node: Node | None, value_of: Callable[[ScalarNode], Plain] = scalar_value) -> object:
    """The node as dicts, tuples and plain values."""
    if isinstance(node, MappingNode):
        return {key.value: to_data(value, value_of) for key, value in node.value}
    if isinstance(node, SequenceNode):
        return tuple(to_data(item, value_of) for item in node.value)
    return value_of(node) if isinstance(node, ScalarNode) else None


class Lookup(NamedTuple):
    """The node that a path leads to, or the last one on the way there."""

    node: Node | None
    key: ScalarNode | None
    """The node's own key; None for items of lists."""
    known: int
    """How many parts of the path exist in the file."""

    @property
    def offset(self) -> int:
        """The character where the node starts."""
        return int(self.node.start_mark.index) if self.node else 0


@dataclass(kw_only=True)
class YamlDocument:
    """One YAML file: its nodes, and its faults so far. Offsets count characters of `text`."""

    file: str
    text: str = ""
    root: Node | None = None
    """None where the file is empty, or where it could not be read to its end."""
    spoiled: set[int] = field(default_factory=set)
    """Offsets of values without a meaning because of a fault in them; they get no second fault."""
    _faults: set[tuple[int, str]] = field(default_factory=set)
    """Offset and message."""

    def fault(self, offset: int, message: str) -> None:
        """Record a fault; raises ConfigError with all of them once there are more than MAX_FAULTS."""
        self._faults.add((offset, _printable(message)))
        if len(self._faults) > MAX_FAULTS:
            last = max(self._faults)
            self._faults.remove(last)
            self._faults.add(
                (last[0], f"more than {MAX_FAULTS} faults; the rest of the file was not looked at")
            )
            raise ConfigError(self.faults)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults in file order."""
        return tuple(self.fault_at(offset, message) for offset, message in sorted(self._faults))

    @property
    def fault_count(self) -> int:
        return len(self._faults)

    def is_faulty_at(self, offset: int) -> bool:
        return any(offset == faulty for faulty, _ in self._faults)

    def fault_at(self, offset: int, message: str) -> Fault:
        """A fault or warning with its line and column, which is not recorded."""
        line = bisect_right(self._line_starts, offset) - 1
        column = offset - self._line_starts[line] + 1
        return Fault(file=self.file, line=line + 1, column=column, message=message)

    @cached_property
    def _line_starts(self) -> list[int]:
        """Lines as an editor counts them, not as YAML 1.1 does (which breaks lines at U+2028 too)."""
        return [0, *(line_break.end() for line_break in _LINE_BREAK.finditer(self.text))]

    def offset_of(self, path: KeyPath, *, at_key: bool = False) -> int:
        """The offset of the value (or its key) at the path, else of the innermost node around it.

        An empty value has no place of its own: its key's offset is given. A path whose first part is not in
        the file gives 0.
        """
        lookup = self.find(path)
        if path and not lookup.known:
            return 0
        node, key = lookup.node, lookup.key
        is_empty = isinstance(node, ScalarNode) and node.start_mark.index == node.end_mark.index
        return int(key.start_mark.index) if key and (at_key or is_empty) else lookup.offset

    def find(self, path: KeyPath) -> Lookup:
        """The node at the end of the path, or the last one on the way to it."""
        node, key, known = self.root, None, 0
        for part in path:
            if isinstance(node, MappingNode):
                entry = next((entry for entry in node.value if entry[0].value == part), None)
                if entry is None:
                    break
                key, node = entry
            elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
                key, node = None, node.value[part]
            else:
                break
            known += 1
        return Lookup(node=node, key=key, known=known)

    def offset_in(self, scalar: ScalarNode, position: int) -> int:
        """The offset of one character of a scalar's value, or of the scalar if the character cannot be located.

        YAML folds only blanks and line breaks, so the other characters are counted.
        """
        start, value, style = int(scalar.start_mark.index), str(scalar.value), scalar.style or ""
        raw = self.text[start : scalar.end_mark.index]
        head = _HEADER.match(raw) if style in ("|", ">") else None
        first = head.end() if head else len(style)
        inside = raw[first : len(raw) - (0 if head else first)]
        if inside == value:
            return start + first + position
        written = _WRITTEN_CHARACTERS[style].finditer(inside)
        characters = [character for character in written if not _is_blank(character[0])]
        if len(characters) != len("".join(value.split())):
            return start
        before = len("".join(value[:position].split()))
        if position < len(value) and not value[position].isspace():
            return start + first + characters[before].start()
        return start + first + (characters[before - 1].end() if before else 0)


def _is_blank(written: str) -> bool:
    """True if this character or escape sequence is a blank in the value."""
    if written[0] != "\\" or len(written) == 1:
        return written.isspace()
    code = written[2:]
    return chr(int(code, 16)).isspace() if code and written[1] in "xuU" else written[1] in "tnvfr NLP_\t\r\n"


def _printable(message: str) -> str:
    """The message on one line, without characters that control a terminal or the direction of text.

    They are escaped, not left out as by `one_line`, since such a character may be the very fault.
    """
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in message)


def is_absent(path: Path) -> bool:
    """True if there is no such file; False also for one without permission, about which reading it complains."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def read_document(path: Path) -> YamlDocument:
    """The nodes and faults of a file; raises UsageError where it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise UsageError(f"{path}: no such file; `paperboy init` writes one with comments") from error
    except OSError as error:
        reason = (error.strerror or "not readable").lower()
        raise UsageError(f"{path}: {reason}; it must be a file that paperboy may read") from error
    return parse_document(data, str(path))


def parse_document(data: bytes, file: str) -> YamlDocument:
    """The nodes and faults of one YAML document; raises ConfigError only for more than MAX_FAULTS faults."""
    document = YamlDocument(file=file)
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
    yaml: Any = YAML(typ="safe", pure=True, plug_ins=[])
    yaml.Composer = partial(_Composer, document)
    try:
        document.root = yaml.compose(document.text)
    except _LimitExceeded:
        pass
    except MarkedYAMLError as error:
        document.fault(*_explained(error))
    except (ValueError, OverflowError):  # chr() of an escape beyond Unicode
        escape = _ESCAPE_TOO_HIGH.search(document.text)
        document.fault(escape.start() if escape else 0, "an escape that is no character; remove it")
    return document


class _LimitExceeded(Exception):
    """The file is too deep or too large to go on; its fault has been added to the document."""


class _Composer(Composer):
    """ruamel.yaml's composer, which refuses aliases, anchors, tags and directives, and counts values."""

    def __init__(self, document: YamlDocument, loader: Any) -> None:
        super().__init__(loader)
        self._document = document
        self._values = 0

    def compose_document(self) -> Node:
        start = self.parser.peek_event()
        if start.version or start.tags:
            self._document.fault(start.start_mark.index, "%-directives are not allowed; remove the line")
        node: Node = super().compose_document()
        return node

    def compose_node(self, _parent: Any, _index: Any) -> Node:
        """The next node; tags are not resolved, since only the model knows which kind of value belongs here."""
        document, event = self._document, self.parser.peek_event()
        offset = event.start_mark.index
        self._values += 1
        if self.depth >= MAX_DEPTH:
            document.fault(offset, f"nested deeper than {MAX_DEPTH} levels, the limit")
            raise _LimitExceeded
        if self._values > MAX_VALUES:
            document.fault(offset, f"more than {MAX_VALUES:,} values, the limit for one file")
            raise _LimitExceeded
        if isinstance(event, AliasEvent):
            self.parser.get_event()
            document.fault(offset, "aliases (*name) are not allowed; write the value out, or quote it")
            document.spoiled.add(offset)
            return ScalarNode(_NO_TAG, "", event.start_mark, event.start_mark)
        if event.anchor is not None:
            document.fault(offset, "anchors (&name) are not allowed; remove it, or quote the value")
        if event.ctag is not None:
            document.fault(offset, "tags (!name) are not allowed; remove it, or quote the value")
        if isinstance(event, ScalarEvent):
            self.parser.get_event()
            if event.style == '"' and (bad := _FORBIDDEN.search(event.value)):
                document.fault(offset, f"control character U+{ord(bad[0]):04X} by an escape; remove it")
                document.spoiled.add(offset)
            return ScalarNode(_NO_TAG, event.value, event.start_mark, event.end_mark, style=event.style)
        self.depth += 1
        is_list = isinstance(event, SequenceStartEvent)
        node: Node = self.compose_sequence_node(None) if is_list else self.compose_mapping_node(None)
        self.depth -= 1
        return node

    def compose_mapping_node(self, _anchor: Any) -> MappingNode:
        """The next mapping, without second entries of a key."""
        document, start = self._document, self.parser.get_event()
        entries: dict[str, tuple[ScalarNode, Node]] = {}
        while not self.parser.check_event(MappingEndEvent):
            key, value = self.compose_node(None, None), self.compose_node(None, None)
            offset = key.start_mark.index
            if not isinstance(key, ScalarNode):
                document.fault(offset, "a key must be a word, not a list or a mapping")
            elif key.value in entries:
                first = document.fault_at(entries[key.value][0].start_mark.index, "").line
                document.fault(offset, f"duplicate key {key.value!r}; it is in line {first} already")
            else:
                entries[key.value] = (key, value)
        end = self.parser.get_event()
        return MappingNode(_NO_TAG, list(entries.values()), start.start_mark, end.end_mark)


def _explained(error: MarkedYAMLError) -> tuple[int, str]:
    """The offset at which a syntax error is shown, and its remedy."""
    problem, mark = str(error.problem or "not readable"), error.problem_mark or error.context_mark
    if mark is None:
        return 0, "not valid YAML; is the file cut off?"
    if "end of stream" in problem and "quoted scalar" in str(error.context):
        return error.context_mark.index, "this quote is never closed"
    if bare := _BARE_START.search(problem):
        character = bare[1]
        is_tab = character in ("\\t", "\t")
        return (
            mark.index,
            "a tab; indent with blanks" if is_tab else f"text that starts with {character} needs quotes",
        )
    if "<stream end>" in problem and error.context_mark:
        return error.context_mark.index, "the bracket that opens here is never closed"
    for known, remedy in _REMEDIES:
        if known in problem:
            return mark.index, remedy
    return mark.index, f"not valid YAML: {ascii(problem)[1:-1]}"
