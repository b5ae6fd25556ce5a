# ruff: noqa: T201 - a program that prints its scorecard
"""`kill -9` of the real `run` in the middle of a flood, and at many points of a day: what is lost, repeated, in doubt.

    python -m tests.e2e.kills --table [--postgresql]
    python -m tests.e2e.kills --points 300

The table: `paperboy run` with its production rules (rate limits, flood guard, connections) sends one digest to many
chats and mailboxes of an emulated Bot API and a mail server. At a moment that is drawn it is killed, and started again at
once. The services know what they accepted, and what they had not answered yet: only that may be uncertain.

The points: for each one a process of its own lives through the day until it kills itself there, and another one goes on.
Half of the days plan everything at once, half one or two matches in a transaction.

*False doubt* is what is called uncertain although no service ever got it. It can only come from the microseconds between the
mark that a request leaves and the request. Nobody is asked what arrived: the operator of these trials leaves alone what is
uncertain. Ends with 1 on one loss, one repeat, or more than one false doubt a kill.
"""

import argparse
import asyncio
import dataclasses
import json
import logging
import os
import random
import resource
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.adapters.store import Store
from bot.adapters.telegram.publisher import OVERALL
from bot.app.config.channels.email import SMTP_CONNECTIONS
from bot.domain.delivery import ONE_QUESTION, parts_of_key
from bot.domain.subscriptions import Subscriber
from bot.pipeline.ports.outbox import DeliveryRecord
from tests.builders import NOW
from tests.rigs.botapi import BotApi
from tests.rigs.clock import VirtualClock
from tests.rigs.day import (
    KillsItself,
    Ledger,
    Taken,
    a_day,
    in_parts,
    many_subscribers,
    needless_edits,
    quiet,
    the_rest,
    the_world,
)
from tests.rigs.home import LATENCY, Home, Mails, killed
from tests.rigs.postgres import durable_server, postgres_database

KILLS = 5
CHATS, MAILBOXES = 150, 60
GAP = 1
"""Messages that one death finds between the mark that their request leaves and the request, at most: one step of one thread."""
BACK_WITHIN = 10.0
"""Seconds after the restart within which everything that is not uncertain is out."""
TIMES = 36
"""So many times the three people of the day: a thousand deliveries."""
OF_EACH = 3
"""Each kind of step is a point so often, if there is room; where the others lie is drawn."""
_IN_PARTS = 0.5
"""So many of the days in small are planned one or two matches at a time."""
UNSEEN = "the answer was never seen"


# --- the real `run` ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Kill:
    """One kill in a flood: messages accepted before it, on the wire at that moment, and how it went on."""

    expected: int
    accepted: int
    on_the_wire: int
    uncertain: int
    false_doubt: int
    lost: int
    repeated: int
    seconds: float
    """From the restart to the last request."""
    first: float
    """From the restart to the first request: mostly the start of a process, which a busy machine delays."""
    least: float
    """Seconds from the first request to the last that the pace rules and the services' answers take at least."""
    processor: float
    """Seconds of processor time of the process that went on."""

    @property
    def ratio(self) -> float | None:
        """How many times the least time it took from the first request to the last; None where all may go at once."""
        return (self.seconds - self.first) / self.least if self.least else None

    @property
    def faultless(self) -> bool:
        exact = self.uncertain <= self.on_the_wire + GAP and self.false_doubt <= GAP
        return exact and not (self.lost or self.repeated)

    def line(self, number: int) -> str:
        return (
            f"{number:>4}  {self.accepted:>8}  {self.on_the_wire:>11}  {self.uncertain:>9}  {self.false_doubt:>14}"
            f"  {self.lost:>4}  {self.repeated:>8}  {self.seconds:>11.1f} s  {self.first:>9.1f} s"
            f"  {self.least:>5.1f} s  {'' if self.ratio is None else f'{self.ratio:.1f}':>5}  {self.processor:>7.1f} s"
        )


HEAD = (
    "kill  accepted  on the wire  uncertain  never accepted  lost  repeated  all out after  first after    least"
    "  ratio  processor"
)


def least_seconds(telegram: int, mails: int) -> float:
    """Seconds from the first request to the last that so many take at least.

    30 messages are under way or answered within any second; each of the connections to the mail server has one mail.
    """
    a_window = OVERALL.span.total_seconds() + LATENCY
    return max(
        max(telegram - 1, 0) // OVERALL.most * a_window, max(mails - 1, 0) // SMTP_CONNECTIONS * LATENCY
    )


