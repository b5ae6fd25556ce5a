"""Papers and questions as text, and back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.store.papers import paper_json, paper_of, question_of, question_text
from bot.domain.flowchart import Flowchart
from bot.domain.papers import Edition, Links, Paper, PaperId, Point, Question, Summary
from tests.adapters.store.conftest import Hand
from tests.builders import a_paper, a_question, a_quiz, an_edition

TEXT = st.text(alphabet=st.characters(), max_size=8)
MAYBE = st.none() | TEXT


@st.composite
def questions(draw: st.DrawFn) -> Question:
    options = tuple(draw(st.lists(TEXT, min_size=1, max_size=4)))
    source = draw(st.sampled_from([None, "key", "inferred"]))
    return Question(
        question=draw(TEXT),
        options=options,
        answer=draw(st.integers(0, len(options) - 1)) if source else None,
        answer_source=source,
        confidence=draw(st.none() | st.floats(0, 1)),
        confident=source == "inferred" and draw(st.booleans()),
    )


def several(values: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(values, max_size=2).map(tuple)


PAPERS = st.builds(
    Paper,
    id=st.just(PaperId("arxiv:2509.14008")),
    title=TEXT,
    authors=several(TEXT),
    summaries=several(st.builds(Summary, text=TEXT, digest=TEXT)),
    published=st.none() | st.dates(),
    date=st.none() | st.dates(),
    latest=st.none() | st.dates(),
    categories=several(TEXT),
    comment=MAYBE,
    score=MAYBE,
    links=st.builds(Links, abs=MAYBE, pdf=MAYBE, huggingface=MAYBE, code=MAYBE, other=several(TEXT)),
    flowchart=st.none() | st.builds(Flowchart, text=MAYBE, drawing=MAYBE),
    editions=several(
        st.builds(
            Edition,
            language=TEXT,
            title=MAYBE,
            summary=MAYBE,
            points=several(st.builds(Point, label=TEXT, text=TEXT)),
            quiz=several(questions()),
        )
    ),
    digests=several(TEXT),
)


@given(PAPERS)
def test_any_paper_comes_back_as_it_was(paper: Paper):
    assert paper_of(paper.id, paper_json(paper).decode()) == paper


@given(questions())
def test_any_question_comes_back_as_it_was(question: Question):
    assert question_of(question_text(question)) == question


def test_text_is_compact_and_readable():
    text = paper_json(a_paper(title="中文 “quoted”")).decode()
    assert "中文 “quoted”" in text
    assert ": " not in text.split('"summaries"')[0]
    assert json.loads(text)["date"] == "2026-09-18"


@pytest.mark.parametrize(
    "odd", ["\ud800 alone", "bell \x07", "line \u2028 break", "'; DROP TABLE papers; --"]
)
def test_odd_texts_survive_the_state(hand: Hand, odd: str):
    paper = a_paper(title=odd, editions=(an_edition(quiz=(*a_quiz(1), a_question(odd, answer=None))),))
    hand.keep(paper)
    assert hand.store.papers.newest(1)[0].paper == paper
