"""The preference store: people's choices, the papers that they saved, and open proposals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from bot.domain.papers import PaperId
from bot.domain.preferences import Choices
from bot.domain.subscriptions import Subscriber

ChangeChoices = Callable[[Choices], Choices]


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedPaper:
    """A paper that somebody saved."""

    paper: PaperId
    saved_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """A proposal that waits for the press of a button in the chat `address`: its kind, and the values needed to carry it out."""

    id: str
    kind: str
    address: str
    values: Mapping[str, str] = field(default_factory=dict)


class PreferenceStore(Protocol):
    """Store of choices by subscriber, and of saved papers by owner. Every method is one transaction."""

    def revision(self) -> int:
        """A number that grows with every change of choices."""
        ...

    def choices(self, subscriber: str) -> Choices:
        """The subscriber's choices; NOTHING where there are none."""
        ...

    def all_choices(self) -> tuple[int, dict[str, Choices]]:
        """The revision, and all choices by subscriber."""
        ...

    def change(self, subscriber: str, change: ChangeChoices, now: datetime) -> Choices:
        """Replace the subscriber's choices by what `change` makes of them; no other change comes in between.

        Where `change` raises, nothing is stored; where it changes nothing, the revision stays.
        """
        ...

    def save_paper(self, owner: str, paper: PaperId, now: datetime) -> bool:
        """Save a stored paper for the owner; False where it was saved already, or is not stored."""
        ...

    def unsave_paper(self, owner: str, paper: PaperId) -> bool:
        """Remove a paper from the saved ones; False where it was not among them."""
        ...

    def saved(self, owner: str) -> tuple[SavedPaper, ...]:
        """The papers that the owner saved, last saved first."""
        ...

    def propose(self, proposal: Proposal, now: datetime) -> None:
        """Store a proposal until it is withdrawn or pruned; it replaces one with the same id."""
        ...

    def withdraw(self, proposal_id: str) -> Proposal | None:
        """Delete the proposal with this id and return it; None where there is none."""
        ...

    def proposal(self, proposal_id: str) -> Proposal | None:
        """The proposal with this id; None where there is none."""
        ...

    def reschedule(self, subscriber: Subscriber, now: datetime) -> int:
        """Set the due times of the subscriber's waiting deliveries as for new ones; gives the number of those that changed.

        Deliveries that were tried or asked for, edits and alarms stay as they are.
        """
        ...

    def forget(self, subscriber: str, person: int | None, now: datetime, *, whole: bool) -> dict[str, int]:
        """Delete what is stored of the person; gives the number of rows by kind.

        `whole`: the subscriber is not configured, so what was planned and sent is deleted too. Without `person` (a Telegram
        user) only rows of the subscriber are.
        """
        ...

    def remains(self, subscriber: str, person: int | None) -> dict[str, int]:
        """Number of rows in each table that still name the subscriber or the person; tables without any are left out."""
        ...
