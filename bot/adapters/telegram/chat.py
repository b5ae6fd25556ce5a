"""ChatService: the bot's long poll, its answers, and the votes that it collects."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Protocol, TypeVar

from bot.adapters.telegram.client import BotClient, SecondPoller, WrongToken
from bot.adapters.telegram.commands import (
    ABOUT,
    COMMANDS,
    Acknowledge,
    Action,
    Conversation,
    Deliver,
    DropButtons,
    Say,
    Services,
    menu,
)
from bot.adapters.telegram.updates import KINDS, CommandMessage, Event, is_vote, parse_update
from bot.domain.errors import ChannelDown, DeliveryError, NotSent, PaperboyError, TryLater
from bot.pipeline.ports import Clock, Update, UpdateStore
from bot.pipeline.ports.quizzes import QuizStore, Voter
from bot.pipeline.vote_counter import VoteCounter

log = logging.getLogger(__name__)

_AT_ONCE = 20
"""People asked for between two polls for updates, at most."""
_NOT_THERE = ("user not found", "participant_id_invalid", "member not found")


_Result = TypeVar("_Result")
OnPolling = Callable[[ChannelDown | None], Awaitable[None]]
"""Called with the refusal when the service refuses a poll for updates; with None once polling works (again)."""
_ALL_KEPT = 100_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Waits:
    """Durations of waiting."""

    poll: timedelta = timedelta(seconds=50)
    """For the next update (long poll)."""
    first_retry: timedelta = timedelta(seconds=1)
    last_retry: timedelta = timedelta(minutes=1)
    second_poller: timedelta = timedelta(minutes=1)
    """After another program asked for our updates."""
    refused_token: timedelta = timedelta(minutes=5)
    """After the service did not take our token."""
    answer: timedelta = timedelta(seconds=15)
    """An answer that may go out within this time waits for it; a later one would surprise."""


class ChatService:
    """Answers what people write to the bot: stores updates, confirms them, answers them.

    One may run for a bot at a time: Telegram refuses a second.
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
    ) -> None:
        self._bot = bot
        self._updates = updates
        self._conversation = Conversation(services, clock.now)
        self._votes = votes
        self._wake = wake
        self._on_polling = on_polling
        self._polling_works = False
        self._clock = clock
        self._waits = waits or Waits()
        self._username = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Answer until `stop` is set; what is being answered then is finished.

        A token that is refused is reported, and asked for again after a while.
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
        await self._introduce()
        await self._catch_up(stop)
        await self._count_votes()
        last = await asyncio.to_thread(self._updates.last_update)
        log.info("chat.started", extra={"bot": self._username})
        while not stop.is_set():
            received = await self._retrying(partial(self._receive, last), stop)
            if received is not None:
                await self._report_polling(None)
            for update in received or ():
                await self._handle(update, stop)
            if received:
                await self._count_votes()
            last = received[-1].id if received else last

    async def close(self) -> None:
        """Let go of every connection."""
        await self._bot.close()

    async def _introduce(self) -> None:
        """Set the menu of commands and the description, English by default; the bot works without."""
        try:
            await self._bot.introduce(menu("en"), about=ABOUT["en"])
            for language in ABOUT.keys() - {"en"}:
                await self._bot.introduce(menu(language), about=ABOUT[language], language=language)
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
            Update(id=update["update_id"], body=json.dumps(update, ensure_ascii=False, separators=(",", ":")))
            for update in raw
            if isinstance(update.get("update_id"), int)
        )
        if received:
            await asyncio.to_thread(self._updates.keep_updates, received, self._clock.now())
        return received

    async def _handle(self, update: Update, stop: asyncio.Event) -> None:
        """State changes, then mark handled, then reply: after a crash changes repeat (idempotent) and replies are lost, not doubled."""
        try:
            body = json.loads(update.body)
            if is_vote(body):
                return
            actions = await self._decide(parse_update(body, self._username))
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
            await self._votes.collect(self._bot)
        except WrongToken:
            raise
        except Exception:
            log.exception("chat.votes_failed")

    async def _decide(self, event: Event | None) -> tuple[Action, ...]:
        if event is None:
            return ()
        may_change = await self._may_change(event)
        return await asyncio.to_thread(partial(self._conversation.decide, event, may_change=may_change))

    async def _may_change(self, event: Event) -> bool:
        """True in private chats, and in groups for administrators; asked only about commands that need it."""
        if not isinstance(event, CommandMessage) or event.chat.is_private or event.speaks_as_chat:
            return True
        command = COMMANDS.get(event.name)
        if command is None or command.who == "everyone":
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
            case Acknowledge():
                await self._bot.answer_callback(action.callback, action.note)
            case DropButtons():
                await self._bot.drop_buttons(action.chat, action.message)
            case Deliver():
                self._wake()

    async def _report_polling(self, refusal: ChannelDown | None) -> None:
        """Report each refusal, and that polling works once."""
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
                return await _unless(stop, ask())
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
        """Count all stored votes; raises StateError, and WrongToken from the bot."""
        counted = await asyncio.to_thread(self._counter.count, self._clock.now())
        if counted:
            await self._ask(membership)

    async def _ask(self, membership: Membership) -> None:
        limit = _AT_ONCE + len(self._unanswered)
        for voter in await asyncio.to_thread(self._quizzes.unknown_members, limit):
            if voter in self._unanswered:
                continue
            is_member = await self._is_member(membership, voter)
            if is_member is None:
                self._unanswered.add(voter)
            else:
                await asyncio.to_thread(self._quizzes.save_members, voter.home, {voter.person: is_member})

    async def _is_member(self, membership: Membership, voter: Voter) -> bool | None:
        """Whether the person is a member of the chat; None where the service does not say."""
        chat = int(voter.address) if voter.address.lstrip("-").isdecimal() else voter.address
        try:
            return await membership.is_member(chat, voter.person)
        except NotSent as error:
            if any(text in str(error).lower() for text in _NOT_THERE):
                return False
            log.warning("votes.member_unknown", extra={"chat": voter.home, "error": str(error)})
        except DeliveryError as error:
            log.warning("votes.member_unknown", extra={"chat": voter.home, "error": str(error)})
        return None


async def _unless(stop: asyncio.Event, answer: Awaitable[_Result]) -> _Result | None:
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


async def _stopped_within(wait: timedelta, stop: asyncio.Event) -> bool:
    """Wait that long; True where `stop` was set meanwhile."""
    try:
        await asyncio.wait_for(stop.wait(), wait.total_seconds())
    except TimeoutError:
        return False
    return True
