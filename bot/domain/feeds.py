"""Feeds as values, which writers turn into documents; their ids; and the months of the archive."""

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
    """A feed; entries are newest first. `self_url` is None where the feed is not served.

    `previous` is the address of the archive document before this one (RFC 5005 §4); an archive document has the address of
    the `current` feed. `hub` is told of changes (WebSub).
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


_FIRST_WEEK = timedelta(days=7)


def archive_month(day: date | None, first_seen: datetime, installed: datetime) -> date:
    """The first day of the month in whose archive document a paper stands.

    For papers that an installation reads in its first week, which are history, it is the month of their own day; for
    later ones that in which they were first seen, so that a past month gets no more papers.
    """
    seen = first_seen.date()
    chosen = min(day or seen, seen) if first_seen <= installed + _FIRST_WEEK else seen
    return chosen.replace(day=1)


def is_closed(month: date, now: datetime, installed: datetime) -> bool:
    """True where the archive document of that month gets no more papers."""
    return month < now.date().replace(day=1) and now > installed + _FIRST_WEEK


def entry_id(authority: str, paper: PaperId) -> str:
    """`tag:AUTHORITY:paper/ID` (RFC 4151); `authority` is `name,year`."""
    return f"tag:{authority}:paper/{paper}"


def feed_id(authority: str, name: str) -> str:
    """The permanent id of the feed of that name (`all`, or `subscriber/ID`); ASCII, lower case."""
    return f"tag:{authority}:feed/{quote(name.lower(), errors='replace').lower()}"
