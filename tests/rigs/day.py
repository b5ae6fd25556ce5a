"""A day of the pipeline that can be cut off at any step, before services that write down what they took.

As a program (`python -m tests.rigs.day STATE LEDGER STEP [parts]`) it kills itself, without a word to anybody, when
that step comes; with `parts` planning goes on one or two matches at a time.
"""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from bot.app.config.channels import CHANNELS
from bot.domain.channels import ChannelKind, Limits
from bot.domain.delivery import WENT_OUT
from bot.domain.message import Begin, OutgoingMessage, Receipt, unrecorded
from bot.domain.schedule import parse_quiet_hours
from bot.domain.subscriptions import Subscriber
from bot.pipeline import planning_runs
from bot.pipeline.ports.outbox import DeliveryRecord
from tests.builders import a_channel, a_digest, a_quiz, a_subscriber, an_edition, an_entry
from tests.rigs.clock import VirtualClock
from tests.rigs.files import FakeFile, Press
from tests.rigs.ports import Hook
from tests.rigs.world import World

Taken = tuple[str, str, str, str]
"""Target, kind, paper and part of one thing that a service took over."""


@dataclass
class Ledger:
    """A file in which every message that was taken over stands, whatever happens to who sent it."""

    path: Path

    def write(self, outgoing: OutgoingMessage) -> int:
        """Write down for good that it was taken over; which number it has."""
        self._append(self.path, json.dumps([list(sending) for sending in _things(outgoing)]))
        return self.path.read_text().count("\n")

    def ask(self, outgoing: OutgoingMessage) -> None:
        """Write down that its request came: from here on nobody but the service knows."""
        self._append(self._asked, outgoing.id)

    def asked(self) -> set[str]:
        """The messages whose requests came."""
        return set(self._asked.read_text().split()) if self._asked.exists() else set()

    @property
    def _asked(self) -> Path:
        return self.path.with_suffix(".asked")

    def _append(self, path: Path, line: str) -> None:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            os.write(handle, f"{line}\n".encode())
        finally:
            os.close(handle)

    def things(self) -> Counter[Taken]:
        """How often each thing was taken over; edits, which do no harm twice, left out."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        things = (tuple(load) for line in lines for load in json.loads(line))
        return Counter(values for values in things if values[1] != "edit")

    def edits(self) -> Counter[str]:
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return Counter(values[2] for line in lines for values in json.loads(line) if values[1] == "edit")


def _things(outgoing: OutgoingMessage) -> list[Taken]:
    part = outgoing.question.part if outgoing.question else ""
    return [(outgoing.target.key, outgoing.kind, item.paper.id, part) for item in outgoing.items]


def thing_of(row: DeliveryRecord) -> Taken:
    *_, kind, paper = row.key.split("|")[:3]
    part = row.key.split("|")[3] if row.key.count("|") > 2 else ""
    return row.target, kind, paper, part


def judge(rows: tuple[DeliveryRecord, ...], ledger: Ledger, expected: set[str]) -> Counter[str]:
    """Nothing lost, nothing twice, all doubt listed; the states that rows ended in."""
    taken = ledger.things()
    assert {sending: times for sending, times in taken.items() if times > 1} == {}
    assert {row.key for row in rows if row.kind != "edit"} == expected
    for row in rows:
        if row.kind == "edit" or row.target.startswith("atom:"):
            continue
        target, kind, paper, part = thing_of(row)
        arrived = any(
            values[:3] == (target, kind, paper) and (values[3] == part or part == "one") for values in taken
        )
        if row.state in ("sent", "merged"):
            assert arrived, f"{row.key} is said to have gone out"
        elif row.state == "limited":
            assert not arrived, row.key
        else:
            assert row.state == "uncertain", f"{row.key} is {row.state}"
            assert row.error == "the answer was never seen"
    needless = needless_edits(rows)
    states = Counter(row.state for row in rows if row.key not in needless)
    assert set(states) <= {"sent", "merged", "limited", "uncertain"}
    return states


def needless_edits(rows: Sequence[DeliveryRecord]) -> set[str]:
    """The keys of edits that were skipped rightly: it is not known that there is a message to edit."""
    alerts = {(row.target, row.paper) for row in rows if row.kind == "alert" and row.state in WENT_OUT}
    return {
        row.key
        for row in rows
        if row.kind == "edit" and row.state == "skipped" and (row.target, row.paper) not in alerts
    }


class LoggedPublisher:
    """Takes everything over, writes it down first, and tells the hook before its request, and before and after it is taken."""

    def __init__(self, kind: ChannelKind, ledger: Ledger, hook: Hook) -> None:
        self.capabilities = replace(CHANNELS[kind].capabilities, limits=Limits())
        self.kind = kind
        self._ledger = ledger
        self._hook = hook

    async def send(self, outgoing: OutgoingMessage, begin: Begin = unrecorded) -> Receipt:
        await begin()
        self._hook(f"{self.kind}.send")
        self._ledger.ask(outgoing)
        await asyncio.sleep(0)
        number = self._ledger.write(outgoing)
        self._hook(f"{self.kind}.send taken")
        await asyncio.sleep(0)
        if outgoing.question is None:
            return Receipt(message=f"{self.kind}-{number}")
        return Receipt(message=f"{self.kind}-{number}", poll=f"poll-{number}", option_order=(0, 1, 2))

    async def close(self) -> None: ...


PEOPLE: tuple[Subscriber, ...] = (
    a_subscriber("alice", a_channel(quizzes="all"), a_channel("email"), a_channel("atom")),
    a_subscriber("bob", a_channel(address="2002"), daily_limit=2),
    a_subscriber(
        "carol", a_channel(address="3003", quizzes="one"), quiet_hours=parse_quiet_hours("07:00-08:30")
    ),
)


def many_subscribers(times: int) -> tuple[Subscriber, ...]:
    """Those people so many times over, each with targets of their own."""
    return tuple(
        replace(
            person,
            id=f"{person.id}{number}",
            channels=tuple(
                replace(channel, address=f"{number}{channel.address}") for channel in person.channels
            ),
        )
        for number in range(1, times + 1)
        for person in PEOPLE
    )


def the_world(
    url: str,
    ledger: Ledger,
    hook: Hook,
    clock: VirtualClock | None = None,
    people: Sequence[Subscriber] = PEOPLE,
) -> World:
    """The world of that day; every commit of what was written is a step as well."""
    publishers = [LoggedPublisher(kind, ledger, hook) for kind in ("telegram", "email")]
    made = World(url, *people, publishers=publishers, faults=hook, first_run=None, clock=clock)

    @event.listens_for(made.store._engine, "commit")
    def before_commit(connection: Connection) -> None:
        if connection.get_execution_options().get("writes"):
            hook("database.commit")

    made.feed_files.before_write = lambda: hook("feed.write")
    return made


def morning(press: Press) -> list[FakeFile]:
    return [press.file("1.md", a_digest(1, 2, 3))]


def noon(press: Press) -> list[FakeFile]:
    page = a_digest(
        an_entry(1, summary=None, editions=(an_edition(quiz=a_quiz()),)),
        an_entry(4, editions=(an_edition(quiz=a_quiz(1, of="that")),)),
        kind="quiz_page",
    )
    return [
        *morning(press),
        press.file("2.html", page),
        press.file("3.md", a_digest(5, an_entry(2, title="Language Models, Corrected"))),
    ]


def evening(press: Press) -> list[FakeFile]:
    quizzed = an_entry(8, editions=(an_edition(quiz=a_quiz(2, of="all")),))
    return [*noon(press), press.file("4.md", a_digest(6, 7, quizzed))]


def in_parts(patched: pytest.MonkeyPatch) -> None:
    """From now on one or two matches are planned in a transaction."""
    for size in ("_FIRST_SIZE", "_SMALLEST", "_LARGEST"):
        patched.setattr(planning_runs, size, 2)


async def a_day(world: World) -> None:
    """Three looks at the folder, and everything sent that is due."""
    world.look(*morning(world.press))
    await world.send()
    world.look_only(*noon(world.press))
    await world.send()
    world.ingest.finish_planning(world.clock.now())
    await world.send()
    world.clock.advance(minutes=45)
    await world.send()
    world.look(*evening(world.press))
    await world.send()


async def the_rest(world: World) -> None:
    """What comes after a restart: the folder is looked through again, and everything is sent until nothing waits."""
    world.look(*evening(world.press))
    await world.send_all(days=3)


class KillsItself:
    """Ends the process the hard way when a step comes for the nth time: `outbox.claim done#2`."""

    def __init__(self, step: str) -> None:
        self._step, _, number = step.partition("#")
        self._left = int(number or 1)

    def __call__(self, step: str) -> None:
        if step == self._step:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def main(url: str, ledger: str, step: str, parts: str = "") -> None:
    if parts:
        in_parts(pytest.MonkeyPatch())
    world = the_world(url, Ledger(Path(ledger)), KillsItself(step))
    asyncio.run(a_day(world))


def quiet(_step: str) -> Any: ...


if __name__ == "__main__":
    main(*sys.argv[1:])
