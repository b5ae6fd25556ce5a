"""The state: the intake that stores digests, papers and notices, and tokens."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from bot.domain.delivery import Delivery, State
from bot.domain.digests import Digest
from bot.domain.fanout import Fanout
from bot.domain.notices import Noticed
from bot.domain.papers import Paper, PaperId


class Tokens(Protocol):
    """Secrets that open one thing each; derived, and compared by their hash."""

    def issue(self, purpose: Literal["feed", "unsubscribe"], subject: str) -> str:
        """The token of that subject, the same each time until it is revoked: 128 bits, URL-safe."""
        ...

    def subject(self, purpose: Literal["feed", "unsubscribe"], token: str) -> str | None:
        """What the token opens; None for any other text."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class TakenDigest:
    """A digest and the file it was read from."""

    name: str
    sha256: str
    digest: Digest


@dataclass(frozen=True, kw_only=True, slots=True)
class FileMark:
    """What a file holds; `error` tells why it gives no digest."""

    name: str
    sha256: str
    error: str | None = None


NOT_NEW = -1
"""The opening of a subscriber who has been here before."""


class Transaction(Protocol):
    """Everything in here is stored together or not at all; nobody else writes meanwhile."""

    def digests_known(self, hashes: Iterable[str]) -> frozenset[str]:
        """Those of the contents that were taken in before."""
        ...

    def papers(self, ids: Iterable[PaperId]) -> dict[PaperId, Paper]:
        """Those of them that are stored."""
        ...

    def every_paper(self) -> Iterator[Paper]:
        """All papers, newest first, without holding them all."""
        ...

    def save_digests(self, taken: Sequence[TakenDigest], now: datetime) -> None:
        """Store that these files' contents were taken in, with which papers they named and their problems."""
        ...

    def save_files(self, files: Sequence[FileMark]) -> None:
        """Store what these files hold: content that was taken in before, or content that is no digest."""
        ...

    def save_papers(self, papers: Sequence[Paper], now: datetime, *, changed: bool) -> None:
        """Insert or replace; with `changed`, those that were stored before get a new `changed_at`."""
        ...

    def openings(self) -> dict[str, int | None]:
        """Subscribers who are new, with how many first matches they are still to get (None: all)."""
        ...

    def met(self) -> frozenset[str]:
        """Every subscriber that the state knows."""
        ...

    def save_openings(self, openings: Mapping[str, int | None], now: datetime) -> None:
        """Insert or replace; NOT_NEW means that the subscriber is new no longer."""
        ...

    def planned(self, keys: Iterable[str]) -> dict[str, State]:
        """The state of those deliveries that exist."""
        ...

    def noticed(self, papers: Iterable[PaperId]) -> dict[str, dict[PaperId, tuple[str, ...]]]:
        """Every notice on these papers."""
        ...

    def save_notices(self, noticed: Noticed, now: datetime) -> None:
        """Insert; one that exists gets its subscriptions replaced."""
        ...

    def plan(self, deliveries: Sequence[Delivery], now: datetime) -> int:
        """Insert the rows whose keys are new, in the given order, and say how many those were."""
        ...

    def fan_out(self, parts: Sequence[Fanout], now: datetime) -> None:
        """Store plans for many people as they are: the outbox writes them out, in this order."""
        ...


class Intake(Protocol):
    """Where digests and what follows from them are stored."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """A transaction that alone may write; stored when the block ends, forgotten when it raises.

        Everything that was fanned out before is written out in it first.
        """
        ...

    def met(self) -> frozenset[str]:
        """Every subscriber that the state knows."""
        ...

    def unmet(self, names: AbstractSet[str]) -> AbstractSet[str]:
        """Those of the names that are no subscriber whom the state knows."""
        ...

    def openings(self) -> dict[str, int | None]:
        """As in a transaction: who is new."""
        ...

    def known_files(self) -> Mapping[str, str]:
        """File name to SHA-256 of its content as last taken in."""
        ...
