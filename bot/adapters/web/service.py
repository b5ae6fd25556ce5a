"""WebService: everything that the web server reads and changes."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime

from bot.adapters.web.pages import FRONT_PAPERS, Days, ShownPreferences, search_path
from bot.domain.channels import Target
from bot.domain.delivery import UNSUBSCRIBED
from bot.domain.feeds import Feed
from bot.domain.notices import Reason
from bot.domain.papers import Paper, PaperId
from bot.domain.query import Query
from bot.pipeline.feeds import FeedBuilder
from bot.pipeline.finder import PaperFinder
from bot.pipeline.ports import TokenStore
from bot.pipeline.ports.outbox import DeliveryStore, Stop
from bot.pipeline.ports.papers import PaperStore, StoredPaper
from bot.pipeline.preferences import Objection, Preferences
from bot.pipeline.sign_ups import SignUps

_UNDATED = 500


class WebService:
    """Everything that the web server reads and changes, over the stores and the pipeline."""

    def __init__(
        self,
        *,
        papers: PaperStore,
        deliveries: DeliveryStore,
        tokens: TokenStore,
        feeds: FeedBuilder,
        finder: PaperFinder,
        preferences: Preferences,
        sign_ups: SignUps | None = None,
        bot_name: Callable[[], str | None] = lambda: None,
        is_open: bool = False,
        stopped: Callable[[], Mapping[str, Stop]],
        metrics: Callable[[], bytes],
    ) -> None:
        self._papers = papers
        self._deliveries = deliveries
        self._tokens = tokens
        self.feeds = feeds
        self.finder = finder
        self.preferences = preferences
        self.sign_ups = sign_ups
        """Sign-ups by mail; None where nobody can subscribe so."""
        self.bot_name = bot_name
        """The Telegram bot's name, without `@`; None where nobody can talk to one."""
        self.is_open = is_open
        """Whether any visitor may make a private feed."""
        self._stopped = stopped
        self.metrics = metrics
        """The metrics of this process in Prometheus' text format."""

    def troubles(self) -> tuple[str, ...]:
        """Why this installation is not ready; raises StateError where the state does not answer."""
        return tuple(f"the channel {channel} is stopped" for channel in sorted(self._stopped()))

    def version(self) -> str:
        """A short token that changes whenever any feed or page may have changed."""
        return self.feeds.version()

    def days(self) -> Days:
        """How many papers each day has."""
        return self._papers.days()

    def on_day(self, day: date | None) -> tuple[StoredPaper, ...]:
        """The papers of a day; None: those without a day."""
        return self._papers.undated(_UNDATED) if day is None else self._papers.on_day(day)

    def newest_days(self, days: Days) -> Mapping[date | None, Sequence[Paper]]:
        """The papers of the newest days: whole days, as many as are needed for `FRONT_PAPERS` papers."""
        newest: dict[date | None, Sequence[Paper]] = {}
        for day in days:
            if sum(map(len, newest.values())) >= FRONT_PAPERS:
                break
            papers = [stored.paper for stored in self.on_day(day)]
            newest[day] = papers if day else papers[:FRONT_PAPERS]
        return newest

    def newest(self, start: int, limit: int) -> tuple[tuple[Paper, ...], int]:
        """The newest papers of all from number `start` on, and how many there are."""
        papers = tuple(stored.paper for stored in self._papers.newest(limit, start))
        return papers, len(self._papers.first_seen())

    def feed_of(self, query: Query, file: str) -> Feed:
        """The feed of a query; `file` is the name under which it is served."""
        result = self.finder.search(query, limit=self.feeds.entries)
        stored = self._papers.stored([match.paper.id for match in result.matches])
        matches = [
            (stored[match.paper.id], (Reason(subscription=query.text, why=match.why),))
            for match in result.matches
            if match.paper.id in stored
        ]
        return self.feeds.of_query(query.text, matches, search_path(f"/{file}", q=query.text))

    def paper(self, paper_id: PaperId) -> StoredPaper | None:
        return self._papers.stored([paper_id]).get(paper_id)

    def preferences_behind(self, token: str) -> ShownPreferences | None:
        """The preferences that the token opens; None for any other text, and for somebody who is no subscriber now."""
        name = self._tokens.subject("preferences", token)
        subscriber = self.preferences.subscriber(name) if name else None
        if name is None or subscriber is None:
            return None
        feed = f"/feeds/{self._tokens.issue('feed', name)}.atom" if subscriber.has_feed else None
        return ShownPreferences(
            subscriber=subscriber,
            listed=self.preferences.listed(name),
            choices=self.preferences.choices(name),
            feed=feed,
        )

    def objection_behind(self, token: str, paper: PaperId) -> tuple[Objection, ShownPreferences] | None:
        """The objection to a paper of the person whom the token names; None for any other text, and for a paper
        that none of their subscriptions brought.
        """
        preferences = self.preferences_behind(token)
        objection = self.preferences.objection(preferences.subscriber.id, paper) if preferences else None
        return (objection, preferences) if preferences and objection else None

    def preferences_token(self, name: str) -> str:
        """The token of a subscriber's preferences."""
        return self._tokens.issue("preferences", name)

    def unsubscribable(self, token: str) -> Target | None:
        """The target that the token may unsubscribe, also one that it already has; None for any other text."""
        key = self._tokens.subject("unsubscribe", token)
        status = self._deliveries.target(key) if key else None
        return status.target if status else None

    def unsubscribe(self, token: str, now: datetime) -> Target | None:
        """Suspend the token's target for good (idempotent); None for any other text."""
        target = self.unsubscribable(token)
        if target is not None:
            self._deliveries.suspend(target.key, UNSUBSCRIBED, now)
        return target
