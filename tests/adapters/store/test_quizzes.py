"""Votes, scores and questions that come back, over each kind of database."""

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.adapters.store import Store
from bot.domain.delivery import ONE_QUESTION, Delivery
from bot.domain.papers import Question
from bot.domain.schedule import parse_quiet_hours, parse_schedule
from bot.pipeline.ports.outbox import Outcome
from tests.adapters.store.conftest import Database
from tests.builders import NOW, a_channel, a_question, a_quiz, a_subscriber
from tests.rigs.quizzes import Classroom, a_learner, a_quizzed_paper

ONE = a_question("Which is the first?", "one", "two", "three", answer=0)
GROUP = "telegram:-100"


@pytest.fixture
def room(store: Store) -> Classroom:
    return Classroom(store, a_learner(7))


def right_and_judged(room: Classroom, person: int = 7, *addresses: str) -> tuple[int, int]:
    score = room.stats.score(addresses or (str(person),), person, room.now).score
    return score.right, score.judged


def test_a_vote_counts_once_however_often_it_is_counted(room: Classroom) -> None:
    (poll,) = room.ask(a_quizzed_paper(1, ONE))
    room.answer(poll, 7, right=True)
    assert [room.count(), room.count()] == [1, 0]
    assert right_and_judged(room) == (1, 1)
    assert room.store.updates.unanswered_updates(10) == ()


