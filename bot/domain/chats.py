"""Chats: their addresses, facts about a chat as the service states them, and the topics of a forum by name."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.channels import AddressValue, ChannelKind, Target
from bot.domain.text import one_line

CHAT: ChannelKind = "telegram"
"""The channel of chats, which alone has commands, votes and topics."""
GENERAL_TOPIC = 1
"""A forum's first topic. The service refuses its number with "message thread not found", so it is left out."""
_GENERAL = ("", str(GENERAL_TOPIC), "general")

LONGEST_TOPIC = 128
"""Most characters of a topic's name (Bot API, createForumTopic)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatFacts:
    """Facts about a chat: its id, its kind, and whether the bot may send messages and polls there."""

    id: int
    kind: str
    """`private`, `group`, `supergroup` or `channel`."""
    messages: bool
    polls: bool

    @property
    def has_names(self) -> bool:
        """True where polls may tell who voted; channels take anonymous ones only."""
        return self.kind != "channel"


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatAddress:
    """Address of a chat by number or `@name`, or of a topic of it other than the general one."""

    id: int | str
    topic: int | None = None
    topic_name: str | None = None
    """The `topic_key` of a topic whose number has to be looked up."""

    @classmethod
    def parse(cls, address: str) -> "ChatAddress":
        """The address that the text names: `123`, `@name`, or with a topic `-100123/7` or `-100123/papers`."""
        chat, _, topic = address.partition("/")
        number = int(chat) if chat.removeprefix("-").isdecimal() else chat
        name = topic_key(topic)
        if name in _GENERAL:
            return cls(id=number)
        if name.isdecimal():
            return cls(id=number, topic=int(name))
        return cls(id=number, topic_name=name)

    def __str__(self) -> str:
        topic = self.topic_name if self.topic is None else self.topic
        return f"{self.id}" if topic is None else f"{self.id}/{topic}"

    @property
    def value(self) -> AddressValue:
        """The value in `subscriptions.yaml` that gives this address."""
        topic = self.topic_name if self.topic is None else self.topic
        return self.id if topic is None else {"chat": self.id, "topic": topic}

    @property
    def has_topic(self) -> bool:
        return self.topic is not None or self.topic_name is not None

    @property
    def is_private(self) -> bool:
        """True for the chat of one person with the bot, whose id is the person's."""
        return isinstance(self.id, int) and self.id > 0


def addresses_of(
    chat: int, *, username: str | None = None, topic: int | None = None, topic_name: str = ""
) -> tuple[str, ...]:
    """All addresses by which the configuration may name this chat, the most specific first.

    Without a topic it is the general one.
    """
    chats: tuple[int | str, ...] = (chat, *([f"@{username.lower()}"] if username else []))
    if topic is None or topic == GENERAL_TOPIC:
        return (*map(str, chats), f"{chat}/{GENERAL_TOPIC}")
    by_number = (ChatAddress(id=name, topic=topic) for name in chats)
    by_name = (ChatAddress(id=name, topic_name=topic_key(topic_name)) for name in chats if topic_name)
    return tuple(map(str, (*by_number, *by_name)))


def chat_target(address: object) -> str:
    """The key of the target at a chat's address."""
    return Target(kind=CHAT, address=str(address)).key


def address_in(target: str) -> ChatAddress | None:
    """The address in a target's key; None for a target of another channel."""
    kind, _, address = target.partition(":")
    return ChatAddress.parse(address) if kind == CHAT and address else None


def chat_of(target: str) -> str:
    """The chat of a target's key or address, without its topic."""
    return target.removeprefix(f"{CHAT}:").partition("/")[0]


def topics_prefix(chat: str) -> str:
    """The beginning of the addresses of a chat's topics; from the chat's key, of their keys."""
    return f"{chat}/"


def is_own_chat(chat: str, person: int) -> bool:
    """True for the person's private chat, whose id is the person's."""
    return chat == str(person)


def is_private(chat: str) -> bool:
    """True for a private chat, by its address."""
    return chat.isdecimal()


def topic_key(name: str) -> str:
    """The name of a topic as it stands in addresses: on one line, in lower case."""
    return one_line(name, LONGEST_TOPIC).casefold()


def unseen_topic_text(name: str) -> str:
    """Explains why messages for a topic go to the chat itself: its number is unknown until something is written in it."""
    return f"no topic “{name}” was seen in the chat; write /help in it once"


def find_topic(topics: Mapping[int, str], name: str) -> int | None:
    """The number of the topic with that name, in any case; of several the newest; None where there is none."""
    key = topic_key(name)
    return max((number for number, known in topics.items() if topic_key(known) == key), default=None)
