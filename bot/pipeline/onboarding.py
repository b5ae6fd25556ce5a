"""Onboarding: new subscribers and new subscriptions get the newest matches among the stored papers, once.

It precedes a look at the folders, so that what the look brings is news to everybody who is configured. Which
subscriptions of a subscriber were onboarded is stored as *marks*: a hash of each subscription's name and text.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zlib import crc32

from bot.domain.backlog import Rule
from bot.domain.digests import Change
from bot.domain.matcher import SubscriptionMatcher
from bot.domain.planning import alert_keys, plan
from bot.domain.subscriptions import Subscriber, Subscription
from bot.pipeline.ports.papers import DigestStore, IngestTransaction

_AT_A_TIME = 200
"""Number of papers that are matched together."""


def register(digests: DigestStore, matcher: SubscriptionMatcher, first_run: int | None, now: datetime) -> int:
    """Register new subscribers, who are each to get `first_run` matches of the backlog (None: all); gives their number."""
    if not digests.unregistered(matcher.subscribers.keys()):
        return 0
    with digests.transaction() as tx:
        new = matcher.subscribers.keys() - tx.registered()
        tx.register({name: _marks(matcher.subscribers[name]) for name in new}, first_run, now)
    return len(new)


def onboard(digests: DigestStore, matcher: SubscriptionMatcher, now: datetime) -> int | None:
    """Notice all stored matches for new subscribers and plan the newest of them; gives the number of planned deliveries.

    One transaction, after which the subscribers are onboarded. None, with nothing done, while a planning run is open, as
    its papers came earlier.
    """
    if matcher.subscribers.keys().isdisjoint(digests.backlog()):
        return 0
    with digests.transaction() as tx:
        backlog = tx.backlog()
        newcomers = matcher.only(backlog.keys())
        if tx.open_run() is not None:
            return None
        shares = {name: backlog[name] for name in newcomers.subscribers}
        planned = _plan_stored(tx, newcomers, shares, now, "new subscriber")
        tx.onboarded(newcomers.subscribers.keys())
    return planned


def onboard_subscriptions(
    digests: DigestStore, matcher: SubscriptionMatcher, first_run: int | None, now: datetime
) -> int | None:
    """Notice all stored matches of the new subscriptions of known subscribers, and plan the newest `first_run` (None: all)
    of those that each subscriber was not alerted to before; gives the number of planned deliveries.

    One transaction. None, with nothing done, while a planning run is open.
    """
    if not _resubscribed(digests.subscriptions(), matcher):
        return 0
    with digests.transaction() as tx:
        if tx.open_run() is not None:
            return None
        known = tx.subscriptions()
        changed = _resubscribed(known, matcher)
        added = {name: _added(matcher.subscribers[name], known[name]) for name in changed}
        newer = matcher.only_subscriptions(
            {name: subscriptions for name, subscriptions in added.items() if subscriptions}
        )
        planned = 0
        if newer.subscribers:
            shares = dict.fromkeys(newer.subscribers, first_run)
            planned = _plan_stored(tx, newer, shares, now, "new subscription")
        tx.resubscribed(changed)
    return planned


def notice_alike(digests: DigestStore, matcher: SubscriptionMatcher, now: datetime) -> bool:
    """Notice the stored matches of `like:` subscriptions after an import, sending nothing.

    They can be found only when all imported papers are stored. False, with nothing done, while a planning run is open.
    """
    alike = matcher.only_like_subscriptions()
    if not alike.subscribers:
        return True
    with digests.transaction() as tx:
        if tx.open_run() is not None:
            return False
        _plan_stored(tx, alike, dict.fromkeys(alike.subscribers, 0), now, "import")
    return True


def _mark(subscription: Subscription) -> str:
    wording = f"{subscription.name}\n{subscription.text}"
    return f"{crc32(wording.encode(errors='replace')):08x}"


def _marks(subscriber: Subscriber) -> str:
    return " ".join(sorted({_mark(subscription) for subscription in subscriber.subscriptions}))


def _added(subscriber: Subscriber, known: str) -> tuple[Subscription, ...]:
    marks = frozenset(known.split())
    return tuple(
        subscription for subscription in subscriber.subscriptions if _mark(subscription) not in marks
    )


def _resubscribed(known: Mapping[str, str], matcher: SubscriptionMatcher) -> dict[str, str]:
    """The marks of those `known` subscribers whose subscriptions have changed."""
    marks = {name: _marks(subscriber) for name, subscriber in matcher.subscribers.items() if name in known}
    return {name: own for name, own in marks.items() if own != known[name]}


def _plan_stored(
    tx: IngestTransaction,
    newcomers: SubscriptionMatcher,
    shares: Mapping[str, int | None],
    now: datetime,
    rule: Rule,
) -> int:
    """Plan all stored papers for these subscribers, _AT_A_TIME at a time; gives the number of deliveries."""
    planned = 0
    shares = dict(shares)
    batch: list[Change] = []
    for paper in tx.every_paper():
        batch.append(Change(paper=paper))
        if len(batch) == _AT_A_TIME:
            planned += _plan_batch(tx, newcomers, shares, batch, now, rule)
            batch = []
    return planned + _plan_batch(tx, newcomers, shares, batch, now, rule)


def _plan_batch(
    tx: IngestTransaction,
    newcomers: SubscriptionMatcher,
    shares: dict[str, int | None],
    changes: Sequence[Change],
    now: datetime,
    rule: Rule,
) -> int:
    if not changes:
        return 0
    papers = {change.paper.id for change in changes}
    matches = newcomers.matches([change.paper for change in changes])
    # An import or older subscriptions may have noticed papers for them before.
    noticed = tx.notices(papers, newcomers.subscribers)
    has_alerts = rule == "new subscription"
    planned = tx.planned(alert_keys(matches, newcomers.subscribers, papers)) if has_alerts else {}
    result = plan(
        changes, matches, newcomers.subscribers, noticed=noticed, planned=planned, now=now, backlog=shares
    )
    shares.update(result.backlog)
    run = tx.new_run(now, rule)
    tx.save_notices(result.notices, run, extended=result.extended)
    return tx.plan(result.deliveries, run)
