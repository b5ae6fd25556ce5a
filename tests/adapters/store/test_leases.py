"""Each claim has a lease of its own: who holds it no longer changes nothing but to say what was sent."""

from datetime import timedelta

import pytest

from bot.adapters.store import Store
from tests.adapters.store.conftest import KINDS, LEASE, Database, Hand
from tests.builders import NOW, a_delivery

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("end", ["pending", "uncertain", "dead", "skipped"])
def test_an_end_told_twice_leaves_alone_who_sends_the_same_message_again(database: Database, end: str):
    """A machine whose connection died when its end was stored tells it again, after another took the message."""
    hand, other = Hand(database.open()), Hand(database.open())
    hand.alerts(1)
    first = hand.claim_one()
    hand.settle(first, "pending", counted=False)
    again = other.claim_one()
    assert (again.message, again.attempts) == (first.message, first.attempts)
    hand.settle(first, end, counted=False, now=NOW + MINUTE)
    assert hand.claim(NOW + MINUTE) == ()
    assert other.states() == {"alert 1": "sending"}
    other.settle(again)
    assert other.states() == {"alert 1": "sent"}


def test_an_end_after_the_lease_leaves_alone_who_resends_by_then(database: Database):
    hand, other = Hand(database.open()), Hand(database.open())
    hand.alerts(1)
    late = hand.claim_one()
    other.store.outbox.expire(NOW + LEASE, again={"telegram"})
    other.claim_one(NOW + LEASE)
    hand.settle(late, "pending", wait_until=NOW + LEASE, now=NOW + LEASE)
    assert hand.claim(NOW + LEASE) == ()
    assert hand.states() == {"alert 1": "sending"}


def test_a_late_success_is_believed_while_somebody_resends_and_their_end_changes_nothing(database: Database):
    hand, other = Hand(database.open()), Hand(database.open())
    hand.alerts(1)
    late = hand.claim_one()
    other.store.outbox.expire(NOW + LEASE, again={"telegram"})
    again = other.claim_one(NOW + LEASE)
    hand.settle(late, now=NOW + LEASE)
    assert hand.states() == {"alert 1": "sent"}
    hand.alerts(2)
    assert hand.claim(NOW + LEASE) == ()
    other.settle(again, "pending", now=NOW + LEASE)
    assert hand.states() == {"alert 1": "sent", "alert 2": "pending"}
    assert hand.send(NOW + LEASE) == [["2"]]


def test_an_end_told_twice_does_not_shorten_what_the_target_was_told_to_wait(hand: Hand, store: Store):
    hand.alerts(1)
    first = hand.claim_one()
    hand.settle(first, "pending")
    hand.settle(hand.claim_one(), "pending", wait_until=NOW + 9 * MINUTE)
    hand.settle(first, "pending")
    assert store.outbox.next_due(KINDS) == NOW + 9 * MINUTE


def test_an_uncertain_end_told_twice_does_not_forget_what_was_told_meanwhile(hand: Hand, store: Store):
    hand.alerts(1)
    first = hand.claim_one()
    hand.settle(first, "uncertain")
    (row,) = hand.rows()
    store.deliveries.retry([row.key], NOW)
    hand.send()
    hand.settle(first, "uncertain")
    assert store.deliveries.alerted_since("telegram:1001", NOW) == 1


def test_the_lease_of_a_message_that_goes_again_is_another(hand: Hand):
    hand.alerts(1)
    first = hand.claim_one()
    hand.settle(first, "pending")
    assert hand.claim_one().lease != first.lease


def test_the_rows_of_a_feed_keep_their_keys_whatever_they_are(hand: Hand):
    hand.alerts(1, target="atom:alice")
    hand.plan(a_delivery(1, "atom:alice", "edit", "e1"))
    claim = hand.claim_one()
    assert [row.key for row in claim.rows] == [row.key for row in hand.rows()]
