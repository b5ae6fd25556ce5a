"""One at a time has a duty, on either database; who dies is followed by another."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.adapters.store import Store
from tests.adapters.store.conftest import Database

HOLDER = """
import asyncio, sys
from bot.adapters.store import Store

async def work():
    print("leads", flush=True)
    await asyncio.Event().wait()

asyncio.run(Store(sys.argv[1]).leader_election.lead("chat", work))
"""


async def until(is_so) -> None:
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.01)


async def test_a_second_one_waits_until_the_first_is_done(database: Database) -> None:
    store, other = database.open(), database.open()
    working: list[str] = []
    done = asyncio.Event()

    async def work(name: str) -> None:
        working.append(name)
        await done.wait()

    first = asyncio.create_task(store.leader_election.lead("chat", lambda: work("first")))
    await until(lambda: working)
    second = asyncio.create_task(other.leader_election.lead("chat", lambda: work("second")))
    elsewhere = asyncio.create_task(other.leader_election.lead("maintenance", lambda: work("elsewhere")))
    await until(lambda: len(working) == 2)
    await asyncio.sleep(0.1)
    assert working == ["first", "elsewhere"]
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await until(lambda: len(working) == 3)
    done.set()
    await asyncio.gather(second, elsewhere)
    assert working == ["first", "elsewhere", "second"]


async def test_who_is_killed_is_followed_within_five_seconds(database: Database) -> None:
    store = database.open()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, database.url], stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    assert holder.stdout is not None
    assert await asyncio.to_thread(holder.stdout.readline) == "leads\n"
    got: list[float] = []

    async def work() -> None:
        got.append(time.monotonic())

    leading = asyncio.create_task(store.leader_election.lead("chat", work))
    await asyncio.sleep(0.3)
    assert not got
    killed = time.monotonic()
    holder.kill()
    await leading
    holder.wait()
    holder.stdout.close()
    assert got[0] - killed < 5


async def test_a_state_in_memory_is_its_owners_alone() -> None:
    store = Store("sqlite://")
    done: list[bool] = []

    async def work() -> None:
        done.append(True)

    await store.leader_election.lead("maintenance", work)
    store.close()
    assert done


async def test_a_file_system_without_locks_is_said_and_no_hindrance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("bot.adapters.store.cluster.fcntl.flock", no_locks)
    store = Store(f"sqlite:///{tmp_path}/state.sqlite3")

    async def work() -> None: ...

    await store.leader_election.lead("maintenance", work)
    store.close()
    assert "leader.no_locks" in [record.msg for record in caplog.records]
