"""The index gives exactly what the plain evaluation gives, whatever was added and removed before."""

import random
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bot.domain.errors import IndexUnusable
from bot.domain.query import Document, Query, QueryEvaluator, excluding, parse
from bot.domain.query.index.arrays import HashMap, Rows
from bot.domain.query.index.atoms import FIRST_NODE, Atoms, Complex, clauses_of
from bot.domain.query.index.index import Index
from bot.domain.query.index.occurrences import Batch
from bot.domain.query.syntax import Not
from tests.domain.query.samples import document, documents, queries


def plain_matches(found: list[Query], papers: list[Document]) -> list[tuple[int, int]]:
    return list(QueryEvaluator(found).matches(papers))


@given(st.lists(queries(), max_size=12), st.lists(documents(), max_size=5))
def test_the_index_gives_the_matches_of_the_plain_evaluation(
    found: list[Query], papers: list[Document]
) -> None:
    assert list(Index(found).matches(papers)) == plain_matches(found, papers)


@pytest.mark.parametrize(
    "text",
    [
        "rag",
        "title:rag OR author:ghanem",
        '"language models" OR "language model"',
        "=RAG AND NOT =rag",
        '"large" language =Model',
        "lang* model",
        "vision lang*",
        "quant* NEAR/3 mod*",
        "large NEAR/2 model AND NOT rag NEAR/1 system",
        "扩散模型 AND NOT 系统",
        "扩散* OR source:tables/2025",
        "author:(ada OR =Ghanem OR gha*)",
        "a b c d e f g h i j k l m n o p",
        " OR ".join(f"w{n}" for n in range(500)) + " OR rag",
        " AND ".join(f"(w{n} OR rag)" for n in range(100)),
        " AND ".join(f"(w{n} OR rag OR model)" for n in range(40)) + " AND NOT (x AND y)",
        "rag AND " + " AND ".join(f"NOT w{n}" for n in range(100)),
        "(rag AND model) OR (rag AND NOT model) OR zebra",
        "(rag OR model) AND (rag OR language)",
        "rag NOT (model NOT language)",
    ],
)
def test_every_kind_of_query_is_found_like_without_the_index(text: str) -> None:
    papers = [
        document(
            "A RAG system for Large Language Models", authors=("Bernard Ghanem",), sources=("tables/2025.md",)
        ),
        document("Vision language", summaries=("The language model, quantized models: 扩散模型RAG系统",)),
        document("rag", summaries=("a b c d e f g h i j k l m n o p",), authors=("Ada",)),
        document("large small model", points=("large language", "model"), authors=("GHANEM",)),
        document(""),
    ]
    query = parse(text)
    assert list(Index([query]).matches(papers)) == plain_matches([query], papers)


def choices(count: int) -> str:
    """So many choices of two words each."""
    return " AND ".join(f"(a{number} OR b{number})" for number in range(count))


@pytest.mark.parametrize(
    ("text", "is_indexed"),
    [
        ("x AND (y OR z)", True),
        (f"x AND {choices(6)}", True),  # 64 clauses
        (f"x AND {choices(7)}", False),
        (" OR ".join(f"w{number}" for number in range(64)), True),
        (" OR ".join(f"w{number}" for number in range(65)), False),
        (f"x AND (y OR {choices(7)})", False),
        (" AND ".join(f"w{number}" for number in range(32)), True),
        (" AND ".join(f"w{number}" for number in range(33)), False),
    ],
)
def test_a_query_with_few_enough_alternatives_and_words_is_decided_by_its_words_alone(
    text: str, is_indexed: bool
) -> None:
    atoms = [atom for clause in clauses_of(parse(text).root) for atom, _ in clause]
    assert any(isinstance(atom, Complex) for atom in atoms) != is_indexed


def test_an_alternative_that_asks_for_more_than_another_is_left_out() -> None:
    clauses = clauses_of(parse("(rag OR model) AND (rag OR language)").root)
    assert sorted(map(len, clauses)) == [1, 2]


