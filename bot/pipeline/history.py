"""History: what became of papers for a subscriber, in full of one paper (`paper_history`), or of a day's papers (`ledger`).

In the ledger every paper of the day has one fate, and every target of a matched paper one end, so that the sums agree:

    seen ─┬─ not matched
          ├─ being planned: it matches, and its deliveries are not planned yet
          ├─ asked for since: the subscription that matches now is newer, or was changed since
          └─ matched ─┬─ no channel: no channel takes the subscriptions that matched
                      └─ for each target ─┬─ backlog, before you came, before you asked: over `first_run`, not sent
                                          ├─ imported: not sent
                                          ├─ waits for the flood guard
                                          ├─ target added since
                                          └─ queued ── pending, held, sending, sent, merged, limited, skipped, …
"""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bot.domain.backlog import Rule
from bot.domain.channels import ChannelKind
from bot.domain.delivery import FLOOD_GUARD_CAUSES, OPEN, WENT_OUT, State
from bot.domain.incidents import TOPIC_GONE, Incident
from bot.domain.matcher import SubscriptionMatcher
from bot.domain.notices import Why, why_of
from bot.domain.papers import Paper, PaperId
from bot.domain.query import Document, Query, document_of, match, missing
from bot.domain.similarity import Similarity, SimilarityOf
from bot.domain.subscriptions import Subscriber, Subscription
from bot.pipeline.ports.incidents import IncidentStore, Stop
from bot.pipeline.ports.outbox import DeliveryRecord, DeliveryStore
from bot.pipeline.ports.papers import DigestRecord, DigestStore, NoticeRecord, PaperStore
from bot.pipeline.subscribers import SimilarityCache

