"""Which papers a query matches, and the words that explain it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.papers import Edition, Paper, PaperId, Point, Summary
from bot.domain.query import Document, Hit, Query, QueryEvaluator, document_of, match, missing, parse
from bot.domain.query.documents import SCOPES, Scope
from bot.domain.query.evaluation import HitFinder, decided_by_folded_words
from bot.domain.query.folding import words
from bot.domain.query.needs import AllOf, AnyOf, ButNot, Need, Term, bounds_of, need_but_for_one, need_of
from bot.domain.query.syntax import And, Near, Node, Not, Or, Phrase, Word, atoms
from tests.domain.query.samples import (
    document,
    documents,
    has,
    odd_documents,
    odd_queries,
    plain_documents,
    queries,
)

HALA = document(
    "Hala: Building Arabic-Centric Instruction & Translation Models at Scale",
    authors=("Bernard Ghanem", "Łukasz O'Brien", "codecaution"),
    summaries=(
        "We leverage a RAG pipeline. The graph of neural policies, a vision–language model's core, is quantized.",
        "Deep graph convolutional neural networks; 扩散模型RAG系统 naïve.",
    ),
    points=("Core idea: fine-tuned LLMs", "结果: 更好"),
    sources=("tables/2025-09-18.md", "002_7448.txt"),
)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("rag", ["RAG", "RAG"]),
        ("leverage", ["leverage"]),
        ("lever", None),
        ("arabic centric instructions", ["Arabic-Centric Instruction"]),
        ("instruction translation", ["Instruction & Translation"]),
        ("vision language models", ["vision–language model"]),
        ('"vision language model"', ["vision–language model"]),
        ('"vision language models"', None),
        ("visionlanguage", None),
        ("policy", ["policies"]),
        ('"policy"', None),
        ("NAIVE", ["naïve"]),
        ("=RAG", ["RAG", "RAG"]),
        ("=rag", None),
        ("=neural network", ["neural networks"]),
        ('="neural network"', None),
        ("=neural networks", ["neural networks"]),
        ("quant*", ["quantized"]),
        ("quantized*", ["quantized"]),
        ("quantizer*", None),
        ("neural poli*", ["neural policies"]),
        ("neur* policy", ["neural policies"]),
        ("gra* of neural", ["graph of neural"]),
        ('"graph" of =neural polic*', ["graph of neural policies"]),
        ("pipeline the", ["pipeline. The"]),
        ("scale we", None),
        ("core core", None),
        ("扩散模型", ["扩散模型"]),
        ("散模", ["散模"]),
        ("模型 RAG 系统", ["模型RAG系统"]),
        ("更好 OR 不好", ["更好"]),
        ("fine tuned llm", ["fine-tuned LLMs"]),
        ("graph NEAR/2 neural", ["graph of neural", "graph convolutional neural"]),
        ("neural NEAR/2 graph", ["graph of neural", "graph convolutional neural"]),
        ("graph NEAR/1 neural", None),
        ("deep graph NEAR/2 neural networks", ["Deep graph convolutional neural networks"]),
        ("neural NEAR/3 neural", None),
        ("a NEAR/9 a", ["a RAG pipeline. The graph of neural policies, a"]),
        ("title: model", ["Models"]),
        ("title: graph", None),
        ("summary: instruction", None),
        ("summary: (graph AND rag)", ["RAG", "graph", "graph", "RAG"]),
        ("author: ghanem", ["Ghanem"]),
        ("author: lukasz obrien", ["Łukasz O'Brien"]),
        ("author: codecautions", None),
        ("author: ghanem lukasz", None),
        ("ghanem", None),
        ("source: tables/2025-09-18.md", ["tables/2025-09-18.md"]),
        ("source: 2025", ["2025"]),
        ("source: table", None),
        ("md", None),
        ("(agent OR policy) AND NOT survey", ["policies"]),
        ("rag AND NOT graph", None),
        ("(hala AND nothing) OR deep", ["Deep"]),
        ("hala AND (x OR NOT y)", ["Hala"]),
        ("hala AND NOT (x AND graph)", ["Hala"]),
    ],
)
def test_a_query_finds_these_words(query: str, found: list[str] | None) -> None:
    hits = match(parse(query), HALA)
    assert (None if hits is None else [hit.text for hit in hits]) == found
    found_alike(parse(query), HALA)
    decided_alike(parse(query), HALA)


def test_a_hit_names_its_term_its_field_and_its_place() -> None:
    hits = match(parse("title: Models OR author:Ghanem OR LLM"), HALA)
    assert hits == (
        Hit(term="Models", field="title", part=0, start=56, end=62, text="Models"),
        Hit(term="Ghanem", field="authors", part=0, start=8, end=14, text="Ghanem"),
        Hit(term="LLM", field="points", part=0, start=22, end=26, text="LLMs"),
    )
    second = match(parse("naive"), HALA)
    assert second is not None
    assert (second[0].field, second[0].part) == ("summary", 1)


def test_hits_are_bounded_and_every_term_keeps_its_first() -> None:
    long = document("a " * 500 + "b", summaries=("c " * 500,))
    hits = match(parse("a OR b OR c"), long)
    assert hits is not None
    assert len(hits) == 40
    assert {hit.term for hit in hits} == {"a", "b", "c"}
    assert [hit.term for hit in match(parse("a OR b OR c"), long, limit=2) or ()] == ["a", "b"]
    assert [hit.start for hit in hits if hit.term == "a"] == sorted(
        {hit.start for hit in hits if hit.term == "a"}
    )


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("rag", ()),
        ("rag AND agent", ("agent",)),
        ("rag AND Agents AND tool use", ("Agents", "tool use")),
        ("(agent AND tool AND x) OR (rag AND survey)", ("survey",)),
        ("rag AND NOT graph", ("NOT graph",)),
        ("NOT (graph AND rag) AND quant*", ("NOT graph",)),
        ("zebra NEAR/5  ant AND title: rag", ("zebra NEAR/5  ant", "rag")),
    ],
)
def test_a_near_miss_names_as_few_lacking_terms_as_possible(query: str, terms: tuple[str, ...]) -> None:
    assert missing(parse(query), HALA) == terms


def test_many_queries_meet_many_papers() -> None:
    others = [HALA, document("A graph"), document("Nothing of the kind")]
    evaluator = QueryEvaluator([parse("graph"), parse("kind"), parse("title:graph OR rag")])
    assert list(evaluator.matches(others)) == [(0, 0), (2, 0), (0, 1), (2, 1), (1, 2)]
    assert list(QueryEvaluator([]).matches(others)) == []


def test_a_document_is_shown_with_its_texts() -> None:
    assert repr(document("Hala")) == "Document(texts=(('Hala',), (), (), (), ()))"


def test_a_paper_is_searched_in_all_it_says() -> None:
    paper = Paper(
        id=PaperId("arxiv:2509.14008"),
        title="Hala",
        authors=("Ada", "Bob"),
        summaries=(Summary(text="one", digest="a.md"), Summary(text="two", digest="b.md")),
        editions=(
            Edition(language="en", points=(Point(label="💡 Idea", text="three"),)),
            Edition(language="zh", points=(Point(label="", text="四"),)),
        ),
        digests=("a.md", "b.md"),
    )
    assert [(part.field, part.number, part.text) for part in document_of(paper).parts] == [
        ("title", 0, "Hala"),
        ("authors", 0, "Ada"),
        ("authors", 1, "Bob"),
        ("summary", 0, "one"),
        ("summary", 1, "two"),
        ("points", 0, "💡 Idea: three"),
        ("points", 1, "四"),
        ("source", 0, "a.md"),
        ("source", 1, "b.md"),
    ]


def naive(node: Node, paper: Document) -> bool:
    """The language by its definition, word by word."""
    match node:
        case Not():
            return not naive(node.atom, paper)
        case And():
            return all(naive(child, paper) for child in node.children)
        case Or():
            return any(naive(child, paper) for child in node.children)
        case Phrase():
            return any(naive_starts(node.words, text) for text in naive_texts(node.scope, paper))
        case Near():
            return any(naive_near(node, text) for text in naive_texts(node.scope, paper))


def naive_texts(scope: str, paper: Document) -> list[str]:
    fields = {"": ("title", "summary", "points"), "author": ("authors",)}.get(scope, (scope,))
    return [part.text for part in paper.parts if part.field in fields]


def naive_starts(wanted: tuple[Word, ...], text: str) -> list[int]:
    layers = {"folded": "folded", "plain": "plain", "exact": "exact", "prefix": "plain"}
    columns = [words(text, layers[word.mode]) for word in wanted]  # type: ignore[arg-type]
    return [
        start
        for start in range(len(columns[0]) - len(wanted) + 1)
        if all(
            column[start + offset].startswith(word.text)
            if word.mode == "prefix"
            else column[start + offset] == word.text
            for offset, (word, column) in enumerate(zip(wanted, columns, strict=True))
        )
    ]


def naive_near(near: Near, text: str) -> bool:
    def close(first: tuple[Word, ...], second: tuple[Word, ...]) -> bool:
        return any(
            0 < after - (before + len(first) - 1) <= near.distance
            for before in naive_starts(first, text)
            for after in naive_starts(second, text)
        )

    return close(near.left, near.right) or close(near.right, near.left)


@given(queries(), documents())
def test_a_match_is_what_the_definition_says(query: Query, paper: Document) -> None:
    expected = naive(query.root, paper)
    hits = match(query, paper)
    assert (hits is not None) is expected
    assert list(QueryEvaluator([query]).matches([paper])) == [(0, 0)] * expected
    assert (missing(query, paper) == ()) is expected
    if hits is not None:
        assert hits
        assert len(set(hits)) == len(hits)


@given(queries(), documents())
def test_every_hit_holds_the_words_of_the_paper(query: Query, paper: Document) -> None:
    for hit in match(query, paper) or ():
        (part,) = (part for part in paper.parts if (part.field, part.number) == (hit.field, hit.part))
        assert part.text[hit.start : hit.end] == hit.text
        assert words(hit.text, "plain")


@given(
    queries(),
    documents(),
    st.sampled_from((str.upper, str.title, lambda text: re.sub(r"[ -]", "\u2011", text))),
)
def test_case_and_hyphens_of_the_paper_make_no_difference(query: Query, paper: Document, change) -> None:
    if "=" in query.canonical:
        return
    other = document(
        *(change(part.text) for part in paper.parts if part.field == "title"),
        **{
            key: tuple(change(part.text) for part in paper.parts if part.field == field)
            for key, field in (
                ("authors", "authors"),
                ("summaries", "summary"),
                ("points", "points"),
                ("sources", "source"),
            )
        },
    )
    assert (match(query, paper) is None) == (match(query, other) is None)


def test_a_beginning_that_half_the_vocabulary_has_is_found_in_bounded_time() -> None:
    long = document(summaries=(" ".join(f"st{number}" for number in range(20_000)),))
    assert 20 < len(match(parse("st* NEAR/5 st1*"), long) or ()) <= 40
    assert match(parse(" ".join(["st*"] * 100)), long)


@given(queries(), documents())
def test_what_matches_has_the_words_that_are_needed(query: Query, document: Document):
    need = need_of(query.root)
    assert need is None or match(query, document) is None or has(need, document)


@given(odd_queries(), odd_documents())
def test_what_matches_among_odd_texts_has_them_too(query: Query, document: Document):
    need = need_of(query.root)
    assert need is None or match(query, document) is None or has(need, document)


@given(st.one_of(queries(), odd_queries()), st.one_of(documents(), odd_documents()))
def test_what_has_the_words_that_suffice_matches(query: Query, document: Document):
    certain = bounds_of(query.root).certain
    assert certain is None or not has(certain, document) or match(query, document) is not None


@given(st.one_of(queries(), odd_queries()), st.one_of(documents(), odd_documents(), plain_documents()))
def test_patterns_find_the_hits_that_words_give(query: Query, document: Document):
    found_alike(query, document)


@pytest.mark.parametrize(
    "query", ["a NEAR/2 b", "b a NEAR/3 a", "ab* NEAR/2 c", '"a" NEAR/1 b', "=A NEAR/2 =b", "a bc* c"]
)
@given(text=st.lists(st.sampled_from(("a", "a", "A", "b", "abc", "c", "bcd")), max_size=12).map(" ".join))
def test_patterns_find_what_stands_near(query: str, text: str):
    found_alike(parse(query), document(text, summaries=(text[::-1], f"{text}é")))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ('"graph" NEAR/2 "neural"', ["Graph of neural", "neural and graph"]),
        ("=Graph NEAR/1 =of", ["Graph of"]),
        ('"neural policies" NEAR/1 "and"', None),
        ('"absent" NEAR/2 "neural"', None),
        ('"policies" NEAR/3 "absent"', None),
        ("polic* neural", ["policies, neural"]),
        ("polic* NEAR/1 neural", ["neural policies", "policies, neural"]),
        ('"café" NEAR/2 "and"', ["café… and"]),
        ("o'brien", ["O'Brien"]),
        ("a =Graph", ["a Graph"]),
        ("=a graph", ["a Graph"]),
        ("C++ OR C+++", ["C++"]),
    ],
)
def test_patterns_find_these_words(query: str, found: list[str] | None):
    paper = document(
        "Graph of neural policies, neural and graph", summaries=("O'Brien and C++", "café… and", "— a Graph")
    )
    hits = match(parse(query), paper)
    assert (None if hits is None else [hit.text for hit in hits]) == found
    found_alike(parse(query), paper)


def found_alike(query: Query, document: Document) -> None:
    hits, finder = match(query, document), HitFinder(query, many=True)
    assert finder.matches(document) is (hits is not None)
    if hits is not None:
        assert finder.hits(document) == hits
        assert finder.reasons(document) == list(
            dict.fromkeys((hit.term, hit.field, hit.text) for hit in hits)
        )
        assert HitFinder(query, many=True, limit=2).hits(document) == match(query, document, limit=2)


@pytest.mark.parametrize(
    ("query", "bounds"),
    [
        ("graph", ("graph", "graph")),
        ("gra* OR neural", ("gra* or neural", "gra* or neural")),
        ("studi*", (None, "stud*")),
        ("graph neural", ("graph neural", "graph neural")),
        ("graph neur*", ("graph neur*", "graph neur*")),
        ("graph studi*", (None, "graph stud*")),
        ("stu* graph neural", (None, "graph and neural and stu*")),
        ('"graph neural"', (None, "graph neural")),
        ("author:ada lovelace", (None, "ada lovelace")),
        ("author:ada", (None, "ada")),
        ("author:ad*", ("ad*", "ad*")),
        ("graph neural NEAR/3 cat", (None, "cat and graph neural")),
        ('graph AND "neural"', (None, "graph and neural")),
        ('graph OR "neural"', ("graph", "graph or neural")),
        ("graph AND NOT cat", ("graph but not cat", "graph but not cat")),
        ('graph AND NOT "cat"', ("graph but not cat", "graph")),
        ("graph AND NOT si*", (None, "graph")),
        ("graph OR (cat AND NOT a NEAR/2 b)", ("cat but not a and b or graph", "cat or graph")),
        ("x" * 101, (None, "x" * 101)),
    ],
)
def test_what_suffices_and_what_is_needed(query: str, bounds: tuple[str | None, str]):
    assert tuple(map(said, bounds_of(parse(query).root))) == bounds


def said(need: Need | None) -> str | None:
    match need:
        case None:
            return None
        case Term():
            return need.text + "*" * need.is_prefix
        case ButNot():
            return f"{said(need.need)} but not {said(need.barred)}"
        case AllOf():
            return " and ".join(sorted(str(said(part)) for part in need.needs))
        case AnyOf():
            return " or ".join(sorted(str(said(part)) for part in need.needs))


def test_what_only_excludes_needs_nothing():
    assert need_of(parse("graph OR NOT (graph AND robot) AND model").root) is not None
    assert need_of(Not(atom=next(atoms(parse("graph").root)))) is None


def test_a_beginning_that_may_be_any_words_needs_nothing():
    assert need_of(parse("si*").root) is None
    assert need_of(parse("si* graph").root) == Term(("title", "summary", "points"), "graph", False)


def test_of_two_terms_and_of_alternatives_any_may_be_lacking():
    assert (
        said(need_but_for_one(parse("(graph AND cat) OR (rag AND model)").root))
        == "cat or graph or model or rag"
    )


def test_of_many_terms_any_may_be_lacking():
    few, many = (" AND ".join(f"word{number}" for number in range(count)) for count in (16, 17))
    assert need_but_for_one(parse(few).root) is not None
    assert need_but_for_one(parse(many).root) is None


@given(queries(), documents())
def test_folded_words_alone_decide_what_they_are_said_to(query: Query, document: Document):
    decided_alike(query, document)


@given(odd_queries(), odd_documents())
def test_folded_words_of_odd_texts_decide_it_too(query: Query, document: Document):
    decided_alike(query, document)


def decided_alike(query: Query, document: Document) -> None:
    words = document.folded_words()
    assert match(query, Document(texts=document.texts, words=words)) == match(query, document)
    if decided_by_folded_words(query.root):
        assert (match(query, Document(words=words)) is None) == (match(query, document) is None)
        assert missing(query, Document(words=words)) == missing(query, document)


def test_quotes_beginnings_and_names_take_more_than_folded_words():
    decided = {
        text: decided_by_folded_words(parse(text).root)
        for text in (
            "graph model",
            "graph NEAR/2 model AND NOT cat",
            '"graph"',
            "=Graph",
            "gra* OR author:gha* OR graph NEAR/2 mod*",
            "studi*",
            "author:ada",
        )
    }
    assert list(decided.values()) == [True, True, False, False, True, False, False]


class PartlyAtHand(Document):
    """A document that has the first texts of its title and summaries at hand."""

    def texts_at_hand(self, scope: Scope) -> tuple[list[str], bool]:
        texts = [part.text for part in self.parts if part.field in SCOPES[scope]]
        first = texts[:2] if scope in ("", "title", "summary") else []
        return first, first == texts


def decides_alike_at_hand(query: Query, document: Document) -> None:
    finder = HitFinder(query, many=True)
    assert finder.matches(PartlyAtHand(texts=document.texts)) == (match(query, document) is not None)


@given(st.one_of(queries(), odd_queries()), st.one_of(documents(), odd_documents(), plain_documents()))
def test_texts_at_hand_change_no_decision(query: Query, document: Document):
    decides_alike_at_hand(query, document)


@pytest.mark.parametrize("query", ['"models"', "=Graph", '"graph theory"', "title:=Graph", '"é"', "=Nowhere"])
@pytest.mark.parametrize(
    "texts", [("Graph", ()), ("A", ("models", "Graph theory")), ("é", ("graph",)), ("", ("Models", "é", "x"))]
)
def test_a_word_is_looked_for_in_all_texts(query: str, texts: tuple[str, tuple[str, ...]]):
    title, summaries = texts
    decides_alike_at_hand(parse(query), document(title, summaries=summaries))
