"""The chat store: facts about chats and the bot as the service last stated them."""

from collections.abc import Mapping
from typing import Protocol

from bot.domain.chats import ChatFacts


class ChatStore(Protocol):
    """Store of facts by the chat's id or `@name`, and of topics by the chat's id. Every method is one transaction."""

    def chat_facts(self, chat: int | str) -> ChatFacts | None:
        """The stored facts about the chat; None where there are none."""
        ...

    def keep_chat_facts(self, chat: int | str, facts: ChatFacts) -> None:
        """Store facts, replacing earlier ones."""
        ...

    def forget_chat_facts(self, chat: int) -> None:
        """Delete the facts about the chat with that id, also those stored by its name, so that the service is asked again."""
        ...

    def keep_bot_name(self, name: str) -> None:
        """Store the bot's name, replacing an earlier one."""
        ...

    def name_topic(self, chat: int, topic: int, name: str, *, renamed: bool) -> None:
        """Store the name of a forum's topic; it replaces an earlier one only where the topic was `renamed`."""
        ...

    def topics(self, chat: int) -> Mapping[int, str]:
        """The names of the chat's known topics by number."""
        ...
