"""Findings about sources over time, and about subscriptions and the papers that they brought.

Here a *source* is the digests of one kind from one folder. Trouble on several days in a row is one finding, with its
first and last day.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby, pairwise, permutations
from typing import Literal

from bot.domain.papers import PaperId
from bot.domain.query.syntax import contained
from bot.domain.subscriptions import Subscriber, Subscription
from bot.domain.text import counted

USUAL_DAY = 0.1
"""A weekday on which a source has at most this share of its digests is not one of its days."""
PATIENCE = 2
"""A source is silent when it missed more than this many of its days beyond the usual gap."""
ENOUGH_DAYS = 5
"""Number of days of digests from which it is known what is usual for a source."""
MOSTLY = 0.5
"""Share of a digest's papers, or of a source's, above which something is usual there."""
BRIDGED = 3
"""Bad digests with at most this many good ones in between are one run."""
RECURRING = 3
"""A source with this many runs of empty digests has them regularly."""
STILL_NEWS = 14
"""Number of later digests after which a run is no longer urgent."""
NOISY = 0.25
"""A subscription that brings a larger share of all papers hardly selects any."""
ENOUGH = 40
"""Number of stored papers from which a subscription is called noisy or dead."""
OVERLAP = 0.6
"""Jaccard index from which on two subscriptions are nearly the same."""
FEW = 5
"""Fewest papers that overlapping subscriptions share."""
MOST_COMPARED = 60
"""Number of a subscriber's subscriptions, the first ones, that are compared with each other."""


FindingArea = Literal["sources", "subscriptions", "channels"]
"""What a finding is about."""

PapersBySubscription = Mapping[tuple[str, str], frozenset[PaperId]]
"""Papers that each subscription matches, by (subscriber, name of the subscription); one without any may be missing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Something that the operator should look at, or (`urgent` false) may like to know."""

    area: FindingArea
    kind: str
    """One word for machines: `dead`, `noisy`, `silent` …"""
    subject: str
    what: str
    urgent: bool = True
    figures: Mapping[str, float | int | str]


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
    """Counts of one digest; `unkeyed` are questions without a key."""

    day: dt.date
    name: str
    entries: int
    problems: int = 0
    without_authors: int = 0
    questions: int = 0
    unkeyed: int = 0


def source_findings(source: str, days: Sequence[SourceDay], today: dt.date) -> Iterator[Finding]:
    """Findings about one source: silent, empty, without authors or keys, changed form; `days` come in any order."""
    ordered = sorted(days, key=lambda digest: (digest.day, digest.name))
    if not ordered:
        return
    yield from _silent(source, [digest.day for digest in ordered], today)
    yield from _empty(source, ordered)
    filled = [digest for digest in ordered if digest.entries]
    if _usually(
        filled, lambda digest: digest.entries - digest.without_authors, lambda digest: digest.entries
    ):
        yield from _run_findings(source, filled, "no authors", _lacks_authors, _NO_AUTHORS)
    asking = [digest for digest in filled if digest.questions]
    if _usually(asking, lambda digest: digest.questions - digest.unkeyed, lambda digest: digest.questions):
        yield from _run_findings(source, asking, "no keys", lambda digest: digest.unkeyed > 0, _NO_KEYS)
    yield from _run_findings(
        source, filled, "changed form", lambda digest: digest.problems > MOSTLY * digest.entries, _CHANGED
    )


def unfruitful_findings(source: str, looks: Sequence[tuple[dt.date, int]]) -> Iterator[Finding]:
    """A finding where a source changed on more days in a row than usual without bringing anything new.

    `looks` has, for each time that one of its files was read, the day and the number of papers new to the source.
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
    """Runs of empty digests; where they recur, as on weekends, only those that are longer than usual."""
    findings = list(_run_findings(source, days, "empty", lambda digest: not digest.entries, _EMPTY))
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
    """True where more than MOSTLY of what `of` counts has it: a source that never names authors lacks none."""
    total = sum(map(of, days))
    return total > 0 and sum(map(has, days)) > MOSTLY * total


def _silent(source: str, days: Sequence[dt.date], today: dt.date) -> Iterator[Finding]:
    from statistics import quantiles  # late: everything that knows sources imports this module

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
    """Number of days between the two that fall on these weekdays."""
    weeks, rest = divmod((second - first).days - 1, 7)
    beyond_weeks = {(first.weekday() + 1 + number) % 7 for number in range(rest)}
    return weeks * len(set(weekdays)) + len(beyond_weeks & set(weekdays))


def _run_findings(
    source: str, days: Sequence[SourceDay], kind: str, wrong: Callable[[SourceDay], bool], text: str
) -> Iterator[Finding]:
    """A finding for each run of digests that are `wrong`; one that ended long ago is not urgent."""
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
        words = text.format_map({**figures, "digests": counted(len(digests), "digest")})
        yield _source_finding(
            source,
            kind,
            f"{_span(digests[0].day, digests[-1].day)}: {words}",
            urgent=len(days) - last <= STILL_NEWS,
            figures={"from": digests[0].day.isoformat(), "to": digests[-1].day.isoformat(), **figures},
        )


def _runs(wrong: Sequence[bool]) -> list[tuple[int, int]]:
    """First and last index of each run; BRIDGED right ones in between do not end a run."""
    runs: list[tuple[int, int]] = []
    for index in (index for index, is_wrong in enumerate(wrong) if is_wrong):
        if runs and index - runs[-1][1] <= BRIDGED + 1:
            runs[-1] = (runs[-1][0], index)
        else:
            runs.append((index, index))
    return runs


def _span(first: dt.date, last: dt.date) -> str:
    return str(first) if first == last else f"{first} to {last}"


def _source_finding(
    source: str, kind: str, what: str, *, urgent: bool = True, figures: dict[str, float | int | str]
) -> Finding:
    return Finding(area="sources", kind=kind, subject=source, what=what, urgent=urgent, figures=figures)
