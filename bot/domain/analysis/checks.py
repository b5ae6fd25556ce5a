"""Findings: what an operator should know about sources over time, and about subscriptions and what they brought.

A *source* is the digests of one kind from one folder. What goes wrong on several days in a row is one
finding, with its first and last day.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby, pairwise, permutations
from statistics import quantiles

from bot.domain.incidents import Finding
from bot.domain.papers import PaperId
from bot.domain.query.syntax import contained
from bot.domain.subscriptions import Subscriber, Subscription

USUAL_DAY = 0.1
"""A weekday on which a source seldom has more than this share of its digests is none of its days."""
PATIENCE = 2
"""So many of its days beyond the longest usual gap a source may miss before it counts as silent."""
ENOUGH_DAYS = 5
"""With fewer days of digests nothing is said about how usual something is."""
MOSTLY = 0.5
"""A digest lacks what more than this share of it lacks; a source usually has what more than this share of it has."""
BRIDGED = 3
"""So many good digests in between make no new incident of the next bad one."""
RECURRING = 3
"""A source whose digests are empty so many times apart has empty days."""
STILL_NEWS = 14
"""Digests after which an incident that ended is no longer urgent."""
NOISY = 0.25
"""A subscription that brings a larger share of all papers is hardly a choice."""
ENOUGH = 40
"""With fewer papers stored nothing is said about shares, and nothing is called dead."""
OVERLAP = 0.6
"""From this Jaccard index on two subscriptions are nearly the same."""
FEW = 5
MOST_COMPARED = 60
"""Subscriptions of one subscriber that are compared with each other."""


PapersBySubscription = Mapping[tuple[str, str], frozenset[PaperId]]
"""(subscriber, subscription's name) to the papers that it matches; one that matches none may be missing."""


def subscription_findings(
    subscribers: Sequence[Subscriber],
    papers_of: PapersBySubscription,
    recent: frozenset[PaperId],
    papers: int,
    days: int,
) -> Iterator[Finding]:
    """Dead, noisy, contained and overlapping subscriptions; `recent` are the papers of the last `days`."""
    for subscriber in subscribers:
        for subscription in subscriber.subscriptions:
            hits = papers_of.get((subscriber.id, subscription.name), frozenset())
            yield from _alone(subscriber, subscription, hits, recent, papers, days)
        yield from _pairs(subscriber, papers_of)


def _alone(
    subscriber: Subscriber,
    subscription: Subscription,
    hits: frozenset[PaperId],
    recent: frozenset[PaperId],
    papers: int,
    days: int,
) -> Iterator[Finding]:
    if papers < ENOUGH:
        return
    subject = subject_of(subscriber, subscription)
    if not hits:
        yield _subscription_finding(
            "dead", subject, f"matches none of the {papers} stored papers", figures={"papers": papers}
        )
    elif not hits & recent and len(recent) >= ENOUGH:
        yield _subscription_finding(
            "dead",
            subject,
            f"matched none of the {len(recent)} papers of the last {days} days ({len(hits)} before)",
            figures={"papers": len(recent), "days": days, "before": len(hits)},
        )
    elif len(hits) > NOISY * papers:
        share = len(hits) / papers
        yield _subscription_finding(
            "noisy",
            subject,
            f"brings {share:.0%} of all papers ({len(hits)} of {papers}); narrow it with AND, NOT or title:",
            figures={"share": round(share, 3), "matches": len(hits), "papers": papers},
        )


def _pairs(subscriber: Subscriber, papers_of: PapersBySubscription) -> Iterator[Finding]:
    compared = subscriber.subscriptions[:MOST_COMPARED]
    inside: set[frozenset[str]] = set()
    for first, second in permutations(compared, 2):
        pair = frozenset({first.name, second.name})
        if first.query is None or second.query is None:
            continue
        if pair not in inside and first.only == second.only and contained(first.query, second.query):
            inside.add(pair)
            yield _subscription_finding(
                "contained",
                subject_of(subscriber, first),
                f"all that it can bring {second.name!r} brings too; one of the two may go",
                urgent=False,
                figures={"in": second.name},
            )
    for first, second in combinations(compared, 2):
        if frozenset({first.name, second.name}) in inside:
            continue
        first_hits = papers_of.get((subscriber.id, first.name), frozenset())
        second_hits = papers_of.get((subscriber.id, second.name), frozenset())
        both = len(first_hits & second_hits)
        jaccard = both / (len(first_hits | second_hits) or 1)
        if both >= FEW and jaccard >= OVERLAP:
            sizes = f"{len(first_hits)} and {len(second_hits)} in all"
            yield _subscription_finding(
                "overlapping",
                subject_of(subscriber, first),
                f"brings nearly the same as {second.name!r}: {both} papers of both, {sizes}",
                urgent=False,
                figures={"with": second.name, "jaccard": round(jaccard, 3), "both": both},
            )


def subject_of(subscriber: Subscriber, subscription: Subscription) -> str:
    """The subscription as findings name it."""
    return f"{subscriber.id}: {subscription.name}"


def _subscription_finding(
    kind: str, subject: str, what: str, *, urgent: bool = True, figures: Mapping[str, float | int | str]
) -> Finding:
    return Finding(
        area="subscriptions", kind=kind, subject=subject, what=what, urgent=urgent, figures=figures
    )


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
    """Findings about one source: silent, empty, without authors or keys, changed in form; `days` in any order."""
    ordered = sorted(days, key=lambda digest: (digest.day, digest.name))
    if not ordered:
        return
    yield from _silent(source, [digest.day for digest in ordered], today)
    yield from _empty(source, ordered)
    filled = [digest for digest in ordered if digest.entries]
    if _usually(
        filled, lambda digest: digest.entries - digest.without_authors, lambda digest: digest.entries
    ):
        yield from _incidents(source, filled, "no authors", _lacks_authors, _NO_AUTHORS)
    asking = [digest for digest in filled if digest.questions]
    if _usually(asking, lambda digest: digest.questions - digest.unkeyed, lambda digest: digest.questions):
        yield from _incidents(source, asking, "no keys", lambda digest: digest.unkeyed > 0, _NO_KEYS)
    yield from _incidents(
        source, filled, "changed form", lambda digest: digest.problems > MOSTLY * digest.entries, _CHANGED
    )


def unfruitful_findings(source: str, looks: Sequence[tuple[dt.date, int]]) -> Iterator[Finding]:
    """A finding for a source that changes but brings nothing new for more days in a row than it usually does.

    `looks` has, for each reading of one of its files, the day and the number of papers new to the source.
    """
    by_day: Counter[dt.date] = Counter()
    for day, new in looks:
        by_day[day] += new
    days = sorted(by_day)
    bare = [not by_day[day] for day in days]
    *usual, last = [len(list(run)) for is_bare, run in groupby([False, *bare, True]) if is_bare] or [1]
    missed = last - 1
    if len(days) >= ENOUGH_DAYS and missed > max(usual, default=0) + PATIENCE:
        since = days[-missed - 1] if missed < len(days) else days[0]
        yield _source_finding(
            source,
            "nothing new",
            f"changed on {missed} days since {since} and brought no paper that it had not named before",
            figures={"since": since.isoformat(), "days": missed},
        )


def _empty(source: str, days: Sequence[SourceDay]) -> Iterator[Finding]:
    """Runs of empty digests; where a source has several, as on weekends, only one that is longer than usual."""
    findings = list(_incidents(source, days, "empty", lambda digest: not digest.entries, _EMPTY))
    lengths = sorted(int(finding.figures["digests"]) for finding in findings)
    usual = lengths[-2] if len(lengths) >= RECURRING else 0
    yield from (
        finding for finding in findings if not usual or int(finding.figures["digests"]) > usual + PATIENCE
    )


def _lacks_authors(digest: SourceDay) -> bool:
    return digest.without_authors > MOSTLY * digest.entries


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
    if len(different) < ENOUGH_DAYS or different[-1] >= today:
        return
    counts = Counter(day.weekday() for day in different)
    its_days = {day for day, count in counts.items() if count > USUAL_DAY * len(different)}
    gaps = [_missed(first, second, its_days) for first, second in pairwise(different)]
    usual = round(quantiles(gaps, n=20)[-1]) if len(gaps) > 1 else gaps[0]
    missed = _missed(different[-1], today, its_days)
    if missed > usual + PATIENCE:
        yield _source_finding(
            source,
            "silent",
            f"nothing since {different[-1]}: {missed} digests have not come",
            figures={"since": different[-1].isoformat(), "missed": missed},
        )


def _missed(first: dt.date, second: dt.date, weekdays: Iterable[int]) -> int:
    """Number of these weekdays between the two days."""
    weeks, rest = divmod((second - first).days - 1, 7)
    beyond_weeks = {(first.weekday() + 1 + number) % 7 for number in range(rest)}
    return weeks * len(set(weekdays)) + len(beyond_weeks & set(weekdays))


def _incidents(
    source: str, days: Sequence[SourceDay], kind: str, wrong: Callable[[SourceDay], bool], text: str
) -> Iterator[Finding]:
    """A finding for each run of digests that are wrong in this way; one long past is not urgent."""
    for first, last in _runs(list(map(wrong, days))):
        digests = [digest for digest in days[first : last + 1] if wrong(digest)]
        figures = {
            "digests": len(digests),
            "entries": sum(digest.entries for digest in digests),
            "problems": sum(digest.problems for digest in digests),
            "without_authors": sum(digest.without_authors for digest in digests),
            "questions": sum(digest.questions for digest in digests),
            "unkeyed": sum(digest.unkeyed for digest in digests),
        }
        words = text.format_map({**figures, "digests": _count(len(digests), "digest")})
        yield _source_finding(
            source,
            kind,
            f"{_span(digests[0].day, digests[-1].day)}: {words}",
            urgent=len(days) - last <= STILL_NEWS,
            figures={"from": digests[0].day.isoformat(), "to": digests[-1].day.isoformat(), **figures},
        )


def _runs(wrong: Sequence[bool]) -> list[tuple[int, int]]:
    """First and last index of each run, where a few that are right between two that are wrong end none."""
    runs: list[tuple[int, int]] = []
    for index in (index for index, is_wrong in enumerate(wrong) if is_wrong):
        if runs and index - runs[-1][1] <= BRIDGED + 1:
            runs[-1] = (runs[-1][0], index)
        else:
            runs.append((index, index))
    return runs


def _span(first: dt.date, last: dt.date) -> str:
    return str(first) if first == last else f"{first} to {last}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _source_finding(
    source: str, kind: str, what: str, *, urgent: bool = True, figures: dict[str, float | int | str]
) -> Finding:
    return Finding(area="sources", kind=kind, subject=source, what=what, urgent=urgent, figures=figures)
