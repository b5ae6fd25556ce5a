"""The feed folder: one file a feed, replaced whole or not at all; and the channel that writes them."""

import asyncio
import hashlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from bot.adapters import atomic_file
from bot.adapters.feeds.atom import render_atom
from bot.domain.channels import FEED, Capabilities, ChannelKind, ChannelWords
from bot.domain.errors import ChannelDown, DeliveryError, StateError, TryLater
from bot.domain.feeds import Feed
from bot.domain.message import Begin, OutgoingMessage, Receipt, unrecorded
from bot.pipeline.feeds import EVERYTHING, FeedBuilder
from bot.pipeline.ports import FeedWriter

_LONGEST_NAME = 180


class FeedFolder:
    """Writes feeds to `<folder>/<name>.atom`; raises ChannelDown where the folder cannot be written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, feed: Feed) -> bool:
        """Replace the feed's file; False where it had the same bytes already and was not touched."""
        content = render_atom(feed)
        path = self.path(name)
        try:
            if path.is_file() and path.read_bytes() == content:
                return False
            atomic_file.private_folder(self._folder)
            mode = atomic_file.PUBLIC if name == EVERYTHING else atomic_file.PRIVATE
            atomic_file.write(path, content, mode=mode)
        except OSError as error:
            raise _unwritable(path, error) from error
        return True

    def archived(self, month: str, make: Callable[[], bytes]) -> bytes:
        """The archive document of a month that is over: made once and never changed, whatever happens to its papers."""
        path = self._folder / "archive" / f"{month}.atom"
        try:
            if path.is_file():
                return path.read_bytes()
            content = make()
            atomic_file.private_folder(path.parent)
            atomic_file.write(path, content, mode=atomic_file.PUBLIC)
        except OSError as error:
            raise _unwritable(path, error) from error
        return content

    def remove(self, name: str) -> None:
        """Remove the feed's file, if there is one."""
        path = self.path(name)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(path, error) from error

    def tidy(self, now: datetime) -> None:
        """Remove unfinished files that killed processes left behind."""
        atomic_file.sweep(self._folder, "*.atom", now)

    def path(self, name: str) -> Path:
        """The file of the feed of that name; characters that are unsafe in file names are written as `%xx`."""
        safe = quote(name, safe="")
        if safe.startswith("."):
            safe = "%2E" + safe[1:]
        if len(safe) > _LONGEST_NAME:
            safe = safe[:_LONGEST_NAME] + "-" + hashlib.sha256(name.encode()).hexdigest()[:16]
        return self._folder / f"{safe}.atom"


def _unwritable(path: Path, error: OSError) -> ChannelDown:
    return ChannelDown(f"feed {path}: {error.strerror or error}; make the folder writable or set atom.folder")


class AtomPublisher:
    """The feed channel: for each message it rewrites the subscriber's whole feed file from the current state."""

    kind: ChannelKind = FEED
    capabilities: Capabilities = Capabilities(
        edits=True,
        harmless_twice=True,
        is_document=True,
        noun="feeds",
        words={
            "en": ChannelWords(name="Feed", target="the private feed"),
            "zh": ChannelWords(name="订阅源", target="私人订阅源"),
        },
        address_value=lambda _: True,
    )

    def __init__(self, feeds: FeedBuilder, writer: FeedWriter) -> None:
        self._feeds = feeds
        self._writer = writer

    async def send(self, message: OutgoingMessage, begin: Begin = unrecorded) -> Receipt:
        """Rewrite the file; the receipt has no message id. Raises TryLater where the file cannot be written."""
        await begin()
        try:
            await asyncio.to_thread(self._feeds.write_for, self._writer, message.subscriber)
        except (DeliveryError, StateError) as error:
            raise TryLater(f"the feed could not be written: {error}") from error
        return Receipt(message="")

    async def close(self) -> None:
        """Nothing is held open."""
