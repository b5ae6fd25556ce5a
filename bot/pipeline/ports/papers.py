"""Papers as they are stored, to read."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.domain.notices import Rarity
from bot.domain.papers import Paper, PaperId


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredPaper:
    """A paper as the state holds it; `changed_at` is when it last gained something."""

    paper: Paper
    first_seen_at: datetime
    changed_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class NoticedPaper:
    """A stored paper and the subscriptions that it was noticed for."""

    stored: StoredPaper
    subscriptions: tuple[str, ...]


class PaperStore(Protocol):
    """The stored papers, and the notices of a subscriber on them."""

    def newest(self, limit: int) -> tuple[StoredPaper, ...]:
        """The newest papers by digest date, then in the digest's order."""
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
