"""The operator's hand on rows, targets and channels, and the counts that tell how things stand."""

from datetime import timedelta
from typing import Any, get_args

import pytest

from bot.adapters.store import Store
from bot.domain.channels import Limit, Target
from bot.domain.delivery import OPT_OUT_TEXTS, OptOut
from bot.pipeline.ports.incidents import Stop
from bot.pipeline.ports.outbox import Selection, TargetStatus
from bot.pipeline.ports.papers import FileRecord
from tests.adapters.store.conftest import KINDS, LEASE, Hand
from tests.builders import NOW, a_delivery, a_paper

MINUTE = timedelta(minutes=1)


def keys(*numbers: int) -> list[str]:
    return [a_delivery(number).key for number in numbers]


def one_of_each(hand: Hand) -> None:
    """Rows 1 to 5: dead, uncertain, sent, pending, held."""
    for number, state in ((1, "dead"), (2, "uncertain"), (3, "sent")):
        hand.alerts(number)
        hand.settle(hand.claim_one(), state, **({} if state == "sent" else {"error": f"it was {state}"}))
    hand.alerts(4)
    hand.alerts(5, state="held", due_at=NOW + MINUTE)


# --- rows -------------------------------------------------------------------------------------------------


def test_rows_are_listed_oldest_first_by_state_and_key(hand: Hand, store: Store):
    one_of_each(hand)
    listed = store.deliveries.list_rows(states=("dead", "uncertain"), keys=(), limit=10)
    assert [(row.paper[-1], row.state, row.error) for row in listed] == [
        ("1", "dead", "it was dead"),
        ("2", "uncertain", "it was uncertain"),
    ]
    assert [row.key for row in store.deliveries.list_rows(states=(), keys=keys(4, 2), limit=10)] == keys(2, 4)
    assert len(store.deliveries.list_rows(states=(), keys=(), limit=3)) == 3
    assert store.deliveries.list_rows(states=("merged",), keys=keys(1), limit=3) == ()


def test_dead_and_uncertain_rows_go_again_by_hand_and_others_do_not(hand: Hand, store: Store):
    one_of_each(hand)
    assert store.deliveries.retry([*keys(1, 2, 3, 4, 5), "unknown"], NOW) == 2
    assert hand.states() == {
        "alert 1": "pending",
        "alert 2": "pending",
        "alert 3": "sent",
        "alert 4": "pending",
        "alert 5": "held",
    }
    assert hand.send() == [["1"], ["2"], ["4"]]


def test_a_row_that_goes_again_by_hand_starts_anew_under_its_messages_name(hand: Hand, store: Store):
    hand.alerts(1)
    first = hand.claim_one()
    hand.settle(first, "uncertain", wait_until=NOW + MINUTE)
    store.deliveries.retry(keys(1), NOW)
    again = hand.claim_one()
    assert (again.message, again.attempts) == (first.message, 1)


def test_trying_again_revives_a_target_the_service_gave_up_on(hand: Hand, store: Store):
    hand.alerts(1)
    hand.settle(hand.claim_one(), "dead")
    store.deliveries.suspend("telegram:1001", "mailbox does not exist", NOW)
    store.deliveries.retry(keys(1), NOW)
    assert hand.send() == [["1"]]


@pytest.mark.parametrize("how", get_args(OptOut))
def test_trying_again_never_overrules_who_wished_to_hear_no_more(hand: Hand, store: Store, how: OptOut):
    hand.alerts(1)
    hand.settle(hand.claim_one(), "dead")
    assert store.deliveries.suspend("telegram:1001", "refused 8 times", NOW)
    assert store.deliveries.opt_out("telegram:1001", how, NOW)  # also where an error came first
    assert not store.deliveries.opt_out("telegram:1001", "stopped", NOW)
    assert not store.deliveries.suspend("telegram:1001", "refused 9 times", NOW)
    assert store.deliveries.retry(keys(1), NOW) == 1
    assert hand.claim() == ()
    status = store.deliveries.target("telegram:1001")
    assert status is not None
    assert (status.suspended, status.opted_out) == (OPT_OUT_TEXTS[how], how)
    assert store.deliveries.revive("telegram:1001")
    status = store.deliveries.target("telegram:1001")
    assert status is not None
    assert (status.suspended, status.opted_out) == (None, None)


