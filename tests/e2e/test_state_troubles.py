"""A state that cannot be written to for a while, at writes all over a day: nothing is lost, nothing is sent twice."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from threading import Lock

import pytest
from sqlalchemy import event

from bot.domain.errors import StateError, StateLocked
from bot.domain.subscriptions import Subscriber
from tests.rigs.day import (
    PEOPLE,
    Ledger,
    a_day,
    judge,
    many_subscribers,
    morning,
    noon,
    quiet,
    the_rest,
    the_world,
)
from tests.rigs.world import World

STEP = 3
"""Pages from one disk to the next."""
WRITES = ("digests.transaction", "outbox.claim", "outbox.begin", "outbox.settle")


async def a_stubborn_day(world: World) -> list[StateError]:
    """The day, of which each part that fails is left for the next one; the failures."""
    failures: list[StateError] = []

    def look(files: Callable) -> None:
        try:
            world.look(*files(world.press))
        except StateError as error:
            failures.append(error)

    async def send() -> None:
        try:
            await world.send()
        except StateError as error:
            failures.append(error)

    look(morning)
    await send()
    look(noon)
    await send()
    world.clock.advance(minutes=45)
    await send()
    return failures


def expected_of(folder: Path, people: Sequence[Subscriber] = PEOPLE) -> set[str]:
    """What is to go out on an undisturbed day."""
    ledger = Ledger(folder / "whole.jsonl")
    world = the_world(f"sqlite:///{folder}/whole.sqlite3", ledger, quiet, people=people)

    async def live() -> None:
        await a_day(world)
        await the_rest(world)

    asyncio.run(live())
    keys = {row.key for row in world.rows() if row.kind != "edit"}
    world.close()
    return keys


def on_a_disk_that_fills(
    url: str, ledger: Ledger, pages: int, people: Sequence[Subscriber]
) -> tuple[World, list[StateError]]:
    """A day during which the state may grow by so many pages; after it there is room again."""
    world = the_world(url, ledger, quiet, people=people)
    engine = world.store._engine
    with engine.connect() as connection:
        most = [int(connection.exec_driver_sql("PRAGMA page_count").scalar_one()) + pages]

    @event.listens_for(engine, "checkout")
    def capped(connection: sqlite3.Connection, _record: object, _proxy: object) -> None:
        connection.execute(f"PRAGMA max_page_count={most[-1]}")

    async def live() -> list[StateError]:
        failures = await a_stubborn_day(world)
        most.append(1_000_000)
        await the_rest(world)
        return failures

    return world, asyncio.run(live())


def pages_of(state: Path) -> int:
    with closing(sqlite3.connect(state)) as connection:
        return int(connection.execute("PRAGMA page_count").fetchone()[0])


def test_a_disk_that_is_full_at_any_write_of_a_day(tmp_path: Path) -> None:
    people = many_subscribers(10)
    expected = expected_of(tmp_path, people)
    the_world(
        f"sqlite:///{tmp_path}/new.sqlite3", Ledger(tmp_path / "new.jsonl"), quiet, people=people
    ).close()
    growth = pages_of(tmp_path / "whole.sqlite3") - pages_of(tmp_path / "new.sqlite3")
    filled = 0
    for pages in range(0, growth, STEP):
        folder = tmp_path / str(pages)
        folder.mkdir()
        ledger = Ledger(folder / "taken.jsonl")
        world, failures = on_a_disk_that_fills(f"sqlite:///{folder}/state.sqlite3", ledger, pages, people)
        assert all("full" in str(error) for error in failures)
        assert judge(world.rows(), ledger, expected)["uncertain"] == 0
        world.close()
        filled += bool(failures)
    assert filled > 1


class Meddler:
    """Another process that holds the state at the nth write of one kind, until somebody looks for it again."""

    def __init__(self, url: str, kind: str, number: int) -> None:
        self._other = sqlite3.connect(
            url.removeprefix("sqlite:///"), isolation_level=None, timeout=0, check_same_thread=False
        )
        self._kind, self._number = kind, number
        self.holds = self._left = False
        self._writes = 0
        self._one_at_a_time = Lock()
        self.held = False

    def __call__(self, step: str) -> None:
        with self._one_at_a_time:
            if self.holds:
                self._other.execute("ROLLBACK")
                self.holds = False
            if step == self._kind and not self.held and not self._left:
                self._writes += 1
                if self._writes >= self._number:
                    self._hold()

    def leave(self) -> None:
        """Let go, for good."""
        self("")
        self._left = True

    def _hold(self) -> None:
        with suppress(sqlite3.OperationalError):  # one of ours writes just now: the next time, then
            self._other.execute("BEGIN IMMEDIATE")
            self.holds = self.held = True

    def close(self) -> None:
        self._other.close()


@pytest.mark.parametrize("kind", WRITES)
def test_a_state_that_another_process_holds_at_any_write_of_a_day(tmp_path: Path, kind: str) -> None:
    expected = expected_of(tmp_path)
    held = failed = 0
    for number in (1, 2, 4, 7):
        folder = tmp_path / str(number)
        folder.mkdir()
        url, ledger = f"sqlite:///{folder}/state.sqlite3", Ledger(folder / "taken.jsonl")
        the_world(url, ledger, quiet).close()
        with closing(Meddler(url, kind, number)) as meddler:
            world = the_world(url, ledger, meddler)

            @event.listens_for(world.store._engine, "checkout")
            def impatient(
                connection: sqlite3.Connection,
                _record: object,
                _proxy: object,
                meddler: Meddler = meddler,
            ) -> None:
                patience = 20 if meddler.holds else 2_000  # ours wait for ours, however busy the machine is
                connection.execute(f"PRAGMA busy_timeout={patience}")

            async def live(world: World = world, meddler: Meddler = meddler) -> list[StateError]:
                failures = await a_stubborn_day(world)
                meddler.leave()
                await the_rest(world)
                return failures

            failures = asyncio.run(live())
        assert all(isinstance(error, StateLocked) for error in failures)
        states = judge(world.rows(), ledger, expected)
        assert states["uncertain"] == 0
        world.close()
        held += meddler.held
        failed += bool(failures)
    assert held
    # Where messages are put back, and where another look of ours frees the state in time, no part of the day fails.
    assert failed or kind in ("outbox.begin", "outbox.settle")
