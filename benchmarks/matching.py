"""A day of papers against many subscriptions: the index beside what else could do it, with identical hits.

    python -m benchmarks.matching [--quick] [CORPUS]

CORPUS holds real digests; it defaults to $PAPERBOY_CORPUS, then to ../shared/corpus. --quick stops at
10,000 subscriptions; without it, it takes about ten minutes and 4 GB, most of both for the others.
A day of 30 papers is met as it comes from the reader, so that folding its words is part of the time. Of a day of 1,000 papers two times
are printed: with folding, and without. Without is what matching costs: ingest folds each paper once anyway, to store its
words, and the index takes the pieces of its texts as the folding numbered them.
What the index finds is compared with SQLite's and PostgreSQL's hits one by one, and for some thousands of
subscriptions with the plain evaluation and the patterns.
"""

import json
import pickle
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean, median, quantiles
from tempfile import TemporaryDirectory
from typing import TypeVar

from benchmarks.drawn import Draw, Drawn, corpus_folder, papers
from benchmarks.rivals import Hit, Patterns, Postgres, Sqlite
from bot.domain.papers import Paper
from bot.domain.query import Document, QueryEvaluator, document_of
from bot.domain.query.index.index import Index
from bot.domain.query.vocabulary import vocabulary

_T = TypeVar("_T")

SIZES = (1_000, 10_000, 100_000, 1_000_000)
PAPERS = 30
BUSY = 1_000
"""Papers of a day on which a source brings its archive."""
ROUNDS = 25
BUSY_ROUNDS = 5
CHANGES = 4_000
COMPARED = 3_000
"""Subscriptions that the plain evaluation and the patterns are tried on; their time is scaled up."""
MOST_PATTERNS = 100_000
SEED = 2026
DEMANDED = {
    100_000: {
        "match": 15,
        "busy": 60,
        "memory": 60,
        "load": 100,
        "change": 50,
        "sqlite": 60,
        "postgres": 140,
        "patterns": 4_000,
    },
    1_000_000: {
        "match": 45,
        "busy": 400,
        "memory": 400,
        "load": 500,
        "change": 50,
        "sqlite": 150,
        "postgres": 400,
    },
}


def timed(work: Callable[[], _T], rounds: int = 1) -> tuple[_T, list[float]]:
    """What the work gives, and the seconds of each round."""
    taken: list[float] = []
    for _ in range(rounds):
        begin = time.perf_counter()
        given = work()
        taken.append(time.perf_counter() - begin)
    return given, taken


def load(path: Path) -> Index:
    data = bytearray(path.stat().st_size)
    with path.open("rb") as file:
        file.readinto(data)
    return Index.from_bytes(data)


