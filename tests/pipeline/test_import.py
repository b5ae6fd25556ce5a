"""Imports: a history that is read is told to nobody, now or later."""

from datetime import date

from tests.builders import a_channel, a_digest, a_quiz, a_subscriber, an_edition, an_entry
from tests.pipeline.conftest import MakeWorld
from tests.rigs.world import World

OLD = date(2026, 1, 1)


def alerts(world: World) -> list[str]:
    return [row.paper[-1] for row in world.rows() if row.kind == "alert"]


def import_history(world: World, *numbers: int) -> None:
    files = [world.press.file("old/a.md", a_digest(*numbers, day=OLD))]
    world.look(*files, send=False)


def test_a_first_run_after_an_import_sends_none_of_its_papers(world: MakeWorld):
    made = world(a_subscriber(), first_run=None)
    import_history(made, 1, 2, 3)
    made.look(made.press.file("a.md", a_digest(4)))
    assert alerts(made) == ["4"]


def test_an_imported_paper_that_gains_a_quiz_is_still_told_to_nobody(world: MakeWorld):
    made = world(a_subscriber("alice", a_channel(quizzes="all")), first_run=None)
    import_history(made, 1)
    made.look()
    quiz = an_entry(1, editions=(an_edition(quiz=a_quiz()),))
    taken = made.read("b.html", a_digest(quiz, kind="quiz_page"))
    assert taken.gained == 1
    assert made.rows() == ()


async def test_an_alert_that_is_out_is_neither_edited_nor_followed_by_what_an_import_adds(world: MakeWorld):
    made = world(a_subscriber("alice", a_channel(quizzes="all")), first_run=None)
    made.read("a.md", a_digest(1))
    await made.send_all()
    quiz = an_entry(1, editions=(an_edition(quiz=a_quiz()),))
    old = made.press.file("old/b.html", a_digest(quiz, day=OLD, kind="quiz_page"))
    assert made.look(old, send=False).gained == 1
    made.look()
    assert [row.kind for row in made.rows()] == ["alert"]


def test_what_is_no_digest_in_an_import_is_named_and_does_not_count_as_unreadable(world: MakeWorld):
    made = world(a_subscriber())
    readme = made.press.file("old/README.md", a_digest(1))
    readme.data = b"# About"
    taken = made.look(readme, send=False)
    assert [(name, line) for name, line, _ in taken.problems] == [("old/README.md", 0)]
    assert made.store.deliveries.counts(made.clock.now()).unreadable == 0


def test_an_import_that_is_repeated_changes_nothing(world: MakeWorld):
    made = world(a_subscriber(), first_run=None)
    import_history(made, 1, 2)
    before = made.store.papers.version()
    import_history(made, 1, 2)
    assert made.store.papers.version() == before
