"""What a raw update of the Bot API means for us; everything in it comes from outside and may be anything."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.adapters.botapi.addresses import Place, addresses_of

KINDS = ("message", "channel_post", "callback_query", "my_chat_member", "poll_answer", "poll")
"""The kinds of updates we ask for. The service remembers the list, so it is always passed whole."""
LEFT_FOR_LATER = ("poll_answer", "poll")
"""Votes: stored like everything else, but not answered here."""

_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,32})(?:@([A-Za-z0-9_]{1,64}))?(?:\s+(.*))?", re.DOTALL)
_AWAY = frozenset({"left", "kicked"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Chat:
    """Where something happened."""

    id: int
    kind: str
    """`private`, `group`, `supergroup` or `channel`."""
    username: str | None = None
    topic: int | None = None

    @property
    def is_private(self) -> bool:
        return self.kind == "private"

    @property
    def addresses(self) -> tuple[str, ...]:
        """How the configuration may name it."""
        return addresses_of(self.id, username=self.username, topic=self.topic)

    @property
    def place(self) -> Place:
        """Where an answer goes."""
        return Place(chat=self.id, topic=self.topic)


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """`/name arguments`, said to us."""

    chat: Chat
    name: str
    arguments: str
    message: int
    user: int | None
    speaks_as_chat: bool
    """Said in the chat's own name, which only its administrators can."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """Something said that is no command."""

    chat: Chat
    message: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Pressed:
    """A button of one of our messages."""

    chat: Chat
    data: str
    callback: str
    message: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Membership:
    """We were taken into the chat, or out of it (blocked, for a person)."""

    chat: Chat
    is_member: bool


Event = Command | Words | Pressed | Membership


def is_left_for_later(update: Mapping[str, Any]) -> bool:
    """True for votes."""
    return any(kind in update for kind in LEFT_FOR_LATER)


def event_of(update: Mapping[str, Any], username: str) -> Event | None:
    """What the update means to the bot of that name; None where it concerns somebody else or nobody."""
    message = _mapping(update.get("message")) or _mapping(update.get("channel_post"))
    if message:
        return _said(message, username)
    if pressed := _mapping(update.get("callback_query")):
        return _pressed(pressed)
    if changed := _mapping(update.get("my_chat_member")):
        return _membership(changed)
    return None


def _said(message: Mapping[str, Any], username: str) -> Event | None:
    chat, number, text = _chat(message), message.get("message_id"), message.get("text")
    if chat is None or not isinstance(number, int) or not isinstance(text, str):
        return None
    author = _mapping(message.get("from"))
    speaks_as_chat = _mapping(message.get("sender_chat")).get("id") == chat.id
    if author.get("is_bot") is True and not speaks_as_chat:  # else two bots may talk to each other for ever
        return None
    found = _COMMAND.fullmatch(text.strip())
    if found is None:
        return Words(chat=chat, message=number) if chat.is_private else None
    if found[2] and found[2].lower() != username.lower():
        return None
    user = author.get("id")
    return Command(
        chat=chat,
        name=found[1].lower(),
        arguments=(found[3] or "").strip(),
        message=number,
        user=user if isinstance(user, int) else None,
        speaks_as_chat=speaks_as_chat,
    )


def _pressed(query: Mapping[str, Any]) -> Event | None:
    message = _mapping(query.get("message"))
    chat, number = _chat(message), message.get("message_id")
    data, callback = query.get("data"), query.get("id")
    if chat is None or not isinstance(number, int) or not isinstance(callback, str):
        return None
    return Pressed(chat=chat, data=data if isinstance(data, str) else "", callback=callback, message=number)


def _membership(changed: Mapping[str, Any]) -> Event | None:
    chat = _chat(changed)
    was, now = (
        _mapping(changed.get(which)).get("status") in _AWAY
        for which in ("old_chat_member", "new_chat_member")
    )
    return None if chat is None or was == now else Membership(chat=chat, is_member=not now)


def _chat(holder: Mapping[str, Any]) -> Chat | None:
    chat = _mapping(holder.get("chat"))
    number, kind, username = chat.get("id"), chat.get("type"), chat.get("username")
    if not isinstance(number, int) or not isinstance(kind, str):
        return None
    topic = holder.get("message_thread_id") if holder.get("is_topic_message") is True else None
    return Chat(
        id=number,
        kind=kind,
        username=username if isinstance(username, str) else None,
        topic=topic if isinstance(topic, int) else None,
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
