"""How much work `paperboy preview` is from process start: `python -m benchmarks.preview [PAPERS…]`.

Made-up papers in the shape of real ones (title, authors, a summary of 1,000 signs, five points and a drawing
on a third of them) of a skewed vocabulary; 5,000 and 100,000 of them by default. Each query is asked for all days, as text
(ten matches shown) and as JSON (every match with its words). Limits of the text: 0.8 s over 5,000 papers, 1.5 s over
100,000; of words in nearly every paper 4 s.
"""

import json
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from bot.adapters.store import Store
from bot.domain.papers import Edition, Links, Paper, PaperId, Point, Summary

_SHAPES = (
    *("{700}", "{30} {50} OR {900}", "{100} AND {400} AND NOT {90}", "title:{20}", "{700:.4}*"),
    *("{5}", "{0}", "{0} OR {1}", "{0} {1}", "{0} NEAR/3 {1}", "{0:.2}*", "{0} AND NOT {20}"),
    *('="{0}"', '"{0} {1}"', "author:ada", "{0} AND {1} AND {2} AND {3} AND {9000}"),
)
"""Queries with the ranks of their words; those of the later lines are in nearly every paper."""
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
        points = tuple(Point(label=f"📌 Point {place}", text=text(40)) for place in range(5))
        drawn = number % 3 == 0
        return Paper(
            id=PaperId(f"arxiv:{2000 + number // 10_000}.{number % 10_000:05}"),
            title=text(10).title(),
            authors=("Ada Lovelace", "Émilie du Châtelet") if number % 5 == 0 else ("Ada Lovelace",),
            summaries=(Summary(text=text(150), source="made.md"),),
            date=day,
            latest=day,
            links=Links(abs=f"https://arxiv.org/abs/{number}"),
            editions=(Edition(language="en", points=points, drawing=_DRAWING),) if drawn else (),
            sources=("made.md",),
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


def best(work: Callable[[], object], runs: int = _RUNS) -> float:
    """The shortest of some runs in milliseconds of the processor, own and children's: others may be at work too."""
    times = []
    for _ in range(runs):
        start = _processor()
        work()
        times.append(_processor() - start)
    return min(times) * 1000


def _processor() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def command(folder: Path, *arguments: str) -> str:
    """What the program prints, run as people run it."""
    environment = {**os.environ, "PAPERBOY_CONFIG": str(folder / "config" / "paperboy.yaml")}
    ran = subprocess.run(
        [sys.executable, "-m", "bot", *arguments], capture_output=True, text=True, check=True, env=environment
    )
    return ran.stdout


def _word(words: list[str], found: re.Match[str]) -> str:
    word = words[int(found[1])]
    return word[: int(found[2])] if found[2] else word


def measure(count: int) -> None:
    """Print a line for each query over so many papers."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rng = random.Random(1)
        words = vocabulary(rng)
        filled(folder, count, rng, words)
        start = best(lambda: command(folder, "version"))
        print(f"{count:,} papers; start of the program alone {start:.0f} ms\n")
        print(f"{'query':<48} {'matches':>8} {'as text':>10} {'as JSON':>10}")
        for shape in _SHAPES:
            query = re.sub(r"\{(\d+)(?::\.(\d))?\}", lambda found: _word(words, found), shape)
            asked = ("preview", query, "--days", "36500")
            matches = json.loads(command(folder, *asked, "--json"))["matches"]
            shown = best(lambda asked=asked: command(folder, *asked))
            whole = best(lambda asked=asked: command(folder, *asked, "--json"))
            print(f"{query:<48} {len(matches):>8,} {shown:>7.0f} ms {whole:>7.0f} ms", flush=True)
        print()


def main() -> None:
    for count in map(int, sys.argv[1:] or ("5000", "100000")):
        measure(count)


if __name__ == "__main__":
    main()
