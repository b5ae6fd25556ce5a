"""Feeds: of all papers, of queries and of subscribers, built from the state; and their files."""

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time

from bot.domain.channels import FEED
from bot.domain.delivery import channel_wait
from bot.domain.errors import DeliveryError
from bot.domain.feeds import Feed, FeedEntry, archive_month, entry_id, feed_id, is_closed
from bot.domain.incidents import STOPPED
from bot.domain.matcher import SubscriptionMatcher
from bot.domain.notices import Reason
from bot.domain.papers import PaperId
from bot.domain.site import SiteAddresses
from bot.domain.subscriptions import Subscriber
from bot.pipeline.incidents import IncidentLog
from bot.pipeline.ports import FeedWriter, TokenStore
from bot.pipeline.ports.papers import DigestStore, NoticedPaper, PaperStore, StoredPaper
from bot.pipeline.subscribers import SubscriberRegistry

_log = logging.getLogger(__name__)

EVERYTHING = "all"
_MOST_CACHED = 20_000
_CachedEntry = tuple[NoticedPaper, FeedEntry]
"""A notice with its paper, and the entry made from them."""
_NO_NEWS = datetime(2026, 1, 1, tzinfo=UTC)
"""`updated` of a feed without entries: a fixed moment, so that its bytes stay the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedSettings:
    """Settings of all feeds; their ids begin with `authority` (RFC 4151), `entries` is the most that a feed has."""

    title: str
    site: SiteAddresses
    authority: str
    entries: int
    hub: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Archive:
    """The papers of each month of the archive, in the order in which they were first read; and when the first one was."""

    installed: datetime | None
    months: Mapping[date, Sequence[PaperId]]


class FeedBuilder:
    """Builds feeds from the state, newest papers first."""

    def __init__(
        self, papers: PaperStore, tokens: TokenStore, registry: SubscriberRegistry, settings: FeedSettings
    ) -> None:
        self._papers = papers
        self._tokens = tokens
        self._registry = registry
        self._settings = settings
        self._site = settings.site
        self._cache: dict[tuple[str, PaperId], _CachedEntry] = {}
        self._cache_matcher: SubscriptionMatcher | None = None
        self._months: tuple[str, _Archive] | None = None

    @property
    def entries(self) -> int:
        """The most entries of a feed."""
        return self._settings.entries

    def everything(self) -> Feed:
        """The feed of all papers."""
        entries = tuple(self._entry(stored, ()) for stored in self._papers.newest(self._settings.entries))
        feed = self._feed(EVERYTHING, self._settings.title, entries, self._site.public_feed)
        newest = max((entry.updated.date().replace(day=1) for entry in entries), default=date.max)
        return replace(feed, previous=self._archive_url(self._month_before(newest)))

    def month(self, month: date) -> Feed | None:
        """The archive document of the month that begins on that day; None where it has no papers."""
        ids = self._archive().months.get(month)
        if not ids:
            return None
        stored = self._papers.stored(ids)
        entries = tuple(self._entry(stored[paper], ()) for paper in reversed(ids) if paper in stored)
        title = f"{self._settings.title}: {month:%Y-%m}"
        feed = self._feed(f"archive/{month:%Y-%m}", title, entries, self._site.archive(month))
        return replace(
            feed,
            previous=self._archive_url(self._month_before(month)),
            current=self._site.public_feed,
        )

    def is_closed(self, month: date, now: datetime) -> bool:
        """True where the archive document of that month does not change any more."""
        archive = self._archive()
        return archive.installed is not None and is_closed(month, now, archive.installed)

    def months(self) -> tuple[date, ...]:
        """The first days of the archive's months, oldest first."""
        return tuple(sorted(self._archive().months))

    def of_query(
        self, query: str, matches: Iterable[tuple[StoredPaper, tuple[Reason, ...]]], path: str
    ) -> Feed:
        """The feed of a query, from its matches, newest first, with their reasons."""
        entries = tuple(self._entry(stored, why) for stored, why in matches)
        name = f"query/{hashlib.sha256(query.encode()).hexdigest()[:32]}"
        return self._feed(name, f"{self._settings.title}: {query}", entries, self._site.url + path)

    def of_subscriber(self, subscriber: Subscriber) -> Feed:
        """The private feed of a subscriber: their notices, with the reasons."""
        notices = self._papers.noticed(subscriber.id, self._settings.entries)
        # The reasons of a `like:` subscription change with every paper: such entries cannot be cached.
        changing = any(subscription.like for subscription in subscriber.subscriptions)
        entry = self._personal_entry if changing else self._cached_entry
        entries = tuple(entry(subscriber, notice) for notice in notices)
        token = self._tokens.issue("feed", subscriber.id)
        title = f"{self._settings.title}: {subscriber.id}"
        return self._feed(f"subscriber/{subscriber.id}", title, entries, self._site.private_feed(token))

    def of_token(self, token: str) -> Feed | None:
        """The private feed of this token; None for an unknown token or a subscriber without a feed."""
        name = self._tokens.subject("feed", token)
        subscriber = self._registry.subscriber(name) if name else None
        return self.of_subscriber(subscriber) if subscriber and subscriber.has_feed else None

    def write_all(self, writer: FeedWriter) -> int:
        """Write every feed file whose content changed; gives the number of those."""
        written = int(writer.write(EVERYTHING, self.everything()))
        for subscriber in self._registry.subscribers.values():
            if subscriber.has_feed:
                written += writer.write(subscriber.id, self.of_subscriber(subscriber))
        return written

    def write_for(self, writer: FeedWriter, name: str) -> bool:
        """Write a subscriber's feed file; False where the subscriber no longer has a feed."""
        subscriber = self._registry.subscriber(name)
        if subscriber is None or not subscriber.has_feed:
            return False
        writer.write(name, self.of_subscriber(subscriber))
        return True

    def version(self) -> str:
        """Version of all feeds: changes with the stored papers and with the subscriptions."""
        return f"{self._papers.version()}-{self._registry.matcher.fingerprint}"

    def _archive(self) -> "_Archive":
        """The months of the archive, from the cache where no paper has changed since."""
        version = self._papers.version()
        if self._months is None or self._months[0] != version:
            seen = self._papers.first_seen()
            installed = min((moment for _, _, moment in seen), default=None)
            months: dict[date, list[PaperId]] = {}
            for paper, day, moment in seen:
                assert installed is not None  # there is this paper
                months.setdefault(archive_month(day, moment, installed), []).append(paper)
            self._months = version, _Archive(installed=installed, months=months)
        return self._months[1]

    def _month_before(self, month: date) -> date | None:
        """The month of the archive before that one."""
        return max((other for other in self._archive().months if other < month), default=None)

    def _archive_url(self, month: date | None) -> str | None:
        return self._site.archive(month) if month else None

    def _cached_entry(self, subscriber: Subscriber, notice: NoticedPaper) -> FeedEntry:
        """The entry, from the cache where notice and paper are unchanged, as most are from one writing to the next."""
        matcher = self._registry.matcher
        if matcher is not self._cache_matcher or len(self._cache) > _MOST_CACHED:
            self._cache, self._cache_matcher = {}, matcher
        key = subscriber.id, notice.stored.paper.id
        cached = self._cache.get(key)
        if cached is not None and cached[0] == notice:
            return cached[1]
        entry = self._personal_entry(subscriber, notice)
        self._cache[key] = notice, entry
        return entry

    def _personal_entry(self, subscriber: Subscriber, notice: NoticedPaper) -> FeedEntry:
        paper = notice.stored.paper
        return self._entry(notice.stored, self._registry.reasons(subscriber, paper, notice.subscriptions))

    def _feed(self, name: str, title: str, entries: tuple[FeedEntry, ...], self_url: str) -> Feed:
        return Feed(
            id=feed_id(self._settings.authority, name),
            title=title,
            updated=max((entry.updated for entry in entries), default=_NO_NEWS),
            entries=entries,
            self_url=self_url,
            site_url=self._site.url,
            hub=self._settings.hub,
        )

    def _entry(self, stored: StoredPaper, why: tuple[Reason, ...]) -> FeedEntry:
        day = stored.paper.date
        first_seen = stored.first_seen_at
        published = datetime.combine(day, time(), UTC) if day else first_seen
        return FeedEntry(
            id=entry_id(self._settings.authority, stored.paper.id),
            paper=stored.paper,
            published=min(published, first_seen),
            updated=stored.changed_at,
            reasons=why,
        )


