"""Sources that fall silent, come empty, or lose authors or keys."""

from datetime import date, timedelta

import pytest

from bot.domain.analysis.findings import Finding, SourceDay, source_findings, unfruitful_findings

MONDAY = date(2025, 9, 1)


def weekdays(count: int, start: date = MONDAY) -> list[date]:
    days = (start + timedelta(days=number) for number in range(count * 2))
    return [day for day in days if day.weekday() < 5][:count]


def a_day(day: date, entries: int = 10, **parts: int) -> SourceDay:
    return SourceDay(day=day, name=f"{day}.md", entries=entries, **parts)


def findings(days: list[SourceDay], today: date | None = None, kind: str = "") -> list[Finding]:
    found = source_findings("tables", days, today or max(day.day for day in days))
    return [finding for finding in found if kind in ("", finding.kind)]


def test_a_source_at_its_usual_pace_is_fine():
    assert findings([a_day(day) for day in weekdays(30)]) == []


@pytest.mark.parametrize(("days_later", "missed"), [(1, 0), (3, 0), (4, 3), (30, 21)])
def test_silence_is_counted_in_the_days_on_which_the_source_comes(days_later: int, missed: int):
    friday = weekdays(30)[-1]
    assert friday.weekday() == 4
    today = friday + timedelta(days=days_later + 2)  # the weekend does not count
    found = findings([a_day(day) for day in weekdays(30)], today, "silent")
    assert [finding.figures for finding in found] == (
        [{"since": friday.isoformat(), "missed": missed}] if missed else []
    )
    assert all(finding.what.startswith(f"nothing since {friday}") for finding in found)


def test_a_source_that_often_pauses_is_given_time():
    days = [day for number, day in enumerate(weekdays(60)) if number % 10 < 4]
    assert findings([a_day(day) for day in days], days[-1] + timedelta(days=9), "silent") == []


def test_a_young_source_is_not_judged():
    assert findings([a_day(day) for day in weekdays(3)], MONDAY + timedelta(days=90)) == []
    assert list(source_findings("tables", [], MONDAY)) == []


def test_a_run_of_empty_digests_is_one_incident():
    days = weekdays(30)
    found = findings([a_day(day, 0 if 10 <= index < 17 else 10) for index, day in enumerate(days)])
    assert [(finding.kind, finding.what) for finding in found] == [
        ("empty", f"{days[10]} to {days[16]}: 7 digests without a single paper")
    ]


def test_a_good_day_in_between_makes_no_second_incident_but_many_do():
    days = weekdays(30)
    empty = {5, 6, 8, 20}
    found = findings([a_day(day, 0 if index in empty else 10) for index, day in enumerate(days)])
    assert [finding.figures["digests"] for finding in found] == [3, 1]


def test_what_is_long_past_is_told_but_not_urgent():
    days = weekdays(60)
    found = findings([a_day(day, 0 if index in (5, 55) else 10) for index, day in enumerate(days)])
    assert [finding.urgent for finding in found] == [False, True]


def test_authors_that_went_missing_are_told_from_their_first_day():
    days = [a_day(day, without_authors=9 if index >= 20 else 0) for index, day in enumerate(weekdays(30))]
    (found,) = findings(days)
    assert found.kind == "no authors"
    assert found.what.startswith(f"{days[20].day} to {days[29].day}: 90 of 100 papers without authors")


def test_a_source_that_never_names_authors_lacks_none():
    assert findings([a_day(day, without_authors=10) for day in weekdays(30)]) == []


def test_half_of_a_digest_makes_no_finding():
    halves = {"without_authors": 5, "problems": 5}
    days = [a_day(day, **(halves if index >= 20 else {})) for index, day in enumerate(weekdays(30))]
    assert findings(days) == []


def test_questions_without_a_key_are_told_where_keys_are_usual():
    days = [
        a_day(day, 3, questions=9, unkeyed=9 if index == 15 else 0) for index, day in enumerate(weekdays(30))
    ]
    (found,) = findings(days)
    assert (found.kind, found.figures["unkeyed"]) == ("no keys", 9)
    never = [a_day(day, 3, questions=9, unkeyed=9) for day in weekdays(30)]
    assert findings(never) == []


def test_many_odd_rows_are_a_changed_form():
    days = [a_day(day, problems=9 if index >= 28 else 0) for index, day in enumerate(weekdays(30))]
    (found,) = findings(days)
    assert (found.kind, found.urgent) == ("changed form", True)


def test_an_empty_day_is_normal_for_a_source_that_has_empty_days():
    days = [MONDAY + timedelta(days=number) for number in range(42)]
    weekends = [a_day(day, 0 if day.weekday() >= 5 else 10) for day in days]
    assert findings(weekends) == []
    as_usual = [a_day(days[-1] + timedelta(days=number), 0) for number in range(1, 3)]
    assert findings([*weekends, *as_usual]) == []  # four in a row: two are usual, and two more are given
    empty_week = [a_day(days[-1] + timedelta(days=number), 0) for number in range(1, 6)]
    (found,) = findings([*weekends, *empty_week])
    assert (found.kind, found.figures["digests"]) == ("empty", 7)


def looks(new: str) -> list[tuple[date, int]]:
    """A look a day: `+` brought something new, `-` did not."""
    return [(MONDAY + timedelta(days=number), int(sign == "+")) for number, sign in enumerate(new)]


@pytest.mark.parametrize(
    ("new", "days"),
    [
        ("", 0),
        ("+", 0),
        ("+---", 0),  # too young
        ("++++++++", 0),
        ("+++++--", 0),
        ("+++++---", 3),
        ("++--++--++----", 0),  # two days are usual, and two more are given
        ("++--++--++-----", 5),
        ("------", 6),
    ],
)
def test_a_source_that_changes_and_brings_nothing_new_is_told_after_its_usual_pause(new: str, days: int):
    found = list(unfruitful_findings("tables", looks(new)))
    assert [(finding.kind, finding.figures["days"]) for finding in found] == (
        [("nothing new", days)] if days else []
    )


def test_what_a_source_last_brought_and_how_often_it_changed_since_is_said():
    (found,) = unfruitful_findings("tables", [*looks("++++----"), *looks("++++----")])
    assert found.what.startswith("changed on 4 days since 2025-09-04 and brought no paper")
