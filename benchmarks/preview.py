"""How much work `paperboy preview` is from process start: `python -m benchmarks.preview [PAPERS]`.

Made-up papers in the shape of real ones (title, authors, a summary of 1,000 signs, five points and a drawing
on a third of them) of a skewed vocabulary. Beside the whole command stand the start of Python with the
program's imports alone, and the preview without the first cheap look, every paper taken apart.
"""

import json
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from bot.adapters.glance_papers import glance_at_papers
from bot.adapters.store import Store
from bot.domain.papers import Edition, Links, Paper, PaperId, Point, Summary
from bot.domain.query import parse
from bot.domain.search.previewing import Previewer

_SHAPES = (
    *("{700}", "{30} {50} OR {900}", "{100} AND {400} AND NOT {90}", "title:{20}", "{700:.4}*"),
    *("{5}", "{0}", "{0} OR {1}", "{0} {1}", "{0} NEAR/3 {1}", "{0:.2}*", "{0} AND NOT {20}"),
)
"""Queries with the ranks of their words; those of the second line are in nearly every paper."""
_RUNS = 2
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


def filled(folder: Path, count: int, rng: random.Random, words: list[str]) -> Path:
    """A state with so many papers."""
    path = folder / "state.sqlite3"
    store = Store(f"sqlite:///{path}")
    with store.intake.transaction() as tx:
        tx.save_papers(made_up(count, rng, words), datetime(2026, 8, 11, tzinfo=UTC), changed=True)
    store.close()
    (folder / "config").mkdir()
    (folder / "config" / "paperboy.yaml").write_text(f"state: sqlite:///{path}\n", encoding="utf-8")
    return path


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


def inside(path: Path, query: str, *, probing: bool) -> tuple[int, tuple[str, ...]]:
    """How many papers were taken apart, and which match."""
    previewer = Previewer(parse(query))
    sifted = glance_at_papers(path, 36_500, previewer.wants if probing else lambda _text: True)
    assert sifted is not None
    found = previewer.preview(sifted.papers)
    return len(sifted.papers), tuple(one.paper.id for one in found.matches)


def _word(words: list[str], found: re.Match[str]) -> str:
    word = words[int(found[1])]
    return word[: int(found[2])] if found[2] else word


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rng = random.Random(1)
        words = vocabulary(rng)
        path = filled(folder, count, rng, words)
        start = best(lambda: command(folder, "version"))
        print(f"{count:,} papers; start of the program alone {start:.0f} ms\n")
        print(
            f"{'query':<34} {'matches':>8} {'command':>9} {'probed':>9} {'all apart':>10} {'taken apart':>12}"
        )
        for shape in _SHAPES:
            query = re.sub(r"\{(\d+)(?::\.(\d))?\}", lambda found: _word(words, found), shape)
            found = json.loads(command(folder, "preview", query, "--days", "36500", "--json"))
            whole = best(lambda query=query: command(folder, "preview", query, "--days", "36500", "--json"))
            probed = best(lambda query=query: inside(path, query, probing=True))
            everything = best(lambda query=query: inside(path, query, probing=False))
            apart, matches = inside(path, query, probing=True)
            assert matches == inside(path, query, probing=False)[1]
            assert len(found["matches"]) == len(matches)
            print(
                f"{query:<34} {len(matches):>8} {whole:>6.0f} ms {probed:>6.0f} ms {everything:>7.0f} ms {apart:>12,}"
            )


if __name__ == "__main__":
    main()
