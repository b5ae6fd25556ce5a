"""The conversation before the emulator, with a desk and updates that keep their ports' contracts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.adapters.botapi.client import BotClient
from bot.adapters.chat import ChatService, Waits
from bot.domain.errors import StateLocked
from bot.domain.message import OutgoingMessage
from bot.domain.query import parse
from bot.domain.subscriptions import Channel, Subscriber, Subscription
from bot.pipeline.ports import Told, Update
from tests.rigs.botapi import BotApi
from tests.rigs.clock import VirtualClock

WAITS = Waits(
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


class FakeDesk:
    """Answers from what a test gives it, and remembers which chats are stopped."""

    def __init__(self) -> None:
        self.subscribers: list[Subscriber] = []
        self.told: list[Told] = []
        self.parcels: dict[tuple[str, str], OutgoingMessage] = {}
        self.stopped: set[str] = set()

    def subscribers_at(self, chat: str) -> tuple[Subscriber, ...]:
        return tuple(
            one
            for one in self.subscribers
            if any(channel.kind == "telegram" and channel.address == chat for channel in one.channels)
        )

    def latest_for(self, chat: str, limit: int) -> tuple[Told, ...]:
        return tuple(self.told[:limit])

    def stop(self, chat: str, now: datetime) -> bool:
        was_running = chat not in self.stopped
        self.stopped.add(chat)
        return was_running

    def resume(self, chat: str, now: datetime) -> bool:
        was_stopped = chat in self.stopped
        self.stopped.discard(chat)
        return was_stopped

    def message(self, batch: str, chat: str) -> OutgoingMessage | None:
        return self.parcels.get((batch, chat))


class MemoryUpdates:
    """The updates' port over a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[int, str] = {}
        self.taken: set[int] = set()
        self.failing = 0

    def keep_updates(self, updates: Sequence[Update], now: datetime) -> None:
        if self.failing:
            self.failing -= 1
            raise StateLocked("another process holds the state")
        for one in updates:
            self.kept.setdefault(one.id, one.body)

    def unanswered_updates(self, limit: int) -> tuple[Update, ...]:
        open_ones = sorted(self.kept.keys() - self.taken)[:limit]
        return tuple(Update(id=one, body=self.kept[one]) for one in open_ones)

    def take_update(self, update_id: int, now: datetime) -> bool:
        if update_id in self.taken:
            return False
        self.taken.add(update_id)
        return True

    def last_update(self) -> int | None:
        return max(self.kept, default=None)


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
def kept() -> MemoryUpdates:
    return MemoryUpdates()


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi() as api:
        yield api


@asynccontextmanager
async def running(
    api: BotApi, desk: FakeDesk, kept: MemoryUpdates, **parts: Any
) -> AsyncIterator["asyncio.Task[None]"]:
    """The service at work; stopped at the end as `run` stops it."""
    stop = asyncio.Event()
    token = parts.pop("token", api.token)
    service = ChatService(
        BotClient(token, api_url=api.url), kept, desk, VirtualClock(), **{"waits": WAITS, **parts}
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


Talk = Callable[..., Awaitable[str]]


@pytest.fixture
async def talk(api: BotApi, desk: FakeDesk, kept: MemoryUpdates) -> AsyncIterator[Talk]:
    """Says something in a chat of the emulator and gives the text of the bot's answer."""
    async with running(api, desk, kept):

        async def say(chat: Any, text: str, **parts: Any) -> str:
            before = len(api.messages)
            api.say(chat, text, **parts)
            await until(lambda: len(api.messages) > before)
            return api.messages[-1].text

        yield say
