"""Fits boosted trees of two levels to the choice among several options: what a sum of features cannot say."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.conditional_logit import Array, probabilities

Indices = NDArray[np.int64]
Tree = tuple[float, ...]
"""Column and bound of the root, then for each side (below the bound first): column, bound, leaf below, leaf above."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How trees are grown."""

    trees: int = 300
    rate: float = 0.06
    ridge: float = 10.0
    least_weight: float = 8.0
    """Of the second derivatives in a leaf."""
    questions: float = 0.7
    """Share of the questions that each tree sees."""
    columns: float = 0.3
    """Share of the columns that each tree sees."""
    bins: int = 16
    seed: int = 1


class _Binned:
    """Columns cut into few bins at their quantiles; bounds lie between two values that occur."""

    def __init__(self, columns: Array, bins: int) -> None:
        self.bounds = [_bounds(columns[:, column], bins) for column in range(columns.shape[1])]
        self.bins = bins
        self.values = np.stack(
            [np.searchsorted(bounds, columns[:, at], side="right") for at, bounds in enumerate(self.bounds)],
            axis=1,
        )


def _bounds(column: Array, bins: int) -> Array:
    occurring = np.unique(column)
    wanted = np.unique(np.searchsorted(occurring, np.quantile(column, np.linspace(0, 1, bins + 1)[1:-1])))
    wanted = wanted[(wanted > 0) & (wanted < len(occurring))]
    between: Array = np.round((occurring[wanted - 1] + occurring[wanted]) / 2, 5)
    return np.unique(between)


def grow(
    columns: Array, there: NDArray[np.bool_], right: Indices, importance: Array, recipe: Recipe
) -> list[Tree]:
    """Trees whose sum is a score; `columns` is (questions, options, columns)."""
    rows = np.nonzero(there.reshape(-1))[0]
    flat = columns.reshape(-1, columns.shape[2])[rows]
    binned = _Binned(flat, recipe.bins)
    chosen = np.zeros(there.shape)
    chosen[np.arange(len(right)), right] = 1
    random = np.random.default_rng(recipe.seed)
    scores = np.zeros(there.shape)
    grown = []
    for _ in range(recipe.trees):
        shares = probabilities(scores, there)
        pull = ((shares - chosen) * importance[:, None]).reshape(-1)[rows]
        bend = (shares * (1 - shares) * importance[:, None]).reshape(-1)[rows] + 1e-6
        seen = np.repeat(random.random(len(right)) < recipe.questions, there.shape[1])[rows]
        usable = np.sort(
            random.choice(flat.shape[1], max(1, int(flat.shape[1] * recipe.columns)), replace=False)
        )
        tree = _tree(binned, pull, bend, np.nonzero(seen)[0], usable, recipe)
        grown.append(tree)
        scores.reshape(-1)[rows] += _answer(tree, flat)
    return grown


def score(trees: list[Tree], columns: Array) -> Array:
    """The sum of the trees for (questions, options, columns)."""
    flat = columns.reshape(-1, columns.shape[2])
    total = np.zeros(len(flat))
    for tree in trees:
        total += _answer(tree, flat)
    return total.reshape(columns.shape[:2])


def _answer(tree: Tree, flat: Array) -> Array:
    root, bound, low, low_bound, a, b, high, high_bound, c, d = tree
    below = np.where(flat[:, int(low)] < low_bound, a, b)
    above = np.where(flat[:, int(high)] < high_bound, c, d)
    return np.where(flat[:, int(root)] < bound, below, above)


def _tree(binned: _Binned, pull: Array, bend: Array, rows: Indices, usable: Indices, recipe: Recipe) -> Tree:
    root = _split(binned, pull, bend, rows, usable, recipe)
    if root is None:
        leaf = _leaf(pull, bend, rows, recipe)
        return (0.0, 0.0, 0.0, 0.0, leaf, leaf, 0.0, 0.0, leaf, leaf)
    column, cut = root
    below = binned.values[rows, column] <= cut
    sides = [_side(binned, pull, bend, part, usable, recipe) for part in (rows[below], rows[~below])]
    return (float(column), float(binned.bounds[column][cut]), *sides[0], *sides[1])


def _side(
    binned: _Binned, pull: Array, bend: Array, rows: Indices, usable: Indices, recipe: Recipe
) -> tuple[float, ...]:
    split = _split(binned, pull, bend, rows, usable, recipe)
    if split is None:
        leaf = _leaf(pull, bend, rows, recipe)
        return (0.0, 0.0, leaf, leaf)
    column, cut = split
    below = binned.values[rows, column] <= cut
    leaves = [_leaf(pull, bend, part, recipe) for part in (rows[below], rows[~below])]
    return (float(column), float(binned.bounds[column][cut]), *leaves)


def _leaf(pull: Array, bend: Array, rows: Indices, recipe: Recipe) -> float:
    value = -pull[rows].sum() / (bend[rows].sum() + recipe.ridge) * recipe.rate
    return float(f"{value:.4g}")


def _split(
    binned: _Binned, pull: Array, bend: Array, rows: Indices, usable: Indices, recipe: Recipe
) -> tuple[int, int] | None:
    """The column and the last bin below the cut that part the rows best; None where no cut is worth it."""
    bins, count = recipe.bins, len(usable)
    whole_pull, whole_bend = pull[rows].sum(), bend[rows].sum()
    if whole_bend < 2 * recipe.least_weight:
        return None
    cells = (binned.values[rows][:, usable] + np.arange(count) * bins).reshape(-1)
    pulls = np.bincount(cells, np.repeat(pull[rows], count), count * bins).reshape(count, bins).cumsum(axis=1)
    bends = np.bincount(cells, np.repeat(bend[rows], count), count * bins).reshape(count, bins).cumsum(axis=1)
    gain = (
        pulls**2 / (bends + recipe.ridge)
        + (whole_pull - pulls) ** 2 / (whole_bend - bends + recipe.ridge)
        - whole_pull**2 / (whole_bend + recipe.ridge)
    )
    gain[(bends < recipe.least_weight) | (whole_bend - bends < recipe.least_weight)] = -1
    best = int(gain.argmax())
    if gain.flat[best] < 1e-3:
        return None
    return int(usable[best // bins]), best % bins
