"""Exclusion: the word that would have kept an unwanted paper away and costs the least of what is wanted."""

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
_SAYS_NOTHING = frozenset(
    [
        "about",
        "based",
        "from",
        "into",
        "over",
        "that",
        "their",
        "these",
        "this",
        "those",
        "towards",
        "toward",
        "using",
        "with",
        "without",
        "what",
        "when",
        "where",
        "which",
        "while",
        "your",
        "model",
        "large",
        "language",
        "method",
        "approach",
        "paper",
        "framework",
        "learning",
        "system",
        "novel",
        "data",
        "task",
        "via",
        "new",
        "efficient",
        "improving",
        "unified",
        "scalable",
        "general",
        "deep",
        "neural",
    ]
)
_COMMON = 0.25
"""A word that more than this share of all papers have would exclude too much."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Exclusion:
    """A word to exclude: how many of the papers that were noticed it would have kept away, and of the saved ones."""

    word: str
    noticed: int
    saved: int = 0


def exclusions(
    paper: Paper,
    queries: Iterable[Query],
    noticed: Sequence[Document],
    saved: Sequence[Document],
    limit: int = 3,
) -> tuple[Exclusion, ...]:
    """Words of the paper's title that set it apart, the best first: first those that no saved paper has, then those
    that the paper itself says most often. Never a word of the queries that it matched.
    """
    query_words = {word.text for query in queries for atom in atoms(query.root) for word in words_of(atom)}
    document = document_of(paper)
    counts = Counter(document.line("", "folded").split())
    titled = [
        word
        for word in dict.fromkeys(words(paper.title, "folded"))
        if len(word) >= _SHORTEST
        and _WORD.fullmatch(word)
        and word not in query_words
        and word not in _SAYS_NOTHING
    ]
    candidates = [
        Exclusion(word=word, noticed=_having(noticed, word), saved=_having(saved, word)) for word in titled
    ]
    wanted = [candidate for candidate in candidates if candidate.noticed <= max(_COMMON * len(noticed), 1)]
    ranked = sorted(wanted, key=lambda each: (each.saved > 0, -counts[each.word], each.noticed, each.word))
    return tuple(ranked[:limit])


def _having(documents: Iterable[Document], word: str) -> int:
    return sum(word in document.line("", "folded").split() for document in documents)
