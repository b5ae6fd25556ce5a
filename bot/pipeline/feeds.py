"""Feeds as they stand: all papers, and each subscriber's own."""

from dataclasses import dataclass
from datetime import UTC, datetime, time

from bot.domain.feeds import Feed, FeedEntry, entry_id, feed_id
from bot.domain.matcher import SubscriptionMatcher
from bot.domain.notices import Reason
from bot.domain.papers import PaperId
from bot.domain.subscriptions import Subscriber
from bot.pipeline.ports import FeedWriter, NoticedPaper, PaperStore, StoredPaper, Tokens
from bot.pipeline.subscribers import SubscriberRegistry

EVERYTHING = "all"
_REMEMBERED = 20_000
_Remembered = tuple[NoticedPaper, FeedEntry]
"""What was noticed, with the paper as it was then, and the entry made of it."""
_NO_NEWS = datetime(2026, 1, 1, tzinfo=UTC)
"""When a feed without entries was last updated: some fixed moment, so that its bytes stay the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """What the settings say about where readers find us."""

    title: str
    url: str
    authority: str
    entries: int


class FeedDesk:
    """Puts feeds together from the state, newest papers first."""

    def __init__(self, papers: PaperStore, tokens: Tokens, roster: SubscriberRegistry, site: Site) -> None:
        self._papers = papers
        self._tokens = tokens
        self._roster = roster
        self._site = site
        self._known: dict[tuple[str, PaperId], _Remembered] = {}
        self._known_for: SubscriptionMatcher | None = None

    def everything(self) -> Feed:
        """The feed of all papers."""
        entries = tuple(self._entry(stored, ()) for stored in self._papers.newest(self._site.entries))
        return self._feed(EVERYTHING, self._site.title, entries, "/feed.atom")

    def of(self, subscriber: Subscriber) -> Feed:
        """A subscriber's own: what was noticed for them, with the reasons."""
        noted = self._papers.noticed(subscriber.id, self._site.entries)
        lasting = not any(
            one.like for one in subscriber.subscriptions
        )  # what is near changes with every paper
        make = self._remembered if lasting else self._personal
        entries = tuple(make(subscriber, one) for one in noted)
        token = self._tokens.issue("feed", subscriber.id)
        title = f"{self._site.title}: {subscriber.id}"
        return self._feed(f"subscriber/{subscriber.id}", title, entries, f"/feeds/{token}.atom")

    def behind(self, token: str) -> Feed | None:
        """The private feed that the token opens."""
        name = self._tokens.subject("feed", token)
        subscriber = self._roster.subscriber(name) if name else None
        return self.of(subscriber) if subscriber and subscriber.has_feed else None

    def write_all(self, writer: FeedWriter) -> int:
        """Write every feed file whose content changed, and count those."""
        written = int(writer.write(EVERYTHING, self.everything()))
        for subscriber in self._roster.matcher.subscribers.values():
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
        """Changes whenever any feed may be another one: with what is stored, and with what people ask for."""
        return f"{self._papers.version()}-{self._roster.matcher.fingerprint}"

    def _remembered(self, subscriber: Subscriber, noted: NoticedPaper) -> FeedEntry:
        """The entry, made once: of a feed's entries only the newest are new each time it is written."""
        matcher = self._roster.matcher
        if matcher is not self._known_for or len(self._known) > _REMEMBERED:
            self._known, self._known_for = {}, matcher
        known = self._known
        before = known.get((subscriber.id, noted.stored.paper.id))
        if before is not None and before[0] == noted:
            return before[1]
        entry = self._personal(subscriber, noted)
        known[subscriber.id, entry.paper.id] = noted, entry
        return entry

    def _personal(self, subscriber: Subscriber, noted: NoticedPaper) -> FeedEntry:
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
