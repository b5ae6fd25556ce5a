"""When a target that got much has room again."""

from datetime import timedelta

import pytest

from bot.domain.channels import Limit
from bot.domain.flood_guard import FLOOD_GUARD, full_until
from tests.builders import NOW

MINUTE = timedelta(minutes=1)
LIMIT = Limit(most=3, span=10 * MINUTE)


@pytest.mark.parametrize(
    ("minutes_ago", "room_in"),
    [
        ((), None),
        ((1, 2), None),
        ((1, 2, 3), 7),
        ((1, 2, 3, 4), 7),
        ((1, 2, 10), None),
        ((9, 9, 9), 1),
        ((-60, -60, -60), None),
    ],
)
def test_room_comes_when_the_oldest_that_counts_leaves_the_window(
    minutes_ago: tuple[int, ...], room_in: int | None
):
    sent = [NOW - number * MINUTE for number in minutes_ago]
    assert full_until(sent, LIMIT, NOW) == (None if room_in is None else NOW + room_in * MINUTE)


def test_a_target_gets_three_messages_and_nine_polls_in_ten_minutes():
    assert {kind: (limit.most, limit.span) for kind, limit in FLOOD_GUARD.items()} == {
        "alert": (3, 10 * MINUTE),
        "quiz": (9, 10 * MINUTE),
    }
