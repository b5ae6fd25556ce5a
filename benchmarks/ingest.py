"""What taking in the whole corpus costs, beside reading and hashing the same files.

    python -m benchmarks.ingest [CORPUS]

Ingest is everything but sending: reading, comparing, storing durably (SQLite, synchronous FULL), and then
matching all of it for the shipped configuration's subscribers. Each run is a process of its own, into a new
state. CORPUS defaults to $PAPERBOY_CORPUS, then to ../shared/corpus.
"""

import hashlib
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

ROUNDS = 5
ROOT = Path(__file__).resolve().parent.parent


def one_run(corpus: Path) -> dict[str, float]:
    """Figures of one ingest in this process: seconds, and the peak memory in MB."""
    from bot.adapters import readers  # noqa: F401 - what is measured is the work, not the first import
    from bot.adapters.clock import SystemClock
    from bot.adapters.folders import FolderFile, scan
    from bot.adapters.store import Store
    from bot.app.config.subscriptions import load_subscribers
    from bot.app.container import peek_date, read
    from bot.domain.files import FoundFile
    from bot.pipeline.ingest import Ingest
    from bot.pipeline.subscribers import SubscriberRegistry

    corpus = corpus.resolve()
    limit = 20_000_000
    folders = [corpus / "tables", corpus / "pages"]
    found = [one for one in scan(folders, max_bytes=limit, base=corpus) if isinstance(one, FoundFile)]
    begin = time.perf_counter()
    for one in found:
        hashlib.sha256(one.path.read_bytes()).hexdigest()
    hashing = time.perf_counter() - begin
    registry = SubscriberRegistry(load_subscribers(ROOT / "config" / "subscriptions.yaml"))
    now = SystemClock().now()
    with TemporaryDirectory(prefix="paperboy-bench-", dir=os.environ.get("TMPDIR")) as folder:
        begin = time.perf_counter()
        store = Store(f"sqlite:///{folder}/state.sqlite3")
        ingest = Ingest(store.digests, registry, read, peek_date, first_run=3)
        taken = ingest.take_in([FolderFile(found=one, max_bytes=limit) for one in found], now)
        stored = time.perf_counter() - begin
        ingest.finish_planning(now)
        opened = time.perf_counter() - begin
        notices = store.deliveries.counts(now).notices
        store.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "hashing": hashing,
        "stored": stored,
        "opened": opened,
        "peak": peak,
        "digests": taken.digests,
        "papers": taken.new,
        "notices": notices,
    }


def main() -> None:
    arguments = [argument for argument in sys.argv[1:] if argument != "--child"]
    corpus = Path(
        arguments[0] if arguments else os.environ.get("PAPERBOY_CORPUS") or ROOT.parent / "shared" / "corpus"
    )
    if "--child" in sys.argv:
        print(json.dumps(one_run(corpus)))
        return
    command = [sys.executable, "-m", "benchmarks.ingest", "--child", str(corpus)]
    runs = [
        json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout)
        for _ in range(ROUNDS)
    ]
    first = runs[0]
    print(
        f"{first['digests']:.0f} digests, {first['papers']:.0f} papers, {ROUNDS} runs, each in a new process"
    )
    print(f"{'reading and hashing (the limit)':45} {median(r['hashing'] for r in runs) * 1000:7.0f} ms")
    for name, key in (
        ("stored durably in a new state", "stored"),
        ("… and matched for the first time", "opened"),
    ):
        ratio = median(run[key] / run["hashing"] for run in runs)
        lowest = min(run[key] / run["hashing"] for run in runs)
        seconds = median(run[key] for run in runs)
        print(f"{name:45} {seconds * 1000:7.0f} ms  {ratio:5.1f} × (best {lowest:.1f} ×; at most 40, aim 20)")
    print(f"{'matches noticed':45} {first['notices']:7.0f}")
    print(f"{'peak memory':45} {max(run['peak'] for run in runs):7.0f} MB (at most 200)")


if __name__ == "__main__":
    main()
