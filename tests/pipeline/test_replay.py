"""What is foretold from digests, and how arrivals are held against it."""

from datetime import timedelta

from bot.domain.schedule import parse_schedule
from bot.pipeline.replay import Arrival, Foretelling, Scorecard, score
from tests.builders import NOW, a_channel, a_digest, a_paper, a_quiz, a_subscriber, an_edition, an_entry

PAPER = a_paper(1).id
CHAT = "telegram:1001"


def foretold(*subscribers, digest=None) -> Foretelling:
    known = Foretelling(subscribers or (a_subscriber(),))
    known.hear(digest or a_digest(1), "a.md", NOW)
    return known


def alert(*papers: int, place: str = CHAT, at=NOW) -> Arrival:
    return Arrival(
        at=at, place=place, kind="alert", batch="b", papers=tuple(a_paper(n).id for n in papers or (1,))
    )


def poll(question: str, place: str = CHAT) -> Arrival:
    return Arrival(at=NOW, place=place, kind="quiz", batch="q", papers=(PAPER,), question=question)


def test_what_was_foretold_and_came_is_faultless() -> None:
    card = score(foretold(), [alert()], {})
    assert card.faultless
    assert (card.expected, card.arrived, card.messages, card.late) == (1, 1, 1, 0)


def test_what_never_came_is_lost() -> None:
    card = score(foretold(), [], {})
    assert card.lost == 1
    assert PAPER in card.worst[0]


def test_what_came_twice_is_repeated() -> None:
    assert score(foretold(), [alert(), alert()], {}).repeated == 1


def test_what_nobody_asked_for_is_no_better() -> None:
    card = score(foretold(a_subscriber(asks=("nothing like it",))), [alert()], {})
    assert (card.unasked, card.faultless) == (1, False)


def test_an_alert_before_its_time_is_not_asked_for() -> None:
    late = a_subscriber("alice", a_channel(deliver=parse_schedule("daily at 18:00")))
    assert score(foretold(late), [alert()], {}).unasked == 1
    assert score(foretold(late), [alert(at=NOW.replace(hour=18))], {}).faultless


def test_an_alert_an_hour_after_its_time_is_late_but_not_lost() -> None:
    card = score(foretold(), [alert(at=NOW + timedelta(hours=1))], {})
    assert (card.late, card.latest, card.faultless) == (1, timedelta(hours=1), True)


def test_a_paper_over_the_limit_is_not_lost_where_the_limit_was_reached() -> None:
    known = foretold(a_subscriber(daily_limit=1), digest=a_digest(1, 2))
    assert score(known, [alert(1)], {}).limited == 1
    assert score(known, [], {}).lost == 2


def test_a_paper_merged_with_others_counts_as_merged() -> None:
    known = foretold(digest=a_digest(1, 2))
    assert score(known, [alert(1, 2)], {}).merged == 1


def test_a_feed_must_have_shown_it() -> None:
    known = foretold(a_subscriber("alice", a_channel("atom")))
    assert score(known, [], {"alice": {PAPER}}).faultless
    assert score(known, [], {"alice": set()}).lost == 1


def test_every_question_is_asked_once() -> None:
    entry = an_entry(1, editions=(an_edition(quiz=a_quiz(2)),))
    known = foretold(a_subscriber("alice", a_channel(quizzes="all")), digest=a_digest(entry))
    first, second = (question.question for question in a_quiz(2))
    assert score(known, [alert(), poll(first), poll(second)], {}).faultless
    assert score(known, [alert(), poll(first)], {}).lost == 1
    assert score(known, [alert(), poll(first), poll(second), poll(first)], {}).repeated == 1


def test_of_one_question_a_paper_any_will_do_but_one_must() -> None:
    entry = an_entry(1, editions=(an_edition(quiz=a_quiz(2)),))
    known = foretold(a_subscriber("alice", a_channel(quizzes="one")), digest=a_digest(entry))
    assert score(known, [alert(), poll(a_quiz(2)[1].question)], {}).faultless
    assert score(known, [alert()], {}).lost == 1


def test_a_scorecard_tells_machines_all_of_it() -> None:
    told = Scorecard(subscribers=2, days=5, messages=20).as_json()
    assert told["messages_per_person_per_day"] == 2
    assert {"lost", "repeated", "late", "refused", "merged", "limited", "uncertain"} <= told.keys()
