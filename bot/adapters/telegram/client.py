"""The Bot API client: translation of errors, the connection, and a method for each call."""

import json
import logging
import os
import re
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

from bot.adapters.proxies import network_fault
from bot.adapters.telegram.rendering import Message
from bot.domain.chats import ChatAddress, ChatFacts
from bot.domain.errors import (
    ChannelDown,
    DeliveryError,
    KindForbidden,
    OutcomeUnknown,
    Refused,
    TargetGone,
    TargetMoved,
    TryLater,
)
from bot.domain.message import Begin
from bot.domain.quizzes.polls import Poll

if TYPE_CHECKING:
    from ssl import SSLContext

    import httpx
    from telegram import (
        Bot,
        BotCommandScope,
        ForceReply,
        InlineKeyboardMarkup,
        LinkPreviewOptions,
        ReplyParameters,
    )
    from telegram.request import HTTPXRequest


class WrongToken(ChannelDown):
    """The service does not know this bot."""


class SecondPoller(ChannelDown):
    """Another program polls for the same bot's updates."""


class TopicGone(Refused):
    """The topic does not exist, or no longer; the chat does."""


class NotModified(Refused):
    """The message has the text of the edit already."""


class NothingToEdit(Refused):
    """The message was deleted, or can no longer be edited."""


class NoSuchMethod(Refused):
    """The Bot API server is too old to know the method."""


class OnlyAnonymousPolls(Refused):
    """The chat is a channel, which takes anonymous polls only."""


_GONE = re.compile(
    r"chat not found|user not found|peer_id_invalid|group chat was deactivated|chat_write_forbidden"
    r"|not enough rights to send text|have no rights to send|need administrator rights|chat_admin_required"
    r"|chat_restricted|channel_private|topic_closed|not a member of the c|bot was kicked|channel is inaccessible"
)
_TOPIC_GONE = re.compile(r"message thread not found|topic_deleted|topic_id_invalid|topic not found")
_NO_POLLS = re.compile(r"not enough rights to send polls|no rights to send polls?|chat_send_polls?_forbidden")
_NOTHING_TO_EDIT = re.compile(
    r"message to edit not found|message can't be edited|message_id_invalid|message_edit_time_expired"
)
_NO_SUCH_METHOD = "method not found"
_REFUSALS: tuple[tuple[re.Pattern[str], type[DeliveryError]], ...] = (
    (_TOPIC_GONE, TopicGone),
    (re.compile("message is not modified"), NotModified),
    (_NOTHING_TO_EDIT, NothingToEdit),
    (re.compile("non-anonymous polls can't be sent to channel"), OnlyAnonymousPolls),
    (_NO_POLLS, KindForbidden),
    (_GONE, TargetGone),
)
"""Errors by the server's description of a bad request, in lower case (seen 2026-11); the first match counts."""
_FLOOD = re.compile(r"too many requests|flood control", re.IGNORECASE)
_LONGEST_TEXT = 300
_LONGEST_WAIT = timedelta(days=30)
"""Longest `retry_after` that is believed; bans of a day were seen."""


def translate_error(error: Exception, *, secret: str) -> DeliveryError:
    """The DeliveryError for an error of the library; `secret` is masked in its text.

    Only an answer of the service, or a connection that was never made, gives certainty; otherwise the message may have
    been sent, and the outcome is unknown. Texts are those of the Bot API server in lower case, seen 2026-11.

    The order of the cases matters: the library derives both BadRequest and TimedOut from NetworkError.
    """
    from telegram import error as foreign

    text = _error_text(error, secret=secret)
    translated: DeliveryError
    match error:
        case foreign.RetryAfter():
            wait = error.retry_after
            translated = TryLater(text, wait=wait if isinstance(wait, timedelta) else timedelta(seconds=wait))
        case foreign.ChatMigrated():
            translated = TargetMoved(text, address=str(error.new_chat_id))
        case foreign.Forbidden():
            translated = TargetGone(text)
        case foreign.EndPointNotFound() if _NO_SUCH_METHOD in text.lower():
            translated = NoSuchMethod(f"the Bot API server is too old for this: {text}")
        case foreign.InvalidToken() | foreign.EndPointNotFound():
            translated = WrongToken("Telegram does not accept the token: check telegram.token")
        case foreign.Conflict():
            translated = SecondPoller(
                f"another program answers for this bot: stop it or use another token ({text})"
            )
        case foreign.BadRequest():
            translated = _refusal(text)
        case _ if _FLOOD.match(text):
            translated = TryLater(text)
        case _:
            translated = _connection_failure(error, text) or OutcomeUnknown(text)
    return translated


