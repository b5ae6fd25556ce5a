"""What a query says, in which spelling, and what is wrong with those that say nothing."""

import pickle

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.domain.errors import QuerySyntaxError
from bot.domain.query import Query, author_query, excluding, implies, parse
from bot.domain.query.syntax import Near, Phrase, atoms
from tests.domain.query.samples import queries, query_texts, sound


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("Diffusion   Models", "diffusion model"),
        ("a b AND c OR d", "a b AND c OR d"),
        ("d OR c AND NOT b", "c AND NOT b OR d"),
        ("a AND (c OR b)", "a AND (b OR c)"),
        ("((a))", "a"),
        ("a AND (b AND (c AND a))", "a AND b AND c"),
        ("NOT NOT a", "a"),
        ("a AND NOT (b OR c)", "a AND NOT b AND NOT c"),
        ("a AND NOT (b AND c)", "(NOT b OR NOT c) AND a"),
        ("a NOT b", "a AND NOT b"),
        ("title:graph neural", "title:graph neural"),
        ("Title : x", "title x"),
        ("TITLE: graph OR b", "b OR title:graph"),
        ("title:(a OR summary)", "title:a OR title:summary"),
        ("title:(title:a AND b)", "title:a AND title:b"),
        ("author: Ada Williams", 'author:"ada williams"'),
        ("source:tables/2025-09-18.md", 'source:"tables 2025 09 18 md"'),
        ('"large language" models', '"large language" model'),
        ('"a" "b" c', '"a b" c'),
        ("“curly quotes”", '"curly quotes"'),
        ("=RAG system", '="RAG" system'),
        ('="Tree of Thoughts"', '="Tree" ="of" ="Thoughts"'),
        ("=don’t", '="don\'t"'),
        ("quantiz*", "quantiz*"),
        ("Vision-Lang*", "vision lang*"),
        ("扩散*", "扩 散"),
        ("扩散模型 OR RAG系统", "rag 系 统 OR 扩 散 模 型"),
        ("（扩散 OR 模型）", "扩 散 OR 模 型"),
        ("neural NEAR/5 graph", "graph NEAR/5 neural"),
        ("title:graph nets NEAR/3 title:neural", "title:(graph net NEAR/3 neural)"),
        ("a NOT b NEAR/2 c", "a AND NOT (b NEAR/2 c)"),
        ("and or not", "and or not"),
        ('"AND"', '"and"'),
        ("=AND", '="AND"'),
        ("ANDROID", "android"),
        ("C++", "c++"),
        ('"A* search"', '"a search"'),
        ("question & answer", None),
        ("- - vision – language -", "vision language"),
        ("ｗｉｄｅ　ｗｏｒｄｓ", "wide word"),
        ("a OR NOT b AND c", "a OR c AND NOT b"),
        ("(a OR NOT b) AND c", "(a OR NOT b) AND c"),
    ],
)
def test_a_query_says_the_same_as_its_canonical_spelling(text: str, canonical: str | None) -> None:
    if canonical is None:
        with pytest.raises(QuerySyntaxError):
            parse(text)
        return
    query = parse(text)
    assert query.canonical == canonical
    assert query.text == text
    assert parse(canonical) == query


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("", 0, "empty"),
        ("   ", 0, "empty"),
        ("-- …", 0, "no word"),
        ('a AND ""', 6, "no word between"),
        ("a AND !?", 6, "no word in"),
        ("a AND", 5, "ends"),
        ("AND a", 0, "missing before AND"),
        ("a AND OR b", 6, "missing before OR"),
        ("(a OR b", 0, "never closed"),
        ("a OR (b AND (c)", 5, "never closed"),
        ("a) OR b", 1, "closes nothing"),
        ("a ()", 2, "AND or OR before"),
        ("()", 0, "nothing between"),
        ("a OR ()", 5, "nothing between"),
        ("a (b OR c)", 2, "AND or OR before"),
        ("(a) b", 4, "AND or OR before b"),
        ("a title:b", 2, "AND or OR before title:"),
        ('a "b', 2, "never closed"),
        ("titel:x", 0, "did you mean title:"),
        ("a OR autor: x", 5, "did you mean author:"),
        ("http://arxiv.org", 0, "the fields are title:, author:, summary:, source:"),
        ("title:", 6, "ends"),
        ("title:AND", 6, "missing"),
        ("title:(author:x)", 7, "could never match"),
        ("title:title:x", 6, "missing"),
        ("q*", 0, "2 letters"),
        ("vision-l*", 7, "2 letters"),
        ("*", 0, "beginning of a word"),
        ("abc-*", 3, "right before"),
        ("a*b", 1, "only end a word"),
        ("=quant*", 6, "exact"),
        ("=", 0, "right behind"),
        ("= RAG", 0, "right behind"),
        ("a NEAR b", 2, "NEAR/5"),
        ("a NEAR/0 b", 7, "distance from 1"),
        ("a NEAR/999 b", 7, "distance from 1"),
        ("a NEAR/" + "9" * 5000 + " b", 7, "distance from 1"),
        ("NEAR/5 a", 0, "missing before NEAR/5"),
        ("a NEAR/5", 8, "ends"),
        ("a NEAR/5 (b OR c)", 9, "no groups"),
        ("(a OR b) NEAR/5 c", 9, "no groups"),
        ("a NEAR/5 b NEAR/5 c", 11, "joins two"),
        ("title:a NEAR/5 author:b", 15, "same field|never match"),
        ("-survey", 0, "NOT survey"),
        ("a | b", 2, "OR instead"),
        ("a && b", 2, "AND instead"),
        ("NOT survey", 4, "only excludes"),
        ("a OR NOT b", 9, "only excludes"),
        ("NOT (a AND b)", 5, "only excludes"),
        ("NOT a AND NOT b", 4, "only excludes"),
        ("rag AND NOT rag", 12, "nothing could match"),
        ('"rag" AND NOT rag', 14, "nothing could match"),
        ("rags NOT rag", 9, "nothing could match"),
        ("graph neural AND NOT graph", 21, "nothing could match"),
        ("title:x AND NOT x", 16, "nothing could match"),
        ("=RAG NOT ra*", 9, "nothing could match"),
        ("(a AND b OR a AND c) AND NOT a", 29, "nothing could match"),
        ("a AND (b AND NOT a OR c AND NOT a)", 17, "nothing could match"),
        ("a NEAR/3 b NOT a NEAR/5 b", 15, "nothing could match"),
        ("a\x00b", 1, "U\\+0000"),
        ("ab \ud800", 3, "U\\+D800"),
        ("a\x1b[0m", 1, "U\\+001B"),
        ("x" * 20_001, 20_000, "20000 characters"),
        (" OR ".join(["a"] * 10_000), 20_000, "20000 characters"),
        (" OR ".join(f"a{n}" for n in range(1001)), 7890, "1000 words"),
        ("(" * 1000 + "a" + ")" * 1000, 50, "nested 50 deep"),
        ("NOT " * 4001 + "a", 4001 * 4, "only excludes"),
    ],
)
def test_a_query_that_cannot_be_used_is_refused_with_its_place(text: str, position: int, words: str) -> None:
    with pytest.raises(QuerySyntaxError, match=words) as caught:
        parse(text)
    assert caught.value.position == position


