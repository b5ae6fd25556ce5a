"""The outbox row: its key, how long a retry waits, and which rows go out together."""

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.channels import Target
from bot.domain.delivery import (
    FIRST_WAIT,
    LONGEST_WAIT,
    MAX_ATTEMPTS,
    NO_PAPER,
    OPEN,
    STATES,
    DeliveryKind,
    channel_wait,
    delivery_key,
    parts_of_key,
    retry_wait,
)
from bot.domain.message import MOST_PAPERS, next_message
from bot.domain.papers import PaperId

PAPER = PaperId("arxiv:2509.14008")


@dataclass(frozen=True)
class Waiting:
    number: int
    kind: DeliveryKind = "alert"
    subscriber: str = "alice"
    message: int | None = None


row = Waiting


def numbers(rows: list[Waiting], *, is_document: bool = False) -> list[int]:
    return [row.number for row in next_message(rows, is_document=is_document)]


# --- keys -------------------------------------------------------------------------------------------------


def test_a_key_names_target_kind_paper_and_part():
    assert delivery_key("telegram:1", "alert", PAPER) == "telegram:1|alert|arxiv:2509.14008"
    assert delivery_key("telegram:1", "quiz", PAPER, "ab12") == "telegram:1|quiz|arxiv:2509.14008|ab12"


def test_a_target_is_known_by_its_channel_and_address():
    assert Target(kind="telegram", address="-100/7").key == "telegram:-100/7"


def test_open_states_are_states():
    assert set(STATES) > OPEN


# --- waiting ----------------------------------------------------------------------------------------------


@given(st.integers(0, 10_000), st.integers())
def test_a_retry_waits_between_five_seconds_and_an_hour_give_or_take_a_quarter(attempts: int, seed: int):
    wait = retry_wait(attempts, random.Random(seed))
    assert FIRST_WAIT * 0.75 <= wait <= LONGEST_WAIT * 1.25


def test_each_retry_waits_twice_as_long():
    waits = [retry_wait(attempts, NoJitter()) for attempts in range(1, 12)]
    assert waits[:4] == [timedelta(seconds=seconds) for seconds in (5, 10, 20, 40)]
    assert waits[-1] == LONGEST_WAIT


def test_all_tries_together_take_about_two_days():
    whole = sum((retry_wait(attempts, NoJitter()) for attempts in range(1, MAX_ATTEMPTS)), timedelta())
    assert timedelta(days=2) <= whole <= timedelta(days=2.5)


def test_many_that_failed_together_do_not_come_back_together():
    rng = random.Random(1)
    assert len({retry_wait(3, rng) for _ in range(50)}) == 50


class NoJitter(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


@pytest.mark.parametrize(
    ("down_for", "rest"),
    [
        (timedelta(0), FIRST_WAIT),
        (timedelta(seconds=-9), FIRST_WAIT),
        (timedelta(minutes=3), timedelta(minutes=3)),
        (timedelta(days=3), LONGEST_WAIT),
    ],
)
def test_a_channel_rests_as_long_as_it_was_down(down_for: timedelta, rest: timedelta):
    assert channel_wait(down_for) == rest


# --- what goes together -----------------------------------------------------------------------------------


def test_nothing_gives_no_message():
    assert numbers([]) == []


def test_all_alerts_of_one_person_go_together_past_what_stands_between():
    rows = [row(1), row(2, "quiz"), row(3), row(4, "edit"), row(5)]
    assert numbers(rows) == [1, 3, 5]


def test_two_people_at_one_target_get_their_own_messages():
    rows = [row(1), row(2, subscriber="bob"), row(3)]
    assert numbers(rows) == [1, 3]


@pytest.mark.parametrize("kind", ["quiz", "edit", "alarm", "look_back"])
def test_a_quiz_edit_or_alarm_goes_alone_in_its_turn(kind: str):
    assert numbers([row(1, kind), row(2, kind), row(3)]) == [1]


def test_a_message_that_was_tried_goes_again_with_exactly_its_rows():
    rows = [row(1, message=1), row(2), row(3, message=1), row(4, message=4)]
    assert numbers(rows) == [1, 3]


def test_a_tried_message_further_back_is_not_mixed_with_new_rows():
    assert numbers([row(1), row(2, message=1), row(3)]) == [1, 3]


def test_a_message_holds_at_most_so_many_papers():
    assert numbers([row(number) for number in range(MOST_PAPERS + 50)]) == list(range(MOST_PAPERS))


def test_a_document_takes_everything_at_once():
    rows = [row(1, message=1), row(2, "edit"), row(3), row(4, "edit", message=4)]
    assert numbers(rows, is_document=True) == [1, 2, 3, 4]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["alert", "quiz", "edit", "alarm", "look_back"]),
            st.sampled_from(["alice", "bob"]),
            st.sampled_from([None, None, 1, 4]),
        ),
        max_size=12,
    )
)
def test_message_by_message_every_row_goes_once_and_the_oldest_first(
    kinds: list[tuple[str, str, int | None]],
):
    left = [row(number, *parts) for number, parts in enumerate(kinds)]
    while left:
        message = next_message(left, is_document=False)
        assert message[0] == left[0]
        assert len({(row.kind, row.subscriber, row.message) for row in message}) == 1 or message[0].message
        left = [row for row in left if row not in message]


KEYS = st.tuples(
    st.sampled_from(
        ["telegram:-100123/7", "email:a|b@example.org", "email:x|alert|y@example.org", "atom:alice"]
    ),
    st.sampled_from(get_args(DeliveryKind)),
    st.sampled_from(["arxiv:2509.14008", "title:0123456789abcdef"]),
    st.sampled_from(["", "one", "again:2:0123456789ab", "20260918T080000000000-0123456789ab"]),
)


@given(KEYS)
def test_a_key_tells_what_it_was_made_of(parts: tuple[str, DeliveryKind, PaperId, str]):
    assert parts_of_key(delivery_key(*parts)) == parts


def test_the_key_of_an_alarm_names_no_paper():
    key = delivery_key("telegram:1", "alarm", NO_PAPER, "began:ab12")
    assert key == "telegram:1|alarm||began:ab12"
    assert parts_of_key(key) == ("telegram:1", "alarm", NO_PAPER, "began:ab12")


@pytest.mark.parametrize("key", ["", "telegram:1", "telegram:1|alert|", "telegram:1|mail|arxiv:2509.14008"])
def test_what_is_no_key_has_no_parts(key: str):
    assert parts_of_key(key) is None
