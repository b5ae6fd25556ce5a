"""Chats: facts about a chat as the service states them, and the topics of a forum by name."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.text import one_line

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
