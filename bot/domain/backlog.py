"""Backlog: which digests of a source are news, and which are older than what it brought before.

A *look* is everything new that a source brings at one time. It is judged by the days of its digests and by what the
source brought before.

A source is *young* until it has brought nothing for a while: an archive that is being copied is seen in many looks. So
of a young source two days at most are news, and everything else that it brings is backlog.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from bot.domain.digests import Digest
from bot.domain.papers import PaperId

Rule = Literal["news", "backlog", "import", "new subscriber", "new subscription", "asked"]
"""Why something was noticed or planned.

    news               a new digest: all matches are sent
    backlog            a digest older than its source's newest: the newest few matches are sent
    import             `paperboy import`: nothing is sent
    new subscriber     stored before the subscriber came: the newest few matches are sent
    new subscription   stored before the subscription was made: likewise
    asked              a person asked for it
"""

ASKED: Final[Rule] = "asked"
"""The rule of what no flood guard counts or delays, and no change of a schedule moves."""
BACKLOG_AGE = dt.timedelta(days=7)
"""A day that lies further before the newest day of its source is backlog."""
YOUNG_PAUSE = dt.timedelta(minutes=10)
"""A source that brought nothing for so long is no longer young."""
YOUNG_DAYS = 2
"""Most days of a young source that are news."""
UNDATED_PAPERS = 100
"""A file with more undated papers than this is backlog when it is first seen: it holds a history."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceHistory:
    """History of a source: when it brought digests, and of which days."""

    first_at: dt.datetime
    """Moment at which its first digest was taken in."""
    last_at: dt.datetime
    newest: dt.date | None = None
    """The newest day that it brought."""
    young: bool = False
    announced: frozenset[dt.date] = frozenset()
    """The days that were news while it was young."""

    def with_days(self, days: Collection[dt.date], now: dt.datetime) -> "SourceHistory":
        """The history after digests of these days.

        A day far in the future is a mistake and left out: everything after it would be backlog.
        """
        possible = [day for day in days if day <= now.date() + BACKLOG_AGE]
        newest = max(filter(None, (self.newest, *possible)), default=None)
        return replace(self, last_at=now, newest=newest)

    def after(self, stored: "SourceHistory | None") -> "SourceHistory":
        """This history joined with what another process has stored meanwhile."""
        if stored is None:
            return self
        newest = max(filter(None, (self.newest, stored.newest)), default=None)
        return replace(self, first_at=stored.first_at, newest=newest)


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """Judgement of a look: which of it is backlog, and the source's history after it."""

    all_backlog: bool
    several_days_backlog: bool
    """A new file with rows of several days is backlog, since its source is new or young."""
    backlog_before: dt.date | None
    """Papers of earlier days are backlog; None: of no day."""
    history: SourceHistory


def look_at(
    history: SourceHistory | None, days: Collection[dt.date], now: dt.datetime, *, imported: bool = False
) -> Look:
    """Judge a look that brings digests of these days; `history` is None for the first look at a source."""
    if imported:
        known = history or SourceHistory(first_at=now, last_at=now)
        return Look(
            all_backlog=True,
            several_days_backlog=True,
            backlog_before=None,
            history=known.with_days(days, now),
        )
    if history is None:
        new = SourceHistory(first_at=now, last_at=now, young=True)
        return _look_at_young(new, frozenset(days), now, before=None)
    before = history.newest - BACKLOG_AGE if history.newest else None
    if history.young and now - history.last_at < YOUNG_PAUSE:
        return _look_at_young(history, frozenset(days), now, before=before)
    grown = replace(history, young=False).with_days(days, now)
    return Look(all_backlog=False, several_days_backlog=False, backlog_before=before, history=grown)


def _look_at_young(
    history: SourceHistory, days: frozenset[dt.date], now: dt.datetime, *, before: dt.date | None
) -> Look:
    announced = history.announced | days
    all_backlog = len(days) > 1 or len(announced) > YOUNG_DAYS
    grown = history.with_days(days, now)
    return Look(
        all_backlog=all_backlog,
        several_days_backlog=True,
        backlog_before=before,
        history=grown if all_backlog else replace(grown, announced=announced),
    )


def days_of(digest: Digest) -> Mapping[PaperId, dt.date | None]:
    """The day of each paper of a digest: the row's own, else the digest's."""
    return {entry.id: entry.date or digest.date for entry in digest.entries}


def backlog_of(digest: Digest, look: Look, *, seen_before: bool) -> frozenset[PaperId]:
    """The papers of a digest that are backlog; `seen_before` where its file was read before, with other content."""
    days = days_of(digest)
    dated = {day for day in days.values() if day is not None}
    if look.all_backlog or (look.several_days_backlog and not seen_before and len(dated) > 1):
        return frozenset(days)
    undated = [paper for paper, day in days.items() if day is None]
    old = [paper for paper, day in days.items() if day and look.backlog_before and day < look.backlog_before]
    is_history = not seen_before and len(undated) > UNDATED_PAPERS
    return frozenset([*old, *undated] if is_history else old)
