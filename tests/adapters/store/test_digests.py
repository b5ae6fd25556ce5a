"""Taking in: files, digests, people and rows, all in one transaction."""

from datetime import timedelta

import pytest

from bot.adapters.store import Store
from bot.domain.digests import Problem
from bot.pipeline.ports.papers import FileRecord, ReadDigest
from tests.adapters.store.conftest import KINDS, Hand
from tests.builders import NOW, a_delivery, a_digest, a_paper


def taken(name: str = "a.md", sha256: str = "aa", *numbers: int) -> ReadDigest:
    digest = a_digest(
        *numbers, problems=(Problem(line=3, what="a row without a title"),), tips={"en": "Read."}
    )
    return ReadDigest(name=name, sha256=sha256, digest=digest)


# --- files and digests ------------------------------------------------------------------------------------


def test_what_was_taken_in_is_known_by_name_and_content(store: Store):
    with store.digests.transaction() as tx:
        tx.save_digests([taken("a.md", "aa", 1, 2), taken("b.md", "bb")], NOW)
        tx.save_files([FileRecord(name="notes.txt", sha256="cc", error="no digest")])
        assert tx.digests_known(["aa", "bb", "cc", "dd"]) == {"aa", "bb"}
    assert store.digests.known_files() == {"a.md": "aa", "b.md": "bb", "notes.txt": "cc"}


def test_a_file_holds_what_it_held_last(store: Store):
    with store.digests.transaction() as tx:
        tx.save_files([FileRecord(name="a.md", sha256="aa", error="no digest")])
        assert store.deliveries.counts(NOW).unreadable == 0  # not yet: the transaction is open
    assert store.deliveries.counts(NOW).unreadable == 1
    with store.digests.transaction() as tx:
        tx.save_digests([taken("a.md", "bb")], NOW)
    assert store.digests.known_files() == {"a.md": "bb"}
    assert store.deliveries.counts(NOW).unreadable == 0


def test_a_digest_stored_twice_is_stored_once(store: Store):
    for _ in range(2):
        with store.digests.transaction() as tx:
            tx.save_digests([taken("a.md", "aa", 1, 2), taken("copy.md", "aa", 1, 2)], NOW)
    counts = store.deliveries.counts(NOW)
    assert (counts.digests, counts.entries) == (1, 2)


def test_nothing_is_stored_for_nothing(store: Store):
    with store.digests.transaction() as tx:
        tx.save_digests([], NOW)
        tx.save_files([])
        tx.register([], None, NOW)
        tx.onboarded({})
        assert tx.plan([], 1) == 0
        assert tx.planned([]) == {}
        assert tx.notices([]) == {}
        assert tx.digests_known([]) == frozenset()


def test_a_transaction_that_fails_leaves_nothing(hand: Hand, store: Store):
    with pytest.raises(KeyError, match="14002"), store.digests.transaction() as tx:  # noqa: PT012
        tx.save_papers([a_paper(1)], NOW, changed=True)
        tx.save_digests([taken("a.md", "aa", 1)], NOW)
        tx.register({"alice"}, 3, NOW)
        run = tx.new_run(NOW)
        tx.plan([a_delivery(1)], run)
        tx.plan([a_delivery(2)], run)  # its paper is not stored
    counts = store.deliveries.counts(NOW)
    assert (counts.digests, counts.papers, sum(counts.deliveries.values())) == (0, 0, 0)
    assert store.digests.known_files() == {}
    assert hand.claim() == ()
    with store.digests.transaction() as tx:
        assert tx.registered() == frozenset()


# --- people -----------------------------------------------------------------------------------------------


def test_the_new_are_known_with_what_they_are_still_to_get(store: Store):
    with store.digests.transaction() as tx:
        tx.register({"alice", "dave"}, 3, NOW)
        tx.register({"bob", "carol"}, None, NOW)
        tx.onboarded({"carol": "c"})
    with store.digests.transaction() as tx:
        assert tx.registered() == {"alice", "bob", "carol", "dave"}
        assert tx.backlog() == {"alice": 3, "bob": None, "dave": 3}
        tx.onboarded({"alice": "a", "bob": "b"})
        assert tx.backlog() == {"dave": 3}
    assert store.digests.backlog() == {"dave": 3}


