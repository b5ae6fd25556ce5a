"""Confirmation mail of the double opt-in: asks the owner of an address whether they typed it into the web form."""

from email.utils import format_datetime

from bot.adapters.email.content import EmailSettings
from bot.adapters.email.html import template
from bot.adapters.email.mime import alternatives, header, mailbox_header
from bot.domain.errors import Refused
from bot.domain.mailbox import Mailbox
from bot.domain.sign_ups import ConfirmationRequest, is_harmless
from bot.domain.translations import wording

_TEXTS = {
    "en": {
        "subject": "Please confirm: new papers from {site}",
        "asked": "Someone, hopefully you, asked {site} to send new papers on “{query}” to this address.",
        "asked_something": "Someone, hopefully you, asked {site} to send the new papers of a search to this address.",
        "button": "Yes, send them to me",
        "until": "The link works until {day}. It shows the subscription; nothing is sent until you press the button there.",
        "otherwise": "If it was not you, ignore this mail: you will not get another.",
    },
    "zh": {
        "subject": "请确认：来自 {site} 的新论文",
        "asked": "有人（希望是你本人）请 {site} 把“{query}”的新论文发到这个地址。",
        "asked_something": "有人（希望是你本人）请 {site} 把某个查询的新论文发到这个地址。",
        "button": "是的，请发给我",
        "until": "链接在 {day} 之前有效。打开后会显示订阅内容，点击页面上的按钮后才会生效。",
        "otherwise": "如果不是你本人操作，忽略这封邮件即可，不会再有邮件发来。",
    },
}


def confirmation_mail(request: ConfirmationRequest, settings: EmailSettings) -> bytes:
    """The mail's bytes: the search, a button, and how long it works; no List headers, since nobody is subscribed yet.

    A query that could be an advertisement or a link is not quoted. Raises Refused for an invalid address.
    """
    sign_up = request.sign_up
    words = wording(sign_up.language)
    texts = _TEXTS[words.language]
    try:
        recipient = Mailbox.parse(sign_up.address)
    except ValueError as error:
        raise Refused(str(error)) from error
    asked = texts["asked" if is_harmless(sign_up.query) else "asked_something"]
    lines = {
        "asked": asked.format(site=settings.site_title, query=sign_up.query),
        "button": texts["button"],
        "until": texts["until"].format(day=words.day(sign_up.valid_until.date())),
        "otherwise": texts["otherwise"],
    }
    subject = texts["subject"].format(site=settings.site_title)
    url = settings.site.confirm(request.token)
    html = template("confirm.html").render(
        lines=lines, subject=subject, url=url, words=words, site=settings.site_title
    )
    text = f"{lines['asked']}\n\n{lines['button']}{words.colon.rstrip()}\n{url}\n\n{lines['until']}\n\n{lines['otherwise']}\n"
    headers = [
        mailbox_header("From", settings.sender),
        mailbox_header("To", recipient),
        header("Subject", subject),
        f"Date: {format_datetime(sign_up.asked_at)}",
        f"Message-ID: <{sign_up.id}@{settings.sender.domain}>",
        "Auto-Submitted: auto-generated",
    ]
    mail = alternatives(headers, text=text, html=html, name=sign_up.id)
    return settings.dkim.sign(mail, sign_up.asked_at) if settings.dkim else mail
