"""The words in a piece of a quiz page, whose texts stand in the HTML raw and unescaped."""

import html
import re

from bot.domain.text import one_line

_BREAK = re.compile(r"</?(?:br|div|h[1-6]|li|ol|p|ul)\b[^<>]*>")
_INLINE = re.compile(r"</?(?:a|b|code|em|i|mark|small|span|strong|su[bp]|u)\b[^<>]*>")
_LANGUAGE = re.compile(r"\bdata-lang\s*=\s*[\"']?([a-zA-Z]+)")
_HUGE_REFERENCE = re.compile(r"&#\d{8,};?")


def unescape(piece: str) -> str:
    """The piece with HTML's character references resolved; what they may not stand for is U+FFFD."""
    return html.unescape(_HUGE_REFERENCE.sub("\ufffd", piece)) if "&" in piece else piece


def plain(piece: str) -> str:
    """The piece without its markup, folded. What only looks like markup stays: `<think>`, `<10B`, `<|image|>`."""
    if "<" in piece:
        piece = _INLINE.sub("", _BREAK.sub(" ", piece))
    return one_line(unescape(piece))


def language_of(attributes: str) -> str:
    """The language that a tag's attributes name; English where they name none, as the first pages did."""
    found = _LANGUAGE.search(attributes)
    return found[1].lower() if found else "en"
