"""`paperboy preview` from process start, by kinds of queries, as text and as JSON.

    python -m benchmarks.preview [--state FOLDER] [PAPERS…]

Made-up papers in the shape of real ones (title, authors, a summary of 1,000 signs, five points and a drawing
on a third of them) of a skewed vocabulary; 5,000 and 100,000 of them by default. The states are kept in FOLDER and used again, where one
is given: one of 100,000 papers takes a minute to make. Each query is asked for all days, as text (ten matches shown) and as JSON
(every match with its words). Times are of the processor, the best of two; memory is the most that the process held.
"""

import argparse
import os
import random
import re
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from bot.adapters.store import Store
from bot.domain.flowchart import Flowchart
from bot.domain.papers import Edition, Links, Paper, PaperId, Point, Summary

_SHAPES = {
    "rare word": "{5000}",
    "word": "{700}",
    "frequent word": "{5}",
    "most frequent word": "{0}",
    "prefix": "{700:.4}*",
    "frequent prefix": "{0:.2}*",
    "OR": "{30} {50} OR {900}",
    "OR of frequent words": "{0} OR {1}",
    "phrase of frequent words": "{0} {1}",
    "NEAR": "{30} NEAR/3 {50}",
    "NEAR of frequent words": "{0} NEAR/3 {1}",
    "exact": "={0}",
    "exact, as titles write it": "={0:^}",
    "quoted": '"{0}"',
    "quoted phrase": '"{0} {1}"',
    "title": "title:{20}",
    "author": "author:émilie",
    "author of every paper": "author:ada",
    "AND NOT": "{100} AND {400} AND NOT {90}",
    "NOT of frequent words": "{0} AND NOT {20}",
    "AND of many": "{0} AND {1} AND {2} AND {3} AND {9000}",
}
"""Queries with the ranks of their words; the first ones are in nearly every paper."""
_WORST = 4_000
_LIMITS = {5_000: 800, 100_000: 1_500}
"""Milliseconds of the text by the number of papers; of words in nearly every one of 100,000 papers `_WORST`."""
_FREQUENT = 10
"""Words of a lower rank are in nearly every paper."""
_MOST_MEMORY = 400
_RUNS = 2
_DIFFERENT = 5_000
"""Papers with texts of their own."""
_DRAWING = '<svg viewBox="0 0 100 100">' + '<text x="1" y="2">word</text>' * 80 + "</svg>"


def vocabulary(rng: random.Random) -> list[str]:
    """Different words that can be spoken, the most frequent first."""
    syllables = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]
    words: dict[str, None] = {}
    while len(words) < 20_000:
        words["".join(rng.choices(syllables, k=rng.randint(2, 5)))] = None
    return list(words)


