"""The whole story of one paper and one subscriber: who said it, what matched or did not, what was sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.alarms import TOPIC_GONE, Incident
from bot.domain.delivery import Kind, State
from bot.domain.notices import Why, why_of
from bot.domain.papers import Paper, PaperId
from bot.domain.query import Document, Query, document_of, match, missing
from bot.domain.search.likeness import Likeness, LikenessOf
from bot.domain.subscriptions import CHANNEL_KINDS, ChannelKind, Subscriber, Subscription
from bot.pipeline.ports import DeliveryRecord, DigestRecord, NoticeRecord, Outbox, Records, Shelf, Stop
from bot.pipeline.subscribers import SimilarityCache


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """One subscription on the paper as it is now: why it matches, or which terms are missing."""

    subscription: Subscription
    why: tuple[Why, ...] | None
    missing: tuple[str, ...]
    noticed: bool
    """Whether it was among those that the paper was noticed for."""
    nearness: float | None = None
    """For papers like others: how near the paper is to the nearest of those."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """All that the state knows of it."""

    paper: Paper
    subscriber: Subscriber
    digests: tuple[DigestRecord, ...]
    verdicts: tuple[Verdict, ...]
    registered_at: datetime | None
    notice: NoticeRecord | None
    deliveries: tuple[DeliveryRecord, ...]
    suspended: Mapping[str, str]
    stopped: Mapping[ChannelKind, Stop]
    being_planned: bool = False
    """True where planning has not come to the subscriber since the paper changed."""
    astray: Mapping[str, str] = field(default_factory=dict)
    """Places whose topic is gone, so that their messages go to the chat itself, with why."""

    @property
    def told(self) -> bool:
        """True where an alert on it has gone out somewhere."""
        return any(row.kind == "alert" and row.state in _OUT for row in self.deliveries)


_OUT: frozenset[State] = frozenset({"sent", "merged"})
_ALERT: Kind = "alert"


def story(
    paper: PaperId,
    subscriber: Subscriber,
    *,
    shelf: Shelf,
    records: Records,
    outbox: Outbox,
    incidents: Sequence[Incident] = (),
) -> Story | None:
    """The story; None where no digest has named the paper."""
    stored = shelf.stored([paper]).get(paper)
    if stored is None:
        return None
    notice = records.notices_on(subscriber.id, [paper]).get(paper)
    rows = records.deliveries_on(subscriber.id, [paper])
    places = {channel.target for channel in subscriber.channels} | {row.target for row in rows}
    kinds = {place.partition(":")[0] for place in places}
    return Story(
        paper=stored.paper,
        subscriber=subscriber,
        digests=records.digests_on(paper),
        verdicts=_verdicts(subscriber, stored.paper, notice, SimilarityCache(shelf)),
        registered_at=records.registered_at(subscriber.id),
        notice=notice,
        deliveries=rows,
        being_planned=paper in records.being_planned(subscriber.id),
        suspended=records.suspended(sorted(places)),
        astray={one.source: one.what for one in incidents if one.kind == TOPIC_GONE and one.source in places},
        stopped={kind: stop for kind, stop in outbox.stopped_channels().items() if kind in kinds},
    )


def _verdicts(
    subscriber: Subscriber, paper: Paper, notice: NoticeRecord | None, likeness: LikenessOf
) -> tuple[Verdict, ...]:
    noticed = notice.subscriptions if notice else ()
    document = document_of(paper)
    return tuple(
        _like_verdict(one, paper, document, likeness(frozenset(one.like)), noticed=one.name in noticed)
        if one.query is None
        else _query_verdict(one, one.query, document, noticed=one.name in noticed)
        for one in subscriber.subscriptions
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
    subscription: Subscription, paper: Paper, document: Document, likeness: Likeness, *, noticed: bool
) -> Verdict:
    near = likeness.nearest(subscription.like, paper.id, document)
    nearness = near.nearness if near else 0.0
    excluding = tuple(f"NOT {query.text}" for query in subscription.unless if match(query, document))
    matches = nearness >= subscription.near and not excluding
    return Verdict(
        subscription=subscription,
        why=why_of(subscription, paper, likeness) if matches else None,
        missing=excluding,
        noticed=noticed,
        nearness=nearness,
    )


def why_not_queued(told: Story) -> str | None:
    """Why nothing was planned, in words; None where something was, or nothing was to be."""
    if any(row.kind == _ALERT for row in told.deliveries):
        return None
    if told.being_planned:
        return "it is still being planned; `paperboy status` shows how far that is"
    return _why_not_noticed(told) if told.notice is None else _why_not_sent(told)


def _why_not_noticed(told: Story) -> str | None:
    if all(verdict.why is None for verdict in told.verdicts):
        return None
    if told.registered_at is None:
        return "paperboy has not run for this subscriber yet"
    return "it was not asked for when the paper came: the subscription is newer, or was changed since"


def _why_not_sent(told: Story) -> str:
    channels = told.subscriber.channels
    matched = [one.subscription for one in told.verdicts if one.noticed]
    if not channels:
        return "the subscriber has no channels"
    if matched and not any(channel.takes(one) for channel in channels for one in matched):
        return "what matched is limited by `only:` to channels that the subscriber has not"
    return "it was here before: a first run sends only the newest matches, and an import none"


def channel_kind(target: str) -> ChannelKind | None:
    """The kind of channel that a place's key names."""
    return next((kind for kind in CHANNEL_KINDS if target.startswith(f"{kind}:")), None)
