"""Maintenance: old messages are pruned and nothing is sent twice for it; delays are clamped."""

from datetime import timedelta

from bot.adapters.store import Store
from bot.adapters.store.maintenance import MESSAGES_KEPT, UPDATES_KEPT
from bot.pipeline.ports import Update
from bot.pipeline.ports.papers import FileRecord
from tests.adapters.store.conftest import KINDS, Hand
from tests.builders import NOW, a_delivery, a_paper

MUCH_LATER = NOW + MESSAGES_KEPT + timedelta(seconds=1)


def test_an_old_message_is_forgotten_and_its_papers_are_still_told_once(hand: Hand, store: Store):
    hand.alerts(1, 2)
    claim = hand.claim_one()
    hand.settle(claim)
    assert store.maintenance.prune(MUCH_LATER) == 1
    assert store.deliveries.rows_of(claim.message) is None
    assert [(row.state, row.message, row.settled_at) for row in hand.rows()] == [
        ("sent", None, NOW),
        ("merged", None, NOW),
    ]
    assert hand.plan(a_delivery(1), a_delivery(2)) == 0
    found = store.deliveries.alert_on("telegram:1001", a_paper(1).id)
    assert found is not None
    assert (found.state, found.receipt) == ("sent", None)


def test_a_message_of_late_is_kept(hand: Hand, store: Store):
    hand.alerts(1)
    claim = hand.claim_one()
    hand.settle(claim)
    assert store.maintenance.prune(NOW + MESSAGES_KEPT) == 0
    assert store.deliveries.rows_of(claim.message)


def test_what_needs_a_look_is_kept_whole_however_old(hand: Hand, store: Store):
    for number, state in enumerate(("dead", "uncertain", "pending"), start=1):
        hand.alerts(number, target=f"telegram:{number}")
        hand.settle(hand.claim_one(), state, error="why")
    assert store.maintenance.prune(MUCH_LATER) == 0
    assert {row.error for row in hand.rows()} == {"why"}
    assert all(row.message for row in hand.rows())


def test_what_the_limit_kept_out_stays_until_it_was_named(hand: Hand, store: Store):
    hand.alerts(1)
    claim = hand.claim_one()
    hand.settle(claim, "skipped", limited=(claim.rows[0].key,))
    assert store.maintenance.prune(MUCH_LATER) == 0
    assert [paper for _, paper in store.deliveries.unnamed("telegram:1001")] == [a_paper(1).id]


def test_many_old_messages_go_in_several_steps(hand: Hand, store: Store):
    hand.plan(*(a_delivery(1, f"telegram:{number}") for number in range(25)))
    while claims := hand.claim():
        for claim in claims:
            hand.settle(claim)
    assert [store.maintenance.prune_messages(NOW + timedelta(1), 10) for _ in range(4)] == [10, 10, 5, 0]


def test_old_updates_are_forgotten_but_not_that_they_were_answered(store: Store):
    store.updates.keep_updates([Update(id=1, body="said"), Update(id=2, body="unanswered")], NOW)
    store.updates.take_update(1, NOW)
    store.maintenance.prune(NOW + UPDATES_KEPT + timedelta(seconds=1))
    store.updates.keep_updates([Update(id=1, body="said")], NOW)
    assert not store.updates.take_update(1, NOW)
    assert [update.body for update in store.updates.unanswered_updates(5)] == ["unanswered"]


def test_unreadable_files_are_forgotten_by_name_and_digests_never(store: Store):
    with store.digests.transaction() as tx:
        tx.save_files(
            [
                FileRecord(name="a.md", sha256="aa"),
                FileRecord(name="b.md", sha256="bb", error="no digest"),
                FileRecord(name="c.md", sha256="cc", error="no digest"),
            ]
        )
    store.maintenance.forget_unreadable(["a.md", "b.md", "nothing.md"])
    assert store.digests.known_files() == {"a.md": "aa", "c.md": "cc"}
    assert store.digests.unreadable() == {"c.md": "no digest"}


SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
BACK = NOW - HOUR


def test_a_target_that_waited_a_second_waits_no_hour_when_the_clock_is_set_back(
    hand: Hand, store: Store
) -> None:
    hand.alerts(1)
    hand.settle(hand.claim_one(), wait_until=NOW + SECOND)
    hand.alerts(2, due_at=BACK)
    assert store.outbox.next_due(KINDS) == NOW + SECOND
    assert store.maintenance.clamp_delays(BACK, MINUTE) == 1
    assert store.maintenance.clamp_delays(BACK, MINUTE) == 0
    assert store.outbox.next_due(KINDS) == BACK + MINUTE
    assert hand.claim(BACK) == ()
    assert len(hand.claim(BACK + MINUTE)) == 1


def test_who_has_rows_held_far_ahead_is_found_but_for_questions_that_come_back(hand: Hand, store: Store):
    later = NOW + timedelta(days=30)
    hand.plan(
        a_delivery(1, state="held", due_at=later),
        a_delivery(2, kind="quiz", part="again:1:0", subscriber="bob", due_at=later),
    )
    assert store.maintenance.subscribers_held_too_long(NOW) == ("alice",)
    assert store.maintenance.subscribers_held_too_long(later) == ()


def test_what_a_service_told_a_message_to_wait_is_kept(hand: Hand, store: Store) -> None:
    hand.alerts(1)
    hand.settle(hand.claim_one(), "pending", error="flood", wait_until=NOW + 5 * HOUR)
    assert store.maintenance.clamp_delays(NOW, MINUTE) == 0
    assert hand.claim(NOW + HOUR) == ()


def test_a_target_that_is_being_sent_to_is_left_alone(hand: Hand, store: Store) -> None:
    hand.alerts(1)
    hand.settle(hand.claim_one(), wait_until=NOW + SECOND)
    hand.alerts(2)
    hand.claim(NOW + SECOND)
    assert store.maintenance.clamp_delays(BACK, MINUTE) == 0