@pytest.mark.parametrize(
    ("limit", "most"), [("MOST_PAPERS", 40), ("MOST_PIECES", 200), ("_MASKS_AT_ONCE", 20)]
)
def test_many_papers_take_several_batches(limit: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    papers = [document(f"paper w{number} w{number % 7} x{number % 90}") for number in range(150)]
    texts = ["paper NOT w3", "pap*", "w3 NEAR/2 x80", "w1 OR paper OR x5", "paper w1* x8*", '"w2" x2* OR w9']
    found = [parse(text) for text in (*(f"w{number}" for number in range(150)), *texts)]
    expected = plain_matches(found, papers)
    assert list(Index(found).matches(papers)) == expected
    monkeypatch.setattr(f"bot.domain.query.index.index.{limit}", most)
    assert list(Index(found).matches(papers)) == expected


@pytest.mark.parametrize(("limit", "most"), [("MOST_PAPERS", 40), ("MOST_PIECES", 355)])
def test_a_batch_takes_no_more_papers_and_no_more_words_than_fit_in_memory(
    limit: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    class Sized(Batch):
        def __init__(self, documents: Sequence[Document], *parts: Any) -> None:
            sizes.append(len(documents))
            super().__init__(documents, *parts)

    monkeypatch.setattr("bot.domain.query.index.index.Batch", Sized)
    monkeypatch.setattr(f"bot.domain.query.index.index.{limit}", most)
    list(Index([parse("paper")]).matches([document("a paper w1") for _ in range(100)]))
    assert sizes == [40, 40, 20]


def test_long_words_and_texts_without_blanks_are_found_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.domain.query.vocabulary.MOST_PIECES", 30)
    long = "x" * 500
    papers = [
        document(
            f"{long} {long}y a-{long}-b",
            summaries=("扩散模型" * 30 + "RAG系统", f"w{number} — graphs+models"),
        )
        for number in range(40)
    ]
    texts = [
        long,
        f"{long[:80]}*",
        "模型 rag",
        "扩散模型扩散",
        f"a {long} b",
        "w7",
        "graph model",
        '"w1*"',
        "w1*",
    ]
    found = [parse(text) for text in texts]
    index = Index(found)
    for _ in range(2):
        assert list(index.matches(papers)) == plain_matches(found, papers)


def test_the_query_language_alone_needs_no_numpy() -> None:
    code = "import sys, bot.domain.query; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_beginnings_of_half_the_vocabulary_are_found_in_bounded_time() -> None:
    papers = [document(summaries=(" ".join(f"st{number}" for number in range(20_000)),)), document("stop")]
    found = [parse(text) for text in ("st*", "st1* NEAR/2 st2*", "st* st19999", "sto*")]
    assert list(Index(found).matches(papers)) == [(0, 0), (1, 0), (2, 0), (0, 1), (3, 1)]


def test_no_papers_and_no_queries_give_no_matches() -> None:
    assert list(Index().matches([document("rag")])) == []
    assert list(Index([parse("rag")]).matches([])) == []
    assert len(Index([parse("rag")])) == 1


def test_a_removed_query_is_never_found_and_its_handle_is_given_out_again() -> None:
    index = Index([parse("rag"), parse("rag"), parse("model")])
    index.remove(0)
    assert list(index.matches([document("rag model")])) == [(1, 0), (2, 0)]
    assert len(index) == 2
    for handle in (0, 3, -1):
        with pytest.raises(KeyError):
            index.remove(handle)
    assert index.add(parse("title:rag")) == 0
    assert index.add(parse("nothing")) == 3
    assert list(index.matches([document("rag model")])) == [(0, 0), (1, 0), (2, 0)]


def test_a_query_that_excludes_all_it_asks_for_is_never_found() -> None:
    base = parse("rag OR model")
    query = excluding(base, (parse("x"), parse("y z")))
    index = Index([query])
    assert list(index.matches([document("rag y"), document("rag y z"), document("model x")])) == [(0, 0)]


def test_a_query_that_only_excludes_is_refused_and_leaves_nothing_behind() -> None:
    index = Index()
    before = index.to_bytes()
    with pytest.raises(ValueError, match="only excludes"):
        index.add(Query(root=Not(atom=parse("rag").root), text="NOT rag"))
    assert index.to_bytes() == before


def test_what_is_remembered_of_complex_terms_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.domain.query.index.index._MOST_TESTS", 2)
    found = [parse(f"{beginning}* neural") for beginning in ("gr", "gra", "grap", "graph", "graphs")]
    papers = [document("graph neural"), document("grain neural graph")]
    expected = [(0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (1, 1)]
    assert list(Index(found).matches(papers)) == plain_matches(found, papers) == expected


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(1, 9), st.sampled_from(("a", "b", "c d", '"b" a'))),
        max_size=6,
    ),
    st.lists(st.text(alphabet="abcd ", max_size=40), max_size=4),
)
def test_words_near_each_other_are_found_within_one_part_only(
    pairs: list[tuple[str, int, str]], texts: list[str]
) -> None:
    found = [parse(f"{left} NEAR/{far} {right}") for left, far, right in pairs]
    papers = [document(text, summaries=(text[::-1],), points=(text[5:],)) for text in texts]
    assert list(Index(found).matches(papers)) == plain_matches(found, papers)


