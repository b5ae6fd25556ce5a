"""Onboarding in a large state: the longest write transaction, and the time of all that is planned.

python -m benchmarks.onboarding [PAPERS]
"""

import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from shutil import copy
from typing import Any

from benchmarks.preview import filled, vocabulary
from bot.adapters.store import Store
from bot.domain.query import parse
from bot.domain.subscriptions import Channel, Subscriber, Subscription
from bot.pipeline.ingest import Ingest
from bot.pipeline.planning_runs import RunPlanner
from bot.pipeline.subscribers import SubscriberRegistry

NOW = datetime(2026, 8, 12, 8, tzinfo=UTC)
_LIMIT = 100
"""Milliseconds of processor time that a write transaction may take."""


def main(count: int) -> int:
    rng = random.Random(7)
    words = vocabulary(rng)
    before = a_person(0, words[3_000])
    cases: dict[str, tuple[Sequence[Subscriber], int | None]] = {
        "one person, a rare word": ([before, a_person(1, words[5_000])], 3),
        "two people, a word each": ([before, a_person(1, words[700]), a_person(2, words[900])], 3),
        "one more subscription": ([a_person(0, words[3_000], words[700])], 3),
        "20 people, two words each": (
            [before, *(a_person(n, words[500 + 7 * n], words[900 + n]) for n in range(1, 21))],
            3,
        ),
        "one person, a word of every paper": ([before, a_person(1, words[0])], 3),
        "the same, first_run: all": ([before, a_person(1, words[0])], None),
    }
    longest = []
    with tempfile.TemporaryDirectory() as folder:
        filled(Path(folder), count, rng, words)
        for name, (after, first_run) in cases.items():
            path = Path(folder, "onboarded.sqlite3")
            copy(Path(folder, "state.sqlite3"), path)
            longest.append(measure(name, path, before, after, first_run))
            path.unlink()
    return int(max(longest) > _LIMIT)


def measure(
    name: str, path: Path, before: Subscriber, after: Sequence[Subscriber], first_run: int | None
) -> float:
    """Onboard who is new after `before`; gives the milliseconds of the longest transaction."""
    store = Store(f"sqlite:///{path}")
    registry = SubscriberRegistry([before])
    planner = RunPlanner(store.digests, store.full_text, first_run=first_run)
    ingest = Ingest(store.digests, registry, planner, _no_reader, _no_reader)
    ingest.process([], NOW)
    ingest.finish_planning(NOW)
    held: list[tuple[float, float]] = []
    store.digests.transaction = partial(timed, store.digests.transaction, held)  # type: ignore[method-assign]
    registry.replace(after)
    begin, start = time.process_time(), time.perf_counter()
    ingest.process([], NOW)
    planned = ingest.finish_planning(NOW)
    used, took = time.process_time() - begin, time.perf_counter() - start
    store.close()
    busy, waited = max(busy for busy, _ in held), max(waited for _, waited in held)
    print(
        f"{name:<34} {len(held):>4} transactions, the longest {busy:4.0f} ms ({waited:4.0f} ms on the clock);"
        f" all in {used:5.2f} s ({took:5.2f} s); {planned.notices} notices, {planned.deliveries} deliveries",
        flush=True,
    )
    return busy


@contextmanager
def timed(transaction: Any, held: list[tuple[float, float]]) -> Iterator[Any]:
    """A transaction of the store that writes down its milliseconds, of the processor and on the clock."""
    with transaction() as tx:
        busy, start = time.process_time(), time.perf_counter()
        yield tx
    held.append(((time.process_time() - busy) * 1e3, (time.perf_counter() - start) * 1e3))


def a_person(number: int, *words: str) -> Subscriber:
    subscriptions = tuple(Subscription(name=word, text=word, query=parse(word)) for word in words)
    channel = Channel(kind="telegram", address=str(1000 + number))
    return Subscriber(id=f"p{number:05}", channels=(channel,), subscriptions=subscriptions)


def _no_reader(*_: object) -> Any:
    raise AssertionError("there are no files")


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
