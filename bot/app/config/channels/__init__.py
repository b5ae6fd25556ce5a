"""The list of channels: each kind, and the channel type that says how it is configured, built and described.

A new channel is one line in CHANNELS and one file with its publisher: a class with `kind`, `capabilities`,
`send` and `close`. A class that is built without settings, whose address is one text that its
`capabilities.parse_address` takes, and that has a static method `text` needs nothing else. One with settings
of its own has a file here too, as `email.py`.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from bot.app.config.channels.channel_type import ChannelType, Parts
from bot.app.config.channels.email import EMAIL
from bot.app.config.channels.feed import FEEDS
from bot.app.config.channels.telegram import TELEGRAM
from bot.app.config.settings import Settings
from bot.domain.channels import FEED, Capabilities, CapabilitiesOf, ChannelKind
from bot.domain.chats import CHAT
from bot.domain.message import OutgoingMessage
from bot.pipeline.send import SendRules

if TYPE_CHECKING:
    from bot.pipeline.ports import Publisher

CHANNELS: Mapping[ChannelKind, ChannelType] = {
    CHAT: TELEGRAM,
    "email": EMAIL,
    FEED: FEEDS,
    "apprise": ChannelType("bot.adapters.apprise:ApprisePublisher", "An Apprise URL (extra).", secret=True),
}
"""All channels, in the order in which texts name them."""


class _ChannelCapabilities(Mapping[ChannelKind, Capabilities]):
    """The capabilities of all channels; a look-up imports the channel's publisher."""

    def __getitem__(self, kind: ChannelKind) -> Capabilities:
        return CHANNELS[kind].capabilities

    def __iter__(self) -> Iterator[ChannelKind]:
        return iter(CHANNELS)

    def __len__(self) -> int:
        return len(CHANNELS)


CAPABILITIES: CapabilitiesOf = _ChannelCapabilities()


def publishers(parts: Parts, *, only_documents: bool = False) -> "dict[ChannelKind, Publisher]":
    """The publisher of every channel, or of those alone whose targets are documents."""
    return {
        kind: channel.build(parts) if channel.build else channel.publisher_class()
        for kind, channel in CHANNELS.items()
        if channel.capabilities.is_document or not only_documents
    }


def send_rules(settings: Settings) -> SendRules:
    """The rules of sending that the settings give."""
    return SendRules(
        resend_uncertain=frozenset(kind for kind, channel in CHANNELS.items() if channel.resends(settings))
    )


async def shown(message: OutgoingMessage, settings: Settings) -> str:
    """A message as text for a terminal."""
    return await CHANNELS[message.target.kind].shown(message, settings)
