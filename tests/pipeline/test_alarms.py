"""The watch over the sources, on a real state."""

import datetime as dt
import logging
from pathlib import Path

import pytest

from bot.adapters.store import Store
from bot.pipeline.alarms import AlarmDesk, SourceWatch
from bot.pipeline.ingest import Ingest
from bot.pipeline.subscribers import SubscriberRegistry
from tests.builders import a_digest
from tests.rigs.files import Press

FIRST = dt.date(2026, 9, 7)


def days(count: int) -> list[dt.date]:
    weekdays = (FIRST + dt.timedelta(days=number) for number in range(3 * count))
    return [day for day in weekdays if day.weekday() < 5][:count]


def noon(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(12), dt.UTC)


def test_a_source_that_falls_silent_is_told_once_and_again_when_it_is_well(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(f"sqlite:///{tmp_path}/state.sqlite3")
    press = Press()
    ingest = Ingest(store.intake, SubscriberRegistry(), press.read, press.peek_date)
    watch = SourceWatch(store.records, store.shelf, AlarmDesk(store.incidents, SubscriberRegistry()))
    *usual, last = days(15)

    def digest(day: dt.date) -> None:
        ingest.take_in([press.file(f"{day}.md", a_digest(day.day, day=day))], noon(day))

    for day in usual:
        digest(day)
        assert not watch.look(noon(day))
    assert not watch.look(noon(usual[-1] + dt.timedelta(days=3)))  # a weekend is none of its days
    with caplog.at_level(logging.INFO):
        silent = watch.look(noon(usual[-1] + dt.timedelta(days=10)))
        assert [one.kind for one in silent.opened] == ["silent"]
        assert not watch.look(noon(usual[-1] + dt.timedelta(days=11)))
        assert store.incidents.open_incidents() == silent.open
        digest(last + dt.timedelta(days=14))
        assert watch.look(noon(last + dt.timedelta(days=14))).closed == silent.opened
    assert [
        record.getMessage() for record in caplog.records if record.getMessage().startswith("source.")
    ] == [
        "source.alarm",
        "source.well_again",
    ]
    assert store.incidents.open_incidents() == ()
    store.close()
