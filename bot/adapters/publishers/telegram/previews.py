"""The Telegram channel while there is no token: everything is rendered and kept, nothing is sent."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.adapters import atomic_file
from bot.adapters.botapi.alerts import render_alert
from bot.adapters.botapi.bulletins import render_bulletin
from bot.adapters.botapi.messages import Message
from bot.adapters.publishers.telegram.preview import html_preview, plain_preview
from bot.adapters.publishers.telegram.quiz import quiz_poll
from bot.domain.bulletins import Bulletin
from bot.domain.delivery import Kind, Parcel, Receipt
from bot.domain.errors import Refused, TryLater
from bot.domain.quizzes.polls import Poll
from bot.domain.subscriptions import ChannelKind

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9@_-]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """What would have gone out, and where to."""

    kind: Kind
    address: str
    batch: str
    created_at: datetime
    content: Message | Poll
    is_reply: bool = False

    @property
    def heading(self) -> str:
        """One line that says what it is."""
        if isinstance(self.content, Message):
            what = "message" if self.kind == "alert" else "edited message"
        else:
            what = "poll" if self.content.correct is None else "quiz"
        return f"Telegram {what} to {self.address}" + (", a reply to the alert" if self.is_reply else "")

    def text(self) -> str:
        """For a terminal."""
        return plain_preview(self.content, self.heading)


Sink = Callable[[Preview], None]


class PreviewFolder:
    """Keeps each preview as a page and as a text, in one folder a chat; the same preview again replaces itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, preview: Preview) -> None:
        """Write both files; raises OSError."""
        folder = self._folder / f"telegram-{_NOT_IN_NAMES.sub('_', preview.address)}"
        folder.mkdir(parents=True, exist_ok=True)
        batch = _NOT_IN_NAMES.sub("_", preview.batch)
        name = f"{preview.created_at:%Y-%m-%dT%H%M%S}-{batch}-{preview.kind}"
        page = html_preview(preview.content, preview.heading)
        atomic_file.write(folder / f"{name}.html", page.encode(), durable=False)
        atomic_file.write(folder / f"{name}.txt", f"{preview.text()}\n".encode(), durable=False)


class PreviewPublisher:
    """Renders as the bot would and hands the previews to a folder, or to `show`."""

    kind: ChannelKind = "telegram"

    def __init__(self, folder: Path | None = None, *, show: Sink | None = None) -> None:
        self._sinks = tuple(sink for sink in (PreviewFolder(folder) if folder else None, show) if sink)

    async def send(self, parcel: Parcel) -> Receipt:
        """A receipt that later edits and replies know as a preview's; TryLater where it cannot be kept."""
        content = self._rendered(parcel)
        preview = Preview(
            kind=parcel.kind,
            address=parcel.target.address,
            batch=parcel.batch,
            created_at=parcel.created_at,
            content=content,
            is_reply=parcel.reply_to is not None,
        )
        await self._keep(preview)
        order = content.order if isinstance(content, Poll) else ()
        return Receipt(message=f"preview-{parcel.batch}", option_order=order)

    async def tell(self, bulletin: Bulletin) -> Receipt:
        """The same for a bulletin."""
        preview = Preview(
            kind="alert",
            address=bulletin.target.address,
            batch=bulletin.name,
            created_at=bulletin.created_at,
            content=render_bulletin(bulletin),
        )
        await self._keep(preview)
        return Receipt(message=f"preview-{bulletin.name}")

    async def close(self) -> None:
        """Nothing is held open."""

    async def _keep(self, preview: Preview) -> None:
        for sink in self._sinks:
            try:
                await asyncio.to_thread(sink, preview)
            except OSError as error:
                raise TryLater(f"the preview cannot be kept: {error}") from error

    def _rendered(self, parcel: Parcel) -> Message | Poll:
        if parcel.kind == "quiz":
            return quiz_poll(parcel)
        message = render_alert(parcel)
        if message is None:
            raise Refused(f"{parcel.batch}: an alert without papers")
        return message
