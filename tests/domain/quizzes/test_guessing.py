"""How guessable questions are, and the one of a quiz that makes one read."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.readers import read_digest
from bot.domain.papers import Question
from bot.domain.quizzes.guessing import guessability, guesses, pick_one
from bot.domain.quizzes.tokens import width

LONGEST = Question(
    question="How?",
    options=("By sorting", "By selecting key blocks through an index branch", "By a cache"),
    answer=1,
    answer_source="key",
)
SHORT = replace(LONGEST, answer=0)
UNKNOWN = replace(LONGEST, answer=None, answer_source=None)


def test_a_question_whose_longest_option_is_right_can_be_guessed():
    assert guessability(LONGEST) > 0.5 > guessability(SHORT)


def test_the_question_that_needs_reading_is_picked():
    assert pick_one((LONGEST, UNKNOWN, SHORT)) is SHORT


def test_of_equal_questions_the_first_is_picked_and_of_none_none():
    assert pick_one((SHORT, replace(SHORT))) is SHORT
    assert pick_one(()) is None


def test_what_has_no_choice_is_picked_only_where_there_is_nothing_else():
    alone = replace(LONGEST, options=("One",), answer=0)

    assert pick_one((alone, LONGEST)) is LONGEST
    assert pick_one((alone,)) is alone


def test_a_worked_out_answer_counts_as_far_as_it_is_sure():
    sure = replace(SHORT, answer_source="inferred", confidence=1.0)
    unsure = replace(sure, confidence=0.4)

    assert guessability(SHORT) == guessability(sure) < guessability(unsure) < guessability(UNKNOWN)


def test_the_only_option_with_a_number_looks_right():
    with_number, without = guesses(Question(question="How much?", options=("By 12.5 %", "By much")))

    assert with_number > without


@given(options=st.lists(st.text(max_size=40), min_size=2, max_size=5), data=st.data())
def test_guessability_is_a_share(options, data):
    answer = data.draw(st.integers(0, len(options) - 1))
    question = Question(question="What?", options=tuple(options), answer=answer, answer_source="key")

    assert 0 <= guessability(question) <= 1
    assert sum(guesses(question)) == pytest.approx(1)


def test_the_longest_option_is_seldom_right_in_the_picked_questions_of_real_pages(corpus):
    picked = longest = every = longest_of_every = 0
    for file in sorted((corpus / "pages").glob("*.html"))[::4]:
        for entry in read_digest(file.read_bytes(), name=file.name).entries:
            quiz = tuple(question for question in entry.edition("en").quiz if question.keyed)
            for question in quiz:
                every, longest_of_every = every + 1, longest_of_every + _longest_is_right(question)
            one = pick_one(quiz)
            if one is not None:
                picked, longest = picked + 1, longest + _longest_is_right(one)

    assert longest / picked <= 0.58
    assert longest_of_every / every >= 0.7


def _longest_is_right(question: Question) -> bool:
    return max(range(len(question.options)), key=lambda at: width(question.options[at])) == question.answer
