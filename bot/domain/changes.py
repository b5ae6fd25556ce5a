"""The differ: what a digest says, held against what is known, gives what changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bot.domain.digests import Digest
from bot.domain.papers import Edition, Paper, PaperId, merge

Gain = Literal["title", "authors", "summary", "points", "flowchart", "quiz", "links"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A paper new to us (`gains` is empty), or one we know and what it gained.

    `paper` is the paper as it is from now on; `before` is what was known, None for a new one.
    """

    paper: Paper
    before: Paper | None = None
    gains: frozenset[Gain] = frozenset()

    @property
    def is_new(self) -> bool:
        return self.before is None


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
        after = merge(before, entry, source=source, day=digest.date)
        if before is None:
            changes.append(Change(paper=after))
        elif gains := gained(before, after):
            changes.append(Change(paper=after, before=before, gains=gains))
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
