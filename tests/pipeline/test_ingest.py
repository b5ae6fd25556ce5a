"""Taking digest files in: what is new, what only changed, and what happens when something is wrong."""

import gc
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from bot.adapters.readers import peek_date, read_digest
from bot.domain.digests import Problem
from bot.domain.errors import DigestTooLarge, StateError, StateLocked
from bot.domain.query import documents
from bot.domain.query.vocabulary import PieceVocabulary
from bot.pipeline import ingest
from bot.pipeline.ingest import Ingest, IngestResult
from bot.pipeline.planning_runs import RunPlanner
from bot.pipeline.ports.papers import ReadDigest
from tests.builders import NOW, a_channel, a_digest, a_paper, a_quiz, a_subscriber, an_edition, an_entry
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.dispatching import started
from tests.rigs.files import FakeFile
from tests.rigs.world import World

DAY = date(2026, 9, 18)
WEEK = timedelta(days=7)


@pytest.fixture
def alices(world: MakeWorld) -> World:
    """Alice is told of everything, news or backlog."""
    return world(a_subscriber())


def totals(taken: IngestResult) -> tuple[int, int, int, int]:
    return taken.digests, taken.entries, taken.new, taken.gained


# --- what is new ------------------------------------------------------------------------------------------


def test_a_digest_is_stored_with_its_papers_notices_and_rows(alices: World):
    taken = alices.read("a.md", a_digest(1, 2, an_entry(3, title="Cats", summary="Cats.")))
    assert totals(taken) == (1, 3, 3, 0)
    assert (taken.notices, taken.deliveries, taken.problems) == (2, 2, [])
    assert taken.changed
    assert [stored.paper.id[-1] for stored in alices.store.papers.newest(5)] == ["1", "2", "3"]
    assert [row.paper[-1] for row in alices.rows("pending")] == ["1", "2"]


def test_problems_in_a_digest_are_named_with_file_and_line(alices: World):
    problem = Problem(line=7, what="a row without a title")
    taken = alices.read("a.md", a_digest(problems=(problem,)))
    assert taken.problems == [("a.md", 7, "a row without a title")]
    assert totals(taken) == (1, 0, 0, 0)


def test_a_digest_without_a_paper_is_taken_in_once(alices: World):
    empty = alices.press.file("empty.md", a_digest())
    assert totals(alices.look(empty)) == (1, 0, 0, 0)
    assert totals(alices.look(empty)) == (0, 0, 0, 0)


def test_many_files_are_taken_in_newest_first(alices: World):
    files = [
        alices.press.file(f"{n:02}.md", a_digest(n, day=DAY - timedelta(days=60 - n))) for n in range(1, 60)
    ] + [alices.press.file("undated.md", a_digest(60, day=None))]
    taken = alices.look(*files)
    assert totals(taken) == (60, 60, 60, 0)
    order = [int(row.paper[-2:]) for row in alices.rows()]
    assert order == [*range(59, 0, -1), 60]


@pytest.mark.parametrize(
    ("most_files", "most_bytes", "batches"), [(64, 128, [2, 2, 1]), (2, 1_000, [2, 2, 1]), (64, 1, [1] * 5)]
)
def test_so_many_files_and_bytes_share_a_transaction(
    alices: World, monkeypatch: pytest.MonkeyPatch, most_files: int, most_bytes: int, batches: list[int]
):
    sizes: list[int] = []
    store = Ingest._store

    def recorded(self: Ingest, read: Sequence[ReadDigest], now: datetime, *, imported: bool) -> IngestResult:
        sizes.append(len(read))
        return store(self, read, now, imported=imported)

    monkeypatch.setattr(Ingest, "_store", recorded)
    monkeypatch.setattr(ingest, "_BATCH_FILES", most_files)
    monkeypatch.setattr(ingest, "_BATCH_BYTES", most_bytes)
    files = [alices.press.file(f"{n}.md", a_digest(n)) for n in range(1, 6)]
    assert totals(alices.look(*files)) == (5, 5, 5, 0)
    assert {len(file.data) for file in files} == {64}
    assert sizes == batches


