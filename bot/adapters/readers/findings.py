"""What a reader gathers on its way through one document, and the limits that hold for all of them."""

import datetime as dt
from collections.abc import Mapping

from bot.adapters.readers.document import Document, find_date
from bot.domain.digests import Digest, DigestKind, Problem
from bot.domain.errors import DigestTooLarge
from bot.domain.papers import Entry, PaperId

MAX_PAPERS = 10_000
MAX_PROBLEMS = 100


class Findings:
    """Entries, one per paper in the file's order, and problems with the place where they are."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._entries: dict[PaperId, Entry] = {}
        self._problems = list(document.problems)
        self._added = 0
        self._unnamed = 0

    def add(self, entry: Entry, *, at: int) -> None:
        """Keeps the entry; a paper's second entry is a problem. Raises DigestTooLarge over MAX_PAPERS."""
        self._added += 1
        if self._added > MAX_PAPERS:
            raise self._too_large(at, "papers")
        if entry.id in self._entries:
            self.problem(at, f"{entry.id} stands here a second time; the first is kept")
        else:
            self._entries[entry.id] = entry

    def problem(self, at: int, what: str) -> None:
        """Names what is wrong at the character `at`; beyond MAX_PROBLEMS they are only counted.

        Raises DigestTooLarge where there is no end to them.
        """
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(Problem(line=self._document.line(at), what=what))
            return
        self._unnamed += 1
        if self._unnamed > MAX_PAPERS:
            raise self._too_large(at, "problems")

    def _too_large(self, at: int, what: str) -> DigestTooLarge:
        place = f"{self._document.name}:{self._document.line(at)}"
        return DigestTooLarge(f"{place}: more than {MAX_PAPERS:,} {what}; split the file")

    def digest(
        self,
        kind: DigestKind,
        *,
        date: dt.date | None,
        empty_at: int,
        tips: Mapping[str, str] | None = None,
    ) -> Digest:
        """The digest as found, its problems in line order; `empty_at` is where papers would stand."""
        if not self._entries:
            self.problem(empty_at, "no papers in this digest")
        if date is None:
            date = find_date(self._document.name)
            taken = "; taken from the file's name" if date else ""
            self.problem(0, f"no date in the heading{taken}")
        problems = sorted(self._problems, key=lambda problem: problem.line)
        if self._unnamed:
            problems.append(Problem(line=problems[-1].line, what=f"and {self._unnamed} more problems"))
        return Digest(
            kind=kind,
            date=date,
            entries=tuple(self._entries.values()),
            tips=tips or {},
            problems=tuple(problems),
        )
