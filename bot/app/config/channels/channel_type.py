"""Channel type: how a channel is configured, built and described; and the findings of `doctor` that channels share."""

import errno
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Annotated, Any

from bot.app.config.settings import Settings
from bot.app.config.validation import FieldFault, Parsed
from bot.domain.channels import Capabilities, ChannelKind
from bot.domain.delivery import State
from bot.domain.message import OutgoingMessage
from bot.domain.subscriptions import Channel, Subscriber
from bot.domain.text import counted

if TYPE_CHECKING:
    from bot.domain.analysis.findings import Finding
    from bot.pipeline.feeds import FeedBuilder
    from bot.pipeline.ports import FeedWriter, Publisher, ReportBox
    from bot.pipeline.ports.chats import ChatStore

_TRIED_BYTES = 65_536
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}

KeyAndWarning = tuple[tuple[str, ...], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """Parts that a publisher may be built from."""

    settings: Settings
    feeds: "FeedBuilder"
    feed_writer: "FeedWriter"
    chats: "ChatStore"


@dataclass(frozen=True, kw_only=True, slots=True)
class StandIn:
    """Stand-in for a channel's service while that is not set up: files on this machine."""

    outcome: str
    """What became of a message, and why."""
    next_step: str
    """The setting that lets messages go to the service."""


@dataclass(frozen=True)
class ChannelType:
    """A channel; `publisher` is `module:Class`, imported when it is first needed.

    All that follows the description may be left out by a channel that is built without settings.
    """

    publisher: str
    description: str
    build: Callable[[Parts], "Publisher"] | None = None
    """None: the class takes no arguments."""
    form: Any = None
    """The type of the value in `subscriptions.yaml`; None: a text that the class's `parse_address` takes."""
    address: Callable[[Any, str], str] = lambda value, _: str(value)
    """Makes the address of that value and the subscriber's id."""
    show: Callable[[OutgoingMessage, Settings], Awaitable[str]] | None = None
    """A message as text for a terminal; None: the class's `text` makes it."""
    secret: bool = False
    """True if addresses contain a token; they are shown masked."""
    warnings: Callable[[Settings, Sequence[Subscriber]], Iterator[KeyAndWarning]] = lambda *_: iter(())
    """Keys of `paperboy.yaml` that need a look, for `check`."""
    check: Callable[[Settings, Sequence[Subscriber], bool], Iterator["Finding"]] | None = None
    """Findings for `doctor` without asking the service (True: it is asked too); None: on the addresses in use."""
    ask: Callable[[Settings, Sequence[Subscriber], "ChatStore"], Awaitable[Sequence["Finding"]]] | None = None
    """Findings for `doctor --online` from asking the service, whose facts about chats are kept."""
    summary: Callable[[Settings, Mapping[State, int]], str] | None = None
    """A line for the start of `run` on the messages that were sent, from the deliveries by state; None: their number."""
    stand_in: Callable[[Settings], StandIn | None] = lambda _: None
    """Takes the messages in place of the service; None: they go to it."""
    report_box: Callable[[Settings], "ReportBox | None"] = lambda _: None
    """The box of delivery reports; None: there is none."""
    resends: Callable[[Settings], bool] = lambda _: False
    """True: a message whose outcome is unknown is sent again."""

    @cached_property
    def publisher_class(self) -> Any:
        module, _, name = self.publisher.partition(":")
        return getattr(import_module(module), name)

    @property
    def capabilities(self) -> Capabilities:
        own: Capabilities = self.publisher_class.capabilities
        return own

    @property
    def yaml_type(self) -> Any:
        """The type of the value in `subscriptions.yaml`."""
        return self.form or Annotated[str, Parsed(self._parse, {"type": "string", "minLength": 1})]

    def _parse(self, text: str) -> str:
        try:
            return self.capabilities.parse_address(text)
        except ValueError as error:
            raise FieldFault(str(error), secret=self.secret) from error

    async def shown(self, message: OutgoingMessage, settings: Settings) -> str:
        """A message as text for a terminal."""
        if self.show is not None:
            return await self.show(message, settings)
        text: str = self.publisher_class.text(message)
        return text

    def checked(
        self, settings: Settings, subscribers: Sequence[Subscriber], *, online: bool
    ) -> Iterator["Finding"]:
        """Findings for `doctor` without asking the service."""
        if self.check is not None:
            yield from self.check(settings, subscribers, online)
            return
        kind: ChannelKind = self.publisher_class.kind
        targets = list(channels_of(kind, subscribers).values())
        for channel in targets:
            try:
                self.capabilities.parse_address(channel.address)
            except ValueError as error:
                yield finding(channel.target, "address", str(error))
        if targets:
            yield fine(kind, f"sends to {counted(len(targets), 'address', 'addresses')}; none was tried")

    def summarized(self, settings: Settings, states: Mapping[State, int]) -> str:
        """A line on the messages that were sent."""
        if self.summary is not None:
            return self.summary(settings, states)
        noun = self.capabilities.noun
        return f"{counted(states.get('sent', 0), noun.removesuffix('s'), noun)} sent"


def channels_of(kind: ChannelKind, subscribers: Sequence[Subscriber]) -> dict[str, Channel]:
    """The channels of that kind by target, the last one where several subscribers share it."""
    return {
        channel.target: channel
        for subscriber in subscribers
        for channel in subscriber.channels
        if channel.kind == kind
    }


def shown_path(path: Path) -> str:
    """The path from the working directory, if it is below."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def finding(subject: str, kind: str, what: str, *, urgent: bool = True) -> "Finding":
    """A finding on a channel, or on something that messages or papers need."""
    from bot.domain.analysis.findings import Finding

    return Finding(area="channels", kind=kind, subject=subject, what=what, urgent=urgent, figures={})


def fine(subject: str, what: str) -> "Finding":
    """A finding that something is well."""
    return finding(subject, "fine", what, urgent=False)


def writable_finding(subject: str, folder: Path, what: str) -> "Finding":
    """A finding on whether the folder, or the nearest existing one above it, is writable; writes a temporary file."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        return finding(subject, "rights", f"{existing} is no folder, so {what} cannot be there")
    try:
        with TemporaryFile(dir=existing, prefix=".paperboy-") as file:
            file.write(bytes(_TRIED_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        remedy = "make room on that disk" if error.errno in _NO_ROOM else f"chmod u+wx {existing}"
        return finding(subject, "rights", f"{what}, {folder}, cannot be written to ({why}); {remedy}")
    return fine(subject, f"{what}, {folder}, is writable (a file was written there)")
