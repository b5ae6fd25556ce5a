"""Names and subjects of papers: the short name under which others cite a paper, and the terms that rise."""

import math
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from bot.domain.papers import Paper
from bot.domain.query import Document

_NAME = re.compile(r"[A-Za-z][\w.+-]{2,30}")
_TELLING = re.compile(r"[A-Z].*[A-Z]|[a-z].*[A-Z]|[A-Za-z].*\d")

_STUDY = re.compile(r"(?i)\s*an? (?:[\w-]+ ){0,3}(?:analysis|study|survey|review|overview|investigation)\b")
"""Subtitles of papers about something that others made, as in `GPT-OSS-20B: A Deployment-Centric Analysis`."""


def short_name(paper: Paper) -> str | None:
    """The name before the title's colon, where it is a word that means nothing else: `WebSailor-V2`, `HALA`, `SmolVLM2`."""
    name, colon, subtitle = paper.title.partition(":")
    name = name.strip()
    is_name = colon and _NAME.fullmatch(name) and _TELLING.search(name) and not _STUDY.match(subtitle)
    return name if is_name else None


_AGAIN = r"(?i:introduc|present|propos|develop|releas|curat|construct)\w*,? (?:an? |the |our )?(?:[\w-]+ ){{0,3}}?[\"“(]?{name}(?![\w-])|\({name}\)|(?i:\b(?:new|novel) [\w-]+,?|\b(?:dubbed|termed|called|named|we (?:build|create|design))) [\"“(]?{name}(?![\w-])"
_AMBIGUOUS = 0.3
"""Share of the papers with a name that make it their own, from which on it is nobody's."""
_COMMON_NAME = re.compile(r".{2,4}|[A-Z0-9]{5,6}|(?:[A-Z]?[a-z]+-)+[A-Z]?[a-z]+")
"""Names that others may put together as well: of initials (LISA is a detector, an editor and an optimizer), or of words (`Net-Zero`)."""
_NEAR, _NEAR_FOR_COMMON = 0.05, 0.12
"""Nearness of a saved paper's words and another's from which on both mean the same by a name; measured by benchmarks.naming."""
_FEW = 15
"""Words of a text that is hardly more than a title."""
_ARXIV_MONTH = re.compile(r"arxiv:(\d{2}(?:0[1-9]|1[0-2]))\.\d")


def naming(saved: Paper, papers: Iterable[Paper]) -> tuple[Paper, ...]:
    """The papers that name the saved one by its short name, in their order.

    Of those by other authors, papers that give the name to something of their own and papers about another subject are left
    out. Empty where there is no name, where a paper before it says the name already, where another title begins with it, or
    where many papers mean something else by it.
    """
    name = short_name(saved)
    if name is None:
        return ()
    pattern = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-]|\.\w)")
    again = re.compile(_AGAIN.format(name=re.escape(name)))
    own_text = " ".join(list(_texts(saved))[1:])
    is_common = bool(_COMMON_NAME.fullmatch(name)) or bool(own_text and name not in own_text)
    subject, authors = _subject(saved), _authors(saved)
    named, others = [], 0
    for paper in papers:
        texts = [text for text in _texts(paper) if name in text and pattern.search(text)]
        if paper.id == saved.id or not texts or paper.title == saved.title:
            continue
        is_before = _is_before(paper, saved)
        if not authors.isdisjoint(_authors(paper)):
            if not is_before:
                named.append(paper)
        elif is_before or (short_name(paper) or "").casefold() == name.casefold():
            return ()
        elif any(map(again.search, texts)):
            others += 1
        elif _are_near(subject, _subject(paper), is_common=is_common):
            named.append(paper)
        elif is_common:
            others += 1
    return tuple(named) if others <= _AMBIGUOUS * (others + len(named)) else ()


def _is_before(paper: Paper, other: Paper) -> bool:
    """True where the paper came first, by the months of their arXiv ids, else by the days on which digests named them."""
    month, other_month = (_ARXIV_MONTH.match(either.id) for either in (paper, other))
    if month and other_month and month[1] != other_month[1]:
        return month[1] < other_month[1]
    return paper.date is not None and other.date is not None and paper.date < other.date


def _authors(paper: Paper) -> frozenset[str]:
    return frozenset(author.casefold() for author in paper.authors)


def _are_near(one: frozenset[str], other: frozenset[str], *, is_common: bool) -> bool:
    """True where the cosine of two texts' words is high enough; of few words one in common is."""
    shared, fewest = len(one & other), min(len(one), len(other))
    if fewest < _FEW:
        return shared > 0 or not is_common
    return shared / math.sqrt(len(one) * len(other)) >= (_NEAR_FOR_COMMON if is_common else _NEAR)


def _subject(paper: Paper) -> frozenset[str]:
    """The words that may tell a paper's subject, in the singular, without its short name."""
    name = (short_name(paper) or "").casefold()
    words = (
        word.removesuffix("s") for text in _texts(paper) for word in _SUBJECT_WORD.findall(text.casefold())
    )
    return frozenset(word for word in words if word not in _EVERYWHERE and word not in name)


_SUBJECT_WORD = re.compile(r"[a-z]{4,}")
_COMMON_WORDS = """
accuracy achieve across address also analysi application approach approache available based benchmark
between both capabilitie challenge code compared complex computational critical current data dataset
demonstrate design different diverse domain dynamic effective efficient enable enhance evaluation
existing experiment experimental extensive feature field finding first framework from further generate
generation have high however http human improve including information interaction into introduce
language large learning level limitation material mechanism method model more multi multiple network
novel often only outperform over paper performance potential prediction present problem proces propose
proposed provide quality real recent remain representation research result scale several show
significant significantly simulation specific state structure study such system task technique text
than that their these they thi three through time training understanding used using variou well what
when where which while with within without work
"""
"""Words of every fifteenth paper or more, in the singular as `_subject` makes it."""
_EVERYWHERE = frozenset(_COMMON_WORDS.split())


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
