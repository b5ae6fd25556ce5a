"""The emulator: methods of the Bot API over chats, messages and updates, with faults on request."""

import asyncio
import itertools
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from tests.rigs.botapi.chats import Chat, Chats
from tests.rigs.botapi.errors import ApiError, bad_request, flood
from tests.rigs.botapi.faults import Fault, Faults
from tests.rigs.botapi.http import Answer, HttpServer
from tests.rigs.botapi.messages import (
    Sent,
    SentFile,
    SentMessage,
    SentPoll,
    asks_of,
    buttons_of,
    poll_of,
    same,
    text_of,
)
from tests.rigs.botapi.parameters import Parameters
from tests.rigs.botapi.people import People
from tests.rigs.botapi.rate_limit import RateLimit
from tests.rigs.botapi.updates import UpdateQueue

TOKEN = "123456789:AAE-emulated_token_for_tests_0123456789"
BOT_ID = 123456789

_INLINE_RESULTS, _RESULT_ID = 50, 64
_WEBHOOK_ACTIVE = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
_UNDERSTOOD = frozenset({"link_preview_options", "language_code", "disable_notification", "scope"})


@dataclass(eq=False, slots=True)
class Exchange:
    """When a request that sends something came, and when its answer left, on `time.monotonic`."""

    came: float = field(default_factory=time.monotonic)
    answered: float | None = None


