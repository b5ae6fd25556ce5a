"""A day that lies well ahead is a mistake: it is named, and the day of arrival counts."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from bot.domain.digests import FARTHEST_AHEAD, Digest, plausible_day, with_plausible_days
from tests.builders import a_digest, an_entry

TODAY = date(2026, 9, 18)
FAR = date(2062, 9, 18)


def whats(digest: Digest) -> list[tuple[int, str]]:
    return [(problem.line, problem.what.partition(":")[0]) for problem in digest.problems]


@pytest.mark.parametrize(
    ("day", "counts"),
    [
        (None, None),
        (TODAY, TODAY),
        (date(1999, 1, 1), date(1999, 1, 1)),
        (TODAY + FARTHEST_AHEAD, TODAY + FARTHEST_AHEAD),
        (TODAY + FARTHEST_AHEAD + timedelta(days=1), TODAY),
        (FAR, TODAY),
    ],
)
def test_only_a_day_well_ahead_gives_way_to_the_day_of_arrival(day: date | None, counts: date | None):
    assert plausible_day(day, TODAY) == counts


def test_a_digest_of_a_plausible_day_stays_as_it_is():
    digest = replace(a_digest(1, 2), date=TODAY)
    assert with_plausible_days(digest, TODAY) is digest


def test_a_heading_ahead_is_a_problem_and_its_rows_are_not_named_again():
    digest = replace(a_digest(replace(an_entry(1), date=FAR), an_entry(2)), date=FAR)
    dated = with_plausible_days(digest, TODAY)
    assert (dated.date, [entry.date for entry in dated.entries]) == (TODAY, [TODAY, None])
    assert whats(dated) == [(1, "the day 2062-09-18 lies ahead")]


@pytest.mark.parametrize(("lines", "line"), [((7, 9), 9), ((), 1)])
def test_a_row_ahead_is_named_with_its_line(lines: tuple[int, ...], line: int):
    rows = an_entry(1), replace(an_entry(2), date=FAR)
    dated = with_plausible_days(replace(a_digest(*rows), date=TODAY, lines=lines), TODAY)
    assert (dated.date, dated.entries[1].date) == (TODAY, TODAY)
    assert whats(dated) == [(line, "the day 2062-09-18 lies ahead")]
