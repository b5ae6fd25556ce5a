"""Identity of papers, and how what digests say of one becomes one."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.readers import read_digest
from bot.domain.flowchart import Flowchart
from bot.domain.papers import (
    Edition,
    Entry,
    Links,
    Paper,
    PaperId,
    Point,
    Question,
    Summary,
    arxiv_id,
    best_id,
    better_quiz,
    doi_of,
    folded_title,
    linked_id,
    merge,
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


# --- merging ----------------------------------------------------------------------------------------------


def test_the_first_word_on_a_paper_is_the_paper():
    entry = an_entry(1, published=DAY, editions=(an_edition(),))
    assert merge(None, entry, digest="a.md", day=DAY) == Paper(
        id=entry.id,
        title=entry.title,
        authors=entry.authors,
        summaries=(Summary(text=entry.summary or "", digest="a.md"),),
        published=DAY,
        date=DAY,
        latest=DAY,
        links=entry.links,
        editions=entry.editions,
        digests=("a.md",),
    )


def test_both_summaries_are_kept_with_their_sources_newest_first():
    first = merge(None, an_entry(summary="old"), digest="a.md", day=DAY)
    later = merge(first, an_entry(summary="new"), digest="b.md", day=DAY + timedelta(days=1))
    assert later.summaries == (Summary(text="new", digest="b.md"), Summary(text="old", digest="a.md"))
    assert later.summary == "new"
    earlier = merge(later, an_entry(summary="oldest"), digest="c.md", day=DAY - timedelta(days=1))
    assert [summary.text for summary in earlier.summaries] == ["new", "old", "oldest"]
    assert a_paper(summaries=()).summary is None


def test_a_source_that_speaks_again_replaces_its_own_summary():
    paper = merge(None, an_entry(summary="first"), digest="a.md", day=DAY)
    paper = merge(paper, an_entry(summary="other"), digest="b.md", day=DAY)
    again = merge(paper, an_entry(summary="second"), digest="a.md", day=DAY)
    assert {(summary.digest, summary.text) for summary in again.summaries} == {
        ("a.md", "second"),
        ("b.md", "other"),
    }
    assert again.digests == ("a.md", "b.md")


def test_no_summary_stands_twice():
    paper = merge(None, an_entry(summary="same"), digest="a.md", day=DAY)
    paper = merge(paper, an_entry(summary="same"), digest="b.md", day=DAY)
    paper = merge(paper, an_entry(summary="other"), digest="b.md", day=DAY)
    paper = merge(paper, an_entry(summary="same"), digest="b.md", day=DAY)
    assert sorted(summary.text for summary in paper.summaries) == ["other", "same"]


def test_a_newer_digest_corrects_and_an_older_one_only_fills_in():
    known = merge(None, an_entry(title="Titel", authors=(), published=DAY), digest="a.md", day=DAY)
    newer = merge(known, an_entry(title="Title", authors=("A",)), digest="b.md", day=DAY + timedelta(days=1))
    assert (newer.title, newer.authors, newer.published) == ("Title", ("A",), DAY)
    older = merge(newer, an_entry(title="T", authors=("B",)), digest="c.md", day=DAY - timedelta(days=9))
    assert (older.title, older.authors) == ("Title", ("A",))
    assert (older.date, older.latest) == (DAY - timedelta(days=9), DAY + timedelta(days=1))


def test_a_digest_without_a_date_only_fills_in():
    known = merge(None, an_entry(title="Known", authors=()), digest="a.md", day=DAY)
    after = merge(known, an_entry(title="Undated", authors=("A",)), digest="b.md", day=None)
    assert (after.title, after.authors, after.date, after.latest) == ("Known", ("A",), DAY, DAY)
    undated = merge(None, an_entry(), digest="a.md", day=None)
    assert (undated.date, undated.latest) == (None, None)
    assert merge(undated, an_entry(), digest="b.md", day=DAY).date == DAY


def test_an_empty_title_never_replaces_one():
    known = merge(None, an_entry(title="Known"), digest="a.md", day=DAY)
    assert merge(known, an_entry(title=""), digest="b.md", day=DAY).title == "Known"


def test_links_add_up():
    known = merge(None, an_entry(links=Links(abs="https://a/1")), digest="a.md", day=DAY)
    after = merge(known, an_entry(links=Links(abs="https://a/2", pdf="https://p")), digest="b.md", day=DAY)
    assert after.links == Links(abs="https://a/2", pdf="https://p")
    before = merge(
        after, an_entry(links=Links(abs="https://a/3", huggingface="https://h")), digest="c", day=None
    )
    assert before.links == Links(abs="https://a/2", pdf="https://p", huggingface="https://h")


def test_code_and_other_links_add_up_without_repetition():
    known = merge(None, an_entry(links=Links(abs="a", code="c", other=("x", "y"))), digest="a.md", day=DAY)
    after = merge(known, an_entry(links=Links(abs="a", code="d", other=("y", "z"))), digest="b.md", day=DAY)
    assert after.links == Links(abs="a", code="d", other=("y", "z", "x"))


def test_categories_comment_and_score_of_the_newer_digest_win_and_are_never_lost():
    parts = {"categories": ("cs.AI",), "comment": "9 pages", "score": "8/10"}
    known = merge(None, an_entry(**parts), digest="a.md", day=DAY)
    assert (known.categories, known.comment, known.score) == (("cs.AI",), "9 pages", "8/10")
    silent = merge(known, an_entry(), digest="b.md", day=DAY + timedelta(days=1))
    assert (silent.categories, silent.comment, silent.score) == (("cs.AI",), "9 pages", "8/10")
    newer = merge(
        silent, an_entry(categories=("cs.CL",), score="9/10"), digest="c.md", day=DAY + timedelta(days=2)
    )
    assert (newer.categories, newer.comment, newer.score) == (("cs.CL",), "9 pages", "9/10")


def test_translated_titles_and_summaries_are_filled_in_by_language():
    first = an_entry(editions=(Edition(language="zh", title="老虎"),))
    second = an_entry(editions=(Edition(language="zh", summary="驯服老虎"),))
    paper = merge(merge(None, first, digest="a.md", day=DAY), second, digest="b.md", day=DAY)
    assert paper.edition("zh") == Edition(language="zh", title="老虎", summary="驯服老虎")


def test_page_text_and_table_of_one_paper_become_one():
    table = an_entry(1, links=Links(abs="https://arxiv.org/abs/2509.14001"))
    page = an_entry(
        1,
        summary=None,
        authors=(),
        links=Links(pdf="http://arxiv.org/pdf/2509.14001v2"),
        editions=(
            Edition(
                language="en",
                points=an_edition().points,
                quiz=a_quiz(keyed=True),
            ),
        ),
        flowchart=Flowchart(drawing="<svg/>"),
    )
    text = an_entry(
        1,
        summary=None,
        authors=(),
        editions=(Edition(language="en", quiz=a_quiz(keyed=False)),),
        flowchart=Flowchart(text="a b"),
    )
    paper = merge(None, table, digest="t.md", day=DAY)
    paper = merge(paper, page, digest="p.html", day=DAY)
    paper = merge(paper, text, digest="x.txt", day=DAY + timedelta(days=1))
    (edition,) = paper.editions
    assert (paper.authors, paper.summary) == (table.authors, table.summary)
    assert (edition.points, paper.flowchart) == (an_edition().points, Flowchart(text="a b", drawing="<svg/>"))
    assert all(question.keyed for question in edition.quiz)
    assert paper.links == Links(
        abs="https://arxiv.org/abs/2509.14001", pdf="http://arxiv.org/pdf/2509.14001v2"
    )
    assert paper.digests == ("t.md", "p.html", "x.txt")


def test_the_seeds_hold_one_paper_in_two_digests(seeds: Path):
    entries = [
        (path.name, digest.date, entry)
        for path in sorted(seeds.iterdir())
        for digest in [read_digest(path.read_bytes(), name=path.name)]
        for entry in digest.entries
    ]
    papers: dict[PaperId, Paper] = {}
    for name, day, entry in entries:
        papers[entry.id] = merge(papers.get(entry.id), entry, digest=name, day=day)
    assert (len(entries), len(papers)) == (83, 82)
    (hala,) = [paper for paper in papers.values() if len(paper.digests) > 1]
    assert hala.id == "arxiv:2509.14008"
    assert hala.summary
    assert len(hala.edition("en").points) == 5
    assert len(hala.edition("en").quiz) == 3


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


# --- properties -------------------------------------------------------------------------------------------

TEXTS = st.text(alphabet="abc é中", min_size=1, max_size=4)


@st.composite
def questions(draw: st.DrawFn) -> Question:
    options = tuple(draw(st.lists(TEXTS, min_size=2, max_size=4)))
    answer = draw(st.none() | st.integers(0, len(options) - 1))
    return Question(
        question=draw(TEXTS),
        options=options,
        answer=answer,
        answer_source=None if answer is None else "key",
    )


def editions(language: str) -> st.SearchStrategy[Edition]:
    return st.builds(
        Edition,
        language=st.just(language),
        points=st.lists(st.builds(Point, label=TEXTS, text=TEXTS), max_size=2).map(tuple),
        quiz=st.lists(questions(), max_size=2).map(tuple),
    )


ENTRIES = st.builds(
    Entry,
    id=st.just(PaperId("arxiv:2509.14008")),
    title=TEXTS,
    authors=st.lists(TEXTS, max_size=2).map(tuple),
    summary=st.none() | TEXTS,
    published=st.none() | st.just(DAY),
    categories=st.lists(TEXTS, max_size=2).map(tuple),
    comment=st.none() | TEXTS,
    score=st.none() | TEXTS,
    links=st.builds(
        Links,
        abs=st.none() | TEXTS,
        pdf=st.none() | TEXTS,
        huggingface=st.none() | TEXTS,
        code=st.none() | TEXTS,
        other=st.lists(TEXTS, max_size=2, unique=True).map(tuple),
    ),
    flowchart=st.none() | st.builds(Flowchart, text=st.none() | TEXTS, drawing=st.none() | TEXTS),
    editions=st.sampled_from([(), ("en",), ("zh",), ("en", "zh")]).flatmap(
        lambda languages: st.tuples(*map(editions, languages))
    ),
)
SAYINGS = st.tuples(
    ENTRIES, st.sampled_from(["a.md", "b.md", "c.html"]), st.none() | st.dates(DAY, DAY + timedelta(days=2))
)


def merged(sayings: list[tuple[Entry, str, date | None]]) -> Paper:
    paper: Paper | None = None
    for entry, digest, day in sayings:
        paper = merge(paper, entry, digest=digest, day=day)
    assert paper
    return paper


@given(st.lists(SAYINGS, min_size=1, max_size=5))
def test_hearing_the_last_word_twice_changes_nothing(sayings: list[tuple[Entry, str, date | None]]):
    assert merged([*sayings, sayings[-1]]) == merged(sayings)


@given(st.lists(SAYINGS, min_size=1, max_size=4), SAYINGS)
def test_nothing_known_is_ever_lost(
    sayings: list[tuple[Entry, str, date | None]], more: tuple[Entry, str, date | None]
):
    before, after = merged(sayings), merged([*sayings, more])
    assert after.title
    assert bool(after.authors) >= bool(before.authors)
    for part in ("published", "categories", "comment", "score", "flowchart"):
        assert bool(getattr(after, part)) >= bool(getattr(before, part))
    for kind in ("abs", "pdf", "huggingface", "code", "other"):
        assert bool(getattr(after.links, kind)) >= bool(getattr(before.links, kind))
    kept = {summary.text for summary in before.summaries if summary.digest != more[1]}
    assert kept <= {summary.text for summary in after.summaries}
    assert set(before.digests) <= set(after.digests)
    for old in before.editions:
        new = next(edition for edition in after.editions if edition.language == old.language)
        for part in ("title", "summary", "points", "quiz"):
            assert bool(getattr(new, part)) >= bool(getattr(old, part))
        assert sum(q.keyed for q in new.quiz) >= sum(q.keyed for q in old.quiz)


@given(st.lists(SAYINGS, min_size=1, max_size=5))
def test_a_paper_holds_each_source_summary_and_language_once(sayings: list[tuple[Entry, str, date | None]]):
    paper = merged(sayings)
    for several in (
        paper.digests,
        [summary.text for summary in paper.summaries],
        [summary.digest for summary in paper.summaries],
        [edition.language for edition in paper.editions],
    ):
        assert len(set(several)) == len(several)


@given(
    st.lists(SAYINGS, min_size=1, max_size=4).flatmap(
        lambda all_: st.tuples(st.just(all_), st.permutations(all_))
    )
)
def test_in_any_order_the_same_days_sources_and_keys_are_known(both):
    paper, other = map(merged, both)
    assert (paper.date, paper.latest, set(paper.digests)) == (other.date, other.latest, set(other.digests))
    assert {edition.language for edition in paper.editions} == {
        edition.language for edition in other.editions
    }
    assert paper.has_quiz == other.has_quiz
    for edition in paper.editions:
        keyed = sum(question.keyed for question in edition.quiz)
        assert keyed == sum(question.keyed for question in other.edition(edition.language).quiz)


@given(ENTRIES, ENTRIES)
def test_two_digests_of_different_days_give_one_paper_in_any_order(first: Entry, second: Entry):
    sayings = [(first, "a.md", DAY), (second, "b.md", DAY + timedelta(days=1))]
    paper, other = merged(sayings), merged(sayings[::-1])
    for part in (
        "title",
        "authors",
        "published",
        "date",
        "latest",
        "links",
        "categories",
        "comment",
        "score",
    ):
        assert getattr(paper, part) == getattr(other, part)
    assert {summary.text for summary in paper.summaries} == {summary.text for summary in other.summaries}
    for edition in paper.editions:
        assert edition == next(same for same in other.editions if same.language == edition.language)
