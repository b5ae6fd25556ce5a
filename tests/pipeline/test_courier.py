"""A message on its way takes no longer than the lease on it."""

import asyncio
from datetime import timedelta

import pytest

from bot.domain.delivery import Receipt, Target
from bot.domain.errors import OutcomeUnknown
from bot.domain.pacing import Limit
from bot.pipeline import courier
from bot.pipeline.courier import Courier
from bot.pipeline.pace import Limits, Pace
from tests.builders import NOW
from tests.rigs.clock import VirtualClock

PLACE = Target(kind="telegram", address="1")


def a_courier(pace: Pace | None = None) -> Courier:
    now = VirtualClock().now
    return Courier(pace=pace or Pace(Limits(), now=now), outbox=None, now=now)  # type: ignore[arg-type]


async def test_a_publisher_without_an_end_is_cut_off_and_nobody_knows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(courier, "GIVE_UP", timedelta(seconds=0.01))

    async def send() -> Receipt:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(OutcomeUnknown, match="no end of it"):
        await a_courier().hand_over(PLACE.key, PLACE, send, trying=False)


async def test_a_publishers_own_fault_of_that_kind_is_not_mistaken_for_it() -> None:
    async def send() -> Receipt:
        raise TimeoutError("ours")

    with pytest.raises(TimeoutError, match="ours"):
        await a_courier().hand_over(PLACE.key, PLACE, send, trying=False)


async def test_cut_off_while_it_waits_for_its_turn_it_was_certainly_not_sent() -> None:
    limit = Limit(most=1, span=timedelta(seconds=1))
    pace = Pace(Limits(of=lambda _: limit), now=VirtualClock().now)
    pace.remember(PLACE, [NOW])

    async def send() -> Receipt:
        raise AssertionError

    waiting = asyncio.create_task(a_courier(pace).hand_over(PLACE.key, PLACE, send, trying=False))
    await asyncio.sleep(0.01)
    waiting.cancel()
    assert await waiting == NOW
