"""A parcel as the bytes of one mail: the same parcel always gives the same bytes."""

import hashlib
import re
from email.utils import format_datetime

from bot.adapters.publishers.email.hypertext import hypertext
from bot.adapters.publishers.email.letter import Letter, letter_for
from bot.adapters.publishers.email.mime import alternatives, header, mailbox_header
from bot.adapters.publishers.email.plaintext import plain_text
from bot.adapters.publishers.email.settings import EmailSettings
from bot.domain.delivery import Parcel
from bot.domain.errors import Refused
from bot.domain.mailbox import Mailbox

_ID_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def compose(parcel: Parcel, settings: EmailSettings) -> bytes:
    """The whole message, signed where a key is configured; raises Refused where the target is not one mail address."""
    letter, html = hypertext(letter_for(parcel, settings))
    message = alternatives(
        _headers(parcel, letter, settings), text=plain_text(letter), html=html, name=parcel.batch
    )
    return settings.dkim.sign(message, parcel.created_at) if settings.dkim else message


def compose_text(parcel: Parcel, settings: EmailSettings) -> str:
    """The mail as a person reads it in a terminal: To, Subject, and the plain text."""
    letter, _ = hypertext(letter_for(parcel, settings))
    return f"To: {recipient(parcel).address}\nSubject: {letter.subject}\n\n{plain_text(letter)}"


def message_id(parcel: Parcel, settings: EmailSettings) -> str:
    """The Message-ID, angle brackets included: one per batch for good."""
    return f"<{message_name(parcel)}@{settings.sender.domain}>"


def message_name(parcel: Parcel) -> str:
    """The batch as a name that headers and file systems take as it is."""
    if _ID_SAFE.fullmatch(parcel.batch):
        return parcel.batch
    return hashlib.sha256(parcel.batch.encode()).hexdigest()[:32]


def recipient(parcel: Parcel) -> Mailbox:
    """The one address the mail goes to."""
    try:
        return Mailbox.parse(parcel.target.address)
    except ValueError as error:
        raise Refused(f"email for {parcel.subscriber}: {error}; correct it in the subscriptions") from error


def _headers(parcel: Parcel, letter: Letter, settings: EmailSettings) -> list[str]:
    headers = [
        mailbox_header("From", settings.sender),
        mailbox_header("To", recipient(parcel)),
        header("Subject", letter.subject),
        f"Date: {format_datetime(parcel.created_at)}",
        f"Message-ID: {message_id(parcel, settings)}",
        mailbox_header(
            "List-Id", Mailbox(name=letter.site_title, address=f"digest.{settings.sender.domain}")
        ),
        "Auto-Submitted: auto-generated",
    ]
    if letter.unsubscribe_url:
        headers.append(f"List-Unsubscribe: <{letter.unsubscribe_url}>")
        if letter.unsubscribe_url.startswith("https:"):  # one-click needs it (RFC 8058 §3.1)
            headers.append("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
    return headers
