"""The publisher and the conversation before the emulator; what the conversation uses keeps its promises in memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.adapters.telegram.chat import ChatService, Waits
from bot.adapters.telegram.client import BotClient, Timeouts
from bot.adapters.telegram.publisher import TelegramPublisher
from bot.adapters.telegram.requests import Services
from bot.domain.errors import StateLocked
from bot.domain.message import Item, OutgoingMessage
from bot.domain.query import parse
from bot.domain.subscriptions import Channel, Subscriber, Subscription
from bot.pipeline.finder import PaperFinder
from bot.pipeline.ports import Update
from tests.pipeline.conftest import MakeWorld, empty_state, state, world  # noqa: F401 - fixtures
from tests.rigs.botapi import BotApi
from tests.rigs.clock import VirtualClock
from tests.rigs.publishers import ChatMemory
from tests.rigs.talk import Talk as WholeTalk
from tests.rigs.talk import talking
from tests.rigs.world import World

QUICK = Timeouts(
    connect=timedelta(seconds=2),
    read=timedelta(seconds=0.3),
    write=timedelta(seconds=2),
    pool=timedelta(seconds=2),
)
"""Short enough for a test that waits for an answer that never comes."""


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi() as api:
        api.chat(1)
        yield api
    assert api.complaints == []


@pytest.fixture
async def publisher(api: BotApi) -> AsyncIterator[TelegramPublisher]:
    client = BotClient(api.token, api_url=api.url, timeouts=QUICK)
    publisher = TelegramPublisher(client, chats=ChatMemory())
    yield publisher
    await publisher.close()


WAITS = Waits(
    refused_token=timedelta(milliseconds=20),
    poll=timedelta(seconds=20),
    first_retry=timedelta(milliseconds=5),
    last_retry=timedelta(milliseconds=20),
    second_poller=timedelta(milliseconds=20),
)


def a_subscriber(name: str, *channels: Channel, queries: Sequence[str] = ("language models",)) -> Subscriber:
    return Subscriber(
        id=name,
        channels=channels,
        subscriptions=tuple(Subscription(name=text, text=text, query=parse(text)) for text in queries),
    )


class FakeDeliveries:
    """Stands in for ChatDeliveries: answers from what a test gives it, and remembers which chats are stopped.

    `made` is the world of everything else.
    """

    def __init__(self, made: World) -> None:
        self.made = made
        self.subscribed: list[Subscriber] = []
        self.items: list[Item] = []
        self.sent: dict[tuple[str, str], OutgoingMessage] = {}
        self.stopped: set[str] = set()

    def subscribers(self, addresses: Sequence[str]) -> tuple[Subscriber, ...]:
        return tuple(
            subscriber
            for subscriber in self.subscribed
            if any(
                channel.kind == "telegram" and channel.address in addresses for channel in subscriber.channels
            )
        )

    def latest(self, addresses: Sequence[str], limit: int, start: int = 0) -> tuple[Item, ...]:
        return tuple(self.items[start:][:limit])

    def stop(self, addresses: Sequence[str], now: datetime) -> bool:
        running = {address for address in addresses if self.subscribers([address])} - self.stopped
        self.stopped |= running
        return bool(running)

    def resume(self, addresses: Sequence[str], now: datetime) -> bool:
        stopped = self.stopped.intersection(addresses)
        self.stopped -= stopped
        return bool(stopped)

    def is_stopped(self, addresses: Sequence[str]) -> bool:
        return bool(self.stopped.intersection(addresses))

    def message(self, message_id: str, addresses: Sequence[str]) -> OutgoingMessage | None:
        return next(
            (self.sent[key] for key in self.sent if key[0] == message_id and key[1] in addresses), None
        )


class MemoryUpdates:
    """Stored updates in a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[int, str] = {}
        self.taken: set[int] = set()
        self.failing = 0

    def keep_updates(self, updates: Sequence[Update], now: datetime) -> None:
        if self.failing:
            self.failing -= 1
            raise StateLocked("another process holds the state")
        for update in updates:
            self.kept.setdefault(update.id, update.body)

    def unanswered_updates(self, limit: int) -> tuple[Update, ...]:
        open_ones = sorted(self.kept.keys() - self.taken)[:limit]
        return tuple(Update(id=number, body=self.kept[number]) for number in open_ones)

    def take_update(self, update_id: int, now: datetime) -> bool:
        if update_id in self.taken:
            return False
        self.taken.add(update_id)
        return True

    def last_update(self) -> int | None:
        return max(self.kept, default=None)


@pytest.fixture
def deliveries(world: MakeWorld) -> FakeDeliveries:  # noqa: F811 - the fixture of that name
    return FakeDeliveries(world())


@pytest.fixture
def kept() -> MemoryUpdates:
    return MemoryUpdates()


@asynccontextmanager
async def running(
    api: BotApi, deliveries: FakeDeliveries, kept: MemoryUpdates, **parts: Any
) -> AsyncIterator["asyncio.Task[None]"]:
    """The service at work; stopped at the end as `run` stops it."""
    stop = asyncio.Event()
    token = parts.pop("token", api.token)
    service = ChatService(
        BotClient(token, api_url=api.url),
        kept,
        Services(
            deliveries=deliveries,  # type: ignore[arg-type]
            scheduler=None,  # type: ignore[arg-type]
            stats=None,  # type: ignore[arg-type]
            preferences=deliveries.made.preferences,
            chats=deliveries.made.store.chats,
            finder=PaperFinder(deliveries.made.store.full_text, deliveries.made.store.papers),
        ),
        VirtualClock(),
        **{"waits": WAITS, **parts},
    )
    task = asyncio.create_task(service.run(stop))
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait_for(task, 5)
        await service.close()


async def until(condition: Callable[[], object], *, seconds: float = 5) -> None:
    """Give the loop its turns until the condition holds."""

    async def watch() -> None:
        while not condition():
            await asyncio.sleep(0.002)

    await asyncio.wait_for(watch(), seconds)


MakeTalk = Callable[..., Awaitable[WholeTalk]]


@pytest.fixture
async def talk_with(api: BotApi, state: str) -> AsyncIterator[MakeTalk]:  # noqa: F811 - the fixture of that name
    """Make talks with the bot, whose subscribers and settings are given."""
    async with AsyncExitStack() as stack:

        async def make(*subscribers: Subscriber, **parts: Any) -> WholeTalk:
            return await stack.enter_async_context(talking(api, state, *subscribers, **parts))

        yield make
