"""The incidents that are open, and the bulletins that tell people of them."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol, runtime_checkable

from bot.domain.alarms import Incident
from bot.domain.bulletins import Bulletin, BulletinState
from bot.domain.delivery import Receipt
from bot.domain.subscriptions import ChannelKind


class IncidentChange(Protocol):
    """Everything in here is stored together or not at all; nobody else changes incidents meanwhile."""

    def open_incidents(self) -> tuple[Incident, ...]:
        """All that are open, in the order in which they were kept."""
        ...

    def keep_incidents(self, incidents: Sequence[Incident]) -> None:
        """Replace all that are open by these."""
        ...

    def plan_bulletins(self, bulletins: Sequence[Bulletin]) -> int:
        """Insert those whose keys are new, in the given order, and say how many those were."""
        ...


class Incidents(Protocol):
    """Where open incidents are kept."""

    def open_incidents(self) -> tuple[Incident, ...]:
        """All that are open, in the order in which they were kept."""
        ...

    def change(self) -> AbstractContextManager[IncidentChange]:
        """A transaction; stored when the block ends, forgotten when it raises."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimedBulletin:
    """A bulletin under a lease until that moment; `attempts` counts this try."""

    number: int
    bulletin: Bulletin
    attempts: int
    until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class BulletinEnd:
    """How a try ended. `pending` goes again, no sooner than `due_at`; `counted` is false where it was no try."""

    claimed: ClaimedBulletin
    state: Literal["pending", "sent", "uncertain", "dead"]
    error: str | None = None
    due_at: datetime | None = None
    counted: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class UntoldBulletin:
    """A bulletin that has not arrived for sure, as the operator sees it."""

    target: str
    subject: str
    state: BulletinState
    error: str | None
    created_at: datetime


class Bulletins(Protocol):
    """The bulletins' own outbox. Every method is one transaction."""

    def claim_bulletins(
        self, now: datetime, *, lease: timedelta, limit: int, kinds: Collection[ChannelKind]
    ) -> tuple[ClaimedBulletin, ...]:
        """At most one for each place that is due, oldest first; of a place the oldest that is still open.

        They are `sending` until settled, or `uncertain` when the lease ends first.
        """
        ...

    def settle_bulletins(self, ends: Sequence[BulletinEnd], now: datetime) -> None:
        """Write down how tries ended.

        One that is under this lease no longer is left as it is, unless it was sent: then it was. So an end may
        be told twice, and late, whoever has the bulletin by now.
        """
        ...

    def expire_bulletins(self, now: datetime) -> int:
        """Turn those whose lease has ended `uncertain`, and say how many."""
        ...

    def next_bulletin(self, kinds: Collection[ChannelKind]) -> datetime | None:
        """When on these channels the next one is due, or a lease ends; None where nothing waits."""
        ...

    def untold_bulletins(self, since: datetime) -> tuple[UntoldBulletin, ...]:
        """Those that wait, and those that were uncertain or given up since then, oldest first."""
        ...

    def thin_bulletins(self, before: datetime) -> int:
        """Forget those that ended before that moment, and say how many."""
        ...


@runtime_checkable
class Teller(Protocol):
    """A way out that takes bulletins as well."""

    async def tell(self, bulletin: Bulletin) -> Receipt:
        """The service's receipt once it has taken the bulletin over; raises a DeliveryError and nothing else
        for what can go wrong outside.
        """
        ...


Tellers = Mapping[ChannelKind, Teller]
