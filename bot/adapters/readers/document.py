"""A digest's bytes as text: decoded, with dates, folding and line numbers that every reader shares."""

import codecs
import datetime as dt
import re
from dataclasses import dataclass

from bot.domain.digests import Problem

_DATE = re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)")
_UNDECODABLE = re.compile("[\udc80-\udcff]+")
_WIDE = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A whole file as text; `name` is for messages and, where nothing else tells it, the date."""

    text: str
    name: str
    problems: tuple[Problem, ...] = ()
    """What was wrong with the bytes themselves."""

    def line(self, offset: int) -> int:
        """The line, from 1, of the character at `offset`."""
        return self.text.count("\n", 0, offset) + 1


def decode(data: bytes, *, name: str) -> Document:
    """The bytes as text: UTF-8 or UTF-16 by byte order mark; bytes that are neither become U+FFFD, named."""
    encoding = _WIDE.get(data[:2], "utf-8-sig")
    if encoding != "utf-8-sig":
        data = data[2:]
    problems: tuple[Problem, ...] = ()
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text, problems = _decode_damaged(data, encoding)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return Document(text=text, name=name, problems=problems)


def _decode_damaged(data: bytes, encoding: str) -> tuple[str, tuple[Problem, ...]]:
    if encoding != "utf-8-sig":
        text = data.decode(encoding, "replace")
        return text, (Problem(line=1, what=f"not everything is {encoding.upper()}; the rest is marked �"),)
    escaped = data.decode(encoding, "surrogateescape")
    text, places = _UNDECODABLE.subn("\ufffd", escaped)
    first = text.count("\n", 0, text.index("\ufffd")) + 1
    what = f"bytes that are not UTF-8 in {places} place(s), shown as \ufffd; the first is here"
    return text, (Problem(line=first, what=what),)


def find_date(text: str) -> dt.date | None:
    """The first real calendar day written as YYYY-MM-DD."""
    for found in _DATE.finditer(text):
        try:
            return dt.date(int(found[1]), int(found[2]), int(found[3]))
        except ValueError:
            continue
    return None
