# ruff: noqa: T201 - a program that prints its scorecard
"""Three processes on one PostgreSQL, of which any one is killed every ten seconds while 5,000 deliveries run.

    python -m tests.e2e.machines --messages 5000 --every 10

The services count. Whoever is killed is replaced at once. Ends with 1 on one loss or one repeat.
"""

import argparse
import asyncio
import logging
import random
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from threading import Thread

from tests.e2e.test_machines import MACHINES, Cluster, told
from tests.rigs import machine
from tests.rigs.postgres import postgres_database, postgres_server
from tests.rigs.publishers import FakePublisher

log = logging.getLogger(__name__)

LATENCY = 0.4
"""Seconds that the services take to answer, so that there is time for some deaths."""
LOOK = 0.1
"""Seconds between two looks whether anybody is done."""


def work_and_die(url: str, people: int, every: float, rng: random.Random) -> tuple[Cluster, int]:
    """Let the machines send everything; what their services counted, and how many of them were killed."""
    cluster = Cluster(url, str(people), str(LATENCY))
    listener = Thread(target=cluster.hear)
    kills = 0
    with closing(cluster):
        for _ in range(MACHINES):
            cluster.start()
        listener.start()
        since = time.monotonic()
        while len(working := cluster.working()) == MACHINES:
            time.sleep(LOOK)
            if time.monotonic() - since >= every:
                cluster.kill(rng.choice(working))
                cluster.start()
                kills, since = kills + 1, time.monotonic()
                log.info("killed %d, counted %d", kills, len(cluster.counted))
        cluster.start_no_more()
        listener.join()
        if not cluster.went_well():
            sys.exit("a machine ended with an error")
    return cluster, kills


def afterwards(url: str, people: int, cluster: Cluster) -> tuple[Counter[tuple[str, str]], int, int]:
    """What the leases of the dead held back goes out, and what never arrived again by the operator's hand:
    everything that was counted, how much was in doubt, and how much of it had never arrived.
    """
    service = FakePublisher("telegram")
    world = machine.world(url, service, people)
    asyncio.run(world.send_all())
    seen = {one["message"] for one in cluster.counted}
    doubtful = world.rows("uncertain")
    unseen = [row.key for row in doubtful if row.message not in seen]
    world.store.deliveries.retry(unseen, world.clock.now())
    asyncio.run(world.send_all())
    world.close()
    counted = Counter((one["to"], one["what"]) for one in cluster.counted)
    counted.update(map(told, service.taken))
    return counted, len({row.message for row in doubtful}), len(unseen)


@dataclass(frozen=True, kw_only=True)
class Shared:
    """How it ended."""

    kills: int
    processes: int
    expected: int
    counted: int
    lost: int
    repeated: int
    doubtful: int
    unseen: int


def shared_by_machines(messages: int, every: float, rng: random.Random) -> Shared:
    """Send so many messages together, and count."""
    people = messages // machine.EACH
    with postgres_server() as server, postgres_database(server) as url:
        cluster, kills = work_and_die(url, people, every, rng)
        counted, doubtful, unseen = afterwards(url, people, cluster)
    return Shared(
        kills=kills,
        processes=len({one["machine"] for one in cluster.counted}),
        expected=people * machine.EACH,
        counted=counted.total(),
        lost=people * machine.EACH - len(counted),
        repeated=counted.total() - len(counted),
        doubtful=doubtful,
        unseen=unseen,
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--every", type=float, default=10, help="seconds between two deaths")
    parser.add_argument("--seed", type=int, default=20_261_121)
    chosen = parser.parse_args()
    log.addHandler(logging.StreamHandler(sys.stdout))
    log.setLevel(logging.INFO)
    began = time.monotonic()
    count = shared_by_machines(chosen.messages, chosen.every, random.Random(chosen.seed))
    print(
        f"{MACHINES} machines, {count.kills} kills in {time.monotonic() - began:.0f} s,"
        f" {count.processes} processes: the services counted {count.counted};"
        f" {count.lost} lost, {count.repeated} repeated; {count.doubtful} messages in doubt,"
        f" {count.unseen} of them sent again by the operator"
    )
    return int(bool(count.lost or count.repeated))


if __name__ == "__main__":
    sys.exit(main())
