"""Chats: what the service tells of a chat, and the topics of a forum by their names."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.text import one_line

LONGEST_TOPIC = 128
"""Characters of a topic's name (Bot API, createForumTopic)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatFacts:
    """A chat as the service described it: its id, its kind, and what the bot may send there."""

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
    """The name of a topic as addresses hold it: on one line, in lower case."""
    return one_line(name, LONGEST_TOPIC).casefold()


def unseen_topic(name: str) -> str:
    """Why messages for a topic go to the chat itself: nobody told its number, and the service cannot be asked for it."""
    return f"no topic “{name}” was seen in the chat; write /help in it once"


def topic_named(topics: Mapping[int, str], name: str) -> int | None:
    """The number of the topic with that name, in any case; of several the newest. None where none has it."""
    return max(
        (topic for topic, known in topics.items() if topic_key(known) == topic_key(name)), default=None
    )