def test_who_is_registered_stays_as_they_are(store: Store):
    with store.digests.transaction() as tx:
        tx.register({"alice"}, 3, NOW)
        tx.register({"alice", "bob"}, 0, NOW + timedelta(days=1))
        assert tx.backlog() == {"alice": 3, "bob": 0}
        tx.onboarded({"alice": ""})
        tx.register({"alice"}, 5, NOW)
        assert tx.backlog() == {"bob": 0}
    assert store.digests.registered_at("alice") == NOW


def test_a_subscriber_who_was_only_written_to_is_still_registered(hand: Hand, store: Store):
    hand.alerts(1)
    assert store.digests.registered() == frozenset()
    assert store.digests.unregistered({"alice"}) == {"alice"}
    with store.digests.transaction() as tx:
        tx.register({"alice"}, 2, NOW)
    assert store.digests.unregistered({"alice", "bob"}) == {"bob"}
    assert store.digests.backlog() == {"alice": 2}


def test_who_is_onboarded_is_known_with_the_hashes_of_their_subscriptions(store: Store):
    with store.digests.transaction() as tx:
        tx.register({"alice", "bob", "carol"}, 3, NOW)
        tx.onboarded({"alice": "1a 2b", "bob": ""})
        assert tx.backlog(["alice", "carol"]) == {"carol": 3}
        tx.onboarded({"alice": "1a"})
    assert store.digests.subscriptions() == {"alice": "1a", "bob": ""}
    assert store.digests.subscriptions(["alice", "carol"]) == {"alice": "1a"}


def test_what_is_still_to_be_sent_of_what_is_stored_is_kept_for_each_subscriber(store: Store):
    with store.digests.transaction() as tx:
        tx.register({"alice", "bob"}, 3, NOW)
        tx.save_onboarding_shares({"alice": 1, "bob": None, "nobody": 2})
        assert tx.onboarding_shares(["alice", "bob", "nobody"]) == {"alice": 1, "bob": None}


def test_a_run_of_stored_papers_plans_those_that_were_there_for_its_subscribers(hand: Hand, store: Store):
    hand.keep(a_paper(1), a_paper(2))
    before = store.digests.version()
    with store.digests.transaction() as tx:
        begun = tx.begin_stored_run(["bob", "alice"], NOW, rule="new subscriber")
        assert tx.open_run() == begun
    assert (begun.subscribers, begun.papers, begun.cursor, begun.sends) == (("alice", "bob"), 2, "", True)
    assert store.digests.version() != before
    hand.keep(a_paper(3))
    stored = {a_paper(1).id, a_paper(2).id}
    with store.digests.transaction() as tx:
        assert tx.being_onboarded() == {"alice", "bob"}
        assert [tx.is_being_planned([a_paper(number).id]) for number in (2, 3)] == [True, False]
        tx.advance(begun, "alice")
    assert store.digests.being_planned("alice") == store.digests.being_planned("carol") == frozenset()
    assert store.digests.being_planned("bob") == stored
    with store.digests.transaction() as tx:
        tx.finish(begun, NOW)
        assert tx.being_onboarded() == frozenset()
        assert not tx.is_being_planned(stored)
    assert store.digests.open_runs() == ()


def test_nobody_is_onboarded_by_an_import(hand: Hand, store: Store):
    hand.keep(a_paper(1))
    with store.digests.transaction() as tx:
        assert not tx.begin_stored_run(["alice"], NOW, rule="import").sends
        assert tx.being_onboarded() == frozenset()


# --- rows -------------------------------------------------------------------------------------------------


