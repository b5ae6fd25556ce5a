"""A list of queries that is matched, changed in place, saved and loaded."""

import threading
from collections.abc import Sequence
from operator import attrgetter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.domain.errors import IndexUnusable
from bot.domain.matcher import PreparedQueries
from bot.domain.query import Document, Query, QueryEvaluator, parse
from bot.domain.query.index.index import Index, PersistentIndex
from tests.domain.query.samples import document, documents, queries

PAPERS = [document("model"), document("rag model"), document("zebra")]


def parsed(*texts: str) -> list[Query]:
    return [parse(text) for text in texts]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three queries are many."""
    monkeypatch.setattr("bot.domain.matcher.INDEXED_FROM", 3)


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> list[Query]:
    """Every query that any index takes in from now on."""
    seen: list[Query] = []
    add = Index.add

    def recorded(self: Index, query: Query) -> int:
        seen.append(query)
        return add(self, query)

    monkeypatch.setattr(Index, "add", recorded)
    return seen


@pytest.mark.usefixtures("few")
def test_many_queries_get_an_index_when_they_are_first_asked_and_few_never_do() -> None:
    many, two = (
        PreparedQueries(parsed("rag", "title:model NOT rag", "x")),
        PreparedQueries(parsed("rag", "model NOT rag")),
    )
    assert many.index is None
    assert many.matches(PAPERS) == two.matches(PAPERS) == [(0, 1), (1, 0)]
    assert len(many.index or ()) == 3
    assert two.index is None


@pytest.mark.usefixtures("few")
def test_another_list_takes_the_index_over_and_adds_only_what_is_new(added: list[Query]) -> None:
    before = PreparedQueries(parsed("rag", "model", "zebra", "rag"))
    before.matches(PAPERS)
    index = before.index
    added.clear()
    after = before.changed_to(parsed("title:zebra", "rag", "model OR x", "zebra", "rag"))
    assert after.index is index
    assert [query.text for query in added] == ["title:zebra", "model OR x"]
    assert after.matches(PAPERS) == [(0, 2), (1, 1), (2, 0), (2, 1), (3, 2), (4, 1)]


@pytest.mark.usefixtures("few")
def test_a_list_whose_index_was_taken_over_still_answers_as_before() -> None:
    before = PreparedQueries(parsed("rag", "model", "zebra"))
    found = before.matches(PAPERS)
    after = before.changed_to(parsed("zebra", "rag", "other"))
    assert before.matches(PAPERS) == found
    assert before.index is not after.index


@pytest.mark.usefixtures("few")
def test_lists_grow_to_an_index_and_shrink_from_it() -> None:
    small = PreparedQueries(parsed("rag"))
    small.matches(PAPERS)
    large = small.changed_to(parsed("rag", "model", "zebra"))
    assert large.matches(PAPERS) == [(0, 1), (1, 0), (1, 1), (2, 2)]
    assert large.changed_to(parsed("zebra")).matches(PAPERS) == [(0, 2)]
    assert PreparedQueries([]).changed_to(parsed("rag")).matches(PAPERS) == [(0, 1)]


@pytest.mark.usefixtures("few")
def test_a_change_waits_for_the_match_that_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    matching = PreparedQueries(parsed("rag", "model", "zebra"))
    matching.matches(PAPERS)
    begun, go_on = threading.Event(), threading.Event()
    whole = PersistentIndex.hits

    def slow(self: PersistentIndex, papers: Sequence[Document]) -> object:
        begun.set()
        go_on.wait(10)
        return whole(self, papers)

    monkeypatch.setattr(PersistentIndex, "hits", slow)
    found: list[list[tuple[int, int]]] = []
    asking = threading.Thread(target=lambda: found.append(matching.matches(PAPERS)))
    asking.start()
    begun.wait(10)
    changing = threading.Thread(target=lambda: matching.changed_to(parsed("x", "y", "z")))
    changing.start()
    changing.join(0.05)
    assert changing.is_alive()
    go_on.set()
    asking.join()
    changing.join()
    assert found == [[(0, 1), (1, 0), (1, 1), (2, 2)]]


@pytest.mark.usefixtures("few")
def test_whoever_files_the_queries_is_asked_once(added: list[Query]) -> None:
    asked: list[Sequence[Query]] = []

    def build_index(found: Sequence[Query]) -> PersistentIndex:
        asked.append(found)
        return PersistentIndex(found)

    matching = PreparedQueries(parsed("rag", "model", "zebra"), build_index)
    matching.matches(PAPERS)
    matching.changed_to(parsed("rag", "model", "x")).matches(PAPERS)
    assert len(asked) == 1
    assert len(added) == 4


canonical = attrgetter("canonical")
Lists = st.lists(queries(), max_size=8)


@given(Lists, Lists, Lists, st.lists(documents(), max_size=3))
@example([], parsed("graph", "graph"), [], [document("x"), document("graph"), document("graph")])
def test_an_index_that_was_changed_saved_and_loaded_is_that_of_the_list(
    first: list[Query], second: list[Query], third: list[Query], papers: list[Document]
) -> None:
    index = PersistentIndex(first)
    index.change(second)
    assert list(index.matches(papers)) == sorted(QueryEvaluator(second).matches(papers))
    data = index.to_bytes()
    same = PersistentIndex.from_bytes(data, second)
    assert same.is_saved
    assert same.to_bytes() == data
    other = PersistentIndex.from_bytes(data, third)
    assert other.is_saved == (sorted(map(canonical, second)) == sorted(map(canonical, third)))
    assert list(other.matches(papers)) == sorted(QueryEvaluator(third).matches(papers))
    assert len(other) == len(third)


def test_a_loaded_index_takes_in_only_what_the_saved_one_lacks(added: list[Query]) -> None:
    data = PersistentIndex(parsed("rag", "model", "rag", "x y")).to_bytes()
    added.clear()
    loaded = PersistentIndex.from_bytes(data, parsed("model", "rag"))
    assert list(loaded.matches(PAPERS)) == [(0, 0), (0, 1), (1, 1)]
    assert not loaded.is_saved
    assert added == []
    data = loaded.to_bytes()
    assert PersistentIndex.from_bytes(data, parsed("model", "rag")).is_saved


def test_changing_back_restores_the_bytes() -> None:
    index = PersistentIndex(parsed("rag", "model NEAR/3 x", "quant*"))
    before = index.to_bytes()
    assert index.change(parsed("rag", "a", "b", "c", "quant*")) == 4
    assert index.change(parsed("rag", "model NEAR/3 x", "quant*")) == 4
    assert index.to_bytes() == before


def test_a_saved_list_that_cannot_be_trusted_is_refused() -> None:
    found = parsed("rag", "model", "graph NEAR/3 neural")
    data = PersistentIndex(found).to_bytes()
    for index in range(0, len(data), 3):
        damaged = bytearray(data)
        damaged[index] ^= 4
        with pytest.raises(IndexUnusable):
            PersistentIndex.from_bytes(damaged, found)
    for end in (0, 4, 8, 50, 64, 200, len(data) - 1):
        with pytest.raises(IndexUnusable):
            PersistentIndex.from_bytes(data[:end], found)
