"""Fits a conditional logit: which of several options is chosen, from the options' features."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_ENOUGH = 1e-9
_MOST_STEPS = 50


def probabilities(scores: Array, there: NDArray[np.bool_]) -> Array:
    """Softmax over each question's options; `there` is False where a question has fewer options than others."""
    held = np.where(there, scores, -1e9)
    grown = np.exp(held - held.max(axis=1, keepdims=True))
    shares: Array = grown / grown.sum(axis=1, keepdims=True)
    return shares


def centred(features: Array, there: NDArray[np.bool_]) -> Array:
    """Each feature less its mean over the question's options: what is common to them decides nothing."""
    known = features * there[:, :, None]
    mean = known.sum(axis=1, keepdims=True) / there.sum(axis=1)[:, None, None]
    spread: Array = (known - mean) * there[:, :, None]
    return spread


def fit(
    features: Array, there: NDArray[np.bool_], right: NDArray[np.int64], importance: Array, ridge: float
) -> Array:
    """One weight a feature, by Newton's method on the penalised likelihood, which has one optimum.

    `features` are centred, (questions, options, features). The penalty counts features in units of their spread,
    `ridge` on each squared weight.
    """
    spread = np.sqrt((features**2).sum(axis=(0, 1)) / there.sum()) + 1e-2
    scaled = features / spread
    flat = scaled.reshape(-1, features.shape[2])
    chosen = np.zeros(there.shape)
    chosen[np.arange(len(right)), right] = 1
    weights = np.zeros(features.shape[2])
    for _ in range(_MOST_STEPS):
        shares = probabilities(scaled @ weights, there)
        gradient = ((shares - chosen) * importance[:, None]).reshape(-1) @ flat + ridge * weights
        mean = (shares[:, :, None] * scaled).sum(axis=1) * np.sqrt(importance)[:, None]
        root = flat * np.sqrt(shares * importance[:, None]).reshape(-1, 1)
        step = np.linalg.solve(root.T @ root - mean.T @ mean + ridge * np.eye(len(weights)), gradient)
        weights -= step
        if np.abs(step).max() < _ENOUGH:
            break
    fitted: Array = weights / spread
    return fitted
