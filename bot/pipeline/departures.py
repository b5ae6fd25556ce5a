"""Those who left the configuration, or gave up their feed: their feed files go too."""

import logging

from bot.domain.errors import DeliveryError
from bot.domain.matcher import SubscriptionMatcher
from bot.pipeline.feeds import EVERYTHING
from bot.pipeline.ports import FeedWriter, Intake

log = logging.getLogger(__name__)


def forget_feeds(intake: Intake, matcher: SubscriptionMatcher, writer: FeedWriter) -> tuple[str, ...]:
    """Remove the feed file of everybody whom the state knows and who has no feed now; their names.

    What they noticed stays: one who comes back has the same feed as before.
    """
    kept = {EVERYTHING, *(one.id.casefold() for one in matcher.subscribers.values() if one.has_feed)}
    gone = tuple(sorted(name for name in intake.registered() if name.casefold() not in kept))
    for name in gone:
        try:
            writer.remove(name)
        except DeliveryError as error:
            log.warning("feed.not_removed", extra={"subscriber": name, "error": str(error)})
    return gone
