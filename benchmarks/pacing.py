"""How much of what Telegram's limits allow goes out, and how many answers are floods.

    python -m benchmarks.pacing            # 1,000 private chats, 20 groups, 5 channels: virtual time, then loopback
    python -m benchmarks.pacing --virtual  # without the part that takes real seconds

The judge is the tests' emulator with its strict sliding windows: 30 a second over all chats, one a second in a
private chat, 20 a minute in a group or channel. The limit is what a sender without any latency could reach.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Callable
from math import ceil
from pathlib import Path

from bot.app.container import Container
from bot.app.replay.fakes import LoopClock, VirtualLoop
from tests.builders import NOW
from tests.rigs import chats as many_chats
from tests.rigs.botapi import BotApi
from tests.rigs.strict import StrictTelegram

CHATS = [*many_chats.private_chats(1000), *many_chats.groups(20), *many_chats.channels(5)]
POLLS = 3
REAL_CHATS = [*many_chats.private_chats(280), *many_chats.groups(15), *many_chats.channels(5)]


async def send_all(container: Container) -> None:
    while (due := await container.dispatcher.next_due()) is not None:
        await asyncio.sleep(max((due - container.clock.now()).total_seconds(), 0.001))
        await container.dispatcher.flush()


async def timed(
    container: Container, clock: Callable[[], float], chats: list[str], polls: int
) -> tuple[float, int]:
    count = len(many_chats.ask(container, chats, polls))
    began = clock()
    await send_all(container)
    return clock() - began, count


def report(name: str, took: float, count: int, floods: int) -> None:
    least = ceil(count / 30) - 1
    print(
        f"{name:<24} {count} messages, {took:6.1f} s, the limits allow {least} s: {least / took:.1%}; {floods} floods"
    )


async def on_virtual_time() -> None:
    loop, rng = asyncio.get_running_loop(), random.Random(1)
    telegram = StrictTelegram(loop.time, latency=lambda: rng.uniform(0.002, 0.02))
    with tempfile.TemporaryDirectory() as folder:
        settings = many_chats.settings_for(Path(folder))
        container = many_chats.container_for(settings, CHATS, publisher=telegram, clock=LoopClock(loop, NOW))
        took, count = await timed(container, loop.time, CHATS, POLLS)
        await container.close()
    report("virtual time", took, count, telegram.rate_limit.refused)


async def on_loopback() -> None:
    with tempfile.TemporaryDirectory() as folder, BotApi.in_thread(paced=True) as api:
        many_chats.join(api, REAL_CHATS)
        container = many_chats.container_for(many_chats.settings_for(Path(folder), url=api.url), REAL_CHATS)
        took, count = await timed(container, time.monotonic, REAL_CHATS, POLLS)
        await container.close()
        assert api.rate_limit is not None
        assert len(api.polls) == count
        report("loopback", took, count, api.rate_limit.refused)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--virtual", action="store_true", help="only what takes no real seconds")
    only_virtual = parser.parse_args().virtual
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(on_virtual_time())
    if not only_virtual:
        asyncio.run(on_loopback())


if __name__ == "__main__":
    main()