def _error_text(error: BaseException, *, secret: str) -> str:
    """The error's text on one line, shortened, with the secret masked."""
    text = " ".join(str(error).split()).replace(secret, "***") if secret else " ".join(str(error).split())
    return text[:_LONGEST_TEXT] or type(error).__name__


def _refusal(text: str) -> DeliveryError:
    description = text.lower()
    error_class = next((kind for pattern, kind in _REFUSALS if pattern.search(description)), Refused)
    return error_class(text)


def _connection_failure(error: Exception, text: str) -> DeliveryError | None:
    """The error for a connection that was never made; None where the request may have been sent."""
    import httpx

    for cause in _causes(error):
        if isinstance(cause, httpx.PoolTimeout):
            return TryLater(text)
        if isinstance(cause, (httpx.ConnectError, httpx.ConnectTimeout)):
            return TryLater(f"Telegram cannot be reached: {text}", scope="channel")
        if isinstance(cause, (httpx.UnsupportedProtocol, httpx.ProxyError, httpx.InvalidURL)):
            return TryLater(f"Telegram cannot be reached: {text}", scope="channel")
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause = error.__cause__
    while cause is not None:
        yield cause
        cause = cause.__cause__


_result: ContextVar[object] = ContextVar("_result", default=None)
"""The service's answer to the current call, not parsed by the library."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeouts:
    """Limits of each step of a call; `read` is long, because a lost answer makes a send uncertain."""

    connect: timedelta = timedelta(seconds=10)
    read: timedelta = timedelta(seconds=30)
    write: timedelta = timedelta(seconds=30)
    pool: timedelta = timedelta(seconds=30)


_CONNECTIONS = 64


class Connection:
    """python-telegram-bot without its rate limiting, polling, retries and parsing; imported by the first call.

    Has one connection for the long poll and up to 64 for the rest. The token does not leave this class: it is
    part of every URL, so loggers that would write URLs are silenced, and it is in no error's text or chain.
    """

    def __init__(self, token: str, api_url: str, timeouts: Timeouts) -> None:
        self._token = token
        self._api_url = api_url.rstrip("/")
        self._timeouts = timeouts
        for noisy in ("httpx", "httpcore"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        # It would log tracebacks of errors that are handled here.
        logging.getLogger("telegram").setLevel(logging.CRITICAL)

    def __repr__(self) -> str:
        return f"Connection({self._api_url})"

    @cached_property
    def bot(self) -> "Bot":
        """The library's bot: its methods make the calls that `call` awaits."""
        # The library's switch to timedelta, without which it warns at each use.
        os.environ.setdefault("PTB_TIMEDELTA", "1")
        from telegram import Bot

        poll, others = self._requests
        return Bot(self._token, base_url=f"{self._api_url}/bot", get_updates_request=poll, request=others)

    async def close(self) -> None:
        """Close every connection."""
        for request in self.__dict__.get("_requests", ()):
            await request.shutdown()

    async def call(self, answer: Awaitable[object]) -> object:
        """The service's raw answer. Raises DeliveryErrors only, and the error of a `beginning` that failed."""
        from telegram.error import TelegramError

        _result.set(None)
        failed: Exception
        try:
            await answer
        except TelegramError as error:
            failed = error
        else:
            return _result.get()
        begun = _beginning.get()
        if begun is not None and begun.error is not None:  # no request was sent
            raise begun.error
        translated = translate_error(failed, secret=self._token)
        if isinstance(translated, WrongToken) and await self._is_token_good():
            # The error is that of a gateway in between, or of a server that does not know the method.
            translated = TryLater(_error_text(failed, secret=self._token))
        if any(self._token in str(cause) for cause in (failed, *_chain(failed))):
            raise translated from None
        raise translated from failed

    async def _is_token_good(self) -> bool:
        """Whether getMe accepts the token; also True where there is no answer, which proves nothing."""
        from telegram.error import EndPointNotFound, InvalidToken, TelegramError

        _, others = self._requests
        try:
            await others.post(f"{self.bot.base_url}/getMe")
        except (InvalidToken, EndPointNotFound):
            return False
        except TelegramError:
            return True
        return True

    async def ask(
        self, method: str, parameters: Mapping[str, object], *, wait: timedelta = timedelta(0)
    ) -> object:
        """The raw answer to a call that only reads; it may take `wait` longer than others."""
        poll, others = self._requests
        request = poll if method == "getUpdates" else others
        url = f"{self.bot.base_url}/{method}?{urlencode(parameters)}"
        patience = (wait + self._timeouts.read).total_seconds()
        return await self.call(request.post(url, read_timeout=patience))

    @cached_property
    def _requests(self) -> "tuple[HTTPXRequest, HTTPXRequest]":
        """(for the long poll, for the rest). Raises ChannelDown for an unusable proxy or certificates in the environment."""
        if fault := network_fault():
            raise ChannelDown(f"Telegram cannot be reached: {fault}")
        return (self._request(1), self._request(_CONNECTIONS))

    def _request(self, connections: int) -> "HTTPXRequest":
        return _request_class()(
            connection_pool_size=connections,
            connect_timeout=self._timeouts.connect.total_seconds(),
            read_timeout=self._timeouts.read.total_seconds(),
            write_timeout=self._timeouts.write.total_seconds(),
            pool_timeout=self._timeouts.pool.total_seconds(),
            httpx_kwargs={"event_hooks": {"request": [_trace_request]}, "verify": _certificates()},
        )


