"""Places on Telegram as the configuration writes them: `123`, `@name`, `-100123/7` with a topic."""

from dataclasses import dataclass

GENERAL_TOPIC = 1
"""A forum's first topic; naming it is refused as "message thread not found", so it is left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A chat by number or `@name`, and a topic of it other than the general one."""

    chat: int | str
    topic: int | None = None


def parse_place(address: str) -> Place:
    """The place an address names."""
    chat, _, topic = address.partition("/")
    number = int(topic) if topic.isdecimal() else GENERAL_TOPIC
    return Place(
        chat=int(chat) if chat.removeprefix("-").isdecimal() else chat,
        topic=None if number == GENERAL_TOPIC else number,
    )


def addresses_of(chat: int, *, username: str | None = None, topic: int | None = None) -> tuple[str, ...]:
    """All the ways in which the configuration may name this place, the most exact first.

    A chat without a topic is its general one.
    """
    if topic is not None and topic != GENERAL_TOPIC:
        names = [f"{chat}/{topic}", *([f"@{username}/{topic}"] if username else [])]
    else:
        names = [str(chat), *([f"@{username}"] if username else []), f"{chat}/{GENERAL_TOPIC}"]
    return tuple(names)
