"""Short names: the name under which other papers cite a paper, and the papers that do."""

import math
import re
from collections.abc import Iterable

from bot.domain.papers import Paper

_NAME = re.compile(r"[A-Za-z][\w.+-]{2,30}")
_TELLING = re.compile(r"[A-Z].*[A-Z]|[a-z].*[A-Z]|[A-Za-z].*\d")

_KIND_OF_WORK = re.compile(
    r"(?i)\s*an? (?:[\w-]+ ){0,3}(?:analysis|study|survey|review|overview|investigation)\b"
)
"""Subtitle of a paper about something that others made, as in `GPT-OSS-20B: A Deployment-Centric Analysis`."""


def short_name(paper: Paper) -> str | None:
    """The name before the title's colon, where its capitals or digits show that it is one: `HALA`, `SmolVLM2`; else None."""
    name, colon, subtitle = paper.title.partition(":")
    name = name.strip()
    is_name = colon and _NAME.fullmatch(name) and _TELLING.search(name) and not _KIND_OF_WORK.match(subtitle)
    return name if is_name else None


_OWN_NAME = r"(?i:introduc|present|propos|develop|releas|curat|construct)\w*,? (?:an? |the |our )?(?:[\w-]+ ){{0,3}}?[\"“(]?{name}(?![\w-])|\({name}\)|(?i:\b(?:new|novel) [\w-]+,?|\b(?:dubbed|termed|called|named|we (?:build|create|design))) [\"“(]?{name}(?![\w-])"
"""A text that gives the name to something of its own: "we introduce NAME", "(NAME)", "a novel NAME"."""
_AMBIGUOUS = 0.3
"""Share of papers that use a name for something else above which it is ambiguous."""
_COMMON_NAME = re.compile(r".{2,4}|[A-Z0-9]{5,6}|(?:[A-Z]?[a-z]+-)+[A-Z]?[a-z]+")
"""Names that others may coin as well: initials (LISA is a detector, an editor and an optimizer) or words (`Net-Zero`)."""
_NEAR, _NEAR_FOR_COMMON = 0.05, 0.12
"""Cosine of two papers' words from which on both mean the same by a name; measured by benchmarks.naming."""
_FEW_WORDS = 15
"""A text with fewer words is hardly more than a title."""
_ARXIV_MONTH = re.compile(r"arxiv:(\d{2}(?:0[1-9]|1[0-2]))\.\d")


def papers_naming(saved: Paper, papers: Iterable[Paper]) -> tuple[Paper, ...]:
    """The papers that name the saved one by its short name, in their order.

    Papers by other authors are left out where they give the name to something of their own, or are about another subject.
    Empty where the saved paper has no short name, where an earlier paper or another title uses it already, or where many
    papers mean something else by it.
    """
    name = short_name(saved)
    if name is None:
        return ()
    pattern = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-]|\.\w)")
    own_name = re.compile(_OWN_NAME.format(name=re.escape(name)))
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
        elif any(map(own_name.search, texts)):
            others += 1
        elif _are_near(subject, _subject(paper), is_common=is_common):
            named.append(paper)
        elif is_common:
            others += 1
    return tuple(named) if others <= _AMBIGUOUS * (others + len(named)) else ()


def _is_before(paper: Paper, other: Paper) -> bool:
    """True where the paper is older than the other, by the months of their arXiv ids, else by their days."""
    month, other_month = _ARXIV_MONTH.match(paper.id), _ARXIV_MONTH.match(other.id)
    if month and other_month and month[1] != other_month[1]:
        return month[1] < other_month[1]
    return paper.date is not None and other.date is not None and paper.date < other.date


def _authors(paper: Paper) -> frozenset[str]:
    return frozenset(author.casefold() for author in paper.authors)


def _are_near(words: frozenset[str], others: frozenset[str], *, is_common: bool) -> bool:
    """True where the cosine of two papers' words is high enough; with few words, where they share one."""
    shared, fewest = len(words & others), min(len(words), len(others))
    if fewest < _FEW_WORDS:
        return shared > 0 or not is_common
    return shared / math.sqrt(len(words) * len(others)) >= (_NEAR_FOR_COMMON if is_common else _NEAR)


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
