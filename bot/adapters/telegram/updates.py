"""Raw updates of the Bot API, parsed into events and votes; their content is untrusted and may have any form."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from bot.domain.chats import LONGEST_TOPIC, ChatAddress, addresses_of
from bot.domain.quizzes.votes import PollState, Vote
from bot.domain.text import INVISIBLE, one_line
from bot.pipeline.ports import Update

KINDS = (
    "message",
    "channel_post",
    "callback_query",
    "inline_query",
    "my_chat_member",
    "poll_answer",
    "poll",
)
"""The kinds of updates to receive. The service remembers the list, so it is always passed whole."""
_VOTE_KINDS = ("poll_answer", "poll")

_COMMAND = re.compile(r"[/／]([A-Za-z0-9_]{1,32})(?:@([A-Za-z0-9_]{1,64}))?(?:\s+(.*))?", re.DOTALL)
_AWAY = frozenset({"left", "kicked"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Chat:
    """A chat, or a topic of a forum, in which something happened."""

    id: int
    kind: str
    """`private`, `group`, `supergroup` or `channel`."""
    username: str | None = None
    topic: int | None = None
    title: str = ""
    is_forum: bool = False
    topic_name: str = ""
    """Empty where it is not known."""

    @property
    def is_private(self) -> bool:
        return self.kind == "private"

    @property
    def addresses(self) -> tuple[str, ...]:
        """Addresses by which the configuration may name it, the most specific first."""
        return addresses_of(self.id, username=self.username, topic=self.topic, topic_name=self.topic_name)

    @property
    def reply_address(self) -> ChatAddress:
        """The address to which answers are sent."""
        return ChatAddress(id=self.id, topic=self.topic)


@dataclass(frozen=True, kw_only=True, slots=True)
class Author:
    """The person who wrote or pressed a button; `id` is None where a chat itself posts."""

    id: int | None = None
    name: str = ""
    language: str | None = None
    """Language code of the person's Telegram app."""


NOBODY = Author()


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandMessage:
    """`/name arguments`, addressed to the bot."""

    chat: Chat
    name: str
    arguments: str
    message: int
    author: Author = NOBODY
    speaks_as_chat: bool = False
    """Posted in the chat's own name, as only its administrators can."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextMessage:
    """Text that is not a command, in a private chat or in reply to the bot."""

    chat: Chat
    message: int
    text: str
    author: Author = NOBODY
    speaks_as_chat: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ButtonPress:
    """A pressed button of one of our messages."""

    chat: Chat
    data: str
    callback: str
    message: int
    author: Author = NOBODY


@dataclass(frozen=True, kw_only=True, slots=True)
class MembershipChange:
    """The bot joined or left the chat; in a private chat, was unblocked or blocked."""

    chat: Chat
    is_member: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatMove:
    """A group became a supergroup with another id."""

    chat: Chat
    moved_to: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TopicName:
    """The name of a forum's topic, as seen in a message."""

    chat: int
    topic: int
    name: str
    renamed: bool
    """True where the message renamed the topic; otherwise it was the topic's first name, or an older one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InlineQuery:
    """`@bot words`, typed in any chat."""

    id: str
    text: str
    offset: str
    author: Author = NOBODY


Event = CommandMessage | TextMessage | ButtonPress | MembershipChange | ChatMove | InlineQuery


def stored_update(update: object) -> Update | None:
    """A raw update as stored, with lone surrogates replaced, which no database accepts; None for anything else."""
    if not isinstance(update, dict) or not is_id(number := update.get("update_id")):
        return None
    body = json.dumps(update, ensure_ascii=False, separators=(",", ":"))
    return Update(id=number, body=body.encode("utf-8", "replace").decode())


def is_vote(update: Mapping[str, Any]) -> bool:
    """True for votes and poll states, which the vote counter takes from the store."""
    return any(kind in update for kind in _VOTE_KINDS)


def parse_update(update: Mapping[str, Any], username: str) -> Event | None:
    """The event in an update for the bot of that name; None where there is none."""
    message = _mapping(update.get("message")) or _mapping(update.get("channel_post"))
    if message:
        return _service_message(message) or _message(message, username)
    if pressed := _mapping(update.get("callback_query")):
        return _button_press(pressed)
    if typed := _mapping(update.get("inline_query")):
        return _inline_query(typed)
    if changed := _mapping(update.get("my_chat_member")):
        return _membership_change(changed)
    return None


def topic_seen(update: Mapping[str, Any]) -> TopicName | None:
    """The name of a message's topic, where it can be seen: in a message that creates or renames the topic, or a reply
    to one.
    """
    message = _mapping(update.get("message"))
    chat, topic = _chat(message), message.get("message_thread_id")
    if chat is None or not is_id(topic):
        return None
    for service_message in (message, _mapping(message.get("reply_to_message"))):
        for kind in ("forum_topic_created", "forum_topic_edited"):
            name = one_line(str(_mapping(service_message.get(kind)).get("name") or ""), LONGEST_TOPIC)
            if name:
                renamed = kind == "forum_topic_edited" and service_message is message
                return TopicName(chat=chat.id, topic=topic, name=name, renamed=renamed)
    return None


def rights_changed(update: Mapping[str, Any]) -> int | None:
    """The chat in which the bot's membership or rights changed, or that got another id."""
    changed, moved = _chat(_mapping(update.get("my_chat_member"))), _mapping(update.get("message"))
    chat = changed or (_chat(moved) if "migrate_to_chat_id" in moved else None)
    return chat.id if chat else None


