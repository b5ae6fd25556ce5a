"""ChatService: receives updates by long poll or webhook, answers them, and collects votes."""

import asyncio
import json
import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal, Protocol, TypeVar

from bot.adapters.telegram.client import BotClient, MenuScope, NotModified, SecondPoller, WrongToken
from bot.adapters.telegram.commands import Conversation, menu
from bot.adapters.telegram.requests import (
    Acknowledge,
    Action,
    AnswerInline,
    Deliver,
    DropButtons,
    Edit,
    Say,
    SendFile,
    Services,
)
from bot.adapters.telegram.texts import TEXTS
from bot.adapters.telegram.updates import (
    KINDS,
    Event,
    InlineQuery,
    TopicName,
    is_vote,
    parse_update,
    rights_changed,
    stored_update,
    topic_seen,
)
from bot.domain.errors import ChannelDown, DeliveryError, NotSent, PaperboyError, TryLater
from bot.domain.translations import LANGUAGES
from bot.pipeline.ports import Clock, Update, UpdateStore
from bot.pipeline.ports.quizzes import QuizStore, Voter
from bot.pipeline.vote_counter import VoteCounter

log = logging.getLogger(__name__)

_LOOKUPS_AT_ONCE = 20
"""Most voters whose membership is looked up between two polls for updates."""
_NOT_A_MEMBER = ("user not found", "participant_id_invalid", "member not found")


_Result = TypeVar("_Result")
OnPolling = Callable[[ChannelDown | None], Awaitable[None]]
"""Called with the error when the service refuses a poll for updates; with None once polling works (again)."""
_MOST_UNANSWERED = 100_000
_INLINE_CACHE = timedelta(minutes=5)
"""Time for which the service may cache the answer to an inline query."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Waits:
    """Durations of waits."""

    poll: timedelta = timedelta(seconds=50)
    """For the next update (long poll)."""
    first_retry: timedelta = timedelta(seconds=1)
    last_retry: timedelta = timedelta(minutes=1)
    second_poller: timedelta = timedelta(minutes=1)
    """After another program polled for the same bot."""
    refused_token: timedelta = timedelta(minutes=5)
    look: timedelta = timedelta(seconds=1)
    """Between two looks at the updates that a web server stored."""
    answer: timedelta = timedelta(seconds=15)
    """An answer is retried if the service asks for at most this wait; a later one would be confusing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Webhook:
    """The address to which the service sends updates, and the secret that it sends with each."""

    url: str
    secret: str


Admitted = Literal["answer", "refuse", "ignore"]
"""The fate of a request: an answer, a short one that there were too many, or nothing."""


class Throttle:
    """Limits requests by key to `most` a minute."""

    def __init__(self, most: int = 30) -> None:
        self._most = most
        self._requests: OrderedDict[object, deque[datetime]] = OrderedDict()

    def admit(self, key: object, now: datetime) -> Admitted:
        """`answer` within the limit, `refuse` the first request beyond it, and `ignore` those after that."""
        requests = self._requests.setdefault(key, deque())
        self._requests.move_to_end(key)
        while len(self._requests) > _MOST_KEYS:
            self._requests.popitem(last=False)
        while requests and requests[0] <= now - _MINUTE:
            requests.popleft()
        if len(requests) > self._most:
            return "ignore"
        requests.append(now)
        return "answer" if len(requests) <= self._most else "refuse"


_MINUTE = timedelta(minutes=1)
_MOST_KEYS = 10_000
_INLINE_QUERIES = 60
"""Inline queries a minute: each key press may send one."""