def test_words_just_as_far_apart_as_asked_are_near() -> None:
    queries = [parse("graph NEAR/2 neural"), parse("neural NEAR/2 graph")]
    papers = [document("graph for neural"), document("graph for two neural")]
    assert list(Index(queries).matches(papers)) == plain_matches(queries, papers)
    assert {paper for _, paper in Index(queries).matches(papers)} == {0}


def test_papers_seen_before_meet_queries_that_came_later() -> None:
    papers = [document("quantized policies", authors=("Ada Model",))]
    index = Index([parse("other")])
    assert list(index.matches(papers)) == []
    later = ["policy", '"policies"', "quant*", "=policies", "author:ada", "quantized NEAR/1 policy"]
    handles = [index.add(parse(text)) for text in later]
    assert list(index.matches(papers)) == [(handle, 0) for handle in handles]
    for handle in handles:
        index.remove(handle)
    assert list(index.matches(papers)) == []


@given(st.lists(queries(), max_size=8), st.lists(queries(), max_size=8), st.randoms(use_true_random=False))
def test_removing_what_was_added_restores_the_saved_bytes(
    kept: list[Query], added: list[Query], source: random.Random
) -> None:
    index = Index(kept)
    before = index.to_bytes()
    handles = [index.add(query) for query in added]
    source.shuffle(handles)
    for handle in handles:
        index.remove(handle)
    assert index.to_bytes() == before


@given(st.lists(queries(), min_size=1, max_size=8), st.lists(documents(), max_size=3))
def test_a_loaded_index_is_the_saved_one(found: list[Query], papers: list[Document]) -> None:
    index = Index(found)
    index.remove(0)
    data = index.to_bytes(stamp="today")
    for copy in (data, bytearray(data)):
        loaded = Index.from_bytes(copy, stamp="today")
        assert len(loaded) == len(index) == len(found) - 1
        assert list(loaded.matches(papers)) == list(index.matches(papers))
        assert loaded.to_bytes(stamp="today") == data
        assert loaded.add(found[0]) == 0
        assert list(loaded.matches(papers)) == plain_matches(found, papers)


def test_a_loaded_index_knows_the_beginnings_that_are_asked_for() -> None:
    texts = ("lang*", "langu*", "graph")
    papers = [document("Language of graphs"), document("Langur")]
    loaded = Index.from_bytes(Index([parse(text) for text in texts]).to_bytes())
    assert list(loaded.matches(papers)) == [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1)]
    loaded.remove(1)
    assert list(loaded.matches(papers)) == [(0, 0), (2, 0), (0, 1)]
    loaded.remove(0)
    assert list(loaded.matches(papers)) == [(2, 0)]


def test_a_saved_index_that_cannot_be_trusted_is_refused() -> None:
    data = Index([parse("rag AND model"), parse("graph NEAR/3 neural")]).to_bytes(stamp="a")
    with pytest.raises(IndexUnusable, match="other subscriptions"):
        Index.from_bytes(data, stamp="b")
    for index in range(0, len(data), 7):
        damaged = bytearray(data)
        damaged[index] ^= 1
        with pytest.raises(IndexUnusable):
            Index.from_bytes(damaged, stamp="a")
    for end in (0, 5, 18, 100, len(data) - 1):
        with pytest.raises(IndexUnusable):
            Index.from_bytes(data[:end], stamp="a")


def test_an_index_of_other_folding_rules_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = Index([parse("rag")]).to_bytes()
    monkeypatch.setattr("bot.domain.query.index.storage.RULES", "others")
    with pytest.raises(IndexUnusable, match="another version"):
        Index.from_bytes(data)


class Changes(RuleBasedStateMachine):
    """Queries come and go, papers are matched, the index is saved and loaded."""

    @initialize()
    def begin(self) -> None:
        self.index = Index()
        self.live: dict[int, Query] = {}

    @rule(query=queries())
    def add(self, query: Query) -> None:
        handle = self.index.add(query)
        assert handle not in self.live
        self.live[handle] = query

    @rule(source=st.randoms(use_true_random=False))
    def remove(self, source: random.Random) -> None:
        if self.live:
            handle = source.choice(sorted(self.live))
            self.index.remove(handle)
            del self.live[handle]

    @rule(papers=st.lists(documents(), min_size=1, max_size=2))
    def match(self, papers: list[Document]) -> None:
        handles = sorted(self.live)
        expected = plain_matches([self.live[handle] for handle in handles], papers)
        assert list(self.index.matches(papers)) == [(handles[query], paper) for query, paper in expected]

    @rule()
    def save_and_load(self) -> None:
        self.index = Index.from_bytes(self.index.to_bytes())

    @invariant()
    def holds_as_many_as_are_live(self) -> None:
        assert len(self.index) == len(self.live)