def test_a_service_that_says_the_same_words_is_no_recipient(hand: Hand, store: Store):
    hand.alerts(1)
    hand.settle(hand.claim_one(), "dead")
    assert store.deliveries.suspend("telegram:1001", OPT_OUT_TEXTS["unsubscribed"], NOW)
    store.deliveries.retry(keys(1), NOW)
    assert hand.send() == [["1"]]


def test_rows_are_given_up_by_hand(hand: Hand, store: Store):
    one_of_each(hand)
    assert store.deliveries.drop(keys(1, 2, 3, 4, 5), NOW) == 4
    dropped = store.deliveries.list_rows(states=("dead",), keys=(), limit=10)
    assert {row.error for row in dropped} == {"dropped by the operator"}
    assert hand.states()["alert 3"] == "sent"
    assert hand.claim(NOW + LEASE) == ()
    assert store.outbox.next_due(KINDS) is None
    counts = store.deliveries.counts(NOW)
    assert (counts.deliveries["dead"], counts.given_up) == (4, 4)


def test_only_what_was_dropped_is_given_up_whatever_a_service_says(hand: Hand, store: Store):
    hand.alerts(1)
    hand.settle(hand.claim_one(), "dead", error="dropped by the operator")
    assert store.deliveries.counts(NOW).given_up == 0
    assert store.deliveries.drop(keys(1), NOW) == 1
    assert store.deliveries.counts(NOW).given_up == 1
    assert store.deliveries.retry(keys(1), NOW) == 1
    (row,) = hand.rows()
    assert (row.state, row.cause, row.error) == ("pending", None, None)


def test_what_waited_for_the_flood_guard_waits_no_more_once_it_is_sent(hand: Hand, store: Store):
    hand.alerts(1)
    hand.settle(hand.claim_one())
    hand.alerts(2)
    guard = {"alert": Limit(most=1, span=timedelta(minutes=10))}
    later = {"lease": LEASE, "limit": 1, "kinds": KINDS, "flood_guard": guard}
    assert store.outbox.claim(NOW, **later) == ()
    assert hand.rows()[1].cause == "message flood"
    store.outbox.begin(store.outbox.claim(NOW + timedelta(minutes=10), **later))
    assert (hand.rows()[1].state, hand.rows()[1].cause) == ("sending", None)


def test_what_is_being_sent_is_left_to_its_sender(hand: Hand, store: Store):
    hand.alerts(1)
    claim = hand.claim_one()
    assert store.deliveries.drop(keys(1), NOW) == 0
    assert store.deliveries.retry(keys(1), NOW) == 0
    hand.settle(claim)
    assert hand.states() == {"alert 1": "sent"}


# --- targets ----------------------------------------------------------------------------------------------


def test_what_is_known_of_a_target(hand: Hand, store: Store):
    assert store.deliveries.target("telegram:1001") is None
    hand.alerts(1)
    hand.settle(hand.claim_one(), "pending", wait_until=NOW + MINUTE)
    target = Target(kind="telegram", address="1001")
    assert store.deliveries.target("telegram:1001") == TargetStatus(target=target, paused_until=NOW + MINUTE)
    assert store.deliveries.suspend("telegram:1001", "left", NOW)
    assert store.deliveries.target("telegram:1001") == TargetStatus(
        target=target, suspended="left", paused_until=NOW + MINUTE
    )


def test_a_target_is_suspended_once_for_its_first_reason_and_revived_once(hand: Hand, store: Store):
    hand.alerts(1)
    assert store.deliveries.suspend("telegram:1001", "first", NOW)
    assert not store.deliveries.suspend("telegram:1001", "second", NOW)
    assert store.deliveries.counts(NOW).suspended == {"telegram:1001": "first"}
    assert store.deliveries.revive("telegram:1001")
    assert not store.deliveries.revive("telegram:1001")
    assert not store.deliveries.revive("telegram:2")
    assert hand.send() == [["1"]]


def test_a_target_nothing_was_sent_to_yet_can_be_suspended(hand: Hand, store: Store):
    assert store.deliveries.suspend("email:new@example.org", "unsubscribed", NOW)
    hand.alerts(1, target="email:new@example.org")
    assert hand.claim() == ()
    assert store.deliveries.target_at("email", "new@example.org") == "email:new@example.org"


# --- channels ---------------------------------------------------------------------------------------------


