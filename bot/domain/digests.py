"""Digests: what a reader found in one file, and what it changes in the papers that are known."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bot.domain.papers import Edition, Entry, Paper, PaperId, merge

DigestKind = Literal["table", "quiz_text", "quiz_page"]
Gain = Literal["title", "authors", "summary", "points", "flowchart", "quiz", "links"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Something in a digest that could not be used or had to be guessed; `line` counts from 1."""

    line: int
    what: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Digest:
    """One file of papers. Entries stand in the file's order, one per paper."""

    kind: DigestKind
    date: dt.date | None
    entries: tuple[Entry, ...]
    tips: Mapping[str, str] = field(default_factory=dict)
    """Reading tips by language."""
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A paper new to us (`gains` is empty), or one we know and what it gained; as it is from now on."""

    paper: Paper
    gains: frozenset[Gain] = frozenset()

    @property
    def is_new(self) -> bool:
        return not self.gains


@dataclass(frozen=True, kw_only=True, slots=True)
class Diff:
    """What a digest changes; every entry ends in exactly one of the two, in the digest's order.

    `resighted` are known papers about which nothing worth telling is new; they are stored again because
    the digest is one more source of them.
    """

    changes: tuple[Change, ...]
    resighted: tuple[Paper, ...]


def diff(digest: Digest, known: Mapping[PaperId, Paper], *, source: str) -> Diff:
    """What the digest, named `source`, changes in the known papers. Taking it in twice changes nothing."""
    changes: list[Change] = []
    resighted: list[Paper] = []
    for entry in digest.entries:
        before = known.get(entry.id)
        after = merge(before, entry, source=source, day=entry.date or digest.date)
        if before is None:
            changes.append(Change(paper=after))
        elif gains := gained(before, after):
            changes.append(Change(paper=after, gains=gains))
        elif after != before:
            resighted.append(after)
    return Diff(changes=tuple(changes), resighted=tuple(resighted))


def gained(before: Paper, after: Paper) -> frozenset[Gain]:
    """What of a paper is worth telling its readers: a new source or date alone is not."""
    languages = {edition.language for edition in (*before.editions, *after.editions)}
    found: set[Gain] = {
        gain for language in languages for gain in _edition_gains(_of(before, language), _of(after, language))
    }
    if after.title != before.title:
        found.add("title")
    if after.authors != before.authors:
        found.add("authors")
    if {summary.text for summary in after.summaries} - {summary.text for summary in before.summaries}:
        found.add("summary")
    if after.links != before.links:
        found.add("links")
    return frozenset(found)


def _of(paper: Paper, language: str) -> Edition:
    return next(
        (edition for edition in paper.editions if edition.language == language), Edition(language=language)
    )


def _edition_gains(before: Edition, after: Edition) -> frozenset[Gain]:
    found: set[Gain] = set()
    if after.points != before.points:
        found.add("points")
    if (after.flowchart, after.drawing) != (before.flowchart, before.drawing):
        found.add("flowchart")
    if after.quiz != before.quiz:
        found.add("quiz")
    return frozenset(found)
