"""From a digest of 30 papers to durable deliveries in the outbox, as subscriptions grow.

    python -m benchmarks.arriving [SIZE ...]

The whole way of `paperboy run`: register new subscribers, compare, match, plan, and store everything, on SQLite with
synchronous FULL. Everybody has four subscriptions and a chat. Papers and their planning run are durable first, with
the first rows; the other rows follow in transactions of their own, of which the longest is printed: while it runs, nobody
else can write. Beside it stands what bare sqlite3 takes for the same rows, inserted into the same tables. Not counted is
what happens once at the start: parsing the subscriptions and building their index. A million takes minutes of
that, so the sizes go to 100,000 unless told.
"""

import gc
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from benchmarks.drawn import Draw, corpus_folder, papers
from bot.adapters.store import Store, digests
from bot.domain.digests import Digest
from bot.domain.papers import Entry, Paper
from bot.domain.subscriptions import Channel, Subscriber, Subscription
from bot.pipeline.ingest import Ingest
from bot.pipeline.planning_runs import RunPlanner
from bot.pipeline.subscribers import SubscriberRegistry

NOW = datetime(2026, 9, 18, 8, tzinfo=UTC)
SIZES = (1_000, 10_000, 100_000)
PAPERS, SEED, EACH = 30, 5, 4


class File:
    name = "day.md"
    source = "digests"

    def read(self) -> bytes:
        return b"read already"

    def beside(self, _name: str) -> bytes | None:
        return None


def subscribers(drawing: Draw, size: int) -> Iterator[Subscriber]:
    drawn = drawing.subscriptions(size)
    for number in range(size // EACH):
        queries = [draw.query for draw in islice(drawn, EACH)]
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


class Span(NamedTuple):
    """Seconds on the clock, and of the processor: on a busy machine the second is the smaller."""

    clock: float
    processor: float

    def __str__(self) -> str:
        return f"{self.clock:.3f} s ({self.processor:.3f} s of the processor)"


def now() -> Span:
    return Span(time.perf_counter(), time.process_time())


def since(start: Span) -> Span:
    return Span(*(after - before for after, before in zip(now(), start, strict=True)))


class Measured(NamedTuple):
    """How long it took."""

    notices: int
    deliveries: int
    durable: Span
    """Until the papers, their run and its first rows are stored."""
    rows: Span
    """Until all rows are."""
    longest: Span
    """The longest transaction that wrote."""
    bare: float
    """Seconds of the processor."""


class Writes:
    """How long transactions that write take, from the lock to the end of the commit."""

    def __init__(self) -> None:
        self.longest = Span(0, 0)
        whole = digests.writing  # type: ignore[attr-defined]

        @contextmanager
        def timed(engine: Engine, *, alone: bool = False) -> Iterator[Connection]:
            with whole(engine, alone=alone) as connection:
                start = now()
                yield connection
            took = since(start)
            self.longest = Span(*map(max, self.longest, took))

        digests.writing = timed  # type: ignore[attr-defined]


def measure(people: list[Subscriber], day: list[Paper]) -> Measured:
    """One new digest."""
    registry = SubscriberRegistry(people)
    registry.matcher.prepare()
    registry.matcher.matches(day[:1])
    digest = Digest(kind="table", date=NOW.date(), entries=tuple(map(an_entry, day)))
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{folder}/state.sqlite3")
        ingest = Ingest(
            store.digests,
            registry,
            RunPlanner(store.digests, store.full_text, first_run=0),
            lambda _data, _name, _beside: digest,
            lambda _data, _name: digest.date,
        )
        ingest.process([], NOW)  # as the first look at a start does
        writes = Writes()
        gc.collect()
        start = now()
        taken = ingest.process([File()], NOW)
        durable = since(start)
        assert store.outbox.next_due(("telegram", "email", "atom")) == NOW
        taken.add_planned(ingest.finish_planning(NOW))
        rows = since(start)
        counted = store.deliveries.counts(NOW)
        assert (counted.notices, sum(counted.deliveries.values())) == (taken.notices, taken.deliveries)
        store.close()
        state = Path(folder, "state.sqlite3")
        bare = min(inserted_bare(state, Path(folder, f"bare{number}.sqlite3")) for number in range(3))
    return Measured(taken.notices, taken.deliveries, durable, rows, writes.longest, bare)


def inserted_bare(stored: Path, path: Path) -> float:
    """Seconds of the processor that the rows of a state take sqlite3 alone, with the same tables and indices."""
    with closing(sqlite3.connect(stored)) as original, closing(sqlite3.connect(path)) as copy:
        copy.isolation_level = None
        copy.execute("PRAGMA journal_mode=WAL")
        copy.execute("PRAGMA synchronous=FULL")
        rows = {}
        for table in ("targets", "planning_runs", "notices", "noticed_papers", "deliveries"):
            made = original.execute("SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql > ''", (table,))
            copy.executescript(";".join(sql for (sql,) in made))
            rows[table] = original.execute(f"SELECT * FROM {table}").fetchall()
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
    for size in [int(argument.replace(",", "")) for argument in sys.argv[1:]] or SIZES:
        people = list(subscribers(Draw(every, SEED), size))
        found = measure(people, day)
        print(
            f"{size:>9,} subscriptions: {found.notices:>7,} notices and {found.deliveries:>7,} deliveries\n"
            f"          papers, planning run and first rows durable after {found.durable}\n"
            f"          all rows durable after {found.rows}, {found.rows.clock / max(found.deliveries, 1) * 1e6:.1f} µs each\n"
            f"          the longest transaction took {found.longest}; bare sqlite3 {found.bare:.3f} s of the processor"
        )


if __name__ == "__main__":
    main()
