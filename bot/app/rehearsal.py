"""A pass that sends and stores nothing: it works on a copy of the state and prints what would go out."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bot.app import wiring
from bot.app.once import Done, Looked, run_once
from bot.domain.delivery import Parcel, Receipt
from bot.domain.errors import StateError, UsageError
from bot.domain.feeds import Feed
from bot.domain.subscriptions import ChannelKind

if TYPE_CHECKING:
    from bot.app.config.settings_model import Settings
    from bot.domain.subscriptions import Subscriber

Say = Callable[[str], object]


def rehearse(settings: "Settings", subscribers: "Sequence[Subscriber]", looked: Looked, *, say: Say) -> int:
    """Print every message that a real pass would send now; the state, feeds and mailboxes stay untouched."""
    if settings.sqlite_file is None:
        raise UsageError("--dry-run works on a copy of the state and can copy only SQLite states")
    with TemporaryDirectory(prefix="paperboy-") as folder:
        copy = Path(folder) / "state.sqlite3"
        _copy(settings.sqlite_file, copy)
        channels = {kind: ShowingPublisher(kind, settings, say) for kind in _SPOKEN}
        house = wiring.build(
            settings,
            subscribers,
            state_url=f"sqlite:///{copy}",
            publishers=channels,
            feed_writer=NoFeedWriter(),
        )
        done = asyncio.run(_pass(house, looked))
    sent = sum(one.sent for one in channels.values())
    say(f"{done.taken.new} new papers; {sent} messages would go out. Nothing was sent or stored.")
    return 0


_SPOKEN: tuple[ChannelKind, ...] = ("telegram", "email")


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
    """Prints each message as its channel would show it."""

    def __init__(self, kind: ChannelKind, settings: "Settings", say: Say) -> None:
        self.kind = kind
        self.sent = 0
        self._settings = settings
        self._say = say

    async def send(self, parcel: Parcel) -> Receipt:
        from bot.app.channels import shown

        self.sent += 1
        self._say(f"── {parcel.kind} to {parcel.target.key} ({parcel.subscriber})")
        self._say(await shown(parcel, self._settings))
        self._say("")
        return Receipt(message=str(self.sent), poll=f"rehearsed-{self.sent}" if parcel.question else None)

    async def close(self) -> None:
        """Nothing is held open."""


class NoFeedWriter:
    """Writes no feed."""

    def write(self, name: str, feed: Feed) -> bool:  # noqa: ARG002
        return False

    def remove(self, name: str) -> None:
        """There is nothing to remove."""
