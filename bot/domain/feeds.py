"""Feeds as values, which a writer turns into documents."""

from dataclasses import dataclass
from datetime import datetime
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
    """Entries newest first. `self_url` is None where nobody serves the feed."""

    id: str
    title: str
    updated: datetime
    entries: tuple[FeedEntry, ...]
    self_url: str | None = None
    site_url: str | None = None
    language: str = "en"


def entry_id(authority: str, paper: PaperId) -> str:
    """`tag:AUTHORITY:paper/ID` (RFC 4151); `authority` is `name,year`."""
    return f"tag:{authority}:paper/{paper}"


def feed_id(authority: str, name: str) -> str:
    """The permanent id of the feed of that name (`all`, or `subscriber/ID`); ASCII, lower case."""
    return f"tag:{authority}:feed/{quote(name.lower(), errors='replace').lower()}"
