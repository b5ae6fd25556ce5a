"""Ports: interfaces that the pipeline asks of the world.

Each method says order, atomicity and errors. Stores by topic are in `papers`, `outbox` and `quizzes`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from bot.domain.channels import Capabilities, ChannelKind
from bot.domain.digests import Digest
from bot.domain.feeds import Feed
from bot.domain.message import Begin, OutgoingMessage, Receipt, unrecorded
from bot.domain.reports import DeliveryReport

Beside = Callable[[str], bytes | None]
"""The name of a file in the same folder to how it begins; None where there is none."""
Reader = Callable[[bytes, str, Beside], Digest]
"""The bytes of a file, its name, and what lies beside it, to a digest; raises NotADigest."""


class Clock(Protocol):
    """Clock: the only source of the present time."""

    def now(self) -> datetime:
        """This moment, aware, UTC."""
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

        Awaits `begin` once, right before the request by which the message may arrive: when the process dies after
        that, nobody knows whether it did. Raises a DeliveryError and nothing else for what can go wrong
        outside; sending the same message again gives the same bytes.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


class FeedWriter(Protocol):
    """Writer of feed files."""

    def write(self, name: str, feed: Feed) -> bool:
        """Replace the feed file of that name whole or not at all; False where its bytes were the same."""
        ...

    def remove(self, name: str) -> None:
        """Forget the feed file of that name; silent where there is none."""
        ...


class IndexFile(Protocol):
    """File of the index of all subscriptions; a cache that can always be built anew."""

    def read(self) -> bytearray | None:
        """All that was written last; None where nothing was. Raises IndexUnusable where it cannot be read."""
        ...

    def write(self, data: bytes) -> None:
        """Replace the whole, also where the power fails meanwhile. Raises IndexUnusable where that cannot be."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Update:
    """One raw update of the chat service, as stored before it is confirmed."""

    id: int
    body: str
    """JSON, as received."""


class UpdateStore(Protocol):
    """The stored updates: kept first, confirmed to the service after, answered at most once."""

    def keep_updates(self, updates: Sequence[Update], now: datetime) -> None:
        """Store them all in one transaction; those already known are left alone."""
        ...

    def unanswered_updates(self, limit: int) -> tuple[Update, ...]:
        """The oldest updates that are not taken yet, in order."""
        ...

    def take_update(self, update_id: int, now: datetime) -> bool:
        """Mark the update as handled; False where it is already."""
        ...

    def last_update(self) -> int | None:
        """The id of the update received last: the service is asked for the ones after it.

        Not the highest of all: after a quiet week the service begins anew anywhere.
        """
        ...


class ReportBox(Protocol):
    """Box of delivery reports: a folder or a mailbox that they arrive in."""

    def read(self, take: Callable[[DeliveryReport], object]) -> None:
        """Give each unread report to `take`, oldest first, and mark it as read when that returns.

        What is no report stays as it is. Raises ReportsUnreadable.
        """
        ...


TokenPurpose = Literal["feed", "preferences", "unsubscribe", "return", "confirm"]
"""What a token opens; one of `return` names a target in the address that its undeliverable mails come back to."""


class TokenStore(Protocol):
    """Secret tokens, each for one purpose and subject; derived, and compared by their hash."""

    def issue(self, purpose: TokenPurpose, subject: str) -> str:
        """The token of that subject, the same each time until it is revoked: 128 bits, URL-safe."""
        ...

    def subject(self, purpose: TokenPurpose, token: str) -> str | None:
        """The subject of the token; None for any other text."""
        ...
