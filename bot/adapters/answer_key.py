"""The model that works out answers, out of its file in the package; read when the first question needs it."""

import json
from functools import cache
from importlib.resources import files

from bot.domain.quizzes.answers import AnswerModel


@cache
def load_model() -> AnswerModel:
    """The trained model; a missing or torn file is a broken installation and raises what reading it raises."""
    return parse_model(files("bot.domain.quizzes").joinpath("answers.json").read_bytes())


def parse_model(data: bytes) -> AnswerModel:
    """The model out of the JSON that `tools/train_answers.py` writes."""
    held = json.loads(data)
    return AnswerModel(
        weights=held["weights"],
        plain_weights=held["plain_weights"],
        columns=tuple(held["columns"]),
        trees=tuple(tuple(tree) for tree in held["trees"]),
        odds=held["odds"],
        rarity=held["rarity"],
        unknown_rarity=held["unknown_rarity"],
        temperature=held["temperature"],
        plain_temperature=held["plain_temperature"],
    )