def made_up(count: int, rng: random.Random, words: list[str]) -> list[Paper]:
    """Papers of a year, fourteen a day."""
    weights = [1 / (rank + 2) for rank in range(len(words))]

    def text(length: int) -> str:
        return " ".join(rng.choices(words, weights, k=length))

    def paper(number: int) -> Paper:
        day = date(2026, 8, 11) - timedelta(days=number // 14)
        points = tuple(Point(label=f"📌 Point {index}", text=text(40)) for index in range(5))
        drawn = number % 3 == 0
        return Paper(
            id=PaperId(f"arxiv:{2000 + number // 10_000}.{number % 10_000:05}"),
            title=text(10).title(),
            authors=("Ada Lovelace", "Émilie du Châtelet") if number % 5 == 0 else ("Ada Lovelace",),
            summaries=(Summary(text=text(150), digest="made.md"),),
            date=day,
            latest=day,
            links=Links(abs=f"https://arxiv.org/abs/{number}"),
            editions=(Edition(language="en", points=points),) if drawn else (),
            flowchart=Flowchart(drawing=_DRAWING) if drawn else None,
            digests=("made.md",),
        )

    return [paper(number) for number in range(count)]


def filled(folder: Path, count: int, rng: random.Random, words: list[str]) -> None:
    """A state with so many papers; of many, the texts come again under other ids."""
    path = folder / "state.sqlite3"
    store = Store(f"sqlite:///{path}")
    texts = made_up(min(count, _DIFFERENT), rng, words)
    for start in range(0, count, len(texts)):
        papers = [_another(paper, start + number) for number, paper in enumerate(texts)][: count - start]
        with store.digests.transaction() as tx:
            tx.save_papers(papers, datetime(2026, 8, 11, tzinfo=UTC), changed=True)
    store.close()
    (folder / "config").mkdir()
    (folder / "config" / "paperboy.yaml").write_text(f"state: sqlite:///{path}\n", encoding="utf-8")


def _another(paper: Paper, number: int) -> Paper:
    day = date(2026, 8, 11) - timedelta(days=number // 280)
    return replace(
        paper, id=PaperId(f"arxiv:{2000 + number // 10_000}.{number % 10_000:05}"), date=day, latest=day
    )


class Run(NamedTuple):
    """One run of the program."""

    matches: int
    """Matches in the JSON that it printed."""
    milliseconds: float
    megabytes: float


def run(folder: Path, *arguments: str) -> Run:
    """The program, run as people run it. This process stays small: the system counts it with the memory of the other."""
    environment = {**os.environ, "PAPERBOY_CONFIG": str(folder / "config" / "paperboy.yaml")}
    with tempfile.TemporaryFile() as file:
        to_file = [(os.POSIX_SPAWN_DUP2, file.fileno(), 1)]
        command = [sys.executable, "-m", "bot", *arguments]
        process = os.posix_spawn(sys.executable, command, environment, file_actions=to_file)
        _, status, used = os.wait4(process, 0)
        if status:
            raise SystemExit(f"{command} ended with {os.waitstatus_to_exitcode(status)}")
        file.seek(0)
        return Run(
            file.read().count(b'"why": ['), (used.ru_utime + used.ru_stime) * 1e3, used.ru_maxrss / 1e3
        )


def best(folder: Path, *arguments: str) -> Run:
    """The run that took least time."""
    return min((run(folder, *arguments) for _ in range(_RUNS)), key=lambda run_: run_.milliseconds)


def query_of(shape: str, words: list[str]) -> str:
    """The query with words of these ranks."""

    def word(match: re.Match[str]) -> str:
        text = words[int(match[1])]
        return text.title() if match[2] == "^" else text[: int(match[2][1:])] if match[2] else text

    return re.sub(r"\{(\d+)(?::(\^|\.\d))?\}", word, shape)


def measure(folder: Path, count: int) -> None:
    """Print a line for each query over so many papers."""
    words = vocabulary(random.Random(1))
    if not folder.exists():
        folder.mkdir(parents=True)
        filled(folder, count, random.Random(1), words)
    start = best(folder, "version")
    print(f"{count:,} papers; the start of the program alone takes {start.milliseconds:.0f} ms\n")
    print(
        f"{'':<26} {'query':<48} {'matches':>8} {'as text':>10} {'limit':>10} {'as JSON':>10} {'memory':>8}"
    )
    for name, shape in _SHAPES.items():
        query = query_of(shape, words)
        asked = ("preview", query, "--days", "36500")
        text, whole = best(folder, *asked), best(folder, *asked, "--json")
        is_frequent = "every" in name or any(int(rank) < _FREQUENT for rank in re.findall(r"\{(\d+)", shape))
        limit = _WORST if count > _DIFFERENT and is_frequent else _LIMITS.get(count, _WORST)
        over = " over" if text.milliseconds > limit or whole.megabytes > _MOST_MEMORY else ""
        print(
            f"{name:<26} {query:<48} {whole.matches:>8,} {text.milliseconds:>7.0f} ms {limit:>7} ms"
            f" {whole.milliseconds:>7.0f} ms {whole.megabytes:>5.0f} MB{over}",
            flush=True,
        )
    print()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=Path)
    parser.add_argument("papers", nargs="*", type=int, default=list(_LIMITS))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for count in arguments.papers:
            measure((arguments.state or Path(name)) / str(count), count)


if __name__ == "__main__":
    main()
