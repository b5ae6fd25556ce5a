"""The bot's long poll: store what came, confirm it, answer it."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Protocol, TypeVar

from bot.adapters.botapi.addresses import Place
from bot.adapters.botapi.messages import Message
from bot.adapters.botapi.outcomes import SecondPoller, WrongToken
from bot.adapters.chat.conversation import (
    CHANGES,
    Acknowledge,
    Action,
    Conversation,
    Deliver,
    DropButtons,
    Say,
)
from bot.adapters.chat.events import KINDS, Command, Event, event_of, is_left_for_later
from bot.adapters.chat.replies import ABOUT, COMMANDS
from bot.adapters.chat.study import StudyTalk
from bot.adapters.chat.votes import Registrar, VoteKeeper
from bot.domain.errors import ChannelDown, DeliveryError, PaperboyError, TryLater
from bot.pipeline.ports import Clock, Desk, Update, Updates

log = logging.getLogger(__name__)

_T = TypeVar("_T")
Heard = Callable[[ChannelDown | None], Awaitable[None]]
"""Told why the service refuses to be asked for updates; with None that it does not (any more)."""
_ALL_KEPT = 100_000


class Bot(Registrar, Protocol):
    """What the conversation needs of the client; every method raises DeliveryErrors only."""

    async def updates(
        self, *, offset: int | None, wait: timedelta, kinds: Sequence[str]
    ) -> tuple[Mapping[str, Any], ...]: ...
    async def username(self) -> str: ...
    async def is_administrator(self, chat: int, user: int) -> bool: ...
    async def introduce(self, commands: Mapping[str, str], *, about: str) -> None: ...
    async def send(self, place: Place, message: Message, *, reply_to: int | None = None) -> int: ...
    async def answer_callback(self, callback_id: str, text: str | None = None) -> None: ...
    async def drop_buttons(self, place: Place, message_id: int) -> None: ...
    async def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Waits:
    """How long the service waits, for what."""

    poll: timedelta = timedelta(seconds=50)
    """For the next update."""
    first_retry: timedelta = timedelta(seconds=1)
    last_retry: timedelta = timedelta(minutes=1)
    second_poller: timedelta = timedelta(minutes=1)
    """After another program asked for our updates."""
    answer: timedelta = timedelta(seconds=15)
    """An answer that may go out within this time waits for it; a later one would surprise."""


class ChatService:
    """Talks to whoever writes to the bot. One at a time may run for a bot: the service refuses a second."""

    def __init__(
        self,
        bot: Bot,
        updates: Updates,
        desk: Desk,
        clock: Clock,
        *,
        study: StudyTalk | None = None,
        votes: VoteKeeper | None = None,
        wake: Callable[[], None] = lambda: None,
        heard: Heard | None = None,
        waits: Waits | None = None,
    ) -> None:
        self._bot = bot
        self._updates = updates
        self._conversation = Conversation(desk, clock.now, study)
        self._votes = votes
        self._wake = wake
        self._heard = heard
        self._was_heard = False
        self._clock = clock
        self._waits = waits or Waits()
        self._username = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Answer until `stop` is set; what is being answered then is finished.

        Returns before that where the token is refused, which is logged.
        """
        try:
            self._username = await self._patiently(self._bot.username, stop) or ""
            await self._introduce()
            await self._catch_up(stop)
            await self._count_votes()
            last = await asyncio.to_thread(self._updates.last_update)
            log.info("chat.started", extra={"bot": self._username})
            while not stop.is_set():
                received = await self._patiently(partial(self._receive, last), stop)
                if received is not None:
                    await self._say_heard(None)
                for update in received or ():
                    await self._handle(update, stop)
                if received:
                    await self._count_votes()
                last = received[-1].id if received else last
        except WrongToken as error:
            log.error("chat.stopped", extra={"error": str(error)})
            await self._say_heard(error)

    async def close(self) -> None:
        """Let go of every connection."""
        await self._bot.close()

    async def _introduce(self) -> None:
        """Set the menu and the description; the bot works without."""
        try:
            await self._bot.introduce(COMMANDS, about=ABOUT)
        except WrongToken:
            raise
        except DeliveryError as error:
            log.warning("chat.not_introduced", extra={"error": str(error)})

    async def _catch_up(self, stop: asyncio.Event) -> None:
        """Answer what was stored before the last stop and not answered then."""
        for update in await asyncio.to_thread(self._updates.unanswered_updates, _ALL_KEPT):
            if not stop.is_set():
                await self._handle(update, stop)

    async def _receive(self, last: int | None) -> tuple[Update, ...]:
        """The updates after `last`, stored; asking for them tells the service that those before are safe.

        The service counts from a new random number after a quiet week, so `last` is the last one received
        rather than the highest.
        """
        offset = None if last is None else last + 1
        raw = await self._bot.updates(offset=offset, wait=self._waits.poll, kinds=KINDS)
        received = tuple(
            Update(id=one["update_id"], body=json.dumps(one, ensure_ascii=False, separators=(",", ":")))
            for one in raw
            if isinstance(one.get("update_id"), int)
        )
        if received:
            await asyncio.to_thread(self._updates.keep_updates, received, self._clock.now())
        return received

    async def _handle(self, update: Update, stop: asyncio.Event) -> None:
        """Answer one stored update. Changes come before it is marked as taken, answers after: a crash repeats neither harmfully."""
        try:
            body = json.loads(update.body)
            if is_left_for_later(body):
                return
            actions = await self._decided(event_of(body, self._username))
            if not await asyncio.to_thread(self._updates.take_update, update.id, self._clock.now()):
                return
            for action in actions:
                await self._perform(action, stop)
        except WrongToken:
            raise
        except Exception:
            log.exception("chat.answer_failed", extra={"update": update.id})

    async def _count_votes(self) -> None:
        """Count what came; a failure is logged, and the votes wait where they are stored."""
        if self._votes is None:
            return
        try:
            await self._votes.keep(self._bot)
        except WrongToken:
            raise
        except Exception:
            log.exception("chat.votes_failed")

    async def _decided(self, event: Event | None) -> tuple[Action, ...]:
        if event is None:
            return ()
        may_change = await self._may_change(event)
        return await asyncio.to_thread(partial(self._conversation.decide, event, may_change=may_change))

    async def _may_change(self, event: Event) -> bool:
        """True in private chats, and for administrators where there are any."""
        if not isinstance(event, Command) or event.chat.is_private or event.speaks_as_chat:
            return True
        if event.name not in CHANGES:
            return False
        try:
            return event.user is not None and await self._bot.is_administrator(event.chat.id, event.user)
        except WrongToken:
            raise
        except DeliveryError as error:
            log.warning("chat.rights_unknown", extra={"chat": event.chat.id, "error": str(error)})
            return False

    async def _perform(self, action: Action, stop: asyncio.Event) -> None:
        """Do it, after a short wait where the service asks for one; a failure is logged and the rest goes on."""
        try:
            try:
                await self._do(action)
            except TryLater as error:
                if error.wait is None or error.wait > self._waits.answer or await _rested(error.wait, stop):
                    raise
                await self._do(action)
        except WrongToken:
            raise
        except DeliveryError as error:
            log.warning("chat.answer_not_sent", extra={"is": type(action).__name__, "error": str(error)})

    async def _do(self, action: Action) -> None:
        match action:
            case Say():
                await self._bot.send(action.place, action.message, reply_to=action.reply_to)
            case Acknowledge():
                await self._bot.answer_callback(action.callback, action.note)
            case DropButtons():
                await self._bot.drop_buttons(action.place, action.message)
            case Deliver():
                self._wake()

    async def _say_heard(self, refusal: ChannelDown | None) -> None:
        """Tell of a refusal each time, and that there is none (any more) once."""
        if self._heard is None or (refusal is None and self._was_heard):
            return
        try:
            await self._heard(refusal)
            self._was_heard = refusal is None
        except PaperboyError as error:
            log.warning("chat.not_noted", extra={"error": str(error)})

    async def _patiently(self, ask: Callable[[], Awaitable[_T]], stop: asyncio.Event) -> _T | None:
        """What `ask` gives, asked again for as long as it fails; None once `stop` is set. Raises WrongToken."""
        wait = self._waits.first_retry
        while not stop.is_set():
            try:
                return await _unless(stop, ask())
            except WrongToken:
                raise
            except SecondPoller as error:
                wait = self._waits.second_poller
                log.error("chat.second_poller", extra={"error": str(error)})
                await self._say_heard(error)
            except PaperboyError as error:
                log.warning("chat.interrupted", extra={"error": str(error), "seconds": wait.total_seconds()})
            await _rested(wait, stop)
            wait = min(wait * 2, self._waits.last_retry)
        return None


async def _unless(stop: asyncio.Event, answer: Awaitable[_T]) -> _T | None:
    """The answer; None, and the question taken back, where `stop` is set first."""
    asking = asyncio.ensure_future(answer)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({asking, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return asking.result() if asking.done() else None
    finally:
        for task in (asking, stopping):
            task.cancel()
        await asyncio.gather(asking, stopping, return_exceptions=True)


async def _rested(wait: timedelta, stop: asyncio.Event) -> bool:
    """Wait that long; True where `stop` was set meanwhile."""
    try:
        await asyncio.wait_for(stop.wait(), wait.total_seconds())
    except TimeoutError:
        return False
    return True
