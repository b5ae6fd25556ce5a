"""Several processes share one state, and any of them may be killed at any moment."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from bot.domain.message import OutgoingMessage
from tests.conftest import ROOT
from tests.rigs import machine
from tests.rigs.postgres import postgres_database, postgres_server
from tests.rigs.publishers import FakePublisher

MACHINES = 3
KILLS = 3
BETWEEN = 60
"""Messages from one death to the next."""


@pytest.fixture(params=["postgresql", "sqlite"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with ExitStack() as stack:
        if request.param == "sqlite":
            yield f"sqlite:///{tmp_path}/state.sqlite3"
        else:
            yield stack.enter_context(postgres_database(stack.enter_context(postgres_server())))


class Cluster:
    """Processes on one state; `counted` is what the services took over, as the services tell it."""

    def __init__(self, url: str, *more: str) -> None:
        self._command = [sys.executable, "-m", "tests.rigs.machine", url, *more]
        reading, self._writing = os.pipe()
        self._told = os.fdopen(reading, "rb")
        self._machines: dict[int, subprocess.Popen[bytes]] = {}
        self.counted: list[dict[str, Any]] = []

    def start(self) -> None:
        """One more machine, which speaks into the same pipe as the others."""
        started = subprocess.Popen(self._command, cwd=ROOT, stdout=self._writing)
        self._machines[started.pid] = started

    def hear(self, most: int | None = None) -> None:
        """Count what the services take over: so many messages, or all until every machine is done."""
        for line in self._told if most is None else islice(self._told, most):
            self.counted.append(json.loads(line))

    def kill_the_last_that_spoke(self) -> None:
        """In the middle of its work: its service has just taken something over."""
        self.kill(self.counted[-1]["machine"])

    def kill(self, number: int) -> None:
        """This one, the hard way."""
        machine = self._machines.pop(number)
        machine.kill()
        machine.wait()

    def working(self) -> list[int]:
        """Those that have not come to their end."""
        return [number for number, one in self._machines.items() if one.poll() is None]

    def start_no_more(self) -> None:
        """From here on the pipe ends with the last machine."""
        os.close(self._writing)

    def close(self) -> None:
        for one in self._machines.values():
            one.kill()
            one.wait()
        self._told.close()

    def went_well(self) -> bool:
        return all(one.wait() == 0 for one in self._machines.values())


async def test_machines_that_are_killed_lose_nothing_and_repeat_nothing(state: str):
    cluster = Cluster(state)
    with closing(cluster):
        for _ in range(MACHINES):
            cluster.start()
        for _ in range(KILLS):
            cluster.hear(BETWEEN)
            cluster.kill_the_last_that_spoke()
            cluster.start()
        cluster.start_no_more()
        cluster.hear()
        assert cluster.went_well()
    assert len({one["machine"] for one in cluster.counted}) > MACHINES

    service = FakePublisher("telegram")
    world = machine.world(state, service)
    await world.send_all()  # the leases of the dead end, and what comes after goes out
    counted = Counter((one["to"], one["what"]) for one in cluster.counted)
    counted.update(map(told, service.taken))
    assert max(counted.values()) == 1
    assert set(world.counts()) <= {"sent", "merged", "uncertain"}

    uncertain = {row.message: row.key for row in world.rows("uncertain")}
    seen = {one["message"] for one in cluster.counted}
    assert 0 < len(uncertain) <= KILLS * machine.AT_ONCE
    assert counted.total() + len(uncertain.keys() - seen) == machine.MESSAGES
    unseen = [row.key for row in world.rows("uncertain") if row.message not in seen]
    world.store.deliveries.retry(unseen, world.clock.now())
    await world.send_all()
    counted = Counter((one["to"], one["what"]) for one in cluster.counted) + Counter(map(told, service.taken))
    assert len(counted) == counted.total() == machine.MESSAGES
    assert {row.message for row in world.rows("uncertain")} == uncertain.keys() & seen
    world.close()


def told(message: OutgoingMessage) -> tuple[str, str]:
    """Where a message went, and what it said, as a machine tells it."""
    return message.target.key, message.question.question if message.question else "alert"
