"""The email channel: composes a parcel and hands it to a transport."""

from typing import Protocol

from bot.adapters.publishers.email.bulletins import compose_bulletin
from bot.adapters.publishers.email.compose import compose, message_id, message_name, recipient
from bot.adapters.publishers.email.settings import EmailSettings
from bot.domain.bulletins import Bulletin
from bot.domain.delivery import Parcel, Receipt
from bot.domain.errors import Refused
from bot.domain.subscriptions import ChannelKind


class Transport(Protocol):
    """What takes whole mails over."""

    async def deliver(self, message: bytes, *, sender: str, recipient: str, name: str) -> None:
        """Take the mail over for good; raises a DeliveryError. The same `name` is always the same mail."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


class EmailPublisher:
    """Sends alerts as mails; a mail can be neither edited nor answered with a poll, so other kinds are refused."""

    kind: ChannelKind = "email"

    def __init__(self, settings: EmailSettings, transport: Transport) -> None:
        self._settings = settings
        self._transport = transport

    async def send(self, parcel: Parcel) -> Receipt:
        """The Message-ID, once the transport has the mail; raises a DeliveryError."""
        if parcel.kind != "alert":
            raise Refused(f"a mail cannot carry a {parcel.kind} ({parcel.batch})")
        await self._transport.deliver(
            compose(parcel, self._settings),
            sender=self._settings.sender.address,
            recipient=recipient(parcel).address,
            name=message_name(parcel),
        )
        return Receipt(message=message_id(parcel, self._settings))

    async def tell(self, bulletin: Bulletin) -> Receipt:
        """The Message-ID, once the transport has the bulletin; raises a DeliveryError."""
        mail = compose_bulletin(bulletin, self._settings)
        await self._transport.deliver(
            mail.content,
            sender=self._settings.sender.address,
            recipient=mail.recipient,
            name=bulletin.name,
        )
        return Receipt(message=mail.message_id)

    async def close(self) -> None:
        await self._transport.close()
