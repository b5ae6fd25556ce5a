"""How claimed rows end: sent, put back, uncertain, limited; and leases that end."""

from datetime import timedelta

import pytest

from bot.adapters.store import Store
from bot.domain.message import MOST_PAPERS
from bot.pipeline.ports.outbox import Claim, Outcome
from tests.adapters.store.conftest import KINDS, LEASE, Hand
from tests.builders import NOW, a_delivery, a_paper, an_alarm
from tests.rigs.publishers import receipt

MINUTE = timedelta(minutes=1)


def digits(claim: Claim) -> list[str]:
    return [row.paper[-1] for row in claim.rows]


# --- how they end -----------------------------------------------------------------------------------------


def test_the_first_row_shown_is_sent_and_the_others_went_out_inside_it(hand: Hand):
    hand.alerts(1, 2, 3)
    claim = hand.claim_one()
    best_first = tuple(claim.rows[index].key for index in (2, 0, 1))
    hand.settle(claim, sent=best_first)
    assert hand.states() == {"alert 1": "merged", "alert 2": "merged", "alert 3": "sent"}
    assert {row.settled_at for row in hand.rows()} == {NOW}


def test_what_a_message_held_is_remembered_in_the_order_shown(hand: Hand, store: Store):
    hand.alerts(1, 2, 3)
    claim = hand.claim_one()
    assert store.deliveries.rows_of(claim.message) is not None
    first, second, third = claim.rows
    hand.settle(claim, sent=(third.key, first.key), limited=(second.key,))
    found = store.deliveries.rows_of(claim.message)
    assert found is not None
    shown, got = found
    assert [(row.paper[-1], row.shown) for row in shown.rows] == [("3", True), ("1", True), ("2", False)]
    assert got == receipt(f"m-{claim.message}")
    assert (shown.target_key, shown.kind, shown.subscriber, shown.created_at) == (
        "telegram:1001",
        "alert",
        "alice",
        NOW,
    )
    assert store.deliveries.rows_of("nothing") is None


def test_what_is_skipped_belongs_to_no_message(hand: Hand, store: Store):
    hand.alerts(1, 2)
    claim = hand.claim_one()
    skipped, sent = claim.rows
    hand.settle(claim, sent=(sent.key,), unwanted=(skipped.key,))
    assert [(row.state, row.message, row.cause) for row in hand.rows()] == [
        ("skipped", None, "unwanted"),
        ("sent", claim.message, None),
    ]
    found = store.deliveries.rows_of(claim.message)
    assert found is not None
    assert digits(found[0]) == ["2"]
    alert = store.deliveries.alert_on("telegram:1001", skipped.paper)
    assert alert is not None
    assert (alert.state, alert.message, alert.receipt) == ("skipped", None, None)


def test_a_message_whose_rows_stand_between_others_is_remembered_in_the_order_shown(hand: Hand, store: Store):
    for paper in range(1, 8):
        hand.alerts(paper, target="telegram:2" if paper in (3, 5) else "telegram:1")
    claim, other_claim = hand.claim()
    assert digits(claim) == ["1", "2", "4", "6", "7"]
    hand.settle(claim, sent=tuple(claim.rows[index].key for index in (3, 1, 4, 0, 2)))
    found = store.deliveries.rows_of(claim.message)
    assert found is not None
    assert digits(found[0]) == ["6", "2", "7", "1", "4"]
    assert {number for number, state in hand.states().items() if state == "merged"} == {
        f"alert {number}" for number in (2, 7, 1, 4)
    }
    assert hand.states()["alert 6"] == "sent"
    assert [hand.states()[f"alert {row.paper[-1]}"] for row in other_claim.rows] == ["sending", "sending"]


def test_the_longest_message_is_remembered_in_the_order_shown(hand: Hand, store: Store):
    hand.plan(*(a_delivery(number) for number in range(1, MOST_PAPERS + 1)))
    claim = hand.claim_one()
    best_first = tuple(claim.rows[(number * 37 + 5) % MOST_PAPERS].key for number in range(MOST_PAPERS))
    hand.settle(claim, sent=best_first)
    found = store.deliveries.rows_of(claim.message)
    assert found is not None
    assert tuple(row.key for row in found[0].rows) == best_first
    states = {row.key: row.state for row in hand.rows()}
    assert [states[key] for key in best_first] == ["sent", *["merged"] * (MOST_PAPERS - 1)]


