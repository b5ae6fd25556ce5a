"""What taking in the whole corpus costs, beside reading and hashing the same files, in time of the processor.

    python -m benchmarks.ingest [CORPUS]

Ingest is everything but sending: reading, comparing, matching for the shipped configuration's subscribers and storing
durably (SQLite, synchronous FULL), and then planning what is left of the runs. Each run is a process of its own, into a new
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
    # What is measured is the work, not the first import.
    from bot.adapters import readers  # noqa: F401
    from bot.adapters.clock import SystemClock
    from bot.adapters.folders import FolderFile, scan
    from bot.adapters.store import Store, deliveries, digests  # noqa: F401
    from bot.app.config.subscriptions import load_subscribers
    from bot.app.container import peek_date, read
    from bot.domain.files import FoundFile
    from bot.pipeline.ingest import Ingest
    from bot.pipeline.subscribers import SubscriberRegistry

    corpus = corpus.resolve()
    limit = 20_000_000
    folders = [corpus / "tables", corpus / "pages"]
    found = [one for one in scan(folders, max_bytes=limit, base=corpus) if isinstance(one, FoundFile)]
    begin = time.process_time()
    for one in found:
        hashlib.sha256(one.path.read_bytes()).hexdigest()
    hashing = time.process_time() - begin
    registry = SubscriberRegistry(load_subscribers(ROOT / "config" / "subscriptions.yaml"))
    now = SystemClock().now()
    with TemporaryDirectory(prefix="paperboy-bench-", dir=os.environ.get("TMPDIR")) as folder:
        begin = time.process_time()
        store = Store(f"sqlite:///{folder}/state.sqlite3")
        ingest = Ingest(store.digests, registry, read, peek_date, first_run=3)
        taken = ingest.take_in([FolderFile(found=one, max_bytes=limit) for one in found], now)
        stored = time.process_time() - begin
        ingest.finish_planning(now)
        opened = time.process_time() - begin
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
        ("read, matched and stored durably", "stored"),
        ("… and planned to the end", "opened"),
    ):
        ratio = median(run[key] / run["hashing"] for run in runs)
        lowest = min(run[key] / run["hashing"] for run in runs)
        seconds = median(run[key] for run in runs)
        print(f"{name:45} {seconds * 1000:7.0f} ms  {ratio:5.1f} × (best {lowest:.1f} ×; at most 40, aim 30)")
    print(f"{'matches noticed':45} {first['notices']:7.0f}")
    print(f"{'peak memory':45} {max(run['peak'] for run in runs):7.0f} MB (at most 200)")


if __name__ == "__main__":
    main()
