"""What people do in the emulated chats: write, press, vote, block; each becomes an update."""

import itertools
from typing import Any

from tests.rigs.botapi.chats import Chat, Chats
from tests.rigs.botapi.entities import Formatted
from tests.rigs.botapi.messages import SentMessage, SentPoll
from tests.rigs.botapi.updates import UpdateQueue

_DATE = 1_790_000_000
_ANONYMOUS_ADMINISTRATOR = 1_087_968_824


class People:
    """Everybody who uses the bot."""

    def __init__(self, chats: Chats, updates: UpdateQueue) -> None:
        self._chats = chats
        self._updates = updates
        self._said_ids = itertools.count(500_001)
        self._presses = itertools.count(1)
        self.said: dict[tuple[int, int], SentMessage] = {}
        self.pressed: dict[str, str] = {}
        self.typed: set[str] = set()
        self.languages: dict[int, str] = {}
        """The language of each person's Telegram, as they wrote last."""

    @property
    def updates(self) -> UpdateQueue:
        return self._updates

    def chat(self, number: int, **parts: Any) -> Chat:
        """A new chat."""
        return self._chats.add(Chat(id=number, **parts))

    def say(
        self,
        chat: Chat,
        text: str,
        *,
        user: int | None = None,
        topic: int | None = None,
        as_chat: bool = False,
        language: str = "en",
        reply_to: SentMessage | None = None,
        topic_name: str | None = None,
    ) -> int:
        """Somebody writes into the chat; the number of the message."""
        number = next(self._said_ids)
        kind = "channel_post" if chat.kind == "channel" else "message"
        body: dict[str, Any] = {"message_id": number, "date": _DATE, "chat": chat.described(), "text": text}
        if chat.kind != "channel":
            author = _ANONYMOUS_ADMINISTRATOR if as_chat else user or chat.id
            self.languages[author] = language
            body["from"] = _person(author, is_bot=as_chat) | {"language_code": language}
        if reply_to is not None:
            bot = _person(123456789, is_bot=True) | {"username": "paperboy_bot"}
            body["reply_to_message"] = reply_to.described() | {"from": bot}
        elif topic_name is not None:
            body["reply_to_message"] = {
                "message_id": topic,
                "date": _DATE,
                "chat": chat.described(),
                "forum_topic_created": {"name": topic_name, "icon_color": 7322096},
            }
        if chat.kind == "channel" or as_chat:
            body["sender_chat"] = chat.described()
        if topic is not None:
            body |= {"message_thread_id": topic, "is_topic_message": True}
        self.said[chat.id, number] = SentMessage(
            id=number, chat=chat, content=Formatted(text=text, entities=())
        )
        self._updates.add(kind, body)
        return number

    def press(self, message: SentMessage, *, user: int = 1, button: int = 0, data: str | None = None) -> str:
        """Somebody presses a button of a message; the number of the query."""
        query = str(4_400_000_000_000_000_000 + next(self._presses))
        shown = [button for row in message.buttons for button in row]
        self.pressed[query] = data if data is not None else shown[button]["callback_data"]
        body = {
            "id": query,
            "from": _person(user) | {"language_code": self.languages.get(user, "en")},
            "message": message.described(),
            "chat_instance": str(message.chat.id),
            "data": self.pressed[query],
        }
        self._updates.add("callback_query", body)
        return query

    def type(self, text: str, *, user: int = 1, offset: str = "") -> str:
        """Somebody types an inline query; its number."""
        query = str(5_500_000_000_000_000_000 + next(self._presses))
        self.typed.add(query)
        self._updates.add(
            "inline_query", {"id": query, "from": _person(user), "query": text, "offset": offset}
        )
        return query

    def name_topic(self, chat: Chat, topic: int, name: str, *, renamed: bool = False) -> None:
        """Somebody makes a topic of that name, or gives one another name."""
        chat.topics.add(topic)
        kind = "forum_topic_edited" if renamed else "forum_topic_created"
        body = {"message_id": next(self._said_ids), "date": _DATE, "chat": chat.described()}
        told = {"message_thread_id": topic, "is_topic_message": True, kind: {"name": name}}
        self._updates.add("message", body | told)

    def promote(self, chat: Chat) -> None:
        """The bot becomes an administrator of a group."""
        self._member(chat, "administrator", "member")
        chat.condition = "open"

    def upgrade(self, chat: Chat, number: int) -> Chat:
        """A group becomes a supergroup of that id, which is a chat of its own from now on."""
        chat.condition, chat.moved_to = "migrated", number
        new = self.chat(number, kind="supergroup", administrators=chat.administrators)
        body = {"message_id": next(self._said_ids), "date": _DATE, "chat": chat.described()}
        self._updates.add("message", body | {"migrate_to_chat_id": number})
        return new

    def vote(self, poll: SentPoll, user: int, *options: int) -> None:
        """Somebody votes, or takes the vote back with no options; also where the poll was forwarded to."""
        before = poll.votes.get(user)
        if before and not poll.revoting:
            raise ValueError("this poll does not allow to vote again")
        if poll.closed:
            raise ValueError("this poll is closed")
        poll.votes[user] = options
        if poll.anonymous:
            self._updates.add("poll", poll.described_poll())
            return
        chosen = {"option_ids": list(options), "option_persistent_ids": list(map(str, options))}
        self._updates.add("poll_answer", {"poll_id": poll.poll, "user": _person(user), **chosen})

    def block(self, chat: Chat) -> None:
        """A person blocks the bot, or a group throws it out."""
        self._member(chat, "kicked", "member")
        chat.condition = "blocked" if chat.kind == "private" else "kicked"

    def unblock(self, chat: Chat) -> None:
        """A person or group takes the bot back."""
        self._member(chat, "member", "kicked")
        chat.condition = "open"

    def _member(self, chat: Chat, now: str, before: str) -> None:
        bot = _person(123456789, is_bot=True)
        body = {
            "chat": chat.described(),
            "from": _person(1),
            "date": _DATE,
            "old_chat_member": {"status": before, "user": bot, "until_date": 0},
            "new_chat_member": {"status": now, "user": bot, "until_date": 0},
        }
        self._updates.add("my_chat_member", body)


def _person(number: int, *, is_bot: bool = False) -> dict[str, Any]:
    return {"id": number, "is_bot": is_bot, "first_name": f"Person {number}", "language_code": "en"}
