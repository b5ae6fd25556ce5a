"""One pass over the watched folders: ingest what is there and send what is due; or a dry run on a copy of the state."""

import asyncio
import dataclasses
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.adapters.clock import SystemClock
from bot.app.config.channels import CHANNELS, shown
from bot.app.config.settings import Settings
from bot.app.container import Container, build_container
from bot.app.delays import repair_delays
from bot.app.watched import forget_missing_files, ingest_files, scan_watched, stabilizer_of
from bot.domain.channels import Capabilities, ChannelKind, Limits
from bot.domain.errors import StateError, UsageError
from bot.domain.feeds import Feed
from bot.domain.files import FoundFile, Skipped
from bot.domain.message import Begin, OutgoingMessage, Receipt, unrecorded
from bot.domain.subscriptions import Subscriber
from bot.pipeline.feeds import remove_orphan_feeds
from bot.pipeline.ingest import IngestResult
from bot.pipeline.ports import Publisher
from bot.pipeline.ports.outbox import Counts

_WAIT_FOR_FILES = timedelta(seconds=10)
"""For files that are still being written."""
_WAIT_FOR_RATE_LIMIT = timedelta(seconds=5)
"""A delivery that is due within this time waits only for a rate limit, so the pass waits for it."""
_LONGEST_PASS = timedelta(minutes=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderScan:
    """The files in the watched folders now."""

    whole: tuple[FoundFile, ...]
    """Stable files, to be read."""
    skipped: tuple[Skipped, ...]
    still_written: int
    """Number of files that kept changing; they are left for the next pass."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OnceResult:
    """Result of a pass."""

    ingest: IngestResult
    ends: Counter[str]
    """Number of deliveries by the state they ended in."""
    counts: Counts
    """Of the state after the pass."""
    feeds_error: str | None = None
    """Why the feed files could not be written."""


def scan_folders(settings: Settings) -> FolderScan:
    """The files in the watched folders; blocks up to 10 seconds for files that are still being written."""
    clock, stabilizer = SystemClock(), stabilizer_of(settings)
    give_up = clock.now() + _WAIT_FOR_FILES
    whole: dict[str, FoundFile] = {}
    while True:
        entries = tuple(scan_watched(settings))
        result = stabilizer.see((entry for entry in entries if isinstance(entry, FoundFile)), clock.now())
        whole.update({file.name: file for file in result.files})
        if result.next_scan_at is None or clock.now() >= give_up:
            skipped = tuple(entry for entry in entries if isinstance(entry, Skipped))
            return FolderScan(whole=tuple(whole.values()), skipped=skipped, still_written=result.waiting)
        time.sleep(max((result.next_scan_at - clock.now()).total_seconds(), 0.01))


async def run_once(container: Container, scan: FolderScan) -> OnceResult:
    """Ingest the files and send all that is due, within each channel's rate limit."""
    result = await asyncio.to_thread(ingest_files, container, scan.whole)
    result.add_planned(await asyncio.to_thread(container.ingest.finish_planning, container.clock.now()))
    await asyncio.to_thread(forget_missing_files, container)
    await asyncio.to_thread(repair_delays, container)
    await asyncio.to_thread(
        remove_orphan_feeds, container.store.digests, container.registry.matcher, container.feed_writer
    )
    await asyncio.to_thread(container.quizzes.update, container.clock.now())
    await asyncio.to_thread(container.look_backs.plan_due, container.clock.now())
    ends: Counter[str] = Counter()
    give_up = container.clock.now() + _LONGEST_PASS
    while True:
        ends.update(await container.dispatcher.flush())
        due = await container.dispatcher.next_due()
        now = container.clock.now()
        if due is None or due > min(now + _WAIT_FOR_RATE_LIMIT, give_up):
            counts = await asyncio.to_thread(container.store.deliveries.counts, now)
            return OnceResult(ingest=result, ends=ends, counts=counts, feeds_error=container.feed_files.error)
        await asyncio.sleep(max((due - now).total_seconds(), 0.05))


async def run_and_close(container: Container, scan: FolderScan) -> OnceResult:
    """Run a pass and close the container."""
    try:
        return await run_once(container, scan)
    finally:
        await container.close()


@dataclass(frozen=True, kw_only=True, slots=True)
class DryRunMessage:
    """A message that would be sent, as text."""

    kind: str
    target: str
    subscriber: str
    text: str


def dry_run_messages(
    settings: Settings,
    subscribers: Sequence[Subscriber],
    scan: FolderScan,
    *,
    show: Callable[[DryRunMessage], object],
) -> IngestResult:
    """Run a pass on a copy of the state and call `show` with each message; state, feeds and mailboxes stay untouched."""
    if settings.sqlite_file is None:
        raise UsageError("--dry-run works on a copy of the state and can copy only SQLite states")
    with TemporaryDirectory(prefix="paperboy-") as folder:
        copy = Path(folder) / "state.sqlite3"
        _copy_state(settings.sqlite_file, copy)
        container = build_container(
            settings,
            subscribers,
            state_url=f"sqlite:///{copy}",
            publishers=dry_run_publishers(settings, show),
            feed_writer=DryRunFeedWriter(),
        )
        return asyncio.run(run_and_close(container, scan)).ingest


def _copy_state(state: Path, copy: Path) -> None:
    if not state.exists():
        return
    try:
        with (
            closing(sqlite3.connect(f"{state.as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
    except sqlite3.Error as error:
        raise StateError(f"{state} cannot be copied: {error}") from error


def dry_run_publishers(
    settings: Settings, show: Callable[[DryRunMessage], object]
) -> dict[ChannelKind, Publisher]:
    """A DryRunPublisher for each channel that is no document."""
    return {
        kind: DryRunPublisher(kind, channel.capabilities, settings, show)
        for kind, channel in CHANNELS.items()
        if not channel.capabilities.is_document
    }


class DryRunPublisher:
    """A publisher that shows each message instead of sending it, without rate limits."""

    def __init__(
        self,
        kind: ChannelKind,
        capabilities: Capabilities,
        settings: Settings,
        show: Callable[[DryRunMessage], object],
    ) -> None:
        self.kind = kind
        self.capabilities = dataclasses.replace(capabilities, limits=Limits())
        self._sent = 0
        self._settings = settings
        self._show = show

    async def send(self, message: OutgoingMessage, begin: Begin = unrecorded, /) -> Receipt:
        self._sent += 1
        await begin()
        text = await shown(message, self._settings)
        self._show(
            DryRunMessage(
                kind=message.kind, target=message.target.key, subscriber=message.subscriber, text=text
            )
        )
        return Receipt(message=str(self._sent), poll=f"dry-run-{self._sent}" if message.question else None)

    async def close(self) -> None:
        """Do nothing: nothing is open."""


class DryRunFeedWriter:
    """A feed writer that writes nothing."""

    def write(self, name: str, feed: Feed) -> bool:  # noqa: ARG002
        return False

    def remove(self, name: str) -> None:
        """Do nothing: nothing was written."""
