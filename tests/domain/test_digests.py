"""Digests: the changes that one makes to what is known, and days that lie well ahead."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.readers import read_digest
from bot.domain.digests import (
    FARTHEST_AHEAD,
    Diff,
    Digest,
    diff,
    gained,
    merge,
    plausible_day,
    with_plausible_days,
)
from bot.domain.flowchart import Flowchart
from bot.domain.papers import Edition, Entry, Links, Paper, PaperId, Point, Question, Summary
from tests.builders import a_digest, a_paper, a_question, a_quiz, an_edition, an_entry

DAY = date(2026, 9, 18)


def known_after(*digests: tuple[str, Digest]) -> dict[PaperId, Paper]:
    known: dict[PaperId, Paper] = {}
    for name, digest in digests:
        take(known, diff(digest, known, name=name))
    return known


def take(known: dict[PaperId, Paper], found: Diff) -> None:
    known.update({change.paper.id: change.paper for change in found.changes})
    known.update({paper.id: paper for paper in found.resighted})


def test_papers_nobody_knows_are_new_in_the_digests_order():
    found = diff(a_digest(3, 1, 2), {}, name="a.md")
    assert [change.paper.id[-1] for change in found.changes] == ["3", "1", "2"]
    assert all(change.is_new and not change.gains for change in found.changes)
    assert found.resighted == ()


def test_the_same_digest_again_changes_nothing():
    digest = a_digest(1, an_entry(2, editions=(an_edition(quiz=a_quiz()),)))
    assert diff(digest, known_after(("a.md", digest)), name="a.md") == Diff(changes=(), resighted=())


def test_the_same_words_in_another_digest_are_only_one_more_digest():
    found = diff(a_digest(1), known_after(("a.md", a_digest(1))), name="b.md")
    assert found.changes == ()
    assert [paper.digests for paper in found.resighted] == [("a.md", "b.md")]


def test_a_digest_that_gives_a_quiz_is_a_gain():
    known = known_after(("a.md", a_digest(1)))
    page = a_digest(an_entry(1, summary=None, editions=(an_edition(quiz=a_quiz()),)))
    (change,) = diff(page, known, name="p.html").changes
    assert not change.is_new
    assert change.gains == {"quiz", "points"}


def test_a_key_that_arrives_later_is_a_gain_and_one_that_is_missing_is_none():
    text = a_digest(an_entry(1, editions=(an_edition(quiz=a_quiz(keyed=False)),)))
    page = a_digest(an_entry(1, editions=(an_edition(quiz=a_quiz(keyed=True)),)))
    (change,) = diff(page, known_after(("x.txt", text)), name="p.html").changes
    assert change.gains == {"quiz"}
    assert diff(text, known_after(("p.html", page)), name="x.txt").changes == ()


def test_new_unchanged_and_gained_papers_of_one_digest_are_told_apart():
    known = known_after(("a.md", a_digest(1, 2)))
    found = diff(a_digest(an_entry(1, summary="Another one."), 2, 3), known, name="b.md")
    assert [(change.paper.id[-1], change.is_new) for change in found.changes] == [("1", False), ("3", True)]
    assert [paper.id[-1] for paper in found.resighted] == ["2"]


def test_a_rewritten_digest_gains_only_where_it_was_rewritten():
    known = known_after(("a.md", a_digest(1, 2)))
    found = diff(a_digest(1, an_entry(2, title="A corrected title")), known, name="a.md")
    (change,) = found.changes
    assert (change.paper.title, change.gains) == ("A corrected title", {"title"})


def test_an_older_digest_that_says_it_otherwise_corrects_nothing():
    known = known_after(("a.md", a_digest(1)))
    older = a_digest(an_entry(1, title="Draft title", summary=None), day=DAY - timedelta(days=3))
    found = diff(older, known, name="b.md")
    assert found.changes == ()
    assert found.resighted[0].date == DAY - timedelta(days=3)


BASE = a_paper(editions=(an_edition(quiz=a_quiz()),))


@pytest.mark.parametrize(
    ("parts", "gains"),
    [
        ({}, set()),
        ({"title": "Another"}, {"title"}),
        ({"authors": ("Somebody",)}, {"authors"}),
        ({"summaries": (*BASE.summaries, Summary(text="More.", digest="b.md"))}, {"summary"}),
        ({"summaries": ()}, set()),
        ({"summaries": (Summary(text=BASE.summaries[0].text, digest="b.md"),)}, set()),
        ({"links": Links()}, {"links"}),
        ({"digests": ("a.md", "b.md")}, set()),
        ({"date": DAY - timedelta(days=1), "latest": DAY + timedelta(days=1)}, set()),
        ({"published": DAY}, set()),
        ({"editions": ()}, {"points", "quiz"}),
        ({"editions": (*BASE.editions, Edition(language="zh"))}, set()),
        (
            {"editions": (*BASE.editions, Edition(language="zh", points=(Point(label="l", text="t"),)))},
            {"points"},
        ),
        ({"editions": (an_edition(quiz=a_quiz(2)),)}, {"quiz"}),
        ({"flowchart": Flowchart(text="x")}, {"flowchart"}),
        ({"flowchart": Flowchart(drawing="x")}, {"flowchart"}),
    ],
)
def test_what_is_worth_telling(parts: dict[str, object], gains: set[str]):
    after = a_paper(**{"editions": BASE.editions, **parts})
    assert gained(BASE, after) == gains


@pytest.mark.parametrize(
    ("before", "after", "gains"),
    [
        (0, 1, {"quiz", "answers"}),
        (1, 1, set()),
        (None, 1, {"quiz"}),
        (1, None, {"quiz"}),
    ],
)
def test_another_right_answer_is_more_than_another_quiz(
    before: int | None, after: int | None, gains: set[str]
):
    def keyed(answer: int | None) -> Paper:
        quiz = (a_question("Which?", "one", "two", "three", answer=answer),)
        return a_paper(editions=(an_edition(quiz=quiz),))

    assert gained(keyed(before), keyed(after)) == gains


def test_the_same_answer_in_another_place_is_the_same():
    turned = (a_question("Which?", "two", "one", answer=1),)
    before = a_paper(editions=(an_edition(quiz=(a_question("Which?", "one", "two", answer=0),)),))
    assert gained(before, a_paper(editions=(an_edition(quiz=turned),))) == {"quiz"}


ENTRY = st.builds(
    an_entry,
    st.integers(1, 3),
    title=st.sampled_from(["One title", "Another title"]),
    summary=st.sampled_from([None, "First.", "Second."]),
    editions=st.sampled_from(
        [
            (),
            (an_edition(),),
            (an_edition(quiz=a_quiz()),),
            (an_edition(quiz=(a_question(answer=None),)),),
            (an_edition("zh", quiz=a_quiz(1)),),
        ]
    ),
)
DIGEST = st.builds(
    lambda entries, day: a_digest(*entries, day=day),
    st.lists(ENTRY, max_size=3, unique_by=lambda entry: entry.id),
    st.none() | st.dates(DAY, DAY + timedelta(days=2)),
)
DIGESTS = st.lists(st.tuples(st.sampled_from(["a.md", "b.md", "c.html"]), DIGEST), max_size=4)


@given(DIGESTS, DIGEST)
def test_every_entry_ends_once_and_what_is_taken_in_is_known(
    before: list[tuple[str, Digest]], digest: Digest
):
    known = known_after(*before)
    found = diff(digest, known, name="d.md")
    told = [change.paper.id for change in found.changes] + [paper.id for paper in found.resighted]
    assert len(set(told)) == len(told)
    assert set(told) <= {entry.id for entry in digest.entries}
    take(known, found)
    assert diff(digest, known, name="d.md") == Diff(changes=(), resighted=())


@given(DIGESTS)
def test_a_change_is_new_or_has_gained_something(digests: list[tuple[str, Digest]]):
    known: dict[PaperId, Paper] = {}
    for name, digest in digests:
        found = diff(digest, known, name=name)
        for change in found.changes:
            assert change.is_new == (change.paper.id not in known)
            assert change.is_new or change.gains
            assert change.is_new == (change.paper.id not in known)
        take(known, found)


FAR = date(2062, 9, 18)


def whats(digest: Digest) -> list[tuple[int, str]]:
    return [(problem.line, problem.what.partition(":")[0]) for problem in digest.problems]


@pytest.mark.parametrize(
    ("day", "counts"),
    [
        (None, None),
        (DAY, DAY),
        (date(1999, 1, 1), date(1999, 1, 1)),
        (DAY + FARTHEST_AHEAD, DAY + FARTHEST_AHEAD),
        (DAY + FARTHEST_AHEAD + timedelta(days=1), DAY),
        (FAR, DAY),
    ],
)
def test_only_a_day_well_ahead_gives_way_to_the_day_of_arrival(day: date | None, counts: date | None):
    assert plausible_day(day, DAY) == counts


def test_a_digest_of_a_plausible_day_stays_as_it_is():
    digest = replace(a_digest(1, 2), date=DAY)
    assert with_plausible_days(digest, DAY) is digest


def test_a_heading_ahead_is_a_problem_and_its_rows_are_not_named_again():
    digest = replace(a_digest(replace(an_entry(1), date=FAR), an_entry(2)), date=FAR)
    dated = with_plausible_days(digest, DAY)
    assert (dated.date, [entry.date for entry in dated.entries]) == (DAY, [DAY, None])
    assert whats(dated) == [(1, "the day 2062-09-18 lies ahead")]


@pytest.mark.parametrize(("lines", "line"), [((7, 9), 9), ((), 1)])
def test_a_row_ahead_is_named_with_its_line(lines: tuple[int, ...], line: int):
    rows = an_entry(1), replace(an_entry(2), date=FAR)
    dated = with_plausible_days(replace(a_digest(*rows), date=DAY, lines=lines), DAY)
    assert (dated.date, dated.entries[1].date) == (DAY, DAY)
    assert whats(dated) == [(line, "the day 2062-09-18 lies ahead")]


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
