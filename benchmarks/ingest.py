"""What taking in digests costs, in time of the processor.

    python -m benchmarks.ingest [CORPUS]       the whole corpus, beside reading and hashing the same files
    python -m benchmarks.ingest --cumulative   a file of 8,500 papers, taken in, and again with 30 more
    python -m benchmarks.ingest --cumulative-html   the same with its table written in HTML
    python -m benchmarks.ingest --first-look   100,000 papers in five files of 5 MB, as a new state sees them first

Ingest is everything but sending: reading, comparing, matching for the shipped configuration's subscribers and storing
durably (SQLite, synchronous FULL), and then planning what is left of the runs. Each run is a process of its own, into a new
state, with the program's own thresholds for garbage; to open that state is told apart. CORPUS defaults to $PAPERBOY_CORPUS, then to ../shared/corpus.
"""

import gc
import hashlib
import json
import random
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.corpus import CORPUS

ROUNDS = 5
ROOT = Path(__file__).resolve().parent.parent
MOST_BYTES = 20_000_000
CUMULATIVE, GROWTH = 8_500, 30
FILES, PAPERS = 5, 20_000
LAST_DAY = date(2026, 11, 20)
TEXT = (
    "graph neural network diffusion model for retrieval augmented generation of long videos with sparse attention in language "
    "models towards robust and efficient agents planning reasoning benchmarks evaluation visual odometry dense depth"
)
WORDS = TEXT.split()
HEAD = "## Updated on 2026.11.20\n\n|Publish Date|Title|Authors|PDF|Code|\n|---|---|---|---|---|\n"

Figures = dict[str, float]


