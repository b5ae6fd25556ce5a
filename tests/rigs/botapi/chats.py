"""Chats as the service keeps them, and why one may not be written to."""

from dataclasses import dataclass, field
from typing import Any, Literal

from tests.rigs.botapi.errors import ApiError, bad_request, forbidden

Kind = Literal["private", "group", "supergroup", "channel"]
Condition = Literal[
    "open", "blocked", "deactivated", "not_started", "kicked", "migrated", "no_rights", "no_polls"
]

_GENERAL = 1


@dataclass(kw_only=True, slots=True)
class Chat:
    """One chat; `topics` are those of a forum besides the general one."""

    id: int
    kind: Kind = "private"
    username: str | None = None
    condition: Condition = "open"
    moved_to: int | None = None
    topics: set[int] = field(default_factory=set)
    administrators: set[int] = field(default_factory=set)
    outsiders: set[int] = field(default_factory=set)
    """Who is not of the chat; everybody else is."""

    @property
    def is_forum(self) -> bool:
        return bool(self.topics)

    def described(self) -> dict[str, Any]:
        """The chat as the service describes it."""
        told: dict[str, Any] = {"id": self.id, "type": self.kind}
        if self.kind == "private":
            told["first_name"] = f"Person {self.id}"
        else:
            told["title"] = f"Chat {self.id}"
        if self.username:
            told["username"] = self.username
        return told | ({"is_forum": True} if self.is_forum else {})

    def refusal(self) -> ApiError | None:
        """Why nothing can be sent here; None where it can."""
        where = {"supergroup": "supergroup chat", "channel": "channel chat"}.get(self.kind, "group chat")
        return {
            "blocked": forbidden("bot was blocked by the user"),
            "deactivated": forbidden("user is deactivated"),
            "not_started": forbidden("bot can't initiate conversation with a user"),
            "kicked": forbidden(f"bot was kicked from the {where}"),
            "migrated": bad_request(
                "group chat was upgraded to a supergroup chat", migrate_to_chat_id=self.moved_to
            ),
            "no_rights": bad_request("not enough rights to send text messages to the chat"),
        }.get(self.condition)

    def thread(self, topic: int | None) -> int | None:
        """The topic, checked: naming the general one is refused like one that there is not."""
        if topic is not None and (topic == _GENERAL or topic not in self.topics):
            raise bad_request("message thread not found")
        return topic


class Chats:
    """All chats, by id and name."""

    def __init__(self) -> None:
        self._chats: dict[int, Chat] = {}

    def add(self, chat: Chat) -> Chat:
        self._chats[chat.id] = chat
        return chat

    def find(self, name: str) -> Chat:
        """The chat of that id or `@name`; ApiError where there is none."""
        if name.startswith("@"):
            found = (chat for chat in self._chats.values() if chat.username == name[1:])
            chat = next(found, None)
        else:
            chat = self._chats.get(int(name)) if name.lstrip("-").isdecimal() else None
        if chat is None:
            raise bad_request("chat not found")
        return chat

    def writable(self, name: str) -> Chat:
        """The chat, where it can be written to."""
        chat = self.find(name)
        if refusal := chat.refusal():
            raise refusal
        return chat