@pytest.mark.parametrize("indexed", [False, True])
def test_a_paper_is_folded_once_to_be_matched_and_to_be_found(
    alices: World, monkeypatch: pytest.MonkeyPatch, indexed: bool
):
    folded: Counter[str] = Counter()
    numbers, folded_fields = PieceVocabulary.numbers, documents.folded_fields

    def counting_numbers(self: PieceVocabulary, fields: Sequence[Sequence[str]]) -> tuple[int, ...]:
        folded.update(text for texts in fields for text in texts)
        return numbers(self, fields)

    def counting(fields: Sequence[Sequence[str]]) -> list[str]:
        folded.update(text for texts in fields for text in texts)
        return folded_fields(fields)

    if indexed:
        monkeypatch.setattr("bot.domain.matcher.INDEXED_FROM", 1)
    monkeypatch.setattr(PieceVocabulary, "numbers", counting_numbers)
    monkeypatch.setattr(documents, "folded_fields", counting)
    assert alices.read("a.md", a_digest(1)).deliveries == 1
    assert folded[a_paper(1).title] == 1
    assert set(folded.values()) == {1}


@pytest.mark.parametrize("collecting", [True, False])
def test_ingest_leaves_the_garbage_collector_as_it_was(alices: World, collecting: bool):
    was_on = gc.isenabled()
    (gc.enable if collecting else gc.disable)()
    try:
        alices.read("a.md", a_digest(1))
        assert gc.isenabled() == collecting
    finally:
        (gc.enable if was_on else gc.disable)()


def test_a_whole_folder_gives_the_same_in_any_order(world: MakeWorld, tmp_path: Path):
    def papers_after(order: int) -> list[object]:
        made = World(f"sqlite:///{tmp_path}/{order}.sqlite3", a_subscriber())
        files = [made.press.file(f"{n}.md", a_digest(n, n + 1, day=DAY - n * WEEK)) for n in range(4)]
        made.look(*files[order:], *files[:order])
        found = [(stored.paper, stored.changed_at) for stored in made.store.papers.newest(10)]
        rows = [row.key for row in made.rows()]
        made.close()
        return [*found, rows]

    assert papers_after(0) == papers_after(1) == papers_after(3)


# --- what is not ------------------------------------------------------------------------------------------


def test_the_same_files_again_are_not_even_parsed(alices: World):
    file = alices.press.file("a.md", a_digest(1))
    alices.look(file)
    alices.press.names_read.clear()
    edition = alices.store.papers.version()
    taken = alices.look(file)
    assert totals(taken) == (0, 0, 0, 0)
    assert not taken.changed
    assert alices.press.names_read == []
    assert alices.store.papers.version() == edition


def test_the_reader_may_look_at_what_lies_beside_a_digest(alices: World):
    file = alices.press.file("index.md", a_digest(1))
    file.neighbours["paper.md"] = b"a paper"
    alices.look(file)
    assert alices.press.beside is not None
    assert alices.press.beside("paper.md") == b"a paper"


def test_a_renamed_file_is_nothing_new(alices: World):
    file = alices.press.file("a.md", a_digest(1))
    alices.look(file)
    assert totals(alices.look(file.named("renamed.md"))) == (0, 0, 0, 0)
    assert alices.store.papers.newest(1)[0].paper.digests == ("a.md",)
    alices.press.names_read.clear()
    alices.look(file.named("renamed.md"))
    assert alices.press.names_read == []


def test_copies_that_come_together_are_one_digest(alices: World):
    file = alices.press.file("b.md", a_digest(1))
    taken = alices.look(file, file.named("a.md"), file.named("c.md"))
    assert totals(taken) == (1, 1, 1, 0)
    assert alices.store.papers.newest(1)[0].paper.digests == ("a.md",)
    assert set(alices.store.digests.known_files()) == {"a.md", "b.md", "c.md"}


def test_a_rewritten_file_counts_only_where_it_changed(alices: World):
    alices.read("a.md", a_digest(1, 2))
    taken = alices.read("a.md", a_digest(1, an_entry(2, title="Corrected Language Models"), 3))
    assert totals(taken) == (1, 3, 1, 1)
    assert taken.deliveries == 1  # paper 3; the alert on 2 has not gone out yet and needs no edit
    first, second, third = sorted(alices.store.papers.newest(5), key=lambda paper: paper.paper.id)
    assert second.paper.title == "Corrected Language Models"
    assert third.paper.digests == ("a.md",)
    assert first.paper.digests == ("a.md",)


