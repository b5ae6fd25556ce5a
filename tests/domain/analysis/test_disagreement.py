"""Numbers of two accounts that contradict each other."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.readers import read_digest
from bot.domain.analysis.disagreement import disagreements


def marked(*accounts: str) -> list[list[str]]:
    """The numbers that are marked in each account of one text."""
    found_spans = disagreements([[account] for account in accounts])
    return [
        [account[start:end] for _, start, end in spans]
        for account, spans in zip(accounts, found_spans, strict=True)
    ]


@pytest.mark.parametrize(
    ("first", "second", "numbers"),
    [
        ("trained on 1,200 images.", "It was trained on 1,500 images.", ["1,200", "1,500"]),
        ("a 32x overall speedup", "a speedup of 32x, with 45× speedup", ["", ""]),
        ("a 45x speedup", "a 54× speedup", ["45x", "54×"]),
        ("accuracy of 51.4% here", "an accuracy of 47 % is reached", ["51.4%", "47 %"]),
        ("a model with 1.2B parameters", "7 billion parameters", ["1.2B", "7 billion"]),
        ("sequences up to 256 tokens", "up to 724 tokens at once", ["256", "724"]),
        ("a 12-layer network", "a 24-layer network", ["12", "24"]),
        ("costs $5 hourly", "costs $7 hourly", ["$5", "$7"]),
    ],
)
def test_numbers_of_the_same_thing_contradict_each_other(first: str, second: str, numbers: list[str]) -> None:
    assert marked(first, second) == [[number] if number else [] for number in numbers]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("accuracy of 51.4%", "accuracy of 51%"),  # rounded
        ("1.2B parameters", "1,200 million parameters"),
        ("accuracy of 85%", "accuracy of 92% after accuracy of 85%"),  # both are told
        ("7 layers for 5 tasks", "7 tasks"),  # one has the other's number, of something else
        ("90% accuracy on reasoning tasks", "72% accuracy on COCO images"),  # of different tasks
        ("5 tasks and 7 tasks", "9 tasks"),  # which of them?
        ("improves accuracy by 5%", "an accuracy of 85%"),  # a difference, and a value
        ("51.4% more", "48% more"),  # nothing says of what
        ("2.5x-10x speedup", "4x speedup"),  # a range
        ("between 3 and 5 models", "4 models"),
        ("in 2014 images", "in 2015 images"),  # years
        ("SD3.5 models", "SD4.5 models"),  # names
        ("12 layers", "12 hours"),
        ("", "4 models"),
    ],
)
def test_numbers_that_need_not_contradict_each_other_are_left_alone(first: str, second: str) -> None:
    assert marked(first, second) == [[], []]


def test_each_pair_of_accounts_is_compared_and_texts_of_one_account_belong_together() -> None:
    assert marked("5 tasks", "no number", "6 tasks") == [["5"], [], ["6"]]
    found_spans = disagreements([["It has", "12 layers in all"], ["a network of 24 layers"]])
    assert found_spans == [[(1, 0, 2)], [(0, 13, 15)]]


@given(st.text(alphabet="0123456789 .,%x-KMB abctoken\n", max_size=80))
def test_an_account_never_contradicts_itself(text: str) -> None:
    assert disagreements([[text], [text]]) == [[], []]


def test_of_real_summaries_only_a_changed_number_is_marked(corpus: Path) -> None:
    """What a summary says is never marked against itself; a changed number often is, and then it alone."""
    changed = found = 0
    for path in sorted((corpus / "tables").glob("*.md"))[:25]:
        for entry in read_digest(path.read_bytes(), name=path.name).entries:
            text = entry.summary or ""
            assert disagreements([[text], [text]]) == [[], []]
            for number in (" 2x ", " 10 ", " 3 "):
                if number in text:
                    changed += 1
                    other = text.replace(number, number.replace(number.strip(" x"), "77"), 1)
                    marks, _ = disagreements([[text], [other]])
                    found += bool(marks)
                    assert len(marks) <= 1
    assert changed > 8
    assert found > 0.2 * changed