@pytest.mark.parametrize(
    "text",
    [
        "rag AND NOT =RAG",
        'policies NOT "policy"',
        "x AND NOT title:x",
        "graph NOT graph neural",
        "a NEAR/5 b NOT a NEAR/3 b",
        "quant* NOT quantize",
        "(a OR b) AND NOT a",
        "NOT " * 4000 + "a",
        "x" * 20_000,
        "(" * 50 + "a" + ")" * 50,
        " OR ".join(f"a{n}" for n in range(1000)),
        " AND ".join(f"(a{n} OR b{n})" for n in range(500)),
        "\u202eשלום עולם\u202c AND مرحبا",
    ],
)
def test_a_query_at_the_edge_is_accepted(text: str) -> None:
    assert parse(text)


def test_small_operators_are_words_and_named() -> None:
    query = parse("graph and neural")
    assert query.canonical == "graph and neural"
    assert query.small_operators == ("and",)
    assert not parse('"graph and neural"').small_operators


def test_queries_that_say_the_same_are_equal() -> None:
    assert parse("b AND a") == parse("(a AND b) AND A")
    assert hash(parse("policies")) == hash(parse("Policy"))
    assert parse("policies") != parse('"policies"')
    assert len({parse("a OR b"), parse("B  OR  a"), parse("a AND b")}) == 2


