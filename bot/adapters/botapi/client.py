"""The bot as a plain client of the Bot API: what we send and ask, one method each.

Every method raises DeliveryErrors only.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bot.adapters.botapi.addresses import Place
from bot.adapters.botapi.connection import Connection, Timeouts
from bot.adapters.botapi.messages import Message
from bot.domain.errors import OutcomeUnknown
from bot.domain.quizzes.polls import Poll

if TYPE_CHECKING:
    from telegram import InlineKeyboardMarkup, LinkPreviewOptions, ReplyParameters

__all__ = ["DEFAULT_API_URL", "BotClient", "SentPoll", "Timeouts"]

DEFAULT_API_URL = "https://api.telegram.org"


@dataclass(frozen=True, kw_only=True, slots=True)
class SentPoll:
    """What the service called a poll it took over."""

    message: int
    poll: str


class BotClient:
    """One bot's connection. Nothing is sent or checked before the first call."""

    def __init__(
        self,
        token: str,
        *,
        api_url: str = DEFAULT_API_URL,
        timeouts: Timeouts | None = None,
        connections: int = 64,
    ) -> None:
        self._api = Connection(token, api_url, timeouts or Timeouts(), connections)

    def __repr__(self) -> str:
        return "BotClient()"

    async def close(self) -> None:
        """Let go of every connection."""
        await self._api.close()

    async def send(self, place: Place, message: Message, *, reply_to: int | None = None) -> int:
        """The id of the message, once sent; a message to reply to that is gone is no hindrance."""
        sent = await self._api.call(
            self._api.bot.send_message(
                place.chat,
                message.html,
                parse_mode="HTML",
                message_thread_id=place.topic,
                link_preview_options=_no_preview(),
                reply_markup=_keyboard(message),
                reply_parameters=_reply(reply_to),
            )
        )
        return _integer(sent, "message_id")

    async def edit(self, place: Place, message_id: int, message: Message) -> None:
        """Put `message` in the place of an earlier one; NotModified where it is the same already."""
        await self._api.call(
            self._api.bot.edit_message_text(
                message.html,
                chat_id=place.chat,
                message_id=message_id,
                parse_mode="HTML",
                link_preview_options=_no_preview(),
                reply_markup=_keyboard(message),
            )
        )

    async def drop_buttons(self, place: Place, message_id: int) -> None:
        """Take the buttons from an earlier message."""
        await self._api.call(
            self._api.bot.edit_message_reply_markup(chat_id=place.chat, message_id=message_id)
        )

    async def delete(self, place: Place, message_id: int) -> None:
        """Take back a message of ours."""
        await self._api.call(self._api.bot.delete_message(place.chat, message_id))

    async def send_poll(self, place: Place, poll: Poll, *, anonymous: bool, reply_to: int | None) -> SentPoll:
        """The poll's ids, once sent; NamesNeeded where the place takes anonymous ones only."""
        sent = await self._api.call(
            self._api.bot.send_poll(
                place.chat,
                poll.question,
                poll.options,
                type="regular" if poll.correct is None else "quiz",
                correct_option_ids=None if poll.correct is None else [poll.correct],  # type: ignore[list-item]
                explanation=poll.explanation,
                description=poll.description,
                is_anonymous=anonymous,
                message_thread_id=place.topic,
                reply_parameters=_reply(reply_to),
            )
        )
        poll_id = _text(sent.get("poll") if isinstance(sent, dict) else None, "id")
        if not poll_id:
            raise OutcomeUnknown("the service took a poll and told no poll id")
        return SentPoll(message=_integer(sent, "message_id"), poll=poll_id)

    async def answer_callback(self, callback_id: str, text: str | None = None) -> None:
        """End the waiting sign of a pressed button, with a short note where there is something to say."""
        await self._api.call(self._api.bot.answer_callback_query(callback_id, text=text))

    async def updates(
        self, *, offset: int | None, wait: timedelta, kinds: Sequence[str]
    ) -> tuple[Mapping[str, Any], ...]:
        """The raw updates from `offset` on, oldest first, as soon as there are any; asking confirms those before it.

        Raises SecondPoller or WrongToken where nobody may ask.
        """
        asked: dict[str, object] = {
            "timeout": int(wait.total_seconds()),
            "allowed_updates": json.dumps(list(kinds)),
        }
        if offset is not None:
            asked["offset"] = offset
        received = await self._api.ask("getUpdates", asked, wait=wait)
        return tuple(one for one in received if isinstance(one, dict)) if isinstance(received, list) else ()

    async def username(self) -> str:
        """The bot's own name, without `@`."""
        return _text(await self._api.ask("getMe", {}), "username")

    async def is_administrator(self, chat: int, user: int) -> bool:
        """True where that person may change things for the chat."""
        member = await self._api.ask("getChatMember", {"chat_id": chat, "user_id": user})
        return _text(member, "status") in {"creator", "administrator"}

    async def is_member(self, chat: int | str, user: int) -> bool:
        """True where that person is of the chat now."""
        member = await self._api.ask("getChatMember", {"chat_id": chat, "user_id": user})
        is_restricted = _text(member, "status") == "restricted"
        stays = isinstance(member, dict) and member.get("is_member") is True
        return _text(member, "status") in {"creator", "administrator", "member"} or (is_restricted and stays)

    async def introduce(
        self, commands: Mapping[str, str], *, about: str, language: str | None = None
    ) -> None:
        """Set the menu of commands and what is shown to who opens the bot."""
        await self._api.call(self._api.bot.set_my_commands(list(commands.items()), language_code=language))
        await self._api.call(self._api.bot.set_my_description(about, language_code=language))


def _integer(answer: object, name: str) -> int:
    value = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(value, int):
        raise OutcomeUnknown(f"the service took a message and told no {name}")
    return value


def _text(answer: object, name: str) -> str:
    value = answer.get(name) if isinstance(answer, dict) else None
    return value if isinstance(value, str) else ""


def _no_preview() -> "LinkPreviewOptions":
    from telegram import LinkPreviewOptions

    return LinkPreviewOptions(is_disabled=True)


def _keyboard(message: Message) -> "InlineKeyboardMarkup | None":
    from telegram import InlineKeyboardButton, InlineKeyboardMarkup

    if not message.buttons:
        return None
    row = [InlineKeyboardButton(button.text, callback_data=button.data) for button in message.buttons]
    return InlineKeyboardMarkup([row])


def _reply(message_id: int | None) -> "ReplyParameters | None":
    from telegram import ReplyParameters

    return None if message_id is None else ReplyParameters(message_id, allow_sending_without_reply=True)
