"""One of several machines: a process that takes the same digests in as the others, and sends until nothing is due.

    python -m tests.rigs.machine STATE [PEOPLE LATENCY]

What its services take over it tells on standard output, before the answer: a line of JSON for each message.
"""

import asyncio
import json
import os
import sys
from dataclasses import replace

from bot.app.config.publishers import CHANNELS
from bot.domain.channels import ChannelKind, Limits
from bot.domain.message import OutgoingMessage, Receipt
from bot.pipeline.ports import Publisher
from tests.builders import a_channel, a_digest, a_quiz, a_subscriber, an_edition, an_entry
from tests.rigs.publishers import receipt
from tests.rigs.world import World

PEOPLE = 84
PAPERS = 2
QUESTIONS = 2
EACH = 1 + PAPERS * QUESTIONS
"""For each person one alert on all papers, and a poll for each question."""
MESSAGES = PEOPLE * EACH
LATENCY = 0.002
"""Seconds that the services take to answer."""
AT_ONCE = 6
"""Messages that one machine has on their way at most."""


class Service:
    """A service in another process, as far as this one can tell."""

    kind: ChannelKind = "telegram"
    capabilities = replace(CHANNELS["telegram"].capabilities, limits=Limits(), at_once=AT_ONCE)

    def __init__(self, latency: float = LATENCY) -> None:
        self._latency = latency

    async def send(self, parcel: OutgoingMessage) -> Receipt:
        what = parcel.question.question if parcel.question else "alert"
        told = {"machine": os.getpid(), "message": parcel.id, "to": parcel.target.key, "what": what}
        await asyncio.sleep(self._latency / 2)
        os.write(
            1, f"{json.dumps(told)}\n".encode()
        )  # one write of less than a pipe's buffer: lines of machines never mix
        await asyncio.sleep(self._latency / 2)
        return receipt(f"m-{parcel.id}")

    async def close(self) -> None: ...


def world(url: str, publisher: Publisher | None = None, people: int = PEOPLE) -> World:
    """The same people, digests and rules on every machine."""
    crowd = [
        a_subscriber(f"s{number}", a_channel(address=str(1000 + number), quizzes="all"))
        for number in range(people)
    ]
    return World(url, *crowd, publishers=[publisher or Service()])


def look(world: World) -> None:
    """See the digests."""
    for number in range(1, PAPERS + 1):
        edition = an_edition(quiz=a_quiz(QUESTIONS, of=f"paper {number}"))
        entry = an_entry(number, editions=(edition,))
        world.look(world.press.file(f"{number}.html", a_digest(entry)))


async def _send_all(world: World) -> None:
    while True:
        await world.dispatcher.flush()
        due = await world.dispatcher.next_due()
        if due is None or due > world.clock.now():
            return


def main() -> None:
    url, people, latency = (*sys.argv[1:], *(str(PEOPLE), str(LATENCY)))[:3]
    mine = world(url, Service(float(latency)), int(people))
    look(mine)
    asyncio.run(_send_all(mine))


if __name__ == "__main__":
    main()
