"""Digests made to hang a reader: a step that is not linear in the input would run for hours on these."""

from collections.abc import Callable

import pytest

from bot.adapters.readers import read_digest
from bot.domain.errors import DigestTooLarge

TABLE = "## Papers for 2031-02-03\n\n| Title | Authors | Summary |\n|---|---|---|\n"
PAGE = "<title>2031-02-03 Papers</title><h2>Paper 1</h2><strong>t</strong>"
TEXT = "2031-02-03 Papers\nPaper 1\nt\nPublished: 2031-02-03\nLink: http://arxiv.org/pdf/3102.00001\n"
BLANKS = " " * 1_000_000

HOSTILE: dict[str, Callable[[], str]] = {
    "blanks after a link": lambda: f"{TABLE}| t (Read more on [arXiv](https://a.b){BLANKS}x| a | s |",
    "blanks in a phrase": lambda: f"{TABLE}| read{BLANKS}more{BLANKS}on{BLANKS}x | a | s |",
    "a row without an end": lambda: f"{TABLE}| t" + "\nx" * 500_000,
    "bars": lambda: TABLE + "|" * 1_000_000 + "x",
    "open brackets": lambda: f"{TABLE}| read more on " + "[" * 1_000_000 + "| a | s |",
    "open links": lambda: f"{TABLE}| read more on " + "[a](" * 300_000 + "| a | s |",
    "dashes": lambda: f"{TABLE}|" + "-" * 1_000_000 + "x",
    "number signs": lambda: TABLE + "#" * 1_000_000,
    "open tags": lambda: PAGE + "<div " * 300_000,
    "one long tag": lambda: f"{PAGE}<div " + "data-lang category-chunk quiz-tab class=" * 30_000,
    "headings of papers": lambda: PAGE + "<h2>Paper 1</h2>" * 60_000,
    "papers without an end": lambda: (
        PAGE + '<h2>Paper 1</h2><strong><div class="category-chunk"><div class="flowchart-card"><svg>' * 9_000
    ),
    "deep nesting": lambda: f'{PAGE}<div class="category-chunk">1. ' + "<div><b>" * 100_000,
    "popups": lambda: PAGE + '<div class="quiz-popup" data-answer="a" ' * 40_000,
    "quotation marks in a key": lambda: (
        f'{PAGE}<div class="quiz-tabs"><div class="quiz-popup" data-answer="' + '" ' * 500_000
    ),
    "comments in a drawing": lambda: (
        f'{PAGE}<div class="flowchart-card"><svg>' + "<!--" * 40_000 + "<style><script>" * 4_000
    ),
    "a huge character reference": lambda: f"{PAGE}<strong>&#{'9' * 100_000};</strong>",
    "points in points": lambda: f"{TEXT}1. a: " + " ".join(f"{index % 100}. **" for index in range(200_000)),
    "marks of questions": lambda: f"{TEXT}Q{'9' * 100_000}" + "\nQ1\n1. x\n" * 100_000,
    "papers and nothing else": lambda: "2031-02-03 Papers\n" + "Paper 1\nPublished:\n" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_input_comes_to_an_end(name: str) -> None:
    try:
        digest = read_digest(HOSTILE[name]().encode(), name="digest")
    except DigestTooLarge:
        return
    assert digest.problems or digest.entries
