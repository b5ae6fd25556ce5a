"""History that is read tells nobody, now or later."""

from datetime import date

from tests.builders import a_channel, a_digest, a_quiz, a_subscriber, an_edition, an_entry
from tests.pipeline.conftest import MakeWorld
from tests.rigs.world import World

OLD = date(2026, 1, 1)


def alerts(world: World) -> list[str]:
    return [row.paper[-1] for row in world.rows() if row.kind == "alert"]


def history(world: World, *numbers: int) -> None:
    files = [world.press.file("old/a.md", a_digest(*numbers, day=OLD))]
    world.look(*files, tell=False)


def test_a_first_run_after_it_sends_none_of_it(world: MakeWorld):
    made = world(a_subscriber(), first_run=None)
    history(made, 1, 2, 3)
    made.look(made.press.file("a.md", a_digest(4)))
    assert alerts(made) == ["4"]


def test_gaining_a_quiz_later_makes_no_alert_of_it(world: MakeWorld):
    made = world(a_subscriber("alice", a_channel(quizzes="all")), first_run=None)
    history(made, 1)
    made.look()
    quiz = an_entry(1, editions=(an_edition(quiz=a_quiz()),))
    taken = made.read("b.html", a_digest(quiz, kind="quiz_page"))
    assert taken.gained == 1
    assert made.rows() == ()


def test_an_alert_that_is_out_is_not_edited_by_it(world: MakeWorld):
    made = world(a_subscriber("alice", a_channel(quizzes="all")), first_run=None)
    made.read("a.md", a_digest(1))
    quiz = an_entry(1, editions=(an_edition(quiz=a_quiz()),))
    files = [made.press.file("old/b.html", a_digest(quiz, day=OLD, kind="quiz_page"))]
    made.look(*files, tell=False)
    assert [row.kind for row in made.rows()] == ["alert"]


def test_what_is_no_digest_among_it_is_named_but_not_held_against_the_state(world: MakeWorld):
    made = world(a_subscriber())
    readme = made.press.file("old/README.md", a_digest(1))
    readme.data = b"# About"
    taken = made.look(readme, tell=False)
    assert [(name, line) for name, line, _ in taken.problems] == [("old/README.md", 0)]
    assert made.store.deliveries.counts(made.clock.now()).unreadable == 0


def test_reading_it_again_changes_nothing(world: MakeWorld):
    made = world(a_subscriber(), first_run=None)
    history(made, 1, 2)
    before = made.store.papers.version()
    history(made, 1, 2)
    assert made.store.papers.version() == before