def test_a_channel_is_stopped_since_the_first_time_and_until_the_latest(store: Store):
    assert store.incidents.stopped_channels() == {}
    store.incidents.stop_channel("email", "password refused", NOW + 5 * MINUTE, NOW)
    store.incidents.stop_channel("email", "ürgh “again”", NOW + 2 * MINUTE, NOW + MINUTE)
    stop = Stop(reason="ürgh “again”", since=NOW, until=NOW + 5 * MINUTE)
    assert store.incidents.stopped_channels() == {"email": stop}
    assert store.deliveries.counts(NOW).stopped == {"email": stop}
    store.incidents.open_channel("email")
    store.incidents.open_channel("email")
    assert store.incidents.stopped_channels() == {}


def test_a_stopped_channel_wants_nothing_before_it_is_tried_again(hand: Hand, store: Store):
    hand.alerts(1, target="email:a@example.org")
    store.incidents.stop_channel("email", "down", NOW + 5 * MINUTE, NOW)
    assert store.outbox.next_due(KINDS) == NOW + 5 * MINUTE
    hand.alerts(1, state="held", due_at=NOW + MINUTE)
    assert store.outbox.next_due(KINDS) == NOW + MINUTE
    assert store.outbox.next_due(("email", "atom")) == NOW + 5 * MINUTE


def test_what_cannot_be_claimed_now_wants_nothing_now(hand: Hand, store: Store):
    """Whoever sleeps until the next row is due must never wake for one that it cannot have."""
    assert store.outbox.next_due(KINDS) is None
    hand.alerts(1)
    assert store.outbox.next_due(KINDS) == NOW
    claim = hand.claim_one()
    hand.alerts(2)
    assert store.outbox.next_due(KINDS) == NOW + LEASE
    hand.settle(claim, "pending", wait_until=NOW + MINUTE)
    hand.alerts(3)
    assert store.outbox.next_due(KINDS) == NOW + MINUTE
    store.deliveries.suspend("telegram:1001", "gone", NOW)
    hand.alerts(4)
    assert store.outbox.next_due(KINDS) is None


# --- counts -----------------------------------------------------------------------------------------------


def test_rows_are_counted_by_state_and_channel(hand: Hand, store: Store):
    one_of_each(hand)
    hand.alerts(1, target="email:a@example.org")
    counts = store.deliveries.counts(NOW)
    assert counts.deliveries == {
        "pending": 2,
        "held": 1,
        "sending": 0,
        "sent": 1,
        "uncertain": 1,
        "dead": 1,
        "merged": 0,
        "limited": 0,
        "skipped": 0,
    }
    assert counts.channels["email"] == {"pending": 1}
    assert "atom" not in counts.channels
    assert (counts.papers, counts.given_up) == (5, 0)


def test_a_new_state_counts_nothing(store: Store):
    counts = store.deliveries.counts(NOW)
    assert set(counts.deliveries.values()) == {0}
    assert (counts.digests, counts.entries, counts.papers, counts.quizzes, counts.notices) == (0,) * 5
    assert counts.oldest_pending is None
    assert (counts.suspended, counts.stopped, counts.unreadable) == ({}, {}, 0)


def test_the_oldest_row_that_is_due_tells_how_far_behind_we_are(hand: Hand, store: Store):
    hand.alerts(1, due_at=NOW - 3 * MINUTE)
    hand.alerts(2, state="held", due_at=NOW + MINUTE)
    assert store.deliveries.counts(NOW).oldest_pending == 3 * MINUTE
    hand.send()
    assert store.deliveries.counts(NOW).oldest_pending is None
    assert store.deliveries.counts(NOW + 2 * MINUTE).oldest_pending == MINUTE


def test_a_target_that_is_suspended_holds_nobody_up(hand: Hand, store: Store):
    hand.alerts(1)
    store.deliveries.suspend("telegram:1001", "blocked", NOW)
    assert store.deliveries.counts(NOW + MINUTE).oldest_pending is None


def test_files_that_gave_no_digest_are_counted(store: Store):
    with store.digests.transaction() as tx:
        tx.save_files([FileRecord(name="a", sha256="a", error="no"), FileRecord(name="b", sha256="b")])
    assert store.deliveries.counts(NOW).unreadable == 1


