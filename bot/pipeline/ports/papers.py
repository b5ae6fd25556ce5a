"""The stores of digests, papers and notices, and their records."""

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
    """A paper, when it was first seen, and when it last gained something."""

    paper: Paper
    first_seen_at: datetime
    changed_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class NoticedPaper:
    """A stored paper, with the names of the subscriptions for which it was noticed."""

    stored: StoredPaper
    subscriptions: tuple[str, ...]


class Versioned(Protocol):
    """Version of the papers and notices that a reader sees, inside or outside a transaction."""

    def version(self) -> str:
        """A text that changes whenever papers or notices do, and so whenever a look-up of them may give something else."""
        ...


class PaperStore(Versioned, Protocol):
    """Store of papers, and of a subscriber's notices on them."""

    def every_paper(self) -> Iterator[Paper]:
        """All papers, newest first, read a few at a time."""
        ...

    def newest(self, limit: int, start: int = 0) -> tuple[StoredPaper, ...]:
        """The newest papers, by digest date, then in the digest's order; from number `start` on."""
        ...

    def days(self) -> Mapping[date | None, int]:
        """Number of papers by day, newest first; last the number of those without a day, by None.

        A paper counts on its own day and on the day of each digest that named it.
        """
        ...

    def on_day(self, day: date) -> tuple[StoredPaper, ...]:
        """The papers that `days` counts for that day, in the order in which they were first read."""
        ...

    def undated(self, limit: int) -> tuple[StoredPaper, ...]:
        """The first papers without a day, in the order in which they were first read."""
        ...

    def first_seen(self) -> Sequence[tuple[PaperId, date | None, datetime]]:
        """(id, day, when first seen) of each paper, in the order in which they were first read."""
        ...

    def stored(self, ids: Iterable[PaperId]) -> dict[PaperId, StoredPaper]:
        """Those of the papers that are stored."""
        ...

    def noticed(self, subscriber: str, limit: int) -> tuple[NoticedPaper, ...]:
        """The newest papers noticed for a subscriber."""
        ...

    def with_notices(self, subscriber: str, papers: Iterable[PaperId]) -> dict[PaperId, NoticedPaper]:
        """Those of the papers that are stored, with the subscriber's notices, from one moment of the state."""
        ...

    def notices_on(self, subscriber: str, papers: Iterable[PaperId]) -> dict[PaperId, tuple[str, ...]]:
        """Names of the subscriptions for which each paper was noticed; papers without a notice are left out."""
        ...

    def rarity(self, subscriber: str) -> Rarity:
        """The rarity of the subscriber's subscriptions, by all notices so far."""
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
    """Notice of a paper for a subscriber: for which subscriptions, and when the first time."""

    subscriptions: tuple[str, ...]
    noticed_at: datetime
    rule: Rule | None = None
    """Why it was noticed."""
    source: str | None = None
    """The source whose backlog it was in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadDigest:
    """A digest, and the file from which it was read."""

    name: str
    sha256: str
    digest: Digest
    source: str = ""
    """The source that brought it."""
    history: SourceHistory | None = None
    """The source's history after the look that brought it."""
    backlog: frozenset[PaperId] = frozenset()
    """Those of its papers that are backlog."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FileRecord:
    """A file and the hash of its content; `error` is the reason why it gives no digest.

    `is_no_digest`: it is clearly none, so that the operator need not look at it.
    """

    name: str
    sha256: str
    error: str | None = None
    is_no_digest: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanningRun:
    """Planning run: the planning of some changes for all subscribers, or of all stored papers for some, in the order of
    their ids.
    """

    number: int
    made_at: datetime
    rule: Rule
    cursor: str
    """The last subscriber for whom it was planned; empty for none yet."""
    papers: int
    """Number of papers that it plans."""
    source: str | None = None
    """The source whose backlog it plans."""
    subscribers: tuple[str, ...] | None = None
    """Subscribers, sorted, for whom it plans all papers stored before it; None: it plans changes for all subscribers."""
    last_paper: int = 0
    """Number of the last paper that was stored before such a run."""

    @property
    def sends(self) -> bool:
        """False for an import, whose matches are noticed, but not sent."""
        return self.rule != "import"


class StateView(Versioned, Protocol):
    """Look-ups that ingest needs, inside or outside a transaction."""

    def digests_known(self, hashes: Iterable[str]) -> frozenset[str]:
        """The hashes of contents that were taken in before."""
        ...

    def papers(self, ids: Iterable[PaperId]) -> dict[PaperId, Paper]:
        """The papers with these ids that are stored."""
        ...

    def registered(self) -> frozenset[str]:
        """The ids of all registered subscribers."""
        ...

    def backlog(self, names: Iterable[str] | None = None) -> dict[str, int | None]:
        """Those of all registered subscribers, or of these, who are not onboarded, with the number of matches that they are
        still to get (None: all).
        """
        ...

    def subscriptions(self, names: Iterable[str] | None = None) -> dict[str, str]:
        """Hashes of the onboarded subscriptions (see `pipeline.onboarding`) of all onboarded subscribers, or of these."""
        ...

    def onboarding_shares(self, names: Collection[str]) -> dict[str, int | None]:
        """Number of stored matches that are still to be sent to each of those who are registered (None: all)."""
        ...

    def source_history(self, source: str) -> SourceHistory | None:
        """The history of the source; None for one that has brought nothing yet."""
        ...

    def is_being_planned(self, papers: Collection[PaperId]) -> bool:
        """Whether one of these papers, which are stored, is in a run that is not finished."""
        ...

    def notices(
        self, papers: Iterable[PaperId], subscribers: Iterable[str] | None = None
    ) -> dict[str, dict[PaperId, tuple[str, ...]]]:
        """The notices on these papers, of all subscribers or of these, as the names of the subscriptions by subscriber and paper."""
        ...


class IngestTransaction(StateView, Protocol):
    """Transaction of one ingest, which alone may write."""

    def save_digests(self, read: Sequence[ReadDigest], now: datetime) -> None:
        """Store the digests, the ids of the papers that they name, their problems and their files."""
        ...

    def save_files(self, files: Sequence[FileRecord]) -> None:
        """Store the hashes of files whose content was read before or is no digest."""
        ...

    def save_papers(
        self,
        papers: Sequence[Paper],
        now: datetime,
        *,
        changed: bool,
        documents: Mapping[PaperId, Document] | None = None,
    ) -> None:
        """Insert or replace papers; with `changed`, those that were stored before get a new `changed_at`.

        Their words are stored for searches; papers with a document among `documents` are not folded again.
        """
        ...

    def register(self, names: Collection[str], backlog: int | None, now: datetime) -> None:
        """Register subscribers; each is to get the newest `backlog` stored matches (None: all)."""
        ...

    def onboarded(self, subscriptions: Mapping[str, str]) -> None:
        """Store that these subscribers are onboarded with all their subscriptions, given as hashes."""
        ...

    def being_onboarded(self) -> frozenset[str]:
        """The subscribers of the open runs that plan stored papers to be sent."""
        ...

    def save_onboarding_shares(self, left: Mapping[str, int | None]) -> None:
        """Store the number of stored matches that these subscribers are still to get."""
        ...

    def save_source(self, source: str, history: SourceHistory) -> None:
        """Store the history of the source."""
        ...

    def backlog_shares(self, source: str, subscribers: Collection[str], share: int) -> dict[str, int]:
        """Number of matches of the source's backlog that are still to be sent to each subscriber, of `share` each.

        0 for subscribers who were registered after the source's first digest: onboarding gave them theirs.
        """
        ...

    def save_shares(self, source: str, left: Mapping[str, int]) -> None:
        """Store the number of matches of the source's backlog that these subscribers are still to get."""
        ...

    def begin_run(
        self, changes: Sequence[Change], now: datetime, *, rule: Rule, source: str | None = None
    ) -> PlanningRun:
        """Store a planning run of these changes, whose papers are stored already; it is open until `finish`."""
        ...

    def begin_stored_run(self, subscribers: Sequence[str], now: datetime, *, rule: Rule) -> PlanningRun:
        """Store a planning run of all papers that are stored now, for these subscribers; it is open until `finish`."""
        ...

    def open_run(self) -> PlanningRun | None:
        """The oldest open run, which is planned next."""
        ...

    def advance(self, run: PlanningRun, cursor: str) -> None:
        """Set the cursor of the run, which is planned up to this subscriber."""
        ...

    def finish(self, run: PlanningRun, now: datetime) -> None:
        """Close the run, which is planned for everybody."""
        ...

    def new_run(self, now: datetime, rule: Rule | None = None) -> int:
        """Store a run that ends with this transaction; gives its number."""
        ...

    def planned(self, keys: Iterable[str]) -> dict[str, State]:
        """The state of those deliveries that exist."""
        ...

    def save_notices(self, new: Notices, run: int, *, extended: Notices | None = None) -> None:
        """Insert the `new` notices; replace the names of the `extended` ones, which exist."""
        ...

    def plan(self, deliveries: Sequence[Delivery], run: int) -> int:
        """Insert the rows whose keys are new, in the given order; gives their number."""
        ...


