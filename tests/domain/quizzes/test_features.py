"""What is measured of options: words, the paper's text, overlap and phrasing."""

import json
from pathlib import Path

import pytest

from bot.domain.papers import Question
from bot.domain.quizzes.features import QuestionContext, marks, odds_features, option_features
from bot.domain.quizzes.paper_text import PaperText, text_index

TEXT = PaperText(
    parts=(
        ("title", "Sparse attention for long documents"),
        ("new", "Unlike existing kernels, it sorts nothing."),
        ("methods", "We select key blocks with an index branch. Training takes 3 days."),
        ("results", "Attention needs 28.4× less compute at 1M tokens, and decoding is 7.6× faster."),
        ("flow", "Input Index Branch Key Blocks Output"),
    )
)


def weigh(_: str) -> float:
    return 1.0


def features(question, *options, text=TEXT, odds=None):
    return option_features(Question(question=question, options=options), text_index(text), weigh, odds or {})


def test_what_the_text_holds_of_an_options_own_words_is_counted():
    right, wrong = features("How are blocks chosen?", "With an index branch", "With a random shuffle")

    assert right["ov.full"] == 1
    assert wrong["ov.zero"] == 1
    assert right["ov.frac"] > wrong["ov.frac"]
    assert right["sec.methods"] > 0
    assert right["cue.methods"] == right["sec.methods"]


def test_the_number_that_stands_near_the_question_wins():
    decoding, compute = features("How much faster is decoding?", "7.6×", "28.4×")

    assert decoding["px.own"] > compute["px.own"]
    assert decoding["num.hit"] == 1
    assert decoding["short.px.own"] == decoding["px.own"]


def test_only_numbers_of_several_signs_count_as_long():
    days, factor, neither = features("How much?", "3 days", "28.4 times", "12 weeks")

    assert [option["num.hit"] for option in (days, factor, neither)] == [1, 1, 0]
    assert [option["num.long"] for option in (days, factor, neither)] == [0, 1, 0]


def test_what_the_text_denies_is_seen():
    denied, claimed = features("What does it do?", "It changes the kernels", "It takes an index branch")

    assert denied["ctx.denied"] > 0
    assert claimed["ctx.denied"] == 0


def test_a_question_for_what_is_not_so_has_features_of_its_own():
    found = features("Which is NOT a part of it?", "Index branch", "Wavelets")

    assert all(name.startswith("neg.") for option in found for name in option)
    assert found[1]["neg.ov.zero"] == 1


@pytest.mark.parametrize(
    ("question", "name"),
    [("What is the highest speedup?", "val.high"), ("What is the lowest cost?", "val.low")],
)
def test_numbers_are_ranked_where_every_option_has_one(question, name):
    low, middle, high = features(question, "12 thousand", "1.5 million", "2 million")

    assert (low[name], middle[name], high[name]) == (-1, 0, 1)
    assert middle["val.middle"] == 1


@pytest.mark.parametrize("options", [("10", "many"), ("10", "10 GB"), ("1.2.3", "4"), ("1.2.3.4", "v5")])
def test_numbers_that_cannot_be_ranked_are_not(options):
    assert "val.rank" not in features("How many?", *options)[0]


def test_absolute_words_and_lengths_are_seen_beside_the_other_options():
    bold, careful = features(
        "What is found?", "It always works", "It works where blocks repeat, and only then"
    )

    assert bold["turn.absolute"] == 1
    assert bold["len.shortest"] == careful["len.longest"] == careful["len.clearly"] == 1
    assert careful["sign.comma"] == careful["sign.and"] == 1


def test_of_options_of_one_length_none_is_the_longest_or_the_shortest():
    for option in features("What is found?", "red blocks", "big blocks"):
        assert (option["len.longest"], option["len.shortest"]) == (0, 0)


def test_marks_are_what_only_one_option_has():
    question = Question(question="What?", options=("It sorts blocks", "It drops blocks"))

    assert marks(QuestionContext(question, text_index(TEXT), weigh).options) == [
        ["it sort", "sort", "sort block"],
        ["drop", "drop block", "it drop"],
    ]


def test_the_odds_of_marks_become_features():
    sorted_, dropped = features(
        "What?", "It sorts blocks", "It drops blocks", odds={"drop": -1.0, "it drop": -0.5}
    )

    assert sorted_["odds.mean"] == sorted_["odds.least"] == 0
    assert dropped["odds.least"] == -1
    assert dropped["odds.pair"] == -0.5
    assert odds_features([], {}) == dict.fromkeys(odds_features(["drop"], {}), 0.0)


def test_a_question_without_words_and_a_text_without_words_measure_nothing():
    first, second = features("?", "…", "A block", text=PaperText(parts=(("title", "…"),)))

    assert first["px.own"] == first["al.best"] == first["ov.none"] - 1 == 0
    assert second["ov.zero"] == 1


KEPT = json.loads((Path(__file__).parents[2] / "data" / "features.json").read_text())


@pytest.mark.parametrize("case", KEPT["cases"], ids=lambda case: case["question"])
def test_features_keep_the_values_that_the_shipped_model_was_fitted_to(case):
    """A feature that means something else makes the model wrong: then train it anew, and this file with it."""
    text = text_index(PaperText(parts=tuple(map(tuple, KEPT["text"]))))
    question = Question(question=case["question"], options=tuple(case["options"]))

    found = option_features(question, text, lambda word: 1 + len(word) / 8, KEPT["odds"])

    assert [
        {name: round(value, 6) for name, value in sorted(option.items()) if value} for option in found
    ] == case["features"]


def test_options_are_short_up_to_three_and_a_half_telling_words_each():
    assert "short.ov.frac" in features("What?", "red green blue", "sparse index branch kernel")[0]
    assert "short.ov.frac" not in features("What?", "red green blue gray", "sparse index branch kernel")[0]
