"""The preference store: what people set in chats and on the web, the papers that they saved, and open proposals."""

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
    """A paper that somebody saved, and when."""

    paper: PaperId
    saved_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """An offer that waits for a button: `kind` says of what, `values` what is needed to carry it out.

    `address` is the chat that may accept it.
    """

    id: str
    kind: str
    address: str
    values: Mapping[str, str] = field(default_factory=dict)


class PreferenceStore(Protocol):
    """Choices by subscriber, saved papers by owner. Every method is one transaction."""

    def revision(self) -> int:
        """Grows with every change of anybody's choices."""
        ...

    def choices(self, subscriber: str) -> Choices:
        """Everything that the subscriber set; NOTHING for somebody who set nothing."""
        ...

    def all_choices(self) -> tuple[int, dict[str, Choices]]:
        """The revision, and by subscriber what each set."""
        ...

    def change(self, subscriber: str, change: ChangeChoices, now: datetime) -> Choices:
        """Replace what the subscriber set by what `change` makes of it; nobody else changes it meanwhile.

        What `change` raises ends it, with nothing stored; where it changes nothing, the revision stays.
        """
        ...

    def save_paper(self, owner: str, paper: PaperId, now: datetime) -> bool:
        """Save a stored paper for the owner; False where it was saved already, or is not stored."""
        ...

    def unsave_paper(self, owner: str, paper: PaperId) -> bool:
        """False where it was not saved."""
        ...

    def saved(self, owner: str) -> tuple[SavedPaper, ...]:
        """The papers that the owner saved, the last first."""
        ...

    def propose(self, proposal: Proposal, now: datetime) -> None:
        """Keep an offer until somebody takes it, or it is pruned; one with the same id is replaced."""
        ...

    def withdraw(self, proposal_id: str) -> Proposal | None:
        """Forget the offer with this id, and give it; None where there is none."""
        ...

    def proposal(self, proposal_id: str) -> Proposal | None:
        """The offer with this id; None for any other text."""
        ...

    def reschedule(self, subscriber: Subscriber, now: datetime) -> int:
        """Give the subscriber's waiting deliveries the moments at which new ones would go out; how many changed.

        Those that were tried or asked for stay as they are, and so do edits and alarms.
        """
        ...

    def forget(self, subscriber: str, person: int | None, now: datetime, *, whole: bool) -> dict[str, int]:
        """Remove what is stored of the person, and say how many rows of what kind that were.

        `whole`: the subscriber is not in the configuration, so what was planned and sent goes too. Without `person`
        (a Telegram user) only what hangs on the subscriber.
        """
        ...

    def remains(self, subscriber: str, person: int | None) -> dict[str, int]:
        """How many rows of each table still name the subscriber or the person; those without any are left out."""
        ...
