"""Planning runs: what a digest changed is planned in parts, while messages go out already."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from bot.domain.errors import StateError
from bot.domain.message import Begin, OutgoingMessage, Receipt
from bot.domain.subscriptions import Subscriber
from bot.pipeline import planning_runs
from bot.pipeline.history import ledger, paper_history, why_not_queued
from bot.pipeline.ingest import Ingest
from bot.pipeline.planning_runs import Planned
from tests.builders import (
    NOW,
    a_channel,
    a_digest,
    a_paper,
    a_quiz,
    a_subscriber,
    a_subscription,
    an_edition,
    an_entry,
)
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.dispatching import people, started
from tests.rigs.day import in_parts
from tests.rigs.world import World


@pytest.fixture
def seven(world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> World:
    """Seven people of whom two are planned for in a transaction."""
    in_parts(monkeypatch)
    return started(world, *people(7))


def another_machine(made: World, **more: Any) -> Ingest:
    """Ingest on the same state and subscribers."""
    planner = planning_runs.RunPlanner(made.store.digests, made.store.full_text, first_run=0, **more)
    return Ingest(made.store.digests, made.registry, planner, made.press.read, made.press.peek_date)


def sends(made: World) -> list[str]:
    return [row.target.removeprefix("telegram:") for row in made.rows()]


def read_only(made: World, *numbers: int, name: str = "a.md") -> None:
    made.look_only(made.press.file(name, a_digest(*numbers)))


def plan_part(made: World) -> Planned | None:
    return made.ingest.continue_planning(made.clock.now())


async def test_the_first_part_is_stored_with_its_digest_and_goes_out_before_the_rest_is_planned(seven: World):
    read_only(seven, 1)
    assert sends(seven) == ["1", "2"]
    assert await seven.send() == {"sent": 2}
    assert plan_part(seven) == Planned(notices=2, deliveries=2)
    assert sends(seven) == ["1", "2", "3", "4"]
    assert seven.ingest.finish_planning(NOW) == Planned(notices=3, deliveries=3)
    assert plan_part(seven) is None
    assert await seven.send() == {"sent": 5}


async def test_a_run_says_how_far_it_is_until_it_is_done(seven: World):
    read_only(seven, 1, 2)
    (run,) = seven.store.digests.open_runs()
    assert (run.made_at, run.papers, run.sends, run.cursor) == (NOW, 2, True, "p1")
    plan_part(seven)
    assert [run.cursor for run in seven.store.digests.open_runs()] == ["p2"]
    seven.ingest.finish_planning(NOW)
    assert seven.store.digests.open_runs() == ()


def test_a_digest_that_comes_meanwhile_is_planned_after_it(seven: World):
    read_only(seven, 1)
    read_only(seven, 2, name="b.md")
    assert {row.paper[-1] for row in seven.rows()} == {"1"}
    assert [run.cursor for run in seven.store.digests.open_runs()] == ["p2", ""]
    seven.ingest.finish_planning(NOW)
    for number in "1234567":
        assert [row.paper[-1] for row in seven.rows() if row.target.endswith(f":{number}")] == ["1", "2"]


def test_news_are_planned_before_the_backlogs_that_come_with_them_by_source(seven: World):
    press = seven.press
    seven.look(*(press.file(f"{name}.md", a_digest(n), name) for n, name in enumerate("xyz", start=1)))
    seven.clock.advance(days=1)
    old = (a_digest(4, day=date(2026, 8, 2)), a_digest(5, day=date(2026, 8, 1)))
    seven.look_only(
        press.file("old-y.md", old[0], "y"),
        press.file("old-x.md", old[1], "x"),
        press.file("z2.md", a_digest(6), "z"),
    )
    runs = [(run.rule, run.source) for run in seven.store.digests.open_runs()]
    assert runs == [("news", None), ("backlog", "x"), ("backlog", "y")]


def prepared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The runs that are matched when their turn comes, as they do."""
    runs: list[int] = []
    match = planning_runs.RunPlanner._match

    def recorded(self, run, matcher):
        runs.append(run.number)
        return match(self, run, matcher)

    monkeypatch.setattr(planning_runs.RunPlanner, "_match", recorded)
    return runs


