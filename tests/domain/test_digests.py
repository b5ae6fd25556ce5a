"""Digests: the changes that one makes to what is known, and days that lie well ahead."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.digests import FARTHEST_AHEAD, Diff, Digest, diff, gained, plausible_day, with_plausible_days
from bot.domain.flowchart import Flowchart
from bot.domain.papers import Edition, Links, Paper, PaperId, Point, Summary
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
