"""The Telegram channel while there is no token: everything is rendered and kept, nothing is sent."""

import asyncio
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from bot.adapters.botapi.alerts import render_alarm, render_alert
from bot.adapters.botapi.messages import Message
from bot.adapters.publishers.telegram.preview import html_preview, plain_preview
from bot.adapters.publishers.telegram.publisher import TelegramPublisher
from bot.adapters.publishers.telegram.quiz import quiz_poll
from bot.domain.channels import Capabilities, ChannelKind, Limits
from bot.domain.delivery import Kind
from bot.domain.errors import Refused, TryLater
from bot.domain.message import OutgoingMessage, Receipt
from bot.domain.quizzes.repair import Poll

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9@_-]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """What would have gone out, and where to."""

    kind: Kind
    address: str
    message_id: str
    created_at: datetime
    content: Message | Poll
    is_reply: bool = False

    @property
    def heading(self) -> str:
        """One line that says what it is."""
        if isinstance(self.content, Message):
            what = "edited message" if self.kind == "edit" else "message"
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
        message_id = _NOT_IN_NAMES.sub("_", preview.message_id)
        name = f"{preview.created_at:%Y-%m-%dT%H%M%S}-{message_id}-{preview.kind}"
        _replace(folder / f"{name}.html", html_preview(preview.content, preview.heading))
        _replace(folder / f"{name}.txt", preview.text() + "\n")


class PreviewPublisher:
    """Renders as the bot would and hands the previews to a folder, or to `show`."""

    kind: ChannelKind = "telegram"
    capabilities: Capabilities = replace(TelegramPublisher.capabilities, limits=Limits())

    def __init__(
        self, folder: Path | None = None, *, min_confidence: float = 0.9, show: Sink | None = None
    ) -> None:
        self._sinks = tuple(sink for sink in (PreviewFolder(folder) if folder else None, show) if sink)
        self._min_confidence = min_confidence

    async def send(self, parcel: OutgoingMessage) -> Receipt:
        """A receipt that later edits and replies know as a preview's; TryLater where it cannot be kept."""
        content = self._rendered(parcel)
        preview = Preview(
            kind=parcel.kind,
            address=parcel.target.address,
            message_id=parcel.id,
            created_at=parcel.created_at,
            content=content,
            is_reply=parcel.reply_to is not None,
        )
        await self._keep(preview)
        order = content.order if isinstance(content, Poll) else ()
        return Receipt(message=f"preview-{parcel.id}", option_order=order)

    async def close(self) -> None:
        """Nothing is held open."""

    async def _keep(self, preview: Preview) -> None:
        for sink in self._sinks:
            try:
                await asyncio.to_thread(sink, preview)
            except OSError as error:
                raise TryLater(f"the preview cannot be kept: {error}") from error

    def _rendered(self, parcel: OutgoingMessage) -> Message | Poll:
        if parcel.kind == "quiz":
            return quiz_poll(parcel, min_confidence=self._min_confidence)
        if parcel.alarm is not None:
            return render_alarm(parcel.alarm)
        message = render_alert(parcel)
        if message is None:
            raise Refused(f"{parcel.id}: an alert without papers")
        return message


def _replace(path: Path, text: str) -> None:
    """Put the file in place whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)  # noqa: PTH105 - one call, on two paths
