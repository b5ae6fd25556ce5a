"""Excerpts: a word with some text around it, and a caret below a place in a query."""

from bot.domain.text import columns, printable

_CONTEXT = 38
_WINDOW = 100
"""Characters of a query that are shown around an error."""


def excerpt(text: str, words: str) -> str:
    """The words with some text around them."""
    at = text.find(words)
    if at < 0:
        return words
    start, end = max(at - _CONTEXT, 0), at + len(words) + _CONTEXT
    first = text.find(" ", start, at) + 1 if start else 0
    last = text.rfind(" ", at + len(words), end) if end < len(text) else len(text)
    first, last = max(first, start), last if last >= 0 else end
    return f"{'…' if start else ''}{text[first:last]}{'…' if last < len(text) else ''}"


def caret(text: str, position: int, window: int = _WINDOW) -> str:
    """The text on one line and a caret below that character; long text is cut around it."""
    start = max(position - window // 2, 0) if len(text) > window else 0
    shown = printable(text[start : start + window])
    before = ("… " if start else "") + shown[: position - start]
    return f"{'… ' if start else ''}{shown}\n{' ' * columns(before)}^"
