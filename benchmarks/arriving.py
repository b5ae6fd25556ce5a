"""From a digest of 30 papers to durable deliveries in the outbox, and on to rows, as subscriptions grow.

    python -m benchmarks.arriving [SIZE ...]

The whole way of `paperboy run`: look for new subscribers, compare, match, route, and store everything in one transaction, on SQLite
with synchronous FULL. Everybody has four subscriptions and a chat. From 20,000 subscriptions on the digest is fanned out: its
notices and deliveries are stored in columns, durable like all else, and written out as rows after that, some people
at a time, while messages go out already; both are timed. Beside it stands what bare sqlite3 takes for the same
rows, inserted into the same tables. Not counted is what happens once at the start: parsing the subscriptions and
building their index. A million takes minutes of that, so the sizes go to 100,000 unless told.
"""

import gc
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from benchmarks.drawn import Draw, corpus_folder, papers
from bot.adapters.store import Store
from bot.domain.audience import Audience
from bot.domain.digests import Digest
from bot.domain.papers import Entry, Paper
from bot.domain.subscriptions import Channel, Subscriber, Subscription
from bot.pipeline.ingest import Ingest
from bot.pipeline.ports import NOT_NEW
from bot.pipeline.roster import meet, open_for_new

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


class Measured(NamedTuple):
    """Seconds, of which `bare` are of the processor."""

    notices: int
    deliveries: int
    durable: float
    first: float
    """Until the first part is in rows."""
    rows: float
    """Until all is."""
    bare: float


def measure(people: list[Subscriber], day: list[Paper]) -> Measured:
    """One new digest."""
    audience = Audience(people)
    audience.prepare()
    audience.matches(day[:1])
    digest = Digest(kind="table", date=NOW.date(), entries=tuple(map(an_entry, day)))
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{folder}/state.sqlite3")
        with store.intake.transaction() as tx:
            tx.save_openings(dict.fromkeys(audience.subscribers, NOT_NEW), NOW)
        ingest = Ingest(store.intake, lambda _data, _name: digest, lambda _data, _name: digest.date)
        meet(store.intake, audience, None, NOW)  # as the first look at a start does
        gc.collect()
        start = time.perf_counter()
        meet(store.intake, audience, None, NOW)
        taken = ingest.take_in([File()], audience, NOW)
        open_for_new(store.intake, audience, NOW)
        durable = first = time.perf_counter() - start
        if store.outbox.write_out():
            first = time.perf_counter() - start
        while store.outbox.write_out():
            pass
        rows = time.perf_counter() - start
        counted = store.deliveries.counts(NOW)
        assert (counted.notices, sum(counted.deliveries.values())) == (taken.notices, taken.deliveries)
        store.close()
        state = Path(folder, "state.sqlite3")
        bare = min(inserted_bare(state, Path(folder, f"bare{number}.sqlite3")) for number in range(3))
    return Measured(taken.notices, taken.deliveries, durable, first, rows, bare)


def inserted_bare(stored: Path, path: Path) -> float:
    """Seconds of the processor that the rows of a state take sqlite3 alone, with the same tables and indices."""
    with closing(sqlite3.connect(stored)) as source, closing(sqlite3.connect(path)) as copy:
        copy.isolation_level = None
        copy.execute("PRAGMA journal_mode=WAL")
        copy.execute("PRAGMA synchronous=FULL")
        rows = {}
        for table in ("targets", "plans", "notices", "noticed_papers", "deliveries"):
            made = source.execute("SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql > ''", (table,))
            copy.executescript(";".join(sql for (sql,) in made))
            rows[table] = source.execute(f"SELECT * FROM {table}").fetchall()
        start = time.process_time()
        copy.execute("BEGIN IMMEDIATE")
        for table, several in rows.items():
            values = ", ".join("?" * len(several[0]))
            copy.executemany(f"INSERT INTO {table} VALUES ({values})", several)
        copy.execute("COMMIT")
        return time.process_time() - start


def main() -> None:
    every = papers(corpus_folder())
    day = random.Random(SEED).sample(every, PAPERS)
    for size in [int(one.replace(",", "")) for one in sys.argv[1:]] or SIZES:
        people = list(subscribers(Draw(every, SEED), size))
        found = measure(people, day)
        print(
            f"{size:>9,} subscriptions: {found.notices:>7,} notices and {found.deliveries:>7,} deliveries durable"
            f" after {found.durable:.3f} s; the first in rows after {found.first:.3f} s, all after {found.rows:.3f} s"
            f" ({found.rows / max(found.deliveries, 1) * 1e6:.1f} µs each; bare sqlite3 {found.bare:.3f} s)"
        )


if __name__ == "__main__":
    main()