@lru_cache(maxsize=1)
def _certificates() -> "SSLContext":
    """The trusted certificates, loaded once rather than for each connection pool, which takes 30 ms."""
    import httpx

    return httpx.create_ssl_context()


@lru_cache(maxsize=1)
def _request_class() -> "type[HTTPXRequest]":
    """The library's transport over our streams, which keeps raw answers instead of parsing them.

    The library's parsing fails where the server is older than the library, such as a self-hosted one, and then a
    message that was sent would count as uncertain.
    """
    from telegram.error import TelegramError
    from telegram.request import HTTPXRequest

    from bot.adapters.telegram.streams import Backend

    class RawRequest(HTTPXRequest):
        def _build_client(self) -> "httpx.AsyncClient":
            client = super()._build_client()
            for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001 - httpx passes no backend on
                if transport is not None:
                    transport._pool._network_backend = Backend(_before_write)  # type: ignore[attr-defined]  # noqa: SLF001
            return client

        @staticmethod
        def parse_json_payload(payload: bytes) -> dict[str, Any]:
            answer: object = HTTPXRequest.parse_json_payload(payload)
            if not isinstance(answer, dict):
                raise TelegramError("Invalid server response")
            if answer.get("ok") is not True:
                return {"result": None, **answer, "parameters": _integers(answer.get("parameters"))}
            _result.set(answer.get("result"))
            return {"ok": True, "result": True}

    return RawRequest


_LARGEST_INTEGER = 2**52
"""Bot API, "Chat": numbers have at most 52 significant bits."""


def _integers(parameters: object) -> dict[str, int]:
    """Valid integers among the parameters of an error (`retry_after`, `migrate_to_chat_id`), as the library expects."""
    named = parameters.items() if isinstance(parameters, dict) else ()
    integers = {
        name: number for name, number in named if type(number) is int and abs(number) <= _LARGEST_INTEGER
    }
    if "retry_after" in integers:
        longest = int(_LONGEST_WAIT.total_seconds())
        integers["retry_after"] = min(max(integers["retry_after"], 0), longest)
    return integers


