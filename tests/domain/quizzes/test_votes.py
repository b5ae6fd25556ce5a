"""What a vote says once the poll's record is at hand."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.papers import PaperId, Question
from bot.domain.quizzes.polls import poll_of
from bot.domain.quizzes.votes import (
    AskedPoll,
    CastVote,
    PollState,
    answer_of,
    chosen_option,
    is_member,
    order_of_reported,
    with_new_key,
)
from tests.builders import NOW, a_question

KEYED = a_question("Which?", "one", "two", "three", answer=2)


def asked(question: Question = KEYED, order: tuple[int, ...] = (2, 0, 1), **parts: object) -> AskedPoll:
    given_ = {"poll": "p", "chat": "7", "subscriber": "alice", "paper": PaperId("arxiv:1"), **parts}
    return AskedPoll(question=question, order=order, **given_)  # type: ignore[arg-type]


def cast(*options: int, late: bool = False) -> CastVote:
    return CastVote(poll="p", person=7, options=options, at=NOW, late=late)


@given(st.permutations(range(3)), st.integers(0, 2))
def test_a_vote_means_the_option_that_was_shown_there(order: list[int], option: int):
    assert chosen_option(asked(order=tuple(order)), (option,)) == order[option]


@pytest.mark.parametrize("options", [(), (0, 1), (3,), (-1,)])
def test_a_vote_that_names_no_one_option_says_nothing(options: tuple[int, ...]):
    assert chosen_option(asked(), options) is None
    assert answer_of(asked(), cast(*options)) is None


def test_a_poll_whose_order_was_not_kept_shows_its_options_as_they_are():
    assert chosen_option(asked(order=()), (1,)) == 1


def test_a_late_vote_is_no_answer():
    answer = answer_of(asked(), cast(0))
    assert answer is not None
    assert answer.right
    assert answer_of(asked(), cast(0, late=True)) is None


def test_a_worked_out_answer_counts_where_it_is_confident_enough():
    guessed = Question(
        question="Which?",
        options=("a", "b"),
        answer=0,
        answer_source="inferred",
        confidence=0.9,
        confident=True,
    )
    counted = answer_of(asked(guessed, order=(0, 1)), cast(0))
    assert counted is not None
    assert counted.right
    open_answer = answer_of(asked(replace(guessed, confident=False), order=(0, 1)), cast(0))
    assert open_answer is not None
    assert open_answer.right is None


def test_a_key_is_found_by_the_words_of_question_and_option():
    guessed = Question(
        question="Which – exactly?",
        options=("One.", "Two", "Three"),
        answer=0,
        answer_source="inferred",
        confidence=0.97,
    )
    page = a_question("Which, exactly?", "two", "one", "three", answer=1)
    known = with_new_key(guessed, [a_question("Another?", "x", "y"), page])
    assert (known.answer, known.answer_source, known.confidence) == (0, "key", None)
    assert with_new_key(guessed, [replace(page, answer=0)]).answer == 1


def test_a_key_that_names_an_option_we_did_not_show_changes_nothing():
    recorded = a_question("Which?", "one", "two", answer=None)
    assert with_new_key(recorded, [a_question("Which?", "one", "two", "three", answer=2)]) == recorded
    assert with_new_key(recorded, [replace(recorded)]) == recorded


def test_signs_alone_tell_options_apart():
    recorded = a_question("Which?", "x > y", "x < y", answer=None)
    assert with_new_key(recorded, [a_question("Which?", "x < y", "x > y", answer=0)]).answer == 1
    assert with_new_key(recorded, [a_question("Which?", "x = y", "other", answer=0)]).answer is None


def test_who_is_not_of_the_chat_is_a_stranger():
    members = {"-100": {7}}
    assert is_member("7", 7, members)
    assert not is_member("7", 8, members)
    assert is_member("-100", 7, members)
    assert not is_member("-100", 8, members)
    assert not is_member("@channel", 7, members)


def state_of(question: str, *options: str) -> PollState:
    return PollState(poll="p", question=question, options=options, counts=tuple(0 for _ in options), voters=0)


def test_a_poll_is_recognised_by_what_it_shows():
    poll = poll_of(KEYED, seed="here")
    assert poll is not None
    assert order_of_reported(state_of(poll.question, *poll.options), poll) == poll.order
    order = order_of_reported(state_of(poll.question, "one", "two", "three"), poll)
    assert order == (0, 1, 2)
    assert order_of_reported(state_of("Another?", *poll.options), poll) is None
    assert order_of_reported(state_of(poll.question, "one", "two"), poll) is None


def test_lettered_options_are_recognised_in_our_own_order_only():
    poll = poll_of(a_question("Which?", *(f"{name} " + "x" * 120 for name in "abc")), seed="here")
    assert poll is not None
    assert order_of_reported(state_of(poll.question, "A", "B", "C"), poll) == poll.order
    assert order_of_reported(state_of(poll.question, "B", "A", "C"), poll) is None
