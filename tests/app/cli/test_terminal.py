"""How numbers are said."""

import pytest

from bot.app.cli.terminal import span_text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.02, "0.02 s"),
        (2.5, "2.5 s"),
        (119, "119 s"),
        (120, "2 minutes"),
        (7_200, "2 hours"),
        (86_400, "24 hours"),
        (200_000, "2 days"),
    ],
)
def test_a_span_is_told_in_a_unit_that_is_easy_to_grasp(seconds: float, said: str) -> None:
    assert span_text(seconds) == said