class FeedFiles:
    """The files of all feeds. A failure to write them is an incident, and is retried with growing pauses."""

    def __init__(self, feeds: FeedBuilder, writer: FeedWriter, incidents: IncidentLog) -> None:
        self._feeds = feeds
        self._writer = writer
        self._incidents = incidents
        self._failing_since: datetime | None = None
        self._again_at: datetime | None = None
        self.error: str | None = None
        """Why the last writing failed; None where it did not."""

    def write(self, now: datetime) -> int:
        """Write every feed file whose content changed; gives the number of those. Raises StateError."""
        try:
            written = self._feeds.write_all(self._writer)
        except DeliveryError as error:
            self._fail(str(error), now)
            return 0
        self._failing_since = self._again_at = self.error = None
        self._incidents.resolve(FEED, now, STOPPED)
        return written

    def retry(self, now: datetime) -> datetime | None:
        """Write the files again where the last writing failed and its pause is over; gives when the next retry is due."""
        if self._again_at is not None and now >= self._again_at:
            self.write(now)
        return self._again_at

    def _fail(self, why: str, now: datetime) -> None:
        self._failing_since = self._failing_since or now
        self._again_at = now + channel_wait(now - self._failing_since)
        self.error = why
        _log.error("feeds.not_written", extra={"error": why, "again_at": self._again_at})
        self._incidents.report(FEED, why, now)


def remove_orphan_feeds(
    digests: DigestStore, matcher: SubscriptionMatcher, writer: FeedWriter
) -> tuple[str, ...]:
    """Remove the feed files of registered subscribers who no longer have a feed; gives their ids.

    Their notices stay, so that a subscriber who comes back has the same feed as before.
    """
    known = digests.registered()
    needed = {
        EVERYTHING,
        *(subscriber.id.casefold() for subscriber in matcher.subscribers.values() if subscriber.has_feed),
    }
    orphans = tuple(sorted(name for name in known if name.casefold() not in needed))
    for name in orphans:
        try:
            writer.remove(name)
        except DeliveryError as error:
            _log.warning("feed.not_removed", extra={"subscriber": name, "error": str(error)})
    return orphans
