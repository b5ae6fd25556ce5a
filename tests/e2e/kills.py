# ruff: noqa: T201 - a program that prints its scorecard
"""`kill -9` at many points of a day with a thousand deliveries over all channels, against services that count.

    python -m tests.e2e.kills --points 300

For each point a process of its own lives through the day until it kills itself there; another one goes on
after it, and the operator sends again what never arrived. Half of the days plan everything at
once, half one or two matches in a transaction. Ends with 1 on one loss or one repeat.
"""

import argparse
import asyncio
import logging
import os
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from bot.adapters.store import Store
from bot.domain.delivery import ONE_QUESTION, parts_of_key
from bot.domain.subscriptions import Subscriber
from bot.pipeline.dispatch import LEASE
from bot.pipeline.ports.outbox import DeliveryRecord
from tests.builders import NOW
from tests.rigs.clock import VirtualClock
from tests.rigs.day import KillsItself, Ledger, Taken, a_crowd, a_day, in_parts, quiet, the_rest, the_world

TIMES = 36
"""So many times the three people of the day: a thousand deliveries."""
OF_EACH = 3
"""Each kind of step is a point at least so often; where the others lie is drawn."""
_IN_PARTS = 0.5
"""So many of the days in small are planned one or two matches at a time."""
UNSEEN = "the answer was never seen"


@dataclass(kw_only=True)
class Count:
    """What was counted after the kills."""

    killed: int = 0
    lost: int = 0
    repeated: int = 0
    uncertain: int = 0
    sent_again: int = 0

    @property
    def faultless(self) -> bool:
        return not (self.lost or self.repeated)


class Days:
    """One day, lived through again and again."""

    def __init__(self, folder: Path, people: Sequence[Subscriber], count: Count | None = None) -> None:
        self._folder = folder
        self._people = people
        Store(f"sqlite:///{folder}/empty.sqlite3").close()
        self._empty = (folder / "empty.sqlite3").read_bytes()
        self.steps: list[str] = []
        self.expected: frozenset[str] = frozenset()
        self.count = count or Count()

    def undisturbed(self) -> Counter[str]:
        """Live through it, and know its steps and all that is to go out; the rows by channel."""
        url, ledger = self._fresh()
        world = the_world(url, ledger, self.steps.append, people=self._people)
        asyncio.run(a_day(world))
        world.close()
        rows = self._go_on(url, ledger)
        self.expected = frozenset(row.key for row in rows if row.kind != "edit")
        self._judge(rows, ledger)
        return Counter(row.target.partition(":")[0] for row in rows)

    def killed_at(self, step: str) -> None:
        """Live through it until that step; then go on as another process, and count."""
        url, ledger = self._fresh()
        child = os.fork()
        if child == 0:
            try:
                asyncio.run(a_day(the_world(url, ledger, KillsItself(step), people=self._people)))
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        self.count.killed += os.WIFSIGNALED(status)
        rows = self._go_on(url, ledger)
        doubtful = [row for row in rows if row.state == "uncertain"]
        self.count.uncertain += len(doubtful)
        self.count.lost += sum(row.error != UNSEEN for row in doubtful)  # it must say what is known
        arrived = Arrived(ledger.things())
        missing = [row.key for row in doubtful if row not in arrived]
        self.count.sent_again += len(missing)
        self._judge(self._sent_again(url, ledger, missing), ledger)

    def _fresh(self) -> tuple[str, Ledger]:
        for path in self._folder.glob("day.*"):
            path.unlink()
        (self._folder / "day.sqlite3").write_bytes(self._empty)
        return f"sqlite:///{self._folder}/day.sqlite3", Ledger(self._folder / "day.jsonl")

    def _go_on(self, url: str, ledger: Ledger) -> tuple[DeliveryRecord, ...]:
        world = the_world(url, ledger, quiet, VirtualClock(NOW + 2 * LEASE), self._people)
        asyncio.run(the_rest(world))
        rows = world.rows()
        world.close()
        return rows

    def _sent_again(self, url: str, ledger: Ledger, keys: Sequence[str]) -> tuple[DeliveryRecord, ...]:
        world = the_world(url, ledger, quiet, VirtualClock(NOW + timedelta(days=4)), self._people)
        world.store.deliveries.retry(keys, world.clock.now())
        asyncio.run(the_rest(world))
        rows = world.rows()
        world.close()
        return rows

    def _judge(self, rows: Sequence[DeliveryRecord], ledger: Ledger) -> None:
        taken = ledger.things()
        arrived = Arrived(taken)
        self.count.repeated += taken.total() - len(taken)
        self.count.lost += len(self.expected - {row.key for row in rows})
        for row in rows:
            if row.kind == "edit" or row.target.startswith("atom:"):
                self.count.lost += row.state not in ("sent", "merged")
            elif row.state in ("sent", "merged", "uncertain"):
                self.count.lost += row not in arrived
            else:
                self.count.lost += row.state != "limited"
                self.count.repeated += row in arrived


