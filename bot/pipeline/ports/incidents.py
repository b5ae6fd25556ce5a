"""Stores of incidents and of stopped channels."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.domain.channels import ChannelKind
from bot.domain.incidents import Incident
from bot.domain.message import WrittenDelivery


@dataclass(frozen=True, kw_only=True, slots=True)
class Stop:
    """Stop of a channel: why, since when and until when."""

    reason: str
    since: datetime
    until: datetime


class IncidentView(Protocol):
    """Look-up of incidents, inside or outside a transaction."""

    def open_incidents(self) -> tuple[Incident, ...]:
        """All open incidents, in the order in which they were stored."""
        ...


class IncidentChange(IncidentView, Protocol):
    """Transaction over the open incidents; nobody else changes incidents meanwhile."""

    def keep_incidents(self, incidents: Sequence[Incident]) -> None:
        """Replace all open incidents by these."""
        ...

    def plan(self, planned: Sequence[WrittenDelivery], now: datetime) -> int:
        """Insert the deliveries whose keys are new, with their texts; gives their number."""
        ...


class IncidentStore(IncidentView, Protocol):
    """Store of open incidents and stopped channels."""

    def change(self) -> AbstractContextManager[IncidentChange]:
        """A transaction; committed when the block ends, rolled back when it raises."""
        ...

    def stop_channel(self, kind: ChannelKind, reason: str, until: datetime, now: datetime) -> None:
        """Stop the channel until `until`.

        One that is stopped already keeps its beginning, and the later of the two ends.
        """
        ...

    def open_channel(self, kind: ChannelKind) -> None:
        """End the stop of the channel."""
        ...

    def stopped_channels(self) -> dict[ChannelKind, Stop]:
        """The stopped channels, with their stops."""
        ...
