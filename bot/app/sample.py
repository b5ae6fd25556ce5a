"""Sample: one real paper with its quiz, sent to a subscriber's channels without the state, to show that they work."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from bot.adapters.folders import scan
from bot.adapters.readers import read_digest
from bot.adapters.store import Store
from bot.app.config.settings import Settings
from bot.app.container import build_container
from bot.app.once import DryRunFeedWriter, FolderScan, run_and_close
from bot.domain.digests import Digest, merge
from bot.domain.errors import DeliveryError, UsageError
from bot.domain.files import FoundFile
from bot.domain.message import Begin, OutgoingMessage, Receipt, unrecorded
from bot.domain.papers import Entry, Paper
from bot.domain.query import document_of, match, parse
from bot.domain.schedule import Immediately
from bot.domain.subscriptions import Subscriber, Subscription
from bot.pipeline.ingest import Ingest
from bot.pipeline.planning_runs import RunPlanner
from bot.pipeline.ports import Publisher

_LOOKED_AT = 500
"""Newest stored papers among which a sample is looked for."""
_NAME = "a sample"
"""The subscription that a sample names as its reason where none of the subscriber's own matches."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleMessage:
    """One message of a sample and what came of it."""

    target: str
    kind: Literal["alert", "quiz"]
    error: str | None
    """None for a message that was sent."""


@contextmanager
def seed_folder() -> Iterator[Path]:
    """The folder of seeds: of the checkout, or of the installed package."""
    checkout = Path(__file__).resolve().parents[2] / "seeds"
    if checkout.is_dir():
        yield checkout
        return
    packaged = files("bot") / "seeds"
    if not packaged.is_dir():
        raise UsageError("the seeds are missing from this installation; install paperboy-bot again")
    with as_file(packaged) as folder:
        yield folder


def choose_paper(subscriber: Subscriber, store: Store | None) -> Paper:
    """A stored paper or one of the seeds: preferably with a quiz, then preferably one that the subscriber's queries match."""
    stored = [item.paper for item in store.papers.newest(_LOOKED_AT)] if store is not None else []
    return max(
        (*stored, *_seed_papers()),
        key=lambda paper: (paper.has_quiz, _matching(subscriber, paper) is not None),
    )


async def send_sample(
    settings: Settings, subscriber: Subscriber, paper: Paper, *, store: Store | None = None
) -> list[SampleMessage]:
    """Send the paper to the subscriber's channels except the feed; gives the messages in the order of sending.

    The paper takes the usual way through a temporary state: it is rendered, rate limited and retried as always, and
    leaves nothing in the real state. Links in mails use the tokens of `store`.
    """
    addressee = _addressee(subscriber, paper)
    recorders: list[_Recorder] = []

    def record(publisher: Publisher) -> Publisher:
        recorders.append(_Recorder(publisher))
        return recorders[-1]

    with TemporaryDirectory(prefix="paperboy-") as folder:
        digests = Path(folder) / "digests"
        digests.mkdir()
        (digests / "sample.txt").write_text(paper.id)
        container = build_container(
            settings,
            [addressee],
            state_url=f"sqlite:///{folder}/state/sample.sqlite3",
            wrap=record,
            feed_writer=DryRunFeedWriter(),
            tokens=store.tokens if store is not None else None,
            chats=store.chats if store is not None else None,
        )
        digest = _digest(paper)
        ingest = Ingest(
            container.store.digests,
            container.registry,
            RunPlanner(container.store.digests, container.store.full_text, first_run=1),
            lambda *_: digest,
            lambda *_: digest.date,
        )
        container = replace(container, ingest=ingest)
        files = scan([digests], max_bytes=settings.max_bytes, base=digests)
        found_files = tuple(file for file in files if isinstance(file, FoundFile))
        await run_and_close(container, FolderScan(whole=found_files, skipped=(), still_written=0))
    return [message for recorder in recorders for message in recorder.messages.values()]


class _Recorder:
    """A publisher that passes messages to another one and records their outcomes."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self.kind = publisher.kind
        self.capabilities = publisher.capabilities
        self.messages: dict[tuple[str, str], SampleMessage] = {}

    async def send(self, message: OutgoingMessage, begin: Begin = unrecorded) -> Receipt:
        try:
            receipt = await self._publisher.send(message, begin)
        except DeliveryError as error:
            self._record(message, str(error))
            raise
        self._record(message, None)
        return receipt

    async def close(self) -> None:
        await self._publisher.close()

    def _record(self, message: OutgoingMessage, error: str | None) -> None:
        kind: Literal["alert", "quiz"] = "quiz" if message.question is not None else "alert"
        target = message.target.key
        self.messages[target, kind] = SampleMessage(target=target, kind=kind, error=error)


def _addressee(subscriber: Subscriber, paper: Paper) -> Subscriber:
    """The subscriber without schedules and limits, with one question a paper and one subscription, which matches it."""
    channels = tuple(
        replace(channel, deliver=Immediately(), quizzes="one" if channel.quizzes != "none" else "none")
        for channel in subscriber.channels
        if not channel.capabilities.is_document
    )
    return replace(
        subscriber,
        quiet_hours=None,
        daily_limit=None,
        channels=channels,
        subscriptions=(_matching(subscriber, paper) or _title_subscription(paper),),
    )


def _matching(subscriber: Subscriber, paper: Paper) -> Subscription | None:
    """The first of the subscriber's queries that matches the paper, valid for every channel."""
    document = document_of(paper)
    for subscription in subscriber.subscriptions:
        if subscription.query is not None and match(subscription.query, document) is not None:
            return replace(subscription, only=frozenset())
    return None


def _title_subscription(paper: Paper) -> Subscription:
    """A subscription that matches the paper by the longest word of its title."""
    word = max(re.findall(r"[A-Za-z]+|[^\W\d_]+", paper.title), key=len)
    text = f'title:"{word}"'
    return Subscription(name=_NAME, text=text, query=parse(text))


def _digest(paper: Paper) -> Digest:
    """A digest of this paper alone."""
    entry = Entry(
        id=paper.id,
        title=paper.title,
        authors=paper.authors,
        summary=paper.summary,
        published=paper.published,
        links=paper.links,
        editions=paper.editions,
    )
    return Digest(kind="table", date=paper.latest, entries=(entry,))


def _seed_papers() -> Iterable[Paper]:
    papers: dict[str, Paper] = {}
    with seed_folder() as folder:
        for path in sorted(folder.iterdir()):
            digest = read_digest(path.read_bytes(), name=path.name)
            for entry in digest.entries:
                papers[entry.id] = merge(papers.get(entry.id), entry, digest=path.name, day=digest.date)
    return papers.values()