def test_terms_keep_the_letters_and_the_order_of_the_query() -> None:
    query = parse('title:( Zebras OR "Big  Apes" ) AND ant NEAR/3  =Bee AND NOT cat')
    assert [atom.written for atom in atoms(query.root)] == ["Zebras", '"Big  Apes"', "ant NEAR/3  =Bee"]


def test_an_author_is_followed_by_the_exact_name() -> None:
    query = author_query("Ada  Williams")
    assert query == parse('author:"ada williams"') == parse(query.text)
    assert [atom.written for atom in atoms(query.root)] == ["Ada Williams"]
    assert author_query("xin-ops_1").canonical == 'author:"xin ops 1"'
    with pytest.raises(QuerySyntaxError, match="no word"):
        author_query("  ?! ")


def test_exclusions_are_taken_from_a_query() -> None:
    query = excluding(parse("a OR b"), (parse("survey"), parse("title:(x AND y)")))
    assert query == parse("(a OR b) AND NOT survey AND NOT (title:x AND title:y)")
    assert parse(query.text) == query
    assert excluding(parse("a"), ()) == parse("a")
    with pytest.raises(QuerySyntaxError, match="medical is excluded"):
        excluding(parse("medical imaging"), (parse("medical"),))


@pytest.mark.parametrize(
    ("first", "second", "follows"),
    [
        ("graph neural network", "neural networks", True),
        ("graph neural", "neural graph", False),
        ("=RAG", '"rag"', True),
        ('"rag"', "=RAG", False),
        ('"rags"', "rag", True),
        ("rag", '"rag"', False),
        ('"quantizes"', "quant*", True),
        ("quantiz*", "quant*", True),
        ("quant*", "quantiz*", False),
        ("title:a", "a", True),
        ("a", "title:a", False),
        ("author:a", "a", False),
        ("a NEAR/2 b", "b NEAR/3 a", True),
        ("a b NEAR/2 c", "b", True),
        ("a", "a NEAR/2 b", False),
    ],
)
def test_a_term_implies_another(first: str, second: str, follows: bool) -> None:
    term, other = parse(first).root, parse(second).root
    assert isinstance(term, Phrase | Near)
    assert isinstance(other, Phrase | Near)
    assert implies(term, other) is follows


@given(st.one_of(st.text(), query_texts(), st.text(alphabet='ab =*"()NOTADER/5:\x00é扩')))
@example("NEAR/5")
@example("=*")
@example('"')
@example("title:=*")
def test_any_text_is_a_query_or_an_error_with_a_place_in_it(text: str) -> None:
    query = sound(text)
    if query is None:
        with pytest.raises(QuerySyntaxError, match=r".") as caught:
            parse(text)
        assert 0 <= caught.value.position <= len(text)
    else:
        assert parse(query.canonical) == query
        assert parse(query.canonical).canonical == query.canonical


@given(queries())
def test_a_query_survives_pickling(query: Query) -> None:
    assert pickle.loads(pickle.dumps(query)) == query


def test_contradictions_of_giant_queries_are_looked_for_in_bounded_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bot.domain.query.syntax.MAX_COMPARED", 10)
    with pytest.raises(QuerySyntaxError, match="nothing could match"):
        parse("a NOT a")
    assert parse(" AND ".join(f"a{n}" for n in range(20)) + " NOT a19")
