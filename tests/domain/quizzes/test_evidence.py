"""The sentence that decides a question."""

from dataclasses import replace

from bot.domain.papers import Point, Question, Summary
from bot.domain.quizzes.evidence import evidence_for, excerpt
from bot.domain.quizzes.lengths import units
from tests.builders import a_paper, an_edition

QUESTION = Question(
    question="Which technique did HALA use to balance specialization?",
    options=("Layer freezing", "Knowledge distillation", "Spherical linear interpolation (slerp) merging"),
    answer=2,
    answer_source="key",
)
POINTS = (
    Point(label="Topic", text="HALA is about Arabic models. It balances specialization."),
    Point(label="Methods", text="Translated data were used. Models were merged by spherical interpolation (slerp merging)."),
)  # fmt: skip


def paper_with(*points: Point, summary: str = "Nothing here.") -> object:
    edition = replace(an_edition(points=0), points=points)
    return a_paper(1, editions=(edition,), summaries=(Summary(text=summary, source="a"),))


def test_the_sentence_with_the_right_options_own_words_is_found() -> None:
    found = evidence_for(QUESTION, paper_with(*POINTS), "en")
    assert found == "Models were merged by spherical interpolation (slerp merging)."


def test_the_summary_may_decide_it() -> None:
    found = evidence_for(QUESTION, paper_with(summary="First. It uses **slerp** merging. Last."), "en")
    assert found == "It uses slerp merging."


def test_words_that_wrong_options_share_do_not_decide() -> None:
    question = Question(
        question="What?", options=("fast merging", "slow merging"), answer=0, answer_source="key"
    )
    assert evidence_for(question, paper_with(Point(label="x", text="It does merging.")), "en") is None


def test_nothing_is_shown_where_nothing_decides_or_the_question_asks_for_what_is_not_said() -> None:
    assert evidence_for(QUESTION, paper_with(), "en") is None
    assert evidence_for(replace(QUESTION, answer=None, answer_source=None), paper_with(*POINTS), "en") is None
    negated = replace(QUESTION, question="Which technique did HALA NOT use?")
    assert evidence_for(negated, paper_with(*POINTS), "en") is None


def test_an_option_of_common_words_only_has_no_evidence() -> None:
    question = Question(question="What?", options=("It is this", "That"), answer=0, answer_source="key")
    assert evidence_for(question, paper_with(*POINTS), "en") is None


def test_chinese_is_compared_by_pairs_of_signs() -> None:
    question = Question(
        question="使用什么工具？", options=("使用球面插值合并", "知识蒸馏"), answer=0, answer_source="key"
    )
    sentence = "最后用球面插值合并模型。"
    assert evidence_for(question, paper_with(Point(label="方法", text=sentence)), "en") == sentence


def test_an_excerpt_shows_the_start_or_the_end_whole_where_the_words_are_there() -> None:
    text = "slerp wins here " + "and so on " * 30
    assert excerpt(text, "slerp", 60).startswith("slerp wins here")
    backwards = "and so on " * 30 + "slerp wins"
    assert excerpt(backwards, "slerp", 60).endswith("slerp wins")


def test_an_excerpt_of_one_word_without_room_is_empty() -> None:
    assert excerpt("x" * 300, "x", 50) == ""


def test_an_excerpt_always_fits() -> None:
    text = "模型球面插值" * 40
    for limit in range(10, 200, 17):
        assert units(excerpt(text, "球面插值", limit)) <= limit
