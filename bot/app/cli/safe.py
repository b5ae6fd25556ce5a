"""Foreign text on a terminal: nothing in it may steer the terminal."""

import unicodedata

_STEERING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def plain(text: str) -> str:
    """The text on one line, without control characters, escapes and direction marks."""
    return "".join(" " if unicodedata.category(char) in _STEERING else char for char in text)
