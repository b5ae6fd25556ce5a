"""Backlog: which digests of a source are news, and which are older than what it had brought already.

A *look* is everything new that a source brings at one time. Nothing here reads a clock or a state: what a look is, is
decided from the days that it brings and from what its source has brought before.

A source is *young* until it has brought nothing for a while. A copy of an archive may be seen in many looks, each
with a part of it; so a young source is told for two days at most, and all the rest that it brings is its backlog.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from bot.domain.digests import Digest
from bot.domain.papers import PaperId

Rule = Literal["news", "backlog", "import", "new subscriber", "new subscription", "asked"]
"""Why something was noticed or planned.

    news               a digest that is new: told whole
    backlog            a digest older than its source's newest: the newest few matches are sent
    import             `paperboy import`: nothing is sent
    new subscriber     was there before the subscriber was: the newest few matches are sent
    new subscription   was there before the subscription was: likewise
    asked              a person asked for it
"""

BACKLOG_AGE = dt.timedelta(days=7)
"""A day that lies further before the newest that its source brought is backlog."""
YOUNG_PAUSE = dt.timedelta(minutes=10)
"""A source that brought nothing for so long is no longer young."""
YOUNG_DAYS = 2
"""So many days of a young source are told whole."""
UNDATED_PAPERS = 100
"""A file with more papers than this, none of them dated, holds a history when it is seen first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceHistory:
    """The past of a source: when it brought digests, and of which days."""

    first_at: dt.datetime
    """When its first digest was taken in."""
    last_at: dt.datetime
    newest: dt.date | None = None
    """The newest day that it brought."""
    young: bool = False
    announced: frozenset[dt.date] = frozenset()
    """The days that were told whole while it was young."""

    def with_days(self, days: Collection[dt.date], now: dt.datetime) -> "SourceHistory":
        """The history after these days were taken in as well.

        A day far in the future is a mistake, which must not make backlog of all that follows.
        """
        possible = [day for day in days if day <= now.date() + BACKLOG_AGE]
        newest = max(filter(None, (self.newest, *possible)), default=None)
        return replace(self, last_at=now, newest=newest)

    def after(self, stored: "SourceHistory | None") -> "SourceHistory":
        """This history where another process may have stored what it knows meanwhile."""
        if stored is None:
            return self
        newest = max(filter(None, (self.newest, stored.newest)), default=None)
        return replace(self, first_at=stored.first_at, newest=newest)


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """A look, judged: which of it is backlog, and the source's history after it."""

    whole: bool
    """All of it is backlog."""
    several: bool
    """A file with rows of several days is backlog as well: its source is new or young."""
    before: dt.date | None
    """What lies before this day is backlog."""
    history: SourceHistory


def look_at(
    history: SourceHistory | None, days: Collection[dt.date], now: dt.datetime, *, imported: bool = False
) -> Look:
    """Judge a look that brings digests of these days; `history` is None for the first look at a source."""
    if imported:
        begun = history or SourceHistory(first_at=now, last_at=now)
        return Look(whole=True, several=True, before=None, history=begun.with_days(days, now))
    if history is None:
        begun = SourceHistory(first_at=now, last_at=now, young=True)
        return _look_at_young(begun, frozenset(days), now, before=None)
    before = history.newest - BACKLOG_AGE if history.newest else None
    if history.young and now - history.last_at < YOUNG_PAUSE:
        return _look_at_young(history, frozenset(days), now, before=before)
    grown = replace(history, young=False).with_days(days, now)
    return Look(whole=False, several=False, before=before, history=grown)


def _look_at_young(
    history: SourceHistory, days: frozenset[dt.date], now: dt.datetime, *, before: dt.date | None
) -> Look:
    announced = history.announced | days
    whole = len(days) > 1 or len(announced) > YOUNG_DAYS
    grown = history.with_days(days, now)
    return Look(
        whole=whole,
        several=True,
        before=before,
        history=grown if whole else replace(grown, announced=announced),
    )


def days_of(digest: Digest) -> Mapping[PaperId, dt.date | None]:
    """The day of each paper of a digest: the row's own, else the digest's."""
    return {entry.id: entry.date or digest.date for entry in digest.entries}


def backlog_of(digest: Digest, look: Look, *, seen_before: bool) -> frozenset[PaperId]:
    """The papers of a digest that are backlog; `seen_before` where its file was taken in with other content."""
    days = days_of(digest)
    dated = {day for day in days.values() if day is not None}
    if look.whole or (look.several and not seen_before and len(dated) > 1):
        return frozenset(days)
    undated = [paper for paper, day in days.items() if day is None]
    old = [paper for paper, day in days.items() if day and look.before and day < look.before]
    is_history = not seen_before and len(undated) > UNDATED_PAPERS
    return frozenset([*old, *undated] if is_history else old)
