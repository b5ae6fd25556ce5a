"""How much a paper matters to somebody."""

import pytest

from bot.domain.notices import Reason, relevance
from tests.builders import a_paper, a_quiz, a_reason, an_edition

PAPER = a_paper()


def test_a_match_in_the_title_outweighs_one_in_the_summary():
    assert relevance((a_reason("x", ("title", "x")),), PAPER) > relevance(
        (a_reason("x", ("summary", "x")),), PAPER
    )


def test_a_followed_author_weighs_more_than_a_title():
    by_author = relevance((a_reason("x", ("authors", "Ghanem")),), PAPER)
    assert by_author > relevance((a_reason("x", ("title", "x")),), PAPER)


def test_two_subscriptions_outweigh_one():
    reason = a_reason("x", ("title", "x"))
    assert relevance((reason, a_reason("y", ("summary", "y"))), PAPER) > relevance((reason,), PAPER)


def test_each_further_thing_that_matched_weighs_a_little():
    few = relevance((a_reason("x", ("summary", "x")),), PAPER)
    more = relevance((a_reason("x", ("summary", "x"), ("summary", "xs")),), PAPER)
    assert few < more < few + 1


def test_the_weightiest_field_counts_whatever_the_order():
    reason = a_reason("x", ("summary", "a"), ("title", "b"))
    other = a_reason("x", ("title", "b"), ("summary", "a"))
    assert relevance((reason,), PAPER) == relevance((other,), PAPER)


def test_what_an_editor_picked_survives_a_small_limit():
    picked = a_paper(editions=(an_edition(quiz=a_quiz()),), digests=("t/a.md", "p/a.html"))
    plain_match, in_title = a_reason("x", ("summary", "x")), a_reason("y", ("title", "y"))
    assert relevance((plain_match,), picked) > relevance((in_title, plain_match), PAPER)


def test_a_quiz_weighs_two():
    with_quiz = a_paper(editions=(an_edition(quiz=a_quiz()),))
    assert relevance((a_reason(),), with_quiz) == pytest.approx(relevance((a_reason(),), PAPER) + 2)


def test_a_match_without_words_still_counts():
    assert relevance((Reason(subscription="x"),), PAPER) == 1.0
    assert relevance((), PAPER) == 0
    assert relevance((a_reason("x", ("elsewhere", "x")),), PAPER) == pytest.approx(1.1)
