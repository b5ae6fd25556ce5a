"""Claims: which rows go out together, in which order, and who may have them."""

import threading
from collections import Counter
from datetime import timedelta
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.adapters.store import Store
from bot.domain.message import MOST_PAPERS
from bot.pipeline.ports.outbox import Claim
from tests.adapters.store.conftest import KINDS, Database, Hand
from tests.builders import NOW, a_delivery

MINUTE = timedelta(minutes=1)


def digits(claim: Claim) -> list[str]:
    return [row.paper[-1] for row in claim.rows]


# --- what a claim takes -----------------------------------------------------------------------------------


def test_alerts_of_one_target_go_as_one_message_in_their_order(hand: Hand):
    hand.alerts(2, 1, 3)
    claim = hand.claim_one()
    assert digits(claim) == ["2", "1", "3"]
    assert (claim.target_key, claim.target.address, claim.subscriber) == ("telegram:1001", "1001", "alice")
    assert (claim.kind, claim.attempts, claim.created_at) == ("alert", 1, NOW)
    assert all(row.state == "sending" and row.message == claim.message for row in hand.rows())


def test_quizzes_and_edits_follow_one_by_one(hand: Hand):
    hand.alerts(1, 2)
    hand.plan(a_delivery(1, kind="quiz", part="q1"), a_delivery(2, kind="edit", part="e"))
    assert hand.send() == [["1", "2"], ["1"], ["2"]]


def test_one_message_to_a_target_at_a_time(hand: Hand):
    hand.alerts(1)
    hand.plan(a_delivery(1, kind="quiz", part="q1"))
    first = hand.claim_one()
    assert hand.claim() == ()
    hand.settle(first)
    assert hand.claim_one().kind == "quiz"


def test_each_target_gets_its_own_message_oldest_target_first(hand: Hand):
    hand.alerts(1, target="telegram:3", due_at=NOW - MINUTE)
    hand.alerts(1, target="email:a@example.org", due_at=NOW - 2 * MINUTE)
    hand.alerts(1, target="telegram:1", due_at=NOW - 3 * MINUTE)
    assert [claim.target_key for claim in hand.claim(limit=2)] == ["telegram:1", "email:a@example.org"]
    assert [claim.target_key for claim in hand.claim()] == ["telegram:3"]


def test_only_the_channels_asked_for_are_claimed(hand: Hand):
    hand.alerts(1, target="telegram:1")
    hand.alerts(1, target="email:a@example.org")
    assert [claim.target.kind for claim in hand.claim(kinds=("email",))] == ["email"]
    assert hand.claim(kinds=()) == ()


def test_a_row_is_not_claimed_before_it_is_due(hand: Hand):
    hand.alerts(1, state="held", due_at=NOW + MINUTE)
    hand.alerts(2)
    assert digits(hand.claim_one()) == ["2"]
    assert hand.claim(NOW + MINUTE - timedelta(microseconds=1)) == ()


def test_a_held_row_goes_out_when_its_time_has_come(hand: Hand):
    hand.alerts(1, state="held", due_at=NOW + MINUTE)
    hand.alerts(2, state="held", due_at=NOW + MINUTE)
    assert hand.claim() == ()
    assert hand.send(NOW + MINUTE) == [["1", "2"]]


def test_a_message_holds_at_most_so_many_papers_and_the_next_the_rest(hand: Hand):
    hand.plan(*(a_delivery(n) for n in range(1, MOST_PAPERS + 4)))
    first = hand.claim_one()
    assert len(first.rows) == MOST_PAPERS
    hand.settle(first)
    assert len(hand.claim_one().rows) == 3


def test_two_people_in_one_chat_get_their_own_messages(hand: Hand):
    hand.alerts(1, 3)
    hand.alerts(2, subscriber="bob")
    assert hand.send() == [["1", "3"], ["2"]]


def test_a_feed_takes_everything_at_once(hand: Hand):
    hand.alerts(1, 2, target="atom:alice")
    hand.plan(a_delivery(1, "atom:alice", "edit", "e1"), a_delivery(2, "atom:alice", "edit", "e2"))
    assert [len(claim.rows) for claim in hand.claim()] == [4]


def test_a_long_backlog_keeps_its_order(hand: Hand):
    hand.plan(*(a_delivery(n, kind="quiz", part=f"q{n}") for n in range(1, 700)))
    hand.alerts(700)
    taken = []
    for _ in range(5):
        claim = hand.claim_one()
        taken += [row.part for row in claim.rows]
        hand.settle(claim)
    assert taken == [f"q{n}" for n in range(1, 6)]


# --- tried again ------------------------------------------------------------------------------------------


