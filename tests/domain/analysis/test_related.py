"""Related papers, the names that others cite, and terms that rise."""

import pytest

from bot.domain.analysis.related_index import RelatedIndex
from bot.domain.analysis.short_names import short_name
from bot.domain.analysis.trends import rising_terms
from bot.domain.papers import Summary
from bot.domain.query import document_of
from tests.builders import a_paper

WORDS = (
    "retrieval",
    "arabic",
    "diffusion",
    "robot",
    "protein",
    "speech",
    "graph",
    "legal",
    "climate",
    "music",
)


def about(number: int, subject: str, detail: str = ""):
    """A paper on a subject, in words that other subjects do not have."""
    text = f"{subject} {detail} measured by {subject}score on {subject}bench"
    return a_paper(
        number, title=f"{subject} {detail}", summaries=(Summary(text=text, digest="a.md"),), editions=()
    )


PAPERS = [about(number, word, detail) for number, (word, detail) in enumerate(
    ((word, detail) for word in WORDS for detail in ("alpha", "beta")), start=10
)]  # fmt: skip


def an_index(*papers) -> RelatedIndex:
    index = RelatedIndex()
    index.add(enumerate(map(document_of, papers)))
    return index


def test_the_papers_of_one_subject_are_near_and_no_others() -> None:
    index = an_index(*PAPERS)
    assert len(index) == 20
    assert index.near(document_of(PAPERS[2]), 5) == [2, 3]
    assert index.near(document_of(PAPERS[2]), 1) == [2]


def test_words_of_up_to_a_quarter_of_the_papers_tell_of_their_subject() -> None:
    papers = [about(number, "graph" if number < 5 else f"subject{number}") for number in range(20)]
    assert sorted(an_index(*papers).near(document_of(papers[0]), 9)) == [0, 1, 2, 3, 4]
    papers[5] = about(5, "graph")
    assert an_index(*papers).near(document_of(papers[0]), 9) == []


def test_papers_that_are_added_later_are_found_as_well() -> None:
    index = an_index(*PAPERS)
    index.add([(77, document_of(about(99, "arabic", "gamma")))])
    assert set(index.near(document_of(PAPERS[2]), 5)) == {2, 3, 77}


def test_a_paper_without_a_word_in_common_has_no_relations() -> None:
    index = an_index(*PAPERS)
    assert index.near(document_of(a_paper(1, title="", summaries=(), editions=(), authors=())), 5) == []
    assert index.near(document_of(about(1, "volcano")), 5) == []
    assert RelatedIndex().near(document_of(PAPERS[0]), 5) == []


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("WebSailor-V2: Bridging the Chasm", "WebSailor-V2"),
        ("HALA: Arabic-Centric Models", "HALA"),
        ("xLSTM: Extended Memory", "xLSTM"),
        ("GPT4: A Report", "GPT4"),
        ("Attention: A Survey", None),
        ("Hala Technical Report: Building Models", None),
        ("WebSailor-V2 without a colon", None),
        ("A4: Short", None),
    ],
)
def test_a_name_is_a_word_that_means_nothing_else(title: str, name: str | None) -> None:
    assert short_name(a_paper(title=title)) == name


def titled(*titles: str):
    return [document_of(a_paper(number, title=title)) for number, title in enumerate(titles)]


def test_terms_that_more_titles_have_than_before_rise() -> None:
    now = titled(*["World simulators for the robot"] * 5, "Graph survey", "Graph one", "Graph two")
    before = titled(*["Graph attention"] * 8, *["Robot arm"] * 2)
    assert rising_terms(now, before, 1) == [("world simulator", 5, 0.0)]
    terms = [term for term, _, _ in rising_terms(now, before, 10)]
    assert "graph" not in terms
    assert "the" not in terms


def test_a_term_is_told_once_with_how_many_papers_have_it() -> None:
    risers = rising_terms(titled(*["World simulators"] * 4), titled("Other things"), 10)
    assert [count for _, count, _ in risers] == [4]
    assert rising_terms([], [], 5) == []
    assert rising_terms(titled("New things", "New things"), [], 5) == []
