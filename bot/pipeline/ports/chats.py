"""Chats: where it is kept what the service told of them, and of the bot."""

from collections.abc import Mapping
from typing import Protocol

from bot.domain.chats import ChatFacts


class ChatStore(Protocol):
    """Facts by the chat's id or `@name`, names of topics by the chat's id. Every method is one transaction."""

    def chat_facts(self, chat: int | str) -> ChatFacts | None:
        """The facts that the service told last; None where it was not asked, or that was forgotten."""
        ...

    def keep_chat_facts(self, chat: int | str, facts: ChatFacts) -> None:
        """Keep what the service told, in place of what it told before."""
        ...

    def forget_chat_facts(self, chat: int) -> None:
        """Forget what was told of the chat with that id, by whatever name it was asked for: it is asked again."""
        ...

    def bot_name(self) -> str | None:
        """The bot's own name, without `@`, as the service told it last; None before it did."""
        ...

    def keep_bot_name(self, name: str) -> None:
        """Keep the bot's own name, in place of the one before."""
        ...

    def name_topic(self, chat: int, topic: int, name: str, *, renamed: bool) -> None:
        """Keep the name of a forum's topic; one that is known stays, unless it was `renamed`."""
        ...

    def topics(self, chat: int) -> Mapping[int, str]:
        """The names of the chat's topics, as far as they were seen."""
        ...