def test_an_order_that_names_what_was_never_claimed_ends_the_rows_all_the_same(hand: Hand):
    hand.alerts(1, 2)
    claim = hand.claim_one()
    hand.settle(claim, sent=("telegram:9|alert|arxiv:1", claim.rows[1].key))
    assert hand.states() == {"alert 1": "sent", "alert 2": "merged"}


def test_many_messages_at_once_end_each_as_it_did(hand: Hand, store: Store):
    hand.plan(*(a_delivery(1, f"telegram:{number}") for number in range(150)))
    claims = hand.claim(limit=150)
    assert len({claim.message for claim in claims}) == len({claim.lease for claim in claims}) == 150
    assert {row.state for row in hand.rows()} == {"sending"}
    ends = [_an_end(number, claim) for number, claim in enumerate(claims)]
    store.outbox.settle(ends, NOW)
    found = {row.key: (row.state, row.attempts, row.error) for row in hand.rows()}
    expected = {"sent": ("sent", 1, None), "pending": ("pending", 0, "later"), "dead": ("dead", 1, "no")}
    for end in ends:
        assert found[end.claim.rows[0].key] == expected[end.state]
        known = store.deliveries.rows_of(end.claim.message)
        assert known is not None
        assert known[1] == end.receipt
    assert store.outbox.next_due(KINDS) == NOW + MINUTE
    again = hand.claim(NOW + MINUTE, limit=150)
    assert {claim.message for claim in again} == {end.claim.message for end in ends if end.state == "pending"}


def _an_end(number: int, claim: Claim) -> Outcome:
    if number % 3 == 0:
        later = {"error": "later", "counted": False, "wait_until": NOW + MINUTE}
        return Outcome(claim=claim, state="pending", **later)
    if number % 3 == 1:
        return Outcome(claim=claim, state="dead", error="no")
    return Outcome(claim=claim, state="sent", sent=(claim.rows[0].key,), receipt=receipt(f"m{number}"))


def test_a_message_nobody_answered_for_has_no_receipt(hand: Hand, store: Store):
    hand.alerts(1)
    claim = hand.claim_one()
    hand.settle(claim, "uncertain")
    found = store.deliveries.rows_of(claim.message)
    assert found is not None
    assert found[1] is None


@pytest.mark.parametrize("state", ["pending", "uncertain", "dead", "skipped"])
def test_every_row_of_a_message_ends_like_it(hand: Hand, state: str):
    hand.alerts(1, 2)
    hand.settle(hand.claim_one(), state, error="because")
    assert {(row.state, row.error) for row in hand.rows()} == {(state, "because")}
    assert {row.settled_at for row in hand.rows()} == {None if state == "pending" else NOW}


def test_several_ends_are_written_down_together(hand: Hand, store: Store):
    hand.alerts(1, target="telegram:1")
    hand.alerts(2, target="telegram:2")
    first, other_claim = hand.claim()
    sent = Outcome(claim=first, state="sent", sent=(first.rows[0].key,), receipt=receipt())
    store.outbox.settle([sent, Outcome(claim=other_claim, state="dead", error="no")], NOW)
    assert hand.states() == {"alert 1": "sent", "alert 2": "dead"}


def test_the_alert_on_a_paper_is_found_with_its_receipt(hand: Hand, store: Store):
    paper = a_paper(1).id
    assert store.deliveries.alert_on("telegram:1001", paper) is None
    hand.alerts(1, 2)
    waiting = store.deliveries.alert_on("telegram:1001", paper)
    assert waiting is not None
    assert (waiting.state, waiting.message, waiting.receipt) == ("pending", None, None)
    claim = hand.claim_one()
    hand.settle(claim)
    sent = store.deliveries.alert_on("telegram:1001", a_paper(2).id)
    assert sent is not None
    assert (sent.state, sent.message, sent.receipt) == (
        "merged",
        claim.message,
        receipt(f"m-{claim.message}"),
    )
    assert store.deliveries.alert_on("telegram:2", paper) is None


def test_a_target_that_moved_is_sent_to_at_its_new_address_under_its_old_name(hand: Hand, store: Store):
    hand.alerts(1, target="telegram:-5")
    hand.settle(hand.claim_one(), "pending", moved_to="-1005")
    claim = hand.claim_one()
    assert (claim.target_key, claim.target.key) == ("telegram:-5", "telegram:-1005")
    assert store.deliveries.target_at("telegram", "-1005") == "telegram:-5"
    assert store.deliveries.target_at("telegram", "-5") == "telegram:-5"