def _service_message(message: Mapping[str, Any]) -> Event | None:
    chat, moved_to = _chat(message), message.get("migrate_to_chat_id")
    if chat is None:
        return None
    if is_id(moved_to):
        return ChatMove(chat=chat, moved_to=moved_to)
    return None


def _message(message: Mapping[str, Any], username: str) -> Event | None:
    chat, number, text = (
        _chat(message),
        message.get("message_id"),
        message.get("text", message.get("caption")),
    )
    if chat is None or not is_id(number) or not isinstance(text, str) or _is_copy(message, username):
        return None
    text = INVISIBLE.sub("", text)
    author = _mapping(message.get("from"))
    speaks_as_chat = _mapping(message.get("sender_chat")).get("id") == chat.id
    if (
        author.get("is_bot") is True and not speaks_as_chat
    ):  # otherwise two bots might talk to each other for ever
        return None
    command = _COMMAND.fullmatch(text.strip())
    who = NOBODY if speaks_as_chat else _author(author)
    if command is None:
        is_to_us = _is_bot(_mapping(message.get("reply_to_message")).get("from"), username)
        if not chat.is_private and not is_to_us:
            return None
        return TextMessage(chat=chat, message=number, text=text, author=who, speaks_as_chat=speaks_as_chat)
    if command[2] and command[2].lower() != username.lower():
        return None
    return CommandMessage(
        chat=chat,
        name=command[1].lower(),
        arguments=(command[3] or "").strip(),
        message=number,
        author=who,
        speaks_as_chat=speaks_as_chat,
    )


def _is_copy(message: Mapping[str, Any], username: str) -> bool:
    """True for a channel's post in its discussion group, and for a result of our inline queries."""
    return message.get("is_automatic_forward") is True or _is_bot(message.get("via_bot"), username)


def _is_bot(person: object, username: str) -> bool:
    """True for the bot of that name."""
    named = _mapping(person)
    return named.get("is_bot") is True and str(named.get("username", "")).lower() == username.lower()


def _button_press(query: Mapping[str, Any]) -> Event | None:
    message = _mapping(query.get("message"))
    chat, number = _chat(message), message.get("message_id")
    data, callback, author = query.get("data"), query.get("id"), _author(_mapping(query.get("from")))
    if not isinstance(callback, str):
        return None
    if chat is None or not is_id(number):  # not a message of this bot: its button is answered as a dead one
        chat, number, data = Chat(id=author.id or 0, kind="private"), 0, ""
    return ButtonPress(
        chat=chat,
        data=data if isinstance(data, str) else "",
        callback=callback,
        message=number,
        author=author,
    )


