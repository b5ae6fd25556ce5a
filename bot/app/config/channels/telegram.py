"""Telegram as a channel of the configuration: how it is built and checked, and who are the sample people."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from bot.app.config.addresses import is_bot_token
from bot.app.config.channels.channel_type import (
    ChannelType,
    KeyAndWarning,
    Parts,
    StandIn,
    channels_of,
    finding,
    fine,
    shown_path,
)
from bot.app.config.settings import Settings
from bot.app.config.validation import Converted, FieldFault, Section, setting
from bot.domain.chats import CHAT, LONGEST_TOPIC, ChatAddress, find_topic, topic_key, unseen_topic_text
from bot.domain.delivery import State
from bot.domain.errors import DeliveryError, TryLater, UsageError
from bot.domain.message import OutgoingMessage
from bot.domain.subscriptions import Channel, Subscriber

if TYPE_CHECKING:
    from bot.adapters.telegram.client import BotClient
    from bot.domain.analysis.findings import Finding
    from bot.pipeline.ports import Publisher
    from bot.pipeline.ports.chats import ChatStore

LOWEST_CHAT, HIGHEST_CHAT = -4_000_000_000_000, 1_099_511_627_775
"""No chat id lies outside (https://core.telegram.org/api/bots/ids, seen 2026-11); those of the sample people do."""
_MAX_CHAT_ID = 2**52
_PUBLIC_NAME = re.compile(r"@[A-Za-z][A-Za-z0-9_]{3,31}")
_CHATS_ASKED = 50
"""Chats that are asked for the bot's rights; more would take too long."""

# --- the value in subscriptions.yaml


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
        return str(ChatAddress.parse(f"{self.chat}/{self.topic or ''}"))


# --- the publisher


def _build(parts: Parts) -> "Publisher":
    """The bot, or without a token a folder of previews."""
    from bot.adapters.telegram.preview import PreviewPublisher
    from bot.adapters.telegram.publisher import TelegramPublisher

    settings = parts.settings
    if not settings.sends_telegram:
        return PreviewPublisher(settings.previews_folder)
    return TelegramPublisher(bot_client(settings), chats=parts.chats)


def bot_client(settings: Settings) -> "BotClient":
    """A client of the bot with connections of its own.

    The publisher and the chat have one each: the chat closes its client when it ends, while messages are still sent, and
    its long poll takes no connection from them.
    """
    from bot.adapters.telegram.client import BotClient

    return BotClient(settings.telegram.token.get_secret_value(), api_url=settings.telegram.api_url)


async def _show(message: OutgoingMessage, _: Settings) -> str:
    from bot.adapters.telegram.preview import PreviewPublisher

    texts: list[str] = []
    await PreviewPublisher(show=lambda preview: texts.append(preview.text())).send(message)
    return "\n".join(texts)


# --- settings and subscribers together


def is_sample(channel: Channel) -> bool:
    """True for a Telegram chat that cannot exist, as the sample people have."""
    if channel.kind != CHAT:
        return False
    chat = ChatAddress.parse(channel.address).id
    return isinstance(chat, int) and not LOWEST_CHAT <= chat <= HIGHEST_CHAT


def sample_people(subscribers: Sequence[Subscriber]) -> list[Subscriber]:
    """The subscribers with a chat that cannot exist."""
    return [subscriber for subscriber in subscribers if any(map(is_sample, subscriber.channels))]


def sample_fault(settings: Settings, subscribers: Sequence[Subscriber]) -> str | None:
    """The fault if a token is set while there are sample people, to whom the bot would write; else None."""
    people = sample_people(subscribers) if settings.sends_telegram else []
    if not people:
        return None
    names = ", ".join(person.id for person in people[:3])
    verb = "is one of the sample people" if len(people) == 1 else "are sample people"
    return (
        f"telegram.token is set, but {names} {verb}, whose chats cannot exist; put your own keywords and chat id into "
        f"{settings.subscriptions} (`paperboy init` in another folder does it), or remove the token"
    )


def refuse_sample_people(settings: Settings, subscribers: Sequence[Subscriber]) -> None:
    """Raise UsageError if a token is set together with the sample people."""
    if fault := sample_fault(settings, subscribers):
        raise UsageError(fault)


def token_warning(settings: Settings, subscribers: Sequence[Subscriber]) -> str | None:
    """A warning if a subscriber other than the sample people wants Telegram messages and no token is set."""
    if settings.sends_telegram:
        return None
    names = [
        subscriber.id
        for subscriber in subscribers
        if any(channel.kind == CHAT and not is_sample(channel) for channel in subscriber.channels)
    ]
    if not names:
        return None
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    verb = "get" if more else "gets"
    return (
        f"{names[0]}{more} {verb} nothing by Telegram, because no telegram.token is set: messages are kept as previews "
        f"in {settings.previews_folder}"
    )


def named_topics(subscribers: Sequence[Subscriber]) -> dict[str, tuple[int | str, str]]:
    """The chat and the topic's name of each target with a topic by name."""
    addresses = {
        target: ChatAddress.parse(channel.address)
        for target, channel in channels_of(CHAT, subscribers).items()
    }
    return {
        target: (address.id, address.topic_name)
        for target, address in addresses.items()
        if address.topic_name is not None
    }


def unseen_topics(subscribers: Sequence[Subscriber], chats: "ChatStore") -> dict[str, str]:
    """Targets with a named topic that the bot has not seen yet, each with a text that explains it."""
    unseen: dict[str, str] = {}
    for target, (chat, topic) in named_topics(subscribers).items():
        facts = chats.chat_facts(chat)
        number = facts.id if facts else chat
        if isinstance(number, str) or find_topic(chats.topics(number), topic) is None:
            unseen[target] = f"{unseen_topic_text(topic)}; until then messages go to the chat itself"
    return unseen


def _warnings(settings: Settings, subscribers: Sequence[Subscriber]) -> Iterator[KeyAndWarning]:
    if warning := token_warning(settings, subscribers):
        yield (CHAT, "token"), warning


def _check(settings: Settings, subscribers: Sequence[Subscriber], online: bool) -> Iterator["Finding"]:
    token = settings.telegram.token.get_secret_value()
    if fault := sample_fault(settings, subscribers):
        yield finding(CHAT, "sample people", fault)
    if warning := token_warning(settings, subscribers):
        yield finding(CHAT, "no token", warning, urgent=False)
    elif not token:
        folder = settings.previews_folder
        yield finding(CHAT, "no token", f"messages are kept as previews in {folder}", urgent=False)
    elif not is_bot_token(token):
        yield finding(CHAT, "token", "this is no bot token; @BotFather gives one like 123456789:AAE…")
    else:
        yield fine(
            CHAT, "a token is set" + ("" if online else "; whether it is taken is not tried (--online)")
        )


async def _ask(
    settings: Settings, subscribers: Sequence[Subscriber], chats: "ChatStore"
) -> Sequence["Finding"]:
    """Findings on whether the service knows the bot, and lets it write to the chats."""
    if not settings.sends_telegram:
        return []
    client = bot_client(settings)
    try:
        known = fine(CHAT, f"the service knows the bot as @{await client.username()}")
        return [known, *await _chat_rights(client, subscribers, chats)]
    except DeliveryError as error:
        return [finding(CHAT, "refused", str(error))]
    finally:
        await client.close()


async def _chat_rights(
    client: "BotClient", subscribers: Sequence[Subscriber], chats: "ChatStore"
) -> "list[Finding]":
    """Findings on the rights of the bot in each configured chat."""
    findings: list[Finding] = []
    for target, channel in list(channels_of(CHAT, subscribers).items())[:_CHATS_ASKED]:
        try:
            chat = ChatAddress.parse(channel.address).id
            facts = await client.chat_facts(chat)
            chats.keep_chat_facts(chat, facts)
        except TryLater as error:
            return [*findings, finding(CHAT, "rights", f"not all chats were asked: {error}", urgent=False)]
        except DeliveryError as error:
            findings.append(finding(target, "rights", f"the bot cannot write there: {error}"))
            continue
        if not facts.messages:
            findings.append(
                finding(target, "rights", "the bot may not write there; make it an administrator")
            )
        elif channel.quizzes != "none" and not facts.polls:
            what = "polls are not allowed in this chat; allow them there, or set `quizzes: false`"
            findings.append(finding(target, "rights", what))
    return findings


def _summary(settings: Settings, states: Mapping[State, int]) -> str:
    sent = states.get("sent", 0)
    messages = "1 message or poll" if sent == 1 else f"{sent} messages and polls"
    if settings.sends_telegram:
        return f"{messages} sent"
    return f"{messages} kept as previews in {shown_path(settings.previews_folder)}/"


def _stand_in(settings: Settings) -> StandIn | None:
    """Previews, while there is no token."""
    if settings.sends_telegram:
        return None
    return StandIn(
        outcome=f"kept as a preview in {settings.previews_folder}, because no token is set",
        next_step="telegram.token from @BotFather in paperboy.yaml",
    )


TELEGRAM = ChannelType(
    "bot.adapters.telegram.publisher:TelegramPublisher",
    'Chat id, "@channel", or {chat: -100123, topic: 7}, or a topic by its name.',
    build=_build,
    form=ChatForm,
    address=lambda form, _: form.address,
    show=_show,
    warnings=_warnings,
    check=_check,
    ask=_ask,
    summary=_summary,
    stand_in=_stand_in,
    resends=lambda settings: settings.telegram.on_uncertain == "resend",
)
