"""The state's records, to look back on: what was read, what was noticed, and what became of it."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from bot.domain.delivery import Kind, State
from bot.domain.digests import DigestKind
from bot.domain.papers import Paper, PaperId


@dataclass(frozen=True, kw_only=True, slots=True)
class Sifted:
    """The papers of some days that passed a first look, newest first, and how many were looked at."""

    newest: dt.date | None
    """The newest digest's day, from which the days are counted back; None while nothing was read."""
    oldest: dt.date | None
    """The day of the oldest paper looked at."""
    searched: int
    papers: tuple[Paper, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class DigestRecord:
    """A digest that was taken in; `entries` counts the papers that it names."""

    name: str
    kind: DigestKind
    date: dt.date | None
    entries: int
    problems: tuple[tuple[int, str], ...]
    """(line, what)."""
    read_at: dt.datetime
    papers: tuple[PaperId, ...] = ()
    """The papers that it names, in its order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NoticeRecord:
    """That a paper was noticed for somebody, when first, and by which subscriptions."""

    subscriptions: tuple[str, ...]
    noticed_at: dt.datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryRecord:
    """A row of the outbox, with the service's name for the message it went out in."""

    key: str
    target: str
    kind: Kind
    paper: PaperId
    part: str
    state: State
    due_at: dt.datetime
    attempts: int
    error: str | None
    message: str | None
    created_at: dt.datetime
    settled_at: dt.datetime | None


class Records(Protocol):
    """Looking back on the state. Each method sees one moment of it."""

    def sift(self, days: int, wanted: Callable[[str], bool]) -> Sifted:
        """The papers of the last days for whose raw text `wanted` says so, or whose text it cannot be asked of.

        In the raw text each word of the paper stands as written, among other things.
        """
        ...

    def newest_day(self) -> dt.date | None:
        """The day of the newest digest."""
        ...

    def digests(self) -> tuple[DigestRecord, ...]:
        """All digests, oldest day first; those without a day last."""
        ...

    def digests_on(self, paper: PaperId) -> tuple[DigestRecord, ...]:
        """The digests that named the paper, oldest day first."""
        ...

    def papers_of(self, day: dt.date) -> tuple[PaperId, ...]:
        """The papers that the digests of that day named, in their order, each once."""
        ...

    def unreadable(self) -> dict[str, str]:
        """Files that gave no digest, with why."""
        ...

    def notices_on(self, subscriber: str, papers: Iterable[PaperId]) -> dict[PaperId, NoticeRecord]: ...

    def deliveries_on(self, subscriber: str, papers: Iterable[PaperId]) -> tuple[DeliveryRecord, ...]:
        """Everything planned for the subscriber on these papers, in the order in which it was planned."""
        ...

    def registered_at(self, subscriber: str) -> dt.datetime | None:
        """When the subscriber was first seen in the configuration; None for one who was not yet."""
        ...

    def being_planned(self, subscriber: str) -> frozenset[PaperId]:
        """Changed papers that are not planned for the subscriber yet."""
        ...

    def suspended(self, targets: Iterable[str]) -> Mapping[str, str]:
        """Those of the places that are suspended, with why."""
        ...
