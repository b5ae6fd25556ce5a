"""Words that the tests of sending share."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from bot.adapters.store import Store
from bot.domain.flood_guard import NO_GUARD
from bot.domain.subscriptions import Subscriber
from bot.pipeline.dispatch import LEASE
from bot.pipeline.send import SendRules
from tests.builders import a_channel, a_subscriber
from tests.pipeline.conftest import MakeWorld
from tests.rigs.world import World

MINUTE = timedelta(minutes=1)
NO_GRACE = SendRules(grace=timedelta(0), flood_guard=NO_GUARD)


def people(count: int, kind: str = "telegram") -> list[Subscriber]:
    """So many people, each with a target of their own: chats 1, 2, …"""
    return [
        a_subscriber(f"p{n}", a_channel(kind, str(n) if kind == "telegram" else f"{n}@example.org"))  # type: ignore[arg-type]
        for n in range(1, count + 1)
    ]


def started(world: MakeWorld, *subscribers: Subscriber, **more) -> World:
    made = world(*(subscribers or (a_subscriber(),)), first_run=0, **more)
    made.look()
    return made


@contextmanager
def another_process(world: World, *, begins: bool = True) -> Iterator[None]:
    """Another process on that state, which hangs while it sends one message, or once it has only claimed it.

    It lives as long as the block.
    """
    store = Store(world.url)
    try:
        claims = store.outbox.claim(world.clock.now(), lease=LEASE, limit=1, kinds=("telegram",))
        assert len(claims) == 1
        if begins:
            assert store.outbox.begin(claims) == {claims[0].lease}
        yield
    finally:
        store.close()


async def other_steps(count: int = 50) -> None:
    """Let all other tasks take some steps."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(is_so) -> None:
    """Let the others work until it is so; threads need their time."""
    async with asyncio.timeout(30):
        while not is_so():
            await asyncio.sleep(0.001)
