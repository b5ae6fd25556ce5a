"""Trains the model that works out answers: `python -m tools.train_answers CORPUS OUT`.

Learns from the quiz pages before December 2025 and from nothing later; the same corpus gives the same bytes. What is
tuned (penalties, trees, temperatures) is tuned inside that time, by leaving out days or styles.
"""

import datetime as dt
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from bot.domain.quizzes.paper_text import STOP_WORDS
from tools.answer_fitting import (
    ODDS,
    Material,
    as_numbers,
    learn,
    learn_plain,
    plain_names,
    plain_scores,
    scores,
)
from tools.answer_material import document_counts, samples, texts_read
from tools.boosting import Indices, Tree
from tools.conditional_logit import Array, probabilities

LAST_DAY = dt.date(2025, 11, 30)
FOLDS = 5
_STOP_RARITY = 0.1
_Learnt = TypeVar("_Learnt")
_TEMPERATURES = np.arange(0.7, 2.01, 0.05)


def main(arguments: Sequence[str]) -> None:
    corpus, out = map(Path, arguments)
    rarity, unknown = rarities(*document_counts(texts_read(corpus, LAST_DAY)))
    found = samples(corpus, dt.date.min, LAST_DAY)
    material = as_numbers(found, lambda stem: rarity.get(stem, unknown))
    everything = np.arange(len(found))
    fitted = learn(material, everything)
    names = [*material.names, *ODDS]
    held = {
        "weights": named(names, fitted.weights),
        "plain_weights": named(plain_names(material), learn_plain(material, everything)),
        **tree_table(fitted.trees, names),
        "odds": fitted.odds,
        "rarity": rarity,
        "unknown_rarity": unknown,
        **temperatures(material),
    }
    data = json.dumps(held, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n"
    out.write_text(data, encoding="utf-8")
    print(f"{len(found)} questions, {len(fitted.trees)} trees, {len(data.encode()):,} bytes → {out}")


def rarities(counts: Counter[str], texts: int) -> tuple[dict[str, float], float]:
    """How much each stem tells that stands in two texts or more, and how much any other."""
    known = {word: _rarity(texts, seen) for word, seen in counts.items() if seen > 1}
    return known | dict.fromkeys(STOP_WORDS, _STOP_RARITY), _rarity(texts, 1)


def _rarity(texts: int, seen: int) -> float:
    return round(0.3 + 0.5 * math.log((texts + 1) / (seen + 1)), 2)


def named(names: list[str], weights: Array) -> dict[str, float]:
    """Five digits of each weight: fewer than what differs from machine to machine."""
    return {name: float(f"{weight:.5g}") for name, weight in zip(names, weights, strict=True)}


def tree_table(trees: list[Tree], names: list[str]) -> dict[str, list[object]]:
    """The trees over only those columns that they use; `~` marks a feature less its mean over the options."""
    columns = [*(f"~{name}" for name in names), *names]
    used = sorted({int(tree[at]) for tree in trees for at in (0, 2, 6)})
    index_of = {column: at for at, column in enumerate(used)}
    return {
        "columns": [columns[column] for column in used],
        "trees": [
            [index_of[int(value)] if at in {0, 2, 6} else value for at, value in enumerate(tree)]
            for tree in trees
        ],
    }


def temperatures(material: Material) -> dict[str, float]:
    """What to divide scores by, so that a probability still holds when the source changes its style.

    Halfway between what fits days that the model has not seen and what fits the worst of three styles (short,
    middling, long options) that it has not seen.
    """
    own = [_fitting(material, parts, learn, scores) for parts in (_days(material), _styles(material))]
    plain = [
        _fitting(material, parts, learn_plain, plain_scores) for parts in (_days(material), _styles(material))
    ]
    return {
        "temperature": round(float(np.mean(own[0]) + max(own[1])) / 2, 2),
        "plain_temperature": round(float(np.mean(plain[0]) + max(plain[1])) / 2, 2),
    }


def _fitting(
    material: Material,
    parts: Iterable[Indices],
    learnt: Callable[[Material, Indices], _Learnt],
    scored: Callable[[Material, _Learnt, Indices, str], Array],
) -> list[float]:
    """The temperature that fits each part after learning from the rest."""
    everything = np.arange(len(material.right))
    found = []
    for part in parts:
        model = learnt(material, np.setdiff1d(everything, part))
        found.append(best_temperature(material, part, scored(material, model, part, "whole")))
    return found


def best_temperature(material: Material, asked: Indices, found: Array) -> float:
    """The temperature at which the right options are most probable."""

    def surprise(temperature: float) -> float:
        chances = probabilities(found / temperature, material.there[asked])
        return float(-np.log(chances[np.arange(len(asked)), material.right[asked]]).sum())

    return float(min(_TEMPERATURES, key=surprise))


def _days(material: Material) -> Iterator[Indices]:
    """Every fifth day."""
    days = {day: at for at, day in enumerate(sorted(set(material.days)))}
    fold = np.array([days[day] % FOLDS for day in material.days])
    for number in range(FOLDS):
        yield np.nonzero(fold == number)[0]


def _styles(material: Material) -> Iterator[Indices]:
    style = np.searchsorted(np.quantile(material.widths, [1 / 3, 2 / 3]), material.widths)
    for number in range(3):
        yield np.nonzero(style == number)[0]


if __name__ == "__main__":
    main(sys.argv[1:])
