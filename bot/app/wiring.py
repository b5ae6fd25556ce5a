"""The one place where the parts meet: settings become a working house."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from bot.adapters.atom import FeedFolder
from bot.adapters.clock import SystemClock
from bot.adapters.folders import read_bytes
from bot.adapters.index_file import SavedIndex
from bot.adapters.store import Store
from bot.app import channels
from bot.app.answers import answered
from bot.app.config.settings import Settings
from bot.app.opinions import opinions
from bot.app.quizzes import Quizzes, build_quizzes
from bot.domain.arrivals import Found
from bot.domain.digests import Digest
from bot.domain.subscriptions import ChannelKind, Subscriber
from bot.pipeline.alarms import AlarmDesk
from bot.pipeline.dispatch import Dispatcher
from bot.pipeline.feeds import FeedDesk, Site
from bot.pipeline.herald import Telling
from bot.pipeline.indexing import IndexDesk
from bot.pipeline.ingest import Ingest
from bot.pipeline.likeness import LikenessDesk
from bot.pipeline.parcels import AnswerQuiz, Packer
from bot.pipeline.ports import Clock, FeedWriter, Publisher
from bot.pipeline.ports.alarms import Teller
from bot.pipeline.ports.state import Tokens
from bot.pipeline.roster import Roster

_DATE_WITHIN = 16_384
"""Bytes from a digest's beginning that tell its date."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderFile:
    """A found file as the ingest takes it."""

    found: Found
    max_bytes: int

    @property
    def name(self) -> str:
        return self.found.name

    def read(self) -> bytes:
        return read_bytes(self.found, max_bytes=self.max_bytes)


@dataclass(frozen=True, kw_only=True, slots=True)
class House:
    """Everything that works on one state."""

    settings: Settings
    store: Store
    clock: Clock
    roster: Roster
    packer: Packer
    ingest: Ingest
    feeds: FeedDesk
    feed_writer: FeedWriter
    publishers: Mapping[ChannelKind, Publisher]
    dispatcher: Dispatcher
    alarms: AlarmDesk
    quizzes: Quizzes
    answer_quiz: AnswerQuiz
    """The quiz of a paper in a language, with answers worked out where the digest has none."""

    async def close(self) -> None:
        """Let go of every connection."""
        for publisher in self.publishers.values():
            await publisher.close()
        self.roster.keep_index()
        self.store.close()

    def files(self, found: Sequence[Found]) -> list[FolderFile]:
        """Found files as the ingest takes them."""
        return [FolderFile(found=one, max_bytes=self.settings.max_bytes) for one in found]


def build(
    settings: Settings,
    subscribers: Sequence[Subscriber],
    *,
    state_url: str | None = None,
    publishers: Mapping[ChannelKind, Publisher] | None = None,
    feed_writer: FeedWriter | None = None,
    clock: Clock | None = None,
    rng: random.Random | None = None,
    tokens: Tokens | None = None,
) -> House:
    """The house that the settings describe; what is given by name stands in for the real thing.

    Raises StateError where the state cannot be used.
    """
    clock = clock or SystemClock()
    store = Store(state_url or settings.state)
    kept = IndexDesk(_saved_index(settings, clock)) if state_url is None else None
    roster = Roster(subscribers, LikenessDesk(store.shelf), kept)
    tokens = tokens or store.tokens
    feeds = FeedDesk(store.shelf, tokens, roster, _site(settings))
    second = opinions(settings, answered)
    answer_quiz = second or answered
    packer = Packer(store.outbox, store.shelf, tokens, roster, answer_quiz)
    writer = feed_writer or _feed_folder(settings, clock)
    ways_out = publishers if publishers is not None else channels.publishers(settings)
    alarms = AlarmDesk(store.incidents, roster, settings.source_alarm.to)
    dispatcher = Dispatcher(
        outbox=store.outbox,
        packer=packer,
        publishers=ways_out,
        feeds=feeds,
        feed_writer=writer,
        clock=clock,
        rng=rng or random.Random(),  # noqa: S311 - jitter, not secrets
        rules=channels.rules(settings),
        telling=Telling(
            alarms=alarms,
            bulletins=store.bulletins,
            tellers={kind: one for kind, one in ways_out.items() if isinstance(one, Teller)},
        ),
    )
    return House(
        settings=settings,
        store=store,
        clock=clock,
        roster=roster,
        packer=packer,
        ingest=Ingest(store.intake, read, peek_date),
        feeds=feeds,
        feed_writer=writer,
        publishers=ways_out,
        dispatcher=dispatcher,
        alarms=alarms,
        quizzes=build_quizzes(settings, store, roster, answer_quiz, second),
        answer_quiz=answer_quiz,
    )


def read(data: bytes, name: str) -> Digest:
    """The digest in a file's bytes."""
    from bot.adapters.readers import read_digest

    return read_digest(data, name=name)


def peek_date(data: bytes, name: str) -> date | None:
    """The date of a digest, from its beginning."""
    from bot.adapters.readers import peek_date as peek

    return peek(data[:_DATE_WITHIN], name=name)


def _saved_index(settings: Settings, clock: Clock) -> SavedIndex:
    """Beside the state, or where a state of files would be."""
    state = settings.sqlite_file or settings.base / "state" / "paperboy"
    saved = SavedIndex(state.with_name(f"{state.stem}.index"))
    saved.tidy(clock.now())
    return saved


def _feed_folder(settings: Settings, clock: Clock) -> FeedFolder:
    folder = FeedFolder(settings.atom.folder)
    folder.tidy(clock.now())
    return folder


def _site(settings: Settings) -> Site:
    return Site(
        title=settings.site.title,
        url=settings.site.url,
        authority=settings.site.feed_authority,
        entries=settings.atom.entries,
    )