class DigestStore(StateView, Protocol):
    """Store of digests, and of planning runs. Each look-up sees one moment of the state."""

    def transaction(self) -> AbstractContextManager[IngestTransaction]:
        """A transaction that alone may write; committed when the block ends, rolled back when it raises."""
        ...

    def unregistered(self, names: AbstractSet[str]) -> AbstractSet[str]:
        """The names that are not registered."""
        ...

    def known_files(self) -> Mapping[str, str]:
        """SHA-256 of the content of each file when it was last read, by file name."""
        ...

    def open_runs(self) -> tuple[PlanningRun, ...]:
        """Open planning runs, oldest first; of very many only the oldest."""
        ...

    def documents(self, papers: Sequence[Paper]) -> dict[PaperId, Document]:
        """The documents of stored papers, made from their stored words."""
        ...

    def changes_of(self, run: PlanningRun) -> tuple[Change, ...]:
        """The changes of a run that plans changes, with the papers as they are now."""
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
        """The papers that the digests of that day named, in the digests' order, each once."""
        ...

    def unreadable(self) -> dict[str, str]:
        """Reasons why files gave no digest, by file name."""
        ...

    def no_digests(self) -> dict[str, str]:
        """Reasons why files are clearly no digests, such as a README, by file name."""
        ...

    def notice_records(self, subscriber: str, papers: Iterable[PaperId]) -> dict[PaperId, NoticeRecord]:
        """The subscriber's notices of these papers; papers without a notice are left out."""
        ...

    def registered_at(self, subscriber: str) -> datetime | None:
        """Moment at which the subscriber was registered; None for one who is not yet."""
        ...

    def being_planned(self, subscriber: str) -> frozenset[PaperId]:
        """Papers of open runs that are not planned for the subscriber yet."""
        ...
