"""Waits that a clock left behind which was set back, on each database."""

from datetime import timedelta

from bot.adapters.store import Store
from tests.adapters.store.conftest import KINDS, Hand
from tests.builders import NOW

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
BACK = NOW - HOUR


def test_a_place_that_kept_a_seconds_pace_waits_no_hour_when_the_clock_is_set_back(
    hand: Hand, store: Store
) -> None:
    hand.alerts(1)
    hand.settle(hand.one(), wait_until=NOW + SECOND)
    hand.alerts(2, due_at=BACK)
    assert store.outbox.next_due(KINDS) == NOW + SECOND
    assert store.waits.cut_waits(BACK, MINUTE) == 1
    assert store.waits.cut_waits(BACK, MINUTE) == 0
    assert store.outbox.next_due(KINDS) == BACK + MINUTE
    assert hand.claim(BACK) == ()
    assert len(hand.claim(BACK + MINUTE)) == 1


def test_what_a_service_told_a_message_to_wait_is_kept(hand: Hand, store: Store) -> None:
    hand.alerts(1)
    hand.settle(hand.one(), "pending", error="flood", wait_until=NOW + 5 * HOUR)
    assert store.waits.cut_waits(NOW, MINUTE) == 0
    assert hand.claim(NOW + HOUR) == ()


def test_a_place_that_is_being_sent_to_is_left_alone(hand: Hand, store: Store) -> None:
    hand.alerts(1)
    hand.settle(hand.one(), wait_until=NOW + SECOND)
    hand.alerts(2)
    hand.claim(NOW + SECOND)
    assert store.waits.cut_waits(BACK, MINUTE) == 0
