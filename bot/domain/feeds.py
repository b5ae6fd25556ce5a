"""Feeds as values, which a writer turns into documents; and the months of the archive."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import quote

from bot.domain.notices import Reason
from bot.domain.papers import Paper, PaperId


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedEntry:
    """One paper in a feed; `updated` moves only when the paper gained something (RFC 4287 §4.2.15)."""

    id: str
    paper: Paper
    published: datetime
    updated: datetime
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Feed:
    """Entries newest first. `self_url` is None where nobody serves the feed.

    `previous` is the newest document of the archive, or the one before (RFC 5005 §4); a document of the archive
    itself names the `current` feed. `hub` is told of changes (WebSub).
    """

    id: str
    title: str
    updated: datetime
    entries: tuple[FeedEntry, ...]
    self_url: str | None = None
    site_url: str | None = None
    language: str = "en"
    previous: str | None = None
    current: str | None = None
    hub: str | None = None


_SETTLING = timedelta(days=7)


def archive_month(day: date | None, first_seen: datetime, installed: datetime) -> date:
    """The first day of the month in whose document of the archive a paper stands.

    That is the month of its own day for what an installation reads in its first week, which is history, and for
    everything later the month in which it was first seen, so that nothing is added to a month that is over.
    """
    seen = first_seen.date()
    chosen = day if day and day < seen and first_seen <= installed + _SETTLING else seen
    return chosen.replace(day=1)


def is_closed(month: date, now: datetime, installed: datetime) -> bool:
    """True where no paper can come into the document of that month any more."""
    return month < now.date().replace(day=1) and now > installed + _SETTLING


def entry_id(authority: str, paper: PaperId) -> str:
    """`tag:AUTHORITY:paper/ID` (RFC 4151); `authority` is `name,year`."""
    return f"tag:{authority}:paper/{paper}"


def feed_id(authority: str, name: str) -> str:
    """The permanent id of the feed of that name (`all`, or `subscriber/ID`); ASCII, lower case."""
    return f"tag:{authority}:feed/{quote(name.lower(), errors='replace').lower()}"
