"""The query language on the real table digests, against independent counts."""

import re
from pathlib import Path

import pytest

from bot.domain.query import Document, QueryEvaluator, match, parse
from tests.domain.query.samples import document

ROW = re.compile(
    r"^\| *(?P<title>.*?)\(Read more on .*?\)\) *\| (?P<authors>.*?) \| (?P<summary>.*) \|$", re.MULTILINE
)


@pytest.fixture(scope="module")
def papers(corpus: Path) -> list[Document]:
    """The title and the summary of most table rows, found by a pattern of its own."""
    texts = (path.read_text() for path in sorted((corpus / "tables").glob("*.md")))
    rows = (row for text in texts for row in ROW.finditer(re.sub(r"\n(?!\|)", " ", text)))
    return [document(row["title"], summaries=(row["summary"],)) for row in rows]


def count(query: str, papers: list[Document]) -> int:
    return sum(1 for _ in QueryEvaluator([parse(query)]).matches(papers))


def count_by_pattern(pattern: str, papers: list[Document], flags: int = re.IGNORECASE) -> int:
    compiled = re.compile(pattern, flags)
    return sum(any(compiled.search(part.text) for part in paper.parts) for paper in papers)


@pytest.mark.parametrize(
    ("query", "pattern"),
    [
        ("rag", r"(?<![^\W_])rags?(?![^\W_])"),
        ('"rag"', r"(?<![^\W_])rag(?![^\W_])"),
        ("large language model", r"(?<![^\W_])large[\W_]+language[\W_]+models?(?![^\W_])"),
        ("policy", r"(?<![^\W_])polic(?:y|ies)(?![^\W_])"),
        ("quantiz*", r"(?<![^\W_])quantiz"),
        ("gpt 4o", r"(?<![^\W_])gpt[\W_]+4os?(?![^\W_])"),
        ("analysis", r"(?<![^\W_])analys[ie]s(?![^\W_])"),
    ],
)
def test_a_word_is_found_as_often_as_a_pattern_finds_it(
    query: str, pattern: str, papers: list[Document]
) -> None:
    assert len(papers) > 3_000
    assert count(query, papers) == count_by_pattern(pattern, papers) > 0


def test_an_exact_word_is_found_as_often_as_its_letters(papers: list[Document]) -> None:
    assert count("=RAG", papers) == count_by_pattern(r"(?<![^\W_])RAG(?![^\W_])", papers, 0) > 0


def test_rag_is_never_found_inside_leverage(papers: list[Document]) -> None:
    inside = [
        paper
        for paper in papers
        if "leverag" in str(paper) and not re.search(r"\brags?\b", str(paper), re.IGNORECASE)
    ]
    assert inside
    assert count("rag", inside) == 0


def test_the_folded_phrase_finds_several_times_what_the_literal_one_does(papers: list[Document]) -> None:
    literal = sum(
        any("large language model" in re.split(r"\b", part.text) for part in p.parts) for p in papers
    )
    assert literal < count('"large language model"', papers) < 0.5 * count("large language model", papers)


def test_every_hit_on_real_text_folds_to_its_term(papers: list[Document]) -> None:
    query = parse("policy OR vision language model OR gpu OR hypothesis")
    seen = {
        re.sub(r"[\W_]+", " ", hit.text).lower()
        for paper in papers[:800]
        for hit in match(query, paper) or ()
    }
    assert seen <= {
        *("policy", "policies", "gpu", "gpus", "hypothesis", "hypotheses"),
        *("vision language model", "vision language models"),
    }
    assert {"policies", "gpus", "vision language models"} <= seen
