"""The cheap look never misses what the evaluation finds."""

import re
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.paper_codec import paper_text, searchable
from bot.domain.papers import Edition, Paper, Point, Summary
from bot.domain.query import Query, document_of, match, parse
from bot.domain.query.folding import plain_form
from bot.domain.query.language import atoms
from bot.domain.query.plurals import beginnings, singular
from bot.domain.search.probes import least_lacking, one_of, probed
from tests.builders import a_paper
from tests.domain.query.samples import queries

ODD = (
    "RAG",
    "rag's",
    "o'rag",
    "ra\u00adg",
    "ＲＡＧ",
    "rág",
    "𝐫𝐚𝐠",
    "x\\rag",
    'say "rag"',
    "drag",
    "rag\ufe0f",
    "🔥rag",
)
WORDS = (*ODD, "graph", "Graphs", "policies", "models", "model", "扩散", "people", "matrices", "leverage")
SIGNS = (" ", "-", "_", "\n", "\t", "’", "'", ", ", "\\", "/", "\x07", "\ufe0f", "\u200d", "中")
NEEDLES = (
    "rag",
    "RAG",
    "=RAG",
    "rag*",
    '"rag"',
    "graph",
    "policy",
    "model",
    "person",
    "matrix",
    "扩散",
    "lever*",
)


def texts() -> st.SearchStrategy[str]:
    pieces = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(SIGNS)), max_size=5)
    return pieces.map(lambda pairs: "".join(word + sign for word, sign in pairs))


def papers() -> st.SearchStrategy[Paper]:
    return st.builds(
        lambda title, summary, point, author: a_paper(
            title=title or "T",
            authors=(author,),
            summaries=(Summary(text=summary, source="a.md"),),
            editions=(
                Edition(
                    language="en", points=(Point(label="x", text=point),), drawing='<svg a="rag">\n</svg>'
                ),
            ),
        ),
        texts(),
        texts(),
        texts(),
        texts(),
    )


def could(query: Query, paper: Paper) -> bool:
    text = searchable(paper_text(paper))
    ready = probed(text) if text is not None else None
    return ready is None or least_lacking(query.root)(ready) == 0


@given(papers(), st.sampled_from(NEEDLES))
def test_what_matches_passes_whatever_signs_stand_around(paper: Paper, needle: str):
    query = parse(needle)
    if match(query, document_of(paper)) is not None:
        assert could(query, paper)


@given(
    papers(), st.lists(st.sampled_from(NEEDLES), min_size=2, max_size=4), st.sampled_from((" AND ", " OR "))
)
def test_what_matches_a_longer_query_passes(paper: Paper, needles: list[str], operator: str):
    query = parse(operator.join(dict.fromkeys(needles)))
    if match(query, document_of(paper)) is not None:
        assert could(query, paper)


@given(
    queries(), st.lists(st.sampled_from(("graph", "Graphs", "neural", "RAG", "policies", "Gas")), max_size=6)
)
def test_no_random_query_misses(query: Query, words: list[str]):
    paper = a_paper(title=" ".join(words) or "T", authors=("Ada Graph",), summaries=())
    if match(query, document_of(paper)) is not None:
        assert could(query, paper)


@given(st.from_regex(r"[a-z]{1,12}(s|es|ies|ices|yses|xes)?", fullmatch=True))
def test_every_word_has_one_of_the_beginnings_of_its_singular(word: str):
    assert any(word.startswith(beginning) for beginning in beginnings(singular(word)))


@pytest.mark.parametrize(
    ("word", "plural"), [("person", "people"), ("mouse", "mice"), ("corpus", "corpora"), ("index", "indices")]
)
def test_odd_plurals_are_thought_of(word: str, plural: str):
    assert any(plural.startswith(beginning) for beginning in beginnings(word))


def test_no_sign_that_stands_for_an_ideograph_is_sure_to_be_something_else():
    variants = [sign for sign in map(chr, range(0x110000)) if unicodedata.decomposition(sign)]
    folded = [(sign, plain_form(sign)) for sign in variants]
    ideographs = [(sign, word) for sign, word in folded if re.search("[\u3400-\u4dbf\u4e00-\u9fff]", word)]
    assert len(ideographs) > 1000
    assert all(probed(sign) is None or could(parse(word), a_paper(title=sign)) for sign, word in ideographs)


def test_a_paper_without_the_ideographs_asked_for_does_not_pass():
    assert could(parse("扩散模型"), a_paper(title="一种扩散模型"))
    assert not could(parse("扩散模型"), a_paper(title="一种语言模型"))
    assert not could(parse("扩散*"), a_paper(title="A diffusion model"))


@pytest.mark.parametrize("text", ["leverage", "storage of graphs", "dragging"])
def test_the_inside_of_a_word_does_not_pass(text: str):
    assert not could(parse("rag"), a_paper(title=text, authors=(), summaries=()))


def test_a_drawing_is_not_looked_at():
    drawn = replace(
        a_paper(title="T", authors=(), summaries=()),
        editions=(
            Edition(language="en", drawing="<svg>rag</svg>"),
            Edition(language="zh", drawing="<svg>rag</svg>"),
        ),
    )
    assert not could(parse("rag"), drawn)


def test_lacking_counts_terms_as_missing_does():
    lacking = least_lacking(parse("alpha AND beta AND (gamma OR delta) AND NOT graph").root)
    assert lacking("graph") == 3
    assert lacking("alpha delta") == 1
    assert lacking("alpha beta gamma graph") == 0


def test_one_of_asks_for_any_word():
    has = one_of(tuple(atoms(parse("graph neural OR title:rag").root)))
    assert has("neural things")
    assert has("rag")
    assert not has("leverage")


def test_words_of_alphabets_that_no_probe_knows_always_pass():
    assert could(parse("модель"), a_paper(title="A model"))
