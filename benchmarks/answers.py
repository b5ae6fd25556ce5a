"""How well answers are worked out: `python -m benchmarks.answers [CORPUS] [--from DAY] [--language zh]`.

Asks for the answers of the keyed quiz pages from December 2025 on, none of which the model has seen, with nothing but
each page's own text; prints accuracy by month, precision and coverage at each threshold, calibration, the baselines
on the same questions, and the time. Ranges are 95 %: bootstrapped over papers, as a paper's questions go together.
"""

import argparse
import datetime as dt
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.corpus import CORPUS
from bot.adapters.answer_model import load_model
from bot.domain.papers import PaperId
from bot.domain.quizzes.answers import AnswerModel
from bot.domain.quizzes.paper_text import STOP_WORDS, stem, text_index, width, words
from tools.answer_material import Sample, samples

ROOT = Path(__file__).resolve().parent.parent
FIRST_UNSEEN = dt.date(2025, 12, 1)
NEW_STYLE = dt.date(2026, 3, 27)
THRESHOLDS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
RESAMPLES = 1000


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One question and what was made of it."""

    day: dt.date
    paper: PaperId
    right: bool
    confidence: float
    longest: bool
    overlapping: bool
    seconds: float


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", nargs="?", type=Path, default=CORPUS)
    parser.add_argument("--from", dest="first", type=dt.date.fromisoformat, default=FIRST_UNSEEN)
    parser.add_argument("--language", default="en")
    asked = parser.parse_args(arguments)
    if asked.first < FIRST_UNSEEN:
        print(f"Pages before {FIRST_UNSEEN} were learnt from: their figures say nothing.\n")
    found = outcomes(samples(asked.corpus, asked.first, dt.date.max, asked.language), load_model())
    if not found:
        print(f"No keyed questions in {asked.corpus} from {asked.first} on.")
        return
    print_accuracy(found)
    print_thresholds(found)
    print_calibration(found)
    spent = sorted(outcome.seconds * 1000 for outcome in found)
    print(f"\nTime: {sum(spent) / len(spent):.2f} ms of the processor a question, {spent[-1]:.2f} at most")


def outcomes(found: Sequence[Sample], model: AnswerModel) -> list[Outcome]:
    """What the model and the baselines make of each question, its text as the page alone gives it."""
    text_index.cache_clear()
    return [_outcome(sample, model) for sample in found]


def _outcome(sample: Sample, model: AnswerModel) -> Outcome:
    question, text = sample.question, sample.texts["whole"]
    begun = time.process_time()
    guess = model.infer(question, text)
    spent = time.process_time() - begun
    said = {stem(word) for _, part in text.parts for word in words(part)} - STOP_WORDS

    def overlap(option: str) -> float:
        roots = {stem(word) for word in words(option)} - STOP_WORDS
        return math.log(width(option) + 1) + 2 * len(roots & said) / (len(roots) or 1)

    return Outcome(
        day=sample.day,
        paper=sample.paper,
        right=guess is not None and guess.answer == question.answer,
        confidence=guess.confidence if guess else 0.0,
        longest=_best(question.options, width) == question.answer,
        overlapping=_best(question.options, overlap) == question.answer,
        seconds=spent,
    )


def _best(options: Sequence[str], worth: Callable[[str], float]) -> int:
    return max(range(len(options)), key=lambda index: worth(options[index]))


def print_accuracy(found: Sequence[Outcome]) -> None:
    """By month and as a whole, beside the baselines."""
    print(f"{'':22}{'questions':>9}  {'accuracy':^22}  {'longest option':^22}  {'length + overlap':^22}")
    months = sorted({outcome.day.strftime("%Y-%m") for outcome in found})
    groups = [
        (month, [question for question in found if question.day.strftime("%Y-%m") == month])
        for month in months
    ]
    groups.append((f"before {NEW_STYLE}", [question for question in found if question.day < NEW_STYLE]))
    groups.append((f"from {NEW_STYLE}", [question for question in found if question.day >= NEW_STYLE]))
    groups.append(("all", list(found)))
    for name, group in groups:
        if group:
            parts = [ranged(group, measure) for measure in (_right, _longest, _overlapping)]
            print(f"{name:22}{len(group):9}  " + "  ".join(f"{part:^22}" for part in parts))


def _right(group: Sequence[Outcome]) -> float:
    return sum(question.right for question in group) / len(group)


def _longest(group: Sequence[Outcome]) -> float:
    return sum(question.longest for question in group) / len(group)


def _overlapping(group: Sequence[Outcome]) -> float:
    return sum(question.overlapping for question in group) / len(group)


def print_thresholds(found: Sequence[Outcome]) -> None:
    """How many are answered at each confidence, and how many of them rightly (Wilson's range)."""
    print(f"\n{'confidence':>12}{'answered':>12}  {'precision':^22}")
    for threshold in THRESHOLDS:
        sure = [question for question in found if question.confidence >= threshold]
        if sure:
            hits = sum(question.right for question in sure)
            low, high = wilson(hits, len(sure))
            share = f"{hits / len(sure):.3f} ({low:.3f}–{high:.3f})"
            print(f"{'≥ ' + format(threshold, '.2f'):>12}{len(sure) / len(found):12.1%}  {share:^22}")


def print_calibration(found: Sequence[Outcome]) -> None:
    """How often the guess is right where it is said to be so probable."""
    print(f"\n{'said':>14}{'questions':>11}{'mean said':>11}{'were right':>12}")
    bounds = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0001)
    off = 0.0
    for low, high in pairwise(bounds):
        held = [question for question in found if low <= question.confidence < high]
        if held:
            said = sum(question.confidence for question in held) / len(held)
            off += abs(said - _right(held)) * len(held) / len(found)
            print(f"{low:7.2f}–{min(high, 1):.2f}{len(held):11}{said:11.3f}{_right(held):12.3f}")
    print(f"{'off by':>14}{off:22.3f} on the average")


def ranged(group: Sequence[Outcome], measure: Callable[[Sequence[Outcome]], float]) -> str:
    """The measure with its 95 % range over resampled papers."""
    by_paper: dict[tuple[PaperId, dt.date], list[Outcome]] = {}
    for question in group:
        by_paper.setdefault((question.paper, question.day), []).append(question)
    papers, chance = list(by_paper.values()), random.Random(5)
    drawn = sorted(
        measure([question for paper in chance.choices(papers, k=len(papers)) for question in paper])
        for _ in range(RESAMPLES)
    )
    return f"{measure(group):.3f} ({drawn[RESAMPLES // 40]:.3f}–{drawn[-RESAMPLES // 40]:.3f})"


def wilson(hits: int, tries: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's 95 % range of a share."""
    share, extra = hits / tries, z * z / tries
    middle = (share + extra / 2) / (1 + extra)
    half = z / (1 + extra) * math.sqrt(share * (1 - share) / tries + extra / tries / 4)
    return max(0.0, middle - half), min(1.0, middle + half)


if __name__ == "__main__":
    main()
