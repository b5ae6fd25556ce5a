"""Checks of settings and subscribers together: sample people, chats without a token, unreachable addresses in mails, unseen topics."""

import ipaddress
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from bot.app.config.addresses import Smtp
from bot.app.config.settings import Settings
from bot.domain.chats import find_topic, unseen_topic_text
from bot.domain.errors import UsageError
from bot.domain.subscriptions import Channel, Subscriber
from bot.pipeline.ports.chats import ChatStore

LOWEST_CHAT, HIGHEST_CHAT = -4_000_000_000_000, 1_099_511_627_775
"""No chat id lies outside (https://core.telegram.org/api/bots/ids, seen 2026-11); those of the sample people do."""

KeyAndWarning = tuple[tuple[str, ...], str]


def is_sample(channel: Channel) -> bool:
    """True for a Telegram chat that cannot exist, as the sample people have."""
    if channel.kind != "telegram":
        return False
    chat = channel.address.partition("/")[0]
    return not chat.startswith("@") and not LOWEST_CHAT <= int(chat) <= HIGHEST_CHAT


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
    """Raises UsageError if a token is set together with the sample people."""
    if fault := sample_fault(settings, subscribers):
        raise UsageError(fault)


def token_warning(settings: Settings, subscribers: Sequence[Subscriber]) -> str | None:
    """A warning if a subscriber other than the sample people wants Telegram messages and no token is set."""
    if settings.sends_telegram:
        return None
    names = [
        subscriber.id
        for subscriber in subscribers
        if any(channel.kind == "telegram" and not is_sample(channel) for channel in subscriber.channels)
    ]
    if not names:
        return None
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    verb = "get" if more else "gets"
    return (
        f"{names[0]}{more} {verb} nothing by Telegram, because no telegram.token is set: messages are kept as previews "
        f"in {settings.previews_folder}"
    )


def mail_warnings(settings: Settings) -> Iterator[KeyAndWarning]:
    """Warnings about unreachable addresses in mails, if a mail server is set."""
    if not isinstance(settings.email.transport, Smtp):
        return
    if _is_local(urlsplit(settings.site.url).hostname or ""):
        yield (
            ("site", "url"),
            f"mails will hold links to {settings.site.url}, which no reader can reach: unsubscribing and feeds will "
            "not work; set site.url to the web server's public address",
        )
    sender = settings.email.sender.address
    if _is_local(sender.rpartition("@")[2]):
        yield (
            ("email", "from"),
            f"mails will come from {sender}, which servers refuse or put to spam; set email.from to an address of yours",
        )


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def unseen_topics(subscribers: Sequence[Subscriber], chats: ChatStore) -> dict[str, str]:
    """Targets with a named topic that the bot has not seen yet, each with a text that explains it."""
    unseen: dict[str, str] = {}
    for subscriber in subscribers:
        for channel in subscriber.channels:
            chat, _, topic = channel.address.partition("/")
            if channel.kind != "telegram" or not topic or topic.isdecimal():
                continue
            facts = chats.chat_facts(chat)
            number = facts.id if facts else None if chat.startswith("@") else int(chat)
            if number is None or find_topic(chats.topics(number), topic) is None:
                unseen[channel.target] = (
                    f"{unseen_topic_text(topic)}; until then messages go to the chat itself"
                )
    return unseen
