"""The pace on a loop whose time passes by itself."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from bot.app.channels import CROWD, TELEGRAM_LIMITS
from bot.app.replay.fakes import LoopClock, VirtualLoop
from bot.domain.delivery import Target
from bot.pipeline.pace import AHEAD, Limits, Pace, Turn
from tests.builders import NOW

PERSON, OTHER = Target(kind="telegram", address="1"), Target(kind="telegram", address="2")
GROUP = Target(kind="telegram", address="-100")
TOPIC = Target(kind="telegram", address="-100/7")


def at_pace(play: Callable[[Pace, LoopClock], Awaitable[None]], limits: Limits = TELEGRAM_LIMITS) -> None:
    async def work() -> None:
        clock = LoopClock(asyncio.get_running_loop(), NOW)
        await play(Pace(limits, now=clock.now), clock)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(work())


async def sent(pace: Pace, target: Target, *, latency: float = 0.0, messages: int = 1) -> bool:
    async with pace.turn(target) as turn:
        if not isinstance(turn, Turn):
            return False
        await asyncio.sleep(latency)
        turn.took(messages)
        return True


def test_two_messages_to_one_person_are_a_second_apart() -> None:
    async def play(pace: Pace, clock: LoopClock) -> None:
        assert await sent(pace, PERSON)
        assert await sent(pace, PERSON)
        assert timedelta(seconds=1) <= clock.now() - NOW < timedelta(seconds=1.1)

    at_pace(play)


def test_two_people_do_not_wait_for_each_other() -> None:
    async def play(pace: Pace, clock: LoopClock) -> None:
        assert await sent(pace, PERSON)
        assert await sent(pace, OTHER)
        assert clock.now() == NOW

    at_pace(play)


def test_a_group_gets_a_burst_of_twenty_and_the_next_is_put_back() -> None:
    async def play(pace: Pace, clock: LoopClock) -> None:
        for _ in range(20):
            assert await sent(pace, GROUP)
        assert clock.now() == NOW
        async with pace.turn(GROUP) as turn:
            assert turn == NOW + CROWD.span
        assert pace.next_for(GROUP) == NOW + CROWD.span

    at_pace(play)


def test_topics_of_one_group_share_its_pace() -> None:
    async def play(pace: Pace, _: LoopClock) -> None:
        for _ in range(10):
            assert await sent(pace, GROUP)
            assert await sent(pace, TOPIC)
        assert not await sent(pace, TOPIC)

    at_pace(play)


def test_what_went_to_a_group_before_the_start_counts() -> None:
    async def play(pace: Pace, _: LoopClock) -> None:
        assert not pace.knows(GROUP)
        pace.remember(GROUP, [NOW - timedelta(seconds=30)] * 19)
        assert pace.knows(GROUP)
        assert await sent(pace, GROUP)
        assert not await sent(pace, GROUP)

    at_pace(play)


def test_what_another_machine_sent_meanwhile_is_asked_for_again() -> None:
    async def play(pace: Pace, _: LoopClock) -> None:
        assert await sent(pace, GROUP)
        pace.forget()
        assert not pace.knows(GROUP)

    at_pace(play)


def test_a_poll_with_a_message_before_it_counts_twice() -> None:
    async def play(pace: Pace, _: LoopClock) -> None:
        for _ in range(10):
            assert await sent(pace, GROUP, messages=2)
        assert not await sent(pace, GROUP)

    at_pace(play)


def test_thirty_a_second_go_out_over_all_chats_and_no_more() -> None:
    async def play(pace: Pace, clock: LoopClock) -> None:
        moments = []

        async def one(number: int) -> None:
            while not await sent(pace, Target(kind="telegram", address=str(number))):
                pass
            moments.append(clock.now())

        await asyncio.gather(*(one(number) for number in range(300)))
        for early, late in zip(moments, moments[30:], strict=False):
            assert late - early >= timedelta(seconds=1)
        assert clock.now() - NOW < timedelta(seconds=10)

    at_pace(play)


def test_no_more_may_be_claimed_than_a_second_sends() -> None:
    async def play(pace: Pace, _: LoopClock) -> None:
        waiting = [
            asyncio.create_task(sent(pace, Target(kind="telegram", address=str(n)), latency=5))
            for n in range(50)
        ]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert pace.room("telegram") == 10
        assert pace.room("email") is None
        ended = await asyncio.gather(*waiting)
        assert ended.count(True) == 30
        assert pace.room("telegram") == 30

    at_pace(play)


def test_who_cannot_have_a_turn_soon_is_put_back_for_others_to_go_first() -> None:
    async def play(pace: Pace, clock: LoopClock) -> None:
        slow = [
            asyncio.create_task(sent(pace, Target(kind="telegram", address=str(n)), latency=60))
            for n in range(30)
        ]
        await asyncio.sleep(0)
        assert not await sent(pace, PERSON)
        assert clock.now() - NOW == AHEAD
        await asyncio.gather(*slow)

    at_pace(play)


def test_a_halt_sends_back_who_waits_but_not_who_tries_the_channel() -> None:
    async def play(pace: Pace, clock: LoopClock) -> None:
        assert await sent(pace, PERSON)
        waiting = asyncio.create_task(sent(pace, PERSON))
        await asyncio.sleep(0)
        pace.halt("telegram", NOW + timedelta(hours=1))
        assert not await waiting
        assert clock.now() == NOW
        async with pace.turn(OTHER, trying=True) as turn:
            assert isinstance(turn, Turn)
        pace.resume("telegram")
        assert await sent(pace, PERSON)

    at_pace(play)


def test_mails_keep_no_pace() -> None:
    async def play(pace: Pace, clock: LoopClock) -> None:
        for _ in range(100):
            assert await sent(pace, Target(kind="email", address="a@b.c"))
        assert clock.now() == NOW

    at_pace(play)


def test_places_that_are_silent_again_are_forgotten() -> None:
    async def play(pace: Pace, _: LoopClock) -> None:
        limits = Limits(of=TELEGRAM_LIMITS.of)
        many = Pace(limits, now=pace._now)
        for number in range(4100):
            assert await sent(many, Target(kind="telegram", address=str(number)))
        await asyncio.sleep(5)
        assert await sent(many, PERSON)
        assert len(many._lanes) <= 2

    at_pace(play)
