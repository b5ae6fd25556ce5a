"""Composition root: builds the application from settings."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING

from bot.adapters.answer_model import answered
from bot.adapters.atomic_file import SavedIndex
from bot.adapters.clock import SystemClock
from bot.adapters.feeds.folder import FeedFolder
from bot.adapters.folders import FolderFile
from bot.adapters.store import Store
from bot.adapters.store.tokens import Tokens
from bot.app.config import channels
from bot.app.config.channels.channel_type import Parts
from bot.app.config.channels.telegram import bot_client
from bot.app.config.settings import Settings
from bot.domain.channels import ChannelKind
from bot.domain.digests import Digest, ReadNeighbour
from bot.domain.errors import PaperboyError
from bot.domain.files import FoundFile
from bot.domain.quizzes.votes import PollState, Vote
from bot.domain.sources import Source
from bot.domain.subscriptions import Subscriber
from bot.pipeline.compose import AnswerQuiz, MessageBuilder
from bot.pipeline.dispatch import Dispatcher
from bot.pipeline.feeds import FeedBuilder, FeedFiles, FeedSettings
from bot.pipeline.finder import PaperFinder
from bot.pipeline.incidents import IncidentLog
from bot.pipeline.ingest import Ingest
from bot.pipeline.look_back import LookBacks
from bot.pipeline.planning_runs import RunPlanner
from bot.pipeline.ports import Clock, FeedWriter, Publisher
from bot.pipeline.ports.chats import ChatStore
from bot.pipeline.ports.sign_ups import Confirmations
from bot.pipeline.preferences import Preferences
from bot.pipeline.quizzes import QuizScheduler, QuizStats
from bot.pipeline.reports import ReportReader
from bot.pipeline.sign_ups import SignUps
from bot.pipeline.sources import Fetcher
from bot.pipeline.subscribers import IndexCache, SimilarityCache, SubscriberRegistry
from bot.pipeline.vote_counter import VoteCounter

if TYPE_CHECKING:
    from bot.adapters.metrics import Metrics, StateFigures
    from bot.adapters.telegram.chat import ChatService, OnPolling, Webhook
    from bot.adapters.telegram.requests import ChatSite
    from bot.adapters.web.server import WebServer

_FEWEST_PAPERS_TO_WARM_UP = 500
"""With fewer papers the first request is fast anyway."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Quizzes:
    """Quizzes after they were sent: counting votes, results, and planning questions again."""

    counter: VoteCounter
    stats: QuizStats
    scheduler: QuizScheduler

    def update(self, now: datetime) -> int:
        """Count votes, correct those whose question got a key, and plan what comes back today; gives the number planned."""
        self.counter.count(now)
        self.counter.correct()
        self.counter.adopt(now)
        return self.scheduler.plan_due(now)


@dataclass(frozen=True, kw_only=True, slots=True)
class Container:
    """The parts of the application that work on one state."""

    settings: Settings
    store: Store
    clock: Clock
    registry: SubscriberRegistry
    builder: MessageBuilder
    ingest: Ingest
    fetcher: Fetcher
    finder: PaperFinder
    feeds: FeedBuilder
    feed_writer: FeedWriter
    feed_files: FeedFiles
    publishers: Mapping[ChannelKind, Publisher]
    dispatcher: Dispatcher
    incidents: IncidentLog
    quizzes: Quizzes
    look_backs: LookBacks
    preferences: Preferences
    sign_ups: SignUps | None
    """None unless everybody may subscribe by mail on the web."""
    reports: ReportReader | None
    """None if no mailbox for delivery reports is set."""
    answer_quiz: AnswerQuiz
    """The quiz of a paper in a language, with answers worked out where the digest has none."""
    metrics: "Metrics | None" = None

    def measured(self, step: str) -> AbstractContextManager[None]:
        """A context that measures the time of a step, if there are metrics."""
        return self.metrics.work(step) if self.metrics else nullcontext()

    async def close(self) -> None:
        """Close every connection, and save the index of the subscriptions."""
        for publisher in self.publishers.values():
            await publisher.close()
        self.registry.keep_index()
        self.store.close()

    def files(self, files: Sequence[FoundFile]) -> list[FolderFile]:
        """The files as `Ingest` reads them."""
        return [FolderFile(found=file, max_bytes=self.settings.max_bytes) for file in files]


