"""Plans for many people, stored in columns and written out as rows after that."""

from contextlib import suppress
from datetime import timedelta

import pytest

from bot.adapters.store import Store
from bot.domain.fanout import Fanout, Way
from bot.pipeline.ports import TakenDigest
from tests.adapters.store.conftest import KINDS, Database, Hand
from tests.builders import NOW, a_delivery, a_digest, a_paper


class PlugPulled(Exception):
    """Nothing of the transaction is stored."""


PAPERS = [a_paper(1), a_paper(2), a_paper(3)]
LATER = NOW + timedelta(hours=1)


def a_fanout(*people: str) -> Fanout:
    """Each of these people, with a chat of their own, is alerted to the first and the third paper, which has a quiz;
    by mail they are told later.
    """
    count = len(people)
    chat, mail = [(), (), ("q1", "q2")], [(), (), ()]
    return Fanout(
        papers=[paper.id for paper in PAPERS],
        ways=[[Way("telegram", "pending", NOW, chat), Way("email", "held", LATER, mail)]],
        people=people,
        manners=[0] * count,
        targets=[[f"telegram:{name}", f"email:{name}@example.org"] for name in people],
        counts=[2] * count,
        found=[0, 2] * count,
        wishes=[1, 2] * count,
        names=["a", "a", 'its "b" \ud83d 中文'] * count,
        rows={("telegram", "pending"): 4 * count, ("email", "held"): 2 * count},
    )


@pytest.fixture
def fanned_out(hand: Hand, store: Store) -> Store:
    """Two parts are stored and not yet written out."""
    hand.keep(*PAPERS)
    with store.intake.transaction() as tx:
        tx.fan_out([a_fanout("alice", "bob"), a_fanout("carol")], NOW)
    return store


def keys(hand: Hand) -> list[str]:
    return [row.key.replace("arxiv:2509.1400", "") for row in hand.rows()]


def of(name: str) -> list[str]:
    return [
        *(f"telegram:{name}|{rest}" for rest in ("alert|1", "alert|3", "quiz|3|q1", "quiz|3|q2")),
        *(f"email:{name}@example.org|alert|{paper}" for paper in "13"),
    ]


def test_parts_become_rows_in_their_order_and_then_are_gone(hand: Hand, fanned_out: Store):
    assert keys(hand) == []
    assert fanned_out.outbox.write_out()
    assert sorted(keys(hand)) == sorted([*of("alice"), *of("bob")])
    assert fanned_out.outbox.write_out()
    assert sorted(keys(hand)[12:]) == sorted(of("carol"))
    assert not fanned_out.outbox.write_out()
    telegram = [key for key in keys(hand) if key.startswith("telegram:alice")]
    assert telegram == of("alice")[:4]
    rows = {(row.key.partition(":")[0], row.state, row.due_at, row.created_at) for row in hand.rows()}
    assert rows == {("telegram", "pending", NOW, NOW), ("email", "held", LATER, NOW)}


def test_what_is_not_in_rows_yet_is_counted_and_due(hand: Hand, fanned_out: Store):
    counts = fanned_out.deliveries.counts(LATER)
    assert (counts.deliveries["pending"], counts.deliveries["held"], counts.notices) == (12, 6, 6)
    assert counts.channels["telegram"] == {"pending": 12}
    assert counts.oldest_pending == timedelta(hours=1)
    assert fanned_out.outbox.next_due(KINDS) == NOW
    while fanned_out.outbox.write_out():
        pass
    after = fanned_out.deliveries.counts(LATER)
    assert (after.deliveries, after.notices) == (counts.deliveries, counts.notices)
    assert len(hand.claim()) == 3


def test_notices_are_written_out_with_the_rows(fanned_out: Store):
    assert fanned_out.shelf.notices_on("alice", [paper.id for paper in PAPERS]) == {}
    edition = fanned_out.shelf.version()
    assert fanned_out.outbox.write_out()
    noticed = fanned_out.records.notices_on("alice", [paper.id for paper in PAPERS])
    assert {paper[-1]: one.subscriptions for paper, one in noticed.items()} == {
        "1": ("a",),
        "3": ("a", 'its "b" \ud83d 中文'),
    }
    assert {one.noticed_at for one in noticed.values()} == {NOW}
    assert fanned_out.shelf.version() != edition


def test_whoever_plans_next_writes_out_first(hand: Hand, fanned_out: Store):
    hand.plan(a_delivery(9, "telegram:alice"))
    chat = [row.paper[-1] for row in hand.rows() if row.target == "telegram:alice"]
    assert chat == ["1", "3", "3", "3", "9"]
    assert not fanned_out.outbox.write_out()


def test_a_transaction_that_fails_leaves_neither_rows_nor_a_gap(hand: Hand, fanned_out: Store):
    with suppress(PlugPulled), fanned_out.intake.transaction() as tx:
        assert tx.noticed([PAPERS[0].id])
        raise PlugPulled
    assert hand.rows() == ()
    assert fanned_out.outbox.write_out()
    assert fanned_out.outbox.write_out()
    assert len(hand.rows()) == 18


def test_another_machine_writes_out_what_the_first_one_left(fanned_out: Store, database: Database):
    other = database.open()
    assert other.outbox.write_out()
    assert fanned_out.outbox.write_out()
    assert not other.outbox.write_out()
    assert len(Hand(other).rows()) == 18


def test_a_fan_out_and_its_digest_are_stored_together_or_not_at_all(hand: Hand, store: Store):
    digest = TakenDigest(name="a.md", sha256="aa", digest=a_digest(1, 2, 3))
    with suppress(PlugPulled), store.intake.transaction() as tx:
        tx.save_papers(PAPERS, NOW, changed=True)
        tx.save_digests([digest], NOW)
        tx.fan_out([a_fanout("alice")], NOW)
        raise PlugPulled
    assert not store.outbox.write_out()
    assert (store.deliveries.counts(NOW).digests, hand.rows()) == (0, ())
