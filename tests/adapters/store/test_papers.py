"""The papers and what was noticed, as they are read."""

import itertools
from datetime import date, timedelta

import pytest

from bot.adapters.store import Store
from bot.adapters.store.papers import paper_of
from bot.domain.errors import RecordDamaged
from bot.domain.papers import PaperId
from bot.pipeline.ports.papers import NoticedPaper, ReadDigest, StoredPaper
from tests.adapters.store.conftest import Hand
from tests.builders import NOW, a_digest, a_paper, a_quiz, an_edition

DAY = date(2026, 9, 18)
LATER = NOW + timedelta(hours=1)


def notice(store: Store, *papers: int, subscriber: str = "alice", names: tuple[str, ...] = ("a",)) -> None:
    with store.digests.transaction() as tx:
        tx.save_notices({subscriber: {a_paper(paper).id: names for paper in papers}}, tx.new_run(NOW))


def test_papers_come_newest_day_first_and_then_in_the_digests_order(hand: Hand, store: Store):
    hand.keep(a_paper(3), a_paper(1), a_paper(9, date=None), a_paper(5, date=DAY - timedelta(days=1)))
    hand.keep(a_paper(2), a_paper(7, date=DAY + timedelta(days=1)))
    order = [stored.paper.id[-1] for stored in store.papers.newest(10)]
    assert order == ["7", "3", "1", "2", "5", "9"]
    assert [paper.id[-1] for paper in store.papers.every_paper()] == order
    assert [stored.paper.id[-1] for stored in store.papers.newest(2)] == ["7", "3"]
    assert [stored.paper.id[-1] for stored in store.papers.newest(2, 3)] == ["2", "5"]


def test_a_day_has_its_own_papers_and_those_that_its_digests_named(hand: Hand, store: Store):
    hand.keep(a_paper(3), a_paper(1), a_paper(9, date=None), a_paper(5, date=DAY - timedelta(days=1)))
    later = DAY + timedelta(days=1)
    with store.digests.transaction() as tx:
        for name, named, day in (("a.md", (1, 3), DAY), ("b.md", (3, 5), later), ("c.md", (5,), later)):
            digest = a_digest(*named, day=day)
            tx.save_digests([ReadDigest(name=name, sha256=name, digest=digest)], NOW)
    assert list(store.papers.days().items()) == [
        (later, 2),
        (DAY, 2),
        (DAY - timedelta(days=1), 1),
        (None, 1),
    ]
    by_day = {day: [stored.paper.id[-1] for stored in store.papers.on_day(day)] for day in (DAY, later)}
    assert by_day == {DAY: ["3", "1"], later: ["3", "5"]}
    assert [stored.paper.id[-1] for stored in store.papers.undated(10)] == ["9"]
    assert store.papers.on_day(later + timedelta(days=1)) == ()


def test_a_paper_that_changes_keeps_its_place_and_its_first_day(hand: Hand, store: Store):
    hand.keep(a_paper(1), a_paper(2))
    hand.keep(a_paper(1, title="Corrected"), now=LATER)
    first, _ = store.papers.newest(2)
    assert first == StoredPaper(paper=a_paper(1, title="Corrected"), first_seen_at=NOW, changed_at=LATER)


def test_a_paper_that_is_only_seen_again_did_not_change(hand: Hand, store: Store):
    hand.keep(a_paper(1))
    with store.digests.transaction() as tx:
        tx.save_papers([a_paper(1, digests=("a.md", "b.md"))], LATER, changed=False)
    (stored,) = store.papers.newest(1)
    assert (stored.changed_at, stored.paper.digests) == (NOW, ("a.md", "b.md"))


def test_papers_are_found_by_their_ids_however_many(hand: Hand, store: Store):
    many = [a_paper(n) for n in range(1, 1203)]
    hand.keep(*many)
    found = store.papers.stored([paper.id for paper in many] + [PaperId("arxiv:0000.00000")])
    assert {paper_id: stored.paper for paper_id, stored in found.items()} == {p.id: p for p in many}
    with store.digests.transaction() as tx:
        assert tx.papers(paper.id for paper in many) == {paper.id: paper for paper in many}
    assert store.papers.stored([]) == {}


