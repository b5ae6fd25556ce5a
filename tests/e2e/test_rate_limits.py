"""The pace towards Telegram: nearly all that the limits allow, never a flood, in order and once whatever fails."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bot.app.container import Container
from bot.app.replay.fakes import LoopClock, VirtualLoop
from tests.builders import NOW, a_quiz
from tests.rigs import chats as many_chats
from tests.rigs.botapi import BotApi
from tests.rigs.strict import StrictTelegram, now_and_then

EVERYBODY = [*many_chats.private_chats(150), *many_chats.groups(4), *many_chats.channels(1)]


def on_virtual_time(steps: Callable[[LoopClock, Callable[[], float]], Awaitable[None]]) -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        await steps(LoopClock(loop, NOW), loop.time)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(work())


async def send_all(container: Container) -> Counter[str]:
    """Flush whenever something is due, as the service does, until nothing is."""
    ends: Counter[str] = Counter()
    while (due := await container.dispatcher.next_due()) is not None:
        await asyncio.sleep(max((due - container.clock.now()).total_seconds(), 0.05))
        ends.update(await container.dispatcher.flush())
    return ends


def test_what_the_limits_allow_goes_out_and_no_answer_is_a_flood(tmp_path: Path) -> None:
    rng = random.Random(1)

    async def steps(clock: LoopClock, seconds: Callable[[], float]) -> None:
        telegram = StrictTelegram(seconds, latency=lambda: rng.uniform(0.002, 0.03))
        container = many_chats.container_for(
            many_chats.settings_for(tmp_path), EVERYBODY, publisher=telegram, clock=clock
        )
        rows = many_chats.ask(container, EVERYBODY, 3)
        ends = await send_all(container)
        await container.close()
        assert ends["sent"] == len(rows) == len(telegram.moments)
        assert telegram.rate_limit.refused == 0
        whole_seconds = telegram.moments[30::30]
        assert (len(whole_seconds) - 1) / (whole_seconds[-1] - whole_seconds[0]) >= 0.95

    on_virtual_time(steps)


def test_a_group_gets_all_that_twenty_a_minute_allow(tmp_path: Path) -> None:
    async def steps(clock: LoopClock, seconds: Callable[[], float]) -> None:
        telegram = StrictTelegram(seconds)
        chats = many_chats.groups(2)
        container = many_chats.container_for(
            many_chats.settings_for(tmp_path), chats, publisher=telegram, clock=clock
        )
        many_chats.ask(container, chats, 100)
        began = seconds()
        await send_all(container)
        took = seconds() - began
        await container.close()
        assert telegram.rate_limit.refused == 0
        assert 4 * 60 / took >= 0.95  # twenty at once, then four times a minute's wait

    on_virtual_time(steps)


def test_a_restart_in_the_middle_of_a_groups_minute_sends_no_second_burst(tmp_path: Path) -> None:
    async def steps(clock: LoopClock, seconds: Callable[[], float]) -> None:
        telegram = StrictTelegram(seconds)
        settings, chats = many_chats.settings_for(tmp_path), many_chats.groups(1)
        container = many_chats.container_for(settings, chats, publisher=telegram, clock=clock)
        many_chats.ask(container, chats, 40)
        first = asyncio.create_task(container.dispatcher.flush())
        while len(telegram.got[chats[0]]) < 12:
            await asyncio.sleep(0.01)
        container.dispatcher.stop()
        await first
        await container.close()
        container = many_chats.container_for(settings, chats, publisher=telegram, clock=clock)
        await send_all(container)
        await container.close()
        assert telegram.rate_limit.refused == 0
        assert telegram.got[chats[0]] == [question.question for question in a_quiz(40)]

    on_virtual_time(steps)


@pytest.mark.parametrize("uncertain", ["hold", "resend"])
def test_with_floods_and_broken_gateways_everything_arrives_in_order_and_once(
    tmp_path: Path, uncertain: str
) -> None:
    """Broken before the service took it: nobody can tell it from after, so it goes again only as configured.

    Held, nothing ever arrives twice, and the operator who looked says which of it did not arrive. Sent again
    by itself, everything arrives, and twice only what had been taken before its answer was lost.
    """
    rng = random.Random(2)
    fault = now_and_then(rng, flood=0.3, fivexx_before=0.05, fivexx_after=0.05)
    chats = [*many_chats.private_chats(60), *many_chats.groups(3)]
    asked = [question.question for question in a_quiz(4)]

    async def steps(clock: LoopClock, seconds: Callable[[], float]) -> None:
        telegram = StrictTelegram(seconds, fault=fault)
        settings = many_chats.settings_for(tmp_path, uncertain=uncertain)
        container = many_chats.container_for(settings, chats, publisher=telegram, clock=clock)
        many_chats.ask(container, chats, 4)
        await send_all(container)
        while unsure := container.store.deliveries.list_rows(states=["uncertain"], keys=[], limit=9999):
            arrived = {
                row.key for row in unsure if _arrived(telegram, row.target, row.key.rpartition("|")[2])
            }
            container.store.deliveries.drop([row.key for row in unsure if row.key in arrived], clock.now())
            container.store.deliveries.retry(
                [row.key for row in unsure if row.key not in arrived], clock.now()
            )
            await send_all(container)
        await container.close()
        for chat in chats:
            got = telegram.got[chat]
            assert set(got) == set(asked)
            if uncertain == "hold":
                assert len(got) == len(asked)
            else:
                assert list(dict.fromkeys(got)) == asked

    parts = {question.part: question.question for question in a_quiz(4)}

    def _arrived(telegram: StrictTelegram, target: str, part: str) -> bool:
        return parts[part] in telegram.got[target.partition(":")[2]]

    on_virtual_time(steps)


def test_one_dead_chat_delays_nobody_else(tmp_path: Path) -> None:
    async def steps(clock: LoopClock, seconds: Callable[[], float]) -> None:
        telegram = StrictTelegram(seconds)
        answer = telegram.send

        async def send(message, begin):
            if message.target.address == chats[0]:
                await asyncio.sleep(100_000)
            return await answer(message, begin)

        telegram.send = send
        chats = many_chats.private_chats(100)
        container = many_chats.container_for(
            many_chats.settings_for(tmp_path), chats, publisher=telegram, clock=clock
        )
        many_chats.ask(container, chats, 2)
        flush = asyncio.create_task(container.dispatcher.flush())
        await asyncio.sleep(10)
        assert all(len(telegram.got[chat]) == 2 for chat in chats[1:])
        flush.cancel()
        await asyncio.gather(flush, return_exceptions=True)
        await container.close()

    on_virtual_time(steps)


def test_what_only_waited_for_its_turn_when_we_stopped_is_not_uncertain(tmp_path: Path) -> None:
    async def steps(clock: LoopClock, seconds: Callable[[], float]) -> None:
        telegram = StrictTelegram(seconds, latency=lambda: 60)
        chats = many_chats.private_chats(100)
        container = many_chats.container_for(
            many_chats.settings_for(tmp_path), chats, publisher=telegram, clock=clock
        )
        many_chats.ask(container, chats, 1)
        flush = asyncio.create_task(container.dispatcher.flush())
        await asyncio.sleep(1)
        flush.cancel()
        await asyncio.gather(flush, return_exceptions=True)
        states = container.store.deliveries.counts(clock.now()).deliveries
        await container.close()
        assert (states["uncertain"], states["pending"]) == (30, 70)

    on_virtual_time(steps)


async def test_against_the_real_thing_on_loopback_no_answer_is_a_flood(tmp_path: Path) -> None:
    chats = [*many_chats.private_chats(60), *many_chats.groups(2), *many_chats.channels(1)]
    async with BotApi(paced=True) as api:
        many_chats.join(api, chats)
        container = many_chats.container_for(many_chats.settings_for(tmp_path, url=api.url), chats)
        rows = many_chats.ask(container, chats, 2)
        began = time.monotonic()
        ends = await send_all(container)
        took = time.monotonic() - began
        await container.close()
        assert ends["sent"] == len(rows) == len(api.polls)
        assert api.rate_limit is not None
        assert api.rate_limit.refused == 0
        assert took < 15  # the limits allow 3.2 seconds; a busy machine is no failure
