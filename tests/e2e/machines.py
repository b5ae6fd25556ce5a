# ruff: noqa: T201 - a program that prints its scorecard
"""Three processes of the real `run` on one PostgreSQL, of which any one is killed now and then, as is the database.

    python -m tests.e2e.machines --chats 900 --mailboxes 300 --every 8 --restarts 2

They run with their production rules before an emulated Bot API and a mail server, which count. Whoever is killed is
replaced at once. The database writes to its disk (`fsync`), is restarted as by a crash, and stays away for a while at the
end. Nobody is asked what arrived: what is uncertain stays so. Ends with 1 on one loss, one repeat, or more false doubt (what is
called uncertain although no service ever got it) than deaths between a mark and its request explain; see `kills`.
"""

import argparse
import dataclasses
import json
import logging
import random
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from bot.domain.errors import StateError
from tests.e2e.kills import GAP
from tests.rigs.botapi import BotApi
from tests.rigs.home import Home, Mails, killed, stopped
from tests.rigs.postgres import DurableServer, durable_server, postgres_database

MACHINES = 3
AWAY = 5.0
"""Seconds without a database at a long outage."""
PATIENCE = 120.0
"""Seconds in which nothing more arrives before it is given up."""
_LOOK = 0.25


@dataclass(frozen=True, kw_only=True)
class Shared:
    """How it ended; all but the first two and the times are counted in messages."""

    kills: int
    restarts: int
    expected: int
    on_the_wire: int
    """When somebody was killed, all kills together."""
    uncertain: int
    false_doubt: int
    lost: int
    repeated: int
    dead: int
    """Processes that ended by themselves."""
    seconds: float
    recovered: float
    """Seconds from the last kill or outage to the last request."""
    sigterm: float
    """Seconds that the slowest of them took to stop."""

    @property
    def faultless(self) -> bool:
        return not (self.lost or self.repeated or self.dead) and self.false_doubt <= self.kills * GAP


class Cluster:
    """Processes of one home; who is killed is replaced."""

    def __init__(self, home: Home, machines: int) -> None:
        self._home = home
        self._processes: list[Popen[bytes]] = [home.start() for _ in range(machines)]
        self.kills = self.on_the_wire = self.dead = 0

    def kill(self, rng: random.Random) -> None:
        """Kill any one of them."""
        process = self._processes.pop(rng.randrange(len(self._processes)))
        self.on_the_wire += self._home.on_the_wire(killed(process))
        self.kills += 1
        self._processes.append(self._home.start())

    def replace_the_dead(self) -> None:
        """Nobody should end by itself; who does is counted."""
        for process in [process for process in self._processes if process.poll() is not None]:
            self.dead += 1
            self._processes.remove(process)
            self._processes.append(self._home.start())

    def stop(self) -> float:
        """Stop them all; the seconds that the slowest took."""
        return max(stopped(process) for process in self._processes)

    def close(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                killed(process)


def shared_by_machines(
    rng: random.Random,
    *,
    machines: int = MACHINES,
    chats: int,
    mailboxes: int,
    every: float,
    restarts: int,
    away: float = 0.0,
    most: int = 1_000,
) -> Shared:
    """Send one digest together, with at most so many kills and restarts in between, and count."""
    with (
        tempfile.TemporaryDirectory(prefix="paperboy-machines-") as folder,
        BotApi.in_thread(paced=True, latency=0.15) as api,
        Mails.in_thread() as mails,
        durable_server() as server,
        postgres_database(server.url) as state,
    ):
        home = Home(folder=Path(folder), api=api, mails=mails, state=state, chats=chats, mailboxes=mailboxes)
        home.drop_digest()
        began = time.monotonic()
        cluster = Cluster(home, machines)
        try:
            home.wait_until_accepted(1, patience=60)
            outages = [0.0] * restarts + [away] * bool(away)
            disturbed = _disturb(cluster, home, server, rng, every=every, outages=outages, most=most)
            sigterm = cluster.stop()
        finally:
            cluster.close()
        got, uncertain = home.accepted(), {(row.target, row.paper) for row in home.rows("uncertain")}
        return Shared(
            kills=cluster.kills,
            restarts=restarts + bool(away),
            expected=len(home.expected()),
            on_the_wire=cluster.on_the_wire,
            uncertain=len(uncertain),
            false_doubt=len(uncertain - got.keys()),
            lost=len(home.expected() - got.keys() - uncertain),
            repeated=got.total() - len(got),
            dead=cluster.dead,
            seconds=home.last_request() - began,
            recovered=max(home.last_request() - disturbed, 0.0),
            sigterm=sigterm,
        )


def _disturb(
    cluster: Cluster,
    home: Home,
    server: DurableServer,
    rng: random.Random,
    *,
    every: float,
    outages: list[float],
    most: int,
) -> float:
    """Kill and restart until everything is out; when that happened last."""
    disturbed = since = time.monotonic()
    arrived, since_arrival = 0, time.monotonic()
    while not _is_quiet(home):
        time.sleep(_LOOK)
        cluster.replace_the_dead()
        if (outages or cluster.kills < most) and time.monotonic() - since >= every * rng.uniform(0.7, 1.3):
            if outages and (cluster.kills % 2 or cluster.kills == most):
                _outage(server, outages.pop(0))
            else:
                cluster.kill(rng)
            disturbed = since = time.monotonic()
        count = len(home.api.messages) + len(home.mails.taken if home.mails else ())
        if count != arrived:
            arrived, since_arrival = count, time.monotonic()
        if time.monotonic() - since_arrival > PATIENCE:
            break
    return disturbed


def _outage(server: DurableServer, seconds: float) -> None:
    server.stop()
    time.sleep(seconds)
    server.start()


def _is_quiet(home: Home) -> bool:
    with suppress(StateError):
        return home.is_quiet()
    return False


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--chats", type=int, default=900)
    parser.add_argument("--mailboxes", type=int, default=300)
    parser.add_argument("--every", type=float, default=8, help="seconds between two deaths, about")
    parser.add_argument("--restarts", type=int, default=2, help="of the database")
    parser.add_argument("--away", type=float, default=AWAY, help="seconds without a database at the end")
    parser.add_argument("--seed", type=int, default=20_261_121)
    parser.add_argument("--json", action="store_true", help="the scorecard as JSON on the last line")
    chosen = parser.parse_args()
    logging.disable(logging.CRITICAL)  # what fails here was made to fail
    count = shared_by_machines(
        random.Random(chosen.seed),
        chats=chosen.chats,
        mailboxes=chosen.mailboxes,
        every=chosen.every,
        restarts=chosen.restarts,
        away=chosen.away,
    )
    print(
        f"{MACHINES} processes, {count.kills} kills and {count.restarts} outages of the database in {count.seconds:.0f} s,"
        f" {count.expected} messages: {count.lost} lost, {count.repeated} repeated; {count.uncertain} uncertain of"
        f" {count.on_the_wire} on the wire, {count.false_doubt} of them never accepted; {count.dead} ended by themselves;"
        f" all out {count.recovered:.1f} s after the last of them; SIGTERM obeyed in {count.sigterm:.1f} s"
    )
    if chosen.json:
        print(json.dumps(dataclasses.asdict(count)))
    return int(not count.faultless)


if __name__ == "__main__":
    sys.exit(main())