def test_where_two_targets_are_at_one_address_its_own_name_comes_first(hand: Hand, store: Store):
    hand.alerts(1, target="telegram:-5")
    hand.settle(hand.claim_one(), "pending", moved_to="-1005")
    hand.alerts(2, target="telegram:-1005")
    assert store.deliveries.target_at("telegram", "-1005") == "telegram:-1005"


def test_a_suspended_target_keeps_its_rows(hand: Hand, store: Store):
    hand.alerts(1)
    hand.settle(hand.claim_one(), "pending", suspend="blocked by the user", error="blocked by the user")
    assert hand.claim() == ()
    assert store.outbox.next_due(KINDS) is None
    hand.alerts(2)
    assert hand.claim() == ()
    assert store.deliveries.revive("telegram:1001")
    assert hand.send() == [["1"], ["2"]]


# --- leases -----------------------------------------------------------------------------------------------


def test_a_lease_that_ends_leaves_its_rows_uncertain(hand: Hand, store: Store):
    hand.alerts(1, 2)
    hand.claim_one()
    assert store.outbox.next_due(KINDS) == NOW + LEASE
    assert store.outbox.expire(NOW + LEASE - timedelta(seconds=1)) == 0
    assert store.outbox.expire(NOW + LEASE) == 2
    assert {(row.state, row.error) for row in hand.rows()} == {("uncertain", "the answer was never seen")}
    assert hand.claim(NOW + LEASE) == ()


def test_what_comes_after_an_ended_lease_still_goes_out(hand: Hand, store: Store):
    hand.alerts(1)
    hand.claim_one()
    hand.alerts(2)
    store.outbox.expire(NOW + LEASE)
    assert digits(hand.claim_one(NOW + LEASE)) == ["2"]


def test_feeds_and_edits_simply_go_again(hand: Hand, store: Store):
    hand.alerts(1, target="atom:alice")
    hand.plan(a_delivery(1, kind="edit", part="e"))
    assert len(hand.claim()) == 2
    assert store.outbox.expire(NOW + LEASE, again={"atom"}) == 0
    assert {row.state for row in hand.rows()} == {"pending"}
    assert len(hand.claim(NOW + LEASE)) == 2


def test_channels_that_resend_what_is_uncertain_go_again(hand: Hand, store: Store):
    hand.alerts(1)
    hand.alerts(1, target="email:a@example.org")
    hand.claim()
    assert store.outbox.expire(NOW + LEASE, again={"atom", "telegram"}) == 1
    (again,) = hand.claim(NOW + LEASE)
    assert (again.target_key, again.attempts) == ("telegram:1001", 2)


def test_a_success_that_comes_late_is_believed(hand: Hand, store: Store):
    hand.alerts(1)
    claim = hand.claim_one()
    store.outbox.expire(NOW + LEASE)
    hand.settle(claim, now=NOW + 2 * LEASE)
    assert hand.states() == {"alert 1": "sent"}
    assert store.deliveries.alert_on("telegram:1001", a_paper(1).id).receipt  # type: ignore[union-attr]


def test_a_late_success_changes_no_row_that_somebody_decided_about(hand: Hand, store: Store):
    hand.alerts(1, 2, 3)
    claim = hand.claim_one()
    store.outbox.expire(NOW + LEASE)
    store.deliveries.drop([claim.rows[1].key], NOW + LEASE)
    hand.settle(claim, now=NOW + 2 * LEASE)
    assert hand.states() == {"alert 1": "sent", "alert 2": "dead", "alert 3": "merged"}


def test_a_message_that_goes_again_takes_no_row_that_somebody_decided_about(hand: Hand, store: Store):
    hand.alerts(1, 2, 3)
    hand.settle(hand.claim_one(), "pending")
    store.deliveries.drop([hand.rows()[1].key], NOW)
    assert digits(hand.claim_one()) == ["1", "3"]
    assert hand.states() == {"alert 1": "sending", "alert 2": "dead", "alert 3": "sending"}


def test_a_late_success_keeps_a_row_from_going_again(hand: Hand, store: Store):
    hand.alerts(1)
    claim = hand.claim_one()
    store.outbox.expire(NOW + LEASE, again={"telegram"})
    hand.settle(claim, now=NOW + LEASE)
    assert hand.claim(NOW + LEASE) == ()


