"""An in-memory service, and the application over it."""

from collections.abc import AsyncIterator
from datetime import date, datetime

import httpx
import pytest

from bot.adapters.feeds.atom import render_atom
from bot.adapters.feeds.jsonfeed import render_json
from bot.adapters.feeds.opml import Outline, render_opml
from bot.adapters.web.app import create_app
from bot.adapters.web.feeds import FeedFormats
from bot.adapters.web.middleware import Middleware
from bot.app.config.channels import CAPABILITIES
from bot.domain.channels import Target
from bot.domain.errors import StateLocked
from bot.domain.feeds import Feed
from bot.domain.papers import Paper, PaperId
from bot.pipeline.finder import Relations
from bot.pipeline.ports.papers import StoredPaper
from tests.builders import NOW, a_feed, a_feed_entry, a_reason
from tests.pipeline.conftest import empty_state, state, world  # noqa: F401 - fixtures

FEED_TOKEN = "feed-token-0123456789abcdef"
MAIL_TOKEN = "mail-token-0123456789abcdef"
SITE = "https://papers.example.org"


FORMATS = FeedFormats(
    atom=render_atom,
    json=render_json,
    opml=lambda title, feeds: render_opml(title, [Outline(title=name, feed_url=url) for name, url in feeds]),
    archived=lambda _month, make: make(),
)


class FakeFeeds:
    def __init__(self, service: "FakeService") -> None:
        self.service = service

    def everything(self) -> Feed:
        self.service.renders += 1
        return self.service.feed

    def of_token(self, token: str) -> Feed | None:
        if token != FEED_TOKEN:
            return None
        return a_feed(a_feed_entry(1, a_reason("agents")), self_url=f"{SITE}/feeds/{FEED_TOKEN}.atom")


class FakeService:
    def __init__(self) -> None:
        self.feeds = FakeFeeds(self)
        self.sign_ups = None
        self.is_open = False
        self.capabilities = CAPABILITIES
        self.number = 1
        self.feed = a_feed(*[a_feed_entry(number) for number in range(1, 9)])
        self.stored: dict[PaperId, Paper] = {}
        self.unsubscribed: list[tuple[Target, datetime]] = []
        self.renders = 0
        self.stopped: tuple[str, ...] = ()
        self.warmed = 0
        self.failure: Exception | None = None

    def put(self, paper: Paper) -> None:
        self.stored[paper.id] = paper

    def unready_reasons(self) -> tuple[str, ...]:
        if self.failure:
            raise self.failure
        return self.stopped

    def metrics(self) -> bytes:
        return b"paperboy_papers 8.0\n"

    def version(self) -> str:
        if self.failure:
            raise self.failure
        return str(self.number)

    def days(self):
        days = sorted(
            {entry.paper.latest for entry in self.feed.entries},
            key=lambda day: day or date.min,
            reverse=True,
        )
        return {day: len(self.on_day(day)) for day in days}

    def on_day(self, day):
        return tuple(
            StoredPaper(paper=entry.paper, first_seen_at=NOW, changed_at=NOW)
            for entry in self.feed.entries
            if entry.paper.latest == day
        )

    def newest_days(self, days):
        self.renders += 1
        return {day: [stored.paper for stored in self.on_day(day)] for day in days}

    @property
    def finder(self):
        return self

    def relations(self, paper: Paper) -> Relations:
        return Relations()

    def warm_up(self) -> None:
        if self.failure:
            raise self.failure
        self.warmed += 1

    def paper(self, paper_id: PaperId) -> StoredPaper | None:
        paper = self.stored.get(paper_id)
        return StoredPaper(paper=paper, first_seen_at=NOW, changed_at=NOW) if paper else None

    def unsubscribe_target(self, token: str) -> Target | None:
        if self.failure:
            raise self.failure
        return Target(kind="email", address="alice@example.org") if token == MAIL_TOKEN else None

    def unsubscribe(self, token: str, now: datetime) -> Target | None:
        target = self.unsubscribe_target(token)
        if target and not self.unsubscribed:
            self.unsubscribed.append((target, now))
        return target


class StillClock:
    def now(self) -> datetime:
        return NOW


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def app(service: FakeService) -> Middleware:
    return an_app(service)


def an_app(service: FakeService, **parts) -> Middleware:
    given = {"site_title": "Paperboy", "site_url": SITE, "fresh_for": 0, **parts}
    return create_app(service, formats=FORMATS, clock=StillClock(), **given)


@pytest.fixture
async def client(app: Middleware) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=SITE) as client:
        yield client


@pytest.fixture
def locked(service: FakeService) -> FakeService:
    service.failure = StateLocked("the state is locked")
    return service
