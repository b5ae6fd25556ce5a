"""What goes out as a message: its text and the buttons below it."""

import re
from dataclasses import dataclass

_MORE = re.compile(r"more:(?P<batch>[^\s:]{1,50}):(?P<start>\d{1,4})", re.ASCII)
_CALLBACK_BYTES = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Button:
    """A button that tells us `data` when pressed, 1 to 64 bytes."""

    text: str
    data: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A text in Telegram's HTML, within all limits, and its buttons, one row."""

    html: str
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class MorePapers:
    """Somebody asks for the papers of a message from number `start` on, counted from 0."""

    batch: str
    start: int


def more_button(text: str, batch: str, start: int) -> tuple[Button, ...]:
    """The button that asks for the rest; none where the batch's name leaves it no room."""
    data = f"more:{batch}:{start}"
    fits = _MORE.fullmatch(data) and len(data.encode()) <= _CALLBACK_BYTES
    return (Button(text=text, data=data),) if fits else ()


def parse_more(data: str) -> MorePapers | None:
    """What a pressed button asks for; None for any other text: it comes from outside and may be anything."""
    found = _MORE.fullmatch(data)
    return MorePapers(batch=found["batch"], start=int(found["start"])) if found else None