def test_a_run_that_waits_is_not_matched_again(seven: World, monkeypatch: pytest.MonkeyPatch):
    runs = prepared(monkeypatch)
    read_only(seven, 1)
    read_only(seven, 2, name="b.md")
    seven.ingest.finish_planning(NOW)
    assert (len(sends(seven)), runs) == (14, [])


def test_runs_of_many_papers_that_wait_are_planned_before_more_is_taken_in(
    seven: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(planning_runs, "_MOST_WAITING", 2)
    runs = prepared(monkeypatch)
    open_runs = []
    for number, name in enumerate(("a.md", "b.md", "c.md"), start=1):
        read_only(seven, number, name=name)
        open_runs.append(len(seven.store.digests.open_runs()))
    assert (open_runs, len(sends(seven)), runs) == ([1, 2, 0], 21, [])


def test_a_digest_that_waits_for_a_run_has_nothing_matched_again(
    seven: World, monkeypatch: pytest.MonkeyPatch
):
    runs = prepared(monkeypatch)
    read_only(seven, 1, 2)
    read_only(seven, 3, name="b.md")
    seven.look_only(seven.press.file("a.md", a_digest(an_entry(1, title="Cats", summary="Cats."))))
    seven.ingest.finish_planning(NOW)
    assert (len(sends(seven)), runs) == (21, [])


def test_a_run_that_another_machine_finished_is_forgotten(seven: World, monkeypatch: pytest.MonkeyPatch):
    runs = prepared(monkeypatch)
    other = another_machine(seven)
    read_only(seven, 1)
    read_only(seven, 2, name="b.md")
    other.finish_planning(NOW)
    assert plan_part(seven) == Planned()
    assert plan_part(seven) is None
    runs.clear()
    read_only(seven, 3, name="c.md")
    read_only(seven, 4, name="d.md")
    seven.ingest.finish_planning(NOW)
    assert runs == []
    assert len(sends(seven)) == 28


def test_a_paper_that_would_change_before_it_is_planned_waits_for_that(seven: World):
    """What matched it as it was gets it, on whichever machine the planning goes on."""
    read_only(seven, 1, 2)
    cats = a_digest(an_entry(1, title="Cats", summary="Cats."))
    seven.look_only(seven.press.file("a.md", cats))
    (run,) = seven.store.digests.open_runs()
    assert [change.gains for change in seven.store.digests.changes_of(run)] == [{"title", "summary"}]
    assert sends(seven) == [number for number in "1234567" for _ in range(2)]


async def test_two_digests_that_come_together_are_one_message_to_each(seven: World):
    seven.look(seven.press.file("a.md", a_digest(1, 2)), seven.press.file("b.md", a_digest(2, 3)))
    assert await seven.send() == {"sent": 7, "merged": 14}
    assert [len(outgoing.items) for outgoing in seven.telegram.taken] == [3] * 7


async def test_another_machine_goes_on_where_the_first_one_stopped(seven: World, world: MakeWorld):
    read_only(seven, 1)
    again = world(*people(7), first_run=0)
    assert again.ingest.finish_planning(NOW) == Planned(notices=5, deliveries=5)
    assert await again.send() == {"sent": 7}


def test_two_machines_take_turns_and_plan_nothing_twice(seven: World):
    read_only(seven, 1)
    other = another_machine(seven)
    parts = [machine.continue_planning(NOW) for machine in (other, seven.ingest, other, seven.ingest)]
    assert [part and part.deliveries for part in parts] == [2, 2, 1, 0]
    assert plan_part(seven) is None
    assert sends(seven) == list("1234567")
    assert other.continue_planning(NOW) is None


@pytest.mark.parametrize("step", ["save_notices done", "plan done", "advance done"])
def test_a_part_that_fails_is_planned_again(seven: World, step: str):
    read_only(seven, 1)
    seven.faults.at(f"digests.tx.{step}", StateError("the plug was pulled"))
    with pytest.raises(StateError):
        plan_part(seven)
    assert sends(seven) == ["1", "2"]
    assert seven.ingest.finish_planning(NOW).deliveries == 5
    assert sends(seven) == list("1234567")


def test_a_digest_that_is_forgotten_is_not_planned_on(seven: World):
    seven.faults.at("digests.commit", StateError("the plug was pulled"))
    with pytest.raises(StateError):
        read_only(seven, 1)
    assert plan_part(seven) is None
    read_only(seven, 2)
    seven.ingest.finish_planning(NOW)
    assert {row.paper[-1] for row in seven.rows()} == {"2"}


async def test_who_is_new_meanwhile_gets_their_first_matches_and_nobody_anything_twice(
    seven: World, world: MakeWorld
):
    read_only(seven, 1, 2)
    again = world(*people(7), a_subscriber("a-new-one", a_channel(address="99")), first_run=1)
    again.look()
    assert [row.paper[-1] for row in again.rows() if row.target == "telegram:99"] == ["1"]
    assert len(again.rows()) == 15


async def test_who_is_new_on_one_machine_is_registered_before_it_goes_on_planning(
    seven: World, world: MakeWorld
):
    read_only(seven, 1, 2)
    again = world(*people(7), a_subscriber("z", a_channel(address="99")), first_run=0)
    again.ingest.finish_planning(NOW)
    assert "99" not in sends(again)
    again.look()
    assert "99" not in sends(again)
    assert len(again.store.papers.noticed("z", 9)) == 2


def test_planning_goes_on_with_the_configuration_as_it_is_then(seven: World):
    read_only(seven, 1)
    p1, p2, p3, p4, _, p6, p7 = people(7)
    elsewhere = a_subscriber("p4", a_channel(address="44"))
    asks_no_more = a_subscriber("p6", a_channel(address="6"), asks=("zebras",))
    seven.subscribe(p1, p2, p3, elsewhere, asks_no_more, p7)
    seven.ingest.finish_planning(NOW)
    assert (p4.id, p6.id) == ("p4", "p6")
    assert sends(seven) == ["1", "2", "3", "44", "7"]


def test_what_is_released_and_held_follows_the_moment_at_which_the_digest_came(seven: World):
    read_only(seven, 1)
    seven.clock.advance(hours=5)
    seven.ingest.finish_planning(seven.clock.now())
    assert {(row.due_at, row.created_at) for row in seven.rows()} == {(NOW, NOW)}


def test_history_is_noticed_in_parts_and_told_to_nobody(seven: World):
    taken = seven.look(seven.press.file("a.md", a_digest(1)), send=False)
    assert (taken.notices, taken.deliveries, seven.rows()) == (7, 0, ())


def test_a_gained_quiz_follows_every_alert(seven: World):
    seven.subscribe(*(a_subscriber(f"p{n}", a_channel(address=str(n), quizzes="all")) for n in range(1, 8)))
    seven.read("a.md", a_digest(1))
    quizzed = a_digest(an_entry(1, editions=(an_edition(quiz=a_quiz(1)),)))
    taken = seven.look_only(seven.press.file("b.md", quizzed))
    assert (taken.gained, taken.deliveries) == (1, 2)
    seven.ingest.finish_planning(NOW)
    assert [row.kind for row in seven.rows()] == ["alert"] * 7 + ["quiz"] * 7


def test_another_subscription_that_matches_a_gained_paper_extends_its_notices(world: MakeWorld):
    made = world(a_subscriber(asks=("language models", "enormous")))
    made.read("a.md", a_digest(1))
    taken = made.read("b.md", a_digest(an_entry(1, summary="Enormous.")))
    assert (taken.gained, taken.notices) == (1, 1)
    notices = made.store.digests.notice_records("alice", [made.rows()[0].paper])
    assert [notice.subscriptions for notice in notices.values()] == [("language models", "enormous")]


def test_a_state_that_changes_between_the_look_and_the_transaction_is_looked_at_again(
    seven: World, world: MakeWorld
):
    other = world(*people(7), first_run=0)
    looked = seven.digests._hook

    def meanwhile(step: str) -> None:
        looked(step)
        if step == "digests.transaction":
            seven.digests._hook = looked
            other.look(other.press.file("b.md", a_digest(an_entry(1, summary="Another."))))

    seven.digests._hook = meanwhile
    taken = seven.read("a.md", a_digest(1))
    assert (taken.new, taken.gained) == (0, 1)
    assert sends(seven) == list("1234567")
    (paper,) = seven.store.papers.newest(9)
    assert len(paper.paper.summaries) == 2


async def test_the_dispatcher_sends_what_is_planned_and_asks_for_no_more(seven: World):
    planned: list[int] = []
    send = seven.telegram.send

    async def noting(outgoing: OutgoingMessage, begin: Begin) -> Receipt:
        planned.append(len(seven.rows()))
        return await send(outgoing, begin)

    seven.telegram.send = noting  # type: ignore[method-assign]
    read_only(seven, 1)
    await seven.send()
    assert planned == [2, 2]
    assert await seven.dispatcher.next_due() is None


def test_the_size_of_a_part_follows_the_time_that_parts_take(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("bot.pipeline.planning_runs._FIRST_SIZE", 4)
    monkeypatch.setattr("bot.pipeline.planning_runs._SMALLEST", 1)
    made = started(world, *people(30))
    seconds = iter([0.0, 0.2, 1.0, 1.04, 2.0, 2.0])
    made.ingest = another_machine(made, elapsed=lambda: next(seconds))
    read_only(made, 1)
    sizes = [part.deliveries for _ in range(3) if (part := plan_part(made))]
    assert (len(sends(made)), sizes) == (12, [4, 2, 2])
    assert made.ingest._planner._size == 4


def test_a_digest_for_nobody_needs_no_run(world: MakeWorld):
    made = world()
    assert made.look_only(made.press.file("a.md", a_digest(1))).notices == 0
    assert made.store.digests.open_runs() == ()


def test_a_subscriber_without_channels_is_noticed(world: MakeWorld):
    made = world(a_subscriber("bob"), first_run=0)
    made.subscribe(Subscriber(id="alice", channels=(), subscriptions=(a_subscription(),)))
    made.look()
    assert made.read("a.md", a_digest(1)).notices == 1
    assert made.rows() == ()


def test_ledger_and_explain_say_that_a_paper_is_still_being_planned(seven: World):
    read_only(seven, 1)
    digests, papers, paper = seven.store.digests, seven.store.papers, a_paper(1).id
    deliveries, people_ = seven.store.deliveries, seven.registry.matcher.subscribers
    day = a_digest().date
    assert day is not None
    fates = [ledger(people_[name], day, digests, deliveries, papers).lines[0].fate for name in ("p2", "p3")]
    assert fates == ["matched", "being planned"]
    told_ = paper_history(
        paper,
        people_["p3"],
        papers=papers,
        digests=digests,
        deliveries=deliveries,
        stops=seven.store.incidents,
    )
    assert told_ is not None
    assert "still being planned" in (why_not_queued(told_) or "")
    seven.ingest.finish_planning(NOW)
    assert ledger(people_["p3"], day, digests, deliveries, papers).lines[0].fate == "matched"


def test_history_that_is_alike_waits_for_what_is_being_planned(seven: World):
    liking = a_subscriber("p8", asks=(replace(a_subscription("like it"), query=None, like=(a_paper(1).id,)),))
    seven.subscribe(*people(7), liking)
    seven.look()
    read_only(seven, 1)
    assert seven.ingest.finish_history(NOW) == Planned(notices=5, deliveries=5)


def test_a_newcomer_waits_for_what_is_being_planned(seven: World):
    read_only(seven, 1)
    seven.subscribe(*people(7), a_subscriber("new", a_channel(address="99")))
    seven.look_only()
    assert [run.rule for run in seven.store.digests.open_runs()] == ["news", "new subscriber"]
    assert seven.ingest.finish_planning(NOW) == Planned(notices=6, deliveries=5)
    assert "99" not in sends(seven)
    assert seven.store.digests.backlog() == {}
