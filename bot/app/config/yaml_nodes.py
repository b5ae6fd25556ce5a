"""What a YAML file says, value by value, and where in the file each value stands."""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from bot.domain.errors import ConfigError, Fault

MAX_FAULTS = 100
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
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


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value as text; `start` and `end` count characters of the file, quotes included."""

    text: str
    start: int
    end: int
    style: str | None
    """The quote or block sign it is written with; None where it stands bare."""

    @property
    def plain(self) -> Plain:
        """The value by the core schema of YAML 1.2 (so `yes` is text); quoted values are always text."""
        return self.text if self.style else plain_value(self.text)


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    values: tuple["Node", ...]
    start: int


class Entry(NamedTuple):
    """One key of a mapping: where the key starts, and its value."""

    key_start: int
    value: "Node"


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values, in the file's order; no key twice."""

    entries: dict[str, Entry]
    start: int


Node = Scalar | Items | Mapping


def plain_value(text: str) -> Plain:
    """What a bare scalar means (YAML 1.2.2 §10.3.2)."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text


@dataclass(kw_only=True)
class Document:
    """A file that was read, with everything found wrong in it so far."""

    file: str
    text: str = ""
    root: Node | None = None
    """None where the file is empty, or where it could not be read to its end."""
    found: set[tuple[int, str]] = field(default_factory=set)
    """What is wrong: the place in characters, and the message."""

    spoiled: set[int] = field(default_factory=set)
    """Where values start that have no meaning after a fault in them: nothing more is said about them."""

    def fault(self, start: int, message: str) -> None:
        """Notes what is wrong at a character; ConfigError as soon as there is no sense in looking further."""
        self.found.add((start, _printable(message)))
        if len(self.found) > MAX_FAULTS:
            last = max(self.found)
            self.found.remove(last)
            self.found.add(
                (last[0], f"more than {MAX_FAULTS} faults; the rest of the file was not looked at")
            )
            raise ConfigError(self.faults)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """In file order."""
        return tuple(self.fault_at(start, message) for start, message in sorted(self.found))

    def is_faulty_at(self, start: int) -> bool:
        return any(start == place for place, _ in self.found)

    def fault_at(self, start: int, message: str) -> Fault:
        line = bisect_right(self._line_starts, start) - 1
        column = start - self._line_starts[line] + 1
        return Fault(file=self.file, line=line + 1, column=column, message=message)

    @cached_property
    def _line_starts(self) -> list[int]:
        """Lines as an editor counts them, not as YAML 1.1 does (which breaks lines at U+2028 too)."""
        return [0, *(found.end() for found in _LINE_BREAK.finditer(self.text))]

    def place_of(self, path: Sequence[str | int], *, at_key: bool = False) -> int:
        """The character where the value (or its key) stands, or else the innermost thing around it.

        An empty value has no place of its own: its key's is given. What nothing is said of has the file's
        first character.
        """
        found = self.find(path)
        if path and not found.known:
            return 0
        if at_key or (isinstance(found.node, Scalar) and found.node.start == found.node.end):
            return found.start if found.key_start is None else found.key_start
        return found.start

    def find(self, path: Sequence[str | int]) -> "Found":
        """The node at the end of the path, or the last one on the way to it."""
        node, key_start, known = self.root, None, 0
        for part in path:
            if isinstance(node, Mapping) and part in node.entries:
                key_start, node = node.entries[str(part)]
            elif isinstance(node, Items) and isinstance(part, int) and part < len(node.values):
                key_start, node = None, node.values[part]
            else:
                break
            known += 1
        return Found(node=node, key_start=key_start, known=known)

    def character_in(self, scalar: Scalar, position: int) -> int:
        """Where a character of a value stands in the file; the value's start where that is not certain."""
        raw = self.text[scalar.start : scalar.end]
        if raw == scalar.text:
            return scalar.start + position
        if not scalar.style or raw[:1] != scalar.style or raw[-1:] != scalar.style:
            return scalar.start
        inside = raw[1:-1]
        if inside == scalar.text:
            return scalar.start + 1 + position
        if scalar.style == "'" and inside.replace("''", "'") == scalar.text:
            return scalar.start + 1 + position + scalar.text[:position].count("'")
        return scalar.start


def _printable(message: str) -> str:
    """The message on one line, without what a terminal could obey or what turns text around."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in message)


class Found(NamedTuple):
    """Where a path led; `known` parts of it exist in the file."""

    node: Node | None
    key_start: int | None
    known: int

    @property
    def start(self) -> int:
        return self.node.start if self.node else 0


def to_data(node: Node | None, scalar: Callable[[Scalar], Plain]) -> object:
    """The node as mappings, tuples and plain values."""
    if isinstance(node, Mapping):
        return {key: to_data(entry.value, scalar) for key, entry in node.entries.items()}
    if isinstance(node, Items):
        return tuple(to_data(value, scalar) for value in node.values)
    return scalar(node) if node else None
