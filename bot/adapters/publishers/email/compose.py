"""Messages as the bytes of one mail: the same message always gives the same bytes."""

import hashlib
import html
import re
from email.utils import format_datetime

from bot.adapters.presentation import shown
from bot.adapters.publishers.email.hypertext import hypertext
from bot.adapters.publishers.email.letter import Letter, letter_for
from bot.adapters.publishers.email.mime import alternatives, header, mailbox_header
from bot.adapters.publishers.email.plaintext import plain_text
from bot.adapters.publishers.email.settings import EmailSettings, Mailbox
from bot.domain.errors import Refused
from bot.domain.message import AlarmText, OutgoingMessage

_ALARM_STYLE = "font:16px/1.5 system-ui,sans-serif;max-width:40em;margin:1.5em auto;padding:0 1em"
_ID_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def compose(message: OutgoingMessage, settings: EmailSettings) -> bytes:
    """The whole message, signed where a key is configured; raises Refused where the target is not one mail address."""
    mail = _alarm(message, message.alarm, settings) if message.alarm else _alert(message, settings)
    return settings.dkim.sign(mail, message.created_at) if settings.dkim else mail


def _alert(message: OutgoingMessage, settings: EmailSettings) -> bytes:
    letter, page = hypertext(letter_for(message, settings))
    return alternatives(
        _headers(message, letter, settings), text=plain_text(letter), html=page, name=message.id
    )


def _alarm(message: OutgoingMessage, alarm: AlarmText, settings: EmailSettings) -> bytes:
    """Plain words in both parts; it belongs to no list, and nobody unsubscribes from it."""
    subject = header("Subject", shown(f"{settings.site_title}: {alarm.subject}", 200))
    paragraphs = [shown(paragraph) for paragraph in alarm.body.split("\n\n")]
    title = html.escape(shown(alarm.subject))
    body = "\n".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in paragraphs)
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title></head>\n"
        f'<body style="{_ALARM_STYLE}">\n<h1 style="font-size:1.25em">{title}</h1>\n{body}\n</body></html>\n'
    )
    headers = [*_addressed(message, subject, settings), "Auto-Submitted: auto-generated"]
    return alternatives(headers, text="\n\n".join(paragraphs) + "\n", html=page, name=message.id)


def compose_text(message: OutgoingMessage, settings: EmailSettings) -> str:
    """The mail as a person reads it in a terminal: To, Subject, and the plain text."""
    if message.alarm:
        subject = f"{settings.site_title}: {message.alarm.subject}"
        return f"To: {recipient(message).address}\nSubject: {subject}\n\n{message.alarm.body}\n"
    letter, _ = hypertext(letter_for(message, settings))
    return f"To: {recipient(message).address}\nSubject: {letter.subject}\n\n{plain_text(letter)}"


def message_id(message: OutgoingMessage, settings: EmailSettings) -> str:
    """The Message-ID, angle brackets included: one per message for good."""
    return f"<{message_name(message)}@{settings.sender.domain}>"


def message_name(message: OutgoingMessage) -> str:
    """The message's id as a name that headers and file systems take as it is."""
    if _ID_SAFE.fullmatch(message.id):
        return message.id
    return hashlib.sha256(message.id.encode()).hexdigest()[:32]


def recipient(message: OutgoingMessage) -> Mailbox:
    """The one address the mail goes to."""
    try:
        return Mailbox.parse(message.target.address)
    except ValueError as error:
        raise Refused(f"email for {message.subscriber}: {error}; correct it in the subscriptions") from error


def _addressed(message: OutgoingMessage, subject: str, settings: EmailSettings) -> list[str]:
    return [
        mailbox_header("From", settings.sender),
        mailbox_header("To", recipient(message)),
        subject,
        f"Date: {format_datetime(message.created_at)}",
        f"Message-ID: {message_id(message, settings)}",
    ]


def _headers(message: OutgoingMessage, letter: Letter, settings: EmailSettings) -> list[str]:
    headers = [
        *_addressed(message, header("Subject", letter.subject), settings),
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
