"""Feeds: all papers, and each subscriber's own, built from the state."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, time

from bot.domain.audience import Audience
from bot.domain.errors import DeliveryError
from bot.domain.feeds import Feed, FeedEntry, entry_id, feed_id
from bot.domain.notices import Reason
from bot.domain.papers import PaperId
from bot.domain.subscriptions import Subscriber
from bot.pipeline.ports import FeedWriter, Intake, Noted, Shelf, StoredPaper, Tokens
from bot.pipeline.roster import Roster

_log = logging.getLogger(__name__)

EVERYTHING = "all"
_MOST_CACHED = 20_000
_CachedEntry = tuple[Noted, FeedEntry]
"""A notice with its paper as it was then, and the entry made from both."""
_NO_NEWS = datetime(2026, 1, 1, tzinfo=UTC)
"""`updated` of a feed without entries: a fixed moment, so that its bytes stay the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """Settings of all feeds; `authority` (RFC 4151) begins their ids, `entries` is the most a feed holds."""

    title: str
    url: str
    authority: str
    entries: int


class FeedBuilder:
    """Builds feeds from the state, newest papers first."""

    def __init__(self, shelf: Shelf, tokens: Tokens, roster: Roster, site: Site) -> None:
        self._shelf = shelf
        self._tokens = tokens
        self._roster = roster
        self._site = site
        self._cache: dict[tuple[str, PaperId], _CachedEntry] = {}
        self._cache_audience: Audience | None = None

    def everything(self) -> Feed:
        """The feed of all papers."""
        entries = tuple(self._entry(stored, ()) for stored in self._shelf.newest(self._site.entries))
        return self._feed(EVERYTHING, self._site.title, entries, "/feed.atom")

    def of(self, subscriber: Subscriber) -> Feed:
        """A subscriber's own feed: their notices, with the reasons."""
        noted = self._shelf.noted(subscriber.id, self._site.entries)
        # The reasons of a `like:` subscription change with every paper: such entries cannot be cached.
        changing = any(subscription.like for subscription in subscriber.subscriptions)
        entry = self._personal if changing else self._cached
        entries = tuple(entry(subscriber, notice) for notice in noted)
        token = self._tokens.issue("feed", subscriber.id)
        title = f"{self._site.title}: {subscriber.id}"
        return self._feed(f"subscriber/{subscriber.id}", title, entries, f"/feeds/{token}.atom")

    def behind(self, token: str) -> Feed | None:
        """The private feed of the token; None for an unknown token or where its subscriber has no feed."""
        name = self._tokens.subject("feed", token)
        subscriber = self._roster.subscriber(name) if name else None
        return self.of(subscriber) if subscriber and subscriber.has_feed else None

    def write_all(self, writer: FeedWriter) -> int:
        """Write every feed file whose content changed; gives how many."""
        written = int(writer.write(EVERYTHING, self.everything()))
        for subscriber in self._roster.audience.subscribers.values():
            if subscriber.has_feed:
                written += writer.write(subscriber.id, self.of(subscriber))
        return written

    def write_for(self, writer: FeedWriter, name: str) -> bool:
        """Write one subscriber's feed file; False where nobody of that name has a feed any more."""
        subscriber = self._roster.subscriber(name)
        if subscriber is None or not subscriber.has_feed:
            return False
        writer.write(name, self.of(subscriber))
        return True

    def edition(self) -> str:
        """Version of all feeds: changes with the stored papers and with the subscriptions."""
        return f"{self._shelf.edition()}-{self._roster.audience.fingerprint}"

    def _cached(self, subscriber: Subscriber, noted: Noted) -> FeedEntry:
        """The entry, made once: each time a feed is written, most of its entries are the same."""
        audience = self._roster.audience
        if audience is not self._cache_audience or len(self._cache) > _MOST_CACHED:
            self._cache, self._cache_audience = {}, audience
        key = subscriber.id, noted.stored.paper.id
        cached = self._cache.get(key)
        if cached is not None and cached[0] == noted:
            return cached[1]
        entry = self._personal(subscriber, noted)
        self._cache[key] = noted, entry
        return entry

    def _personal(self, subscriber: Subscriber, noted: Noted) -> FeedEntry:
        paper = noted.stored.paper
        return self._entry(noted.stored, self._roster.reasons(subscriber, paper, noted.subscriptions))

    def _feed(self, name: str, title: str, entries: tuple[FeedEntry, ...], path: str) -> Feed:
        return Feed(
            id=feed_id(self._site.authority, name),
            title=title,
            updated=max((entry.updated for entry in entries), default=_NO_NEWS),
            entries=entries,
            self_url=self._site.url.rstrip("/") + path,
            site_url=self._site.url,
        )

    def _entry(self, stored: StoredPaper, why: tuple[Reason, ...]) -> FeedEntry:
        day = stored.paper.date
        seen = stored.first_seen_at
        published = datetime.combine(day, time(), UTC) if day else seen
        return FeedEntry(
            id=entry_id(self._site.authority, stored.paper.id),
            paper=stored.paper,
            published=min(published, seen),
            updated=stored.changed_at,
            reasons=why,
        )


def remove_orphan_feeds(intake: Intake, audience: Audience, writer: FeedWriter) -> tuple[str, ...]:
    """Remove the feed files of known subscribers without a feed now; gives their ids.

    Their notices stay: a subscriber who comes back has the same feed as before.
    """
    known = intake.met()
    kept = {
        EVERYTHING,
        *(subscriber.id.casefold() for subscriber in audience.subscribers.values() if subscriber.has_feed),
    }
    orphans = tuple(sorted(name for name in known if name.casefold() not in kept))
    for name in orphans:
        try:
            writer.remove(name)
        except DeliveryError as error:
            _log.warning("feed.not_removed", extra={"subscriber": name, "error": str(error)})
    return orphans
