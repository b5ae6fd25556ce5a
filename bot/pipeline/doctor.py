"""Doctor: finds what an operator should know about sources and subscriptions, from everything that is stored."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from bot.domain.analysis.findings import (
    ENOUGH,
    Finding,
    PapersBySubscription,
    SourceDay,
    source_findings,
    subject_of,
    subscription_findings,
    unfruitful_findings,
)
from bot.domain.analysis.spelling import Noise, Speller, Spelling
from bot.domain.matcher import SubscriptionMatcher
from bot.domain.papers import Paper, PaperId
from bot.domain.query import Query, document_of
from bot.pipeline.ports.papers import DigestRecord, DigestStore, PaperStore

RECENT = 90
"""Days."""
GAIN = 0.2
"""Share of missed papers, or of noise, from which on a finding is made."""
LARGE = 0.5
"""Share of missed papers, or of noise, from which on the finding is urgent."""
_STEPS = (0.1, 0.15, 0.2, 0.25, 0.3)
"""Thresholds of `like:` subscriptions that are compared."""
MOST_SPELLED = 300
"""Most queries whose spelling is tried; trying one costs as much as matching twenty."""


class Doctor:
    """Doctor of one state, over the papers as they are when it is made."""

    def __init__(
        self, digests: DigestStore, papers: PaperStore, matcher: SubscriptionMatcher, today: dt.date
    ) -> None:
        self._digests = digests
        self._matcher = matcher
        self._today = today
        self._papers = list(papers.every_paper())

    def sources(self) -> Iterator[Finding]:
        """Silent and empty sources, changed forms, missing authors and keys, files that are no digests."""
        papers = {paper.id: paper for paper in self._papers}
        by_source: dict[str, list[SourceDay]] = defaultdict(list)
        digests = self._digests.all()
        for digest in digests:
            if digest.date:
                by_source[source_of(digest)].append(_source_day(digest, digest.date, papers))
        for source, days in sorted(by_source.items()):
            yield from source_findings(source, days, self._today)
        for source, looks in sorted(_looks(digests).items()):
            yield from unfruitful_findings(source, looks)
        for name, why in self._digests.unreadable().items():
            yield Finding(
                area="sources",
                kind="unreadable",
                subject=name,
                what=why.removeprefix(f"{name}: "),
                figures={"file": name},
            )

    def subscriptions(self) -> Iterator[Finding]:
        """Dead, noisy, contained and overlapping subscriptions; better spellings, and noise."""
        subscribers = tuple(self._matcher.subscribers.values())
        newest = self._digests.newest_day()
        recent = frozenset(
            paper.id
            for paper in self._papers
            if newest is None or paper.latest is None or paper.latest > newest - dt.timedelta(days=RECENT)
        )
        papers_of = self._papers_by_subscription()
        yield from subscription_findings(subscribers, papers_of, recent, len(self._papers), RECENT)
        yield from self._thresholds(papers_of)
        if len(self._papers) >= ENOUGH:
            yield from self._spellings()

    def _papers_by_subscription(self) -> PapersBySubscription:
        by_subscription: dict[tuple[str, str], set[PaperId]] = defaultdict(set)
        for name, papers in self._matcher.matches(self._papers).items():
            for paper, subscriptions in papers.items():
                for subscription in subscriptions:
                    by_subscription[name, subscription.name].add(paper)
        return {key: frozenset(papers) for key, papers in by_subscription.items()}

    def _thresholds(self, papers_of: PapersBySubscription) -> Iterator[Finding]:
        """Findings on each `like:` subscription: how many papers its threshold lets pass, and how many others would."""
        similarity = self._matcher.similarity
        if similarity is None:
            return
        near = [(paper.id, similarity.nearness(document_of(paper))) for paper in self._papers]
        for subscriber in self._matcher.subscribers.values():
            for subscription in subscriber.subscriptions:
                if not subscription.like:
                    continue
                best = [
                    max((by.get(liked, 0.0) for liked in subscription.like if liked != paper), default=0.0)
                    for paper, by in near
                ]
                others = {step: sum(value >= step for value in best) for step in _STEPS}
                passing = len(papers_of.get((subscriber.id, subscription.name), ()))
                by_threshold = ", ".join(f"{count} from {step}" for step, count in others.items())
                unknown = [paper for paper in subscription.like if paper not in {paper for paper, _ in near}]
                yield Finding(
                    area="subscriptions",
                    kind="near",
                    subject=subject_of(subscriber, subscription),
                    what=f"lets {passing} of {len(near)} papers pass, near by {subscription.near} at least; by threshold: {by_threshold}"
                    + (f"; not stored, so nothing is near: {', '.join(unknown)}" if unknown else ""),
                    urgent=bool(unknown),
                    figures={
                        "near": subscription.near,
                        "matches": passing,
                        **{f"from {step}": n for step, n in others.items()},
                    },
                )

    def _spellings(self) -> Iterator[Finding]:
        names: dict[Query, list[str]] = defaultdict(list)
        for subscriber in self._matcher.subscribers.values():
            for subscription in subscriber.subscriptions:
                if subscription.query is not None:
                    names[subscription.query].append(subject_of(subscriber, subscription))
        speller = Speller([document_of(paper) for paper in self._papers])
        for query, subjects in list(names.items())[:MOST_SPELLED]:
            yield from _spelling_findings(speller, query, subjects[0])
        if len(names) > MOST_SPELLED:
            yield Finding(
                area="subscriptions",
                kind="spelling",
                subject=f"{len(names) - MOST_SPELLED} more queries",
                what=f"the spelling of the first {MOST_SPELLED} was tried; `paperboy preview` shows the others",
                urgent=False,
                figures={"left_out": len(names) - MOST_SPELLED},
            )


_KIND_NAMES = {"table": "tables", "quiz_text": "quiz texts", "quiz_page": "quiz pages"}


def source_of(digest: DigestRecord) -> str:
    """The name of a digest's source, by kind and folder."""
    folder = digest.name.rpartition("/")[0]
    kind = _KIND_NAMES.get(digest.kind, f"{digest.kind} digests")
    return f"{kind} in {folder}" if folder else kind