def build_container(
    settings: Settings,
    subscribers: Sequence[Subscriber],
    *,
    state_url: str | None = None,
    publishers: Mapping[ChannelKind, Publisher] | None = None,
    feed_writer: FeedWriter | None = None,
    clock: Clock | None = None,
    rng: random.Random | None = None,
    tokens: Tokens | None = None,
    chats: ChatStore | None = None,
    wrap: Callable[[Publisher], Publisher] = lambda publisher: publisher,
    metrics: "Metrics | None" = None,
) -> Container:
    """The container that the settings describe; keyword arguments replace its parts.

    `wrap` is called with each publisher and returns the one to use; with `metrics` their sends are measured.

    Raises StateError if the state cannot be used; then it is closed again.
    """
    clock = clock or SystemClock()
    with ExitStack() as unfinished:
        store = Store(state_url or settings.state, folder=settings.state_folder)
        unfinished.callback(store.close)
        index_cache = IndexCache(_saved_index(settings, clock)) if state_url is None else None
        registry = SubscriberRegistry(
            subscribers,
            SimilarityCache(store.papers),
            index_cache,
            store.preferences,
            channels.CAPABILITIES,
        )
        tokens = tokens or store.tokens
        feeds = FeedBuilder(store.papers, tokens, registry, _site(settings))
        answer_quiz = partial(answered, min_confidence=settings.quiz.min_confidence)
        writer = feed_writer or _feed_folder(settings, clock)
        parts = Parts(settings=settings, feeds=feeds, feed_writer=writer, chats=chats or store.chats)
        if publishers is None:
            publishers = channels.publishers(parts)
        else:  # they replace those that talk to services; feeds are still written
            publishers = {**publishers, **channels.publishers(parts, only_documents=True)}
        publishers = {kind: wrap(publisher) for kind, publisher in publishers.items()}
        confirmations = next(
            (publisher for publisher in publishers.values() if isinstance(publisher, Confirmations)), None
        )
        if metrics is not None:
            publishers = {kind: metrics.timed(publisher) for kind, publisher in publishers.items()}
        builder = MessageBuilder(
            store.deliveries, store.papers, tokens, registry, answer_quiz, channels.CAPABILITIES
        )
        preferences = Preferences(store.preferences, registry, store.deliveries, store.papers)
        quizzes = build_quizzes(settings, store, registry, answer_quiz)
        incidents = IncidentLog(store.incidents, registry, channels.CAPABILITIES, settings.source_alarm.to)
        dispatcher = Dispatcher(
            outbox=store.outbox,
            deliveries=store.deliveries,
            stops=store.incidents,
            builder=builder,
            publishers=publishers,
            incidents=incidents,
            clock=clock,
            rng=rng or random.Random(),  # noqa: S311 - jitter, not secrets
            rules=channels.send_rules(settings),
        )
        container = Container(
            settings=settings,
            store=store,
            clock=clock,
            registry=registry,
            builder=builder,
            ingest=Ingest(
                store.digests,
                registry,
                RunPlanner(store.digests, store.full_text, first_run=settings.first_run_limit),
                _read_digest,
                _peek_date,
            ),
            fetcher=build_fetcher(settings, store, clock, rng),
            finder=PaperFinder(store.full_text, store.papers),
            feeds=feeds,
            feed_writer=writer,
            feed_files=FeedFiles(feeds, writer, incidents),
            publishers=publishers,
            dispatcher=dispatcher,
            incidents=incidents,
            quizzes=quizzes,
            look_backs=LookBacks(
                store.preferences, preferences, registry, store.papers, store.incidents, quizzes.stats
            ),
            sign_ups=build_sign_ups(settings, store, tokens, preferences, confirmations),
            reports=build_report_reader(settings, store, tokens, incidents),
            answer_quiz=answer_quiz,
            preferences=preferences,
            metrics=metrics,
        )
        unfinished.pop_all()
        return container


def build_sign_ups(
    settings: Settings,
    store: Store,
    tokens: Tokens,
    preferences: Preferences,
    confirmations: Confirmations | None,
) -> SignUps | None:
    """The sign-ups by mail address; None unless everybody may subscribe and a channel can ask them."""
    if not settings.email.open or confirmations is None:
        return None
    return SignUps(store.sign_ups, tokens, preferences, store.deliveries, confirmations)


