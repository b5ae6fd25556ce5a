"""The oracle expects what the digests say; the scorecard compares arrivals with it."""

from datetime import timedelta

from bot.app.replay.oracle import Oracle, ReceivedMessage, Scorecard, score
from bot.domain.schedule import parse_schedule
from tests.builders import NOW, a_channel, a_digest, a_paper, a_quiz, a_subscriber, an_edition, an_entry

PAPER = a_paper(1).id
CHAT = "telegram:1001"


def oracle_of(*subscribers, digest=None) -> Oracle:
    oracle = Oracle(subscribers or (a_subscriber(),))
    oracle.expect(digest or a_digest(1), "a.md", NOW)
    return oracle


def alert(*papers: int, target: str = CHAT, at=NOW) -> ReceivedMessage:
    return ReceivedMessage(
        at=at,
        target=target,
        kind="alert",
        message_id="b",
        papers=tuple(a_paper(n).id for n in papers or (1,)),
    )


def poll(question: str, target: str = CHAT) -> ReceivedMessage:
    return ReceivedMessage(
        at=NOW, target=target, kind="quiz", message_id="q", papers=(PAPER,), question=question
    )


def test_what_was_expected_and_arrived_is_faultless() -> None:
    card = score(oracle_of(), [alert()], {})
    assert card.faultless
    assert (card.expected, card.arrived, card.messages, card.late) == (1, 1, 1, 0)


def test_what_never_came_is_lost() -> None:
    card = score(oracle_of(), [], {})
    assert card.lost == 1
    assert PAPER in card.worst[0]


def test_what_came_twice_is_repeated() -> None:
    assert score(oracle_of(), [alert(), alert()], {}).repeated == 1


def test_what_nobody_asked_for_is_no_better() -> None:
    card = score(oracle_of(a_subscriber(asks=("nothing like it",))), [alert()], {})
    assert (card.unasked, card.faultless) == (1, False)


def test_an_alert_before_its_time_is_not_asked_for() -> None:
    late = a_subscriber("alice", a_channel(deliver=parse_schedule("daily at 18:00")))
    assert score(oracle_of(late), [alert()], {}).unasked == 1
    assert score(oracle_of(late), [alert(at=NOW.replace(hour=18))], {}).faultless


def test_an_alert_an_hour_after_its_time_is_late_but_not_lost() -> None:
    card = score(oracle_of(), [alert(at=NOW + timedelta(hours=1))], {})
    assert (card.late, card.latest, card.faultless) == (1, timedelta(hours=1), True)


def test_a_paper_over_the_limit_is_not_lost_where_the_limit_was_reached() -> None:
    oracle = oracle_of(a_subscriber(daily_limit=1), digest=a_digest(1, 2))
    assert score(oracle, [alert(1)], {}).limited == 1
    assert score(oracle, [], {}).lost == 2


def test_a_paper_merged_with_others_counts_as_merged() -> None:
    oracle = oracle_of(digest=a_digest(1, 2))
    assert score(oracle, [alert(1, 2)], {}).merged == 1


def test_a_feed_must_have_shown_it() -> None:
    oracle = oracle_of(a_subscriber("alice", a_channel("atom")))
    assert score(oracle, [], {"alice": {PAPER}}).faultless
    assert score(oracle, [], {"alice": set()}).lost == 1


def test_every_question_is_asked_once() -> None:
    entry = an_entry(1, editions=(an_edition(quiz=a_quiz(2)),))
    oracle = oracle_of(a_subscriber("alice", a_channel(quizzes="all")), digest=a_digest(entry))
    first, second = (question.question for question in a_quiz(2))
    assert score(oracle, [alert(), poll(first), poll(second)], {}).faultless
    assert score(oracle, [alert(), poll(first)], {}).lost == 1
    assert score(oracle, [alert(), poll(first), poll(second), poll(first)], {}).repeated == 1


def test_of_one_question_a_paper_any_will_do_but_one_must() -> None:
    entry = an_entry(1, editions=(an_edition(quiz=a_quiz(2)),))
    oracle = oracle_of(a_subscriber("alice", a_channel(quizzes="one")), digest=a_digest(entry))
    assert score(oracle, [alert(), poll(a_quiz(2)[1].question)], {}).faultless
    assert score(oracle, [alert()], {}).lost == 1


def test_a_scorecard_as_json_holds_all_of_it() -> None:
    shown = Scorecard(subscribers=2, days=5, messages=20).as_json()
    assert shown["messages_per_person_per_day"] == 2
    assert {"lost", "repeated", "late", "refused", "merged", "limited", "uncertain"} <= shown.keys()
