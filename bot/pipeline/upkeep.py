"""Keeping the state small: what only recent messages need is forgotten, what prevents repeats never."""

import logging
from datetime import datetime, timedelta

from bot.pipeline.ports import Upkeep
from bot.pipeline.ports.upkeep import Waits

log = logging.getLogger(__name__)

MESSAGES_KEPT = timedelta(days=90)
"""So long a message can still be edited, replied to with a quiz and asked for more."""
UPDATES_KEPT = timedelta(days=30)
LONGEST_PACE = timedelta(minutes=2)
"""No place waits for longer because of what was sent to it: the longest window is a minute."""
_AT_A_TIME = 1_000
"""Messages in one transaction, so that nobody waits for long."""


def thin(upkeep: Upkeep, now: datetime) -> int:
    """Forget what is old, and say how many messages that were; safe to stop anywhere and to repeat."""
    total = 0
    while count := upkeep.thin_messages(now - MESSAGES_KEPT, _AT_A_TIME):
        total += count
    updates = upkeep.thin_updates(now - UPDATES_KEPT)
    if total or updates:
        log.info("state.thinned", extra={"messages": total, "updates": updates})
    return total


def mind_the_clock(waits: Waits, now: datetime) -> int:
    """Where the clock was set back, let no place wait for what was a second away before; how many did."""
    cut = waits.cut_waits(now, LONGEST_PACE)
    if cut:
        log.warning("places.waits_cut", extra={"places": cut})
    return cut
