"""Delivery reports: what a mail server says of a mail after it took it over, and what follows for its address."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["gone", "soft", "complaint"]
"""The address does not exist; it cannot be reached for now; its owner calls our mail spam."""

SOFT_DAYS = 5
"""On so many days an address could not be reached: then it is suspended."""
FORGOTTEN_AFTER = dt.timedelta(days=14)
"""After so long without trouble an address begins anew."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryReport:
    """A report as it was read. `tokens` stand in the addresses that it names, and may be forged; `what` is one line."""

    verdict: Verdict
    tokens: tuple[str, ...]
    what: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SoftBounces:
    """Days on which an address could not be reached: how many, and the last one."""

    days: int
    last: dt.date

    @property
    def are_too_many(self) -> bool:
        return self.days >= SOFT_DAYS


def with_bounce(before: SoftBounces | None, day: dt.date) -> SoftBounces:
    """The days with this one. Reports of one day count once: each attempt of a server makes one."""
    if before is None or day - before.last > FORGOTTEN_AFTER:
        return SoftBounces(days=1, last=day)
    if day <= before.last:
        return before
    return SoftBounces(days=before.days + 1, last=day)
