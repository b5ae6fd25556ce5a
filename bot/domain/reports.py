"""Delivery reports: the fate of a mail after the server accepted it, and what follows for its address."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

ReportKind = Literal["gone", "soft", "complaint"]
"""`gone`: the address does not exist; `soft`: it cannot be reached for now; `complaint`: its owner reported spam."""

SOFT_DAYS = 5
"""An address that could not be reached on so many days is suspended."""
FORGOTTEN_AFTER = dt.timedelta(days=14)
"""Time without a bounce after which the days are counted anew."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryReport:
    """A delivery report. `tokens` are from the addresses in it, and may be forged; `what` is its reason on one line."""

    kind: ReportKind
    tokens: tuple[str, ...]
    what: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SoftBounces:
    """Number of days on which an address could not be reached, and the last of them."""

    days: int
    last: dt.date

    @property
    def are_too_many(self) -> bool:
        return self.days >= SOFT_DAYS


def with_bounce(before: SoftBounces | None, day: dt.date) -> SoftBounces:
    """The count with this day. A day counts once, as a server sends a report for each attempt."""
    if before is None or day - before.last > FORGOTTEN_AFTER:
        return SoftBounces(days=1, last=day)
    if day <= before.last:
        return before
    return SoftBounces(days=before.days + 1, last=day)
