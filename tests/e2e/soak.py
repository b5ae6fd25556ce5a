# ruff: noqa: T201 - a program that prints its scorecard
"""Everything that must never lose or repeat, in small and again and again: kills, floods, faults, years in a minute.

    python -m tests.e2e.soak --seconds 600

Prints a scorecard after each round and a sum at the end; ends with 1 on one loss, one repeat, or more false doubt (what is
called uncertain although no service ever got it) than deaths between a mark and its request explain; see `kills`
and `machines`. Nobody is asked what arrived, so what is uncertain stays so.
"""

import argparse
import asyncio
import json
import logging
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bot.app.replay.fakes import LoopClock, VirtualLoop
from bot.app.replay.scenario import prepare, replay
from tests.builders import NOW, a_quiz
from tests.conftest import ROOT
from tests.e2e import kills, machines
from tests.rigs import chats as many_chats
from tests.rigs.strict import StrictTelegram, now_and_then

KILLS = 3
"""Kills of the real `run` in each round."""
POINTS = 20
"""So many kills at points of a day in each round."""
GRACE = 10.0
"""Seconds in which a SIGTERM must be obeyed."""


@dataclass(frozen=True)
class Score:
    """What one part counted."""

    part: str
    expected: int
    lost: int = 0
    repeated: int = 0
    uncertain: int = 0
    false_doubt: int = 0
    """Uncertain although no service ever got it."""
    gap: int = 0
    """So many of them at most are what deaths between a mark and its request leave."""
    seconds: float | None = None
    """The longest time in which everything was out again."""
    note: str = ""

    @property
    def faultless(self) -> bool:
        return not (self.lost or self.repeated) and self.false_doubt <= self.gap

    def line(self) -> str:
        back = "" if self.seconds is None else f"all out after {self.seconds:.1f} s  "
        return (
            f"{self.part:<20} {self.expected:>6} expected  {self.lost} lost  {self.repeated} repeated"
            f"  {self.uncertain:>3} uncertain, {self.false_doubt} falsely  {back}{self.note}"
        )


def corpus() -> list[Path]:
    """Real digests where they are at hand, else the seeds."""
    folder = Path(os.environ.get("PAPERBOY_CORPUS") or ROOT.parent / "shared" / "corpus")
    return [folder / "tables", folder / "pages"] if folder.is_dir() else [ROOT / "seeds"]


def replayed(rng: random.Random) -> Score:
    """Some weeks of digests for made-up people before failing services."""
    scenario = prepare(corpus(), subscribers=20, faults=True, seed=rng.randrange(10**9))
    start = rng.randrange(max(len(scenario.digests) - 20, 1))
    card = replay(replace(scenario, digests=scenario.digests[start : start + 20]))
    return Score(
        part="replay with faults",
        expected=card.expected,
        lost=card.lost + card.unasked,
        repeated=card.repeated,
        uncertain=card.uncertain,
        note=f"{card.refused} calls failed, {card.limited} over a limit",
    )


def flooded(rng: random.Random) -> Score:
    """Strict windows, 429 on 30 % and 5xx on 10 % of all calls."""
    fault = now_and_then(rng, flood=0.3, fivexx_before=0.05, fivexx_after=0.05)
    chats = [*many_chats.private_chats(40), *many_chats.groups(3), *many_chats.channels(1)]
    polls = {question.part: question.question for question in a_quiz(3)}

    async def work() -> Score:
        loop = asyncio.get_running_loop()
        clock = LoopClock(loop, NOW)
        telegram = StrictTelegram(loop.time, fault=fault)
        with tempfile.TemporaryDirectory() as folder:
            settings = many_chats.settings_for(Path(folder))
            container = many_chats.container_for(settings, chats, publisher=telegram, clock=clock)
            many_chats.ask(container, chats, len(polls))
            while (due := await container.dispatcher.next_due()) is not None:
                await asyncio.sleep(max((due - clock.now()).total_seconds(), 0.05))
                await container.dispatcher.flush()
            rows = container.store.deliveries.list_rows(states=["uncertain"], keys=[], limit=9999)
            uncertain = {(row.target.partition(":")[2], polls[row.key.rpartition("|")[2]]) for row in rows}
            await container.close()
        got = Counter((chat, question) for chat in chats for question in telegram.got[chat])
        return Score(
            part="floods and gateways",
            expected=len(chats) * len(polls),
            lost=len(chats) * len(polls) - len(uncertain | got.keys()),
            repeated=got.total() - len(got),
            uncertain=len(uncertain),
            note=f"{telegram.calls['all']} calls, {telegram.rate_limit.refused} floods we caused",
        )

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work())