def killed_in_a_flood(
    rng: random.Random,
    *,
    server: str | None = None,
    chats: int = CHATS,
    mailboxes: int = MAILBOXES,
    within: float = 1.0,
) -> Kill:
    """Kill the real `run` somewhere in its flood, start it again, and count; on that PostgreSQL, or on SQLite.

    That is up to `within` seconds after a number of messages that is drawn, and so no moment that depends on a message.
    """
    with (
        tempfile.TemporaryDirectory(prefix="paperboy-kills-") as folder,
        BotApi.in_thread(paced=True, latency=LATENCY) as api,
        Mails.in_thread() as mails,
        postgres_database(server) if server else nullcontext("") as state,
    ):
        home = Home(folder=Path(folder), api=api, mails=mails, state=state, chats=chats, mailboxes=mailboxes)
        home.drop_digest()
        process = home.start()
        try:
            home.wait_until_accepted(rng.randint(1, (chats + mailboxes) // 2))
            time.sleep(rng.uniform(0, within))
            moment = killed(process)
            accepted = home.accepted().total()
            began = time.monotonic()
            process = home.start()
            home.wait_until_quiet(patience=60)
        finally:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            killed(process)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processor = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        return counted(home, accepted=accepted, moment=moment, began=began, processor=processor)


def counted(home: Home, *, accepted: int, moment: float, began: float, processor: float) -> Kill:
    """What became of everything, as the services and the state know it."""
    telegram, mails = (
        [exchange.came - began for exchange in exchanges if exchange.came > began]
        for exchanges in (home.api.exchanges, home.mails.exchanges if home.mails else ())
    )
    got, uncertain = home.accepted(), {(row.target, row.paper) for row in home.rows("uncertain")}
    return Kill(
        expected=len(home.expected()),
        accepted=accepted,
        on_the_wire=home.on_the_wire(moment),
        uncertain=len(uncertain),
        false_doubt=len(uncertain - got.keys()),
        lost=len(home.expected() - got.keys() - uncertain),
        repeated=got.total() - len(got),
        seconds=max([*telegram, *mails], default=0.0),
        first=min([*telegram, *mails], default=0.0),
        least=least_seconds(len(telegram), len(mails)),
        processor=processor,
    )


def table(kills: int, rng: random.Random, server: str | None = None) -> list[Kill]:
    """Some kills, each of a flood of its own, printed as they come."""
    where = "PostgreSQL" if server else "SQLite"
    print(f"`run` on {where} killed in a flood of {CHATS} chats and {MAILBOXES} mailboxes", flush=True)
    print(HEAD, flush=True)
    done = []
    for number in range(1, kills + 1):
        done.append(killed_in_a_flood(rng, server=server))
        print(done[-1].line(number), flush=True)
    return done


# --- points of a day --------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Count:
    """What was counted after the kills, in rows."""

    killed: int = 0
    lost: int = 0
    repeated: int = 0
    uncertain: int = 0
    false_doubt: int = 0
    in_the_gap: int = 0
    """Messages that were noted as going out and not yet requested: no more than one transaction of each channel."""

    @property
    def faultless(self) -> bool:
        return not (self.lost or self.repeated or self.false_doubt)


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
        arrived, asked = Arrived(ledger.things()), ledger.asked()
        unasked = {row.message for row in doubtful if row not in arrived and row.message not in asked}
        if len(unasked) <= GAP:
            self.count.in_the_gap += len(unasked)
        else:
            self.count.false_doubt += len(unasked)
        self._judge(rows, ledger)

    def _fresh(self) -> tuple[str, Ledger]:
        for path in self._folder.glob("day.*"):
            path.unlink()
        (self._folder / "day.sqlite3").write_bytes(self._empty)
        return f"sqlite:///{self._folder}/day.sqlite3", Ledger(self._folder / "day.jsonl")

    def _go_on(self, url: str, ledger: Ledger) -> tuple[DeliveryRecord, ...]:
        world = the_world(url, ledger, quiet, VirtualClock(NOW), self._people)
        asyncio.run(the_rest(world))
        rows = world.rows()
        world.close()
        return rows

    def _judge(self, rows: Sequence[DeliveryRecord], ledger: Ledger) -> None:
        taken = ledger.things()
        arrived = Arrived(taken)
        self.count.repeated += taken.total() - len(taken)
        self.count.lost += len(self.expected - {row.key for row in rows})
        needless = needless_edits(rows)
        for row in rows:
            if row.kind == "edit" or row.target.startswith("atom:"):
                self.count.lost += row.state not in ("sent", "merged") and row.key not in needless
            elif row.state in ("sent", "merged"):
                self.count.lost += row not in arrived
            elif row.state != "uncertain":
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


def points(steps: Sequence[str], count: int, rng: random.Random, of_each: int = OF_EACH) -> list[str]:
    """So many moments of the day, as `step#n`: some of each kind of step, the others anywhere."""
    seen: Counter[str] = Counter()
    by_step: dict[str, list[str]] = defaultdict(list)
    for step in steps:
        seen[step] += 1
        by_step[step].append(f"{step}#{seen[step]}")
    chosen = {point for step in by_step.values() for point in rng.sample(step, min(of_each, len(step)))}
    others = sorted({point for step in by_step.values() for point in step} - chosen)
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
        days = Days(Path(folder), many_subscribers(2))
        days.undisturbed()
        for step in points(days.steps, count, rng):
            days.killed_at(step)
        return len(days.expected) * count, days.count


def killed_at_points(number: int, times: int, seed: int, of_each: int = OF_EACH) -> Count:
    """A large day, killed at so many points."""
    began, count, kinds = time.monotonic(), Count(), set[str]()
    for parts in (False, True):
        with (
            tempfile.TemporaryDirectory(prefix="paperboy-kills-") as folder,
            pytest.MonkeyPatch.context() as patched,
        ):
            if parts:
                in_parts(patched)
            days = Days(Path(folder), many_subscribers(times), count)
            channels = days.undisturbed()
            how = "planned in parts" if parts else "planned at once"
            print(f"a day of {len(days.steps)} steps, {how}, deliveries: {dict(channels)}", flush=True)
            share = (number + parts) // 2
            for done, step in enumerate(points(days.steps, share, random.Random(seed), of_each), start=1):
                before = dataclasses.replace(count)
                days.killed_at(step)
                kinds.add(step.partition("#")[0])
                if count.faultless != before.faultless:
                    print(f"  at {step}: {count}", flush=True)
                if done % 50 == 0:
                    print(f"  {done} of {share}, {time.monotonic() - began:.0f} s", flush=True)
    print(
        f"{count.killed} kills at points of {len(kinds)} kinds, {len(days.expected)} deliveries each:"
        f" {count.lost} lost, {count.repeated} repeated; {count.uncertain} uncertain, {count.false_doubt} falsely;"
        f" {count.in_the_gap} messages between their note and their request"
    )
    return count


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--table", action="store_true", help="kills of the real `run` in a flood")
    parser.add_argument("--kills", type=int, default=KILLS, help="so many of them")
    parser.add_argument("--postgresql", action="store_true", help="on PostgreSQL instead of SQLite")
    parser.add_argument("--points", type=int, default=0, help="kills at points of a day")
    parser.add_argument(
        "--times", type=int, default=TIMES, help="how many times the people of the shipped day take part"
    )
    parser.add_argument("--of-each", type=int, default=OF_EACH, help="of each kind of step so many points")
    parser.add_argument("--seed", type=int, default=20_261_121)
    parser.add_argument("--json", action="store_true", help="the scorecard as JSON on the last line")
    chosen = parser.parse_args()
    logging.disable(logging.CRITICAL)  # what fails here was made to fail
    kills: list[Kill] = []
    if chosen.table or not chosen.points:
        with durable_server() if chosen.postgresql else nullcontext() as server:
            kills = table(chosen.kills, random.Random(chosen.seed), server.url if server else None)
    count = (
        killed_at_points(chosen.points, chosen.times, chosen.seed, chosen.of_each)
        if chosen.points
        else Count()
    )
    slow = sum(kill.seconds > BACK_WITHIN for kill in kills)
    if kills:
        print(
            f"{len(kills)} kills: {sum(kill.lost for kill in kills)} lost, {sum(kill.repeated for kill in kills)} repeated,"
            f" {sum(kill.uncertain for kill in kills)} uncertain of {sum(kill.on_the_wire for kill in kills)} on the wire,"
            f" {sum(kill.false_doubt for kill in kills)} of them never accepted;"
            f" {slow} took longer than {BACK_WITHIN:.0f} s"
        )
    if chosen.json:
        card = {"kills": [dataclasses.asdict(kill) for kill in kills], "points": dataclasses.asdict(count)}
        print(json.dumps(card))
    return int(not (count.faultless and all(kill.faultless for kill in kills)))


if __name__ == "__main__":
    sys.exit(main())
