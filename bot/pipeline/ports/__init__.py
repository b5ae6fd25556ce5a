"""Ports: the interfaces through which the pipeline uses the world.

Docstrings of methods state order, atomicity and errors. The stores have a module for each topic.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from bot.domain.channels import Capabilities, ChannelKind
from bot.domain.digests import Digest, ReadNeighbour
from bot.domain.feeds import Feed
from bot.domain.message import Begin, OutgoingMessage, Receipt, unrecorded
from bot.domain.reports import DeliveryReport

DigestReader = Callable[[bytes, str, ReadNeighbour], Digest]
"""A function from the bytes and the name of a file, and the files beside it, to its digest; raises NotADigest."""


class Clock(Protocol):
    """Clock: the only source of the present time."""

    def now(self) -> datetime:
        """The present moment, aware, UTC."""
        ...


class Publisher(Protocol):
    """Publisher of one channel: sends messages and states the channel's capabilities."""

    kind: ChannelKind

    @property
    def capabilities(self) -> Capabilities:
        """Capabilities of the channel; an attribute of the publisher's class, or of one publisher."""
        ...

    async def send(self, message: OutgoingMessage, begin: Begin = unrecorded, /) -> Receipt:
        """Send the message; gives the service's receipt.

        Awaits `begin` once, right before the request by which the message may arrive: if the process dies after that, the
        outcome is unknown. Raises a DeliveryError and nothing else for failures outside of the program. Sending the same
        message again gives the same bytes.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


class FeedWriter(Protocol):
    """Writer of feed files."""

    def write(self, name: str, feed: Feed) -> bool:
        """Replace the feed file of that name atomically; False where its bytes were the same. Raises DeliveryError."""
        ...

    def remove(self, name: str) -> None:
        """Remove the feed file of that name, if there is one. Raises DeliveryError."""
        ...


class IndexFile(Protocol):
    """File of the index of all subscriptions; a cache that can always be built anew."""

    def read(self) -> bytearray | None:
        """The content that was last written; None where there is none. Raises IndexUnusable where it cannot be read."""
        ...

    def write(self, data: bytes) -> None:
        """Replace the content atomically. Raises IndexUnusable where that fails."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Update:
    """One raw update of the chat service, as stored before it is confirmed."""

    id: int
    body: str
    """JSON, as received."""


class UpdateStore(Protocol):
    """Store of updates, which are stored before they are confirmed to the service, and answered at most once."""

    def keep_updates(self, updates: Sequence[Update], now: datetime) -> None:
        """Store all of them in one transaction, except those that are stored already."""
        ...

    def unanswered_updates(self, limit: int) -> tuple[Update, ...]:
        """The oldest updates that are not handled yet, in order."""
        ...

    def take_update(self, update_id: int, now: datetime) -> bool:
        """Mark the update as handled; False where it was already."""
        ...

    def last_update(self) -> int | None:
        """The id of the update received last, after which the service is asked for more.

        It need not be the highest: after a week without updates the service chooses the next id at random
        (https://core.telegram.org/bots/api#update, seen 2026-11).
        """
        ...


class ReportBox(Protocol):
    """Box in which delivery reports arrive: a folder or a mailbox."""

    def read(self, take: Callable[[DeliveryReport], object]) -> None:
        """Pass each unread report to `take`, oldest first, and mark it as read when that returns.

        Other mails are left as they are. Raises ReportsUnreadable.
        """
        ...


TokenPurpose = Literal["feed", "preferences", "unsubscribe", "return", "confirm"]
"""The use of a token; `return` tokens stand for a target in the address to which undeliverable mails return."""


class TokenStore(Protocol):
    """Secret tokens, each for one purpose and subject."""

    def issue(self, purpose: TokenPurpose, subject: str) -> str:
        """The token of that subject, which stays the same until it is revoked; 128 bits, URL-safe."""
        ...

    def subject(self, purpose: TokenPurpose, token: str) -> str | None:
        """The subject of the token; None where it is no token of ours."""
        ...