class _Beginning:
    """Beginning of a message: recorded once, right before the write that completes its first request."""

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._is_due = False
        self._is_done = False
        self.error: Exception | None = None
        """Why recording failed; the message must not be sent then."""

    async def on_trace(self, event: str, _info: object) -> None:
        """Called by httpcore (extension "trace"): once the head is written, the next write completes the request."""
        self._is_due = not self._is_done and event.endswith("send_request_body.started")

    async def before_write(self) -> None:
        if not self._is_due:
            return
        try:
            await self._begin()
        except Exception as error:
            self.error = error
            raise
        self._is_due, self._is_done = False, True


_beginning: ContextVar[_Beginning | None] = ContextVar("_beginning", default=None)


@contextmanager
def beginning(begin: Begin) -> Iterator[None]:
    """Await `begin` right before the first request of the block is sent."""
    token = _beginning.set(_Beginning(begin))
    try:
        yield
    finally:
        _beginning.reset(token)


async def _trace_request(request: "httpx.Request") -> None:
    current = _beginning.get()
    if current is not None:
        request.extensions["trace"] = current.on_trace


async def _before_write() -> None:
    current = _beginning.get()
    if current is not None:
        await current.before_write()


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    cause = error.__cause__ or error.__context__
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    return chain


MenuScope = Literal["private", "groups", "administrators", "everywhere"] | int
"""Chats that a menu of commands is for; a number is a single chat."""
DEFAULT_API_URL = "https://api.telegram.org"


@dataclass(frozen=True, kw_only=True, slots=True)
class SentPoll:
    """The ids that the service gave a poll."""

    message: int
    poll: str


def chat_facts(chat: object, member: object) -> ChatFacts:
    """The facts in the answers of getChat and getChatMember (for the bot): its own rights, else those of all members."""
    status, kind = _string(member, "status"), _string(chat, "type")
    messages = polls = True
    if status in {"left", "kicked"}:
        messages = polls = False
    elif kind == "channel":
        messages = polls = status == "creator" or _may(member, "can_post_messages", default=False)
    elif kind != "private" and status not in {"creator", "administrator"}:
        own = status == "restricted"
        rules = member if own else chat.get("permissions") if isinstance(chat, dict) else None
        messages = _may(rules, "can_send_messages")
        polls = messages and _may(rules, "can_send_polls")
    return ChatFacts(id=_integer(chat, "id"), kind=kind, messages=messages, polls=polls)


def _may(rights: object, name: str, *, default: bool = True) -> bool:
    value = rights.get(name) if isinstance(rights, dict) else None
    return value if isinstance(value, bool) else default


@dataclass(frozen=True, kw_only=True, slots=True)
class InlineResult:
    """A result of an inline query: how it is listed, and the message that it sends."""

    id: str
    title: str
    description: str
    message: Message
    url: str | None = None


