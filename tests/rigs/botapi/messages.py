"""Messages and polls: what the service accepts of them, and what it keeps."""

import itertools
import json
from dataclasses import dataclass, field
from typing import Any

from tests.rigs.botapi.chats import Chat
from tests.rigs.botapi.entities import Formatted, formatted, units
from tests.rigs.botapi.errors import bad_request
from tests.rigs.botapi.parameters import Parameters

_TEXT, _RAW = 4096, 32_768
_QUESTION, _OPTION, _OPTIONS, _EXPLANATION, _DESCRIPTION, _LINE_FEEDS = 300, 100, 12, 200, 1024, 2
_BUTTONS, _ROW, _DATA, _PLACEHOLDER = 100, 8, 64, 64
_DATE = 1_790_000_000

Buttons = tuple[tuple[dict[str, Any], ...], ...]


@dataclass(kw_only=True, slots=True)
class SentMessage:
    """A text that was taken over; `deleted` and `edits` tell what became of it."""

    id: int
    chat: Chat
    content: Formatted
    buttons: Buttons = ()
    reply_to: int | None = None
    thread: int | None = None
    silent: bool = False
    asks: str | None = None
    """The placeholder of a reply that is asked for."""
    deleted: bool = False
    edits: list[Formatted] = field(default_factory=list)

    @property
    def text(self) -> str:
        return self.content.text

    def described(self) -> dict[str, Any]:
        told = {"message_id": self.id, "date": _DATE, "chat": self.chat.described(), "text": self.text}
        return told | _topic_of(self)


@dataclass(kw_only=True, slots=True)
class SentPoll:
    """A poll that was taken over. `votes` are the shown options by voter; a vote taken back is an empty tuple."""

    id: int
    poll: str
    chat: Chat
    question: str
    options: tuple[str, ...]
    kind: str
    anonymous: bool
    correct: tuple[int, ...] = ()
    explanation: str = ""
    description: str = ""
    reply_to: int | None = None
    thread: int | None = None
    revoting: bool = False
    silent: bool = False
    closed: bool = False
    deleted: bool = False
    votes: dict[int, tuple[int, ...]] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return self.question

    def described(self) -> dict[str, Any]:
        told = {
            "message_id": self.id,
            "date": _DATE,
            "chat": self.chat.described(),
            "poll": self.described_poll(),
        }
        return told | _topic_of(self)

    def described_poll(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "id": self.poll,
            "question": self.question,
            "options": [
                {"persistent_id": str(option), "text": text, "voter_count": self._count(option)}
                for option, text in enumerate(self.options)
            ],
            "total_voter_count": sum(map(bool, self.votes.values())),
            "is_closed": self.closed,
            "is_anonymous": self.anonymous,
            "type": self.kind,
            "allows_multiple_answers": False,
            "allows_revoting": self.revoting,
            "members_only": False,
        }
        if self.kind == "quiz":
            told |= {"correct_option_ids": list(self.correct), "correct_option_id": self.correct[0]}
            told |= {"explanation": self.explanation} if self.explanation else {}
        return told | ({"description": self.description} if self.description else {})

    def _count(self, option: int) -> int:
        return sum(option in chosen for chosen in self.votes.values())


@dataclass(kw_only=True, slots=True)
class SentFile:
    """A document that was taken over."""

    id: int
    chat: Chat
    name: str
    content: str
    reply_to: int | None = None
    thread: int | None = None
    deleted: bool = False

    @property
    def text(self) -> str:
        return self.content

    def described(self) -> dict[str, Any]:
        told = {"message_id": self.id, "date": _DATE, "chat": self.chat.described()}
        return (
            told
            | {"document": {"file_id": "1", "file_unique_id": "1", "file_name": self.name}}
            | _topic_of(self)
        )


Sent = SentMessage | SentPoll | SentFile
_poll_ids = itertools.count(2**53 + 5_210_000_000_000_001, 7_919)


def text_of(parameters: Parameters) -> Formatted:
    """The text of a message, checked."""
    raw = parameters.text("text")
    content = formatted(raw, parameters.optional("parse_mode"))
    if not content.text.strip():
        raise bad_request("text must be non-empty")
    if units(content.text) > _TEXT or len(raw.encode("utf-8", "surrogatepass")) > _RAW:
        raise bad_request("message is too long")
    options = parameters.data("link_preview_options", {})
    if not isinstance(options, dict):
        raise bad_request("can't parse link preview options")
    return content


