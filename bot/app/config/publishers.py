"""The list of channels: the publisher of each, how it is built, and its form in `subscriptions.yaml`.

A new channel is one line in CHANNELS and one file with its publisher: a class with `kind`, `capabilities`,
`send` and `close`. A class that is built without settings, whose address is one text that its
`capabilities.parse_address` takes, and that has a static method `text` needs nothing else.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, model_validator

from bot.app.config.addresses import Maildir, is_bot_token, parse_mailbox
from bot.app.config.settings import Settings
from bot.app.config.validation import Converted, FieldFault, Flag, Parsed, Section, setting
from bot.domain.channels import FEED, Capabilities, ChannelKind
from bot.domain.chats import LONGEST_TOPIC, topic_key
from bot.domain.message import OutgoingMessage
from bot.pipeline.send import SendRules

if TYPE_CHECKING:
    from bot.adapters.email.content import EmailSettings
    from bot.pipeline.feeds import FeedBuilder
    from bot.pipeline.ports import FeedWriter, Publisher, ReportBox
    from bot.pipeline.ports.chats import ChatStore

SMTP_CONNECTIONS = 3
"""The number that even the strictest of the large providers allow one sender."""
_MAX_CHAT_ID = 2**52
_PUBLIC_NAME = re.compile(r"@[A-Za-z][A-Za-z0-9_]{3,31}")
_GENERAL_TOPIC = (None, "1", "general")
"""Telegram's first topic: it must be omitted when sending (Bot API, sendMessage)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """Parts that a publisher may be built from."""

    settings: Settings
    feeds: "FeedBuilder"
    feed_writer: "FeedWriter"
    chats: "ChatStore"


@dataclass(frozen=True)
class ChannelType:
    """A channel; `publisher` is `module:Class`, imported when it is first needed."""

    publisher: str
    description: str
    build: Callable[[Parts], "Publisher"] | None = None
    """None: the class takes no arguments."""
    form: Any = None
    """The type of the value in `subscriptions.yaml`; None: a text that the class's `parse_address` takes."""
    address: Callable[[Any, str], str] = lambda value, _: str(value)
    """Makes the address of that value and the subscriber's id."""
    show: Callable[[OutgoingMessage, Settings], Awaitable[str]] | None = None
    """A message as text for a terminal; None: the class's `text` makes it."""
    secret: bool = False
    """True if addresses contain a token; they are shown masked."""

    @cached_property
    def publisher_class(self) -> Any:
        module, _, name = self.publisher.partition(":")
        return getattr(import_module(module), name)

    @property
    def capabilities(self) -> Capabilities:
        own: Capabilities = self.publisher_class.capabilities
        return own

    @property
    def yaml_type(self) -> Any:
        """The type of the value in `subscriptions.yaml`."""
        return self.form or Annotated[str, Parsed(self._parse, {"type": "string", "minLength": 1})]

    def _parse(self, text: str) -> str:
        try:
            return self.capabilities.parse_address(text)
        except ValueError as error:
            raise FieldFault(str(error), secret=self.secret) from error


def _chat(value: object) -> int | str:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,16}", value):
        value = int(value)
    if type(value) is int and value and abs(value) < _MAX_CHAT_ID:
        return value
    if isinstance(value, str) and _PUBLIC_NAME.fullmatch(value):
        return value.lower()
    if isinstance(value, str) and is_bot_token(value.strip()):
        raise FieldFault("the bot's token belongs into paperboy.yaml; here goes a chat id like 123456789")
    raise FieldFault('must be a chat id like 123456789 (the bot tells it on /start) or "@channel"')


def _mail_address(text: str) -> str:
    return parse_mailbox(text).address


def _topic(value: object) -> str:
    name = topic_key(str(value)) if type(value) is int or isinstance(value, str) else ""
    if name and not (name.lstrip("-").isdecimal() and int(name) < 1):
        return name
    raise FieldFault("must be a topic's number, or its name")


_CHAT_SCHEMA = {
    "anyOf": [
        {"type": "integer"},
        {"type": "string", "pattern": f"^({_PUBLIC_NAME.pattern}|-?[0-9]{{1,16}})$"},
    ]
}
ChatId = Annotated[int | str, Converted(_chat, _CHAT_SCHEMA)]
Topic = Annotated[
    str,
    Converted(
        _topic,
        {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "string", "minLength": 1, "maxLength": LONGEST_TOPIC},
            ]
        },
    ),
]
MailAddress = Annotated[str, Parsed(_mail_address, {"type": "string", "pattern": "^[^@]+@[^@]+$"})]


class ChatForm(Section):
    """A Telegram chat, and one topic of it."""

    chat: ChatId = Field(description='The chat\'s id, or "@channel".')
    topic: Topic | None = setting(
        None,
        description="A topic of a forum, by number or by name; without one, or with General, the chat itself.",
    )

    @model_validator(mode="before")
    @classmethod
    def _bare_chat(cls, value: object) -> object:
        return value if isinstance(value, dict) else {"chat": value}

    @property
    def address(self) -> str:
        return f"{self.chat}/{self.topic}" if self.topic not in _GENERAL_TOPIC else str(self.chat)


