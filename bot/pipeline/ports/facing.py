"""What the pipeline offers to those who face people: the conversation and the web server."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.domain.channels import Target
from bot.domain.feeds import Feed
from bot.domain.message import OutgoingMessage
from bot.domain.notices import Reason
from bot.domain.papers import Paper, PaperId
from bot.domain.subscriptions import Subscriber
from bot.pipeline.ports.papers import StoredPaper


@dataclass(frozen=True, kw_only=True, slots=True)
class Update:
    """One raw update of the chat service, as stored before it is confirmed."""

    id: int
    body: str
    """JSON, as received."""


class Updates(Protocol):
    """The stored updates: kept first, confirmed to the service after, answered at most once."""

    def keep_updates(self, updates: Sequence[Update], now: datetime) -> None:
        """Store them all in one transaction; those already known are left alone."""
        ...

    def unanswered_updates(self, limit: int) -> tuple[Update, ...]:
        """The oldest ones that nobody has taken yet, in order."""
        ...

    def take_update(self, update_id: int, now: datetime) -> bool:
        """Mark it as being answered; False where somebody else has it already."""
        ...

    def last_update(self) -> int | None:
        """The id of the newest one received: the service is asked for what follows it.

        Not the highest of all: after a quiet week the service begins anew anywhere.
        """
        ...


class Desk(Protocol):
    """What a conversation may ask and do; `chat` is an address as in `Channel.address`."""

    def subscribers_at(self, chat: str) -> tuple[Subscriber, ...]:
        """Everybody who has this chat as a channel, in configuration order."""
        ...

    def latest_for(self, chat: str, limit: int) -> tuple["Told", ...]:
        """The newest papers that matched for this chat, newest first; any newest ones where it has no subscriber."""
        ...

    def stop(self, chat: str, now: datetime) -> bool:
        """Suspend the chat until it says start again; False where it was unknown or stopped already."""
        ...

    def resume(self, chat: str, now: datetime) -> bool:
        """Take back the chat's suspension, and those of its topics that nobody wished.

        False where there was none.
        """
        ...

    def message(self, name: str, chat: str) -> OutgoingMessage | None:
        """The message of that name as it would be sent now, if it went to this chat; None otherwise."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """A paper with the reasons somebody got or would get it for."""

    paper: Paper
    reasons: tuple[Reason, ...] = ()


class Library(Protocol):
    """What the web server may ask and do."""

    def edition(self) -> str:
        """A short token that changes whenever any feed or page may have changed."""
        ...

    def everything(self) -> Feed:
        """The feed of all papers, newest first, cut to the configured number of entries."""
        ...

    def feed_behind(self, token: str) -> Feed | None:
        """The private feed that the token opens; None for any other text."""
        ...

    def paper(self, paper_id: PaperId) -> StoredPaper | None: ...

    def unsubscribable(self, token: str) -> Target | None:
        """The target that the token may unsubscribe, whether or not it already is; None for any other text."""
        ...

    def unsubscribe(self, token: str, now: datetime) -> Target | None:
        """Suspend the token's target for good (idempotent); None for any other text."""
        ...
