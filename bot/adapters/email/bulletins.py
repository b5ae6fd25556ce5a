"""Bulletins as mails: plain words in both parts; the same bulletin always gives the same bytes."""

import html
from dataclasses import dataclass
from email.utils import format_datetime

from bot.adapters.email.content import EmailSettings
from bot.adapters.email.mime import alternatives, header, mailbox_header
from bot.domain.bulletins import Bulletin
from bot.domain.errors import Refused
from bot.domain.mailbox import Mailbox
from bot.domain.text import one_line

_STYLE = "font:16px/1.5 system-ui,sans-serif;max-width:40em;margin:1.5em auto;padding:0 1em"


@dataclass(frozen=True, kw_only=True, slots=True)
class BulletinMail:
    """A whole mail and where it goes."""

    content: bytes
    recipient: str
    message_id: str


def compose_bulletin(bulletin: Bulletin, settings: EmailSettings) -> BulletinMail:
    """The whole mail, signed where a key is configured; raises Refused where the target is no mail address."""
    try:
        to = Mailbox.parse(bulletin.target.address)
    except ValueError as error:
        raise Refused(f"{error}; correct it in the subscriptions") from error
    message_id = f"<{bulletin.name}@{settings.sender.domain}>"
    headers = [
        mailbox_header("From", settings.sender),
        mailbox_header("To", to),
        header("Subject", one_line(f"{settings.site_title}: {bulletin.subject}", 200)),
        f"Date: {format_datetime(bulletin.created_at)}",
        f"Message-ID: {message_id}",
        "Auto-Submitted: auto-generated",
    ]
    paragraphs = [one_line(one) for one in bulletin.text.split("\n\n")]
    content = alternatives(
        headers, text="\n\n".join(paragraphs) + "\n", html=_page(bulletin, paragraphs), name=bulletin.name
    )
    if settings.dkim:
        content = settings.dkim.sign(content, bulletin.created_at)
    return BulletinMail(content=content, recipient=to.address, message_id=message_id)


def _page(bulletin: Bulletin, paragraphs: list[str]) -> str:
    title = html.escape(one_line(bulletin.subject))
    body = "\n".join(f"<p>{html.escape(one)}</p>" for one in paragraphs)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title></head>\n"
        f'<body style="{_STYLE}">\n<h1 style="font-size:1.25em">{title}</h1>\n{body}\n</body></html>\n'
    )
