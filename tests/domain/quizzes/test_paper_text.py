"""A paper's text as the features read it: its parts, words, stems and neighbourhoods."""

import pytest

from bot.domain.flowchart import Flowchart
from bot.domain.papers import Edition, Paper, PaperId, Point, Summary
from bot.domain.quizzes.paper_text import PaperText, paper_text, stem, text_index, words


def summarised(text: str) -> PaperText:
    return PaperText(parts=(("summary", text),))


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
        ("cars", "car"),
    ],
)
def test_the_forms_of_a_word_have_one_stem(forms):
    assert len(set(map(stem, forms))) == 1


@pytest.mark.parametrize(
    ("word", "kept"),
    [("nation", "nation"), ("timing", "timing"), ("mapped", "mapp"), ("class", "class"), ("gas", "gas")],
)
def test_an_ending_that_is_part_of_the_word_stays(word, kept):
    assert stem(word) == kept


PAPER = Paper(
    id=PaperId("arxiv:2606.13392"),
    title="Sparse attention",
    summaries=(Summary(text="A summary.", digest="a.md"), Summary(text="Another.", digest="b.md")),
    flowchart=Flowchart(text="Index Branch"),
    editions=(
        Edition(language="en", points=(Point(label="🛠️ Methods", text="Blocks."),)),
        Edition(language="zh", points=(Point(label="方法", text="分块。"),)),
    ),
)


def test_the_text_of_a_language_is_its_points_and_flowchart_with_the_title_and_all_summaries():
    assert paper_text(PAPER, "en").parts == (
        ("title", "Sparse attention"),
        ("methods", "Blocks."),
        ("flow", "Index Branch"),
        ("summary", "A summary."),
        ("summary", "Another."),
    )
    assert ("methods", "分块。") in paper_text(PAPER, "zh").parts


def test_points_whose_labels_say_nothing_are_sections_by_their_order():
    points = tuple(Point(label=f"Point {number}", text=f"Text {number}.") for number in range(6))
    paper = Paper(id=PAPER.id, title="", editions=(Edition(language="en", points=points),))

    sections = [section for section, _ in paper_text(paper, "en").parts[1:]]

    assert sections == ["topic", "new", "problem", "methods", "results", "results"]


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
    assert text_index(summarised("Quantum effects are tiny.")).hints_at(word) == is_hinted_at


@pytest.mark.parametrize(("count", "windows"), [(1, 1), (23, 1), (24, 2), (35, 2), (36, 3)])
def test_a_flowchart_is_read_in_windows_that_overlap_by_half(count, windows):
    assert text_index(PaperText(parts=(("flow", "step " * count),))).breadth == windows


def test_what_is_denied_stands_closely_after_the_denial_in_its_sentence():
    long = text_index(summarised("Unlike one two three four five six seven eight."))
    short = text_index(summarised("Zero. Unlike one two. Three."))

    assert [index for index, is_denied in enumerate(long.denied) if is_denied] == [1, 2, 3, 4, 5, 6]
    assert sum(short.denied) == 2


def test_a_text_is_indexed_once():
    text = summarised("Blocks.")

    assert text_index(text) is text_index(PaperText(parts=text.parts))
