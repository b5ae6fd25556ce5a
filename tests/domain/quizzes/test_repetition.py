"""When questions come back."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.delivery import is_repeat, original_part, question_of_part, repeat_count, repeat_part
from bot.domain.quizzes.polls import shuffle_seed
from bot.domain.quizzes.repetition import STEPS, Attempt, Repetition, repeat_time, repetition_of
from bot.domain.schedule import Immediately, QuietHours, parse_schedule
from tests.builders import NOW, a_question

BERLIN = ZoneInfo("Europe/Berlin")
WRONG, RIGHT = False, True


def attempts(*rights: bool) -> list[Attempt]:
    return [Attempt(at=NOW + timedelta(days=day), right=right) for day, right in enumerate(rights)]


@pytest.mark.parametrize(
    ("rights", "days"),
    [
        ([WRONG], 1),
        ([WRONG, RIGHT], 3),
        ([WRONG, RIGHT, RIGHT], 7),
        ([WRONG, RIGHT, RIGHT, RIGHT], 21),
        ([WRONG, RIGHT, RIGHT, RIGHT, RIGHT], None),
        ([WRONG, RIGHT, RIGHT, WRONG], 1),
        ([RIGHT], None),
        ([RIGHT, WRONG], 1),
        ([], None),
    ],
)
def test_a_wrong_answer_comes_back_after_1_3_7_and_21_days(rights: list[bool], days: int | None):
    repetition = repetition_of(attempts(*rights))
    assert (repetition and STEPS[repetition.step]) == days


@given(st.lists(st.booleans()))
def test_a_card_counts_all_answers_and_starts_from_the_last(rights: list[bool]):
    repetition = repetition_of(attempts(*rights))
    if repetition is not None:
        assert repetition.answers == len(rights)
        assert repetition.answered_at == NOW + timedelta(days=len(rights) - 1)
    assert (repetition is not None) or rights[-1:] != [WRONG]


def a_repetition(at: datetime, step: int = 0) -> Repetition:
    return Repetition(step=step, answers=1, answered_at=at)


def back(
    repetition: Repetition, now: datetime, schedule: str = "immediately", quiet: QuietHours | None = None
) -> datetime:
    return repeat_time(repetition, now=now, schedule=parse_schedule(schedule), quiet=quiet, zone=BERLIN)


def test_it_comes_on_its_day_of_the_persons_calendar_in_the_morning():
    late_in_berlin = datetime(2026, 9, 17, 22, 30, tzinfo=UTC)
    repetition = a_repetition(late_in_berlin)
    assert repetition.due_day(BERLIN) == date(2026, 9, 19)
    assert back(repetition, late_in_berlin) == datetime(2026, 9, 19, 7, 0, tzinfo=UTC)


def test_it_comes_at_the_channels_own_time_where_that_has_one():
    repetition = a_repetition(datetime(2026, 9, 17, 18, 0, tzinfo=UTC))
    assert back(repetition, NOW, "daily at 18:30") == datetime(2026, 9, 18, 16, 30, tzinfo=UTC)
    assert back(repetition, NOW, "weekdays at 06:00") == datetime(2026, 9, 21, 4, 0, tzinfo=UTC)


def test_it_waits_for_the_end_of_the_quiet_hours():
    quiet = QuietHours(start=time(22), end=time(11))
    assert back(a_repetition(NOW), NOW, quiet=quiet) == datetime(2026, 9, 19, 9, 0, tzinfo=UTC)


def test_what_is_long_due_comes_at_once_but_not_in_quiet_hours():
    weeks_later = datetime(2026, 10, 18, 15, 0, tzinfo=UTC)
    assert back(a_repetition(NOW), weeks_later) == weeks_later
    after_midnight = datetime(2026, 10, 17, 23, 0, tzinfo=UTC)
    assert back(a_repetition(NOW), after_midnight) == datetime(2026, 10, 18, 7, 0, tzinfo=UTC)
    night = datetime(2026, 10, 18, 21, 0, tzinfo=UTC)
    morning = datetime(2026, 10, 19, 5, 0, tzinfo=UTC)
    assert back(a_repetition(NOW), night, quiet=QuietHours(start=time(22), end=time(7))) == morning
    assert repeat_time(a_repetition(NOW), now=night, schedule=Immediately(), quiet=None, zone=BERLIN) == night


def test_a_repeat_names_its_question_and_how_often_it_was_answered():
    question = a_question()
    part = repeat_part(3, question.part)
    assert is_repeat(part)
    assert repeat_count(part) == 3
    assert original_part(part) == question.part
    assert question_of_part([a_question("Another?"), question], part) == question
    assert question_of_part([a_question("Another?")], part) is None
    assert not is_repeat(question.part)
    assert repeat_count(question.part) == 0


def test_a_repeat_shuffles_anew_and_a_second_try_does_not():
    question = a_question()
    assert shuffle_seed(question, "telegram:1") == shuffle_seed(question, "telegram:1", 0)
    assert len({shuffle_seed(question, "telegram:1", repeat) for repeat in range(4)}) == 4
