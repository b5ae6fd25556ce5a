"""Sources looked at over time: which fell silent, came empty, changed their form, or lost authors or keys.

A *source* is the digests of one kind from one folder. What goes wrong on several days in a row is one
incident, with its first and last day.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import quantiles

from bot.domain.incidents import Finding

USUAL_DAY = 0.1
"""A weekday on which a source seldom has more than this share of its digests is none of its days."""
PATIENCE = 2
"""So many of its days beyond the longest usual gap a source may miss before it counts as silent."""
ENOUGH = 5
MOSTLY = 0.5
"""From this share on a digest lacks something, and up to it a source usually has it."""
BRIDGED = 3
"""So many good digests in between make no new incident of the next bad one."""
STILL_NEWS = 14
"""Digests after which an incident that ended is no longer urgent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceDay:
    """One digest of a source, counted; `unkeyed` are questions that name no answer."""

    day: dt.date
    name: str
    entries: int
    problems: int = 0
    without_authors: int = 0
    questions: int = 0
    unkeyed: int = 0


def source_findings(source: str, days: Sequence[SourceDay], today: dt.date) -> Iterator[Finding]:
    """What there is to say of one source; `days` in any order."""
    ordered = sorted(days, key=lambda one: (one.day, one.name))
    if not ordered:
        return
    yield from _silent(source, [one.day for one in ordered], today)
    yield from _incidents(source, ordered, "empty", lambda one: not one.entries, _EMPTY)
    filled = [one for one in ordered if one.entries]
    if _usually(filled, lambda one: one.entries - one.without_authors, lambda one: one.entries):
        yield from _incidents(source, filled, "no authors", _lacks_authors, _NO_AUTHORS)
    asking = [one for one in filled if one.questions]
    if _usually(asking, lambda one: one.questions - one.unkeyed, lambda one: one.questions):
        yield from _incidents(source, asking, "no keys", lambda one: one.unkeyed > 0, _NO_KEYS)
    yield from _incidents(
        source, filled, "changed form", lambda one: one.problems > MOSTLY * one.entries, _CHANGED
    )


def _lacks_authors(one: SourceDay) -> bool:
    return one.without_authors > MOSTLY * one.entries


_EMPTY = "{digests} without a single paper"
_NO_AUTHORS = "{without_authors} of {entries} papers without authors, in {digests}"
_NO_KEYS = "{unkeyed} of {questions} questions name no answer, in {digests}"
_CHANGED = "{problems} odd rows among {entries} papers, in {digests}: has its form changed?"


def _usually(
    days: Sequence[SourceDay], has: Callable[[SourceDay], int], of: Callable[[SourceDay], int]
) -> bool:
    """True for a source that has it as a rule: a kind that never has it lacks nothing."""
    total = sum(map(of, days))
    return total > 0 and sum(map(has, days)) > MOSTLY * total


def _silent(source: str, days: Sequence[dt.date], today: dt.date) -> Iterator[Finding]:
    different = sorted(set(days))
    if len(different) < ENOUGH or different[-1] >= today:
        return
    counts = Counter(day.weekday() for day in different)
    its_days = {day for day, count in counts.items() if count > USUAL_DAY * len(different)}
    gaps = [_missed(first, second, its_days) for first, second in pairwise(different)]
    usual = round(quantiles(gaps, n=20)[-1]) if len(gaps) > 1 else gaps[0]
    missed = _missed(different[-1], today, its_days)
    if missed > usual + PATIENCE:
        yield _finding(
            source,
            "silent",
            f"nothing since {different[-1]}: {missed} digests have not come",
            figures={"since": different[-1].isoformat(), "missed": missed},
        )


def _missed(first: dt.date, second: dt.date, weekdays: Iterable[int]) -> int:
    """How many of these weekdays lie between the two days."""
    weeks, rest = divmod((second - first).days - 1, 7)
    some = {(first.weekday() + 1 + number) % 7 for number in range(rest)}
    return weeks * len(set(weekdays)) + len(some & set(weekdays))


def _incidents(
    source: str, days: Sequence[SourceDay], kind: str, wrong: Callable[[SourceDay], bool], said: str
) -> Iterator[Finding]:
    """A finding for each run of digests that are wrong in this way; one long past is not urgent."""
    for first, last in _runs(list(map(wrong, days))):
        some = [one for one in days[first : last + 1] if wrong(one)]
        figures = {
            "digests": len(some),
            "entries": sum(one.entries for one in some),
            "problems": sum(one.problems for one in some),
            "without_authors": sum(one.without_authors for one in some),
            "questions": sum(one.questions for one in some),
            "unkeyed": sum(one.unkeyed for one in some),
        }
        words = said.format_map({**figures, "digests": _count(len(some), "digest")})
        yield _finding(
            source,
            kind,
            f"{_span(some[0].day, some[-1].day)}: {words}",
            urgent=len(days) - last <= STILL_NEWS,
            figures={"from": some[0].day.isoformat(), "to": some[-1].day.isoformat(), **figures},
        )


def _runs(wrong: Sequence[bool]) -> list[tuple[int, int]]:
    """First and last place of each run, where a few that are right between two that are wrong end none."""
    runs: list[tuple[int, int]] = []
    for place in (place for place, is_wrong in enumerate(wrong) if is_wrong):
        if runs and place - runs[-1][1] <= BRIDGED + 1:
            runs[-1] = (runs[-1][0], place)
        else:
            runs.append((place, place))
    return runs


def _span(first: dt.date, last: dt.date) -> str:
    return str(first) if first == last else f"{first} to {last}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _finding(
    source: str, kind: str, what: str, *, urgent: bool = True, figures: dict[str, float | int | str]
) -> Finding:
    return Finding(area="sources", kind=kind, subject=source, what=what, urgent=urgent, figures=figures)
