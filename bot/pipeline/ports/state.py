"""The state: the intake that stores digests, papers and notices, and tokens."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from bot.domain.backlog import Rule, SourceHistory
from bot.domain.delivery import Delivery, State
from bot.domain.digests import Change, Digest
from bot.domain.notices import Noticed
from bot.domain.papers import Paper, PaperId
from bot.domain.query import Document


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
    source: str = ""
    """The source that brought it."""
    history: SourceHistory | None = None
    """The source's history after the look that brought it."""
    backlog: frozenset[PaperId] = frozenset()
    """Those of its papers that are backlog of the source."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FileMark:
    """What a file holds; `error` tells why it gives no digest."""

    name: str
    sha256: str
    error: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanningRun:
    """The planning of what some digests changed, over all subscribers in the order of their ids."""

    number: int
    made_at: datetime
    rule: Rule
    cursor: str
    """The last subscriber that it was planned for; empty for none yet."""
    papers: int
    """How many papers changed."""
    source: str | None = None
    """The source whose backlog it plans."""

    @property
    def told(self) -> bool:
        """False where matches are only noticed: of an import nothing is sent."""
        return self.rule != "import"


class Known(Protocol):
    """What the state knows, inside a transaction or outside."""

    def version(self) -> str:
        """Changes with papers and notices."""
        ...

    def digests_known(self, hashes: Iterable[str]) -> frozenset[str]:
        """Those of the contents that were taken in before."""
        ...

    def papers(self, ids: Iterable[PaperId]) -> dict[PaperId, Paper]:
        """Those of them that are stored."""
        ...

    def registered(self) -> frozenset[str]:
        """Every subscriber that the state knows."""
        ...

    def backlog(self) -> dict[str, int | None]:
        """Registered subscribers who are not onboarded, with how many matches of the backlog they are to get."""
        ...

    def subscriptions(self) -> dict[str, str]:
        """By registered subscriber the marks of the subscriptions that were onboarded."""
        ...

    def source_history(self, source: str) -> SourceHistory | None:
        """The past of the source; None for one that has brought nothing yet."""
        ...

    def noticed(
        self, papers: Iterable[PaperId], subscribers: Iterable[str] | None = None
    ) -> dict[str, dict[PaperId, tuple[str, ...]]]:
        """Every notice on these papers, or those of these subscribers."""
        ...


class Transaction(Known, Protocol):
    """Everything in here is stored together or not at all; nobody else writes meanwhile."""

    def every_paper(self) -> Iterator[Paper]:
        """All papers, newest first, without holding them all."""
        ...

    def save_digests(self, taken: Sequence[TakenDigest], now: datetime) -> None:
        """Store that these files' contents were taken in, with which papers they named and their problems."""
        ...

    def save_files(self, files: Sequence[FileMark]) -> None:
        """Store what these files hold: content that was taken in before, or content that is no digest."""
        ...

    def save_papers(
        self,
        papers: Sequence[Paper],
        now: datetime,
        *,
        changed: bool,
        documents: Mapping[PaperId, Document] | None = None,
    ) -> None:
        """Insert or replace; with `changed`, those that were stored before get a new `changed_at`.

        Papers are folded to be searched, but for those of which there are `documents`, which know their words.
        """
        ...

    def register(self, subscriptions: Mapping[str, str], backlog: int | None, now: datetime) -> None:
        """Make subscribers known who are not, each with so many matches of the backlog to come (None: all), and with
        the marks of their subscriptions.
        """
        ...

    def onboarded(self, names: Collection[str]) -> None:
        """Write down that these subscribers got their part of the backlog."""
        ...

    def resubscribed(self, subscriptions: Mapping[str, str]) -> None:
        """Write down which subscriptions of these subscribers were onboarded."""
        ...

    def save_source(self, source: str, history: SourceHistory) -> None:
        """Store what the source has brought."""
        ...

    def backlog_shares(self, source: str, subscribers: Collection[str], share: int) -> dict[str, int]:
        """How many matches of the source's backlog each of these subscribers is still to get, of `share` each.

        0 where they were registered after the source brought its first: they got theirs then.
        """
        ...

    def save_shares(self, source: str, left: Mapping[str, int]) -> None:
        """Write down how many matches of the source's backlog these subscribers are still to get."""
        ...

    def begin_run(
        self, changes: Sequence[Change], now: datetime, *, rule: Rule, source: str | None = None
    ) -> PlanningRun:
        """Store a planning run of these changes, whose papers are stored; it stays open until it is finished."""
        ...

    def open_run(self) -> PlanningRun | None:
        """The oldest run that is not finished: what is to be planned next."""
        ...

    def is_being_planned(self, papers: Collection[PaperId]) -> bool:
        """Whether one of these papers is in a run that is not finished."""
        ...

    def advance(self, run: PlanningRun, cursor: str) -> None:
        """Write down that the run was planned up to this subscriber."""
        ...

    def finish(self, run: PlanningRun, now: datetime) -> None:
        """Write down that the run was planned for everybody."""
        ...

    def new_run(self, now: datetime, rule: Rule | None = None) -> int:
        """The number of a run that is finished with this transaction."""
        ...

    def planned(self, keys: Iterable[str]) -> dict[str, State]:
        """The state of those deliveries that exist."""
        ...

    def save_notices(self, new: Noticed, run: int, *, extended: Noticed | None = None) -> None:
        """Insert what was not noticed before; what was, and is `extended`, gets its subscriptions replaced."""
        ...

    def plan(self, deliveries: Sequence[Delivery], run: int) -> int:
        """Insert the rows whose keys are new, in the given order, and say how many those were."""
        ...


class Intake(Known, Protocol):
    """Where digests and what follows from them are stored. Each look outside of a transaction is at one moment."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """A transaction that alone may write; stored when the block ends, forgotten when it raises."""
        ...

    def unregistered(self, names: AbstractSet[str]) -> AbstractSet[str]:
        """Those of the names that are no subscriber whom the state knows."""
        ...

    def known_files(self) -> Mapping[str, str]:
        """File name to SHA-256 of its content as last taken in."""
        ...

    def open_runs(self) -> tuple[PlanningRun, ...]:
        """Planning runs that are not finished, oldest first; of very many the oldest."""
        ...

    def changes_of(self, run: PlanningRun) -> tuple[Change, ...]:
        """What the run plans, with the papers as they are now."""
        ...
