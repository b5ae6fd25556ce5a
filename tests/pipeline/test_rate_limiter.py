"""The rate limiter on a loop whose time passes by itself, and the windows that it keeps."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.telegram.publisher import GROUP as GROUP_LIMIT
from bot.adapters.telegram.publisher import TelegramPublisher
from bot.app.replay.fakes import LoopClock, VirtualLoop
from bot.domain.channels import Limit, Limits, Target
from bot.domain.errors import NotYet
from bot.pipeline.rate_limiter import AHEAD, RateLimiter, Window
from tests.builders import NOW

TELEGRAM_LIMITS = TelegramPublisher.capabilities.limits
PERSON, OTHER = Target(kind="telegram", address="1"), Target(kind="telegram", address="2")
GROUP = Target(kind="telegram", address="-100")
TOPIC = Target(kind="telegram", address="-100/7")


def run(steps: Callable[[RateLimiter, LoopClock], Awaitable[None]]) -> None:
    async def work() -> None:
        clock = LoopClock(asyncio.get_running_loop(), NOW)
        await steps(RateLimiter({"telegram": TELEGRAM_LIMITS}, now=clock.now), clock)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(work())


async def sent(limiter: RateLimiter, target: Target, *, latency: float = 0.0, messages: int = 1) -> bool:
    try:
        async with limiter.slot(target) as slot:
            await asyncio.sleep(latency)
            slot.messages = messages
    except NotYet:
        return False
    return True


def test_two_messages_to_one_person_are_a_second_apart() -> None:
    async def steps(limiter: RateLimiter, clock: LoopClock) -> None:
        assert await sent(limiter, PERSON)
        assert await sent(limiter, PERSON)
        assert timedelta(seconds=1) <= clock.now() - NOW < timedelta(seconds=1.1)

    run(steps)


def test_two_people_do_not_wait_for_each_other() -> None:
    async def steps(limiter: RateLimiter, clock: LoopClock) -> None:
        assert await sent(limiter, PERSON)
        assert await sent(limiter, OTHER)
        assert clock.now() == NOW

    run(steps)


def test_a_group_gets_a_burst_of_twenty_and_the_next_is_put_back() -> None:
    async def steps(limiter: RateLimiter, clock: LoopClock) -> None:
        for _ in range(20):
            assert await sent(limiter, GROUP)
        assert clock.now() == NOW
        with pytest.raises(NotYet) as put_back:
            async with limiter.slot(GROUP):
                pytest.fail("it has a slot")
        assert put_back.value.until == NOW + GROUP_LIMIT.span
        assert limiter.next_for(GROUP) == NOW + GROUP_LIMIT.span

    run(steps)


def test_topics_of_one_group_share_its_limit() -> None:
    async def steps(limiter: RateLimiter, _: LoopClock) -> None:
        for _ in range(10):
            assert await sent(limiter, GROUP)
            assert await sent(limiter, TOPIC)
        assert not await sent(limiter, TOPIC)

    run(steps)


def test_what_went_to_a_group_before_the_start_counts() -> None:
    async def steps(limiter: RateLimiter, _: LoopClock) -> None:
        assert not limiter.knows(GROUP)
        limiter.remember(GROUP, [NOW - timedelta(seconds=30)] * 19)
        assert limiter.knows(GROUP)
        assert await sent(limiter, GROUP)
        assert not await sent(limiter, GROUP)

    run(steps)


def test_what_another_machine_sent_meanwhile_is_asked_for_again() -> None:
    async def steps(limiter: RateLimiter, _: LoopClock) -> None:
        assert await sent(limiter, GROUP)
        limiter.forget()
        assert not limiter.knows(GROUP)

    run(steps)


def test_a_poll_with_a_message_before_it_counts_twice() -> None:
    async def steps(limiter: RateLimiter, _: LoopClock) -> None:
        for _ in range(10):
            assert await sent(limiter, GROUP, messages=2)
        assert not await sent(limiter, GROUP)

    run(steps)


def test_thirty_a_second_go_out_over_all_chats_and_no_more() -> None:
    async def steps(limiter: RateLimiter, clock: LoopClock) -> None:
        moments = []

        async def send_to(number: int) -> None:
            while not await sent(limiter, Target(kind="telegram", address=str(number))):
                pass
            moments.append(clock.now())

        await asyncio.gather(*(send_to(number) for number in range(300)))
        for early, late in zip(moments, moments[30:], strict=False):
            assert late - early >= timedelta(seconds=1)
        assert clock.now() - NOW < timedelta(seconds=10)

    run(steps)


def test_no_more_may_be_claimed_than_a_second_sends() -> None:
    async def steps(limiter: RateLimiter, _: LoopClock) -> None:
        waiting = [
            asyncio.create_task(sent(limiter, Target(kind="telegram", address=str(n)), latency=5))
            for n in range(50)
        ]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert limiter.room("telegram", len(waiting)) == 10  # 30 have a slot, 20 wait for one
        assert limiter.room("email", 5) is None
        ended = await asyncio.gather(*waiting)
        assert ended.count(True) == 30
        assert limiter.room("telegram", 0) == 30

    run(steps)


def test_what_cannot_have_a_slot_soon_is_put_back_for_others_to_go_first() -> None:
    async def steps(limiter: RateLimiter, clock: LoopClock) -> None:
        slow = [
            asyncio.create_task(sent(limiter, Target(kind="telegram", address=str(n)), latency=60))
            for n in range(30)
        ]
        await asyncio.sleep(0)
        with pytest.raises(NotYet) as put_back:
            async with limiter.slot(PERSON):
                pytest.fail("it has a slot")
        assert clock.now() == NOW + AHEAD
        assert put_back.value.until == clock.now() + AHEAD
        await asyncio.gather(*slow)

    run(steps)


def test_a_slot_that_is_free_just_when_one_gives_up_is_waited_for() -> None:
    async def steps(limiter: RateLimiter, clock: LoopClock) -> None:
        limiter.remember(GROUP, [NOW - GROUP_LIMIT.span + AHEAD] * 20)
        assert await sent(limiter, GROUP)
        assert clock.now() == NOW + AHEAD

    run(steps)


def test_a_target_without_a_wait_has_no_next_moment() -> None:
    async def steps(limiter: RateLimiter, _: LoopClock) -> None:
        assert limiter.next_for(PERSON) is None
        assert await sent(limiter, PERSON)
        assert limiter.next_for(PERSON) is not None
        await asyncio.sleep(2)
        assert limiter.next_for(PERSON) is None
        async with limiter.slot(PERSON):
            assert limiter.next_for(PERSON) is None  # nobody knows

    run(steps)


def test_a_block_is_over_at_its_end() -> None:
    async def steps(limiter: RateLimiter, clock: LoopClock) -> None:
        limiter.block("telegram", clock.now() + timedelta(seconds=1))
        assert not await sent(limiter, PERSON)
        await asyncio.sleep(1)
        assert await sent(limiter, PERSON)

    run(steps)


def test_a_block_sends_back_who_waits_but_not_the_probe() -> None:
    async def steps(limiter: RateLimiter, clock: LoopClock) -> None:
        assert await sent(limiter, PERSON)
        waiting = asyncio.create_task(sent(limiter, PERSON))
        await asyncio.sleep(0)
        limiter.block("telegram", NOW + timedelta(hours=1))
        assert not await waiting
        assert clock.now() == NOW
        async with limiter.slot(OTHER, probe=True):
            pass
        limiter.unblock("telegram")
        assert await sent(limiter, PERSON)

    run(steps)


def test_mails_have_no_limit() -> None:
    async def steps(limiter: RateLimiter, clock: LoopClock) -> None:
        limiter.remember(Target(kind="email", address="a@b.c"), [NOW] * 1000)
        for _ in range(100):
            assert await sent(limiter, Target(kind="email", address="a@b.c"))
        assert clock.now() == NOW

    run(steps)


def test_targets_that_are_silent_again_are_forgotten() -> None:
    async def steps(limiter: RateLimiter, _: LoopClock) -> None:
        limits = Limits(per_target=TELEGRAM_LIMITS.per_target)
        many = RateLimiter({"telegram": limits}, now=limiter._now)
        for number in range(4100):
            assert await sent(many, Target(kind="telegram", address=str(number)))
        await asyncio.sleep(5)
        assert await sent(many, PERSON)
        assert len(many._targets) <= 2

    run(steps)


SECOND = timedelta(seconds=1)
TWO_A_SECOND = Limit(most=2, span=SECOND)


def test_an_empty_window_is_free_at_once() -> None:
    assert Window(limit=TWO_A_SECOND).free_at(NOW) == NOW


def test_a_full_window_is_free_when_its_oldest_message_leaves_it() -> None:
    window = Window(limit=TWO_A_SECOND, ended=(NOW - SECOND / 2, NOW - SECOND / 4))
    assert window.free_at(NOW) == NOW + SECOND / 2


def test_nobody_knows_when_a_window_is_free_whose_messages_are_all_under_way() -> None:
    assert Window(limit=TWO_A_SECOND, in_flight=2).free_at(NOW) is None


def test_a_message_under_way_keeps_its_slot_however_long_it_takes() -> None:
    window = Window(limit=TWO_A_SECOND, in_flight=1, ended=(NOW,))
    assert window.free_at(NOW + SECOND / 2) == NOW + SECOND
    assert window.at(NOW + 10 * SECOND).in_flight == 1


def test_what_the_service_did_not_take_leaves_its_slot_at_once() -> None:
    window = Window(limit=Limit(most=1, span=SECOND)).with_send_begun(NOW)
    assert window.with_send_ended(NOW, messages=0).free_at(NOW) == NOW
    assert window.with_send_ended(NOW).free_at(NOW) == NOW + SECOND


def test_a_message_that_is_counted_twice_takes_two_slots() -> None:
    window = Window(limit=TWO_A_SECOND).with_send_begun(NOW).with_send_ended(NOW, messages=2)
    assert window.free_at(NOW) == NOW + SECOND


def test_a_clock_that_is_set_back_an_hour_makes_nobody_wait_an_hour() -> None:
    window = Window(limit=TWO_A_SECOND, ended=(NOW, NOW))
    back = NOW - timedelta(hours=1)
    assert window.free_at(back) == back + SECOND


def test_a_clock_that_is_set_forward_empties_the_window() -> None:
    window = Window(limit=TWO_A_SECOND, ended=(NOW, NOW))
    assert window.at(NOW + timedelta(hours=1)).is_idle(NOW + timedelta(hours=1))


def test_a_message_counts_until_its_span_has_passed() -> None:
    window = Window(limit=TWO_A_SECOND, ended=(NOW,))
    assert not window.is_idle(NOW + SECOND - timedelta.resolution)
    assert window.is_idle(NOW + SECOND)


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="is no rate"):
        Limit(most=0, span=SECOND)


@given(
    latencies=st.lists(st.floats(0, 3), min_size=1, max_size=60),
    seen=st.lists(st.floats(0, 1), min_size=60, max_size=60),
    most=st.integers(1, 5),
)
def test_the_service_never_sees_too_many_in_any_span_however_slow_the_way(
    latencies: list[float], seen: list[float], most: int
) -> None:
    window, now = Window(limit=Limit(most=most, span=SECOND)), NOW
    open_until: list[tuple[float, int]] = []
    answered = []
    for number, latency in enumerate(latencies):
        while (free := window.free_at(now)) is None or free > now:
            ends = [NOW + timedelta(seconds=end) for end, _ in open_until]
            now = min(moment for moment in (*ends, *([free] if free else [])) if moment is not None)
            while open_until and NOW + timedelta(seconds=open_until[0][0]) <= now:
                open_until.pop(0)
                window = window.with_send_ended(now)
        window = window.with_send_begun(now)
        start = (now - NOW).total_seconds()
        answered.append(start + latency * seen[number])
        open_until = sorted([*open_until, (start + latency, number)])
    answered.sort()
    for early, late in zip(answered, answered[most:], strict=False):
        assert late - early >= 1 - 1e-5
