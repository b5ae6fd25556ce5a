"""The watch over the sources, on a real state."""

import datetime as dt
import logging
from pathlib import Path

import pytest

from bot.adapters.store import Store
from bot.domain.audience import Audience
from bot.domain.errors import SourceUnreachable
from bot.domain.sources import Source
from bot.pipeline.alarms import AlarmDesk, SourceWatch
from bot.pipeline.ingest import Ingest
from bot.pipeline.roster import Roster
from tests.builders import a_digest
from tests.pipeline.test_fetch import Memory, fetcher, unchanged
from tests.rigs.clock import VirtualClock
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
    ingest = Ingest(store.intake, press.read, press.peek_date)
    watch = SourceWatch(
        store.records, store.shelf, AlarmDesk(store.incidents, Roster()), fetcher("", unchanged)
    )
    *usual, last = days(15)

    def digest(day: dt.date) -> None:
        ingest.take_in([press.file(f"{day}.md", a_digest(day.day, day=day))], Audience(()), noon(day))

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


async def test_a_source_that_cannot_be_reached_for_a_day_is_an_incident_until_it_is(tmp_path: Path) -> None:
    away = True

    async def fetch(source: Source) -> bool:
        if away:
            raise SourceUnreachable("the server answered 503")
        return True

    store, clock = Store(f"sqlite:///{tmp_path}/state.sqlite3"), VirtualClock()
    work = fetcher("cl", fetch, Memory(), clock)
    watch = SourceWatch(store.records, store.shelf, AlarmDesk(store.incidents, Roster()), work)
    await work.fetch()
    clock.advance(hours=23)
    assert not watch.look(clock.now())
    clock.advance(hours=1)
    (incident,) = watch.look(clock.now()).opened
    assert (incident.source, incident.kind) == ("cl", "unreachable")
    assert not watch.look(clock.now())
    away = False
    await work.fetch()
    assert watch.look(clock.now()).closed == (incident,)
    store.close()
