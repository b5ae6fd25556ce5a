"""How fast a service lets us send: strict sliding windows, as values with the time as an argument.

A message fills its place in a window from the moment it is handed over until the window's span has passed
since its answer came. The service saw it in between, so that however long the way takes, no window of the
service's own ever holds more than is allowed.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """At most `most` messages within any `span`."""

    most: int
    span: timedelta

    def __post_init__(self) -> None:
        if self.most < 1 or self.span <= timedelta(0):
            raise ValueError(f"{self.most} messages in {self.span} is no pace")


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """What was sent lately under one limit: `under_way` without an answer yet, and when the others got theirs."""

    limit: Limit
    under_way: int = 0
    ended: tuple[datetime, ...] = ()
    """Oldest first."""

    def at(self, now: datetime) -> "Window":
        """The window without what no longer counts; a clock that was set back makes nobody wait for it."""
        if not self.ended or (self.ended[0] > now - self.limit.span and self.ended[-1] <= now):
            return self
        return replace(self, ended=tuple(min(one, now) for one in self.ended if one > now - self.limit.span))

    def free_at(self, now: datetime) -> datetime | None:
        """The first moment at which one more may be sent; None where that depends on an answer still to come."""
        seen = self.at(now)
        surplus = len(seen.ended) + seen.under_way - seen.limit.most
        if surplus < 0:
            return now
        return seen.ended[surplus] + seen.limit.span if surplus < len(seen.ended) else None

    def begun(self, now: datetime) -> "Window":
        """With one more under way."""
        seen = self.at(now)
        return replace(seen, under_way=seen.under_way + 1)

    def over(self, now: datetime, *, messages: int = 1) -> "Window":
        """With one less under way, which the service counts as so many messages: none where it took nothing."""
        seen = self.at(now)
        return replace(
            seen, under_way=max(seen.under_way - 1, 0), ended=(*seen.ended, *(now for _ in range(messages)))
        )

    def idle(self, now: datetime) -> bool:
        """True where it says nothing that a new window would not say."""
        seen = self.at(now)
        return not seen.ended and not seen.under_way
