"""The state's records, to look back on: what was read, what was noticed, and what became of it."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from bot.domain.backlog import Rule
from bot.domain.digests import DigestKind
from bot.domain.papers import PaperId


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
    rule: Rule | None = None
    """Why it was noticed."""
    source: str | None = None
    """The source whose backlog it was in."""


class Records(Protocol):
    """Looking back on the state. Each method sees one moment of it."""

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

    def registered_at(self, subscriber: str) -> dt.datetime | None:
        """When the subscriber was first seen in the configuration; None for one who was not yet."""
        ...

    def being_planned(self, subscriber: str) -> frozenset[PaperId]:
        """Changed papers that are not planned for the subscriber yet."""
        ...
