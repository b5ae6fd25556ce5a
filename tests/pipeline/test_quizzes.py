"""Which questions are planned: those that come back, and those that somebody asks for."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from bot.adapters.store import Store
from bot.domain.delivery import ONE_QUESTION, Delivery
from bot.domain.papers import Paper
from bot.pipeline.ports.outbox import Outcome
from tests.builders import NOW, a_channel, a_question, a_quiz, a_subscriber
from tests.rigs.quizzes import Classroom, a_learner, a_quizzed_paper

DAY = timedelta(days=1)


@pytest.fixture
def room(state: str) -> Iterator[Classroom]:
    """A classroom of one person."""
    with closing(Store(state)) as store:
        yield Classroom(store, a_learner(7))


def about(number: int) -> Paper:
    return a_quizzed_paper(number, a_question(f"Question {number}?", "a", "b", answer=0))


def answered_wrongly(room: Classroom, *papers: Paper, person: int = 7) -> None:
    for paper in papers:
        for poll in room.ask(paper, f"telegram:{person}", f"person-{person}"):
            room.answer(poll, person, right=False)
    room.count()


def asked(room: Classroom) -> list[str]:
    return [room.question(poll) for poll in room.deliver()]


def noticed(room: Classroom, paper: Paper, subscription: str) -> None:
    with room.store.digests.transaction() as tx:
        tx.save_notices({"person-7": {paper.id: (subscription,)}}, tx.new_run(NOW))


def test_a_question_that_somebody_asks_for_is_not_held(room: Classroom) -> None:
    room.keep(about(1))
    assert room.scheduler.next_question(("7",), 7, room.now) == "any"
    assert [row.state for row in room.store.deliveries.list_rows(states=(), keys=(), limit=9)] == ["pending"]


def test_of_what_is_due_only_a_question_on_the_topic_is_asked(room: Classroom) -> None:
    cats, dogs = about(1), about(2)
    answered_wrongly(room, cats, dogs)
    noticed(room, dogs, "dogs")
    room.clock.advance(2 * DAY)
    assert room.scheduler.next_question(("7",), 7, room.now, topic="Dogs") == "due"
    assert asked(room) == ["Question 2?"]
    assert room.scheduler.next_question(("7",), 7, room.now, topic="Dogs") == "none"


def test_a_paper_whose_one_question_was_asked_gives_another_one(room: Classroom) -> None:
    paper = a_quizzed_paper(1, *a_quiz(3))
    room.keep(paper)
    with room.store.quizzes.transaction() as tx:
        tx.plan([Delivery("telegram:7", "person-7", "quiz", paper.id, "pending", NOW, ONE_QUESTION)], NOW)
    first = asked(room)
    assert room.scheduler.question_on(("7",), paper, room.now) == "new"
    assert len({*first, *asked(room)}) == 2


def test_a_paper_that_was_too_many_is_not_asked_about(room: Classroom) -> None:
    paper = about(1)
    room.keep(paper)
    with room.store.quizzes.transaction() as tx:
        tx.plan([Delivery("telegram:7", "person-7", "alert", paper.id, "pending", NOW)], NOW)
    (claim,) = room.store.outbox.claim(NOW, lease=DAY, limit=1, kinds=("telegram",))
    room.store.outbox.settle([Outcome(claim=claim, state="skipped", limited=(claim.rows[0].key,))], NOW)
    assert room.scheduler.next_question(("7",), 7, room.now) == "none"


def test_nothing_comes_back_to_who_said_stop(room: Classroom) -> None:
    answered_wrongly(room, about(1))
    room.store.deliveries.opt_out("telegram:7", "stopped", NOW)
    assert room.scheduler.plan_due(NOW + DAY) == 0
    room.store.deliveries.revive("telegram:7")
    assert room.scheduler.plan_due(NOW + DAY) == 1


def test_nothing_comes_back_by_itself_to_who_wants_no_polls(room: Classroom) -> None:
    answered_wrongly(room, about(1))
    room.registry.replace([a_subscriber("person-7", a_channel(address="7", quizzes="none"))])
    assert room.scheduler.plan_due(NOW + DAY) == 0
