"""Patterns: an atom as a regular expression, which finds its words in plain texts without folding them.

They pay where one query is matched with many papers. A text is *plain* where its words are exactly its runs of ASCII
letters and digits; in other texts words are folded and compared.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from bot.domain.query.folding import plurals, spans
from bot.domain.query.syntax import Atom, Near, Phrase, Word

Span = tuple[int, int]
"""Start and end of words, in characters."""
Search = Callable[[str], list[Span]]
"""Finds every occurrence of an atom in a plain text, in the order of their starts."""

_WORD = re.compile("[A-Za-z0-9]+")


_NOT_ASCII = re.compile("[^\\x00-\\x7f]")


def is_plain(text: str) -> bool:
    """True for a plain text: a search finds in it what its atom finds."""
    if "'" in text or "+" in text or "#" in text:
        return False
    return text.isascii() or all(map(_separates, _NOT_ASCII.findall(text)))


@lru_cache(maxsize=1_000)
def _separates(sign: str) -> bool:
    """True where a sign that is not ASCII always separates words."""
    return spans(f"a{sign}a") == [(0, 1), (2, 3)]


def search_of(atom: Atom) -> Search | None:
    """The search for an atom; None where no pattern can express it."""
    if isinstance(atom, Phrase):
        return _phrase_search(atom.words)
    left, right = _phrase_search(atom.left), _phrase_search(atom.right)
    return _near_search(atom, left, right) if left and right else None


def _phrase_search(words: Sequence[Word]) -> Search | None:
    exact = [word.mode == "exact" for word in words]
    if any(exact) and not all(exact):
        return None
    pattern = re.compile("[^A-Za-z0-9]+".join(map(_expression, words)) + "(?![A-Za-z0-9])")
    keeps_case = exact[0]

    def search(text: str) -> list[Span]:
        letters = text if keeps_case else text.lower()
        spans = [occurrence.span() for occurrence in occurrences(letters)]
        return [span for span in spans if not span[0] or not letters[span[0] - 1].isalnum()]

    def overlapping(letters: str) -> Iterator[re.Match[str]]:
        match = pattern.search(letters)
        while match:
            yield match
            match = pattern.search(letters, match.start() + 1)

    occurrences = pattern.finditer if len(words) == 1 else overlapping
    return search


def _expression(word: Word) -> str:
    match word.mode:
        case "folded":
            return f"(?:{'|'.join(map(re.escape, plurals(word.text)))})"
        case "prefix":
            return f"{re.escape(word.text)}[a-z0-9]*"
        case _:
            return re.escape(word.text)


def _near_search(near: Near, left: Search, right: Search) -> Search:
    def search(text: str) -> list[Span]:
        rights = right(text)
        if not rights:
            return []
        starts, ends = [start for start, _ in rights], [end for _, end in rights]
        spans: list[Span] = []
        for start, end in left(text):
            after, before = bisect_left(starts, end), bisect_left(ends, start + 1) - 1
            behind = _distance(text, end, starts[after]) if after < len(rights) else near.distance + 1
            ahead = _distance(text, ends[before], start) if before >= 0 else near.distance + 1
            if min(behind, ahead) <= near.distance:
                spans.append((start, ends[after]) if behind <= ahead else (starts[before], end))
        return spans

    return search


def _distance(text: str, end: int, start: int) -> int:
    """The distance in words from the word that ends at `end` to the one that starts at `start`; 1 for neighbours."""
    return len(_WORD.findall(text, end, start)) + 1