class Arrived:
    """Which rows the services took over; of a paper's one question it does not matter which it was."""

    def __init__(self, taken: Iterable[Taken]) -> None:
        self._things = set(taken)
        self._papers = {(target, kind, paper) for target, kind, paper, _ in self._things}

    def __contains__(self, row: DeliveryRecord) -> bool:
        thing = parts_of_key(row.key)
        if thing is not None and thing[3] == ONE_QUESTION:
            return thing[:3] in self._papers
        return thing in self._things


def points(steps: Sequence[str], count: int, rng: random.Random) -> list[str]:
    """So many moments of the day, as `step#n`: some of each kind of step, the others anywhere."""
    seen: Counter[str] = Counter()
    places: dict[str, list[str]] = defaultdict(list)
    for step in steps:
        seen[step] += 1
        places[step].append(f"{step}#{seen[step]}")
    chosen = {place for some in places.values() for place in rng.sample(some, min(OF_EACH, len(some)))}
    others = sorted({place for some in places.values() for place in some} - chosen)
    chosen.update(rng.sample(others, min(max(count - len(chosen), 0), len(others))))
    return rng.sample(sorted(chosen), min(count, len(chosen)))


def killed_at_some(count: int, rng: random.Random) -> tuple[int, Count]:
    """The same in small: how many deliveries there were at all points together, and how they ended."""
    with (
        tempfile.TemporaryDirectory(prefix="paperboy-kills-") as folder,
        pytest.MonkeyPatch.context() as patched,
    ):
        if rng.random() < _IN_PARTS:
            in_parts(patched)
        days = Days(Path(folder), a_crowd(2))
        days.undisturbed()
        for step in points(days.steps, count, rng):
            days.killed_at(step)
        return len(days.expected) * count, days.count


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--points", type=int, default=300)
    parser.add_argument("--times", type=int, default=TIMES, help="how large the crowd is")
    parser.add_argument("--seed", type=int, default=20_261_121)
    chosen = parser.parse_args()
    logging.disable(logging.CRITICAL)  # what fails here was made to fail
    began = time.monotonic()
    count, kinds, where = Count(), set[str](), 0
    for parts in (False, True):
        with (
            tempfile.TemporaryDirectory(prefix="paperboy-kills-") as folder,
            pytest.MonkeyPatch.context() as patched,
        ):
            if parts:
                in_parts(patched)
            days = Days(Path(folder), a_crowd(chosen.times), count)
            channels = days.undisturbed()
            how = "planned in parts" if parts else "planned at once"
            print(f"a day of {len(days.steps)} steps, {how}, deliveries: {dict(channels)}", flush=True)
            share = (chosen.points + parts) // 2
            for number, step in enumerate(points(days.steps, share, random.Random(chosen.seed)), start=1):
                before = count.lost, count.repeated
                days.killed_at(step)
                kinds.add(step.partition("#")[0])
                where += 1
                if before != (count.lost, count.repeated):
                    print(f"  at {step}: {count}", flush=True)
                if number % 50 == 0:
                    print(f"  {number} of {share}, {time.monotonic() - began:.0f} s", flush=True)
    print(
        f"{count.killed} kills at {where} points of {len(kinds)} kinds, {len(days.expected)} deliveries each:"
        f" {count.lost} lost, {count.repeated} repeated; {count.uncertain} uncertain,"
        f" {count.sent_again} of them sent again by the operator"
    )
    return int(not count.faultless)


if __name__ == "__main__":
    sys.exit(main())
