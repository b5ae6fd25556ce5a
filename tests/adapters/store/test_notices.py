"""What was noticed for whom, as it is stored, against a plain dictionary."""

from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters.store import Store
from bot.domain.notices import Rarity
from bot.domain.papers import PaperId
from bot.pipeline.ports.papers import NoticeRecord
from tests.adapters.store.conftest import Database, Hand
from tests.builders import NOW, a_paper

PAPERS = [a_paper(number) for number in range(1, 7)]
IDS = [paper.id for paper in PAPERS]
PEOPLE = ("alice", "bob", 'c "[1],2"')
some_names = st.lists(
    st.sampled_from(["agents", 'its "b", [7]', "中文", "1", "half \ud83d"]),
    min_size=1,
    max_size=3,
    unique=True,
).map(tuple)
some_notices = st.dictionaries(
    st.sampled_from(PEOPLE), st.dictionaries(st.sampled_from(IDS), some_names, max_size=4), min_size=1
)

Told = dict[PaperId, tuple[str, ...]]


def notice(store: Store, noticed: dict[str, Told], now: datetime = NOW) -> None:
    with store.digests.transaction() as tx:
        known = tx.notices(IDS, noticed)
        new: dict[str, Told] = defaultdict(dict)
        extended: dict[str, Told] = defaultdict(dict)
        for name, papers in noticed.items():
            for paper, names in papers.items():
                (extended if paper in known.get(name, {}) else new)[name][paper] = names
        tx.save_notices(new, tx.new_run(now), extended=extended)


def test_what_was_noticed_before_keeps_its_moment_and_gets_its_new_names(hand: Hand, store: Store):
    hand.keep(*PAPERS)
    paper, another = IDS[:2]
    later = NOW + timedelta(days=1)
    notice(store, {"alice": {paper: ("a",)}, "bob": {paper: ("b",)}})
    notice(store, {"alice": {paper: ("a", "c"), another: ("c",)}}, later)
    assert store.digests.notice_records("alice", IDS) == {
        paper: NoticeRecord(subscriptions=("a", "c"), noticed_at=NOW),
        another: NoticeRecord(subscriptions=("c",), noticed_at=later),
    }
    assert store.digests.notice_records("bob", IDS) == {
        paper: NoticeRecord(subscriptions=("b",), noticed_at=NOW)
    }
    assert store.deliveries.counts(later).notices == 3


def test_one_digest_gives_everybody_one_row(hand: Hand, store: Store, database: Database):
    hand.keep(*PAPERS)
    notice(store, {name: dict.fromkeys(IDS, ("a",)) for name in PEOPLE})
    with database.open()._engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM notices").scalar() == len(PEOPLE)
    assert store.deliveries.counts(NOW).notices == len(PEOPLE) * len(IDS)


@given(st.lists(some_notices, min_size=1, max_size=5))
@settings(max_examples=20, deadline=None)
def test_whatever_is_noticed_when_is_found_as_a_dictionary_has_it(times: list[dict[str, Told]]):
    with TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{Path(folder, 'state.sqlite3')}")
        with store.digests.transaction() as tx:
            tx.save_papers(PAPERS, NOW, changed=True)
        known: defaultdict[str, Told] = defaultdict(dict)
        for noticed in times:
            notice(store, noticed)
            for name, papers in noticed.items():
                known[name].update(papers)
        with store.digests.transaction() as tx:
            found = tx.notices(IDS)
            of_two = tx.notices(IDS[:2])
        assert found == {name: papers for name, papers in known.items() if papers}
        assert of_two == {
            name: kept
            for name, papers in known.items()
            if (kept := {paper: names for paper, names in papers.items() if paper in IDS[:2]})
        }
        for name in PEOPLE:
            assert store.papers.notices_on(name, IDS) == known[name]
            assert {
                match.stored.paper.id: match.subscriptions for match in store.papers.noticed(name, 99)
            } == known[name]
            assert store.papers.rarity(name) == rarity(known[name])
        assert store.deliveries.counts(NOW).notices == sum(map(len, known.values()))
        store.close()


def rarity(told: Told) -> Rarity:
    every = [name for names in told.values() for name in names]
    return Rarity(counts={name: every.count(name) for name in every}, notices=len(told))
