"""A talk with the bot: the whole chat service over a real state, before the emulator, step by step on a virtual clock."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bot.adapters.telegram.chat import ChatService, VoteCollector, Waits, Webhook
from bot.adapters.telegram.client import BotClient, Timeouts
from bot.adapters.telegram.publisher import TelegramPublisher
from bot.adapters.telegram.requests import ChatDeliveries, ChatSite, Services
from bot.adapters.telegram.updates import read_vote
from bot.domain.channels import Limits
from bot.domain.subscriptions import Subscriber
from bot.pipeline.finder import PaperFinder
from bot.pipeline.quizzes import QuizScheduler, QuizStats
from bot.pipeline.vote_counter import VoteCounter
from tests.rigs.botapi import BotApi, Chat, SentMessage
from tests.rigs.botapi.messages import Sent
from tests.rigs.clock import VirtualClock
from tests.rigs.files import Press
from tests.rigs.publishers import ChatMemory, FakePublisher
from tests.rigs.world import World

WAITS = Waits(
    poll=timedelta(seconds=20),
    first_retry=timedelta(milliseconds=5),
    last_retry=timedelta(milliseconds=20),
    second_poller=timedelta(milliseconds=20),
    look=timedelta(milliseconds=10),
)
QUICK = Timeouts(
    connect=timedelta(seconds=5),
    read=timedelta(seconds=5),
    write=timedelta(seconds=5),
    pool=timedelta(seconds=5),
)


async def until(condition: Callable[[], object], *, seconds: float = 60) -> None:
    """Give the loop its turns until the condition holds."""

    async def watch() -> None:
        while not condition():
            await asyncio.sleep(0.001)

    await asyncio.wait_for(watch(), seconds)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Everything that the bot did in answer to one update."""

    sent: Sequence[Sent] = ()
    note: str | None = None
    """Shown over a pressed button."""

    @property
    def text(self) -> str:
        return "\n---\n".join(sent.text for sent in self.sent)

    @property
    def message(self) -> SentMessage:
        found = self.sent[-1]
        assert isinstance(found, SentMessage)
        return found


def labels(message: SentMessage) -> list[list[str]]:
    """The buttons of a message, row by row."""
    return [[button["text"] for button in row] for row in message.buttons]


class Talk:
    """Somebody at the emulator's chats, and the bot behind it. `made` is the bot's world."""

    def __init__(self, api: BotApi, made: World, service: ChatService) -> None:
        self.api = api
        self.made = made
        self.service = service
        self.woken = 0
        self.pressed: list[str] = []
        """Data of the buttons that were pressed."""

    async def say(self, chat: Chat, text: str, **parts: Any) -> Answer:
        """Somebody writes, and the bot answers."""
        before = len(self.api.sent)
        self.api.say(chat, text, **parts)
        await self.settled()
        return Answer(sent=self.api.sent[before:])

    async def press(
        self, message: SentMessage, label: str = "", *, user: int = 1, data: str | None = None
    ) -> Answer:
        """Somebody presses the button with that label, or sends other data in its place."""
        shown = [button["text"] for row in message.buttons for button in row]
        before = len(self.api.sent)
        index = next((index for index, text in enumerate(shown) if label and label in text), 0)
        if data is None and label and not any(label in text for text in shown):
            raise AssertionError(f"no button {label!r} among {shown}")
        query = self.api.press(message, user=user, button=index, data=data)
        self.pressed.append(self.api.pressed[query])
        await self.settled()
        return Answer(sent=self.api.sent[before:], note=self.api.answered.get(query))

    async def type(self, text: str, **parts: Any) -> list[dict[str, Any]]:
        """Somebody types an inline query; the results."""
        query = self.api.type(text, **parts)
        await self.settled()
        return self.api.inline.get(query, [])

    async def settled(self) -> None:
        """Wait until every update is answered: the bot asks for the next ones then."""
        await until(lambda: not self.api.updates.waiting)

    async def deliver(self) -> list[Sent]:
        """What `run` does beside the chat: takes over what people set, plans, and sends all that is due now."""
        before = len(self.api.sent)
        self.made.registry.refresh()
        self.made.look()
        await self.made.send()
        return self.api.sent[before:]

    async def later(self, **span: Any) -> list[Sent]:
        """Let time pass, and deliver."""
        self.made.clock.advance(**span)
        return await self.deliver()

    async def at(self, moment: datetime) -> list[Sent]:
        """Let it be that moment, and deliver."""
        self.made.clock.go_to(moment)
        return await self.deliver()


def services_of(made: World, site: ChatSite) -> Services:
    """What the chat uses, over that world."""
    store = made.store
    return Services(
        deliveries=ChatDeliveries(store.papers, store.deliveries, made.builder, made.registry),
        scheduler=QuizScheduler(store.quizzes, store.papers, store.deliveries, made.registry, per_day=5),
        stats=QuizStats(store.quizzes, store.deliveries, made.registry),
        preferences=made.preferences,
        chats=store.chats,
        finder=PaperFinder(store.full_text, store.papers),
        site=site,
    )


def a_publisher(api: BotApi) -> TelegramPublisher:
    """The real channel to the emulator, without its pace: the virtual clock stands still while it sends."""
    publisher = TelegramPublisher(BotClient(api.token, api_url=api.url, timeouts=QUICK), chats=ChatMemory())
    publisher.capabilities = replace(publisher.capabilities, limits=Limits())  # type: ignore[misc]
    return publisher


async def _nothing() -> None:
    """Take the place of a step that is left out."""


@asynccontextmanager
async def talking(
    api: BotApi,
    url: str,
    *subscribers: Subscriber,
    site: ChatSite | None = None,
    clock: VirtualClock | None = None,
    webhook: Webhook | None = None,
    press: Press | None = None,
    introduces: bool = False,
    **world: Any,
) -> AsyncIterator[Talk]:
    """The bot at work over the state at `url`; stopped at the end as `run` stops it.

    `press` holds the digests of a talk before it, over the same state. Without `introduces` the bot leaves out to tell the
    service its menus of commands, ten calls on which nothing else depends.
    """
    publisher = a_publisher(api)
    made = World(url, *subscribers, clock=clock, publishers=[publisher, FakePublisher("email")], **world)
    if press is not None:
        made.press = press
        made.ingest._read_digest, made.ingest._peek_date = press.read, press.peek_date
    store = made.store
    publisher._chats = store.chats
    services = services_of(made, site or ChatSite(is_open=True))
    counter = VoteCounter(
        store.quizzes,
        store.papers,
        made.registry,
        lambda paper, language: paper.edition(language).quiz,
        read_vote=read_vote,
    )
    service = ChatService(
        BotClient(api.token, api_url=api.url, timeouts=QUICK),
        store.updates,
        services,
        made.clock,
        votes=VoteCollector(counter, store.quizzes, made.clock),
        waits=WAITS,
        webhook=webhook,
    )
    if not introduces:
        service._set_menus = _nothing  # type: ignore[method-assign]
    talk = Talk(api, made, service)
    service._wake = lambda: setattr(talk, "woken", talk.woken + 1)
    stop = asyncio.Event()
    polled = api.calls["getUpdates"]
    task = asyncio.create_task(service.run(stop))
    try:
        await until(lambda: webhook is not None or api.calls["getUpdates"] > polled or task.done())
        yield talk
    finally:
        stop.set()
        await asyncio.wait_for(task, 60)
        await service.close()
        await publisher.close()
        made.close()