class BotApi(People):
    """Use as `async with BotApi() as api`, or from another thread's program with `BotApi.in_thread()`.

    `sent` holds what was taken over, in order; `calls` counts all calls by method; `complaints` what a
    real service would swallow silently and a careful client never sends.
    """

    def __init__(
        self, *, paced: bool = False, clock: Callable[[], float] = time.monotonic, latency: float = 0
    ) -> None:
        """`latency` are the seconds from when a message is taken over to the answer."""
        super().__init__(Chats(), UpdateQueue())
        self.exchanges: list[Exchange] = []
        self._latency = latency
        self.token = TOKEN
        self.username = "paperboy_bot"
        self.sent: list[Sent] = []
        self.calls: Counter[str] = Counter()
        self.complaints: list[str] = []
        self.menus: dict[str, dict[str, str]] = {}
        """Language code, empty for the default, to (command, description)."""
        self.scopes: dict[tuple[str, str], dict[str, str]] = {}
        """The same by scope (type, or `chat:ID`) and language code."""
        self.answered: dict[str, str | None] = {}
        self.inline: dict[str, list[dict[str, Any]]] = {}
        """Inline query to the results that were shown."""
        self.inline_offsets: dict[str, str] = {}
        self.webhook: dict[str, Any] | None = None
        self.rate_limit = RateLimit(clock) if paced else None
        self.unknown_fields: frozenset[str] = frozenset()
        """What a server of an older version does not tell of a poll."""
        self._faults = Faults()
        self._message_ids = itertools.count(1)
        self._http = HttpServer(self._handle)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, port: int = 0) -> None:
        self._updates.loop = asyncio.get_running_loop()
        await self._http.start(port)

    async def stop(self) -> None:
        await self._http.stop()

    @classmethod
    @contextmanager
    def in_thread(cls, **options: Any) -> "Iterator[Self]":
        """An emulator in a thread of its own, for programs that are started as processes."""
        api, started = cls(**options), threading.Event()
        loop = asyncio.new_event_loop()

        def serve() -> None:
            loop.run_until_complete(api.start())
            started.set()
            loop.run_forever()
            loop.run_until_complete(api.stop())
            loop.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        started.wait()
        try:
            yield api
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    @property
    def messages(self) -> list[SentMessage]:
        return [message for message in self.sent if isinstance(message, SentMessage) and not message.deleted]

    @property
    def files(self) -> list[SentFile]:
        return [message for message in self.sent if isinstance(message, SentFile)]

    @property
    def polls(self) -> list[SentPoll]:
        return [message for message in self.sent if isinstance(message, SentPoll) and not message.deleted]

    def fail(self, *faults: Fault) -> None:
        """What the next calls run into."""
        self._faults.add(*faults)

    async def _handle(self, path: str, values: dict[str, str]) -> Answer:
        _, bot, method = path.split("/", 2)
        if bot != f"bot{self.token}":
            code, text = (401, "Unauthorized") if ":" in bot else (404, "Not Found")
            return _refused(ApiError(code, text))
        self.calls[method] += 1
        fault = self._faults.next_for(method)
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        elif fault is not None and not fault.after:
            return _broken(fault)
        exchange = Exchange()
        if method.startswith("send"):
            self.exchanges.append(exchange)
        answer = await self._answered(method, values)
        if self._latency:
            await asyncio.sleep(self._latency)
        exchange.answered = time.monotonic()
        return _broken(fault) if fault is not None and fault.after else answer

    async def _answered(self, method: str, values: dict[str, str]) -> Answer:
        do = _METHODS.get(method.lower())
        if do is None:
            return _refused(ApiError(404, "Not Found"))
        parameters = Parameters(values)
        try:
            result = await do(self, parameters)
        except ApiError as error:
            return _refused(error)
        self.complaints += [f"{method}: nobody reads {name}" for name in parameters.unread - _UNDERSTOOD]
        return Answer(body={"ok": True, "result": result})

    async def _send_message(self, parameters: Parameters) -> Any:
        chat, thread = self._where(parameters)
        content, buttons = text_of(parameters), buttons_of(parameters)
        reply_to = self._reply(parameters, chat)
        self._admit(chat)
        if content.dropped:
            self.complaints.append(f"sendMessage: {content.dropped} entities were dropped")
        message = SentMessage(
            id=next(self._message_ids),
            chat=chat,
            content=content,
            buttons=buttons,
            asks=asks_of(parameters),
            silent=parameters.boolean("disable_notification", default=False),
            reply_to=reply_to,
            thread=thread,
        )
        return self._keep(message)

    async def _send_poll(self, parameters: Parameters) -> Any:
        chat, thread = self._where(parameters)
        reply_to = self._reply(parameters, chat)
        number = next(self._message_ids)
        poll = poll_of(parameters, number=number, chat=chat, reply_to=reply_to, thread=thread)
        self._admit(chat)
        return self._keep(poll)

    async def _edit_text(self, parameters: Parameters) -> Any:
        message = self._own(parameters, "edit")
        content, buttons = text_of(parameters), buttons_of(parameters)
        self._change(message, content, buttons)
        return message.described()

    async def _edit_buttons(self, parameters: Parameters) -> Any:
        message = self._own(parameters, "edit")
        self._change(message, message.content, buttons_of(parameters))
        return message.described()

    async def _delete(self, parameters: Parameters) -> Any:
        chat, number = self._chats.find(parameters.text("chat_id")), parameters.integer("message_id")
        found = self._find(chat, number)
        if found is None:
            raise bad_request("message to delete not found")
        found.deleted = True
        return True

    async def _answer_callback(self, parameters: Parameters) -> Any:
        callback = parameters.text("callback_query_id")
        if callback not in self.pressed:
            raise bad_request("query is too old and response timeout expired or query ID is invalid")
        self.answered[callback] = parameters.optional("text")
        return True

    async def _get_updates(self, parameters: Parameters) -> Any:
        if self.webhook is not None:
            raise ApiError(409, _WEBHOOK_ACTIVE)
        offset, timeout = parameters.integer("offset"), parameters.integer("timeout") or 0
        return await self._updates.ask(offset, timeout, parameters.data("allowed_updates"))

    async def _get_me(self, _: Parameters) -> Any:
        return {"id": BOT_ID, "is_bot": True, "first_name": "Paperboy", "username": self.username}

    async def _get_chat(self, parameters: Parameters) -> Any:
        chat = self._chats.find(parameters.text("chat_id"))
        described = chat.described()
        if chat.kind in ("group", "supergroup"):
            speaks = chat.condition != "no_rights"
            described["permissions"] = {
                "can_send_messages": speaks,
                "can_send_polls": speaks and chat.condition != "no_polls",
            }
        return described | {"accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": {}}

    async def _get_chat_member(self, parameters: Parameters) -> Any:
        chat, user = self._chats.find(parameters.text("chat_id")), parameters.integer("user_id")
        status = "creator" if user in chat.administrators else "left" if user in chat.outsiders else "member"
        person = {"id": user, "is_bot": False, "first_name": f"Person {user}"}
        if chat.kind == "channel" and user == BOT_ID:  # a bot is in a channel as an administrator
            posts = chat.condition == "open"
            return {"status": "administrator", "user": person, "can_post_messages": posts}
        return {"status": status, "user": person} | ({"is_anonymous": False} if status == "creator" else {})

    async def _set_commands(self, parameters: Parameters) -> Any:
        scope = parameters.data("scope", {"type": "default"})
        kind = f"chat:{scope['chat_id']}" if scope["type"] == "chat" else scope["type"]
        if scope["type"] == "chat":
            self._chats.find(str(scope["chat_id"]))
        language = parameters.text("language_code")
        menu = self.scopes[kind, language] = {}
        if kind == "default":
            self.menus[language] = menu
        for command in parameters.data("commands", []):
            name, about = command["command"], command["description"]
            if not (1 <= len(name) <= 32 and set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")):
                raise bad_request("BOT_COMMAND_INVALID")
            if not 1 <= len(about) <= 256:
                raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
            menu[name] = about
        return True

    async def _send_document(self, parameters: Parameters) -> Any:
        chat, thread = self._where(parameters)
        reply_to = self._reply(parameters, chat)
        name, content = parameters.file("document")
        self._admit(chat)
        document = SentFile(
            id=next(self._message_ids),
            chat=chat,
            name=name,
            content=content,
            reply_to=reply_to,
            thread=thread,
        )
        return self._keep(document)

    async def _answer_inline(self, parameters: Parameters) -> Any:
        query = parameters.text("inline_query_id")
        if query not in self.typed:
            raise bad_request("query is too old and response timeout expired or query ID is invalid")
        results = parameters.data("results", [])
        if len(results) > _INLINE_RESULTS or len({entry["id"] for entry in results}) < len(results):
            raise bad_request(
                "RESULT_ID_DUPLICATE" if len(results) <= _INLINE_RESULTS else "too many results"
            )
        for result in results:
            if not 1 <= len(result["id"].encode()) <= _RESULT_ID or not result.get("title"):
                raise bad_request("RESULT_ID_INVALID")
            content = result["input_message_content"]
            text_of(
                Parameters({"text": content["message_text"], "parse_mode": content.get("parse_mode", "")})
            )
        parameters.text("cache_time"), parameters.text("is_personal")
        self.inline[query] = results
        self.inline_offsets[query] = parameters.text("next_offset")
        return True

    async def _set_webhook(self, parameters: Parameters) -> Any:
        url = parameters.text("url")
        if not url.startswith("https://"):
            raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
        self.webhook = {
            "url": url,
            "secret": parameters.text("secret_token"),
            "allowed": parameters.data("allowed_updates", []),
        }
        return True

    async def _delete_webhook(self, parameters: Parameters) -> Any:
        parameters.optional("drop_pending_updates")
        self.webhook = None
        return True

    async def _set_description(self, parameters: Parameters) -> Any:
        if len(parameters.text("description")) > 512:
            raise bad_request("description is too long")
        return True

    def _where(self, parameters: Parameters) -> tuple[Chat, int | None]:
        chat = self._chats.writable(parameters.text("chat_id"))
        return chat, chat.thread(parameters.integer("message_thread_id"))

    def _reply(self, parameters: Parameters, chat: Chat) -> int | None:
        asked = parameters.data("reply_parameters")
        if not asked:
            return None
        if self._find(chat, asked["message_id"]):
            return int(asked["message_id"])
        if not asked.get("allow_sending_without_reply"):
            raise bad_request("message to be replied not found")
        return None

    def _own(self, parameters: Parameters, verb: str) -> SentMessage:
        chat = self._chats.writable(parameters.text("chat_id"))
        found = self._find(chat, parameters.integer("message_id"))
        if found is None:
            raise bad_request(f"message to {verb} not found")
        if not isinstance(found, SentMessage):
            raise bad_request(f"message can't be {verb}ed")
        return found

    def _change(self, message: SentMessage, content: Any, buttons: Any) -> None:
        if same(message.content, content, message.buttons, buttons):
            raise bad_request(
                "message is not modified: specified new message content and reply markup are exactly the same "
                "as a current content and reply markup of the message"
            )
        message.edits.append(message.content)
        message.content, message.buttons = content, buttons

    def _find(self, chat: Chat, number: int | None) -> Sent | None:
        own = (
            message
            for message in self.sent
            if message.chat is chat and message.id == number and not message.deleted
        )
        return next(own, None) or (self.said.get((chat.id, number)) if number is not None else None)

    def _admit(self, chat: Chat) -> None:
        if self.rate_limit is not None:
            self.rate_limit.admit(chat)

    def _keep(self, sent: Sent) -> dict[str, Any]:
        self.sent.append(sent)
        told = sent.described()
        for name in self.unknown_fields:
            told.get("poll", {}).pop(name, None)
        bot = {"id": BOT_ID, "is_bot": True, "first_name": "Paperboy", "username": self.username}
        return told | (
            {"sender_chat": sent.chat.described()} if sent.chat.kind == "channel" else {"from": bot}
        )


_METHODS: dict[str, Callable[[BotApi, Parameters], Awaitable[Any]]] = {
    "sendmessage": BotApi._send_message,
    "sendpoll": BotApi._send_poll,
    "editmessagetext": BotApi._edit_text,
    "editmessagereplymarkup": BotApi._edit_buttons,
    "deletemessage": BotApi._delete,
    "answercallbackquery": BotApi._answer_callback,
    "getupdates": BotApi._get_updates,
    "getme": BotApi._get_me,
    "getchat": BotApi._get_chat,
    "getchatmember": BotApi._get_chat_member,
    "setmycommands": BotApi._set_commands,
    "setmydescription": BotApi._set_description,
    "senddocument": BotApi._send_document,
    "answerinlinequery": BotApi._answer_inline,
    "setwebhook": BotApi._set_webhook,
    "deletewebhook": BotApi._delete_webhook,
}


def _refused(error: ApiError) -> Answer:
    wait = error.parameters.get("retry_after")
    headers = (("Retry-After", str(wait)),) if wait is not None else ()
    return Answer(status=error.code, body=error.body, headers=headers)


def _broken(fault: Fault) -> Answer:
    match fault.kind:
        case "drop":
            return Answer(dropped=True)
        case "flood":
            return _refused(flood(int(fault.seconds)))
        case "garbage":
            return Answer(raw=b"<html>a proxy's page</html>")
    return Answer(status=fault.code, raw=b"<html>Bad Gateway</html>")
