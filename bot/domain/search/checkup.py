"""Subscriptions looked at together with the papers that they brought: dead, noisy, superfluous ones."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, permutations

from bot.domain.incidents import Finding
from bot.domain.papers import PaperId
from bot.domain.search.containment import contained
from bot.domain.subscriptions import Subscriber, Subscription

NOISY = 0.25
"""A subscription that brings a larger share of all papers is hardly a choice."""
ENOUGH = 40
"""With fewer papers stored nothing is said about shares, and nothing is called dead."""
OVERLAP = 0.6
"""From this Jaccard index on two subscriptions are nearly the same."""
FEW = 5
MOST_COMPARED = 60
"""Subscriptions of one subscriber that are compared with each other."""


Found = Mapping[tuple[str, str], frozenset[PaperId]]
"""(subscriber, subscription's name) to the papers that it matches; one that matches none may be missing."""


def subscription_findings(
    subscribers: Sequence[Subscriber], found: Found, recent: frozenset[PaperId], papers: int, days: int
) -> Iterator[Finding]:
    """Dead, noisy, contained and overlapping subscriptions; `recent` are the papers of the last `days`."""
    for subscriber in subscribers:
        for subscription in subscriber.subscriptions:
            hits = found.get((subscriber.id, subscription.name), frozenset())
            yield from _alone(subscriber, subscription, hits, recent, papers, days)
        yield from _pairs(subscriber, found)


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
        yield _finding(
            "dead", subject, f"matches none of the {papers} stored papers", figures={"papers": papers}
        )
    elif not hits & recent and len(recent) >= ENOUGH:
        yield _finding(
            "dead",
            subject,
            f"matched none of the {len(recent)} papers of the last {days} days ({len(hits)} before)",
            figures={"papers": len(recent), "days": days, "before": len(hits)},
        )
    elif len(hits) > NOISY * papers:
        share = len(hits) / papers
        yield _finding(
            "noisy",
            subject,
            f"brings {share:.0%} of all papers ({len(hits)} of {papers}); narrow it with AND, NOT or title:",
            figures={"share": round(share, 3), "matches": len(hits), "papers": papers},
        )


def _pairs(subscriber: Subscriber, found: Found) -> Iterator[Finding]:
    some = subscriber.subscriptions[:MOST_COMPARED]
    inside: set[frozenset[str]] = set()
    for one, other in permutations(some, 2):
        pair = frozenset({one.name, other.name})
        if one.query is None or other.query is None:
            continue
        if pair not in inside and one.only == other.only and contained(one.query, other.query):
            inside.add(pair)
            yield _finding(
                "contained",
                subject_of(subscriber, one),
                f"all that it can bring {other.name!r} brings too; one of the two may go",
                urgent=False,
                figures={"in": other.name},
            )
    for one, other in combinations(some, 2):
        if frozenset({one.name, other.name}) in inside:
            continue
        mine, theirs = (found.get((subscriber.id, each.name), frozenset()) for each in (one, other))
        both = len(mine & theirs)
        jaccard = both / (len(mine | theirs) or 1)
        if both >= FEW and jaccard >= OVERLAP:
            yield _finding(
                "overlapping",
                subject_of(subscriber, one),
                f"brings nearly the same as {other.name!r}: {both} papers of both, {len(mine)} and {len(theirs)} in all",
                urgent=False,
                figures={"with": other.name, "jaccard": round(jaccard, 3), "both": both},
            )


def subject_of(subscriber: Subscriber, subscription: Subscription) -> str:
    """The subscription as findings name it."""
    return f"{subscriber.id}: {subscription.name}"


def _finding(
    kind: str, subject: str, what: str, *, urgent: bool = True, figures: Mapping[str, float | int | str]
) -> Finding:
    return Finding(
        area="subscriptions", kind=kind, subject=subject, what=what, urgent=urgent, figures=figures
    )