def _looks(digests: Iterable[DigestRecord]) -> dict[str, list[tuple[dt.date, int]]]:
    """Look at each source: for each time that one of its files was read, the day and the number of papers new to the source."""
    known: dict[str, set[PaperId]] = defaultdict(set)
    looks: dict[str, list[tuple[dt.date, int]]] = defaultdict(list)
    for digest in sorted(digests, key=lambda digest: digest.read_at):
        source = source_of(digest)
        looks[source].append((digest.read_at.date(), len(set(digest.papers) - known[source])))
        known[source].update(digest.papers)
    return looks


def _source_day(digest: DigestRecord, day: dt.date, papers: Mapping[PaperId, Paper]) -> SourceDay:
    """The counts of a digest; what is missing is counted on its papers as they are now, also where others completed them."""
    named = [papers[paper] for paper in digest.papers if paper in papers]
    questions = [question for paper in named for question in paper.edition("en").quiz]
    lists_authors = digest.kind not in {"quiz_text", "quiz_page"}
    return SourceDay(
        day=day,
        name=digest.name,
        entries=digest.entries,
        problems=sum(line > 1 for line, _ in digest.problems),
        without_authors=sum(not paper.authors for paper in named) if lists_authors else 0,
        questions=0 if lists_authors else len(questions),
        unkeyed=0 if lists_authors else sum(not question.keyed for question in questions),
    )


def _spelling_findings(speller: Speller, query: Query, subject: str) -> Iterator[Finding]:
    for better in speller.better(query)[:2]:
        if better.missed >= GAIN:
            yield _spelling_finding(subject, better)
    for noise in speller.prefix_noise(query):
        if noise.share >= GAIN:
            yield _noise_finding(
                subject,
                noise,
                f"{noise.term} brings {noise.looser} papers, {noise.share:.0%} of them without the word itself",
                urgent=noise.share >= LARGE,
            )
    for noise in speller.inside_noise(query):
        if noise.share >= LARGE and noise.found:
            yield _noise_finding(
                subject,
                noise,
                f"{noise.term} is matched as a whole word ({noise.found} papers); the same letters inside of any "
                f"word would bring {noise.looser}, {noise.share:.0%} noise",
                urgent=False,
            )


def _spelling_finding(subject: str, better: Spelling) -> Finding:
    return Finding(
        area="subscriptions",
        kind="spelling",
        subject=subject,
        what=f"finds {better.found} papers and misses {better.missed:.0%} of the {better.would_find} that "
        f"{better.query} finds ({better.term} {better.change})",
        urgent=better.missed >= LARGE,
        figures={
            "found": better.found,
            "would_find": better.would_find,
            "missed": round(better.missed, 3),
            "better": better.query,
        },
    )


def _noise_finding(subject: str, noise: Noise, what: str, *, urgent: bool) -> Finding:
    words = f" (most: {', '.join(noise.words)})" if noise.words else ""
    return Finding(
        area="subscriptions",
        kind="noise",
        subject=subject,
        what=what + words,
        urgent=urgent,
        figures={"found": noise.found, "looser": noise.looser, "noise": round(noise.share, 3)},
    )
