"""The email channel: composes a message as one mail and hands it to a transport."""

from dataclasses import replace
from typing import Protocol

from bot.adapters.publishers.email.compose import compose, message_id, message_name, recipient
from bot.adapters.publishers.email.settings import EmailSettings
from bot.domain.channels import Capabilities, ChannelKind
from bot.domain.errors import Refused
from bot.domain.message import OutgoingMessage, Receipt


class Transport(Protocol):
    """Takes whole mails over."""

    @property
    def at_once(self) -> int | None:
        """So many mails it takes at a time; None for any number."""
        ...

    async def deliver(self, message: bytes, *, sender: str, recipient: str, name: str) -> None:
        """Take the mail over for good; raises a DeliveryError. The same `name` is always the same mail."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


class EmailPublisher:
    """Sends alerts and alarms as mails.

    A mail can be neither edited nor answered with a poll, so other kinds are refused.
    """

    kind: ChannelKind = "email"
    capabilities: Capabilities = Capabilities(carries_quiz=True, unsubscribes=True, noun="mails")

    def __init__(self, settings: EmailSettings, transport: Transport) -> None:
        self.capabilities = replace(self.capabilities, at_once=transport.at_once)
        self._settings = settings
        self._transport = transport

    async def send(self, message: OutgoingMessage) -> Receipt:
        """The Message-ID, once the transport has the mail; raises a DeliveryError."""
        if message.kind not in ("alert", "alarm"):
            raise Refused(f"a mail cannot carry a {message.kind} ({message.id})")
        await self._transport.deliver(
            compose(message, self._settings),
            sender=self._settings.sender.address,
            recipient=recipient(message).address,
            name=message_name(message),
        )
        return Receipt(message=message_id(message, self._settings))

    async def close(self) -> None:
        await self._transport.close()
