"""Keyed questions as numbers, and what is learnt from some of them: weights, trees and the odds of marks."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from bot.domain.quizzes.features import (
    Features,
    QuestionContext,
    Weigh,
    marks,
    odds_features,
    option_features,
)
from bot.domain.quizzes.paper_text import text_index
from tools import boosting
from tools.answer_material import VARIANTS, Sample
from tools.boosting import Indices, Tree
from tools.conditional_logit import Array, centred, fit

RIDGE, PLAIN_RIDGE = 40.0, 20.0
RECIPE = boosting.Recipe()
FOLDS = 5
ODDS = tuple(odds_features([], {}))
PLAIN = ("len.", "ov.", "al.", "px.", "bi.", "num.", "val.", "neg.", "short.")
"""The features that mean the same in every language begin like this."""
NOT_PLAIN = ("len.word",)
_ODDS_PRIOR = 2.0
_LEAST_SEEN = 3


@dataclass(frozen=True, kw_only=True)
class Material:
    """The keyed questions as numbers; arrays are (questions, options, …)."""

    days: list[date]
    widths: Array
    """Mean length of the options."""
    right: Indices
    there: NDArray[np.bool_]
    names: list[str]
    features: dict[str, Array]
    """By form of the text; without the odds."""
    marks: list[list[list[str]]]


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What is learnt from some of the questions."""

    weights: Array
    trees: list[Tree]
    odds: dict[str, float]


def as_numbers(found: list[Sample], weigh: Weigh) -> Material:
    """The features of all questions in each form of their text."""
    by_form = {
        form: [
            option_features(sample.question, text_index(sample.texts[form]), weigh, {}) for sample in found
        ]
        for form in VARIANTS
    }
    asked = [QuestionContext(sample.question, text_index(sample.texts["whole"]), weigh) for sample in found]
    occurring = {
        name
        for questions in by_form.values()
        for options in questions
        for option in options
        for name in option
    }
    names = sorted(occurring.difference(ODDS))
    most = max(len(sample.question.options) for sample in found)
    there = np.array([[at < len(sample.question.options) for at in range(most)] for sample in found])
    return Material(
        days=[sample.day for sample in found],
        widths=np.array([np.mean([len(option) for option in sample.question.options]) for sample in found]),
        right=np.array([sample.question.answer for sample in found]),
        there=there,
        names=names,
        features={form: _matrix(questions, names, most) for form, questions in by_form.items()},
        marks=[
            [[] for _ in question.options] if question.negated else marks(question.options)
            for question in asked
        ],
    )


def _matrix(questions: list[list[Features]], names: list[str], most: int) -> Array:
    columns = {name: at for at, name in enumerate(names)}
    matrix = np.zeros((len(questions), most, len(names)))
    for row, options in enumerate(questions):
        for option, features in enumerate(options):
            for name, value in features.items():
                if name in columns:
                    matrix[row, option, columns[name]] = value
    return matrix


def learn(material: Material, chosen: Indices) -> Fitted:
    """Weights, trees and odds from the chosen questions in all forms of their texts."""
    crossed = crossed_odds(material, chosen)
    there, right, importance = _stacked(material, chosen)
    raw = np.concatenate(
        [np.concatenate([material.features[form][chosen], crossed], axis=2) for form in VARIANTS]
    )
    middle = centred(raw, there)
    weights = fit(middle, there, right, importance, RIDGE)
    trees = boosting.grow(np.concatenate([middle, raw], axis=2), there, right, importance, RECIPE)
    return Fitted(weights=weights, trees=trees, odds=odds_of(material, chosen))


def learn_plain(material: Material, chosen: Indices) -> Array:
    """The weights of the features that mean the same in every language."""
    columns = [material.names.index(name) for name in plain_names(material)]
    there, right, importance = _stacked(material, chosen)
    raw = np.concatenate([material.features[form][chosen][:, :, columns] for form in VARIANTS])
    return fit(centred(raw, there), there, right, importance, PLAIN_RIDGE)


def plain_names(material: Material) -> list[str]:
    return [name for name in material.names if name.startswith(PLAIN) and name not in NOT_PLAIN]


def _stacked(material: Material, chosen: Indices) -> tuple[NDArray[np.bool_], Indices, Array]:
    forms = len(VARIANTS)
    importance = np.repeat(list(VARIANTS.values()), len(chosen))
    return np.tile(material.there[chosen], (forms, 1)), np.tile(material.right[chosen], forms), importance


def scores(material: Material, fitted: Fitted, asked: Indices, form: str) -> Array:
    """The scores of the options of some questions."""
    odds = odds_matrix(material, asked, fitted.odds)
    raw = np.concatenate([material.features[form][asked], odds], axis=2)
    middle = centred(raw, material.there[asked])
    return (middle @ fitted.weights + boosting.score(fitted.trees, np.concatenate([middle, raw], axis=2))) / 2


def plain_scores(material: Material, weights: Array, asked: Indices, form: str) -> Array:
    """The scores that the features of all languages give."""
    columns = [material.names.index(name) for name in plain_names(material)]
    found: Array = centred(material.features[form][asked][:, :, columns], material.there[asked]) @ weights
    return found


def odds_of(material: Material, chosen: Iterable[int]) -> dict[str, float]:
    """For each mark seen often enough the logarithm of how much oftener it stands in right options than by chance."""
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for row in chosen:
        for option, marked in enumerate(material.marks[row]):
            (right if option == material.right[row] else wrong).update(marked)
    return {
        mark: round(math.log(2 * (right[mark] + _ODDS_PRIOR / 2) / (wrong[mark] + _ODDS_PRIOR)), 3)
        for mark in right | wrong
        if right[mark] + wrong[mark] >= _LEAST_SEEN
    }


def crossed_odds(material: Material, chosen: Indices) -> Array:
    """The odds features of the chosen questions, each from the odds that the other days teach."""
    days = sorted({material.days[row] for row in chosen})
    fold = {day: at % FOLDS for at, day in enumerate(days)}
    found = np.zeros((len(chosen), material.there.shape[1], len(ODDS)))
    folds = np.array([fold[material.days[row]] for row in chosen])
    for left_out in range(FOLDS):
        odds = odds_of(material, chosen[folds != left_out])
        found[folds == left_out] = odds_matrix(material, chosen[folds == left_out], odds)
    return found


def odds_matrix(material: Material, asked: Indices, odds: dict[str, float]) -> Array:
    matrix = np.zeros((len(asked), material.there.shape[1], len(ODDS)))
    for at, row in enumerate(asked):
        for option, marked in enumerate(material.marks[row]):
            matrix[at, option] = list(odds_features(marked, odds).values())
    return matrix
