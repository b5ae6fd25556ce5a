"""Digests, papers and notices as the state keeps them: the stores and their records."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from bot.domain.backlog import Rule, SourceHistory
from bot.domain.delivery import Delivery, State
from bot.domain.digests import Change, Digest, DigestKind
from bot.domain.notices import Notices, Rarity
from bot.domain.papers import Paper, PaperId
from bot.domain.query import Document


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredPaper:
    """A paper and its times; `changed_at` is when it last gained something."""

    paper: Paper
    first_seen_at: datetime
    changed_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class NoticedPaper:
    """A stored paper and the subscriptions that it was noticed for."""

    stored: StoredPaper
    subscriptions: tuple[str, ...]


class PaperStore(Protocol):
    """Store of papers, and of a subscriber's notices on them."""

    def newest(self, limit: int, start: int = 0) -> tuple[StoredPaper, ...]:
        """The newest papers by digest date, then in the digest's order; from number `start` on."""
        ...

    def days(self) -> Mapping[date | None, int]:
        """How many papers each day has, newest day first, then (None) how many have no day.

        A paper has its own day, and the day of each digest that named it.
        """
        ...

    def on_day(self, day: date) -> tuple[StoredPaper, ...]:
        """The papers of that day, as `days` counts them, in the order in which they were first read."""
        ...

    def undated(self, limit: int) -> tuple[StoredPaper, ...]:
        """The first papers without a day, in the order in which they were first read."""
        ...

    def first_seen(self) -> Sequence[tuple[PaperId, date | None, datetime]]:
        """Each paper's id and day, and when it was first seen; in the order in which they were first read."""
        ...

    def every_paper(self) -> Iterator[Paper]:
        """All papers, newest first, without holding them all."""
        ...

    def stored(self, ids: Iterable[PaperId]) -> dict[PaperId, StoredPaper]:
        """Those of the papers that are stored."""
        ...

    def noticed(self, subscriber: str, limit: int) -> tuple[NoticedPaper, ...]:
        """The newest papers noticed for a subscriber."""
        ...

    def with_notices(self, subscriber: str, papers: Iterable[PaperId]) -> dict[PaperId, NoticedPaper]:
        """Those of the papers that are stored, with what was noticed for a subscriber; in one look."""
        ...

    def notices_on(self, subscriber: str, papers: Iterable[PaperId]) -> dict[PaperId, tuple[str, ...]]:
        """The subscriptions that each of the papers was noticed for; papers without a notice are left out."""
        ...

    def rarity(self, subscriber: str) -> Rarity:
        """How often each of the subscriber's subscriptions was noticed so far."""
        ...

    def version(self) -> str:
        """Changes whenever any of the above may answer differently."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class DigestRecord:
    """A digest that was taken in; `entries` counts the papers that it names."""

    name: str
    kind: DigestKind
    date: date | None
    entries: int
    problems: tuple[tuple[int, str], ...]
    """(line, what)."""
    read_at: datetime
    papers: tuple[PaperId, ...] = ()
    """The papers that it names, in its order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NoticeRecord:
    """Notice of a paper for a subscriber: by which subscriptions, and when first."""

    subscriptions: tuple[str, ...]
    noticed_at: datetime
    rule: Rule | None = None
    """Why it was noticed."""
    source: str | None = None
    """The source whose backlog it was in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadDigest:
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
    """A file and the hash of its content; `error` says why it gives no digest.

    `is_no_digest`: it is plainly none, so that nobody need look at it.
    """

    name: str
    sha256: str
    error: str | None = None
    is_no_digest: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanningRun:
    """Planning run: the planning of some changes for all subscribers, in the order of their ids."""

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
    def sends(self) -> bool:
        """False where matches are only noticed and nothing is sent: an import."""
        return self.rule != "import"


class StateView(Protocol):
    """Look-ups that ingest needs, inside a transaction or outside."""

    def version(self) -> str:
        """Changes with papers and notices."""
        ...

    def digests_known(self, hashes: Iterable[str]) -> frozenset[str]:
        """The hashes of contents that were taken in before."""
        ...

    def papers(self, ids: Iterable[PaperId]) -> dict[PaperId, Paper]:
        """The papers with these ids that are stored."""
        ...

    def registered(self) -> frozenset[str]:
        """The ids of all registered subscribers."""
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

    def is_being_planned(self, papers: Collection[PaperId]) -> bool:
        """Whether one of these papers is in a run that is not finished."""
        ...

    def noticed(
        self, papers: Iterable[PaperId], subscribers: Iterable[str] | None = None
    ) -> dict[str, dict[PaperId, tuple[str, ...]]]:
        """Every notice on these papers, or those of these subscribers."""
        ...


class IngestTransaction(StateView, Protocol):
    """Transaction of one ingest: stored together or not at all; nobody else writes meanwhile."""

    def every_paper(self) -> Iterator[Paper]:
        """All papers, newest first, without holding them all."""
        ...

    def save_digests(self, read: Sequence[ReadDigest], now: datetime) -> None:
        """Store the digests, with the papers that they name and their problems, and their files."""
        ...

    def save_files(self, files: Sequence[FileMark]) -> None:
        """Store the hashes of files whose content was taken in before or is no digest."""
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

        The papers' words are stored to be searched; `documents` spare folding those papers that they are of.
        """
        ...

    def register(self, subscriptions: Mapping[str, str], backlog: int | None, now: datetime) -> None:
        """Register subscribers, with the marks of their subscriptions; each is to get the newest `backlog` matches of
        what is stored (None: all).
        """
        ...

    def onboarded(self, names: Collection[str]) -> None:
        """Mark these subscribers as onboarded."""
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

    def advance(self, run: PlanningRun, cursor: str) -> None:
        """Set the cursor of the run: it is planned up to this subscriber."""
        ...

    def finish(self, run: PlanningRun, now: datetime) -> None:
        """Close the run: it is planned for everybody."""
        ...

    def new_run(self, now: datetime, rule: Rule | None = None) -> int:
        """The number of a run that is finished with this transaction."""
        ...

    def planned(self, keys: Iterable[str]) -> dict[str, State]:
        """The state of those deliveries that exist."""
        ...

    def save_notices(self, new: Notices, run: int, *, extended: Notices | None = None) -> None:
        """Insert the `new` notices; the `extended` ones exist and get these subscriptions."""
        ...

    def plan(self, deliveries: Sequence[Delivery], run: int) -> int:
        """Insert the rows whose keys are new, in the given order, and say how many those were."""
        ...


