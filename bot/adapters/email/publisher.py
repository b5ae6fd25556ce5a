"""EmailPublisher: composes each message as one mail and gives it to a transport."""

import hashlib
import html
import re
from dataclasses import replace
from email.utils import format_datetime
from typing import Protocol

from bot.adapters.email.confirmation import confirmation_mail
from bot.adapters.email.content import EmailContent, EmailSettings, email_content
from bot.adapters.email.html import html_body
from bot.adapters.email.mime import alternatives, header, mailbox_header
from bot.adapters.email.text import text_body
from bot.domain.channels import Capabilities, ChannelKind, ChannelWords
from bot.domain.errors import Refused
from bot.domain.mailbox import Mailbox
from bot.domain.message import Begin, OutgoingMessage, Receipt, WrittenText, unrecorded
from bot.domain.sign_ups import ConfirmationRequest
from bot.domain.text import one_line
from bot.domain.translations import wording


class Transport(Protocol):
    """Delivers whole mails: to an SMTP server or into a Maildir."""

    @property
    def at_once(self) -> int | None:
        """Most mails at a time; None for any number."""
        ...

    @property
    def harmless_twice(self) -> bool:
        """Whether delivering the same mail again changes nothing."""
        ...

    async def deliver(
        self, message: bytes, *, sender: str, recipient: str, name: str, begin: Begin = unrecorded
    ) -> None:
        """Deliver the mail; raises a DeliveryError. The same `name` always means the same mail.

        Awaits `begin` right before the step after which the mail may arrive.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


def _masked(address: str) -> str:
    """The first character and the domain: `a…@example.org`."""
    local, _, domain = one_line(address, 254).rpartition("@")
    return f"{local[:1]}…@{domain}"


class EmailPublisher:
    """Sends alerts, alarms, look backs and corrections as mails; refuses polls and edits, for which mail has no equivalent."""

    kind: ChannelKind = "email"
    capabilities: Capabilities = Capabilities(
        carries_quiz=True,
        corrects=True,
        unsubscribes=True,
        noun="mails",
        words={
            "en": ChannelWords(name="Email", target="this mail address"),
            "zh": ChannelWords(name="邮件", target="此邮件地址"),
        },
        mask=_masked,
    )

    def __init__(self, settings: EmailSettings, transport: Transport) -> None:
        self.capabilities = replace(
            self.capabilities,
            at_once=transport.at_once,
            reports=settings.bounces is not None,
            harmless_twice=transport.harmless_twice,
        )
        self._settings = settings
        self._transport = transport

    async def send(self, outgoing: OutgoingMessage, begin: Begin = unrecorded) -> Receipt:
        """Send the mail; the receipt names its Message-ID. Raises a DeliveryError."""
        if outgoing.kind != "alert" and outgoing.text is None and outgoing.corrects is None:
            raise Refused(f"a mail cannot carry a {outgoing.kind} ({outgoing.id})")
        await self._transport.deliver(
            compose(outgoing, self._settings),
            sender=_envelope_sender(outgoing, self._settings),
            recipient=recipient(outgoing).address,
            name=_safe_name(outgoing.id),
            begin=begin,
        )
        return Receipt(message=message_id(outgoing, self._settings))

    async def ask(self, request: ConfirmationRequest) -> None:
        """Send the confirmation mail of a sign-up; raises a DeliveryError."""
        await self._transport.deliver(
            confirmation_mail(request, self._settings),
            sender=self._settings.sender.address,
            recipient=request.sign_up.address,
            name=_safe_name(request.sign_up.id),
        )

    async def close(self) -> None:
        await self._transport.close()


_ALARM_STYLE = "font:16px/1.5 system-ui,sans-serif;max-width:40em;margin:1.5em auto;padding:0 1em"
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9_-]{1,64}@[a-z0-9.-]{1,253}>")
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def compose(outgoing: OutgoingMessage, settings: EmailSettings) -> bytes:
    """The mail's bytes, signed where a key is configured; equal messages give equal bytes.

    Raises Refused where the target is not one valid mail address.
    """
    if outgoing.text:
        mail = _written(outgoing, outgoing.text, settings)
    else:
        _, mail = _alert(outgoing, settings)
    return settings.dkim.sign(mail, outgoing.created_at) if settings.dkim else mail


MAX_MAIL_BYTES = 98_000
"""Gmail clips mails at about 102 kB; the rest is room for the signature."""


def _alert(outgoing: OutgoingMessage, settings: EmailSettings) -> tuple[EmailContent, bytes]:
    """(content, mail) within MAX_MAIL_BYTES: the content is made smaller until the mail fits."""
    content: EmailContent | None = email_content(outgoing, settings)
    while content is not None:
        headers = _list_headers(outgoing, content, settings)
        mail = alternatives(headers, text=text_body(content), html=html_body(content), name=outgoing.id)
        if len(mail) <= MAX_MAIL_BYTES:
            return content, mail
        content = content.smaller
    raise Refused(f"a mail of one paper has more than {MAX_MAIL_BYTES} bytes ({outgoing.id})")


def _written(outgoing: OutgoingMessage, text: WrittenText, settings: EmailSettings) -> bytes:
    """The mail of an alarm or a look back. A look back can be unsubscribed from; an alarm is part of an operator's work."""
    paragraphs = [one_line(paragraph) for paragraph in text.body.split("\n\n")]
    title = html.escape(one_line(text.subject))
    body = "\n".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in paragraphs)
    unsubscribe, links = None, list[tuple[str, str]]()
    if outgoing.kind == "look_back":
        words, site = wording(outgoing.language), settings.site
        if outgoing.preferences_token:
            links.append((words.preferences, site.preferences(outgoing.preferences_token)))
        if outgoing.unsubscribe_token:
            unsubscribe = site.unsubscribe(outgoing.unsubscribe_token)
            links.append((words.unsubscribe, unsubscribe))
        paragraphs += ["\n".join(f"{label}{words.colon}{url}" for label, url in links)] if links else []
        anchors = " · ".join(f'<a href="{html.escape(url)}">{label}</a>' for label, url in links)
        body += f"\n<p>{anchors}</p>"
    language = outgoing.language if outgoing.kind == "look_back" else "en"
    page = (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title></head>\n"
        f'<body style="{_ALARM_STYLE}">\n<h1 style="font-size:1.25em">{title}</h1>\n{body}\n</body></html>\n'
    )
    headers = [
        *_headers(outgoing, _subject(text, settings), settings),
        "Auto-Submitted: auto-generated",
        *_unsubscribe_headers(unsubscribe),
    ]
    return alternatives(headers, text="\n\n".join(paragraphs) + "\n", html=page, name=outgoing.id)