Fate = Literal["not matched", "being planned", "asked for since", "no channel", "matched"]
NotSentReason = Literal[
    "backlog",
    "imported",
    "before you came",
    "before you asked",
    "target added since",
    "waits for the flood guard",
]
FATES: tuple[Fate, ...] = ("not matched", "being planned", "asked for since", "no channel", "matched")


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """How one subscription matches the paper as it is now: why, or (`why` is None) which terms are missing."""

    subscription: Subscription
    why: tuple[Why, ...] | None
    missing: tuple[str, ...]
    noticed: bool
    """Whether the paper was noticed for it."""
    nearness: float | None = None
    """Nearness of the paper to the nearest paper of a `like:` subscription."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PaperHistory:
    """Everything that the state has on one paper and one subscriber."""

    paper: Paper
    subscriber: Subscriber
    digests: tuple[DigestRecord, ...]
    verdicts: tuple[Verdict, ...]
    registered_at: dt.datetime | None
    notice: NoticeRecord | None
    deliveries: tuple[DeliveryRecord, ...]
    suspended: Mapping[str, str]
    stopped: Mapping[ChannelKind, Stop]
    being_planned: bool = False
    """True where the paper changed and that is not planned for the subscriber yet."""
    paused: tuple[str, ...] = ()
    """Names of the subscriptions that the person paused."""
    lost_topics: Mapping[str, str] = field(default_factory=dict)
    """Targets whose messages go to the chat itself, since their topic is gone, with the reason."""

    @property
    def was_alerted(self) -> bool:
        """True where an alert on the paper has gone out."""
        return any(row.kind == "alert" and row.state in WENT_OUT for row in self.deliveries)


_NOT_SENT: Mapping[Rule | None, NotSentReason] = {
    "backlog": "backlog",
    "import": "imported",
    "new subscriber": "before you came",
    "new subscription": "before you asked",
}
"""Reason why a paper was not sent, by the rule of its notice; for other rules its targets are newer."""


def paper_history(
    paper: PaperId,
    subscriber: Subscriber,
    *,
    papers: PaperStore,
    digests: DigestStore,
    deliveries: DeliveryStore,
    stops: IncidentStore,
    incidents: Sequence[Incident] = (),
    paused: Sequence[str] = (),
) -> PaperHistory | None:
    """The history of a paper and a subscriber; None where no digest has named the paper."""
    stored = papers.stored([paper]).get(paper)
    if stored is None:
        return None
    notice = digests.notice_records(subscriber.id, [paper]).get(paper)
    rows = deliveries.deliveries_on(subscriber.id, [paper])
    targets = {channel.target for channel in subscriber.channels} | {row.target for row in rows}
    kinds = {target.partition(":")[0] for target in targets}
    return PaperHistory(
        paper=stored.paper,
        subscriber=subscriber,
        digests=digests.digests_on(paper),
        verdicts=_verdicts(subscriber, stored.paper, notice, SimilarityCache(papers)),
        registered_at=digests.registered_at(subscriber.id),
        notice=notice,
        deliveries=rows,
        being_planned=paper in digests.being_planned(subscriber.id),
        paused=tuple(paused),
        suspended=deliveries.suspended(sorted(targets)),
        lost_topics={
            incident.subject: incident.what
            for incident in incidents
            if incident.kind == TOPIC_GONE and incident.subject in targets
        },
        stopped={kind: stop for kind, stop in stops.stopped_channels().items() if kind in kinds},
    )


def _verdicts(
    subscriber: Subscriber, paper: Paper, notice: NoticeRecord | None, similarity: SimilarityOf
) -> tuple[Verdict, ...]:
    noticed = notice.subscriptions if notice else ()
    document = document_of(paper)
    return tuple(
        _like_verdict(
            subscription,
            paper,
            document,
            similarity(frozenset(subscription.like)),
            noticed=subscription.name in noticed,
        )
        if subscription.query is None
        else _query_verdict(subscription, subscription.query, document, noticed=subscription.name in noticed)
        for subscription in subscriber.subscriptions
    )


def _query_verdict(subscription: Subscription, query: Query, document: Document, *, noticed: bool) -> Verdict:
    hits = match(query, document)
    why = None
    if hits is not None:
        why = tuple(dict.fromkeys(Why(term=hit.term, field=hit.field, text=hit.text) for hit in hits))
    return Verdict(
        subscription=subscription,
        why=why,
        missing=() if why is not None else missing(query, document),
        noticed=noticed,
    )


def _like_verdict(
    subscription: Subscription, paper: Paper, document: Document, similarity: Similarity, *, noticed: bool
) -> Verdict:
    near = similarity.nearest(subscription.like, paper.id, document)
    nearness = near.nearness if near else 0.0
    excluding = tuple(f"NOT {query.text}" for query in subscription.unless if match(query, document))
    matches = nearness >= subscription.near and not excluding
    return Verdict(
        subscription=subscription,
        why=why_of(subscription, paper, similarity) if matches else None,
        missing=excluding,
        noticed=noticed,
        nearness=nearness,
    )


def why_not_queued(history: PaperHistory) -> str | None:
    """Why no alert was planned; None where one was, or where the paper does not match."""
    if any(row.kind == "alert" for row in history.deliveries):
        return None
    if history.being_planned:
        return "it is still being planned; `paperboy status` shows how far that is"
    return _why_not_noticed(history) if history.notice is None else _why_not_sent(history, history.notice)


def _why_not_noticed(history: PaperHistory) -> str | None:
    if all(verdict.why is None for verdict in history.verdicts):
        return None
    if history.registered_at is None:
        return "paperboy has not run for this subscriber yet"
    return "it was not asked for when the paper came: the subscription is newer, or was changed since"


def _why_not_sent(history: PaperHistory, notice: NoticeRecord) -> str:
    channels = history.subscriber.channels
    matched = [verdict.subscription for verdict in history.verdicts if verdict.noticed]
    if not channels:
        return "the subscriber has no channels"
    if matched and not any(channel.takes(subscription) for channel in channels for subscription in matched):
        return "what matched is limited by `only:` to channels that the subscriber has not"
    return f"{rule_text(notice.rule, notice.source)}: {_BEYOND[notice.rule]}"


_BEYOND: Mapping[Rule | None, str] = {
    **dict.fromkeys(_NOT_SENT, "only the newest `first_run` matches are sent"),
    "import": "nothing of it is sent",
    "news": "no channel was there then",
    "asked": "no channel was there then",
    None: "no channel was there then",
}


def rule_text(rule: Rule | None, source: str | None) -> str:
    """The rule by which something was noticed or planned, in words."""
    match rule:
        case "backlog":
            return f"backlog of {source}"
        case "import":
            return "imported"
        case "new subscriber":
            return "it was here before you came"
        case "new subscription":
            return "it was here before the subscription"
        case "asked":
            return "asked for"
        case _:
            return "new"


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetLine:
    """A paper at one target: the state of its alert, or the reason why there is none."""

    target: str
    end: State | NotSentReason
    delivery: DeliveryRecord | None = None

    @property
    def queued(self) -> bool:
        return self.delivery is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerLine:
    """One paper: the subscriptions for which it was noticed, and its alerts, in the order of the subscriber's channels.

    `others` are its quizzes and edits.
    """

    paper: Paper
    fate: Fate
    subscriptions: tuple[str, ...] = ()
    rule: Rule | None = None
    """Why it was noticed."""
    source: str | None = None
    """The source whose backlog it was in."""
    targets: tuple[TargetLine, ...] = ()
    others: tuple[DeliveryRecord, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """All papers that the digests of a day named, in the digests' order."""

    subscriber: str
    day: dt.date
    lines: tuple[LedgerLine, ...]

    @property
    def fates(self) -> dict[Fate, int]:
        """Count of papers by fate; they add up to all papers of the day."""
        counts = Counter(line.fate for line in self.lines)
        return {fate: counts[fate] for fate in FATES}

    @property
    def targets(self) -> int:
        """Number of targets of all papers, paper by paper."""
        return sum(len(line.targets) for line in self.lines)

    @property
    def ends(self) -> dict[str, int]:
        """Count of targets by end; they add up to `targets`. Ends that did not occur are left out."""
        return dict(Counter(target.end for line in self.lines for target in line.targets))

    @property
    def queued(self) -> int:
        return sum(target.queued for line in self.lines for target in line.targets)