def _telegram(parts: Parts) -> "Publisher":
    """The bot, or without a token a folder of previews."""
    from bot.adapters.telegram.preview import PreviewPublisher
    from bot.adapters.telegram.publisher import TelegramPublisher

    settings = parts.settings
    if not settings.sends_telegram:
        return PreviewPublisher(settings.previews_folder)
    return TelegramPublisher(
        settings.telegram.token.get_secret_value(), api_url=settings.telegram.api_url, chats=parts.chats
    )


async def _show_telegram(message: OutgoingMessage, _: Settings) -> str:
    from bot.adapters.telegram.preview import PreviewPublisher

    texts: list[str] = []
    await PreviewPublisher(show=lambda preview: texts.append(preview.text())).send(message)
    return "\n".join(texts)


def _email(parts: Parts) -> "Publisher":
    """Mails by SMTP, or into a Maildir."""
    from bot.adapters.email.publisher import EmailPublisher, Transport
    from bot.adapters.email.transports import MaildirTransport, SmtpServer, SmtpTransport

    settings = parts.settings
    transport_setting = settings.email.transport
    transport: Transport
    if isinstance(transport_setting, Maildir):
        transport = MaildirTransport(transport_setting.folder)
    else:
        transport = SmtpTransport(
            SmtpServer(
                host=transport_setting.host,
                port=transport_setting.port,
                security=transport_setting.encryption,
                user=transport_setting.user,
            ),
            password=settings.email.password.get_secret_value(),
            hello_name=settings.email.sender.address.rpartition("@")[2],
            connections=SMTP_CONNECTIONS,
        )
    return EmailPublisher(email_settings(settings), transport)


async def _show_email(message: OutgoingMessage, settings: Settings) -> str:
    from bot.adapters.email.publisher import compose_text

    return compose_text(message, email_settings(settings))


def email_settings(settings: Settings) -> "EmailSettings":
    """Sender, site and signature that all mails share."""
    from bot.adapters.email.content import EmailSettings
    from bot.adapters.email.dkim import dkim_signer

    dkim = settings.email.dkim
    signer = (
        dkim_signer(domain=dkim.domain, selector=dkim.selector, pem=dkim.key.get_secret_value().encode())
        if dkim.is_on
        else None
    )
    return EmailSettings(
        sender=settings.email.sender,
        site_title=settings.site.title,
        site_url=settings.site.url,
        dkim=signer,
        bounces=settings.email.bounces,
    )


def report_box(settings: Settings) -> "ReportBox | None":
    """The mailbox of delivery reports; None if none is set."""
    box, bounces = settings.email.reports, settings.email.bounces
    if box is None or bounces is None:
        return None
    from bot.adapters.email.reports import ImapFolder, ImapReports, MaildirReports

    if isinstance(box, Maildir):
        return MaildirReports(box.folder, bounces)
    folder = ImapFolder(host=box.host, port=box.port, user=box.user, folder=box.folder)
    return ImapReports(folder, bounces, password=settings.email.reports_password.get_secret_value())


def _feed(parts: Parts) -> "Publisher":
    from bot.adapters.feeds.folder import AtomPublisher

    return AtomPublisher(parts.feeds, parts.feed_writer)


CHANNELS: Mapping[ChannelKind, ChannelType] = {
    "telegram": ChannelType(
        "bot.adapters.telegram.publisher:TelegramPublisher",
        'Chat id, "@channel", or {chat: -100123, topic: 7}, or a topic by its name.',
        build=_telegram,
        form=ChatForm,
        address=lambda form, _: form.address,
        show=_show_telegram,
    ),
    "email": ChannelType(
        "bot.adapters.email.publisher:EmailPublisher",
        "One mail address.",
        build=_email,
        form=MailAddress,
        show=_show_email,
    ),
    FEED: ChannelType(
        "bot.adapters.feeds.folder:AtomPublisher",
        "True for a private feed.",
        build=_feed,
        form=Flag,
        address=lambda _, subscriber: subscriber,
    ),
    "apprise": ChannelType("bot.adapters.apprise:ApprisePublisher", "An Apprise URL (extra).", secret=True),
}
"""All channels, in the order in which texts name them."""


def capabilities_of(kind: ChannelKind) -> Capabilities:
    """The capabilities of a channel; imports its publisher."""
    return CHANNELS[kind].capabilities


def publishers(parts: Parts) -> "dict[ChannelKind, Publisher]":
    """The publisher of every channel."""
    return {
        kind: channel.build(parts) if channel.build else channel.publisher_class()
        for kind, channel in CHANNELS.items()
    }


def send_rules(settings: Settings) -> SendRules:
    """The rules of sending that the settings give."""
    resend = settings.telegram.on_uncertain == "resend"
    return SendRules(resend_uncertain=frozenset({"telegram"} if resend else ()))


async def shown(message: OutgoingMessage, settings: Settings) -> str:
    """A message as text for a terminal."""
    channel = CHANNELS[message.target.kind]
    if channel.show is not None:
        return await channel.show(message, settings)
    text: str = channel.publisher_class.text(message)
    return text