def test_only_a_paper_that_gained_something_is_updated(alices: World):
    alices.read("a.md", a_digest(1, 2))
    later = alices.clock.advance(hours=1)
    alices.read("b.md", a_digest(1, an_entry(2, summary="Another summary.")))
    changed = {stored.paper.id[-1]: stored.changed_at for stored in alices.store.papers.newest(5)}
    assert changed == {"1": NOW, "2": later}


def test_one_paper_in_two_digests_of_one_look_is_alerted_once(alices: World):
    table = alices.press.file("t.md", a_digest(1))
    page = alices.press.file(
        "p.html", a_digest(an_entry(1, summary=None, editions=(an_edition(quiz=a_quiz()),)), kind="quiz_page")
    )
    taken = alices.look(table, page)
    assert totals(taken) == (2, 2, 1, 1)
    assert [row.kind for row in alices.rows()] == ["alert"]
    (stored,) = alices.store.papers.newest(5)
    assert stored.paper.has_quiz
    assert stored.paper.summary


def test_a_quiz_in_a_second_digest_of_the_same_look_is_planned(world: MakeWorld):
    made = world(a_subscriber("alice", a_channel(quizzes="all")))
    table = made.press.file("t.md", a_digest(1, day=DAY))
    page = made.press.file(
        "p.html", a_digest(an_entry(1, editions=(an_edition(quiz=a_quiz()),)), day=DAY - timedelta(days=1))
    )
    made.look(table, page)
    assert [row.kind for row in made.rows()] == ["alert", "quiz", "quiz", "quiz"]


# --- what is wrong ----------------------------------------------------------------------------------------


def test_a_file_that_is_no_digest_is_named_once_and_looked_at_again_when_it_changes(alices: World):
    notes = FakeFile("2026-09-18.txt", b"buy milk")
    taken = alices.look(notes, alices.press.file("a.md", a_digest(1)))
    assert taken.problems == [
        ("2026-09-18.txt", 0, "2026-09-18.txt: neither a table of papers nor a quiz page nor its text")
    ]
    assert totals(taken) == (1, 1, 1, 0)
    assert alices.look(notes).problems == []
    notes.data = b"buy bread"
    assert len(alices.look(notes).problems) == 1
    notes.data = alices.press.printed(a_digest(2))
    assert totals(alices.look(notes)) == (1, 1, 1, 0)
    assert alices.store.deliveries.counts(NOW).unreadable == 0


def test_a_digest_over_a_limit_is_named(alices: World):
    alices.press.faults["a.md"] = DigestTooLarge("a.md: more than 100,000 rows")
    taken = alices.read("a.md", a_digest(1))
    assert taken.problems == [("a.md", 0, "a.md: more than 100,000 rows")]


def test_a_reader_that_breaks_on_one_file_stops_no_other(alices: World, caplog: pytest.LogCaptureFixture):
    alices.press.faults["a.md"] = RecursionError("too deep")
    bad, good = alices.press.file("a.md", a_digest(1)), alices.press.file("b.md", a_digest(2))
    with caplog.at_level(logging.ERROR):
        taken = alices.look(bad, good)
    assert totals(taken) == (1, 1, 1, 0)
    ((name, line, what),) = taken.problems
    assert (name, line) == ("a.md", 0)
    assert "RecursionError: too deep" in what
    assert alices.look(bad, good).problems == []


def test_a_digest_that_cannot_be_stored_stops_no_other(alices: World):
    """The one with the bad paper is left out, whole; the others of its batch are stored."""
    files = [alices.press.file(f"{n}.md", a_digest(n, 10 + n)) for n in range(1, 5)]
    alices.faults.at("digests.tx.save_papers", ValueError("cannot store"))  # all of them together
    steps = iter([None, None, ValueError("this one"), None])
    real = alices.faults.__class__.__call__

    def second_alone(step: str) -> None:
        if step == "digests.tx.save_digests" and (error := next(steps, None)):
            raise error
        real(alices.faults, step)

    alices.digests._hook = second_alone
    taken = alices.look(*files)
    assert [name for name, *_ in taken.problems] == ["2.md"]
    assert totals(taken) == (3, 6, 6, 0)
    assert {row.paper[-2:] for row in alices.rows()} == {"01", "11", "03", "13", "04", "14"}
    alices.digests._hook = alices.faults
    assert alices.look(*files).problems == []