class ChatService:
    """Answers what people write to the bot: stores updates, confirms them, and answers each once.

    Only one may run for a bot at a time: Telegram refuses a second.
    """

    def __init__(
        self,
        bot: BotClient,
        updates: UpdateStore,
        services: Services,
        clock: Clock,
        *,
        votes: "VoteCollector | None" = None,
        wake: Callable[[], None] = lambda: None,
        on_polling: OnPolling | None = None,
        waits: Waits | None = None,
        webhook: Webhook | None = None,
    ) -> None:
        """`webhook`: updates are stored by the web server, which may be another process."""
        self._webhook = webhook
        self._update_stored = asyncio.Event()
        self._requests = Throttle()
        self._inline_queries = Throttle(_INLINE_QUERIES)
        self._topics: set[TopicName] = set()
        self._chats = services.chats
        self._site = services.site
        self._bot = bot
        self._updates = updates
        self.conversation = Conversation(services, clock.now)
        self._votes = votes
        self._wake = wake
        self._on_polling = on_polling
        self._polling_works = False
        self._clock = clock
        self._waits = waits or Waits()
        self._username = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Answer until `stop` is set, and finish what is being answered then.

        A refused token is reported and tried again after a while.
        """
        while not stop.is_set():
            try:
                await self._converse(stop)
            except WrongToken as error:
                log.error("chat.token_refused", extra={"error": str(error)})
                await self._report_polling(error)
                await _stopped_within(self._waits.refused_token, stop)

    async def _converse(self, stop: asyncio.Event) -> None:
        """Answer until `stop` is set. Raises WrongToken."""
        self._username = await self._retrying(self._bot.username, stop) or ""
        if self._username:
            await asyncio.to_thread(self._chats.keep_bot_name, self._username)  # pages link to it
        await self._set_menus()
        await self._connect(stop)
        await self._catch_up(stop)
        await self._count_votes()
        log.info("chat.started", extra={"bot": self._username, "webhook": self._webhook is not None})
        await (self._poll(stop) if self._webhook is None else self._wait_for_updates(stop))

    async def close(self) -> None:
        """Close every connection."""
        await self._bot.close()

    def notice_update(self) -> None:
        """Answer stored updates now; called when the web server has stored one."""
        self._update_stored.set()

    async def _poll(self, stop: asyncio.Event) -> None:
        """Ask for updates, and answer them."""
        last = await asyncio.to_thread(self._updates.last_update)
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            start = loop.time()
            received = await self._retrying(partial(self._receive, last), stop)
            if received is not None:
                await self._report_polling(None)
            for update in received or ():
                await self._handle(update, stop)
            if received:
                await self._count_votes()
            if received and received[-1].id != last:
                last = received[-1].id
            elif loop.time() - start < self._waits.poll.total_seconds() / 2:
                # Something in between cuts the long poll short: pause rather than poll without end.
                await _stopped_within(self._waits.first_retry, stop)

    async def _wait_for_updates(self, stop: asyncio.Event) -> None:
        """Answer updates that the web server stores."""
        await self._report_polling(None)
        while not stop.is_set():
            self._update_stored.clear()
            await self._catch_up(stop)
            await self._count_votes()
            waiting = [asyncio.ensure_future(event.wait()) for event in (stop, self._update_stored)]
            await asyncio.wait(
                waiting, timeout=self._waits.look.total_seconds(), return_when=asyncio.FIRST_COMPLETED
            )
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _connect(self, stop: asyncio.Event) -> None:
        """Tell the service whether updates are delivered to the webhook or polled for."""
        webhook = self._webhook
        if webhook is not None:
            await self._retrying(
                partial(self._bot.set_webhook, webhook.url, secret=webhook.secret, kinds=KINDS), stop
            )
            return
        try:
            await self._bot.delete_webhook()
        except DeliveryError as error:
            log.warning("chat.webhook_kept", extra={"error": str(error)})

    async def _set_menus(self) -> None:
        """Set the menus of commands and the description, English by default; the bot works without them."""
        scopes: tuple[MenuScope, ...] = (
            "everywhere",
            "private",
            "groups",
            "administrators",
            *self._site.operators,
        )
        failed: list[str] = []
        for language in LANGUAGES:
            code = None if language == "en" else language
            calls = [
                partial(self._bot.set_menu, menu(language, scope), scope=scope, language=code)
                for scope in scopes
            ]
            for call in (*calls, partial(self._bot.describe, TEXTS["about"][language], language=code)):
                try:
                    await call()
                except DeliveryError as error:  # not essential: `username` decides whether the token is good
                    failed.append(str(error))
        if failed:
            log.warning("chat.menus_not_set", extra={"calls": len(failed), "error": failed[0]})

    async def _catch_up(self, stop: asyncio.Event) -> None:
        """Answer updates that were stored and not answered yet."""
        for update in await asyncio.to_thread(self._updates.unanswered_updates, _MOST_UNANSWERED):
            if not stop.is_set():
                await self._handle(update, stop)

    async def _receive(self, last: int | None) -> tuple[Update, ...]:
        """Poll for the updates after `last` and store them; polling confirms those up to `last`.

        `last` is the last one received rather than the highest, since the service starts from a new random number after
        a week without updates.
        """
        offset = None if last is None else last + 1
        raw = await self._bot.updates(offset=offset, wait=self._waits.poll, kinds=KINDS)
        received = tuple(filter(None, map(stored_update, raw)))
        if received:
            await asyncio.to_thread(self._updates.keep_updates, received, self._clock.now())
        return received

    async def _handle(self, update: Update, stop: asyncio.Event) -> None:
        """Change the state, take the update, then reply.

        After a crash the changes, which are idempotent, are repeated; replies may be lost, but are never repeated.
        """
        try:
            body = json.loads(update.body)
            if not isinstance(body, dict) or is_vote(body):
                return
            actions = await self._decide(body)
            if not await asyncio.to_thread(self._updates.take_update, update.id, self._clock.now()):
                return
            for action in actions:
                await self._perform(action, stop)
        except WrongToken:
            raise
        except PaperboyError as error:  # such as a locked state: it is answered after the next start
            log.warning("chat.answer_waits", extra={"update": update.id, "error": str(error)})
        except Exception:
            log.exception("chat.answer_failed", extra={"update": update.id})
            with suppress(PaperboyError):  # taken, so that it does not fail again after each start
                await asyncio.to_thread(self._updates.take_update, update.id, self._clock.now())

    async def _count_votes(self) -> None:
        """Count stored votes; a failure is logged, and the votes stay stored."""
        if self._votes is None:
            return
        try:
            await self._votes.collect(self._bot)
        except WrongToken:
            raise
        except Exception:
            log.exception("chat.votes_failed")

    async def _decide(self, body: Mapping[str, Any]) -> tuple[Action, ...]:
        await self._update_chat_facts(body)
        event = parse_update(body, self._username)
        if event is None:
            return ()
        admitted = self._admit(event)
        if admitted == "ignore":
            return ()
        if admitted == "refuse":
            return await asyncio.to_thread(self.conversation.too_fast, event)
        may_change = await self._may_change(event)
        return await asyncio.to_thread(partial(self.conversation.decide, event, may_change=may_change))

    def _admit(self, event: Event) -> Admitted:
        """Decide on the event. One without an author is always answered; an inline query has no short answer."""
        if isinstance(event, InlineQuery):
            admitted = self._inline_queries.admit(event.author.id, self._clock.now())
            return "answer" if admitted == "answer" else "ignore"
        author = getattr(event, "author", None)
        if author is None:
            return "answer"
        return self._requests.admit((event.chat.id, author.id), self._clock.now())

    async def _update_chat_facts(self, body: Mapping[str, Any]) -> None:
        """Store the name of a topic seen in the update, and drop facts about the chat where the bot's rights changed."""
        seen, changed = topic_seen(body), rights_changed(body)
        if seen is not None and (seen.renamed or seen not in self._topics):
            name_topic = partial(self._chats.name_topic, seen.chat, seen.topic, seen.name)
            await asyncio.to_thread(name_topic, renamed=seen.renamed)
            self._topics.add(seen)
        if changed is not None:
            await asyncio.to_thread(self._chats.forget_chat_facts, changed)

    async def _may_change(self, event: Event) -> bool:
        """True in private chats, and in groups for administrators; looked up only where the answer depends on it."""
        if not self.conversation.asks_for_rights(event) or isinstance(event, InlineQuery):
            return False
        speaks_as_chat = getattr(event, "speaks_as_chat", False) or event.chat.kind == "channel"
        if event.chat.is_private or speaks_as_chat:
            return True
        author = getattr(event, "author", None)
        try:
            return (
                author is not None
                and author.id is not None
                and await self._bot.is_administrator(event.chat.id, author.id)
            )
        except WrongToken:
            raise
        except DeliveryError as error:
            log.warning("chat.rights_unknown", extra={"chat": event.chat.id, "error": str(error)})
            return False

    async def _perform(self, action: Action, stop: asyncio.Event) -> None:
        """Perform an action, after a short wait if the service asks for one; a failure is only logged."""
        try:
            try:
                await self._do(action)
            except TryLater as error:
                if (
                    error.wait is None
                    or error.wait > self._waits.answer
                    or await _stopped_within(error.wait, stop)
                ):
                    raise
                await self._do(action)
        except WrongToken:
            raise
        except DeliveryError as error:
            log.warning("chat.answer_not_sent", extra={"is": type(action).__name__, "error": str(error)})

    async def _do(self, action: Action) -> None:
        match action:
            case Say():
                await self._bot.send(action.chat, action.message, reply_to=action.reply_to)
            case Edit():
                with suppress(NotModified):  # the button was pressed twice
                    await self._bot.edit(action.chat, action.number, action.message)
            case SendFile():
                await self._bot.send_file(
                    action.chat, action.name, action.content.encode(), reply_to=action.reply_to
                )
            case AnswerInline():
                await self._bot.answer_inline(
                    action.query, action.results, next_offset=action.next_offset, cache=_INLINE_CACHE
                )
            case Acknowledge():
                await self._bot.answer_callback(action.callback, action.note)
            case DropButtons():
                await self._bot.drop_buttons(action.chat, action.message)
            case Deliver():
                self._wake()

    async def _report_polling(self, refusal: ChannelDown | None) -> None:
        """Report each refusal, and once that polling works."""
        if self._on_polling is None or (refusal is None and self._polling_works):
            return
        try:
            await self._on_polling(refusal)
            self._polling_works = refusal is None
        except PaperboyError as error:
            log.warning("chat.incident_not_recorded", extra={"error": str(error)})

    async def _retrying(self, ask: Callable[[], Awaitable[_Result]], stop: asyncio.Event) -> _Result | None:
        """The result of `ask`, called again for as long as it fails; None once `stop` is set. Raises WrongToken."""
        wait = self._waits.first_retry
        while not stop.is_set():
            try:
                return await _result_unless(stop, ask())
            except WrongToken:
                raise
            except SecondPoller as error:
                wait = self._waits.second_poller
                log.error("chat.second_poller", extra={"error": str(error)})
                await self._report_polling(error)
            except PaperboyError as error:
                log.warning("chat.interrupted", extra={"error": str(error), "seconds": wait.total_seconds()})
            await _stopped_within(wait, stop)
            wait = min(wait * 2, self._waits.last_retry)
        return None


