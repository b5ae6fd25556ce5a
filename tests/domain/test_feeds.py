"""Names of feeds and entries, which never change; and the months of the archive."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.feeds import archive_month, entry_id, feed_id, is_closed
from bot.domain.papers import PaperId

AUTHORITY = "paperboy.example,2026"


def test_an_entry_is_named_after_its_paper():
    assert (
        entry_id(AUTHORITY, PaperId("arxiv:2509.14008")) == "tag:paperboy.example,2026:paper/arxiv:2509.14008"
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("all", "all"),
        ("subscriber/Alice", "subscriber/alice"),
        ("subscriber/a b", "subscriber/a%20b"),
        ("subscriber/中", "subscriber/%e4%b8%ad"),
        ("subscriber/50%", "subscriber/50%25"),
    ],
)
def test_a_feed_is_named_in_lower_case_ascii(name: str, expected: str):
    assert feed_id(AUTHORITY, name) == f"tag:{AUTHORITY}:feed/{expected}"


@given(st.text(max_size=20))
def test_any_name_gives_a_tag_uri(name: str):
    assert re.fullmatch(r"tag:paperboy\.example,2026:feed/[a-z0-9._~/%-]*", feed_id(AUTHORITY, name))


@given(st.text(max_size=8), st.text(max_size=8))
def test_different_names_give_different_feeds(name: str, other: str):
    def printable(text: str) -> str:
        return text.lower().encode(errors="replace").decode()

    assert (feed_id(AUTHORITY, name) == feed_id(AUTHORITY, other)) == (printable(name) == printable(other))


INSTALLED = datetime(2026, 9, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "seen", "month"),
    [
        (date(2025, 3, 9), INSTALLED, date(2025, 3, 1)),
        (date(2025, 3, 9), INSTALLED + timedelta(days=7), date(2025, 3, 1)),
        (date(2025, 3, 9), INSTALLED + timedelta(days=7, seconds=1), date(2026, 9, 1)),
        (date(2025, 3, 9), INSTALLED + timedelta(days=30), date(2026, 10, 1)),
        (None, INSTALLED, date(2026, 9, 1)),
        (date(2027, 1, 1), INSTALLED, date(2026, 9, 1)),
    ],
    ids=["history", "at the end of the first week", "just after it", "late", "undated", "from the future"],
)
def test_history_is_archived_by_its_day_and_all_else_by_when_it_came(day, seen, month) -> None:
    assert archive_month(day, seen, INSTALLED) == month


def test_a_month_is_closed_once_nothing_can_come_into_it() -> None:
    assert not is_closed(date(2026, 9, 1), INSTALLED + timedelta(days=20), INSTALLED)
    assert is_closed(date(2026, 9, 1), INSTALLED + timedelta(days=40), INSTALLED)
    assert not is_closed(date(2025, 3, 1), INSTALLED + timedelta(days=6), INSTALLED)
