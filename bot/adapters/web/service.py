"""WebService: the interface of the web server to the stores and the pipeline."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime

from bot.adapters.web.pages.layout import path_with
from bot.adapters.web.pages.papers import FRONT_PAPERS, Days
from bot.adapters.web.pages.people import SubscriberPreferences
from bot.domain.channels import CapabilitiesOf, Target
from bot.domain.feeds import Feed
from bot.domain.notices import Reason
from bot.domain.papers import Paper, PaperId
from bot.domain.query import Query
from bot.pipeline.feeds import FeedBuilder
from bot.pipeline.finder import PaperFinder
from bot.pipeline.ports import TokenStore
from bot.pipeline.ports.incidents import Stop
from bot.pipeline.ports.outbox import DeliveryStore
from bot.pipeline.ports.papers import PaperStore, StoredPaper
from bot.pipeline.preferences import Objection, Preferences
from bot.pipeline.sign_ups import SignUps

_MOST_UNDATED = 500


class WebService:
    """Interface of the web server to the stores and the pipeline. Its methods block; the endpoints call them in threads."""

    def __init__(
        self,
        *,
        papers: PaperStore,
        deliveries: DeliveryStore,
        tokens: TokenStore,
        feeds: FeedBuilder,
        finder: PaperFinder,
        preferences: Preferences,
        capabilities: CapabilitiesOf,
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
        self.capabilities = capabilities
        self.sign_ups = sign_ups
        """Sign-ups by mail; None where the site takes none."""
        self.bot_name = bot_name
        """The Telegram bot's name without `@`; None where no bot runs."""
        self.is_open = is_open
        """Whether any visitor may make a private feed."""
        self._stopped = stopped
        self.metrics = metrics
        """The metrics of this process in Prometheus' text format."""

    def unready_reasons(self) -> tuple[str, ...]:
        """Why this installation is not ready; empty where it is. Raises StateError where the state does not answer."""
        return tuple(f"the channel {channel} is stopped" for channel in sorted(self._stopped()))

    def version(self) -> str:
        """A short token that changes whenever any feed or page may have changed."""
        return self.feeds.version()

    def days(self) -> Days:
        """How many papers each day has."""
        return self._papers.days()

    def on_day(self, day: date | None) -> tuple[StoredPaper, ...]:
        """The papers of a day, or with None those without a day."""
        return self._papers.undated(_MOST_UNDATED) if day is None else self._papers.on_day(day)

    def newest_days(self, days: Days) -> Mapping[date | None, Sequence[Paper]]:
        """The papers of the newest days: as many whole days as it takes for `FRONT_PAPERS` papers."""
        newest: dict[date | None, Sequence[Paper]] = {}
        for day in days:
            if sum(map(len, newest.values())) >= FRONT_PAPERS:
                break
            papers = [stored.paper for stored in self.on_day(day)]
            newest[day] = papers if day else papers[:FRONT_PAPERS]
        return newest

    def newest(self, start: int, limit: int) -> tuple[tuple[Paper, ...], int]:
        """The newest papers from number `start` on, and the total number of papers."""
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
        return self.feeds.of_query(query.text, matches, path_with(f"/{file}", q=query.text))

    def paper(self, paper_id: PaperId) -> StoredPaper | None:
        return self._papers.stored([paper_id]).get(paper_id)

    def preferences_of(self, token: str) -> SubscriberPreferences | None:
        """The preferences that the token opens; None for an unknown token, and where its owner is no longer a subscriber."""
        name = self._tokens.subject("preferences", token)
        subscriber = self.preferences.subscriber(name) if name else None
        if name is None or subscriber is None:
            return None
        return SubscriberPreferences(
            subscriber=subscriber,
            listed=self.preferences.listed(name),
            choices=self.preferences.choices(name),
            feed_token=self._tokens.issue("feed", name) if subscriber.has_feed else None,
        )

    def objection_of(self, token: str, paper: PaperId) -> tuple[Objection, SubscriberPreferences] | None:
        """The objection of the token's owner to a paper, and their preferences; None for an unknown token, and for a
        paper that none of their subscriptions matched.
        """
        preferences = self.preferences_of(token)
        objection = self.preferences.objection(preferences.subscriber.id, paper) if preferences else None
        return (objection, preferences) if preferences and objection else None

    def preferences_token(self, name: str) -> str:
        """The token that opens a subscriber's preferences."""
        return self._tokens.issue("preferences", name)

    def unsubscribe_target(self, token: str) -> Target | None:
        """The target that the token unsubscribes, or already has; None for an unknown token."""
        key = self._tokens.subject("unsubscribe", token)
        status = self._deliveries.target(key) if key else None
        return status.target if status else None

    def unsubscribe(self, token: str, now: datetime) -> Target | None:
        """Suspend the token's target for good (idempotent); None for an unknown token."""
        target = self.unsubscribe_target(token)
        if target is not None:
            self._deliveries.opt_out(target.key, "unsubscribed", now)
        return target