def build_report_reader(
    settings: Settings, store: Store, tokens: Tokens, incidents: IncidentLog
) -> ReportReader | None:
    """The reader of delivery reports; None if no mailbox for them is set."""
    boxes = {kind: channel.report_box(settings) for kind, channel in channels.CHANNELS.items()}
    kind, box = next(((kind, box) for kind, box in boxes.items() if box is not None), ("", None))
    return ReportReader(kind, box, tokens, store.deliveries, incidents) if box else None


def _read_digest(data: bytes, name: str, beside: ReadNeighbour) -> Digest:
    from bot.adapters.readers import read_digest

    return read_digest(data, name=name, neighbour=beside)


def _peek_date(data: bytes, name: str) -> date | None:
    from bot.adapters.readers import peek_date

    return peek_date(data, name=name)


def _saved_index(settings: Settings, clock: Clock) -> SavedIndex:
    """The saved index of subscriptions: beside the SQLite file, or in the state folder."""
    state = settings.sqlite_file or settings.state_folder / "paperboy"
    saved = SavedIndex(state.with_name(f"{state.stem}.index"))
    saved.tidy(clock.now())
    return saved


def _feed_folder(settings: Settings, clock: Clock) -> FeedFolder:
    folder = FeedFolder(settings.atom.folder)
    folder.tidy(clock.now())
    return folder


def _site(settings: Settings) -> FeedSettings:
    return FeedSettings(
        title=settings.site.title,
        site=settings.site.addresses,
        authority=settings.site.feed_authority,
        entries=settings.atom.entries,
        hub=settings.atom.hub or None,
    )


def build_quizzes(
    settings: Settings, store: Store, registry: SubscriberRegistry, answer_quiz: AnswerQuiz
) -> Quizzes:
    """The parts that work on quizzes."""
    return Quizzes(
        counter=VoteCounter(
            store.quizzes,
            store.papers,
            registry,
            answer_quiz,
            read_vote=_read_vote,
        ),
        stats=QuizStats(store.quizzes, store.deliveries, registry),
        scheduler=QuizScheduler(
            store.quizzes,
            store.papers,
            store.deliveries,
            registry,
            per_day=settings.quiz.per_day,
        ),
    )


def _read_vote(body: str) -> Vote | PollState | None:
    from bot.adapters.telegram.updates import read_vote

    return read_vote(body)


def _warm_up(finder: PaperFinder) -> None:
    with contextlib.suppress(PaperboyError):  # a request for a page shows the error
        finder.warm_up(fewest=_FEWEST_PAPERS_TO_WARM_UP)


async def start_web(container: Container, on_update: Callable[[], object] = lambda: None) -> "WebServer":
    """The running web server; raises UsageError if it cannot listen on its address.

    With a webhook it calls `on_update` whenever Telegram delivered an update.
    """
    from bot.adapters.feeds.atom import render_atom
    from bot.adapters.feeds.jsonfeed import render_json
    from bot.adapters.feeds.opml import Outline, render_opml
    from bot.adapters.web.app import create_app
    from bot.adapters.web.feeds import FeedFormats
    from bot.adapters.web.server import serve
    from bot.adapters.web.service import WebService

    settings = container.settings
    formats = FeedFormats(
        atom=render_atom,
        json=render_json,
        opml=lambda title, feeds: render_opml(
            title, [Outline(title=name, feed_url=url, page_url=settings.site.url) for name, url in feeds]
        ),
        archived=FeedFolder(settings.atom.folder).archived,
    )
    app = create_app(
        WebService(
            papers=container.store.papers,
            deliveries=container.store.deliveries,
            tokens=container.store.tokens,
            feeds=container.feeds,
            finder=container.finder,
            preferences=container.preferences,
            capabilities=channels.CAPABILITIES,
            sign_ups=container.sign_ups,
            # Without a token a stored name would link to a bot that nobody runs.
            bot_name=container.store.chats.bot_name if settings.sends_telegram else lambda: None,
            is_open=settings.visitors_make_feeds,
            stopped=container.store.incidents.stopped_channels,
            metrics=container.metrics.exposition if container.metrics else bytes,
        ),
        formats=formats,
        clock=container.clock,
        site_title=settings.site.title,
        site_url=settings.site.url,
        quiz=container.answer_quiz,
    )
    listen = settings.web.listen
    assert listen is not None  # checked by the caller
    host = f"[{listen.host}]" if ":" in listen.host else listen.host
    asyncio.get_running_loop().run_in_executor(None, _warm_up, container.finder)
    if (webhook := _webhook(settings)) is None:
        return await serve(app, f"{host}:{listen.port}")
    from bot.adapters.telegram.webhook import WebhookEndpoint

    endpoint = WebhookEndpoint(app, webhook.secret, container.store.updates, container.clock, on_update)
    return await serve(endpoint, f"{host}:{listen.port}")


