"""The feed channel: each message has its subscriber's feed file rewritten."""

import asyncio

from bot.domain.channels import FEED, Capabilities, ChannelKind
from bot.domain.errors import DeliveryError, StateError, TryLater
from bot.domain.message import OutgoingMessage, Receipt
from bot.pipeline.feeds import FeedDesk
from bot.pipeline.ports import FeedWriter


class AtomPublisher:
    """Writes a subscriber's feed whole, from the state as it is now."""

    kind: ChannelKind = FEED
    capabilities: Capabilities = Capabilities(edits=True, harmless_twice=True, is_document=True)

    def __init__(self, feeds: FeedDesk, writer: FeedWriter) -> None:
        self._feeds = feeds
        self._writer = writer

    async def send(self, message: OutgoingMessage) -> Receipt:
        """A receipt without a name, once the file is in place; TryLater where it cannot be written."""
        try:
            await asyncio.to_thread(self._feeds.write_for, self._writer, message.subscriber)
        except (DeliveryError, StateError) as error:
            raise TryLater(f"the feed could not be written: {error}") from error
        return Receipt(message="")

    async def close(self) -> None:
        """Nothing is held open."""