@pytest.mark.parametrize("state", ["pending", "dead"])
def test_anything_else_that_comes_late_changes_nothing(hand: Hand, store: Store, state: str):
    hand.alerts(1)
    claim = hand.claim_one()
    store.outbox.expire(NOW + LEASE)
    hand.settle(claim, state, now=NOW + LEASE)
    assert hand.states() == {"alert 1": "uncertain"}


def test_a_late_end_does_not_free_a_target_that_somebody_else_has_by_now(hand: Hand, store: Store):
    hand.alerts(1)
    late = hand.claim_one()
    store.outbox.expire(NOW + LEASE)
    hand.alerts(2)
    hand.claim_one(NOW + LEASE)
    hand.alerts(3)
    hand.settle(late, now=NOW + LEASE)
    assert hand.claim(NOW + LEASE) == ()
    assert hand.states() == {"alert 1": "sent", "alert 2": "sending", "alert 3": "pending"}


def test_a_message_settled_twice_ends_once(hand: Hand):
    hand.alerts(1)
    claim = hand.claim_one()
    hand.settle(claim)
    hand.settle(claim, "dead", now=NOW + MINUTE)
    (row,) = hand.rows()
    assert (row.state, row.settled_at) == ("sent", NOW)


# --- daily limits -----------------------------------------------------------------------------------------


def test_papers_told_since_a_moment_are_counted(hand: Hand, store: Store):
    hand.alerts(1, 2)
    hand.plan(a_delivery(1, kind="quiz", part="q"))
    hand.alerts(9, target="telegram:2")
    hand.send()
    hand.alerts(3)
    hand.send(NOW + MINUTE)
    hand.alerts(4, 5)
    hand.settle(hand.claim_one(), "uncertain")
    assert store.deliveries.alerted_since("telegram:1001", NOW) == 3
    assert store.deliveries.alerted_since("telegram:1001", NOW + MINUTE) == 1
    assert store.deliveries.alerted_since("telegram:1001", NOW + 2 * MINUTE) == 0


def test_what_the_limit_kept_out_is_named_once(hand: Hand, store: Store):
    hand.alerts(1, 2)
    silent = hand.claim_one()
    keys = tuple(row.key for row in silent.rows)
    hand.settle(silent, "skipped", limited=keys, cause="over limit")
    assert store.deliveries.unnamed("telegram:1001") == tuple((row.key, row.paper) for row in silent.rows)
    assert store.deliveries.unnamed("telegram:2") == ()
    hand.alerts(3)
    naming = hand.claim_one()
    hand.settle(naming, named=keys)
    assert store.deliveries.unnamed("telegram:1001") == ()
    found = store.deliveries.rows_of(naming.message)
    assert found is not None
    assert [(row.paper[-1], row.shown) for row in found[0].rows] == [("3", True), ("1", False), ("2", False)]


def test_what_its_own_message_names_is_not_named_again(hand: Hand, store: Store):
    hand.alerts(1, 2)
    claim = hand.claim_one()
    hand.settle(claim, sent=(claim.rows[0].key,), limited=(claim.rows[1].key,))
    assert hand.states() == {"alert 1": "sent", "alert 2": "limited"}
    assert store.deliveries.unnamed("telegram:1001") == ()


# --- polls ------------------------------------------------------------------------------------------------


def test_a_poll_is_kept_with_its_question_and_the_order_shown(hand: Hand, store: Store):
    from sqlalchemy import text

    from bot.adapters.store.papers import question_of
    from tests.builders import a_question

    hand.plan(a_delivery(1, kind="quiz", part="q1"))
    claim = hand.claim_one()
    question = a_question()
    got = receipt("7", poll="9007199254740993", option_order=(2, 0, 1))
    hand.settle(claim, receipt=got, question=question)
    with store._engine.connect() as connection:
        (row,) = connection.execute(text("SELECT * FROM polls")).all()
    assert (row.poll, row.message, row.target, row.paper) == (
        "9007199254740993",
        claim.message,
        "telegram:1001",
        a_paper(1).id,
    )
    assert (row.option_order, question_of(row.question)) == ("2,0,1", question)


def test_an_alarm_never_goes_again_by_itself(hand: Hand, store: Store):
    with store.incidents.change() as tx:
        assert tx.plan([an_alarm("telegram:1"), an_alarm("atom:alice")], NOW) == 2
    assert len(hand.claim()) == 2
    assert store.outbox.expire(NOW + LEASE, again={"telegram", "atom"}) == 2
    assert {row.state for row in hand.rows()} == {"uncertain"}