def ledger(
    subscriber: Subscriber, day: dt.date, digests: DigestStore, deliveries: DeliveryStore, papers: PaperStore
) -> Ledger:
    """The ledger of that day, from the state as it is now."""
    ids = digests.papers_of(day)
    stored = papers.stored(ids)
    named = [stored[paper].paper for paper in ids]
    notices = digests.notice_records(subscriber.id, ids)
    rows: dict[PaperId, list[DeliveryRecord]] = {paper: [] for paper in ids}
    for row in deliveries.deliveries_on(subscriber.id, ids):
        rows[row.paper].append(row)
    being_planned = digests.being_planned(subscriber.id)
    matching = (
        SubscriptionMatcher([subscriber], SimilarityCache(papers)).matches(named).get(subscriber.id, {})
    )
    return Ledger(
        subscriber=subscriber.id,
        day=day,
        lines=tuple(
            _line(
                subscriber,
                paper,
                notices.get(paper.id),
                rows[paper.id],
                fate=_unnoticed(matches=paper.id in matching, being_planned=paper.id in being_planned),
            )
            for paper in named
        ),
    )


def _unnoticed(*, matches: bool, being_planned: bool) -> Fate:
    """The fate of a paper that was not noticed."""
    if not matches:
        return "not matched"
    return "being planned" if being_planned else "asked for since"


def _line(
    subscriber: Subscriber,
    paper: Paper,
    notice: NoticeRecord | None,
    rows: Sequence[DeliveryRecord],
    *,
    fate: Fate,
) -> LedgerLine:
    if notice is None and not rows:
        return LedgerLine(paper=paper, fate=fate)
    names = notice.subscriptions if notice else ()
    alerts = {row.target: row for row in rows if row.kind == "alert"}
    rule = notice.rule if notice else None
    added_since: NotSentReason = "target added since"
    nothing_sent = added_since if alerts else _NOT_SENT.get(rule, added_since)
    targets = _target_lines(subscriber, names, alerts, nothing_sent)
    return LedgerLine(
        paper=paper,
        fate="matched" if targets else "no channel",
        subscriptions=names,
        rule=rule,
        source=notice.source if notice else None,
        targets=targets,
        others=tuple(row for row in rows if row.kind != "alert"),
    )


def _target_lines(
    subscriber: Subscriber,
    names: Sequence[str],
    alerts: Mapping[str, DeliveryRecord],
    nothing_sent: NotSentReason,
) -> tuple[TargetLine, ...]:
    """The targets that take one of the named subscriptions, and those that got an alert."""
    matched = [subscription for subscription in subscriber.subscriptions if subscription.name in names]
    removed = any(name not in {subscription.name for subscription in matched} for name in names)
    meant = [channel.target for channel in subscriber.channels if removed or any(map(channel.takes, matched))]
    return tuple(
        TargetLine(target=target, end=_end(alerts[target]), delivery=alerts[target])
        if target in alerts
        else TargetLine(target=target, end=nothing_sent)
        for target in dict.fromkeys((*meant, *alerts))
    )


def _end(row: DeliveryRecord) -> State | NotSentReason:
    waits = row.state in OPEN and row.cause in FLOOD_GUARD_CAUSES.values()
    return "waits for the flood guard" if waits else row.state