def test_a_crash_while_votes_are_counted_loses_and_repeats_none(
    room: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    polls = room.ask(a_quizzed_paper(1, *a_quiz(3)))
    for poll in polls:
        room.answer(poll, 7, right=True)
    with monkeypatch.context() as patched:
        patched.setattr(room.counter, "_refresh", _crash)
        with pytest.raises(RuntimeError):
            room.count()
    assert right_and_judged(room) == (0, 0)
    assert room.count() == 3
    assert right_and_judged(room) == (3, 3)


def test_a_vote_that_is_taken_back_counts_no_more(room: Classroom) -> None:
    (poll,) = room.ask(a_quizzed_paper(1, ONE))
    room.answer(poll, 7, right=False)
    room.count()
    assert right_and_judged(room) == (0, 1)
    room.vote(poll, 7)
    room.count()
    assert right_and_judged(room) == (0, 0)
    assert room.scheduler.plan_due(NOW + timedelta(days=2)) == 0


def test_a_changed_vote_replaces_the_one_before(room: Classroom) -> None:
    (poll,) = room.ask(a_quizzed_paper(1, ONE))
    room.answer(poll, 7, right=False)
    room.answer(poll, 7, right=True)
    room.count()
    assert right_and_judged(room) == (1, 1)


def test_a_vote_after_closing_counts_nowhere_and_replaces_nothing(room: Classroom) -> None:
    first, second = room.ask(a_quizzed_paper(1, *a_quiz(2)))
    room.answer(first, 7, right=True)
    room.told(first, closed=True)
    room.count()
    room.answer(first, 7, right=False)
    room.told(second, closed=True)
    room.answer(second, 7, right=True)
    room.count()
    assert right_and_judged(room) == (1, 1)


def test_what_cannot_be_read_holds_up_nothing(room: Classroom) -> None:
    (poll,) = room.ask(a_quizzed_paper(1, ONE))
    room.receive("poll_answer", {"poll_id": 5, "user": None})
    room.receive("poll_answer", {"poll_id": poll, "user": {"id": "x"}, "option_ids": [0]})
    room.receive("message", {"text": '"poll_answer"', "chat": {"id": 7, "type": "private"}})
    room.answer(poll, 7, right=True)
    assert room.count() == 1
    assert len(room.store.updates.unanswered_updates(10)) == 3


def test_a_vote_on_which_the_reader_fails_holds_up_nothing_either(
    room: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    (poll,) = room.ask(a_quizzed_paper(1, ONE))
    read = room.counter._read_vote
    monkeypatch.setattr(room.counter, "_read_vote", lambda body: _crash() if "666" in body else read(body))
    room.vote(poll, 666, 0)
    room.answer(poll, 7, right=True)
    assert room.count() == 1
    assert len(room.store.updates.unanswered_updates(10)) == 1


def test_many_votes_are_counted_and_many_polls_corrected_in_parts(
    room: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.pipeline.vote_counter._BATCH_SIZE", 2)
    for poll in room.ask(a_quizzed_paper(1, *a_quiz(5, keyed=False))):
        room.vote(poll, 7, 0)
    assert room.count() == 5
    assert right_and_judged(room) == (0, 0)
    room.keep(a_quizzed_paper(1, *a_quiz(5)))
    assert room.counter.correct() == 5
    assert right_and_judged(room)[1] == 5
    assert room.counter.correct() == 0


def test_a_vote_that_comes_before_its_poll_is_written_down_counts_then(room: Classroom) -> None:
    number = str(2**53 + 1)  # the first that the room will give
    room.vote(number, 7, 0)
    assert room.count() == 1
    assert right_and_judged(room) == (0, 0)
    (poll,) = room.ask(a_quizzed_paper(1, ONE))
    assert poll == number
    room.count()
    assert right_and_judged(room)[1] == 1
    assert room.store.updates.unanswered_updates(10) == ()


def test_a_vote_in_a_poll_that_nobody_knows_is_kept_and_waits_no_longer_than_an_hour(room: Classroom) -> None:
    room.vote("123", 7, 0)
    room.count()
    room.clock.advance(hours=1)
    room.count()
    assert len(room.store.updates.unanswered_updates(10)) == 1
    room.clock.advance(seconds=1)
    room.count()
    assert room.store.updates.unanswered_updates(10) == ()
    with room.store.quizzes.transaction() as tx:
        assert tx.voters("123") == {7}


def test_a_poll_whose_answer_was_never_seen_is_recognised_by_its_question(room: Classroom) -> None:
    room.keep(a_quizzed_paper(1, ONE))
    assert room.scheduler.next_question(("7",), 7, room.now) == "any"
    (poll,) = room.deliver(lost=True)
    room.answer(poll, 7, right=True)
    room.count()
    assert right_and_judged(room) == (0, 0)
    room.told(poll)
    room.count()
    assert right_and_judged(room) == (1, 1)
    (row,) = room.store.deliveries.list_rows(states=("sent",), keys=(), limit=5)
    assert row.kind == "quiz"


def test_of_a_papers_uncertain_questions_each_is_recognised(room: Classroom) -> None:
    room.keep(a_quizzed_paper(1, *a_quiz(2)))
    polls = []
    for _ in range(2):
        room.scheduler.next_question(("7",), 7, room.now)
        polls += room.deliver(lost=True)
    for poll in polls:
        room.told(poll)
        room.answer(poll, 7, right=True)
    assert room.counter.adopt(room.now) == 0  # nothing was reported yet
    room.count()
    assert right_and_judged(room) == (2, 2)


def test_a_groups_uncertain_question_is_recognised_whoever_votes(database: Database) -> None:
    room = Classroom(database.open(), a_subscriber("lab", a_channel(address="-100", quizzes="all")))
    room.keep(a_quizzed_paper(1, ONE))
    room.scheduler.next_question(("-100",), 5, room.now)
    (poll,) = room.deliver(lost=True)
    room.told(poll)
    room.answer(poll, 5, right=True)
    room.count()
    (row,) = room.store.deliveries.list_rows(states=("sent",), keys=(), limit=5)
    assert (row.kind, row.target) == ("quiz", GROUP)


def test_a_poll_is_not_taken_for_another_uncertain_question_nor_for_one_that_was_replaced(
    room: Classroom,
) -> None:
    polls = []
    for number, question in enumerate((ONE, a_question("Another?", "x", "y", answer=0))):
        room.keep(a_quizzed_paper(number, question))
        room.scheduler.next_question(("7",), 7, room.now)
        polls += room.deliver(lost=True)
    first, second = polls
    room.told(second)
    room.answer(second, 7, right=True)
    room.count()
    assert right_and_judged(room) == (1, 1)
    room.keep(a_quizzed_paper(0, a_question("Replaced?", answer=0)))
    room.told(first)
    room.answer(first, 7, right=True)
    room.count()
    assert right_and_judged(room) == (1, 1)


def test_of_two_targets_with_the_same_uncertain_question_the_voter_tells_which(database: Database) -> None:
    room = Classroom(database.open(), a_learner(7), a_learner(8))
    question = a_question("Same for all?", *(name + "x" * 120 for name in "abc"), answer=0)
    long = replace(question, options=("yes", "no"))
    room.keep(a_quizzed_paper(1, long))
    for person in (7, 8):
        room.scheduler.next_question((str(person),), person, room.now)
    polls = room.deliver(lost=True)
    for poll in polls:
        room.told(poll)
    room.count()
    assert right_and_judged(room, 7) == right_and_judged(room, 8) == (0, 0)
    for poll in polls:
        address, _ = room.polls[poll]
        room.answer(poll, int(address), right=True)
    room.count()
    assert right_and_judged(room, 7) == right_and_judged(room, 8) == (1, 1)


def test_a_key_that_comes_later_corrects_the_record_the_score_and_what_comes_back(room: Classroom) -> None:
    guessed = Question(
        question="Which is the first?",
        options=("one", "two", "three"),
        answer=1,
        answer_source="inferred",
        confidence=0.97,
        confident=True,
    )
    paper = a_quizzed_paper(1, guessed)
    (poll,) = room.ask(paper)
    shown = room.polls[poll][1]
    room.vote(poll, 7, shown.options.index("one"))
    room.count()
    assert right_and_judged(room) == (0, 1)
    assert room.counter.correct() == 0
    room.clock.advance(hours=1)
    room.keep(a_quizzed_paper(1, replace(ONE, options=("three", "one", "two"), answer=1)))
    assert [room.counter.correct(), room.counter.correct()] == [1, 0]
    assert right_and_judged(room) == (1, 1)
    assert room.scheduler.plan_due(NOW + timedelta(days=3)) == 0


def test_an_open_question_is_judged_once_its_key_is_there(room: Classroom) -> None:
    unkeyed = replace(ONE, answer=None, answer_source=None)
    (poll,) = room.ask(a_quizzed_paper(1, unkeyed))
    room.vote(poll, 7, room.polls[poll][1].options.index("two"))
    room.count()
    assert room.stats.score(("7",), 7, room.now).score.waiting == 1
    room.clock.advance(hours=1)
    room.keep(a_quizzed_paper(1, ONE))
    room.counter.correct()
    assert right_and_judged(room) == (0, 1)
    assert room.scheduler.plan_due(NOW + timedelta(days=1)) == 1


def test_strangers_with_a_forwarded_poll_are_counted_but_not_ranked(database: Database) -> None:
    room = Classroom(database.open(), a_subscriber("lab", a_channel(address="-100", quizzes="all")))
    (poll,) = room.ask(a_quizzed_paper(1, ONE), GROUP, "lab")
    room.answer(poll, 1, right=True)
    room.answer(poll, 2, right=False)
    room.answer(poll, 66, right=True)
    room.count()
    unknown = room.store.quizzes.unknown_members(10)
    assert [(message.chat, message.address, message.person) for message in unknown] == [
        ("-100", "-100", 1),
        ("-100", "-100", 2),
        ("-100", "-100", 66),
    ]
    room.store.quizzes.save_members("-100", {1: True, 2: True, 66: False})
    board = room.stats.leaderboard(("-100",))
    assert [(standing.rank, standing.person, standing.right) for standing in board.standings] == [
        (1, 1, 1),
        (2, 2, 0),
    ]
    assert board.names == {1: "Person 1", 2: "Person 2"}
    assert board.strangers == 1
    assert room.store.quizzes.unknown_members(10) == ()


def test_a_stranger_never_gets_into_the_score_of_a_private_chat(room: Classroom) -> None:
    (poll,) = room.ask(a_quizzed_paper(1, ONE))
    room.answer(poll, 8, right=True)
    room.count()
    assert right_and_judged(room, 8) == (0, 0)
    assert room.store.quizzes.unknown_members(10) == ()


def test_a_score_is_of_all_chats_in_ones_own_and_of_that_chat_elsewhere(database: Database) -> None:
    lab = a_subscriber("lab", a_channel(address="-100", quizzes="all"))
    room = Classroom(database.open(), a_learner(7), lab)
    (own,) = room.ask(a_quizzed_paper(1, ONE))
    (shared,) = room.ask(a_quizzed_paper(2, ONE), "telegram:-100", "lab")
    room.stats.add_member(("-100",), 7)
    room.answer(own, 7, right=False)
    room.answer(shared, 7, right=True)
    room.count()
    tomorrow = room.now + timedelta(days=1)
    alone, there = (room.stats.score((chat,), 7, tomorrow) for chat in ("7", "-100"))
    assert (alone.score.right, alone.score.judged, alone.due) == (1, 2, 1)
    assert (there.score.right, there.score.judged, there.due) == (1, 1, 0)


def test_a_span_of_answers_has_its_first_moment_and_not_its_last(room: Classroom) -> None:
    for paper in range(2):
        (poll,) = room.ask(a_quizzed_paper(paper, ONE))
        room.answer(poll, 7, right=True)
        room.count()
        room.clock.advance(days=1)
    assert room.stats.between("7", NOW, NOW + timedelta(days=1), ZoneInfo("UTC")).score.judged == 1


def test_who_hides_is_not_named_until_they_show_again(database: Database) -> None:
    room = Classroom(database.open(), a_subscriber("lab", a_channel(address="-100/7", quizzes="all")))
    (poll,) = room.ask(a_quizzed_paper(1, ONE), "telegram:-100/7", "lab")
    room.answer(poll, 1, right=True)
    room.count()
    there = ("-100", "-100/1")
    room.stats.add_member(there, 1)
    room.stats.hide(there, 1, hidden=True)
    board = room.stats.leaderboard(there)
    assert (board.standings, board.hidden, board.strangers) == ((), 1, 0)
    assert right_and_judged(room, 1, *there) == (1, 1)
    room.stats.hide(there, 1, hidden=False)
    assert [standing.person for standing in room.stats.leaderboard(there).standings] == [1]


def test_channels_have_honest_totals(database: Database) -> None:
    room = Classroom(database.open(), a_subscriber("c", a_channel(address="@papers", quizzes="all")))
    keyed, unkeyed = room.ask(
        a_quizzed_paper(1, ONE, a_question("Open?", "yes", "no", answer=None)), "telegram:@papers", "c"
    )
    counts = [2, 1, 1]
    right = room.polls[keyed][1].correct
    assert right is not None
    room.told(keyed, *counts)
    room.told(unkeyed, 3, 0)
    room.count()
    totals = room.stats.totals(("-100", "@papers"))
    assert (totals.questions, totals.votes, totals.judged, totals.right) == (2, 7, 4, counts[right])


def test_topics_are_what_the_papers_were_noticed_for(room: Classroom) -> None:
    paper = a_quizzed_paper(1, *a_quiz(3))
    polls = room.ask(paper)
    with room.store.digests.transaction() as tx:
        tx.save_notices({"person-7": {paper.id: ("agents",)}}, tx.new_run(NOW))
    for poll in polls:
        room.answer(poll, 7, right=poll == polls[0])
    room.count()
    scores = room.stats.score(("7",), 7, room.now)
    assert [(topic.name, topic.right, topic.judged, topic.is_weak) for topic in scores.topics] == [
        ("agents", 1, 3, True)
    ]


def forgotten(room: Classroom) -> dict[str, int]:
    return room.store.preferences.forget("person-7", 7, room.now, whole=False)


def test_a_person_is_forgotten_whole_and_nobody_else(room: Classroom) -> None:
    (poll,) = room.ask(a_quizzed_paper(1, ONE))
    for person in (7, 77):
        room.answer(poll, person, right=False)
    room.count()
    assert room.scheduler.plan_due(NOW + timedelta(days=1)) == 1
    assert forgotten(room)["votes"] == 1
    assert room.store.deliveries.list_rows(states=("pending", "held"), keys=(), limit=9) == ()
    assert right_and_judged(room) == (0, 0)
    assert room.store.quizzes.names([7, 77]) == {77: "Person 77"}
    with room.store.quizzes.transaction() as tx:
        assert tx.people_due(NOW + timedelta(days=9)) == {77}
        assert tx.voters(poll) == {77}
    assert "votes" not in forgotten(room)


def test_wrong_answers_come_back_on_their_days_and_right_ones_end_it(room: Classroom) -> None:
    (poll,) = room.ask(a_quizzed_paper(1, ONE))
    room.answer(poll, 7, right=False)
    days: list[int] = []
    for day in range(60):
        room.clock.go_to(NOW + timedelta(days=day, hours=4))
        room.count()
        room.scheduler.plan_due(room.now)
        for again in room.deliver():
            days.append(day)
            room.answer(again, 7, right=True)
    assert days == [1, 4, 11, 32]
    assert right_and_judged(room) == (0, 1)
    assert room.stats.score(("7",), 7, room.now).score.learned == 1


def test_a_repeat_is_sent_once_even_when_nobody_answers_it(room: Classroom) -> None:
    (poll,) = room.ask(a_quizzed_paper(1, ONE))
    room.answer(poll, 7, right=False)
    room.count()
    planned = [room.scheduler.plan_due(NOW + timedelta(days=day)) for day in range(10)]
    assert sum(planned) == 1
    assert planned[1] == 1


def test_at_most_so_many_come_back_a_day_and_none_is_lost(database: Database) -> None:
    room = Classroom(database.open(), a_learner(7), per_day=2)
    polls = room.ask(a_quizzed_paper(1, *a_quiz(5)))
    for poll in polls:
        room.answer(poll, 7, right=False)
    room.count()
    sent: list[int] = []
    for hour in range(24, 24 * 5):
        room.clock.go_to(NOW + timedelta(hours=hour))
        room.scheduler.plan_due(room.now)
        sent += [(room.now - NOW).days for _ in room.deliver()]
    assert sent == [1, 1, 2, 2, 3]


def test_repeats_keep_the_persons_hours(database: Database) -> None:
    learner = a_learner(
        7,
        zone="Asia/Tokyo",
        quiet_hours=parse_quiet_hours("22:00-08:00"),
        channel={"deliver": parse_schedule("daily at 07:30")},
    )
    room = Classroom(database.open(), learner)
    (poll,) = room.ask(a_quizzed_paper(1, ONE))
    room.answer(poll, 7, right=False)
    room.count()
    room.scheduler.plan_due(NOW + timedelta(hours=8))  # past midnight in Tokyo
    (row,) = room.store.deliveries.list_rows(states=("held",), keys=(), limit=5)
    assert row.due_at.isoformat() == "2026-09-18T23:00:00+00:00"


def test_quiz_gives_what_is_due_first_then_new_then_any_then_nothing(room: Classroom) -> None:
    wrong, matched, other = (
        a_quizzed_paper(number, a_question(f"Question {number}?", "a", "b", answer=0)) for number in (1, 2, 3)
    )
    (poll,) = room.ask(wrong)
    room.answer(poll, 7, right=False)
    room.count()
    room.keep(matched, other)
    with room.store.digests.transaction() as tx:
        tx.save_notices({"person-7": {matched.id: ("x",)}}, tx.new_run(NOW))
    room.clock.advance(days=1)
    room.scheduler.plan_due(room.now - timedelta(hours=7))  # held until nine
    given, asked = [], []
    for _ in range(4):
        given.append(room.scheduler.next_question(("7",), 7, room.now))
        asked += [room.question(message) for message in room.deliver()]
    assert given == ["due", "new", "any", "none"]
    assert asked == ["Question 1?", "Question 2?", "Question 3?"]


def test_quiz_gives_what_is_due_though_the_days_plan_is_not_made_yet(room: Classroom) -> None:
    (poll,) = room.ask(a_quizzed_paper(1, ONE))
    room.answer(poll, 7, right=False)
    room.count()
    room.clock.advance(days=2)
    assert room.scheduler.next_question(("7",), 7, room.now) == "due"
    assert [room.question(number) for number in room.deliver()] == [ONE.question]


def test_in_a_group_nobodys_own_questions_come_back(database: Database) -> None:
    lab = a_subscriber("lab", a_channel(address="-100", quizzes="all"))
    room = Classroom(database.open(), a_learner(7), lab)
    (poll,) = room.ask(a_quizzed_paper(1, ONE))
    room.answer(poll, 7, right=False)
    room.count()
    room.clock.advance(days=2)
    room.keep(
        a_quizzed_paper(2, a_question("Only one option?", "this", answer=0), a_question("Open?", "a", "b"))
    )
    given, asked = [], []
    for _ in range(3):
        given.append(room.scheduler.next_question(("-100",), 7, room.now))
        asked += [room.question(number) for number in room.deliver()]
    assert given == ["any", "any", "none"]
    assert sorted(asked) == ["Open?", ONE.question]


def test_only_who_has_something_due_and_a_chat_of_their_own_gets_it_back(database: Database) -> None:
    several = a_subscriber("person-7", a_channel("email"), a_channel(address="7", quizzes="all"))
    public = a_subscriber("public", a_channel(address="@papers", quizzes="all"))
    room = Classroom(database.open(), a_learner(8), several, public)
    (poll,) = room.ask(a_quizzed_paper(1, ONE))
    room.answer(poll, 7, right=False)
    room.count()
    assert room.scheduler.plan_due(NOW + timedelta(days=1)) == 1
    assert {
        row.target for row in room.store.deliveries.list_rows(states=("held", "pending"), keys=(), limit=9)
    } == {"telegram:7"}


@pytest.mark.parametrize("state", ["limited", "skipped"])
@pytest.mark.parametrize("whole", [False, True])
def test_quiz_asks_what_was_not_sent_because_its_paper_was_not_shown(
    room: Classroom, whole: bool, state: str
) -> None:
    paper = a_quizzed_paper(1, ONE)
    room.keep(paper)
    part = ONE_QUESTION if whole else ONE.part
    with room.store.quizzes.transaction() as tx:
        tx.plan([Delivery("telegram:7", "person-7", "quiz", paper.id, "pending", room.now, part)], room.now)
    (claim,) = room.store.outbox.claim(room.now, lease=timedelta(minutes=5), limit=1, kinds=("telegram",))
    limited = (claim.rows[0].key,) if state == "limited" else ()
    kept_back = Outcome(claim=claim, state="skipped", limited=limited, error="why")
    room.store.outbox.settle([kept_back], room.now)
    assert room.scheduler.next_question(("7",), 7, room.now) == "any"
    (waiting,) = room.store.deliveries.list_rows(states=("pending",), keys=(), limit=5)
    assert waiting.error is None
    assert [room.question(poll) for poll in room.deliver()] == [ONE.question]
    assert room.scheduler.next_question(("7",), 7, room.now) == "none"
    (row,) = room.store.deliveries.list_rows(states=("sent",), keys=(), limit=5)
    assert (row.rule, room.store.deliveries.is_asked(row.key)) == ("asked", True)
    assert not room.store.deliveries.is_asked("telegram:7|alert|arxiv:1")


def test_quiz_tells_who_is_not_subscribed_or_said_stop(room: Classroom) -> None:
    room.ask(a_quizzed_paper(1, ONE))
    assert room.scheduler.next_question(("-5", "@nobody"), 7, room.now) == "unsubscribed"
    room.store.deliveries.opt_out("telegram:7", "stopped", room.now)
    assert room.scheduler.next_question(("7",), 7, room.now) == "stopped"


def test_a_paper_gives_its_questions_one_after_the_other(room: Classroom) -> None:
    paper = a_quizzed_paper(1, *a_quiz(2))
    room.keep(paper)
    given, asked = [], []
    for _ in range(3):
        given.append(room.scheduler.question_on(("7",), paper, room.now))
        asked += [room.question(poll) for poll in room.deliver()]
    assert given == ["new", "new", "none"]
    assert asked == [question.question for question in a_quiz(2)]
    assert room.scheduler.question_on(("-5", "@nobody"), paper, room.now) == "unsubscribed"
    room.store.deliveries.opt_out("telegram:7", "stopped", room.now)
    assert room.scheduler.question_on(("7",), paper, room.now) == "stopped"


def test_beyond_the_one_question_of_a_paper_only_its_own_button_asks_another(room: Classroom) -> None:
    paper = a_quizzed_paper(1, *a_quiz(3))
    room.keep(paper)
    delivery = Delivery("telegram:7", "person-7", "quiz", paper.id, "pending", room.now, ONE_QUESTION)
    with room.store.quizzes.transaction() as tx:
        tx.plan([delivery], room.now)
    assert room.scheduler.question_on(("7",), paper, room.now) == "none"  # the one is not out yet
    assert len(room.deliver()) == 1
    assert room.scheduler.next_question(("7",), 7, room.now) == "none"
    assert room.scheduler.question_on(("7",), paper, room.now) == "new"
    assert len(room.deliver()) == 1


def test_nobody_becomes_a_member_of_a_private_chat(room: Classroom) -> None:
    (poll,) = room.ask(a_quizzed_paper(1, ONE))
    room.answer(poll, 7, right=True)
    room.count()
    room.stats.add_member(("7",), 8)
    assert room.store.quizzes.chats_with(8) == frozenset()


def test_a_repeat_is_asked_in_the_language_it_was_asked_in(database: Database) -> None:
    learner = a_learner(7, language="zh")
    room = Classroom(database.open(), learner)
    chinese = a_question("第一个是哪个？", "一", "二", answer=0)
    english = a_quizzed_paper(1, ONE).editions
    paper = replace(
        a_quizzed_paper(1, chinese, language="zh"),
        editions=(*english, *a_quizzed_paper(1, chinese, language="zh").editions),
    )
    room.keep(paper)
    assert room.scheduler.next_question(("7",), 7, room.now) == "any"
    (poll,) = room.deliver()
    assert room.question(poll) == "第一个是哪个？"
    room.answer(poll, 7, right=False)
    room.count()
    room.registry.replace([a_learner(7)])
    room.clock.advance(days=1, hours=2)
    assert room.scheduler.plan_due(room.now) == 1
    (again,) = room.deliver()
    assert room.question(again) == "第一个是哪个？"


def _crash(*_: object) -> None:
    raise RuntimeError("the power went")
