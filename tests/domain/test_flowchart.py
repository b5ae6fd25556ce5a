"""Flowcharts: their words, from a text or from a drawing, and what two of them give together."""

import pytest

from bot.domain.flowchart import Flowchart, merged, words_of


@pytest.mark.parametrize(
    ("drawing", "words"),
    [
        ("<svg><text>Encode</text><rect/><text x='1'>then  decode</text></svg>", "Encode then decode"),
        ("<svg><!-- <text>old</text> --><text>R&amp;D</text><text></text></svg>", "R&D"),
        ("<svg><text>Graph<tspan>s</tspan><tspan x='1'>and trees</tspan></text></svg>", "Graphs and trees"),
        ("<svg><style>.a{}</style><foreignObject>Train</foreignObject> 1 < 2</svg>", "Train 1 < 2"),
        ("<svg><title>Name</title><script>run()</script><text>Test</text></svg>", "Test"),
        ("<svg><text>Before</text><!-- never closed <text>after</text>", "Before"),
        ("<svg></svg>", ""),
    ],
)
def test_the_words_of_a_drawing_are_those_that_a_browser_shows(drawing: str, words: str) -> None:
    assert words_of(drawing) == words
    assert Flowchart(drawing=drawing).words == words


def test_words_that_a_digest_gives_itself_come_before_those_of_the_drawing() -> None:
    assert Flowchart(text="Given", drawing="<svg><text>Drawn</text></svg>").words == "Given"
    assert Flowchart().words == ""


def test_two_flowcharts_of_one_paper_fill_each_other() -> None:
    text, drawing = Flowchart(text="Given"), Flowchart(drawing="<svg/>")
    assert merged(text, drawing) == Flowchart(text="Given", drawing="<svg/>")
    assert merged(None, drawing) == merged(drawing, None) == drawing
    assert merged(None, None) is None
