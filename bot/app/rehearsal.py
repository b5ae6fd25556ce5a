"""A pass that sends and stores nothing: it works on a copy of the state and shows what would go out."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bot.app import wiring
from bot.app.config.publishers import CHANNELS, shown
from bot.app.once import Done, Looked, run_once
from bot.domain.channels import ChannelKind, Limits
from bot.domain.errors import StateError, UsageError
from bot.domain.feeds import Feed
from bot.domain.message import OutgoingMessage, Receipt
from bot.pipeline.ingest import Taken

if TYPE_CHECKING:
    from bot.app.config.settings_model import Settings
    from bot.domain.subscriptions import Subscriber


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A message that would go out, as its channel would show it."""

    kind: str
    target: str
    subscriber: str
    text: str


Show = Callable[[Shown], object]


def rehearse(
    settings: "Settings", subscribers: "Sequence[Subscriber]", looked: Looked, *, show: Show
) -> Taken:
    """Show every message that a real pass would send now; the state, feeds and mailboxes stay untouched."""
    if settings.sqlite_file is None:
        raise UsageError("--dry-run works on a copy of the state and can copy only SQLite states")
    with TemporaryDirectory(prefix="paperboy-") as folder:
        copy = Path(folder) / "state.sqlite3"
        _copy(settings.sqlite_file, copy)
        channels = {
            kind: ShowingPublisher(kind, settings, show)
            for kind, channel in CHANNELS.items()
            if not channel.capabilities.is_document
        }
        house = wiring.build(
            settings,
            subscribers,
            state_url=f"sqlite:///{copy}",
            publishers=channels,
            feed_writer=NoFeedWriter(),
        )
        return asyncio.run(_pass(house, looked)).taken


async def _pass(house: wiring.House, looked: Looked) -> Done:
    try:
        return await run_once(house, looked)
    finally:
        await house.close()


def _copy(state: Path, copy: Path) -> None:
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


class ShowingPublisher:
    """Shows each message as its channel would."""

    def __init__(self, kind: ChannelKind, settings: "Settings", show: Show) -> None:
        self.kind = kind
        self.capabilities = replace(CHANNELS[kind].capabilities, limits=Limits())
        self._sent = 0
        self._settings = settings
        self._show = show

    async def send(self, parcel: OutgoingMessage) -> Receipt:
        self._sent += 1
        text = await shown(parcel, self._settings)
        self._show(Shown(kind=parcel.kind, target=parcel.target.key, subscriber=parcel.subscriber, text=text))
        return Receipt(message=str(self._sent), poll=f"rehearsed-{self._sent}" if parcel.question else None)

    async def close(self) -> None:
        """Nothing is held open."""


class NoFeedWriter:
    """Writes no feed."""

    def write(self, name: str, feed: Feed) -> bool:  # noqa: ARG002
        return False

    def remove(self, name: str) -> None:
        """There is nothing to remove."""
