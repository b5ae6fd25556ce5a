"""Time that passes only while nothing can be done."""

import asyncio
import time
from datetime import timedelta

import pytest

from bot.app.replay.fakes import LoopClock, VirtualLoop
from bot.domain.errors import UsageError
from tests.builders import NOW


def test_sleeping_costs_no_time_and_moves_the_clock() -> None:
    async def work() -> None:
        clock = LoopClock(asyncio.get_running_loop(), NOW)
        for _ in range(1000):
            await asyncio.sleep(86_400.123_456)
        assert abs(clock.now() - NOW - timedelta(days=1000, seconds=123.456)) < timedelta(milliseconds=1)

    began = time.monotonic()
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(work())
    assert time.monotonic() - began < 10


def test_after_years_a_timer_is_still_due_when_its_time_comes() -> None:
    async def work() -> None:
        await asyncio.sleep(3 * 365 * 86_400)
        for number in range(1, 500):
            await asyncio.sleep(number / 997)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(asyncio.wait_for(work(), None))


def test_threads_work_at_once_and_their_errors_come_back() -> None:
    async def work() -> None:
        assert await asyncio.to_thread(lambda: 7) == 7
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 / 0)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(work())


def test_waiting_for_what_never_happens_is_said_instead_of_waiting() -> None:
    runner = asyncio.Runner(loop_factory=VirtualLoop)
    loop = runner.get_loop()
    with pytest.raises(UsageError, match="deadlock"):
        loop.run_until_complete(loop.create_future())
    loop.close()


def test_a_clock_can_be_set_back() -> None:
    loop = VirtualLoop()
    clock = LoopClock(loop, NOW)
    clock.jump(timedelta(hours=-1))
    assert clock.now() == NOW - timedelta(hours=1)
    loop.close()
