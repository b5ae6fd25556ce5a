"""Subscriptions that matched nothing for a long time, for `check`."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.adapters.clock import SystemClock
from bot.domain.errors import Fault

if TYPE_CHECKING:
    from bot.app.config.settings_model import Settings
    from bot.domain.subscriptions import Subscriber

SILENCE = timedelta(days=90)


def silent_subscriptions(
    settings: "Settings", subscribers: "tuple[Subscriber, ...]", places: Mapping[tuple[str, str], Fault]
) -> list[Fault]:
    """A warning for each that matched no paper of the state's last 90 days; none while the state is empty.

    The days are counted back from the newest digest, so that a source that fell silent is not blamed on the
    subscriptions.
    """
    if settings.sqlite_file is not None and not settings.sqlite_file.exists():
        return []
    from bot.adapters.store import Store
    from bot.domain.matcher import SubscriptionMatcher
    from bot.pipeline.subscribers import SimilarityCache

    store = Store(settings.state)
    try:
        newest = store.papers.newest(1)
        if not newest:
            return []
        last = newest[0].paper.latest or SystemClock().now().date()
        papers = [
            paper
            for paper in store.papers.every_paper()
            if paper.latest is None or paper.latest >= last - SILENCE
        ]
        matches = SubscriptionMatcher(subscribers, SimilarityCache(store.papers)).matches(papers)
    finally:
        store.close()
    alive = {
        (name, one.name) for name, papers in matches.items() for found in papers.values() for one in found
    }
    return [
        replace(
            places[subscriber.id, subscription.name],
            message=f"{subscription.name!r} of {subscriber.id} matched none of the {len(papers)} papers of the "
            f"last {SILENCE.days} days",
        )
        for subscriber in subscribers
        for subscription in subscriber.subscriptions
        if (subscriber.id, subscription.name) not in alive and (subscriber.id, subscription.name) in places
    ]
