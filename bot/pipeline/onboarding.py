"""Onboarding: new subscribers and new subscriptions get the newest matches among the stored papers, once.

It begins planning runs of all stored papers for those who are new. They precede the runs of what a look at the folders
brings, which is therefore news to everybody who is configured. Which subscriptions of a subscriber were onboarded is stored
as hashes of each subscription's name and text.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from zlib import crc32

from bot.domain.backlog import Rule
from bot.domain.matcher import SubscriptionMatcher
from bot.domain.subscriptions import Subscriber, Subscription
from bot.pipeline.ports.papers import DigestStore, IngestTransaction, PlanningRun

_GROUP_SIZE = 2_000
"""Number of subscribers that are registered, or whose onboarding begins, in one transaction."""


def register(
    digests: DigestStore, matcher: SubscriptionMatcher, first_run: int | None, now: datetime
) -> None:
    """Register new subscribers, who are each to get `first_run` matches of the backlog (None: all)."""
    for names in _groups(digests.unregistered(matcher.subscribers.keys())):
        with digests.transaction() as tx:
            tx.register(names, first_run, now)


def begin_onboarding(
    digests: DigestStore,
    matcher: SubscriptionMatcher,
    first_run: int | None,
    now: datetime,
    among: Collection[str] | None = None,
) -> frozenset[str]:
    """Begin planning runs for all new subscribers, and for all new subscriptions of known ones, of whose matches each
    subscriber gets the newest `first_run` (None: all) that they were not alerted to before.

    Gives those who are being onboarded from now on or still. Looks only `among` these subscribers (None: all).
    """
    newcomers = digests.backlog(among).keys() & matcher.subscribers.keys()
    changed = _changed(digests.subscriptions(among), matcher)
    onboarded: set[str] = set()
    for names in _groups(newcomers):
        with digests.transaction() as tx:
            new = tx.backlog(names).keys() - tx.being_onboarded()
            onboarded.update(_begin(tx, matcher, new, now, "new subscriber"))
    for names in _groups(changed):
        with digests.transaction() as tx:
            known = tx.subscriptions(names)
            changed_now = _changed(known, matcher).difference(tx.being_onboarded())
            added = {name for name in changed_now if _added(matcher.subscribers[name], known[name])}
            unadded = changed_now - added
            tx.onboarded({name: hashes_of(matcher.subscribers[name]) for name in unadded})
            tx.save_onboarding_shares(dict.fromkeys(added, first_run))
            onboarded.update(unadded, _begin(tx, matcher, added, now, "new subscription"))
    return frozenset((newcomers | changed) - onboarded)


def begin_alike(digests: DigestStore, matcher: SubscriptionMatcher, now: datetime) -> None:
    """Begin planning runs that notice the stored matches of `like:` subscriptions after an import, sending nothing.

    They can be found only when all imported papers are stored.
    """
    for names in _groups(matcher.only_like_subscriptions().subscribers):
        with digests.transaction() as tx:
            tx.begin_stored_run(names, now, rule="import")


def only_new(digests: DigestStore, matcher: SubscriptionMatcher, run: PlanningRun) -> SubscriptionMatcher:
    """The matcher of only what a run of stored papers plans: its subscribers, with those subscriptions that are new."""
    names = run.subscribers or ()
    if run.rule == "new subscriber":
        return matcher.only(frozenset(names))
    if run.rule == "import":
        return matcher.only_like_subscriptions().only(frozenset(names))
    known = digests.subscriptions(names)
    added = {
        name: _added(matcher.subscribers[name], known[name])
        for name in names
        if name in known and name in matcher.subscribers
    }
    return matcher.only_subscriptions(
        {name: subscriptions for name, subscriptions in added.items() if subscriptions}
    )


def hashes_of(subscriber: Subscriber) -> str:
    """The hashes of all subscriptions of the subscriber, whatever their order."""
    return " ".join(sorted({_hash_of(subscription) for subscription in subscriber.subscriptions}))


def _begin(
    tx: IngestTransaction, matcher: SubscriptionMatcher, names: Collection[str], now: datetime, rule: Rule
) -> Collection[str]:
    """Begin a run for these subscribers; gives those who are onboarded already, since no paper is stored."""
    if not names:
        return ()
    run = tx.begin_stored_run(sorted(names), now, rule=rule)
    if run.papers:
        return ()
    tx.onboarded({name: hashes_of(matcher.subscribers[name]) for name in names})
    tx.finish(run, now)
    return names


def _groups(names: Iterable[str]) -> Iterator[Sequence[str]]:
    """The names, sorted, as many together as share a transaction."""
    ordered = sorted(names)
    for start in range(0, len(ordered), _GROUP_SIZE):
        yield ordered[start : start + _GROUP_SIZE]


def _hash_of(subscription: Subscription) -> str:
    wording = f"{subscription.name}\n{subscription.text}"
    return f"{crc32(wording.encode(errors='replace')):08x}"


def _added(subscriber: Subscriber, known: str) -> tuple[Subscription, ...]:
    """The subscriptions that are not among those with the `known` hashes."""
    hashes = frozenset(known.split())
    return tuple(
        subscription for subscription in subscriber.subscriptions if _hash_of(subscription) not in hashes
    )


def _changed(known: Mapping[str, str], matcher: SubscriptionMatcher) -> set[str]:
    """Those of the subscribers, given with the hashes of their subscriptions, whose subscriptions have changed."""
    subscribers = matcher.subscribers
    return {
        name
        for name, hashes in known.items()
        if name in subscribers and hashes_of(subscribers[name]) != hashes
    }
