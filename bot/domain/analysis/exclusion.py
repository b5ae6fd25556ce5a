"""Exclusion: a word that, excluded, would have kept an unwanted paper away, and few wanted ones."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.domain.papers import Paper
from bot.domain.query import Document, Query, document_of
from bot.domain.query.folding import words
from bot.domain.query.syntax import atoms, words_of

_SHORTEST = 4
_WORD = re.compile(r"[a-z][a-z0-9-]*")
_SAYS_NOTHING = frozenset([
    "about", "based", "from", "into", "over", "that", "their", "these", "this", "those", "towards",
    "toward", "using", "with", "without", "what", "when", "where", "which", "while", "your", "model",
    "large", "language", "method", "approach", "paper", "framework", "learning", "system", "novel", "data",
    "task", "via", "new", "efficient", "improving", "unified", "scalable", "general", "deep", "neural",
])  # fmt: skip
_COMMON = 0.25
"""A word that a larger share of the noticed papers has would exclude too much."""
_MOST = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Exclusion:
    """A word to exclude, with how many of the noticed and of the saved papers have it."""

    word: str
    noticed: int
    saved: int = 0


def exclusions(
    paper: Paper,
    queries: Iterable[Query],
    noticed: Sequence[Document],
    saved: Sequence[Document],
) -> tuple[Exclusion, ...]:
    """Words of the paper's title that set it apart, at most three: first those that no saved paper has, then those that
    the paper itself has most often. Never a word of the `queries` that it matched.
    """
    query_words = {word.text for query in queries for atom in atoms(query.root) for word in words_of(atom)}
    document = document_of(paper)
    counts = Counter(document.line("", "folded").split())
    title_words = [
        word
        for word in dict.fromkeys(words(paper.title, "folded"))
        if len(word) >= _SHORTEST
        and _WORD.fullmatch(word)
        and word not in query_words
        and word not in _SAYS_NOTHING
    ]
    candidates = [
        Exclusion(word=word, noticed=_having(noticed, word), saved=_having(saved, word))
        for word in title_words
    ]
    rare = [candidate for candidate in candidates if candidate.noticed <= max(_COMMON * len(noticed), 1)]
    ranked = sorted(rare, key=lambda each: (each.saved > 0, -counts[each.word], each.noticed, each.word))
    return tuple(ranked[:_MOST])


def _having(documents: Iterable[Document], word: str) -> int:
    """How many of the documents have the folded word."""
    return sum(word in document.line("", "folded").split() for document in documents)
