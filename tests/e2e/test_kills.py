"""Killed between any two steps of a delivery: nothing is lost, nothing is sent twice, and doubt is said aloud.

`PAPERBOY_TEST_KILLS` says how often each kind of step is tried (3): with 1000 every single one is.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bot.adapters.store import Store
from bot.pipeline.dispatch import LEASE
from bot.pipeline.ports.outbox import DeliveryRecord
from tests.builders import NOW
from tests.conftest import ROOT
from tests.rigs.clock import VirtualClock
from tests.rigs.day import Ledger, Taken, a_day, in_parts, quiet, the_rest, the_world

NEAR = {
    "digests.transaction",
    "digests.commit",
    "digests.transaction done",
    "outbox.expire",
    "digests.tx.begin_run done",
    "digests.tx.finish",
    "outbox.claim done",
    "deliveries.alert_on",
    "deliveries.unnamed",
    "outbox.settle done",
    "telegram.send",
    "telegram.send taken",
    "email.send",
    "email.send taken",
    "feed.write",
    "database.commit",
}
"""The steps that matter, besides the reads between them."""


class Killed(BaseException):
    """The process is gone: nothing that was begun is finished."""


class DiesAt:
    """A hook that kills at the nth step of those that matter; after that nothing is done any more."""

    def __init__(self, number: int | None) -> None:
        self.steps: list[str] = []
        self._number = number
        self._dead = False

    def __call__(self, step: str) -> None:
        if self._dead:
            raise Killed
        if step in NEAR:
            self.steps.append(step)
            if len(self.steps) - 1 == self._number:
                self._dead = True
                raise Killed


@pytest.fixture(scope="module")
def empty_state(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("empty") / "state.sqlite3"
    Store(f"sqlite:///{path}").close()
    return path.read_bytes()


def fresh(folder: Path, empty_state: bytes) -> tuple[str, Ledger]:
    folder.mkdir(exist_ok=True)
    (folder / "state.sqlite3").write_bytes(empty_state)
    return f"sqlite:///{folder}/state.sqlite3", Ledger(folder / "taken.jsonl")


async def killed_at(number: int | None, url: str, ledger: Ledger) -> list[str]:
    """A day that ends at that step; the steps until then."""
    hook = DiesAt(number)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the dead have nothing to say
    world = the_world(url, ledger, hook)
    with suppress(Killed):
        await a_day(world)
    world.close()
    return hook.steps


async def then_the_rest(url: str, ledger: Ledger) -> tuple[DeliveryRecord, ...]:
    """Another process goes on, some time later; how all rows ended."""
    world = the_world(url, ledger, quiet, VirtualClock(NOW + 2 * LEASE))
    await the_rest(world)
    rows = world.rows()
    world.close()
    return rows


def thing_of(row: DeliveryRecord) -> Taken:
    *_, kind, paper = row.key.split("|")[:3]
    part = row.key.split("|")[3] if row.key.count("|") > 2 else ""
    return row.target, kind, paper, part


def judge(rows: tuple[DeliveryRecord, ...], ledger: Ledger, expected: set[str]) -> Counter[str]:
    """Nothing lost, nothing twice, all doubt listed; the states that rows ended in."""
    taken = ledger.things()
    assert {thing: times for thing, times in taken.items() if times > 1} == {}
    assert {row.key for row in rows if row.kind != "edit"} == expected
    for row in rows:
        if row.kind == "edit" or row.target.startswith("atom:"):
            continue
        target, kind, paper, part = thing_of(row)
        arrived = any(one[:3] == (target, kind, paper) and (one[3] == part or part == "one") for one in taken)
        if row.state in ("sent", "merged"):
            assert arrived, f"{row.key} is said to have gone out"
        elif row.state == "limited":
            assert not arrived, row.key
        else:
            assert row.state == "uncertain", f"{row.key} is {row.state}"
            assert row.error == "the answer was never seen"
    states = Counter(row.state for row in rows)
    assert set(states) <= {"sent", "merged", "limited", "uncertain"}
    return states


@pytest.fixture(scope="module", params=["", "parts"], ids=["at once", "in parts"])
def parts(request: pytest.FixtureRequest) -> Iterator[str]:
    """How much a transaction plans: everything, or one or two matches."""
    with pytest.MonkeyPatch.context() as patched:
        if request.param:
            in_parts(patched)
        yield request.param


@pytest.fixture(scope="module")
def whole_day(
    tmp_path_factory: pytest.TempPathFactory, empty_state: bytes, parts: str
) -> tuple[list[str], set[str]]:
    """The steps of a day that nothing disturbs, and the keys of everything that is to go out."""
    url, ledger = fresh(tmp_path_factory.mktemp("whole"), empty_state)

    async def live() -> tuple[list[str], tuple[DeliveryRecord, ...]]:
        return await killed_at(None, url, ledger), await then_the_rest(url, ledger)

    steps, rows = asyncio.run(live())
    expected = {row.key for row in rows if row.kind != "edit"}
    states = judge(rows, ledger, expected)
    assert states["uncertain"] == 0
    assert states["limited"] > 0
    assert set(steps) == NEAR
    return steps, expected


def some_of_each(steps: list[str], most: int = int(os.environ.get("PAPERBOY_TEST_KILLS", "3"))) -> list[int]:
    """Where each kind of step comes: all of it where that is not often, else spread over the day."""
    found: list[int] = []
    for step in sorted(set(steps)):
        places = [place for place, one in enumerate(steps) if one == step]
        found += (
            places
            if len(places) <= most
            else [places[n * (len(places) - 1) // (most - 1)] for n in range(most)]
        )
    return found


async def test_a_day_that_is_killed_at_any_step_goes_on_after_it(
    whole_day: tuple[list[str], set[str]], tmp_path: Path, empty_state: bytes
):
    steps, expected = whole_day
    in_doubt: Counter[str] = Counter()
    for number in some_of_each(steps):
        url, ledger = fresh(tmp_path / str(number), empty_state)
        last = (await killed_at(number, url, ledger) or ["nowhere"])[-1]
        states = judge(await then_the_rest(url, ledger), ledger, expected)
        in_doubt[last] += states["uncertain"]
    # Before anything is claimed, and once the end is written down, there is nothing to doubt.
    assert not any(
        in_doubt[step] for step in ("digests.transaction", "digests.commit", "digests.transaction done")
    )
    # Which sends are under way at a step differs from run to run; that some are in doubt does not.
    assert sum(in_doubt.values()) > 0


async def test_the_operator_sends_again_what_never_arrived(
    whole_day: tuple[list[str], set[str]], tmp_path: Path, empty_state: bytes
):
    """Killed right before a send, the row is uncertain: we cannot know. The operator can, and says so."""
    steps, expected = whole_day
    url, ledger = fresh(tmp_path / "one", empty_state)
    await killed_at(steps.index("telegram.send"), url, ledger)
    rows = await then_the_rest(url, ledger)
    doubtful = [row for row in rows if row.state == "uncertain"]
    assert doubtful
    missing = [row.key for row in doubtful if not ledger.things()[thing_of(row)]]
    world = the_world(url, ledger, quiet, VirtualClock(NOW + 4 * LEASE))
    assert world.store.deliveries.retry(missing, world.clock.now()) == len(missing)
    await world.send_all(days=1)
    assert judge(world.rows(), ledger, expected)["uncertain"] == len(doubtful) - len(missing)
    world.close()


async def test_a_correction_is_never_lost_to_a_kill(
    whole_day: tuple[list[str], set[str]], tmp_path: Path, empty_state: bytes
):
    """An edit goes again until it is known to have gone out: twice does no harm."""
    steps, _ = whole_day
    sends = [number for number, step in enumerate(steps) if step.startswith("telegram.send")]
    for number in sends[-4:]:
        url, ledger = fresh(tmp_path / str(number), empty_state)
        await killed_at(number, url, ledger)
        rows = await then_the_rest(url, ledger)
        edits = {row.paper: row.state for row in rows if row.kind == "edit"}
        assert set(edits.values()) <= {"sent", "merged"}
        assert {paper for paper, state in edits.items() if state == "sent"} <= set(ledger.edits())


@pytest.mark.parametrize(
    ("step", "doubtful"),
    [
        ("digests.commit#2", False),  # papers, notices and rows are written, and not yet committed
        ("digests.transaction done#2", False),  # committed, and nobody is onboarded
        ("digests.tx.finish#1", False),  # the last part is planned, and not yet committed
        ("outbox.claim done#1", True),  # claimed, and nothing sent
        ("telegram.send#1", True),  # about to be sent
        ("telegram.send taken#1", True),  # the service has it, and we do not know yet
        ("email.send taken#1", True),
        ("outbox.settle#1", True),  # we know, and have written down nothing
        ("outbox.settle done#1", None),  # written down, while others are in flight
        ("database.commit#9", None),  # in the middle of whichever commit that is
    ],
)
async def test_a_process_that_is_killed_the_hard_way_loses_nothing(
    step: str,
    doubtful: bool | None,
    parts: str,
    whole_day: tuple[list[str], set[str]],
    tmp_path: Path,
    empty_state: bytes,
):
    _, expected = whole_day
    url, ledger = fresh(tmp_path / "killed", empty_state)
    command = [sys.executable, "-m", "tests.rigs.day", url, str(ledger.path), step, parts]
    ended = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, timeout=60)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    states = judge(await then_the_rest(url, ledger), ledger, expected)
    if doubtful is not None:
        assert (states["uncertain"] > 0) == doubtful