def asks_of(parameters: Parameters) -> str | None:
    """The placeholder of a forced reply, checked."""
    markup = parameters.data("reply_markup", {})
    if not markup.get("force_reply"):
        return None
    placeholder = str(markup.get("input_field_placeholder", ""))
    if not 1 <= len(placeholder) <= _PLACEHOLDER:
        raise bad_request("placeholder text length must be between 1 and 64")
    return placeholder


def buttons_of(parameters: Parameters) -> Buttons:
    """The inline keyboard, checked."""
    markup = parameters.data("reply_markup", {})
    rows = tuple(tuple(row) for row in markup.get("inline_keyboard", ()))
    if sum(map(len, rows)) > _BUTTONS or any(len(row) > _ROW for row in rows):
        raise bad_request("reply markup is too long")
    for button in itertools.chain(*rows):
        if not button.get("text"):
            raise bad_request("inline keyboard button text must be non-empty")
        if "callback_data" in button and not 1 <= len(button["callback_data"].encode()) <= _DATA:
            raise bad_request("BUTTON_DATA_INVALID")
    return rows


def poll_of(
    parameters: Parameters, *, number: int, chat: Chat, reply_to: int | None, thread: int | None
) -> SentPoll:
    """The poll, checked."""
    question, options = _question(parameters), _options(parameters)
    kind = parameters.text("type", "regular")
    anonymous = parameters.boolean("is_anonymous", default=True)
    correct = tuple(parameters.data("correct_option_ids", []))
    explanation, description = parameters.text("explanation"), parameters.text("description")
    if kind not in {"regular", "quiz"}:
        raise bad_request("unsupported poll type specified")
    if kind == "quiz":
        _check_answer(correct, len(options))
    _at_most("poll explanation", explanation, _EXPLANATION)
    if explanation.count("\n") > _LINE_FEEDS:
        raise bad_request("poll explanation must contain at most 2 line feeds")
    _at_most("poll description", description, _DESCRIPTION)
    if chat.kind == "channel" and not anonymous:
        raise bad_request("non-anonymous polls can't be sent to channel chats")
    if chat.condition == "no_polls":
        raise bad_request("not enough rights to send polls to the chat")
    return SentPoll(
        id=number,
        poll=str(next(_poll_ids)),
        chat=chat,
        question=question,
        options=options,
        kind=kind,
        anonymous=anonymous,
        correct=correct if kind == "quiz" else (),
        explanation=explanation,
        description=description,
        reply_to=reply_to,
        thread=thread,
        revoting=parameters.boolean("allows_revoting", default=kind != "quiz"),
        silent=parameters.boolean("disable_notification", default=False),
    )


def _question(parameters: Parameters) -> str:
    question = parameters.text("question").strip()
    if not question:
        raise bad_request("poll question must be non-empty")
    _at_most("poll question", question, _QUESTION)
    return question


def _options(parameters: Parameters) -> tuple[str, ...]:
    given = parameters.data("options", [])
    texts = tuple((entry["text"] if isinstance(entry, dict) else entry).strip() for entry in given)
    if not texts:
        raise bad_request("poll must have at least 1 option")
    if len(texts) > _OPTIONS:
        raise bad_request(f"poll can't have more than {_OPTIONS} options")
    for text in texts:
        if not text:
            raise bad_request("poll options must be non-empty")
        _at_most("poll options", text, _OPTION)
    if len(set(texts)) < len(texts):
        raise bad_request("POLL_OPTION_DUPLICATE")
    return texts


def _check_answer(correct: tuple[int, ...], options: int) -> None:
    if not correct:
        raise bad_request("correct quiz option list must be non-empty")
    if list(correct) != sorted(set(correct)) or not 0 <= correct[0] <= correct[-1] < options:
        raise bad_request("wrong quiz correct_option_id")


def _at_most(what: str, text: str, limit: int) -> None:
    if units(text) > limit:
        raise bad_request(f"{what} length must not exceed {limit}")


def _topic_of(sent: Sent) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if sent.thread is not None:
        told |= {"message_thread_id": sent.thread, "is_topic_message": True}
    return told


def same(first: Formatted, second: Formatted, buttons: Buttons, other: Buttons) -> bool:
    """True where an edit would change nothing."""
    return first == second and json.dumps(buttons) == json.dumps(other)