def killed(rng: random.Random) -> Score:
    """`kill -9` of the real `run` in a flood; more of it: `python -m tests.e2e.kills --table`."""
    kills_ = [kills.killed_in_a_flood(rng, chats=90, mailboxes=40) for _ in range(KILLS)]
    late = sum(kill.seconds > kills.BACK_WITHIN for kill in kills_)
    return Score(
        part="kill -9 in a flood",
        expected=sum(kill.expected for kill in kills_),
        lost=sum(kill.lost for kill in kills_),
        repeated=sum(kill.repeated for kill in kills_),
        uncertain=sum(kill.uncertain for kill in kills_),
        false_doubt=sum(kill.false_doubt for kill in kills_),
        gap=KILLS * kills.GAP,
        seconds=max(kill.seconds for kill in kills_),
        note=f"{KILLS} kills, {sum(kill.on_the_wire for kill in kills_)} on the wire, {late} late",
    )


def killed_at_points(rng: random.Random) -> Score:
    """`kill -9` at some of all awaits and commits of a day; the whole of it: `python -m tests.e2e.kills --points 300`."""
    expected, count = kills.killed_at_some(POINTS, rng)
    return Score(
        part="kill -9 at points",
        expected=expected,
        lost=count.lost,
        repeated=count.repeated,
        uncertain=count.uncertain,
        false_doubt=count.false_doubt,
        note=f"{count.killed} kills, {count.in_the_gap} messages between note and request",
    )


def shared(rng: random.Random) -> Score:
    """Three processes on one PostgreSQL that die in turn, as it does; the whole of it: `python -m tests.e2e.machines`."""
    count = machines.shared_by_machines(rng, chats=200, mailboxes=80, every=3, restarts=1, most=6)
    slow = count.sigterm > GRACE  # what does not end in time may be killed, and then loses its answers
    return Score(
        part="machines that die",
        expected=count.expected,
        lost=count.lost + count.dead + slow,
        repeated=count.repeated,
        uncertain=count.uncertain,
        false_doubt=count.false_doubt,
        gap=count.kills * kills.GAP,
        seconds=count.recovered,
        note=f"{count.kills} kills, {count.restarts} restarts of the database, {count.on_the_wire} on the wire,"
        f" SIGTERM obeyed in {count.sigterm:.1f} s",
    )


PARTS: tuple[Callable[[random.Random], Score], ...] = (flooded, killed, killed_at_points, shared, replayed)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=None, help="of a round to be played again")
    parser.add_argument("--json", action="store_true", help="the scorecards as JSON on the last line")
    chosen = parser.parse_args()
    logging.disable(logging.CRITICAL)  # what fails here was made to fail
    seed = chosen.seed if chosen.seed is not None else random.SystemRandom().randrange(10**6)
    end, rounds, scores = time.monotonic() + chosen.seconds, 0, []
    while not rounds or time.monotonic() < end:
        print(f"round {rounds + 1}, seed {seed + rounds}", flush=True)
        for part in PARTS:
            scores.append(part(random.Random(seed + rounds)))
            print("  " + scores[-1].line(), flush=True)
            if time.monotonic() >= end and rounds:
                break
        rounds += 1
    print(
        f"{rounds} rounds, {sum(score.expected for score in scores)} expected: {sum(score.lost for score in scores)} lost,"
        f" {sum(score.repeated for score in scores)} repeated, {sum(score.uncertain for score in scores)} uncertain,"
        f" {sum(score.false_doubt for score in scores)} of them falsely"
    )
    if chosen.json:
        print(json.dumps([asdict(score) for score in scores]))
    return int(not all(score.faultless for score in scores))


if __name__ == "__main__":
    sys.exit(main())