TestChanges = Changes.TestCase
TestChanges.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)


def test_many_queries_that_come_and_go_leaves_nothing_behind() -> None:
    source = random.Random(5)
    texts = [
        f"{source.choice('abcdefgh')}{source.randrange(300)} {source.choice(('AND', 'OR', 'AND NOT'))} x{n % 50}"
        for n in range(3000)
    ]
    found = list(map(parse, texts))
    index = Index()
    empty = index.to_bytes()
    papers = [
        document(" ".join(source.choices("abcdefgh", k=3)) + f" x{n} a{n} b{n} c{2 * n}") for n in range(40)
    ]
    handles = [index.add(query) for query in found]
    assert list(index.matches(papers)) == plain_matches(found, papers)
    for handle in handles[::2]:
        index.remove(handle)
    expected = [(query, paper) for query, paper in plain_matches(found, papers) if query % 2]
    assert list(index.matches(papers)) == expected
    for handle in handles[1::2]:
        index.remove(handle)
    assert index.to_bytes() == empty


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 400)), max_size=1500))
@settings(max_examples=30)
def test_the_hash_table_holds_what_a_dictionary_holds(changes: list[tuple[bool, int]]) -> None:

    entries = HashMap(np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int32))
    held: dict[int, int] = {}
    for step, (adds, number) in enumerate(changes):
        key = number << 40 | 1
        if adds and key not in held:
            entries.add(key, step)
            held[key] = step
        elif not adds and key in held:
            entries.remove(key)
            del held[key]
    keys = [number << 40 | 1 for number in range(400)]
    assert entries.find(np.array(keys, dtype=np.uint64)).tolist() == [held.get(key, -1) for key in keys]
    assert [entries.get(key) for key in keys] == [held.get(key, -1) for key in keys]


def test_keys_that_want_one_slot_are_found_when_others_of_it_are_gone() -> None:
    keys = [number << 40 | 1 for number in range(120)]
    entries = HashMap(np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int32))
    for number, key in enumerate(keys):
        entries.add(key, number)
    for key in keys[::3]:
        entries.remove(key)
    expected = [-1 if number % 3 == 0 else number for number in range(120)]
    assert entries.find(np.array(keys, dtype=np.uint64)).tolist() == expected
    assert [entries.get(key) for key in keys] == expected


def test_the_hash_table_answers_while_it_moves_to_a_larger_one() -> None:
    entries = HashMap(np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int32))
    for number in range(1, 150):
        entries.add(number, number)
    for number in range(1, 150, 3):
        entries.remove(number)
    expected = [-1 if number % 3 == 1 else number for number in range(1, 150)]
    assert entries.find(np.arange(1, 150, dtype=np.uint64)).tolist() == expected
    assert [entries.get(number) for number in range(1, 150)] == expected


def empty() -> np.ndarray:
    return np.zeros(0, dtype=np.int32)


def test_blocks_of_rows_shrink_when_rows_go_and_are_used_again() -> None:
    rows = Rows(empty(), empty(), empty())
    for target in range(64):
        rows.add(0, target, 0)
    for target in range(60):
        rows.remove(0, target)
    block = 1 << rows._block_bits.cells[0] >> 1
    assert 4 <= block <= 16
    size = len(rows.targets.array)
    for target in range(16):
        rows.add(1, target, 0)
    assert len(rows.targets.array) == size
    positions, counts = rows.positions_of(np.array([0, 1]))
    assert counts.tolist() == [4, 16]
    assert sorted(rows.targets.array[positions].tolist()) == sorted([*range(60, 64), *range(16)])


def test_blocks_that_rows_outgrew_are_used_again() -> None:
    rows = Rows(empty(), empty(), empty())
    sizes = []
    for node in range(9):
        for target in range(64):
            rows.add(node, target, 0)
        for target in range(64):
            rows.remove(node, target)
        sizes.append(len(rows.targets.array))
    assert len(set(sizes)) == 1


def test_the_depth_of_a_node_is_its_number_of_words() -> None:
    zeros = np.zeros(FIRST_NODE, dtype=np.int32)
    parents, labels, uses = (
        np.append(zeros, cells).astype(np.int32) for cells in ((0, FIRST_NODE), (1, 2), (2, 1))
    )
    atoms = Atoms(["graph", "neural"], parents, labels, uses)
    assert atoms.depths(np.array([0, FIRST_NODE, FIRST_NODE + 1])).tolist() == [0, 1, 2]
