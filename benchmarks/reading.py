"""How fast digests are read, beside what the machine needs to read and hash the same files.

    python -m benchmarks.reading [CORPUS]

CORPUS holds `tables/`, `pages/` and `flat/`; it defaults to $PAPERBOY_CORPUS, then to ../shared/corpus.
"""

import hashlib
import sys
import time
from collections.abc import Callable
from pathlib import Path

from selectolax.lexbor import LexborHTMLParser

from benchmarks.corpus import CORPUS
from bot.adapters.readers import read_digest
from bot.adapters.svg import safe_svg

ROUNDS = 7
DEMANDED = {"tables": 10, "pages": 20}


def fastest(work: Callable[[], object]) -> float:
    """Seconds of the fastest of several rounds: what the work costs when nobody disturbs it."""
    seconds: list[float] = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def read_all(paths: list[Path]) -> list[object]:
    return [read_digest(path.read_bytes(), name=path.name) for path in paths]


def hash_all(paths: list[Path]) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


def parse_all(paths: list[Path]) -> list[object]:
    return [LexborHTMLParser(path.read_bytes()) for path in paths]


def report(name: str, megabytes: float, seconds: float, limit: float) -> None:
    print(f"{name:34} {megabytes / seconds:7.1f} MB/s  {seconds / limit:6.1f} × reading and hashing")


def measure(folder: Path) -> None:
    paths = sorted(path for path in folder.iterdir() if path.is_file())
    megabytes = sum(path.stat().st_size for path in paths) / 1e6
    limit = fastest(lambda: hash_all(paths))
    demanded = f", at least {DEMANDED[folder.name]} MB/s demanded" if folder.name in DEMANDED else ""
    print(f"{folder.name}: {len(paths)} files, {megabytes:.1f} MB{demanded}")
    report("  reading and hashing (the limit)", megabytes, limit, limit)
    report("  read_digest", megabytes, fastest(lambda: read_all(paths)), limit)
    if folder.name == "pages":
        report("  selectolax, parsing alone (peer)", megabytes, fastest(lambda: parse_all(paths)), limit)


def measure_drawings(folder: Path) -> None:
    digests = [read_digest(path.read_bytes(), name=path.name) for path in sorted(folder.iterdir())]
    found = [entry.flowchart.drawing for digest in digests for entry in digest.entries if entry.flowchart]
    drawings = [drawing for drawing in found if drawing]
    seconds = fastest(lambda: [safe_svg(drawing) for drawing in drawings])
    print(f"drawings: {len(drawings)} made safe, {seconds / len(drawings) * 1e3:.2f} ms each")


def main() -> None:
    default = CORPUS
    corpus = Path(sys.argv[1] if len(sys.argv) > 1 else default)
    if not corpus.is_dir():
        sys.exit(f"{corpus}: no such folder; give the folder that holds tables/ and pages/")
    for name in ("tables", "pages", "flat"):
        measure(corpus / name)
    measure_drawings(corpus / "pages")


if __name__ == "__main__":
    main()
