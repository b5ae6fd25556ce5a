"""What is measured of options: words, the paper's text, overlap and phrasing."""

import json
from pathlib import Path

import pytest

from bot.domain.papers import Question
from bot.domain.quizzes.features import Asked, marks, odds_features, option_features
from bot.domain.quizzes.paper_text import PaperText, reading, stem, words

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
    return option_features(Question(question=question, options=options), reading(text), weigh, odds or {})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Key-value caches", ["key", "value", "caches"]),
        ("1,200 tokens, 28.4×", ["1,200", "tokens", "28.4", "x"]),
        ("17％", ["17", "percent"]),
        ("最大块 top-k", ["最大", "大块", "top", "k"]),
        ("块", ["块"]),
    ],
)
def test_words_are_folded_and_numbers_kept_whole(text, found):
    assert words(text) == found


@pytest.mark.parametrize(
    "forms",
    [
        ("optimize", "optimizing", "optimization"),
        ("block", "blocks"),
        ("achieves", "achieved"),
        ("1,200", "1200"),
        ("base", "bases"),
        ("plan", "planning"),
        ("class", "class"),
    ],
)
def test_the_forms_of_a_word_have_one_stem(forms):
    assert len(set(map(stem, forms))) == 1


@pytest.mark.parametrize(
    ("word", "is_hinted_at"),
    [
        ("quant", True),
        ("quantizer", True),
        ("tiny", True),
        ("quan", False),
        ("tinyish", False),
        ("tin", False),
    ],
)
def test_a_text_hints_at_its_words_and_at_those_that_begin_with_five_letters_of_them(word, is_hinted_at):
    text = PaperText(parts=(("summary", "Quantum effects are tiny."),))

    assert reading(text).hints_at(word) == is_hinted_at


@pytest.mark.parametrize(("count", "windows"), [(1, 1), (23, 1), (24, 2), (35, 2), (36, 3)])
def test_a_flowchart_is_read_in_windows_that_overlap_by_half(count, windows):
    assert reading(PaperText(parts=(("flow", "step " * count),))).breadth == windows


def test_what_is_denied_stands_closely_after_the_denial_in_its_sentence():
    long = reading(PaperText(parts=(("summary", "Unlike one two three four five six seven eight."),)))
    short = reading(PaperText(parts=(("summary", "Zero. Unlike one two. Three."),)))

    assert [place for place, is_denied in enumerate(long.denied) if is_denied] == [1, 2, 3, 4, 5, 6]
    assert sum(short.denied) == 2


@pytest.mark.parametrize(("word", "kept"), [("nation", "nation"), ("timing", "timing"), ("mapped", "mapp")])
def test_an_ending_that_would_leave_less_than_four_letters_stays(word, kept):
    assert stem(word) == kept


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


def test_marks_are_what_only_one_option_has():
    question = Question(question="What?", options=("It sorts blocks", "It drops blocks"))

    assert marks(Asked(question, reading(TEXT), weigh).options) == [
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


def test_a_text_is_indexed_once():
    assert reading(TEXT) is reading(PaperText(parts=TEXT.parts))
    assert reading(TEXT).hints_at("attentive")
    assert not reading(TEXT).hints_at("wave")


KEPT = json.loads((Path(__file__).parents[2] / "data" / "features.json").read_text())


@pytest.mark.parametrize("case", KEPT["cases"], ids=lambda case: case["question"])
def test_features_keep_the_values_that_the_shipped_model_was_fitted_to(case):
    """A feature that means something else makes the model wrong: then train it anew, and this file with it."""
    text = reading(PaperText(parts=tuple(map(tuple, KEPT["text"]))))
    question = Question(question=case["question"], options=tuple(case["options"]))

    found = option_features(question, text, lambda word: 1 + len(word) / 8, KEPT["odds"])

    assert [
        {name: round(value, 6) for name, value in sorted(option.items()) if value} for option in found
    ] == case["features"]


def test_options_are_short_up_to_three_and_a_half_telling_words_each():
    assert "short.ov.frac" in features("What?", "red green blue", "sparse index branch kernel")[0]
    assert "short.ov.frac" not in features("What?", "red green blue gray", "sparse index branch kernel")[0]