def test_an_operator_may_name_thousands_of_rows(hand: Hand, store: Store):
    rows = [a_delivery(n) for n in range(1, 1300)]
    hand.plan(*rows)
    assert store.deliveries.drop([row.key for row in rows], NOW) == 1299
    assert store.deliveries.retry([row.key for row in rows], NOW) == 1299
    assert a_paper(1).id == rows[0].paper


def test_what_arrived_all_the_same_counts_as_sent(hand: Hand, store: Store):
    hand.alerts(1, 2)
    claim = hand.claim_one()
    hand.settle(claim, "uncertain", error="no answer")
    hand.alerts(3)
    keys = [row.key for row in hand.rows()]
    assert store.deliveries.arrived(keys) == 2
    assert hand.states() == {"alert 1": "sent", "alert 2": "merged", "alert 3": "pending"}
    assert {row.error for row in hand.rows()} == {None}
    assert store.deliveries.alerted_since("telegram:1001", NOW) == 2
    alert = store.deliveries.alert_on("telegram:1001", claim.rows[0].paper)
    assert alert is not None
    assert (alert.state, alert.receipt) == ("sent", None)
    assert store.deliveries.arrived(keys) == 0


def test_days_on_which_a_target_was_not_reached_are_counted_until_it_is_revived(hand: Hand, store: Store):
    store.deliveries.suspend("email:ann@example.org", "gone", NOW)
    for day in range(3):
        bounces = store.deliveries.note_bounce("email:ann@example.org", (NOW + timedelta(days=day)).date())
    assert bounces.days == 3
    store.deliveries.revive("email:ann@example.org")
    assert store.deliveries.note_bounce("email:ann@example.org", NOW.date()).days == 1


# --- messages for the operator -----------------------------------------------------------------------------


def chosen(store: Store, limit: int | None = None, **selection: Any) -> list[list[str]]:
    """The last digits of the papers of each chosen message."""
    _, messages = store.deliveries.list_messages(Selection(**selection), limit)
    return [[row.paper[-1] for row in message.rows] for message in messages]


def test_deliveries_are_listed_by_the_messages_that_they_were_or_would_be(hand: Hand, store: Store):
    hand.alerts(1, 2, 3)
    hand.settle(hand.claim_one(), "uncertain", error="no answer")
    hand.alerts(4, 5)
    hand.alerts(6, target="telegram:7")
    hand.alerts(7, 8, state="held", due_at=NOW + MINUTE)
    assert chosen(store) == [["1", "2", "3"], ["4", "5"], ["6"], ["7", "8"]]
    assert store.deliveries.list_messages(Selection(), 2)[0] == 4
    assert chosen(store, 2) == [["1", "2", "3"], ["4", "5"]]
    assert chosen(store, states=("uncertain",)) == [["1", "2", "3"]]
    assert chosen(store, states=("pending",)) == [["4", "5"], ["6"]]
    assert chosen(store, keys=keys(2)) == [["1", "2", "3"]]
    assert chosen(store, keys=keys(5)) == [["5"]]
    assert chosen(store, kinds=("quiz",)) == []
    assert chosen(store, targets=("telegram:7",)) == chosen(store, targets=("7",)) == [["6"]]
    assert len(chosen(store, targets=("telegram",))) == 4
    assert chosen(store, since=NOW + MINUTE) == []
    assert len(chosen(store, since=NOW)) == 4


def test_a_message_that_went_out_is_listed_whole_whatever_state_was_asked_for(hand: Hand, store: Store):
    hand.alerts(1, 2)
    hand.settle(hand.claim_one(), "sent")
    assert chosen(store, states=("merged",)) == chosen(store, states=("sent",)) == [["1", "2"]]


def test_what_waits_after_failures_is_tried_now_by_hand(hand: Hand, store: Store):
    hand.alerts(1)
    hand.settle(
        hand.claim_one(), "pending", error="refused", suspend="refused 8 times", wait_until=NOW + MINUTE
    )
    assert hand.send() == []
    assert store.deliveries.try_now(keys(1), NOW) == 1
    assert hand.send() == [["1"]]
    assert store.deliveries.try_now(keys(1), NOW) == 0


def test_targets_whose_addresses_are_urls_are_named(hand: Hand, store: Store):
    hand.alerts(1)
    hand.alerts(2, target="apprise:ntfy://host/topic")
    assert store.deliveries.url_targets() == ("apprise:ntfy://host/topic",)
