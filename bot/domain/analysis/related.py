"""Names and subjects of papers: the short name under which others cite a paper, and the terms that rise."""

import math
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from bot.domain.papers import Paper
from bot.domain.query import Document

_NAME = re.compile(r"[A-Za-z][\w.+-]{2,30}")
_TELLING = re.compile(r"[A-Z].*[A-Z]|[a-z].*[A-Z]|[A-Za-z].*\d")


def short_name(paper: Paper) -> str | None:
    """The name before the title's colon, where it is a word that means nothing else: `WebSailor-V2`, `HALA`, `SmolVLM2`."""
    name, colon, _ = paper.title.partition(":")
    name = name.strip()
    return name if colon and _NAME.fullmatch(name) and _TELLING.search(name) else None


_AGAIN = r"(?i:introduc|present|propos|develop|releas|curat|construct)\w*,? (?:an? |the |our )?(?:[\w-]+ ){{0,3}}?[\"“(]?{name}(?![\w-])|\({name}\)|\bnew [\w-]+,? {name}\b"
_AMBIGUOUS = 0.3
"""Share of the papers with a name that make it their own, from which on it is nobody's."""
_ACRONYM = re.compile(r"[A-Z]{2,6}")
"""Letters that others may put together as well: LISA is a detector, an editor and an optimizer."""
_ARXIV_MONTH = re.compile(r"arxiv:(\d{2}(?:0[1-9]|1[0-2]))\.\d")


def naming(saved: Paper, papers: Iterable[Paper]) -> tuple[Paper, ...]:
    """The papers that name the saved one by its short name, in their order.

    Those that give the name to something of their own are left out, and where it is an acronym those that share no word
    with the title. Empty where there is no name, where a paper before it says the name already, where another title begins
    with it, or where many papers mean something else by it.
    """
    name = short_name(saved)
    if name is None:
        return ()
    pattern = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-]|\.\w)")
    again = re.compile(_AGAIN.format(name=re.escape(name)))
    subject = _subject(saved.title.partition(":")[2]) if _ACRONYM.fullmatch(name) else frozenset()
    named, others = [], 0
    for paper in papers:
        texts = [text for text in _texts(paper) if name in text and pattern.search(text)]
        if paper.id == saved.id or not texts or paper.title == saved.title:
            continue
        if (short_name(paper) or "").casefold() == name.casefold() or _is_before(paper, saved):
            return ()
        if any(map(again.search, texts)) or (
            subject and subject.isdisjoint(_subject(" ".join(_texts(paper))))
        ):
            others += 1
        else:
            named.append(paper)
    return tuple(named) if others <= _AMBIGUOUS * (others + len(named)) else ()


def _is_before(paper: Paper, other: Paper) -> bool:
    """True where the paper came first, by the months of their arXiv ids, else by the days on which digests named them."""
    month, other_month = (_ARXIV_MONTH.match(either.id) for either in (paper, other))
    if month and other_month and month[1] != other_month[1]:
        return month[1] < other_month[1]
    return paper.date is not None and other.date is not None and paper.date < other.date


def _subject(text: str) -> frozenset[str]:
    """The words of a text that may tell its subject, in the singular."""
    words = (word.rstrip("s") for word in _SUBJECT_WORD.findall(text.casefold()))
    return frozenset(word for word in words if word not in _PLAIN)


_SUBJECT_WORD = re.compile(r"[a-z]{4,}")


def _texts(paper: Paper) -> Iterable[str]:
    yield paper.title
    yield from (summary.text for summary in paper.summaries)
    yield from (point.text for edition in paper.editions for point in edition.points)


_WINDOW_WORD = re.compile(r"[a-z][a-z0-9+#-]{2,}")
_PLAIN = frozenset(
    [
        "the",
        "and",
        "for",
        "with",
        "from",
        "via",
        "its",
        "are",
        "was",
        "can",
        "not",
        "that",
        "this",
        "into",
        "using",
        "use",
        "based",
        "towards",
        "toward",
        "new",
        "novel",
        "approach",
        "method",
        "methods",
        "model",
        "models",
        "learning",
        "paper",
        "study",
        "system",
        "systems",
        "data",
        "large",
        "through",
        "beyond",
        "without",
        "under",
        "more",
        "than",
        "how",
        "what",
        "when",
        "why",
        "does",
        "are",
        "end",
        "one",
        "two",
        "first",
        "multi",
        "self",
    ]
)
_LEAST = 3
"""Papers that a rising term has."""


def rising(now: Sequence[Document], before: Sequence[Document], limit: int) -> list[tuple[str, int, float]]:
    """(term, papers with it now, papers with it before, scaled to as many papers) of words and pairs in titles.

    The most surprising first: those that many papers have now, and few had.
    """
    current, past = _title_terms(now), _title_terms(before)
    scale = len(now) / len(before) if before else 0.0
    scored = [
        (count * math.log((count + 0.5) / (past.get(term, 0) * scale + 0.5)), term, count)
        for term, count in current.items()
        if count >= _LEAST
    ]
    chosen: list[tuple[str, int, float]] = []
    for score, term, count in sorted(scored, key=lambda each: (-each[0], -len(each[1].split()), each[1])):
        overlaps = any(set(term.split()) & set(other.split()) for other, _, _ in chosen)
        if score > 0 and not overlaps:
            chosen.append((term, count, round(past.get(term, 0) * scale, 1)))
    return chosen[:limit]


def _title_terms(documents: Iterable[Document]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for document in documents:
        words = document.line("title", "folded").split()
        telling = [word if _WINDOW_WORD.fullmatch(word) and word not in _PLAIN else "" for word in words]
        pairs = (f"{first} {second}" for first, second in pairwise(telling) if first and second)
        for term in {*filter(None, telling), *pairs}:
            counts[term] = counts.get(term, 0) + 1
    return counts
