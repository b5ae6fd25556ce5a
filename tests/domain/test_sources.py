"""When a source is asked next."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.sources import Fetched, Source, SourceState, Validators

NOW = datetime(2031, 5, 5, 12, tzinfo=UTC)
SOURCE = Source(name="cl", kind="url", address="https://example.org/feed", every=timedelta(hours=6))
NEW = SourceState(name="cl", next_at=NOW)


def test_a_source_that_was_reached_is_asked_again_after_its_interval_with_jitter() -> None:
    fetched = Fetched(changed=True, validators=Validators(etag="a"))
    waits = {NEW.succeeded(SOURCE, fetched, NOW, random.Random(seed)).next_at - NOW for seed in range(50)}
    assert len(waits) == 50
    assert timedelta(hours=5.4) <= min(waits) < timedelta(hours=5.6)
    assert timedelta(hours=6.4) < max(waits) <= timedelta(hours=6.6)


def test_nothing_new_keeps_the_moment_of_the_last_change() -> None:
    first = NEW.succeeded(SOURCE, Fetched(changed=True), NOW, random.Random(1))
    later = NOW + timedelta(hours=6)
    second = first.succeeded(SOURCE, Fetched(changed=False), later, random.Random(1))
    assert (second.changed_at, second.checked_at) == (NOW, later)


def test_pauses_double_from_five_minutes_to_a_day() -> None:
    state, pauses = NEW, []
    for _ in range(40):
        state = state.failed("away", NOW, random.Random(0))
        pauses.append(state.next_at - NOW)
    assert timedelta(minutes=5) <= pauses[0] <= timedelta(minutes=6)
    assert timedelta(minutes=10) <= pauses[1] <= timedelta(minutes=12)
    assert timedelta(minutes=20) <= pauses[2] <= timedelta(minutes=24)
    assert timedelta(days=1) <= pauses[-1] <= timedelta(days=1.2)
    assert (state.failures, state.error) == (40, "away")


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        (timedelta(seconds=1), timedelta(minutes=5), timedelta(minutes=6)),
        (timedelta(hours=2), timedelta(hours=2), timedelta(hours=2)),
        (timedelta(days=400), timedelta(days=7), timedelta(days=7)),
    ],
)
def test_a_wait_that_the_server_asks_for_is_obeyed_up_to_a_week(
    asked: timedelta, least: timedelta, most: timedelta
) -> None:
    wait = NEW.failed("busy", NOW, random.Random(3), retry_after=asked).next_at - NOW
    assert least <= wait <= most


def test_success_ends_a_row_of_failures() -> None:
    failed = NEW.failed("away", NOW, random.Random(0))
    assert failed.failures == 1
    works = failed.succeeded(SOURCE, Fetched(changed=False), NOW, random.Random(0))
    assert (works.failures, works.error) == (0, "")