def memory() -> float:
    """MB of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def weigh(folder: Path) -> dict[str, float]:
    """Figures of a saved index in a process that holds nothing else: milliseconds, and MB of memory."""
    day: list[Paper] = pickle.loads((folder / "day").read_bytes())
    Index([]).hits([document_of(paper) for paper in day])
    before = memory()
    index, (loaded,) = timed(lambda: load(folder / "index"))
    begin = time.process_time()
    (handles, _), rounds = timed(lambda: index.hits([document_of(paper) for paper in day]), ROUNDS)
    cpu = (time.process_time() - begin) / ROUNDS * 1e3
    busy: list[Paper] = pickle.loads((folder / "busy").read_bytes())
    folding, matching = zip(*(busy_day(index, busy) for _ in range(BUSY_ROUNDS)), strict=True)
    return {
        "cpu": cpu,
        "busy": min(matching) * 1e3,
        "folding": min(folding) * 1e3,
        "load": loaded * 1e3,
        "match": min(rounds) * 1e3,
        "median": median(rounds) * 1e3,
        "memory": memory() - before,
        "hits": len(handles),
    }


def busy_day(index: Index, papers: Sequence[Paper]) -> tuple[float, float]:
    """Seconds of processor time to number and fold the words of the papers, and then to match them."""
    begin = time.process_time()
    documents = [document_of(paper) for paper in papers]
    for document in documents:
        document.pieces(vocabulary())
        document.folded_words()
    folded = time.process_time()
    index.hits(documents)
    return folded - begin, time.process_time() - folded


def change(index: Index, others: Sequence[Drawn]) -> dict[str, float]:
    """Microseconds of processor time to add and to remove one, and for the slowest of a thousand changes.

    Processor time, because a step this short shows above all when somebody else gets the processor.
    """
    queries = [drawn.query for drawn in others]
    for _ in range(2):
        added: list[float] = []
        removed: list[float] = []
        handles: list[int] = []
        for query in queries:
            begin = time.thread_time()
            handles.append(index.add(query))
            added.append(time.thread_time() - begin)
        for handle in handles:
            begin = time.thread_time()
            index.remove(handle)
            removed.append(time.thread_time() - begin)
    slowest = max(quantiles(added, n=1000)[-1], quantiles(removed, n=1000)[-1])
    return {"add": mean(added) * 1e6, "remove": mean(removed) * 1e6, "slow": slowest * 1e6}


def hits_of(index: Index, day: Sequence[Document]) -> list[Hit]:
    handles, papers = index.hits(day)
    return sorted(zip(handles.tolist(), papers.tolist(), strict=True))


def line(what: str, value: str, demanded: str = "") -> None:
    print(f"  {what:44} {value:>24}  {demanded}")


def measure(
    drawn: Sequence[Drawn],
    others: Sequence[Drawn],
    day: Sequence[Paper],
    busy: Sequence[Paper],
    folder: Path,
) -> tuple[float, int]:
    """Print all figures for these subscriptions; gives the milliseconds of a match and the hits."""
    size = len(drawn)
    demanded = DEMANDED.get(size, {})
    print(f"{size:,} subscriptions")
    index, (built,) = timed(lambda: Index(draw.query for draw in drawn))
    saved, (saving,) = timed(index.to_bytes)
    (folder / "index").write_bytes(saved)
    (folder / "day").write_bytes(pickle.dumps(day))
    (folder / "busy").write_bytes(pickle.dumps(busy))
    changed = change(index, others)
    restored = index.to_bytes() == saved
    documents = [document_of(paper) for paper in day]
    found = hits_of(index, documents)
    figures = json.loads(
        subprocess.run(
            [sys.executable, "-m", "benchmarks.matching", "--weigh", folder],
            check=True,
            capture_output=True,
        ).stdout
    )
    assert figures["hits"] == len(found)

    def limit(name: str, sign: str, unit: str) -> str:
        return f"demanded {sign} {demanded[name]:,} {unit}" if name in demanded else ""

    line(
        "match a day, best (median; processor time)",
        f"{figures['match']:.1f} ({figures['median']:.1f}; {figures['cpu']:.1f}) ms",
        limit("match", "≤", "ms"),
    )
    line(
        f"match {BUSY:,} papers (folding them first; both processor time)",
        f"{figures['busy']:.0f} ms (+ {figures['folding']:.0f} ms)",
        limit("busy", "≤", "ms"),
    )
    line("matches", f"{len(found):,}")
    line("memory", f"{figures['memory']:.0f} MB", limit("memory", "≤", "MB"))
    line("load (file)", f"{figures['load']:.0f} ms ({len(saved) / 1e6:.0f} MB)", limit("load", "≤", "ms"))
    line(
        "add one, remove one (processor time)",
        f"{changed['add']:.0f}, {changed['remove']:.0f} µs",
        limit("change", "≤", "µs"),
    )
    line("the slowest change of a thousand (likewise)", f"{changed['slow']:.0f} µs")
    line("removing what was added restores the bytes", "yes" if restored else "NO")
    line("build, save", f"{built:.1f}, {saving:.1f} s")
    compare(drawn, documents, found, figures["match"] / 1e3, limit)
    return figures["match"], len(found)


def compare(
    drawn: Sequence[Drawn],
    day: Sequence[Document],
    found: list[Hit],
    ours: float,
    limit: Callable[[str, str, str], str],
) -> None:
    """The others on the same subscriptions and papers."""
    sample = sorted(random.Random(SEED).sample(range(len(drawn)), min(COMPARED, len(drawn))))
    index_of = {number: index for index, number in enumerate(sample)}
    expected = [(index_of[number], paper) for number, paper in found if number in index_of]
    plain = sorted(QueryEvaluator([drawn[number].query for number in sample]).matches(day))
    line(f"same as the plain evaluation of {len(sample):,}", "yes" if plain == expected else "NO")

    sqlite = Sqlite(day)
    queries = sqlite.queries(drawn)
    peers, taken = timed(lambda: sqlite.hits(queries), 2)
    report(sqlite.name, min(taken), ours, sorted(peers) == found, limit("sqlite", "≥", "×"))

    postgres = Postgres(day)
    postgres.queries(drawn)
    peers, taken = timed(postgres.hits)
    postgres.close()
    report(postgres.name, min(taken), ours, sorted(peers) == found, limit("postgres", "≥", "×"))

    if len(drawn) <= MOST_PATTERNS:
        patterns = Patterns(day)
        compiled = patterns.queries(drawn[number] for number in sample)
        peers, taken = timed(lambda: patterns.hits(compiled))
        scaled = min(taken) * len(drawn) / len(sample)
        report(patterns.name, scaled, ours, sorted(peers) == expected, limit("patterns", "≥", "×"))


def report(name: str, taken: float, ours: float, same: bool, demanded: str) -> None:
    line(
        name, f"{taken:.2f} s = {taken / ours:,.0f} ×", f"{'same hits' if same else 'OTHER HITS'}  {demanded}"
    )


def main(arguments: Sequence[str]) -> None:
    if arguments[:1] == ["--weigh"]:
        print(json.dumps(weigh(Path(arguments[1]))))
        return
    quick = "--quick" in arguments
    given = [Path(argument) for argument in arguments if not argument.startswith("--")]
    every = papers(given[0] if given else corpus_folder())
    sizes = SIZES[:2] if quick else SIZES
    day = random.Random(SEED).sample(every, PAPERS)
    busy = random.Random(SEED).sample(every, min(BUSY, len(every)))
    drawing = Draw(every, SEED)
    drawn = list(drawing.subscriptions(sizes[-1]))
    others = list(drawing.subscriptions(CHANGES))
    with TemporaryDirectory(prefix="paperboy-bench-") as name:
        folder = Path(name)
        curve = {size: measure(drawn[:size], others, day, busy, folder) for size in sizes}
    print("what a day costs as subscriptions grow")
    for size, (milliseconds, hits) in curve.items():
        line(f"{size:,}", f"{milliseconds:.1f} ms for {hits:,} hits")


if __name__ == "__main__":
    main(sys.argv[1:])