def table_rows(count: int, seed: int) -> list[str]:
    """Rows of a table with a whole history, newest first, as daily papers' READMEs have them."""
    drawn = random.Random(seed)
    rows = []
    for index in range(count):
        day = LAST_DAY - timedelta(days=index // 15)
        number = f"{day:%y%m}.{(seed * count + index) % 100_000:05}"
        title = " ".join(drawn.choices(WORDS, k=drawn.randint(6, 14))).capitalize()
        author = f"{drawn.choice(WORDS)} {drawn.choice(WORDS)}".title()
        code = (
            f"**[link](https://github.com/{author.split()[0]}/{number})**" if drawn.random() < 0.3 else "null"
        )
        link = f"[{number}](http://arxiv.org/abs/{number})"
        rows.append(f"|**{day}**|**{title} {index}**|{author} et.al.|{link}|{code}|\n")
    return rows


@contextmanager
def taking_in(folder: Path, source: Path) -> Iterator[Callable[[Collection[str]], Figures]]:
    """A function that takes in the files below the folders of a source, into one new state."""
    # What is measured is the work, not the first import.
    from bot.adapters.clock import SystemClock
    from bot.adapters.folders import FolderFile, scan
    from bot.adapters.readers import peek_date, read_digest
    from bot.adapters.store import Store, deliveries, digests  # noqa: F401
    from bot.app.config.subscriptions import load_subscribers
    from bot.domain.files import FoundFile
    from bot.pipeline.ingest import Ingest
    from bot.pipeline.planning_runs import RunPlanner
    from bot.pipeline.subscribers import SubscriberRegistry

    registry = SubscriberRegistry(load_subscribers(ROOT / "config" / "subscriptions.yaml"))
    now = SystemClock().now()
    begin = time.process_time()
    store = Store(f"sqlite:///{folder}/state.sqlite3")
    opening = time.process_time() - begin
    ingest = Ingest(
        store.digests,
        registry,
        RunPlanner(store.digests, store.full_text, first_run=3),
        lambda data, name, beside: read_digest(data, name=name, neighbour=beside),
        lambda data, name: peek_date(data, name=name),
    )

    def take(folders: Collection[str]) -> Figures:
        paths = [source / name for name in folders]
        files = [
            file for file in scan(paths, max_bytes=MOST_BYTES, base=source) if isinstance(file, FoundFile)
        ]
        begin = time.process_time()
        for file in files:
            hashlib.sha256(file.path.read_bytes()).hexdigest()
        hashing = time.process_time() - begin
        begin = time.process_time()
        taken = ingest.process([FolderFile(found=file, max_bytes=MOST_BYTES) for file in files], now)
        stored = time.process_time() - begin
        ingest.finish_planning(now)
        return {
            "opening": opening,
            "hashing": hashing,
            "stored": stored,
            "planned": time.process_time() - begin,
            "digests": taken.digests,
            "papers": taken.new,
            "notices": store.deliveries.counts(now).notices,
            "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }

    try:
        yield take
    finally:
        store.close()


def whole_corpus(corpus: Path) -> Figures:
    with TemporaryDirectory(prefix="paperboy-bench-") as folder, taking_in(Path(folder), corpus) as take:
        return take(["tables", "pages"])


def cumulative(_: Path) -> Figures:
    """Figures of the second time, when the file has grown."""
    return grown(lambda rows: HEAD + "".join(rows))


def cumulative_html(_: Path) -> Figures:
    return grown(in_html)


def in_html(rows: Sequence[str]) -> str:
    """The rows as a table in HTML."""
    linked = [re.sub(r"\[(.*?)\]\((.*?)\)", r'<a href="\2">\1</a>', row.replace("**", "")) for row in rows]
    cells = ["</td><td>".join(row.strip("|\n").split("|")) for row in linked]
    head = "<tr><th>Publish Date</th><th>Title</th><th>Authors</th><th>PDF</th><th>Code</th></tr>\n"
    return f"## Updated on 2026.11.20\n\n<table>\n{head}" + "".join(
        [f"<tr><td>{row}</td></tr>\n" for row in cells] + ["</table>\n"]
    )


def grown(written: Callable[[Sequence[str]], str]) -> Figures:
    rows = table_rows(CUMULATIVE + GROWTH, seed=0)
    with TemporaryDirectory(prefix="paperboy-bench-") as folder:
        file = Path(folder) / "papers" / "README.md"
        file.parent.mkdir()
        with taking_in(Path(folder), Path(folder)) as take:
            file.write_text(written(rows[GROWTH:]))
            take(["papers"])
            file.write_text(written(rows))
            return take(["papers"])


def first_look(_: Path) -> Figures:
    with TemporaryDirectory(prefix="paperboy-bench-") as folder:
        papers = Path(folder) / "papers"
        papers.mkdir()
        for number in range(FILES):
            (papers / f"{number}.md").write_text(HEAD + "".join(table_rows(PAPERS, seed=number)))
        with taking_in(Path(folder), Path(folder)) as take:
            return take(["papers"])


TASKS = {
    "--corpus": whole_corpus,
    "--cumulative": cumulative,
    "--cumulative-html": cumulative_html,
    "--first-look": first_look,
}
LIMITS = {
    "--corpus": "at most 40 × reading and hashing and 200 MB",
    "--cumulative": "at most 0.5 s",
    "--cumulative-html": "at most 0.5 s",
    "--first-look": "at most 3 minutes and 300 MB",
}


def main() -> None:
    task = next((argument for argument in sys.argv if argument in TASKS), "--corpus")
    names = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    corpus = Path(names[0] if names else CORPUS)
    if "--child" in sys.argv:
        import bot.__main__  # noqa: F401 - sets the thresholds

        gc.collect()
        print(json.dumps(TASKS[task](corpus.resolve())))
        return
    command = [sys.executable, "-m", "benchmarks.ingest", "--child", task, str(corpus)]
    runs = [
        json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout)
        for _ in range(1 if task == "--first-look" else ROUNDS)
    ]
    first = runs[0]
    print(
        f"{first['digests']:.0f} digests, {first['papers']:.0f} new papers, {len(runs)} runs; {LIMITS[task]}"
    )
    print(f"{'reading and hashing':36} {median(run['hashing'] for run in runs) * 1000:9.0f} ms")
    print(f"{'a new state opened':36} {median(run['opening'] for run in runs) * 1000:9.0f} ms")
    for name, key in (
        ("read, matched and stored durably", "stored"),
        ("… and planned to the end", "planned"),
    ):
        ratio = median(run[key] / run["hashing"] for run in runs)
        best = min(run[key] for run in runs)
        seconds = median(run[key] for run in runs)
        print(f"{name:36} {seconds * 1000:9.0f} ms  (best {best * 1000:.0f} ms), {ratio:.1f} × that")
    print(f"{'matches noticed':36} {first['notices']:9.0f}")
    print(f"{'peak memory':36} {max(run['peak'] for run in runs):9.0f} MB")


if __name__ == "__main__":
    main()