def test_a_message_that_is_tried_again_keeps_its_rows_its_name_and_its_birth(hand: Hand):
    hand.alerts(1, 2)
    first = hand.claim_one()
    later = NOW + 5 * MINUTE
    hand.settle(first, "pending", wait_until=later, error="try later")
    hand.alerts(3)
    again = hand.claim_one(later)
    assert (again.message, again.rows, again.created_at) == (first.message, first.rows, NOW)
    assert again.attempts == 2
    hand.settle(again, now=later)
    assert digits(hand.claim_one(later)) == ["3"]


def test_a_tried_message_stays_whole_when_older_rows_become_due_meanwhile(hand: Hand):
    hand.plan(a_delivery(1, state="held", due_at=NOW + MINUTE), a_delivery(2))
    hand.plan(a_delivery(3, state="held", due_at=NOW + MINUTE), a_delivery(4))
    first = hand.claim_one()
    assert digits(first) == ["2", "4"]
    hand.settle(first, "pending", wait_until=NOW + 2 * MINUTE)
    assert hand.send(NOW + 2 * MINUTE) == [["1", "3"], ["2", "4"]]


def test_a_target_that_waits_is_left_alone_until_then(hand: Hand, store: Store):
    hand.alerts(1, target="telegram:1")
    hand.alerts(2, target="telegram:2")
    claim, other = hand.claim()
    hand.settle(claim, "pending", wait_until=NOW + MINUTE)
    hand.settle(other)
    assert hand.claim() == ()
    assert store.outbox.next_due(KINDS) == NOW + MINUTE
    assert [claim.target_key for claim in hand.claim(NOW + MINUTE)] == ["telegram:1"]


def test_a_pace_is_kept_after_a_success_too(hand: Hand):
    hand.alerts(1)
    hand.plan(a_delivery(1, kind="quiz", part="q1"))
    hand.settle(hand.claim_one(), wait_until=NOW + MINUTE)
    assert hand.claim() == ()
    assert len(hand.claim(NOW + MINUTE)) == 1


def test_a_try_that_does_not_count_is_not_counted(hand: Hand):
    hand.alerts(1)
    hand.settle(hand.claim_one(), "pending", counted=False)
    assert hand.claim_one().attempts == 1


# --- many at once -----------------------------------------------------------------------------------------


def test_four_threads_never_get_one_row_twice(database: Database):
    store = database.open()
    hand = Hand(store)
    hand.plan(*(a_delivery(n, f"telegram:{chat}") for chat in range(24) for n in (1, 2)))
    hand.plan(*(a_delivery(1, f"telegram:{chat}", "quiz", "q") for chat in range(24)))
    taken: list[str] = []
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        while claims := hand.claim(limit=3):
            for claim in claims:
                taken.extend(row.key for row in claim.rows)
                hand.settle(claim)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(Counter(taken).values()) == 1
    assert len(taken) == 72
    assert {row.state for row in hand.rows()} == {"sent", "merged"}


marks = count()
ROW_KINDS = st.sampled_from(["alert", "alert", "quiz", "edit"])
PLANS = st.lists(st.tuples(ROW_KINDS, st.integers(1, 2), st.integers(0, 2)), min_size=1, max_size=10)
ENDS = st.lists(st.sampled_from(["sent", "sent", "pending", "uncertain", "dead"]), min_size=30, max_size=30)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plans=PLANS, ends=ENDS)
def test_every_row_ends_once_and_in_order_whatever_happens(database: Database, plans, ends):
    """Rows of two targets, due now or later, and sends that end in every way: none is lost, none goes twice."""
    hand = Hand(database.opened[0] if database.opened else database.open())
    mark = f"{next(marks)}"
    rows = [
        a_delivery(n, f"telegram:{mark}-{target}", kind, f"{n}", due_at=NOW + wait * MINUTE)
        for n, (kind, target, wait) in enumerate(plans, start=1)
    ]
    hand.plan(*rows)
    went: Counter[str] = Counter()
    order: dict[str, list[str]] = {}
    now, left = NOW, list(ends)
    while hand.store.outbox.next_due(KINDS) and now < NOW + 60 * MINUTE:
        for claim in hand.claim(now):
            end = left.pop() if left else "sent"
            if end == "sent":
                went.update(row.key for row in claim.rows)
                order.setdefault(claim.target_key, []).extend(row.key for row in claim.rows)
            parts = {"wait_until": now + MINUTE} if end == "pending" else {}
            hand.settle(claim, end, now=now, **parts)
        now += MINUTE
    own_rows = [row for row in hand.rows() if row.target.startswith(f"telegram:{mark}-")]
    assert {row.state for row in own_rows} <= {"sent", "merged", "uncertain", "dead"}
    assert len(own_rows) == len(rows)
    assert set(went) == {row.key for row in own_rows if row.state in ("sent", "merged")}
    assert set(went.values()) <= {1}
