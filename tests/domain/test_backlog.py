"""Which of what a source brings is news, and which is its backlog."""

from datetime import date, timedelta

import pytest

from bot.domain.backlog import UNDATED_PAPERS, Look, SourceHistory, backlog_of, look_at
from bot.domain.papers import PaperId
from tests.builders import NOW, a_digest, an_entry

DAY = NOW.date()
MINUTE = timedelta(minutes=1)


def days(*before: int) -> set[date]:
    """Days so many days before today."""
    return {DAY - timedelta(days=number) for number in before}


def grown(**parts: object) -> SourceHistory:
    """The history of a source that brought today's digest long ago."""
    given = {"first_at": NOW - timedelta(days=90), "last_at": NOW - timedelta(days=1), "newest": DAY, **parts}
    return SourceHistory(**given)  # type: ignore[arg-type]


def backlog(look: Look, *entries: object, day: date | None = DAY, seen_before: bool = False) -> list[str]:
    found = backlog_of(a_digest(*entries, day=day), look, seen_before=seen_before)  # type: ignore[arg-type]
    return sorted(paper[-1] for paper in found)


@pytest.mark.parametrize(
    ("brought", "whole"), [(days(0), False), (days(0, 1), True), (set(), False), (days(400), False)]
)
def test_a_first_look_with_several_days_is_backlog(brought: set[date], whole: bool):
    look = look_at(None, brought, NOW)
    assert look.all_backlog is whole
    assert backlog(look, 1, 2, day=max(brought, default=None)) == (["1", "2"] if whole else [])
    assert look.history.newest == max(brought, default=None)
    assert look.history.first_at == look.history.last_at == NOW


@pytest.mark.parametrize(("before", "old"), [(0, False), (7, False), (8, True), (400, True), (-30, False)])
def test_a_digest_is_backlog_more_than_seven_days_before_the_newest(before: int, old: bool):
    look = look_at(grown(), days(before), NOW)
    assert backlog(look, 1, day=DAY - timedelta(days=before)) == (["1"] if old else [])


def test_after_weeks_of_absence_several_new_days_are_told_whole():
    away = grown(newest=DAY - timedelta(days=21), last_at=NOW - timedelta(days=21))
    look = look_at(away, days(*range(21)), NOW)
    assert not look.all_backlog
    assert look.history.newest == DAY


def test_a_young_source_is_told_for_two_days_and_then_no_more():
    history = look_at(None, days(40), NOW).history
    whole = []
    for number, before in enumerate((40, 39, 39, 38, 37), start=1):
        look = look_at(history, days(before), NOW + number * MINUTE)
        whole.append(look.all_backlog)
        history = look.history
    assert whole == [False, False, False, True, True]


def test_another_look_of_several_days_at_a_young_source_is_backlog_whole():
    history = look_at(None, days(9), NOW).history
    assert look_at(history, days(8, 7), NOW + MINUTE).all_backlog


def test_one_day_after_a_first_look_at_several_is_told():
    history = look_at(None, days(1, 2, 3), NOW).history
    assert not look_at(history, days(0), NOW + MINUTE).all_backlog


def test_a_source_that_brought_nothing_for_ten_minutes_is_no_longer_young():
    history = look_at(None, days(40), NOW).history
    later = look_at(history, days(39, 38), NOW + 10 * MINUTE)
    assert (later.all_backlog, later.history.young) == (False, False)
    assert not look_at(later.history, days(37, 36), NOW + 11 * MINUTE).all_backlog


def test_an_import_is_backlog_whole_and_counts_as_what_the_source_brought():
    look = look_at(None, days(0), NOW, imported=True)
    assert look.all_backlog
    assert not look_at(look.history, days(-1, -2), NOW + MINUTE).all_backlog
    assert look_at(look.history, days(8), NOW).backlog_before == DAY - timedelta(days=7)


def test_a_day_far_in_the_future_makes_backlog_of_nothing():
    history = look_at(grown(), {DAY.replace(year=2062)}, NOW).history
    assert history.newest == DAY


def test_what_another_process_stored_meanwhile_is_kept():
    earlier = grown(first_at=NOW - timedelta(days=99), newest=DAY + timedelta(days=1))
    merged = grown().after(earlier)
    assert (merged.first_at, merged.newest) == (earlier.first_at, earlier.newest)
    assert grown().after(None) == grown()


def test_rows_count_by_their_own_day():
    rows = [an_entry(1, date=DAY - timedelta(days=30)), an_entry(2, date=DAY), an_entry(3)]
    assert backlog(look_at(grown(), [], NOW), *rows, day=None) == ["1"]


def test_a_history_in_one_file_is_backlog_when_it_comes_first_and_read_by_rows_later():
    rows = [an_entry(n, date=DAY - timedelta(days=n)) for n in range(1, 5)]
    first = look_at(None, [], NOW)
    assert backlog(first, *rows, day=None) == ["1", "2", "3", "4"]
    assert backlog(first, *rows, day=None, seen_before=True) == []


@pytest.mark.parametrize(
    ("papers", "seen_before", "told"),
    [
        (UNDATED_PAPERS, False, True),
        (UNDATED_PAPERS + 1, False, False),
        (UNDATED_PAPERS + 1, True, True),
    ],
)
def test_undated_papers_are_backlog_in_a_large_file_that_is_seen_first(
    papers: int, seen_before: bool, told: bool
):
    digest = a_digest(*range(1, papers + 1), day=None)
    found = backlog_of(digest, look_at(None, [], NOW), seen_before=seen_before)
    assert (found == frozenset()) is told
    assert found in (frozenset(), {PaperId(entry.id) for entry in digest.entries})
