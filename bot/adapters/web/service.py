"""WebService: everything that the web server reads and changes."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from bot.adapters.web.pages import FRONT_PAPERS, Days, Relations
from bot.domain.channels import Target
from bot.domain.delivery import UNSUBSCRIBED
from bot.domain.feeds import Feed
from bot.domain.papers import Paper, PaperId
from bot.pipeline.feeds import FeedBuilder
from bot.pipeline.ports import TokenStore
from bot.pipeline.ports.outbox import DeliveryStore
from bot.pipeline.ports.papers import PaperStore, StoredPaper

_UNDATED = 500


class WebService:
    """Everything that the web server reads and changes, over the stores and the pipeline."""

    def __init__(
        self, papers: PaperStore, deliveries: DeliveryStore, tokens: TokenStore, feeds: FeedBuilder
    ) -> None:
        self._papers = papers
        self._deliveries = deliveries
        self._tokens = tokens
        self._feeds = feeds

    def version(self) -> str:
        """A short token that changes whenever any feed or page may have changed."""
        return self._feeds.version()

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

    def everything(self) -> Feed:
        """The feed of all papers, newest first, cut to the configured number of entries."""
        return self._feeds.everything()

    def feed_behind(self, token: str) -> Feed | None:
        """The private feed that the token opens; None for any other text."""
        return self._feeds.behind(token)

    def paper(self, paper_id: PaperId) -> StoredPaper | None:
        return self._papers.stored([paper_id]).get(paper_id)

    def relations(self, _paper: Paper) -> Relations:
        """The papers around a paper."""
        return Relations()

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