def test_a_state_that_cannot_be_used_stops_everything_and_nothing_is_lost(alices: World):
    files = [alices.press.file(f"{n}.md", a_digest(n)) for n in range(3)]
    alices.faults.at("digests.commit", StateLocked("held"))
    with pytest.raises(StateLocked):
        alices.look(*files)
    assert alices.store.digests.known_files() == {}
    assert alices.rows() == ()
    assert totals(alices.look(*files)) == (3, 3, 3, 0)


def test_a_state_that_fails_while_one_file_is_tried_alone_stops_everything(alices: World):
    alices.faults.at("digests.tx.save_papers", ValueError("bad"), StateError("disk full"))
    with pytest.raises(StateError, match="disk full"):
        alices.read("a.md", a_digest(1))


@pytest.mark.parametrize(
    "step",
    ["save_digests", "save_files", "save_papers", "save_notices", "plan", "begin_run", "finish", "version"],
)
def test_a_failure_inside_the_transaction_leaves_nothing(alices: World, step: str):
    alices.faults.at(f"digests.tx.{step} done", StateError("the plug was pulled"))
    with pytest.raises(StateError):
        alices.read("a.md", a_digest(1, 2))
    counts = alices.store.deliveries.counts(NOW)
    assert (counts.digests, counts.papers, counts.notices) == (0, 0, 0)
    assert alices.rows() == ()
    assert alices.store.digests.known_files() == {}
    taken = alices.read("a.md", a_digest(1, 2))
    assert (totals(taken), taken.deliveries) == ((1, 2, 2, 0), 2)


def test_a_failure_while_it_is_looked_up_who_was_told_before_leaves_all_as_it_was(alices: World):
    alices.read("a.md", a_digest(1))
    before = alices.rows()
    quizzed = a_digest(an_entry(1, editions=(an_edition(quiz=a_quiz()),)), 2)
    alices.faults.at("digests.tx.planned done", StateError("the plug was pulled"))
    with pytest.raises(StateError):
        alices.read("b.md", quizzed)
    assert alices.rows() == before
    assert totals(alices.read("b.md", quizzed)) == (1, 2, 1, 1)


# --- files that move --------------------------------------------------------------------------------------


def test_a_file_that_cannot_be_read_now_is_told_and_taken_later(alices: World):
    file = alices.press.file("a.md", a_digest(1)).unreadable_once()
    taken = alices.look(file, alices.press.file("b.md", a_digest(2)))
    assert totals(taken) == (1, 1, 1, 0)
    assert taken.unread == {"a.md"}
    assert taken.problems == [("a.md", 0, "a.md: changed while it was read")]
    assert totals(alices.look(file)) == (1, 1, 1, 0)


def test_of_very_much_at_once_files_are_read_again_rather_than_kept(
    alices: World, monkeypatch: pytest.MonkeyPatch
):
    files = [alices.press.file(f"{n}.md", a_digest(n)) for n in range(4)]
    monkeypatch.setattr("bot.pipeline.ingest._KEPT_BYTES", sum(len(file.data) for file in files[:2]))
    assert totals(alices.look(*files)) == (4, 4, 4, 0)
    assert [file.times_read for file in files] == [1, 1, 2, 2]


