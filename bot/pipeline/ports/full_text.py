"""The full-text store: finds papers by the folded words that they have."""

import datetime as dt
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from bot.domain.papers import Paper, PaperId
from bot.domain.query import Document
from bot.domain.query.needs import Bounds, Need


class PaperWindow(Protocol):
    """The papers of some days, by number, newest first, in one snapshot of the state."""

    version: str
    """Changes whenever papers do."""
    newest: dt.date | None
    """The day of the newest digest; None while nothing was read."""

    @property
    def oldest(self) -> dt.date | None:
        """The day of the oldest paper that has one."""
        ...

    def __len__(self) -> int:
        """The number of papers."""
        ...

    def day(self, number: int) -> dt.date | None:
        """The date of a paper."""
        ...

    def matching(self, bounds: Bounds, matches: Callable[[Document], bool], *, with_texts: bool) -> list[int]:
        """The numbers of the papers that match, newest first; `matches` is called only for those that the bounds leave open."""
        ...

    def candidates(self, need: Need | None, *, without: Container[int] = ()) -> list[int]:
        """The numbers of the papers that may meet the need (None: of every paper), newest first."""
        ...

    def documents(self, numbers: Iterable[int], *, with_texts: bool) -> Iterator[tuple[int, Document]]:
        """The documents of these papers, in that order; without texts they have only their folded words."""
        ...

    def ids(self, numbers: Iterable[int]) -> dict[int, PaperId]:
        """The ids of these papers, by number."""
        ...

    def texts(self, numbers: Iterable[int]) -> Iterator[tuple[int, PaperId, Document]]:
        """Number, id and document of these papers, in that order."""
        ...

    def papers(self, numbers: Iterable[int]) -> Iterator[tuple[Paper, Document]]:
        """The papers with these numbers, in that order, with their documents."""
        ...

    def count(self, need: Need) -> int:
        """The number of papers that meet the need."""
        ...

    def has(self, need: Need) -> bool:
        """Whether any stored paper, of any day, meets the need."""
        ...

    def words_from(self, beginning: str) -> list[str]:
        """The folded words with that beginning, in papers of any day; the store may look at the newest alone."""
        ...


class FullTextStore(Protocol):
    """Store of the folded words of all papers, with an index of them. Every window is one transaction."""

    def last_days(self, days: int) -> AbstractContextManager[PaperWindow]:
        """The papers of so many days back from the newest digest, and those without a date."""
        ...
