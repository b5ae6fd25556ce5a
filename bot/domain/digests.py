"""Digests: the entries of one file, and the changes that they make to the known papers."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from bot.domain.flowchart import merged
from bot.domain.papers import Edition, Entry, Links, Paper, PaperId, Question, Summary

DigestKind = str
"""The name of a digest format, such as `table`: the kind of its reader in `adapters/readers`."""
ReadNeighbour = Callable[[str], bytes | None]
"""A function from the name of a file in the same folder to its first bytes; None where there is no such file."""
Gain = Literal["title", "authors", "summary", "points", "flowchart", "quiz", "links", "answers"]
"""What a paper gained; `answers`: a question that was keyed has another right answer now."""


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
    lines: tuple[int, ...] = field(default=(), compare=False)
    """Line of each entry in the file, from 1."""
    passed_over: tuple[Problem, ...] = field(default=(), compare=False)
    """Places that name a paper and are none of the entries, with why."""


FARTHEST_AHEAD = dt.timedelta(days=7)
"""A day that lies farther ahead is a mistake: digests speak of days that were, in whatever time zone."""


def plausible_day(day: dt.date | None, today: dt.date) -> dt.date | None:
    """The day, or today, on which it arrived, where it lies well ahead."""
    return today if day is not None and day > today + FARTHEST_AHEAD else day


def with_plausible_days(digest: Digest, today: dt.date) -> Digest:
    """The digest with plausible days, and a problem for each day that lies well ahead."""
    problems: list[Problem] = []
    if plausible_day(digest.date, today) != digest.date:
        problems.append(_ahead(1, digest.date))
    entries = list(digest.entries)
    for number, entry in enumerate(digest.entries):
        if plausible_day(entry.date, today) != entry.date:
            if entry.date != digest.date:
                line = digest.lines[number] if digest.lines else 1
                problems.append(_ahead(line, entry.date))
            entries[number] = replace(entry, date=plausible_day(entry.date, today))
    if not problems:
        return digest
    return replace(
        digest,
        date=plausible_day(digest.date, today),
        entries=tuple(entries),
        problems=(*digest.problems, *problems),
    )


def _ahead(line: int, day: dt.date | None) -> Problem:
    return Problem(
        line=line, what=f"the day {day} lies ahead: the day of arrival counts until it is corrected"
    )


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
    """Changes of a digest, in its order; an entry that brings nothing at all is in neither list.

    `resighted` are known papers that only gained a digest or a date: stored again, but no change.
    """

    changes: tuple[Change, ...]
    resighted: tuple[Paper, ...]


def diff(digest: Digest, known: Mapping[PaperId, Paper], *, name: str) -> Diff:
    """Compare the digest of that name with the known papers. Taking a digest in twice changes nothing."""
    changes: list[Change] = []
    resighted: list[Paper] = []
    for entry in digest.entries:
        before = known.get(entry.id)
        after = merge(before, entry, digest=name, day=entry.date or digest.date)
        if before is None:
            changes.append(Change(paper=after))
        elif gains := gained(before, after):
            changes.append(Change(paper=after, gains=gains))
        elif after != before:
            resighted.append(after)
    return Diff(changes=tuple(changes), resighted=tuple(resighted))


def merge(known: Paper | None, entry: Entry, *, digest: str, day: dt.date | None) -> Paper:
    """The paper with the entry of the digest of that name, of `day`, merged in.

    A newer (or equally new) digest wins where both have a value; no known value is lost. A digest replaces
    its own earlier summary. Merging the same entry twice changes nothing.
    """
    if known is None:
        return Paper(
            id=entry.id,
            title=entry.title,
            authors=entry.authors,
            summaries=_summaries((), entry.summary, digest, newest_first=True),
            published=entry.published,
            date=day,
            latest=day,
            categories=entry.categories,
            comment=entry.comment,
            score=entry.score,
            links=entry.links.filled_from(Links()) if entry.links.other else entry.links,
            flowchart=entry.flowchart,
            editions=entry.editions,
            digests=(digest,),
        )
    newer = known.latest is None or (day is not None and day >= known.latest)
    first, second = (entry, known) if newer else (known, entry)
    return Paper(
        id=known.id,
        title=first.title or second.title,
        authors=first.authors or second.authors,
        summaries=_summaries(known.summaries, entry.summary, digest, newest_first=newer),
        published=first.published or second.published,
        date=min(filter(None, (known.date, day)), default=None),
        latest=max(filter(None, (known.latest, day)), default=None),
        categories=first.categories or second.categories,
        comment=first.comment or second.comment,
        score=first.score or second.score,
        links=first.links.filled_from(second.links),
        flowchart=merged(first.flowchart, second.flowchart),
        editions=_editions(first.editions, second.editions),
        digests=known.digests if digest in known.digests else (*known.digests, digest),
    )


def _summaries(
    known: tuple[Summary, ...], text: str | None, digest: str, *, newest_first: bool
) -> tuple[Summary, ...]:
    if not text:
        return known
    if any(summary.text == text for summary in known):
        return known
    own_summary = Summary(text=text, digest=digest)
    if any(summary.digest == digest for summary in known):
        return tuple(own_summary if summary.digest == digest else summary for summary in known)
    return (own_summary, *known) if newest_first else (*known, own_summary)


def _editions(first: tuple[Edition, ...], second: tuple[Edition, ...]) -> tuple[Edition, ...]:
    others = {edition.language: edition for edition in second}
    filled = tuple(
        edition.filled_from(others.pop(edition.language)) if edition.language in others else edition
        for edition in first
    )
    return (*filled, *others.values())


def gained(before: Paper, after: Paper) -> frozenset[Gain]:
    """The parts of a paper that a reader should hear of; a new digest or date alone is none."""
    languages = {edition.language for edition in (*before.editions, *after.editions)}
    gains: set[Gain] = {
        gain for language in languages for gain in _edition_gains(_of(before, language), _of(after, language))
    }
    if after.title != before.title:
        gains.add("title")
    if after.authors != before.authors:
        gains.add("authors")
    if {summary.text for summary in after.summaries} - {summary.text for summary in before.summaries}:
        gains.add("summary")
    if after.links != before.links:
        gains.add("links")
    if after.flowchart != before.flowchart:
        gains.add("flowchart")
    return frozenset(gains)


def _of(paper: Paper, language: str) -> Edition:
    return next(
        (edition for edition in paper.editions if edition.language == language), Edition(language=language)
    )


def _edition_gains(before: Edition, after: Edition) -> frozenset[Gain]:
    gains: set[Gain] = set()
    if after.points != before.points:
        gains.add("points")
    if after.quiz != before.quiz:
        gains.add("quiz")
    if _has_other_answers(before.quiz, after.quiz):
        gains.add("answers")
    return frozenset(gains)


def _has_other_answers(before: Sequence[Question], after: Sequence[Question]) -> bool:
    """True where a digest now names another right answer to a question than one did before."""
    known = {question.part: _key(question) for question in before if question.keyed}
    return any(
        question.keyed and known.get(question.part, _key(question)) != _key(question) for question in after
    )


def _key(question: Question) -> str:
    return question.options[question.answer or 0]
