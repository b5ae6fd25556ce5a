"""When a source is asked next."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.sources import Source, SourceState, fetch_findings, undigested_findings

NOW = datetime(2031, 5, 5, 12, tzinfo=UTC)
SOURCE = Source(name="cl", kind="url", address="https://example.org/feed", every=timedelta(hours=6))
NEW = SourceState(name="cl", next_at=NOW)


def reached(state: SourceState, *, changed: bool = False, now: datetime = NOW, seed: int = 1) -> SourceState:
    return state.succeeded(SOURCE, changed=changed, now=now, rng=random.Random(seed))


def test_a_source_that_was_reached_is_asked_again_after_its_interval_with_jitter() -> None:
    waits = {reached(NEW, seed=seed).next_at - NOW for seed in range(50)}
    assert len(waits) == 50
    assert timedelta(hours=5.4) <= min(waits) < timedelta(hours=5.6)
    assert timedelta(hours=6.4) < max(waits) <= timedelta(hours=6.6)


def test_nothing_new_keeps_the_moment_of_the_last_change() -> None:
    first = reached(NEW, changed=True)
    later = NOW + timedelta(hours=6)
    second = reached(first, now=later)
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
    works = reached(failed)
    assert (works.failures, works.error, works.failing_since) == (0, "", None)


def test_a_shorter_interval_and_a_clock_that_was_set_back_make_a_source_due_sooner() -> None:
    state = reached(NEW)
    assert state.due_at(SOURCE, NOW) == state.next_at
    assert NEW.due_at(SOURCE, NOW) == NOW
    often = Source(name="cl", kind="url", address="https://example.org/feed", every=timedelta(minutes=10))
    assert state.due_at(often, NOW) == NOW + timedelta(minutes=11)
    assert state.due_at(SOURCE, NOW - timedelta(days=9)) == NOW - timedelta(days=9) + timedelta(hours=6.6)


def test_a_wait_that_a_server_asked_for_is_kept_whatever_the_interval_is() -> None:
    failed = NEW.failed("busy", NOW, random.Random(3), retry_after=timedelta(days=6))
    assert failed.due_at(SOURCE, NOW) == NOW + timedelta(days=6)


def test_a_source_that_cannot_be_reached_is_named_at_once_and_urgent_after_a_day() -> None:
    states = {"cl": NEW.failed("away", NOW, random.Random(0)), "gone": NEW}
    (found,) = fetch_findings([SOURCE], states, NOW + timedelta(hours=23))
    assert (found.kind, found.subject, found.urgent) == ("unreachable", "cl", False)
    assert found.what == "cannot be reached since 2031-05-05 12:00 UTC: away"
    states["cl"] = states["cl"].failed("still away", NOW + timedelta(hours=20), random.Random(0))
    (found,) = fetch_findings([SOURCE], states, NOW + timedelta(days=1))
    assert (found.urgent, found.figures) == (True, {"since": "2031-05-05T12:00:00+00:00", "attempts": 2})


def test_a_source_that_is_asked_seldom_has_twice_its_interval() -> None:
    weekly = Source(name="cl", kind="url", address="https://example.org/", every=timedelta(days=7))
    states = {"cl": NEW.failed("away", NOW, random.Random(0))}
    urgent = [
        next(iter(fetch_findings([weekly], states, NOW + timedelta(days=days)))).urgent for days in (13, 14)
    ]
    assert urgent == [False, True]


def test_of_a_source_that_was_reached_or_never_asked_there_is_nothing_to_say() -> None:
    assert list(fetch_findings([SOURCE], {}, NOW)) == []
    assert list(fetch_findings([SOURCE], {"cl": reached(NEW)}, NOW)) == []


def test_a_source_that_brought_files_of_which_none_is_a_digest_is_named() -> None:
    states = [NEW, reached(SourceState(name="login", next_at=NOW), changed=True), reached(NEW, changed=True)]
    (found,) = undigested_findings(states, ["cl/feed.xml", "cl.md", "login.md"])
    assert (found.kind, found.subject, found.urgent) == ("no digest", "login", False)
