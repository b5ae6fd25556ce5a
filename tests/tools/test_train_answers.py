"""The training of the answer model: same corpus, same bytes; and it learns what there is to learn."""

import json
import shutil

import numpy as np
import pytest

from bot.domain.quizzes.answers import parse_model
from tools import answer_fitting, boosting, conditional_logit, train_answers

SEED = np.random.default_rng(3)
THERE = np.ones((200, 3), dtype=bool)
FEATURES = SEED.normal(size=(200, 3, 4))


def chosen_by(score):
    return np.argmax(score, axis=1)


def test_the_logit_finds_the_feature_that_decides():
    right = chosen_by(FEATURES[:, :, 1] + 0.1 * SEED.normal(size=(200, 3)))

    weights = conditional_logit.fit(
        conditional_logit.centred(FEATURES, THERE), THERE, right, np.ones(200), 1.0
    )

    assert np.argmax(np.abs(weights)) == 1
    assert weights[1] > 1


def test_trees_find_what_a_sum_cannot():
    right = chosen_by(FEATURES[:, :, 0] * np.sign(FEATURES[:, :, 1]))
    recipe = boosting.Recipe(trees=60, columns=1.0)

    trees = boosting.grow(FEATURES, THERE, right, np.ones(200), recipe)

    assert np.mean(chosen_by(boosting.score(trees, FEATURES)) == right) > 0.85


def test_trees_without_anything_to_learn_are_flat():
    trees = boosting.grow(
        np.zeros((20, 3, 2)), THERE[:20], np.zeros(20, dtype=int), np.ones(20), boosting.Recipe(trees=2)
    )

    assert np.ptp(boosting.score(trees, np.ones((1, 3, 2)))) == 0


@pytest.fixture
def small_corpus(corpus, tmp_path):
    for folder, pages in (("pages", 9), ("tables", 3)):
        (tmp_path / folder).mkdir()
        for file in sorted((corpus / folder).glob("2025-0[5-9]*"))[:pages]:
            shutil.copy(file, tmp_path / folder)
    shutil.copy(max((corpus / "pages").glob("*.html")), tmp_path / "pages")
    return tmp_path


def test_the_same_corpus_gives_the_same_bytes_and_later_pages_are_not_read(small_corpus, monkeypatch):
    monkeypatch.setattr(answer_fitting, "RECIPE", boosting.Recipe(trees=5, least_weight=1.0))
    first, second = small_corpus / "a.json", small_corpus / "b.json"

    train_answers.main([str(small_corpus), str(first)])
    for page in (small_corpus / "pages").glob("2026*"):
        page.unlink()
    train_answers.main([str(small_corpus), str(second)])

    assert first.read_bytes() == second.read_bytes()
    assert len(json.loads(first.read_bytes())["trees"]) == 5
    assert parse_model(first.read_bytes()).temperature > 0
