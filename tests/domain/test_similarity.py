"""Papers near others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.papers import Paper
from bot.domain.query import document_of
from bot.domain.similarity import Similarity, written_words
from tests.builders import a_paper


def titled(number: int, title: str) -> Paper:
    return a_paper(number, title=title, summaries=(), authors=())


LIKED = titled(1, "Hala Technical Report: Arabic translation models")
STORED = [LIKED, *(titled(number, f"Some models of kind{number}") for number in range(2, 40))]


def nearness(paper: Paper) -> float:
    return Similarity(STORED, [LIKED]).nearness(document_of(paper)).get(LIKED.id, 0.0)


def test_the_same_words_are_as_near_as_can_be():
    assert nearness(titled(50, LIKED.title)) == pytest.approx(1.0)


def test_what_all_papers_have_makes_nothing_near():
    assert nearness(titled(50, "Models and more models")) == 0.0


def test_rare_words_shared_make_near():
    assert nearness(titled(50, "Translations into Arabic")) > nearness(titled(51, "A report on cats")) > 0.0


def test_nearness_keeps_its_scale_as_thresholds_are_written_in_it():
    assert nearness(titled(50, "Translations into Arabic")) == pytest.approx(0.459974)
    assert nearness(titled(51, "A report on cats")) == pytest.approx(0.268166)
    assert nearness(titled(52, "Arabic, arabic reports")) == pytest.approx(0.626197)


def test_words_of_three_letters_count_and_shorter_ones_do_not():
    liked = titled(70, "Two RAG kings at it")
    similarity = Similarity([*STORED, liked], [liked])
    assert liked.id in similarity.nearness(document_of(titled(71, "RAG")))
    assert similarity.nearness(document_of(titled(72, "At it"))) == {}


def test_the_telling_words_are_named_as_the_paper_writes_them():
    paper = titled(50, "Translations into ARABIC, a study")
    document = document_of(paper)
    near = Similarity(STORED, [LIKED]).nearest((LIKED.id,), paper.id, document)
    assert near is not None
    assert sorted(written_words(near.title, near.words, document)) == [
        ("like Hala Technical Report", "title", "ARABIC"),
        ("like Hala Technical Report", "title", "Translations"),
    ]


def test_a_paper_is_not_near_to_itself():
    assert Similarity(STORED, [LIKED]).nearest((LIKED.id,), LIKED.id, document_of(LIKED)) is None


def test_the_nearest_of_several_is_told():
    other = titled(60, "Robots that cook")
    paper = titled(61, "Cooking robots and Arabic")
    near = Similarity([*STORED, other], [LIKED, other]).nearest(
        (LIKED.id, other.id), paper.id, document_of(paper)
    )
    assert near is not None
    assert near.liked == other.id


@given(st.lists(st.sampled_from(("arabic", "cat", "models", "7", "扩散", "hala", "")), max_size=8))
def test_nearness_is_between_0_and_1(words: list[str]):
    assert 0.0 <= nearness(titled(50, " ".join(words))) <= 1.0 + 1e-9


def test_nothing_stored_is_no_fault():
    assert Similarity([], []).nearness(document_of(LIKED)) == {}