def _subject(text: WrittenText, settings: EmailSettings) -> str:
    return one_line(f"{settings.site_title}: {text.subject}", 200)


def compose_text(outgoing: OutgoingMessage, settings: EmailSettings) -> str:
    """The mail for a terminal: To, Subject, and the plain text."""
    if outgoing.text:
        subject = _subject(outgoing.text, settings)
        return f"To: {recipient(outgoing).address}\nSubject: {subject}\n\n{outgoing.text.body}\n"
    content, _ = _alert(outgoing, settings)
    return f"To: {recipient(outgoing).address}\nSubject: {content.subject}\n\n{text_body(content)}"


def message_id(outgoing: OutgoingMessage, settings: EmailSettings) -> str:
    """The Message-ID with its angle brackets; always the same for one message."""
    return f"<{_safe_name(outgoing.id)}@{settings.sender.domain}>"


def _safe_name(name: str) -> str:
    """The name, hashed where it is not safe in headers and file names."""
    return name if _SAFE_NAME.fullmatch(name) else hashlib.sha256(name.encode()).hexdigest()[:32]


def _envelope_sender(outgoing: OutgoingMessage, settings: EmailSettings) -> str:
    """The address that an undeliverable mail is returned to: one for each target, where reports are read."""
    if settings.bounces is None or outgoing.return_token is None:
        return settings.sender.address
    from bot.adapters.email.reports import return_address  # late: it brings an IMAP client

    return return_address(settings.bounces, outgoing.return_token)


def recipient(outgoing: OutgoingMessage) -> Mailbox:
    """The address that the mail goes to. Raises Refused for an invalid one."""
    try:
        return Mailbox.parse(outgoing.target.address)
    except ValueError as error:
        raise Refused(f"email for {outgoing.subscriber}: {error}; correct it in the subscriptions") from error


def _headers(outgoing: OutgoingMessage, subject: str, settings: EmailSettings) -> list[str]:
    return [
        mailbox_header("From", settings.sender),
        mailbox_header("To", recipient(outgoing)),
        header("Subject", subject),
        f"Date: {format_datetime(outgoing.created_at)}",
        f"Message-ID: {message_id(outgoing, settings)}",
        *_thread(outgoing),
    ]


def _thread(outgoing: OutgoingMessage) -> list[str]:
    """The headers that make a reply appear in the thread of the mail that it answers (RFC 5322 §3.6.4)."""
    answered = outgoing.reply_to.message if outgoing.reply_to else ""
    if not _MESSAGE_ID.fullmatch(answered):
        return []
    return [f"In-Reply-To: {answered}", f"References: {answered}"]


def _list_headers(outgoing: OutgoingMessage, content: EmailContent, settings: EmailSettings) -> list[str]:
    return [
        *_headers(outgoing, content.subject, settings),
        mailbox_header(
            "List-Id", Mailbox(name=content.site_title, address=f"digest.{settings.sender.domain}")
        ),
        "Auto-Submitted: auto-generated",
        *_unsubscribe_headers(content.unsubscribe_url),
    ]


def _unsubscribe_headers(url: str | None) -> list[str]:
    if url is None:
        return []
    one_click = url.startswith("https:")  # required for it (RFC 8058 §3.1)
    post = ["List-Unsubscribe-Post: List-Unsubscribe=One-Click"] if one_click else []
    return [f"List-Unsubscribe: <{url}>", *post]
