"""From a digest of 30 papers to durable rows in the outbox, as subscriptions grow.

    python -m benchmarks.arriving [SIZE ...]

The whole way of `paperboy run`: compare, match, route, and store notices and deliveries in one transaction,
on SQLite with synchronous FULL. Everybody has four subscriptions and a chat. Not counted is what happens once
at the start: parsing the subscriptions and building their index. A million takes minutes of that, so the
sizes go to 100,000 unless told.
"""

import gc
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

from benchmarks.drawn import Draw, corpus_folder, papers
from bot.adapters.store import Store
from bot.domain.audience import Audience
from bot.domain.digests import Digest
from bot.domain.papers import Entry, Paper
from bot.domain.subscriptions import Channel, Subscriber, Subscription
from bot.pipeline.ingest import Ingest
from bot.pipeline.ports import NOT_NEW

NOW = datetime(2026, 9, 18, 8, tzinfo=UTC)
SIZES = (1_000, 10_000, 100_000)
PAPERS, SEED, EACH = 30, 5, 4


class File:
    name = "day.md"

    def read(self) -> bytes:
        return b"read already"


def subscribers(drawing: Draw, size: int) -> Iterator[Subscriber]:
    drawn = drawing.subscriptions(size)
    for number in range(size // EACH):
        queries = [one.query for one in islice(drawn, EACH)]
        yield Subscriber(
            id=f"person{number}",
            channels=(Channel(kind="telegram", address=str(100_000_000 + number)),),
            subscriptions=tuple(
                Subscription(name=query.canonical, text=query.canonical, query=query) for query in queries
            ),
        )


def an_entry(paper: Paper) -> Entry:
    summary = paper.summaries[0].text if paper.summaries else None
    return Entry(id=paper.id, title=paper.title, authors=paper.authors, summary=summary, links=paper.links)


def measure(people: list[Subscriber], day: list[Paper]) -> tuple[int, int, float, float]:
    """Notices, deliveries, seconds, and seconds of the processor, of one new digest."""
    audience = Audience(people)
    audience.matches(day[:1])  # builds the index
    digest = Digest(kind="table", date=NOW.date(), entries=tuple(map(an_entry, day)))
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{folder}/state.sqlite3")
        with store.intake.transaction() as tx:
            tx.save_openings(dict.fromkeys(audience.subscribers, NOT_NEW), NOW)
        ingest = Ingest(store.intake, lambda _data, _name: digest, lambda _data, _name: digest.date)
        gc.collect()
        start, busy = time.perf_counter(), time.process_time()
        taken = ingest.take_in([File()], audience, NOW)
        took, work = time.perf_counter() - start, time.process_time() - busy
        store.close()
    return taken.notices, taken.deliveries, took, work


def main() -> None:
    every = papers(corpus_folder())
    day = random.Random(SEED).sample(every, PAPERS)
    for size in [int(one.replace(",", "")) for one in sys.argv[1:]] or SIZES:
        people = list(subscribers(Draw(every, SEED), size))
        notices, deliveries, took, work = measure(people, day)
        print(
            f"{size:>9,} subscriptions: {notices:>7,} notices and {deliveries:>7,} deliveries durable after"
            f" {took:.3f} s ({work:.3f} s of processor, {work / max(deliveries, 1) * 1e6:.0f} µs a delivery)"
        )


if __name__ == "__main__":
    main()