def test_what_was_noticed_comes_newest_first_for_each_person(hand: Hand, store: Store):
    hand.keep(a_paper(1), a_paper(2), a_paper(3, date=DAY + timedelta(days=1)))
    notice(store, 1, 3, names=("b", "a"))
    notice(store, 2, subscriber="bob")
    assert [
        (match.stored.paper.id[-1], match.subscriptions) for match in store.papers.noticed("alice", 5)
    ] == [
        ("3", ("b", "a")),
        ("1", ("b", "a")),
    ]
    assert len(store.papers.noticed("alice", 1)) == 1
    assert store.papers.noticed("carol", 5) == ()
    assert store.papers.noticed("bob", 5) == (
        NoticedPaper(
            stored=StoredPaper(paper=a_paper(2), first_seen_at=NOW, changed_at=NOW), subscriptions=("a",)
        ),
    )


def test_a_notice_takes_the_newest_list_of_subscriptions(hand: Hand, store: Store):
    hand.keep(a_paper(1))
    notice(store, 1, names=("a",))
    notice(store, 1, names=("a", "b"))
    assert store.papers.notices_on("alice", [a_paper(1).id, a_paper(2).id]) == {a_paper(1).id: ("a", "b")}
    with store.digests.transaction() as tx:
        assert tx.notices([a_paper(1).id]) == {"alice": {a_paper(1).id: ("a", "b")}}


def test_the_edition_changes_whenever_papers_or_notices_do(hand: Hand, store: Store):
    editions = [store.papers.version()]
    for change in (
        lambda: hand.keep(a_paper(1)),
        lambda: hand.keep(a_paper(1, title="Corrected")),
        lambda: notice(store, 1),
        lambda: notice(store, 1, names=("a", "b")),
        lambda: hand.keep(a_paper(2)),
    ):
        change()
        editions.append(store.papers.version())
    assert all(edition != other for edition, other in itertools.combinations(editions, 2))


def test_of_many_notices_each_has_the_names_it_was_given_last(hand: Hand, store: Store):
    numbers = range(1, 151)
    hand.keep(*map(a_paper, numbers))
    notice(store, *numbers)
    notice(store, *numbers[50:], names=("a", 'its "b"', "中文"))
    with store.digests.transaction() as tx:
        found = tx.notices(a_paper(number).id for number in numbers)
    assert [found["alice"][a_paper(number).id] for number in (1, 50)] == [("a",), ("a",)]
    assert {found["alice"][a_paper(number).id] for number in numbers[50:]} == {("a", 'its "b"', "中文")}


def test_the_edition_stays_while_nothing_changes(hand: Hand, store: Store):
    hand.keep(a_paper(1))
    before = store.papers.version()
    hand.alerts(1)
    hand.send()
    with store.digests.transaction() as tx:
        tx.register({"alice": ""}, 3, NOW)
        tx.save_papers([], NOW, changed=True)
        tx.save_notices({}, tx.new_run(NOW))
    assert store.papers.version() == before


def test_digests_papers_questions_and_files_are_counted(hand: Hand, store: Store):
    with store.digests.transaction() as tx:
        tx.save_papers(
            [a_paper(1, editions=(an_edition(quiz=a_quiz()), an_edition("zh", quiz=a_quiz())))],
            NOW,
            changed=True,
        )
        tx.save_digests([ReadDigest(name="a.md", sha256="aa", digest=a_digest(1, 2))], NOW)
    counts = store.deliveries.counts(NOW)
    assert (counts.digests, counts.entries, counts.papers, counts.quizzes) == (1, 2, 1, 3)


@pytest.mark.parametrize(
    "content", ["", '{"title": "Secret words"', '{"title": "Secret words"}', '["Secret"]']
)
def test_a_paper_that_cannot_be_read_is_named_without_its_text(content: str):
    with pytest.raises(RecordDamaged, match=r"arxiv:2509\.00001.*backup") as raised:
        paper_of("arxiv:2509.00001", content)
    assert "Secret" not in str(raised.value)
    assert raised.value.__suppress_context__
