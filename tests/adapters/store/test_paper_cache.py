"""Papers held ready in memory are those of the state, whoever changes it."""

from datetime import timedelta

from sqlalchemy import Connection

from bot.adapters.store.engine import reading
from bot.adapters.store.papers import PaperCache
from bot.domain.papers import PaperId
from tests.adapters.store.conftest import Database, Hand
from tests.builders import NOW, a_paper

LATER = NOW + timedelta(hours=1)


def test_what_another_process_changes_is_seen_at_once(database: Database):
    ours, other = database.open(), Hand(database.open())
    other.keep(a_paper(1), a_paper(2))
    wanted = [a_paper(1).id, a_paper(2).id]
    assert ours.papers.stored(wanted)[wanted[0]].paper == a_paper(1)
    other.keep(a_paper(1, title="Corrected"), now=LATER)
    found = ours.papers.stored(wanted)
    assert (found[wanted[0]].paper.title, found[wanted[0]].changed_at) == ("Corrected", LATER)
    assert found[wanted[1]].paper == a_paper(2)
    with other.store.digests.transaction() as tx:  # one more source changes the paper and not its day
        tx.save_papers([a_paper(2, digests=("a.md", "b.md"))], LATER, changed=False)
    assert ours.papers.newest(1)[0].paper.title == "Corrected"
    (again,) = ours.papers.stored([wanted[1]]).values()
    assert (again.paper.digests, again.changed_at) == (("a.md", "b.md"), NOW)


def test_a_change_that_was_not_committed_is_not_remembered(database: Database):
    store = database.open()
    hand = Hand(store)
    hand.keep(a_paper(1))
    store.papers.newest(1)
    try:
        with store.digests.transaction() as tx:
            tx.save_papers([a_paper(1, title="Never")], LATER, changed=True)
            raise InterruptedError
    except InterruptedError:
        pass
    assert store.papers.newest(1)[0].paper == a_paper(1)


def test_a_paper_that_stays_the_same_is_decoded_once(database: Database):
    store = database.open()
    hand = Hand(store)
    hand.keep(a_paper(1))
    (first,) = store.papers.newest(1)
    hand.keep(a_paper(2))
    assert store.papers.stored([a_paper(1).id])[a_paper(1).id] is first


def test_papers_come_with_what_was_noticed_in_one_look(database: Database):
    store = database.open()
    Hand(store).keep(a_paper(1), a_paper(2))
    with store.digests.transaction() as tx:
        tx.save_notices({"alice": {a_paper(1).id: ("b", "a")}}, tx.new_run(NOW))
    wanted = [a_paper(2).id, a_paper(1).id, PaperId("arxiv:0000.00000")]
    found = store.papers.with_notices("alice", wanted)
    assert {paper: (notice.stored.paper, notice.subscriptions) for paper, notice in found.items()} == {
        a_paper(1).id: (a_paper(1), ("b", "a")),
        a_paper(2).id: (a_paper(2), ()),
    }
    assert {notice.subscriptions for notice in store.papers.with_notices("nobody", wanted).values()} == {()}


def test_no_more_papers_are_cached_than_said(database: Database):
    store = database.open()
    Hand(store).keep(*(a_paper(number) for number in range(1, 8)))
    cache = PaperCache(most=3)
    other = PaperCache(most=3)

    def look(connection: Connection, *numbers: int) -> list[str]:
        found = cache.of(connection, "1", [a_paper(number).id for number in numbers])
        assert {stored.paper for stored in found.values()} == {a_paper(number) for number in numbers}
        return sorted(paper[-1] for paper in cache._cached)

    with reading(store._engine) as connection:
        assert [look(connection, number) for number in range(1, 8)][-1] == ["5", "6", "7"]
        assert look(connection, 2, 7) == ["2", "6", "7"]
        other.of(connection, "1", [a_paper(number).id for number in range(1, 8)])
        assert len(other._cached) == 3  # which of them come last is the database's choice