class Membership(Protocol):
    """Tells whether a person is a member of a chat; raises DeliveryErrors only."""

    async def is_member(self, chat: int | str, user: int) -> bool: ...


class VoteCollector:
    """Counts received votes, and asks which voters are members of the groups."""

    def __init__(self, counter: VoteCounter, quizzes: QuizStore, clock: Clock) -> None:
        self._counter = counter
        self._quizzes = quizzes
        self._clock = clock
        self._unanswered: set[Voter] = set()

    async def collect(self, membership: Membership) -> None:
        """Count all stored votes. Raises StateError, and WrongToken from the bot."""
        counted = await asyncio.to_thread(self._counter.count, self._clock.now())
        if counted:
            await self._look_up_members(membership)

    async def _look_up_members(self, membership: Membership) -> None:
        limit = _LOOKUPS_AT_ONCE + len(self._unanswered)
        for voter in await asyncio.to_thread(self._quizzes.unknown_members, limit):
            if voter in self._unanswered:
                continue
            is_member = await self._is_member(membership, voter)
            if is_member is None:
                self._unanswered.add(voter)
            else:
                await asyncio.to_thread(self._quizzes.save_members, voter.chat, {voter.person: is_member})

    async def _is_member(self, membership: Membership, voter: Voter) -> bool | None:
        """Whether the person is a member of the chat; None where the service does not say."""
        chat = int(voter.address) if voter.address.lstrip("-").isdecimal() else voter.address
        try:
            return await membership.is_member(chat, voter.person)
        except NotSent as error:
            if any(text in str(error).lower() for text in _NOT_A_MEMBER):
                return False
            log.warning("votes.member_unknown", extra={"chat": voter.chat, "error": str(error)})
        except DeliveryError as error:
            log.warning("votes.member_unknown", extra={"chat": voter.chat, "error": str(error)})
        return None


async def _result_unless(stop: asyncio.Event, call: Awaitable[_Result]) -> _Result | None:
    """The result of the call; None, and the call is cancelled, where `stop` is set first."""
    calling = asyncio.ensure_future(call)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({calling, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return calling.result() if calling.done() else None
    finally:
        for task in (calling, stopping):
            task.cancel()
        await asyncio.gather(calling, stopping, return_exceptions=True)


async def _stopped_within(wait: timedelta, stop: asyncio.Event) -> bool:
    """Wait that long; True where `stop` was set meanwhile."""
    try:
        async with asyncio.timeout(wait.total_seconds()):
            await stop.wait()
    except TimeoutError:
        return False
    return True
