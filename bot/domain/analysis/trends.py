"""Trends: the terms that papers' titles have more often now than before."""

import math
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from bot.domain.query import Document

_WORD = re.compile(r"[a-z][a-z0-9+#-]{2,}")
_COMMON = frozenset([
    "the", "and", "for", "with", "from", "via", "its", "are", "was", "can", "not", "that", "this", "into", "using",
    "use", "based", "towards", "toward", "new", "novel", "approach", "method", "methods", "model", "models",
    "learning", "paper", "study", "system", "systems", "data", "large", "through", "beyond", "without", "under",
    "more", "than", "how", "what", "when", "why", "does", "end", "one", "two", "first", "multi", "self",
])  # fmt: skip
"""Words of titles that tell nothing of a subject."""
_FEWEST_PAPERS = 3
"""Fewest papers with a rising term."""


class RisingTerm(NamedTuple):
    """A word, or two neighbouring words, that more titles have now than before."""

    term: str
    papers: int
    """Papers with it now."""
    before: float
    """Papers with it before, scaled to the number of papers now."""


def rising_terms(now: Sequence[Document], before: Sequence[Document], limit: int) -> list[RisingTerm]:
    """The rising terms of titles, the most surprising first; no word stands in two of them."""
    current, past = _title_terms(now), _title_terms(before)
    scale = len(now) / len(before) if before else 0.0
    scored = [
        (count * math.log((count + 0.5) / (past.get(term, 0) * scale + 0.5)), term, count)
        for term, count in current.items()
        if count >= _FEWEST_PAPERS
    ]
    chosen: list[RisingTerm] = []
    for score, term, count in sorted(scored, key=lambda each: (-each[0], -len(each[1].split()), each[1])):
        overlaps = any(set(term.split()) & set(other.term.split()) for other in chosen)
        if score > 0 and not overlaps:
            chosen.append(RisingTerm(term, count, round(past.get(term, 0) * scale, 1)))
    return chosen[:limit]


def _title_terms(documents: Iterable[Document]) -> dict[str, int]:
    """How many of the titles have each term."""
    counts: dict[str, int] = {}
    for document in documents:
        words = document.line("title", "folded").split()
        telling = [word if _WORD.fullmatch(word) and word not in _COMMON else "" for word in words]
        pairs = (f"{first} {second}" for first, second in pairwise(telling) if first and second)
        for term in {*filter(None, telling), *pairs}:
            counts[term] = counts.get(term, 0) + 1
    return counts
