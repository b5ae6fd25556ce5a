from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.pacing import Limit, Window
from tests.builders import NOW

SECOND = timedelta(seconds=1)
TWO_A_SECOND = Limit(most=2, span=SECOND)


def test_an_empty_window_is_free_at_once() -> None:
    assert Window(limit=TWO_A_SECOND).free_at(NOW) == NOW


def test_a_full_window_is_free_when_its_oldest_message_leaves_it() -> None:
    window = Window(limit=TWO_A_SECOND, ended=(NOW - SECOND / 2, NOW - SECOND / 4))
    assert window.free_at(NOW) == NOW + SECOND / 2


def test_nobody_knows_when_a_window_is_free_whose_messages_are_all_under_way() -> None:
    assert Window(limit=TWO_A_SECOND, under_way=2).free_at(NOW) is None


def test_a_message_under_way_keeps_its_place_however_long_it_takes() -> None:
    window = Window(limit=TWO_A_SECOND, under_way=1, ended=(NOW,))
    assert window.free_at(NOW + SECOND / 2) == NOW + SECOND
    assert window.at(NOW + 10 * SECOND).under_way == 1


def test_what_the_service_did_not_take_leaves_its_place_at_once() -> None:
    window = Window(limit=Limit(most=1, span=SECOND)).begun(NOW)
    assert window.over(NOW, messages=0).free_at(NOW) == NOW
    assert window.over(NOW).free_at(NOW) == NOW + SECOND


def test_a_message_that_is_counted_twice_takes_two_places() -> None:
    window = Window(limit=TWO_A_SECOND).begun(NOW).over(NOW, messages=2)
    assert window.free_at(NOW) == NOW + SECOND


def test_a_clock_that_is_set_back_an_hour_makes_nobody_wait_an_hour() -> None:
    window = Window(limit=TWO_A_SECOND, ended=(NOW, NOW))
    back = NOW - timedelta(hours=1)
    assert window.free_at(back) == back + SECOND


def test_a_clock_that_is_set_forward_empties_the_window() -> None:
    window = Window(limit=TWO_A_SECOND, ended=(NOW, NOW))
    assert window.at(NOW + timedelta(hours=1)).idle(NOW + timedelta(hours=1))


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="is no pace"):
        Limit(most=0, span=SECOND)


@given(
    latencies=st.lists(st.floats(0, 3), min_size=1, max_size=60),
    seen=st.lists(st.floats(0, 1), min_size=60, max_size=60),
    most=st.integers(1, 5),
)
def test_the_service_never_sees_too_many_in_any_span_however_slow_the_way(
    latencies: list[float], seen: list[float], most: int
) -> None:
    window, now = Window(limit=Limit(most=most, span=SECOND)), NOW
    open_until: list[tuple[float, int]] = []
    arrivals = []
    for number, latency in enumerate(latencies):
        while (free := window.free_at(now)) is None or free > now:
            ends = [NOW + timedelta(seconds=end) for end, _ in open_until]
            now = min(moment for moment in (*ends, *([free] if free else [])) if moment is not None)
            while open_until and NOW + timedelta(seconds=open_until[0][0]) <= now:
                open_until.pop(0)
                window = window.over(now)
        window = window.begun(now)
        start = (now - NOW).total_seconds()
        arrivals.append(start + latency * seen[number])
        open_until = sorted([*open_until, (start + latency, number)])
    arrivals.sort()
    for early, late in zip(arrivals, arrivals[most:], strict=False):
        assert late - early >= 1 - 1e-5