def _inline_query(query: Mapping[str, Any]) -> Event | None:
    number, text, offset = query.get("id"), query.get("query"), query.get("offset")
    if not isinstance(number, str) or not isinstance(text, str):
        return None
    return InlineQuery(
        id=number,
        text=INVISIBLE.sub("", text),
        offset=offset if isinstance(offset, str) else "",
        author=_author(_mapping(query.get("from"))),
    )


def _author(person: Mapping[str, Any]) -> Author:
    number, language = person.get("id"), person.get("language_code")
    names = (person.get(part) for part in ("first_name", "last_name"))
    return Author(
        id=number if is_id(number) else None,
        name=" ".join(name for name in names if isinstance(name, str)).strip()[:_NAME],
        language=language if isinstance(language, str) else None,
    )


_HIGHEST = 2**63 - 1


def is_id(value: object) -> TypeGuard[int]:
    """True for an integer that fits the database; Telegram's have at most 52 bits."""
    return type(value) is int and abs(value) <= _HIGHEST


def _membership_change(changed: Mapping[str, Any]) -> Event | None:
    chat = _chat(changed)
    was, now = (
        _mapping(changed.get(name)).get("status") in _AWAY for name in ("old_chat_member", "new_chat_member")
    )
    return None if chat is None or was == now else MembershipChange(chat=chat, is_member=not now)


def _chat(holder: Mapping[str, Any]) -> Chat | None:
    chat = _mapping(holder.get("chat"))
    number, kind, username = chat.get("id"), chat.get("type"), chat.get("username")
    title = chat.get("title") or chat.get("first_name")
    if not is_id(number) or not isinstance(kind, str):
        return None
    topic = holder.get("message_thread_id") if holder.get("is_topic_message") is True else None
    return Chat(
        id=number,
        kind=kind,
        username=username if isinstance(username, str) else None,
        topic=topic if is_id(topic) else None,
        title=title if isinstance(title, str) else "",
        is_forum=chat.get("is_forum") is True,
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


_NAME = 64


def read_vote(body: str) -> Vote | PollState | None:
    """The vote or the state of a poll in a raw update (JSON); None where there is no valid one."""
    update = json.loads(body)
    if not isinstance(update, dict):
        return None
    if isinstance(answer := update.get("poll_answer"), dict):
        return _vote(answer)
    return _state(poll) if isinstance(poll := update.get("poll"), dict) else None


def _vote(answer: dict[str, Any]) -> Vote | None:
    poll, option_ids = answer.get("poll_id"), answer.get("option_ids")
    voter = answer.get("user") or answer.get("voter_chat")
    if not isinstance(poll, str) or not isinstance(option_ids, list) or not isinstance(voter, dict):
        return None
    if not is_id(person := voter.get("id")):
        return None
    # Telegram Web sometimes names an option twice (seen 2024-09), which is one vote.
    indexes = tuple(dict.fromkeys(index for index in option_ids if is_id(index)))
    name = " ".join(str(voter.get(part) or "") for part in ("first_name", "last_name", "title")).strip()
    return Vote(poll=poll, person=person, options=indexes, name=name[:_NAME] or None)


def _state(poll: dict[str, Any]) -> PollState | None:
    number, question, options = poll.get("id"), poll.get("question"), poll.get("options")
    if not isinstance(number, str) or not isinstance(question, str) or not isinstance(options, list):
        return None
    texts = [option for option in options if isinstance(option, dict) and isinstance(option.get("text"), str)]
    return PollState(
        poll=number,
        question=question,
        options=tuple(option["text"] for option in texts),
        counts=tuple(_count(option.get("voter_count")) for option in texts),
        voters=_count(poll.get("total_voter_count")),
        closed=poll.get("is_closed") is True,
    )


def _count(value: object) -> int:
    return value if is_id(value) and value >= 0 else 0