class DigestStore(StateView, Protocol):
    """Store of digests and of the planning that follows from them. Each look-up sees one moment of the state."""

    def transaction(self) -> AbstractContextManager[IngestTransaction]:
        """A transaction that alone may write; stored when the block ends, forgotten when it raises."""
        ...

    def unregistered(self, names: AbstractSet[str]) -> AbstractSet[str]:
        """The names that are not registered."""
        ...

    def known_files(self) -> Mapping[str, str]:
        """File name to SHA-256 of its content as last taken in."""
        ...

    def open_runs(self) -> tuple[PlanningRun, ...]:
        """Planning runs that are not finished, oldest first; of very many the oldest."""
        ...

    def documents(self, papers: Sequence[Paper]) -> dict[PaperId, Document]:
        """The documents of stored papers, with their words as they were folded."""
        ...

    def changes_of(self, run: PlanningRun) -> tuple[Change, ...]:
        """The changes that the run plans, with the papers as they are now."""
        ...

    def newest_day(self) -> date | None:
        """The day of the newest digest."""
        ...

    def all(self) -> tuple[DigestRecord, ...]:
        """All digests, oldest day first; those without a day last."""
        ...

    def digests_on(self, paper: PaperId) -> tuple[DigestRecord, ...]:
        """The digests that named the paper, oldest day first."""
        ...

    def papers_of(self, day: date) -> tuple[PaperId, ...]:
        """The papers that the digests of that day named, in their order, each once."""
        ...

    def unreadable(self) -> dict[str, str]:
        """Files that gave no digest, with why."""
        ...

    def no_digests(self) -> dict[str, str]:
        """Files that are plainly no digests, such as a README beside them, by name with the reason."""
        ...

    def notice_records(self, subscriber: str, papers: Iterable[PaperId]) -> dict[PaperId, NoticeRecord]:
        """The subscriber's notices of these papers; papers without a notice are left out."""
        ...

    def registered_at(self, subscriber: str) -> datetime | None:
        """When the subscriber was first seen in the configuration; None for one who was not yet."""
        ...

    def being_planned(self, subscriber: str) -> frozenset[PaperId]:
        """Changed papers that are not planned for the subscriber yet."""
        ...