class BotClient:
    """Client of the Bot API for one bot, with a method for each call. Nothing is sent or checked before the first call.

    All methods raise only DeliveryErrors.
    """

    def __init__(
        self,
        token: str,
        *,
        api_url: str = DEFAULT_API_URL,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._api = Connection(token, api_url, timeouts or Timeouts())
        self._own_id: int | None = None

    def __repr__(self) -> str:
        return "BotClient()"

    async def close(self) -> None:
        """Close every connection."""
        await self._api.close()

    async def send(
        self, chat: ChatAddress, message: Message, *, reply_to: int | None = None, silent: bool = False
    ) -> int:
        """Send a message; gives its id. A deleted message to reply to does not matter."""
        sent = await self._api.call(
            self._api.bot.send_message(
                chat.id,
                message.html,
                parse_mode="HTML",
                message_thread_id=chat.topic,
                link_preview_options=_no_preview(),
                reply_markup=_markup(message),
                reply_parameters=_reply(reply_to),
                disable_notification=silent or None,
            )
        )
        return _integer(sent, "message_id")

    async def send_file(
        self, chat: ChatAddress, name: str, content: bytes, *, reply_to: int | None = None
    ) -> int:
        """Send a file; gives the id of its message."""
        from telegram import InputFile

        sent = await self._api.call(
            self._api.bot.send_document(
                chat.id,
                InputFile(content, filename=name),
                message_thread_id=chat.topic,
                reply_parameters=_reply(reply_to),
            )
        )
        return _integer(sent, "message_id")

    async def answer_inline(
        self, query_id: str, results: Sequence[InlineResult], *, next_offset: str, cache: timedelta
    ) -> None:
        """Show results of an inline query; `next_offset` is empty at the end."""
        from telegram import InlineQueryResultArticle, InputTextMessageContent

        articles = [
            InlineQueryResultArticle(
                id=result.id,
                title=result.title,
                description=result.description,
                url=result.url,
                input_message_content=InputTextMessageContent(
                    result.message.html, parse_mode="HTML", link_preview_options=_no_preview()
                ),
            )
            for result in results
        ]
        await self._api.call(
            self._api.bot.answer_inline_query(
                query_id, articles, cache_time=cache, next_offset=next_offset, is_personal=False
            )
        )

    async def edit(self, chat: ChatAddress, message_id: int, message: Message) -> None:
        """Replace an earlier message. Raises NotModified where it is the same already."""
        await self._api.call(
            self._api.bot.edit_message_text(
                message.html,
                chat_id=chat.id,
                message_id=message_id,
                parse_mode="HTML",
                link_preview_options=_no_preview(),
                reply_markup=_keyboard(message),
            )
        )

    async def drop_buttons(self, chat: ChatAddress, message_id: int) -> None:
        """Remove the buttons of an earlier message."""
        await self._api.call(self._api.bot.edit_message_reply_markup(chat_id=chat.id, message_id=message_id))

    async def delete(self, chat: ChatAddress, message_id: int) -> None:
        """Delete a message of the bot."""
        await self._api.call(self._api.bot.delete_message(chat.id, message_id))

    async def send_poll(
        self, chat: ChatAddress, poll: Poll, *, anonymous: bool, reply_to: int | None
    ) -> SentPoll:
        """Send a poll without a sound; gives its ids. Raises OnlyAnonymousPolls where it had to be anonymous."""
        sent = await self._api.call(
            self._api.bot.send_poll(
                chat.id,
                poll.question,
                poll.options,
                type="regular" if poll.correct is None else "quiz",
                correct_option_ids=None if poll.correct is None else [poll.correct],  # type: ignore[list-item]
                explanation=poll.explanation,
                description=poll.description,
                is_anonymous=anonymous,
                message_thread_id=chat.topic,
                reply_parameters=_reply(reply_to),
                disable_notification=True,
            )
        )
        poll_id = _string(sent.get("poll") if isinstance(sent, dict) else None, "id")
        if not poll_id:
            raise OutcomeUnknown("the service accepted a poll and returned no poll id")
        return SentPoll(message=_integer(sent, "message_id"), poll=poll_id)

    async def answer_callback(self, callback_id: str, text: str | None = None) -> None:
        """Stop the progress indicator of a pressed button, with an optional short note."""
        await self._api.call(self._api.bot.answer_callback_query(callback_id, text=text))

    async def updates(
        self, *, offset: int | None, wait: timedelta, kinds: Sequence[str]
    ) -> tuple[Mapping[str, Any], ...]:
        """Raw updates from `offset` on, oldest first, as soon as there are any; confirms those before `offset`.

        Raises SecondPoller or WrongToken where the service refuses.
        """
        parameters: dict[str, object] = {
            "timeout": int(wait.total_seconds()),
            "allowed_updates": json.dumps(list(kinds)),
        }
        if offset is not None:
            parameters["offset"] = offset
        received = await self._api.ask("getUpdates", parameters, wait=wait)
        return (
            tuple(update for update in received if isinstance(update, dict))
            if isinstance(received, list)
            else ()
        )

    async def username(self) -> str:
        """The bot's own name, without `@`."""
        return _string(await self._api.ask("getMe", {}), "username")

    async def chat_facts(self, chat: int | str) -> ChatFacts:
        """The chat's kind and the bot's rights there, as they are now."""
        answer = await self._api.ask("getChat", {"chat_id": chat})
        if _string(answer, "type") == "private":
            return chat_facts(answer, None)
        self._own_id = self._own_id or _integer(await self._api.ask("getMe", {}), "id")
        member = await self._api.ask("getChatMember", {"chat_id": chat, "user_id": self._own_id})
        return chat_facts(answer, member)

    async def is_administrator(self, chat: int, user: int) -> bool:
        """True where that person administers the chat."""
        member = await self._api.ask("getChatMember", {"chat_id": chat, "user_id": user})
        return _string(member, "status") in {"creator", "administrator"}

    async def is_member(self, chat: int | str, user: int) -> bool:
        """True where that person is a member of the chat now."""
        member = await self._api.ask("getChatMember", {"chat_id": chat, "user_id": user})
        status = _string(member, "status")
        if status == "restricted":
            return isinstance(member, dict) and member.get("is_member") is True
        return status in {"creator", "administrator", "member"}

    async def set_menu(
        self, commands: Mapping[str, str], *, scope: MenuScope, language: str | None = None
    ) -> None:
        """Set the menu of commands for some chats; without `language`, for all languages that have no menu of their own."""
        await self._api.call(
            self._api.bot.set_my_commands(list(commands.items()), scope=_scope(scope), language_code=language)
        )

    async def describe(self, about: str, *, language: str | None = None) -> None:
        """Set the description that is shown before the first message."""
        await self._api.call(self._api.bot.set_my_description(about, language_code=language))

    async def set_webhook(self, url: str, *, secret: str, kinds: Sequence[str]) -> None:
        """Have updates delivered to that address, with the secret in a header."""
        await self._api.call(self._api.bot.set_webhook(url, secret_token=secret, allowed_updates=list(kinds)))

    async def delete_webhook(self) -> None:
        """Remove the webhook, which rules out polling; updates that wait are kept."""
        await self._api.call(self._api.bot.delete_webhook())


def _scope(scope: MenuScope) -> "BotCommandScope":
    from telegram import (
        BotCommandScopeAllChatAdministrators,
        BotCommandScopeAllGroupChats,
        BotCommandScopeAllPrivateChats,
        BotCommandScopeChat,
        BotCommandScopeDefault,
    )

    match scope:
        case "private":
            return BotCommandScopeAllPrivateChats()
        case "groups":
            return BotCommandScopeAllGroupChats()
        case "administrators":
            return BotCommandScopeAllChatAdministrators()
        case "everywhere":
            return BotCommandScopeDefault()
        case int():
            return BotCommandScopeChat(scope)


def _integer(answer: object, name: str) -> int:
    value = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(value, int):
        raise OutcomeUnknown(f"the service accepted a message and returned no {name}")
    return value


def _string(answer: object, name: str) -> str:
    value = answer.get(name) if isinstance(answer, dict) else None
    return value if isinstance(value, str) else ""


def _no_preview() -> "LinkPreviewOptions":
    from telegram import LinkPreviewOptions

    return LinkPreviewOptions(is_disabled=True)


def _keyboard(message: Message) -> "InlineKeyboardMarkup | None":
    from telegram import InlineKeyboardButton, InlineKeyboardMarkup

    if not message.buttons:
        return None
    rows: dict[int, list[InlineKeyboardButton]] = {}
    for button in message.buttons:
        rows.setdefault(button.row, []).append(InlineKeyboardButton(button.text, callback_data=button.data))
    return InlineKeyboardMarkup([rows[number] for number in sorted(rows)])


def _markup(message: Message) -> "InlineKeyboardMarkup | ForceReply | None":
    from telegram import ForceReply

    if message.asks is not None:
        return ForceReply(selective=True, input_field_placeholder=message.asks)
    return _keyboard(message)


def _reply(message_id: int | None) -> "ReplyParameters | None":
    from telegram import ReplyParameters

    return None if message_id is None else ReplyParameters(message_id, allow_sending_without_reply=True)