def _webhook(settings: Settings) -> "Webhook | None":
    """The webhook of the settings; None if the bot polls for updates."""
    telegram = settings.telegram
    if not (telegram.webhook and settings.sends_telegram):
        return None
    from bot.adapters.telegram.chat import Webhook
    from bot.adapters.telegram.webhook import PATH, webhook_secret

    return Webhook(url=settings.site.url + PATH, secret=webhook_secret(telegram.token.get_secret_value()))


def state_figures(container: Container) -> "StateFigures":
    """Figures of the state now, for metrics."""
    from bot.adapters.metrics import StateFigures

    store, now = container.store, container.clock.now()
    return StateFigures(
        counts=store.deliveries.counts(now),
        sources=container.fetcher.states(),
        incidents=store.incidents.open_incidents(),
        subscribers=len(container.registry.subscribers),
        now=now,
    )


def chat_service(
    container: Container,
    *,
    wake: Callable[[], None] = lambda: None,
    on_polling: "OnPolling | None" = None,
) -> "ChatService":
    """The chat of the Telegram bot; it calls `wake` when there is something to send."""
    from bot.adapters.telegram.chat import ChatService, VoteCollector
    from bot.adapters.telegram.requests import ChatDeliveries, Services

    store, quizzes = container.store, container.quizzes
    return ChatService(
        bot_client(container.settings),
        store.updates,
        Services(
            deliveries=ChatDeliveries(store.papers, store.deliveries, container.builder, container.registry),
            scheduler=quizzes.scheduler,
            stats=quizzes.stats,
            preferences=container.preferences,
            chats=store.chats,
            finder=container.finder,
            site=_chat_site(container),
        ),
        container.clock,
        votes=VoteCollector(quizzes.counter, store.quizzes, container.clock),
        wake=wake,
        on_polling=on_polling,
        webhook=_webhook(container.settings),
    )


def _chat_site(container: Container) -> "ChatSite":
    """The settings and functions that the chat needs."""
    from bot.adapters.telegram.requests import ChatSite, Status

    settings, store = container.settings, container.store
    site = settings.site.addresses

    def renew_feed(name: str) -> None:
        store.tokens.renew(name)
        container.feeds.write_for(container.feed_writer, name)  # the file names its own address

    def status(now: datetime) -> Status:
        counts = store.deliveries.counts(now)
        return Status(
            papers=counts.papers,
            subscribers=len(container.registry.subscribers),
            pending=counts.deliveries["pending"],
            held=counts.deliveries["held"],
            uncertain=counts.deliveries["uncertain"],
            dead=counts.deliveries["dead"],
            incidents=tuple(incident.what for incident in store.incidents.open_incidents()),
        )

    return ChatSite(
        title=settings.site.title,
        feed_address=(lambda name: site.private_feed(store.tokens.issue("feed", name)))
        if settings.web.listen
        else None,
        renew_feed=renew_feed,
        is_open=settings.telegram.open,
        operators=tuple(settings.telegram.operators),
        status=status,
    )


def build_fetcher(
    settings: Settings, store: Store, clock: Clock, rng: random.Random | None = None
) -> Fetcher:
    """The fetcher of the configured sources, which writes into their folders and keeps its states in the store."""

    async def fetch(source: Source) -> bool:
        from bot.adapters.sources import fetch_into

        return await fetch_into(settings.sources_folder, source, settings.max_bytes)

    return Fetcher(
        [form.source for form in settings.sources],
        states=store.sources,
        fetch=fetch,
        clock=clock,
        rng=rng or random.Random(),  # noqa: S311 - jitter, not secrets
    )
