"""Values: what texts in JSON, in lines of it or of Python, and in YAML hold, loaded within limits."""

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

from bot.adapters.readers.document import Findings, NotThisKind
from bot.domain.errors import NotADigest

MAX_DEPTH = 60
MAX_LINE = 1_000_000
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_PYTHON_LINE = re.compile(r"\s*\{\s*u?['\"]")
_INDENTED_KEY = re.compile(r"^[ -]*(?=[\w'\"][^\n:]{0,60}:(?:\s|$))", re.MULTILINE)
_MERGE = re.compile(r"^[ -]*<<\s*:", re.MULTILINE)
_YAML_SCALAR = re.compile(r"^(\s*(?:- )?[\w-]+:\s+)([^\s'\"\[{|>&*!#%@`][^\n]*?: [^\n]*?)\s*$", re.MULTILINE)


def json_values(text: str, findings: Findings) -> list[Any]:
    """The one value of a JSON text, or those of its lines; of a text that is cut short what is whole."""
    try:
        return [json.loads(text)]
    except RecursionError as error:
        raise NotADigest("JSON of too many levels") from error
    except ValueError as error:
        whole_error = error
    values = list(_lines(text, findings))
    if values:
        return values
    cut = _without_torn_end(text)
    try:
        value = json.loads(cut) if cut else None
    except (ValueError, RecursionError):
        value = None
    if value is None:
        raise NotThisKind(f"JSON that cannot be read: {whole_error}")
    findings.note(text.count("\n") + 1, "the JSON ends too early: it is cut short")
    return [value]


def _depth(text: str) -> int:
    """How deep the brackets of a line nest, at most; counted only as far as it matters."""
    depth = deepest = 0
    for match in _BRACKETS.finditer(text):
        sign = match[0]
        if sign in "[{":
            depth += 1
            if depth > deepest:
                deepest = depth
                if deepest > MAX_DEPTH:
                    return deepest
        elif sign in "]}":
            depth -= 1
    return deepest


def _lines(text: str, findings: Findings) -> Iterator[Any]:
    """The objects of JSON lines or Python lines; a line that is neither is a problem, and ends it where the first is."""
    good = 0
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip().rstrip(",")
        if not stripped or stripped in "[]":
            continue
        value = _line_value(stripped)
        if value is None:
            if not good:
                return
            findings.note(number, "a line that is no whole JSON object, left out")
            continue
        good += 1
        yield value


def _line_value(line: str) -> Any:
    if line[:1] not in "{[":
        return None
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        pass
    if not _PYTHON_LINE.match(line) or len(line) > MAX_LINE or _depth(line) > MAX_DEPTH or "((((" in line:
        return None
    try:
        value = ast.literal_eval(line)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return value if isinstance(value, (dict, list)) else None


def _without_torn_end(text: str) -> str:
    """JSON that is cut short, up to its last whole object, with the open brackets closed."""
    stack: list[str] = []
    end, closing = 0, ""
    for match in _BRACKETS.finditer(text):
        sign = match[0]
        if sign in {"{", "["}:
            stack.append("}" if sign == "{" else "]")
        elif sign in "]}" and stack and stack[-1] == sign:
            stack.pop()
            if sign == "}":
                end, closing = match.end(), "".join(reversed(stack))
    return text[:end] + closing if end and closing else ""


def load_yaml(text: str) -> Any:
    """The value of a YAML text; titles with an unquoted colon are put right; None where it cannot be read.

    Aliases are refused: they are how a few bytes become gigabytes.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if _MERGE.search(text):
        return None
    if _indentation(text) > 2 * MAX_DEPTH or "[" * MAX_DEPTH in text or "{" * MAX_DEPTH in text:
        return None
    for candidate in (text, _YAML_SCALAR.sub(_quoted, text)):
        loader = YAML(typ="safe", pure=False)
        loader.allow_duplicate_keys = True
        try:
            value = loader.load(candidate)
        except (YAMLError, ValueError, RecursionError, TypeError, AttributeError):
            continue
        return None if _has_aliases(value) else value
    return None


def _has_aliases(value: Any) -> bool:
    """True where an object stands in several places of a value, or in itself."""
    known: set[int] = set()
    open_values = [value]
    while open_values:
        each = open_values.pop()
        if isinstance(each, (dict, list)) and each:
            if id(each) in known:
                return True
            known.add(id(each))
            open_values += each.values() if isinstance(each, dict) else each
    return False


def _indentation(text: str) -> int:
    """How far the keys of a YAML text are indented, at most."""
    return max((len(match[0]) for match in _INDENTED_KEY.finditer(text)), default=0)


def _quoted(match: re.Match[str]) -> str:
    text = match[2].replace("'", "''")
    return f"{match[1]}'{text}'"
