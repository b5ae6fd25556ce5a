"""EmailPublisher: composes one mail and hands it to a transport."""

import hashlib
import re
from email.utils import format_datetime
from typing import Protocol

from bot.adapters.email.bulletins import compose_bulletin
from bot.adapters.email.content import EmailContent, EmailSettings, email_content, html_body, text_body
from bot.adapters.email.mime import alternatives, header, mailbox_header
from bot.domain.bulletins import Bulletin
from bot.domain.delivery import Parcel, Receipt
from bot.domain.errors import Refused
from bot.domain.mailbox import Mailbox
from bot.domain.subscriptions import ChannelKind


class Transport(Protocol):
    """Takes whole mails over: an SMTP server or a Maildir."""

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

    async def send(self, outgoing: Parcel) -> Receipt:
        """The Message-ID, once the transport has the mail; raises a DeliveryError."""
        if outgoing.kind != "alert":
            raise Refused(f"a mail cannot carry a {outgoing.kind} ({outgoing.batch})")
        await self._transport.deliver(
            compose(outgoing, self._settings),
            sender=self._settings.sender.address,
            recipient=recipient(outgoing).address,
            name=message_name(outgoing),
        )
        return Receipt(message=message_id(outgoing, self._settings))

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


_ID_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def compose(outgoing: Parcel, settings: EmailSettings) -> bytes:
    """The mail's bytes, signed where a key is configured: the same message always gives the same bytes.

    Raises Refused where the target is not one mail address.
    """
    content, html = html_body(email_content(outgoing, settings))
    mail = alternatives(
        _headers(outgoing, content, settings), text=text_body(content), html=html, name=outgoing.batch
    )
    return settings.dkim.sign(mail, outgoing.created_at) if settings.dkim else mail


def compose_text(outgoing: Parcel, settings: EmailSettings) -> str:
    """The mail as a person reads it in a terminal: To, Subject, and the plain text."""
    content, _ = html_body(email_content(outgoing, settings))
    return f"To: {recipient(outgoing).address}\nSubject: {content.subject}\n\n{text_body(content)}"


def message_id(outgoing: Parcel, settings: EmailSettings) -> str:
    """The Message-ID, angle brackets included: one per message for good."""
    return f"<{message_name(outgoing)}@{settings.sender.domain}>"


def message_name(outgoing: Parcel) -> str:
    """The message's id as headers and file systems take it."""
    if _ID_SAFE.fullmatch(outgoing.batch):
        return outgoing.batch
    return hashlib.sha256(outgoing.batch.encode()).hexdigest()[:32]


def recipient(outgoing: Parcel) -> Mailbox:
    """The one address the mail goes to."""
    try:
        return Mailbox.parse(outgoing.target.address)
    except ValueError as error:
        raise Refused(f"email for {outgoing.subscriber}: {error}; correct it in the subscriptions") from error


def _headers(outgoing: Parcel, content: EmailContent, settings: EmailSettings) -> list[str]:
    headers = [
        mailbox_header("From", settings.sender),
        mailbox_header("To", recipient(outgoing)),
        header("Subject", content.subject),
        f"Date: {format_datetime(outgoing.created_at)}",
        f"Message-ID: {message_id(outgoing, settings)}",
        mailbox_header(
            "List-Id", Mailbox(name=content.site_title, address=f"digest.{settings.sender.domain}")
        ),
        "Auto-Submitted: auto-generated",
    ]
    if content.unsubscribe_url:
        headers.append(f"List-Unsubscribe: <{content.unsubscribe_url}>")
        if content.unsubscribe_url.startswith("https:"):  # one-click needs it (RFC 8058 §3.1)
            headers.append("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
    return headers