def test_a_file_that_changes_between_two_reads_is_stored_as_the_second_found_it(
    alices: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("bot.pipeline.ingest._KEPT_BYTES", 0)
    old, new = alices.press.printed(a_digest(1)), alices.press.printed(a_digest(2))
    file = FakeFile("a.md", new)
    file.reads = [old, new]
    assert totals(alices.look(file)) == (1, 1, 1, 0)
    assert [stored.paper.id[-1] for stored in alices.store.papers.newest(5)] == ["2"]
    assert totals(alices.look(file)) == (0, 0, 0, 0)


def test_a_file_that_vanishes_between_two_reads_is_told_once(alices: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("bot.pipeline.ingest._KEPT_BYTES", 0)
    file = alices.press.file("a.md", a_digest(1))
    file.reads = [file.data, DigestTooLarge("a.md: grew")]
    taken = alices.look(file)
    assert (taken.problems, taken.unread) == ([("a.md", 0, "a.md: grew")], {"a.md"})


def test_a_date_that_cannot_be_peeked_at_only_costs_the_place_in_line(alices: World):
    def broken(_data: bytes, _name: str) -> date:
        raise RecursionError

    alices.ingest = Ingest(
        alices.digests,
        alices.registry,
        RunPlanner(alices.digests, alices.store.full_text, first_run=0),
        alices.press.read,
        broken,
    )
    assert totals(alices.read("a.md", a_digest(1))) == (1, 1, 1, 0)


# --- history ----------------------------------------------------------------------------------------------


def test_history_is_stored_and_tells_nobody(alices: World):
    taken = alices.look(alices.press.file("a.md", a_digest(1, 2)), send=False)
    assert totals(taken) == (1, 2, 2, 0)
    assert taken.deliveries == 0
    assert alices.rows() == ()
    assert totals(alices.read("a.md", a_digest(1, 2))) == (0, 0, 0, 0)
    assert alices.rows() == ()


def test_nobody_at_all_is_no_hindrance(world: MakeWorld):
    made = world()
    assert totals(made.read("a.md", a_digest(1))) == (1, 1, 1, 0)


# --- real digests -----------------------------------------------------------------------------------------


class Seed:
    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.source = "seeds"
        self._path = path

    def read(self) -> bytes:
        return self._path.read_bytes()

    def beside(self, name: str) -> bytes | None:
        return None


def reading(world: World) -> Ingest:
    return Ingest(
        world.digests,
        world.registry,
        RunPlanner(world.digests, world.store.full_text, first_run=0),
        lambda data, name, _: read_digest(data, name=name),
        lambda data, name: peek_date(data, name=name),
    )


def test_the_seeds_give_82_papers_of_83_entries_once(world: MakeWorld, seeds: Path):
    made = world()
    files = [Seed(path) for path in sorted(seeds.iterdir())]
    first = reading(made).process(files, NOW)
    assert totals(first) == (5, 83, 82, 1)
    assert totals(reading(made).process(files, NOW)) == (0, 0, 0, 0)
    counts = made.store.deliveries.counts(NOW)
    assert (counts.digests, counts.entries, counts.papers, counts.quizzes) == (5, 83, 82, 9)


def test_the_whole_corpus_is_taken_in_once(world: MakeWorld, corpus: Path):
    made = world()
    files = [Seed(path) for folder in ("tables", "pages") for path in sorted((corpus / folder).iterdir())]
    taken = reading(made).process(files, NOW)
    assert (taken.digests, taken.new) == (377, 3581)
    assert totals(reading(made).process(files, NOW)) == (0, 0, 0, 0)


def test_a_heading_of_the_far_future_is_named_and_counts_as_the_day_of_arrival(world: MakeWorld):
    made = started(world)
    typo = replace(a_digest(1), date=date(2062, 9, 17))
    taken = made.look(made.press.file("a.md", typo))
    assert [(file, problem.partition(":")[0]) for file, _, problem in taken.problems] == [
        ("a.md", "the day 2062-09-17 lies ahead")
    ]
    assert made.store.digests.newest_day() == NOW.date()
    corrected = made.look(made.press.file("a.md", replace(a_digest(1), date=date(2026, 9, 17))))
    assert corrected.problems == []
    (stored,) = made.store.papers.newest(5)
    assert stored.paper.date == date(2026, 9, 17)
    later = made.look(made.press.file("b.md", replace(a_digest(2), date=date(2026, 9, 18))))
    assert (later.new, later.deliveries) == (1, 1)


def test_a_file_that_is_plainly_no_digest_is_no_problem_and_one_that_should_be_is(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(1))
    names = ("README.md", "2026-09-18.md", "a.md")
    taken = made.look(*(FakeFile(name, b"no papers in " + name.encode()) for name in names))
    assert sorted(name for name, _, _ in taken.problems) == ["2026-09-18.md", "a.md"]
    assert set(made.store.digests.no_digests()) == {"README.md"}
    assert set(made.store.digests.unreadable()) == {"2026-09-18.md", "a.md"}
    again = made.look(FakeFile("README.md", b"still none"))
    assert again.problems == []
    assert made.store.deliveries.counts(NOW).unreadable == 2
    made.store.maintenance.forget_unreadable(["README.md", "a.md"])
    assert made.store.digests.no_digests() == {}
