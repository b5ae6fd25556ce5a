"""Flood guard: how many messages of a kind one target gets by itself within a while.

What a person asked for, edits and alarms are not counted and never wait. What is over waits until the window has room,
and then goes out together with all that came meanwhile.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.domain.channels import Limit
from bot.domain.delivery import Kind

_WINDOW = timedelta(minutes=10)
FloodGuard = Mapping[Kind, Limit]
FLOOD_GUARD: FloodGuard = {"alert": Limit(most=3, span=_WINDOW), "quiz": Limit(most=9, span=_WINDOW)}
NO_GUARD: FloodGuard = {}

WAITS: Mapping[Kind, str] = {
    "alert": "waits for the flood guard: three messages in ten minutes",
    "quiz": "waits for the flood guard: nine polls in ten minutes",
}
"""What a delivery that waits says of itself."""


def full_until(sent: Sequence[datetime], limit: Limit, now: datetime) -> datetime | None:
    """When the window has room again, of messages sent at these moments; None where it has room now.

    A moment after `now` is of a clock that was set back, and makes nobody wait.
    """
    within = sorted(moment for moment in sent if now - limit.span < moment <= now)
    return within[-limit.most] + limit.span if len(within) >= limit.most else None
