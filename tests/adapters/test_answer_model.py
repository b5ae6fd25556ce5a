"""The trained model's file, as it ships."""

import subprocess
import sys
from importlib.resources import files

from bot.adapters.answer_model import load_model
from bot.domain.quizzes.answers import parse_model


def test_the_shipped_model_is_small_and_read_once():
    data = files("bot.domain.quizzes").joinpath("answers.json").read_bytes()

    assert len(data) <= 300_000
    assert load_model() is load_model()
    assert parse_model(data) == load_model()


def test_every_tree_asks_for_columns_that_there_are():
    model = load_model()

    assert all(
        0 <= index < len(model.columns) for tree in model.trees for index in (tree[0], tree[2], tree[6])
    )


def test_nothing_that_answers_imports_numpy():
    code = "import sys, bot.adapters.answer_model as a; a.load_model(); sys.exit('numpy' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
