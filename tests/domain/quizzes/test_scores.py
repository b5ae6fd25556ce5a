"""Scores, streaks, leaderboards, totals and topics."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.papers import PaperId
from bot.domain.quizzes.scores import Score, by_topic, leaderboard, score, streak, totals, weak_topics
from bot.domain.quizzes.votes import AskedPoll, PollState, QuizAnswer
from tests.builders import NOW, a_question

UTC_ZONE = ZoneInfo("UTC")


def an_answer(
    part: str = "a", *, right: bool | None = True, person: int = 1, at: datetime = NOW, paper: str = "p"
) -> QuizAnswer:
    return QuizAnswer(
        person=person, chat="-1", subscriber="lab", paper=PaperId(paper), part=part, right=right, at=at
    )


def test_a_question_counts_by_its_first_answer():
    later = NOW + timedelta(days=1)
    answers = [
        an_answer("a", at=later),
        an_answer("a", right=False),
        an_answer("b"),
        an_answer("c", right=None),
    ]
    assert score(answers, now=later, zone=UTC_ZONE) == Score(
        right=1, judged=2, waiting=1, learned=1, streak=2
    )


def test_nobody_has_a_score_without_answers():
    assert score([], now=NOW, zone=UTC_ZONE) == Score()


def test_the_streak_counts_days_of_the_persons_own_calendar():
    late, early = datetime(2026, 9, 17, 22, 30, tzinfo=UTC), datetime(2026, 9, 18, 21, 30, tzinfo=UTC)
    answers = [an_answer("a", at=late), an_answer("b", at=early)]
    assert score(answers, now=early, zone=ZoneInfo("Europe/Berlin")).streak == 1
    assert score(answers, now=early, zone=UTC_ZONE).streak == 2


@given(st.sets(st.integers(0, 20)))
def test_a_streak_ends_today_or_yesterday_and_has_no_gap(ago: set[int]):
    today = date(2026, 9, 18)
    length = streak((today - timedelta(days=days) for days in ago), today)
    start = 0 if 0 in ago else 1
    assert set(range(start, start + length)) <= ago
    assert start + length not in ago


def test_more_right_answers_stand_higher_and_of_equals_who_needed_fewer():
    answers = [
        *(
            an_answer(part, person=1, right=right)
            for part, right in zip("abc", (True, False, True), strict=True)
        ),
        *(an_answer(part, person=2) for part in "ab"),
        *(an_answer(part, person=3) for part in "ab"),
        an_answer("a", person=4, right=False),
        an_answer("a", person=5, right=None),
    ]
    rows = [
        (standing.rank, standing.person, standing.right, standing.judged) for standing in leaderboard(answers)
    ]
    assert rows == [(1, 2, 2, 2), (1, 3, 2, 2), (3, 1, 2, 3), (4, 4, 0, 1)]
    assert [(standing.rank, standing.person) for standing in leaderboard(answers, hidden={2})] == [
        (1, 3),
        (2, 1),
        (3, 4),
    ]


def test_totals_count_what_anonymous_polls_tell():
    keyed = AskedPoll(
        poll="1",
        chat="@c",
        subscriber="c",
        paper=PaperId("p"),
        question=a_question(answer=1),
        order=(1, 2, 0),
    )
    unkeyed = AskedPoll(
        poll="2", chat="@c", subscriber="c", paper=PaperId("p"), question=a_question(answer=None), order=()
    )
    told = PollState(poll="1", question="?", options=("b", "c", "a"), counts=(4, 1, 2), voters=7)
    result = totals([(keyed, told), (unkeyed, told), (keyed, None)])
    assert (result.questions, result.votes, result.judged, result.right) == (3, 14, 7, 4)


def test_topics_are_the_subscriptions_of_the_papers():
    topics = {("lab", PaperId("p")): ("agents", "video"), ("lab", PaperId("q")): ("agents",)}
    answers = [
        *(an_answer(part, right=False) for part in "abc"),
        an_answer("a", paper="q"),
        an_answer("a", paper="r"),
        an_answer("b", paper="r", right=None),
    ]
    found = by_topic(answers, topics)
    assert [(topic.name, topic.right, topic.judged) for topic in found] == [
        ("agents", 1, 4),
        ("video", 0, 3),
        ("", 1, 1),
    ]
    assert [topic.name for topic in weak_topics(found)] == ["video", "agents"]
