"""Flood guard: limits on the messages of one kind that a target gets unasked within a time window.

What a person asked for, edits and alarms are not counted and never wait. Further messages wait until the window has
room, and then go out together.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.domain.channels import Limit
from bot.domain.delivery import DeliveryKind

_WINDOW = timedelta(minutes=10)
FloodGuard = Mapping[DeliveryKind, Limit]
FLOOD_GUARD: FloodGuard = {"alert": Limit(most=3, span=_WINDOW), "quiz": Limit(most=9, span=_WINDOW)}
NO_GUARD: FloodGuard = {}


def full_until(sent: Sequence[datetime], limit: Limit, now: datetime) -> datetime | None:
    """When the window has room again, after messages sent at these moments; None where it has room now.

    Moments after `now`, which come from a clock that was set back, are not counted.
    """
    within = sorted(moment for moment in sent if now - limit.span < moment <= now)
    return within[-limit.most] + limit.span if len(within) >= limit.most else None