def test_rows_are_planned_once(hand: Hand, store: Store):
    assert hand.plan(a_delivery(1), a_delivery(2)) == 2
    assert hand.plan(a_delivery(2), a_delivery(3), a_delivery(3)) == 1
    assert [row.paper[-1] for row in hand.rows()] == ["1", "2", "3"]
    with store.digests.transaction() as tx:
        keys = [a_delivery(n).key for n in (1, 2, 9)]
        assert tx.planned(keys) == {keys[0]: "pending", keys[1]: "pending"}


def test_of_many_rows_those_that_are_new_are_counted_and_each_target_keeps_their_order(hand: Hand):
    targets = [f"telegram:{number}" for number in range(9)]
    hand.plan(*(a_delivery(paper, target) for target in targets for paper in range(5, 0, -1)))
    rows = [a_delivery(paper, target) for paper in range(40, 0, -1) for target in targets]
    assert hand.plan(*rows) == 9 * 35
    for target in targets:
        papers = [row.paper for row in hand.rows() if row.target == target]
        assert papers == [a_paper(number).id for number in (5, 4, 3, 2, 1, *range(40, 5, -1))]


def test_targets_become_ready_each_at_its_own_time(hand: Hand, store: Store):
    hours = [timedelta(hours=number % 7 + 1) for number in range(100)]
    hand.plan(*(a_delivery(1, f"telegram:{n}", due_at=NOW + wait) for n, wait in enumerate(hours)))
    hand.plan(*(a_delivery(2, f"telegram:{n}", due_at=NOW + timedelta(hours=5)) for n in range(100)))
    for hour in range(1, 8):
        found = hand.claim(NOW + timedelta(hours=hour), limit=100)
        expected = [
            n for n, wait in enumerate(hours) if min(wait, timedelta(hours=5)) == timedelta(hours=hour)
        ]
        assert {claim.target.address for claim in found} == set(map(str, expected))


def test_a_row_that_was_planned_stays_as_it_was(hand: Hand):
    hand.plan(a_delivery(1))
    hand.plan(a_delivery(1, state="held", due_at=NOW + timedelta(days=1)))
    (row,) = hand.rows()
    assert (row.state, row.due_at, row.created_at) == ("pending", NOW, NOW)


def test_a_target_is_ready_when_its_first_row_is_due(hand: Hand, store: Store):
    hand.alerts(1, state="held", due_at=NOW + timedelta(hours=2))
    assert store.outbox.next_due(KINDS) == NOW + timedelta(hours=2)
    hand.alerts(2, state="held", due_at=NOW + timedelta(hours=1))
    assert store.outbox.next_due(KINDS) == NOW + timedelta(hours=1)
    hand.alerts(3, state="held", due_at=NOW + timedelta(hours=3))
    assert store.outbox.next_due(KINDS) == NOW + timedelta(hours=1)


def test_new_rows_do_not_end_a_targets_wait(hand: Hand, store: Store):
    hand.alerts(1)
    later = NOW + timedelta(minutes=30)
    hand.settle(hand.claim_one(), "pending", wait_until=later)
    hand.alerts(2)
    assert store.outbox.next_due(KINDS) == later
    assert hand.claim() == ()
    assert len(hand.claim(later)) == 1


def test_rows_planned_while_their_target_is_being_sent_to_come_next(hand: Hand, store: Store):
    hand.alerts(1)
    claim = hand.claim_one()
    hand.alerts(2)
    assert hand.claim() == ()
    assert store.outbox.next_due(KINDS) == NOW + timedelta(minutes=5)  # the lease: nothing to do before
    hand.settle(claim)
    assert store.outbox.next_due(KINDS) == NOW
    assert [row.paper for row in hand.claim_one().rows] == [a_paper(2).id]


def test_the_address_of_a_target_that_moved_is_not_taken_back(hand: Hand, store: Store):
    hand.alerts(1)
    hand.settle(hand.claim_one(), "pending", moved_to="-1009")
    hand.alerts(2)
    assert hand.claim_one().target.address == "-1009"
