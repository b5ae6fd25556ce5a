"""Onboarding: new subscribers are registered, and get the newest matches of what is stored already."""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.digests import Change
from bot.domain.matcher import SubscriptionMatcher
from bot.domain.planning import plan
from bot.pipeline.ports.papers import DigestStore, IngestTransaction

_AT_A_TIME = 200
"""Papers that are matched together."""


def register(digests: DigestStore, matcher: SubscriptionMatcher, first_run: int | None, now: datetime) -> int:
    """Make new subscribers known, each with `first_run` matches of the backlog to come (None: all); count them."""
    if not digests.unregistered(matcher.subscribers.keys()):
        return 0
    with digests.transaction() as tx:
        new = matcher.subscribers.keys() - tx.registered()
        tx.register(new, first_run, now)
    return len(new)


def onboard(digests: DigestStore, matcher: SubscriptionMatcher, now: datetime) -> int | None:
    """Notice the whole backlog for new subscribers, plan their newest matches, and count the planned deliveries.

    One transaction; afterwards they are onboarded. None, with nothing done, while a planning run is open, since its
    papers come first. Call it after all folders were scanned, so that the newest matches are known.
    """
    if matcher.subscribers.keys().isdisjoint(digests.backlog()):
        return 0
    with digests.transaction() as tx:
        backlog = tx.backlog()
        newcomers = matcher.only(backlog.keys())
        if not newcomers.subscribers:
            return 0
        if tx.open_run() is not None:
            return None
        planned = _plan_stored(tx, newcomers, {name: backlog[name] for name in newcomers.subscribers}, now)
        tx.onboarded(newcomers.subscribers.keys())
    return planned


def notice_alike(digests: DigestStore, matcher: SubscriptionMatcher, now: datetime) -> bool:
    """Notice stored papers that are like those that subscribers like; nothing is sent of them.

    After an import, similar papers can only be found when all of it is stored. False, with nothing done, while a
    planning run is open.
    """
    alike = matcher.only_likes()
    if not alike.subscribers:
        return True
    with digests.transaction() as tx:
        if tx.open_run() is not None:
            return False
        _plan_stored(tx, alike, dict.fromkeys(alike.subscribers, 0), now)
    return True


def _plan_stored(
    tx: IngestTransaction, newcomers: SubscriptionMatcher, backlog: dict[str, int | None], now: datetime
) -> int:
    planned = 0
    together: list[Change] = []
    for paper in tx.every_paper():
        together.append(Change(paper=paper))
        if len(together) == _AT_A_TIME:
            planned += _plan_some(tx, newcomers, backlog, together, now)
            together = []
    return planned + _plan_some(tx, newcomers, backlog, together, now)


def _plan_some(
    tx: IngestTransaction,
    newcomers: SubscriptionMatcher,
    backlog: dict[str, int | None],
    changes: Sequence[Change],
    now: datetime,
) -> int:
    matches = newcomers.matches([change.paper for change in changes])
    # An import may have noticed papers for them before they were registered.
    noticed = tx.noticed([change.paper.id for change in changes], newcomers.subscribers)
    result = plan(
        changes, matches, newcomers.subscribers, noticed=noticed, planned={}, now=now, backlog=backlog
    )
    backlog.update(result.backlog)
    run = tx.new_run(now)
    tx.save_notices(result.notices, run, extended=result.extended)
    return tx.plan(result.deliveries, run)
