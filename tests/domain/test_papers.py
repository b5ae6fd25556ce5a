"""Identity of papers, and which of two quizzes on one is better."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.papers import (
    Edition,
    Links,
    PaperId,
    Question,
    arxiv_id,
    best_id,
    better_quiz,
    doi_of,
    folded_title,
    linked_id,
    paper_id,
    parse_paper_id,
)
from tests.builders import a_paper, a_question, a_quiz, an_edition, an_entry

DAY = date(2026, 9, 18)


# --- identity ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://arxiv.org/abs/2509.14008",
        "http://arxiv.org/abs/2509.14008v3",
        "https://www.arxiv.org/pdf/2509.14008.pdf",
        "https://arxiv.org/pdf/2509.14008v12.pdf#page=3",
        "https://export.arxiv.org/html/2509.14008?x=1",
        "https://arxiv.org/abs/2509.14008/",
        "HTTPS://ARXIV.ORG/ABS/2509.14008",
        "https://huggingface.co/papers/2509.14008",
        "see https://arxiv.org/abs/2509.14008.",
        "https://arxiv.org/abs/2509.14008中",
    ],
)
def test_every_link_to_one_paper_gives_its_number(url: str):
    assert arxiv_id(url) == "2509.14008"


@pytest.mark.parametrize(
    ("url", "number"),
    [
        ("https://arxiv.org/abs/cs/0112017", "cs/0112017"),
        ("https://arxiv.org/abs/cs/0112017v2", "cs/0112017"),
        ("https://arxiv.org/pdf/hep-th/9901001v1.pdf", "hep-th/9901001"),
        ("https://arxiv.org/abs/math.GT/0309136", "math.gt/0309136"),
        ("https://arxiv.org/abs/0704.0001", "0704.0001"),
    ],
)
def test_old_numbers_are_kept_whole(url: str, number: str):
    assert arxiv_id(url) == number


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://example.org/abs/2509.14008",
        "https://notarxiv.org/abs/2509.14008",
        "https://my-arxiv.org/abs/2509.14008",
        "https://arxiv.org/abs/2509.140081",
        "https://arxiv.org/abs/2509.140",
        "https://arxiv.org/abs/2509.14008x",
        "https://arxiv.org/html/2509.14008/figure.png",
        "https://arxiv.org/list/cs.CL/2509.14008",
        "https://arxiv.org/abs/٢٥٠٩.١٤٠٠٨",
        "https://huggingface.co/papers/2509.140081",
        "https://huggingface.co/datasets/2509.14008",
    ],
)
def test_other_links_give_no_number(url: str):
    assert arxiv_id(url) is None


@pytest.mark.parametrize(
    ("url", "paper"),
    [
        ("https://ar5iv.labs.arxiv.org/html/2509.14008", "arxiv:2509.14008"),
        ("https://ar5iv.org/abs/2509.14008v2", "arxiv:2509.14008"),
        ("https://www.alphaxiv.org/overview/2509.14008v1", "arxiv:2509.14008"),
        ("https://www.alphaxiv.org/zh/overview/2509.14008", "arxiv:2509.14008"),
        ("https://papers.cool/arxiv/2509.14008", "arxiv:2509.14008"),
        ("https://doi.org/10.48550/arXiv.2509.14008", "arxiv:2509.14008"),
        ("https://hf.co/papers/2509.14008", "arxiv:2509.14008"),
        ("https://doi.org/10.1101/2031.05.04.123456", "doi:10.1101/2031.05.04.123456"),
        (
            "https://www.biorxiv.org/content/10.1101/2031.05.04.123456v2.full.pdf",
            "doi:10.1101/2031.05.04.123456",
        ),
        ("https://www.biorxiv.org/content/10.1101/2031.05.04.123456v1", "doi:10.1101/2031.05.04.123456"),
        ("https://dl.acm.org/doi/pdf/10.1145/1234567.7654321", "doi:10.1145/1234567.7654321"),
        ("https://onlinelibrary.wiley.com/doi/full/10.1002/ABC.123", "doi:10.1002/abc.123"),
        ("https://www.frontiersin.org/articles/10.3389/f.2031.1/full", "doi:10.3389/f.2031.1"),
        ("https://example.org/x?doi=10.1000%2Fxyz.", "doi:10.1000/xyz"),
        ("https://www.nature.com/articles/s41598-031-1-6_reference.pdf", "doi:10.1038/s41598-031-1-6"),
        ("https://example.org/new?body=DOI+%5B10.1145/1%5D%28https://doi.org/10.1145/1%29", "doi:10.1145/1"),
        ("https://doi.org/10.1007/1_7,https://example.org/W1,0", "doi:10.1007/1_7"),
        ("https://doi.org/10.1016/S0140-6736(31)00001-2", "doi:10.1016/s0140-6736(31)00001-2"),
        ("(https://doi.org/10.1000/xyz(1))", "doi:10.1000/xyz(1)"),
        ("https://www.nature.com/articles/s41586-031-01234-5", "doi:10.1038/s41586-031-01234-5"),
        ("https://www.nature.com/articles/s41586-031-01234-5.pdf", "doi:10.1038/s41586-031-01234-5"),
        ("https://openreview.net/forum?id=AbCdEf_12-", "openreview:AbCdEf_12-"),
        ("https://openreview.net/pdf?noteId=x&id=AbCdEf12", "openreview:AbCdEf12"),
        ("https://aclanthology.org/2031.acl-long.1.pdf", "acl:2031.acl-long.1"),
        ("https://www.aclweb.org/anthology/P19-1001/", "acl:P19-1001"),
        ("https://pubmed.ncbi.nlm.nih.gov/12345678/", "pmid:12345678"),
        ("https://www.ncbi.nlm.nih.gov/pubmed/12345678", "pmid:12345678"),
        ("https://europepmc.org/article/MED/12345678", "pmid:12345678"),
        ("https://www.nber.org/papers/w12345", "nber:w12345"),
        ("https://papers.ssrn.com/sol3/papers.cfm?abstract_id=1234567", "ssrn:1234567"),
        ("https://ssrn.com/abstract=1234567", "ssrn:1234567"),
        ("https://www.nature.com/subjects/tigers", None),
        ("https://arxiv.org/list/cs.CL/recent", None),
        ("https://openreview.net/group?id=x", None),
        ("https://example.org/10.1234", None),
        ("https://github.com/a/b", None),
    ],
)
def test_links_name_papers_of_every_kind(url: str, paper: str | None):
    assert linked_id(url) == paper


def test_a_work_of_several_ids_is_known_by_the_first_kind():
    ids = [PaperId("pmid:1"), PaperId("doi:10.1/a"), PaperId("arxiv:2509.14008"), PaperId("arxiv:2509.14009")]
    assert best_id(ids) == "arxiv:2509.14008"
    assert best_id(ids[:2]) == "doi:10.1/a"
    assert best_id(()) is None
    assert (
        paper_id("Hala", "https://ssrn.com/abstract=1234567", "https://doi.org/10.1000/A") == "doi:10.1000/a"
    )


def test_a_text_without_a_doi_has_none():
    assert doi_of("10.1 is no DOI") is None
    assert doi_of("see doi:10.1000/182.") == "10.1000/182"


def test_the_first_link_with_a_number_names_the_paper():
    assert paper_id("Hala", None, "https://hala.example", "https://arxiv.org/abs/2509.14008v2") == (
        "arxiv:2509.14008"
    )


def test_without_a_number_the_title_names_the_paper():
    assert paper_id("Hala", None, "https://hala.example") == paper_id("  HALA! ")
    assert paper_id("Hala") == "title:05cb18b8f9090923"


@pytest.mark.parametrize(
    ("title", "other"),
    [
        ("Vision-Language Models", "vision language models"),
        ("Café au lait: a study", "Cafe\u0301 AU LAIT — a study"),
        ("Ｆｕｌｌ width", "full width"),
        ("snake_case", "snake case"),
        ("Straße", "STRASSE"),
    ],
)
def test_titles_that_differ_in_dress_only_are_the_same(title: str, other: str):
    assert folded_title(title) == folded_title(other)


def test_titles_of_signs_alone_are_not_the_same_work():
    assert paper_id("???") != paper_id("!!!")
    assert paper_id("\ud800") == paper_id("\ud800")


@given(st.text())
def test_any_title_gives_an_id_that_reads_back_as_itself(title: str):
    name = paper_id(title)
    assert parse_paper_id(name) == name
    assert paper_id(f"  {title}\t") == name


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("arxiv:2509.14008", "arxiv:2509.14008"),
        (" 2509.14008v2 ", "arxiv:2509.14008"),
        ("arXiv:cs/0112017v1", "arxiv:cs/0112017"),
        ("https://arxiv.org/pdf/2509.14008v1", "arxiv:2509.14008"),
        ("title:0123456789abcdef", "title:0123456789abcdef"),
        ("title:0123", None),
        ("doi:10.1101/2031.05.04.123456", "doi:10.1101/2031.05.04.123456"),
        ("10.1000/ABC", "doi:10.1000/abc"),
        ("doi:10.1000/ABC", "doi:10.1000/abc"),
        ("openreview:AbCdEf12", "openreview:AbCdEf12"),
        ("acl:2031.acl-long.1", "acl:2031.acl-long.1"),
        ("pmid:12345678", "pmid:12345678"),
        ("pmid:x", None),
        ("nber:w12345", "nber:w12345"),
        ("ssrn:1234567", "ssrn:1234567"),
        ("https://ssrn.com/abstract=1234567", "ssrn:1234567"),
        ("Hala", None),
        ("", None),
    ],
)
def test_what_a_person_types_is_understood(typed: str, found: str | None):
    assert parse_paper_id(typed) == found


# --- values that cannot be wrong --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parts",
    [
        {"answer": 2, "answer_source": "key"},
        {"answer": -1, "answer_source": "key"},
        {"answer": 0},
        {"answer_source": "inferred"},
        {"answer": 0, "answer_source": "key", "confident": True},
    ],
)
def test_a_question_with_an_impossible_answer_cannot_be_built(parts: dict[str, object]):
    with pytest.raises(ValueError, match="answer"):
        Question(question="Which?", options=("a", "b"), **parts)  # type: ignore[arg-type]


def test_only_a_key_makes_a_question_keyed():
    guessed = Question(question="?", options=("a", "b"), answer=0, answer_source="inferred", confidence=0.9)
    assert not guessed.keyed
    assert not a_question(answer=None).keyed
    assert a_question(answer=0).keyed


def test_a_worked_out_answer_is_usable_where_it_is_confident():
    guessed = Question(question="?", options=("a", "b"), answer=1, answer_source="inferred", confidence=0.9)
    assert guessed.usable_answer is None
    assert replace(guessed, confident=True).usable_answer == 1
    assert a_question(answer=0).usable_answer == 0
    assert a_question(answer=None).usable_answer is None


def test_the_best_link_is_the_abstract():
    links = Links(abs="a", pdf="p", huggingface="h")
    assert links.best == "a"
    assert Links(pdf="p", huggingface="h").best == "h"
    assert Links(pdf="p").best == "p"
    assert Links(other=("o", "q")).best == "o"
    assert Links().best is None


def test_an_edition_in_another_language_falls_back_to_english():
    english, chinese = an_edition("en"), an_edition("zh", points=1)
    paper = a_paper(editions=(english, chinese))
    assert paper.edition("zh") == chinese
    assert paper.edition("de") == english
    assert a_paper(editions=(chinese,)).edition("de") == Edition(language="de")
    assert an_entry(editions=(chinese,)).edition("zh") == chinese


def test_a_paper_knows_whether_any_edition_has_a_quiz():
    assert not a_paper(editions=(an_edition(),)).has_quiz
    assert a_paper(editions=(an_edition(), an_edition("zh", quiz=a_quiz()))).has_quiz


# --- quizzes ----------------------------------------------------------------------------------------------


def test_a_keyed_quiz_is_never_lost_to_an_unkeyed_one():
    keyed, unkeyed = a_quiz(2, keyed=True), a_quiz(3, keyed=False)
    assert better_quiz(keyed, unkeyed) == keyed
    assert better_quiz(unkeyed, keyed) == keyed


def test_more_questions_are_better_and_whole_ones_better_than_damaged_ones():
    assert better_quiz(a_quiz(2, keyed=False), a_quiz(3, keyed=False)) == a_quiz(3, keyed=False)
    whole = (a_question("Which?", "8x", "2x", "none", answer=None),)
    damaged = (a_question("Which?", "none", answer=None),)
    assert better_quiz(damaged, whole) == whole
    assert better_quiz(whole, damaged) == whole


def test_of_equal_quizzes_the_first_stays():
    assert better_quiz(a_quiz(of="this"), a_quiz(of="that")) == a_quiz(of="this")
    assert better_quiz((), ()) == ()
