"""Those who are new: what they get of what is there already, once, whatever happens in between."""

from contextlib import closing, suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.errors import StateError
from bot.domain.subscriptions import Subscriber
from bot.pipeline import planning_runs
from bot.pipeline.onboarding import register
from bot.pipeline.planning_runs import match_stored
from bot.pipeline.ports.papers import PlanningRun
from bot.pipeline.subscribers import SubscriberRegistry
from tests.builders import NOW, a_channel, a_digest, a_quiz, a_subscriber, an_edition, an_entry
from tests.pipeline.conftest import MakeWorld
from tests.rigs.day import in_parts
from tests.rigs.world import World

DAY = date(2026, 9, 18)
BOB = a_subscriber("bob", a_channel(address="2002"))


def folder(world: World, days: int = 5) -> list:
    """One digest a day, the newest naming paper 1."""
    return [world.press.file(f"{n}.md", a_digest(n, day=DAY - timedelta(days=n))) for n in range(1, days + 1)]


def told(world: World, target: str = "telegram:1001") -> list[str]:
    return [row.paper[-1] for row in world.rows() if row.target == target and row.kind == "alert"]


def recorded(world: World, name: str = "alice") -> list[str]:
    return [notice.stored.paper.id[-1] for notice in world.store.papers.noticed(name, 50)]


@pytest.mark.parametrize(
    ("first_run", "expected"),
    [(3, ["1", "2", "3"]), (None, ["1", "2", "3", "4", "5"]), (0, []), (99, list("12345"))],
)
def test_a_newcomer_gets_the_newest_matches_and_the_rest_is_noticed(
    world: MakeWorld, first_run: int | None, expected: list[str]
):
    made = world(a_subscriber(), first_run=first_run)
    taken = made.look(*folder(made))
    assert told(made) == expected
    assert recorded(made) == list("12345")
    assert taken.deliveries == len(expected)


def test_only_papers_that_match_count(world: MakeWorld):
    made = world(a_subscriber(), first_run=2)
    cats = an_entry(9, title="Cats", summary="Cats.")
    made.look(made.press.file("a.md", a_digest(cats, 1, day=DAY)), *folder(made)[1:])
    assert told(made) == ["1", "2"]


def test_after_onboarding_everything_new_is_told(world: MakeWorld):
    made = world(a_subscriber(), first_run=1)
    made.look(*folder(made, 2))
    made.read("new.md", a_digest(7, 8))
    assert told(made) == ["1", "7", "8"]


def test_an_empty_first_folder_onboards_too(world: MakeWorld):
    """Whatever comes after it is news, however much it is."""
    made = world(a_subscriber(), first_run=3)
    made.look()
    made.read("a.md", a_digest(1, 2, 3, 4, 5))
    assert told(made) == list("12345")


def test_a_crash_in_onboarding_takes_nothing_in_and_onboards_later_and_once(world: MakeWorld):
    made = world(first_run=3)
    made.look(*folder(made))
    made.subscribe(a_subscriber())
    made.faults.at("digests.tx.begin_stored_run", StateError("the plug was pulled"))
    new = made.press.file("new.md", a_digest(9, day=DAY))
    with pytest.raises(StateError):
        made.look(new)
    assert made.rows() == ()
    again = world(a_subscriber(), first_run=3)
    again.clock.advance(hours=1)
    again.look(new)
    assert told(again) == ["1", "2", "3", "9"]
    third = world(a_subscriber(), first_run=3)
    third.look()
    assert told(third) == ["1", "2", "3", "9"]


def newcomers(world: World, *, first_run: int | None = 3) -> tuple[Subscriber, ...]:
    """Bob and Carol come to a state of seven papers, of which Alice, who was there before, asks for more."""
    world.look(*folder(world, 7))
    return (
        BOB,
        a_subscriber("carol", a_channel(address="3003")),
        a_subscriber(asks=("cats", "language models")),
    )


class FailsOnce:
    """A hook that fails at the end of a transaction or right after it, the n-th time from now on."""

    def __init__(self, times: int) -> None:
        self.left = times

    def __call__(self, step: str) -> None:
        self.left -= step in ("digests.commit", "digests.transaction done")
        if self.left == 0:
            raise StateError("the plug was pulled")


@pytest.mark.parametrize("first_run", [3, None])
def test_whichever_transaction_of_onboarding_fails_everybody_gets_theirs_once(
    tmp_path: Path, empty_state: bytes, first_run: int | None, monkeypatch: pytest.MonkeyPatch
):
    in_parts(monkeypatch)
    everything = list("1234567")
    hook = FailsOnce(0)
    steps = 0
    while hook.left <= 0:  # until no step is left that could fail
        steps += 1
        hook = FailsOnce(steps)
        state = tmp_path / f"{steps}.sqlite3"
        state.write_bytes(empty_state)
        with closing(World(f"sqlite:///{state}", asking("cats"), first_run=first_run)) as made:
            people = newcomers(made)
            made.subscribe(*people)
            made.digests._hook = hook
            with suppress(StateError):
                made.look()
        with closing(World(f"sqlite:///{state}", *people, first_run=first_run)) as again:
            again.look()
            for target, name in (("2002", "bob"), ("3003", "carol"), ("1001", "alice")):
                assert told(again, f"telegram:{target}") == everything[:first_run]
                assert recorded(again, name) == everything
            assert again.store.digests.backlog() == {}
            assert again.store.digests.open_runs() == ()
    assert steps > 20


def test_somebody_who_comes_later_is_onboarded_alone(world: MakeWorld):
    made = world(a_subscriber(), first_run=1)
    made.look(*folder(made))
    made.subscribe(a_subscriber(), BOB)
    made.look()
    assert told(made) == ["1"]
    assert told(made, "telegram:2002") == ["1"]
    assert recorded(made, "bob") == list("12345")
    made.read("new.md", a_digest(7))
    assert told(made, "telegram:2002") == ["1", "7"]


def test_to_somebody_who_comes_with_a_digest_it_is_news(world: MakeWorld):
    made = world(a_subscriber(), first_run=0)
    made.look(*folder(made))
    made.subscribe(a_subscriber(), BOB)
    made.read("new.md", a_digest(7))
    assert told(made, "telegram:2002") == ["7"]
    assert told(made) == ["7"]
    assert "7" in recorded(made, "bob")


def test_somebody_who_left_and_comes_back_is_not_new(world: MakeWorld):
    made = world(a_subscriber(), first_run=2)
    made.look(*folder(made))
    made.subscribe()
    made.read("while-away.md", a_digest(7))
    made.subscribe(a_subscriber())
    made.look()
    assert told(made) == ["1", "2"]
    made.read("back.md", a_digest(8))
    assert told(made) == ["1", "2", "8"]


def test_somebody_who_leaves_before_onboarding_is_still_new_when_they_come_back(world: MakeWorld):
    made = world(a_subscriber(), first_run=2)
    register(made.digests, made.registry.matcher, 2, NOW)
    made.subscribe()
    made.look(*folder(made))
    made.subscribe(a_subscriber())
    made.look()
    assert told(made) == ["1", "2"]


def test_a_chat_that_was_told_already_is_not_told_again_by_a_newcomer(world: MakeWorld):
    made = world(a_subscriber(), first_run=3)
    made.look(*folder(made))
    made.subscribe(a_subscriber(), a_subscriber("bob"))
    made.look()
    assert told(made) == ["1", "2", "3"]
    assert recorded(made, "bob") == list("12345")


def quiz_pages(world: World) -> list:
    """Pages with a paper and its quiz each, a day each, the newest naming paper 1."""
    return [
        world.press.file(
            f"{n}.html",
            a_digest(an_entry(n, editions=(an_edition(quiz=a_quiz()),)), day=DAY - timedelta(days=n)),
        )
        for n in (1, 2, 3)
    ]


@pytest.mark.parametrize("stored", [False, True], ids=["arriving", "stored"])
def test_first_matches_bring_their_quizzes_behind_all_alerts(world: MakeWorld, stored: bool):
    alice = a_subscriber("alice", a_channel(quizzes="one"))
    made = world(*([] if stored else [alice]), first_run=2)
    made.look(*quiz_pages(made))
    if stored:
        made.subscribe(alice)
        made.look()
    assert [(row.kind, row.paper[-1]) for row in made.rows()] == [
        ("alert", "1"),
        ("alert", "2"),
        ("quiz", "1"),
        ("quiz", "2"),
    ]


def test_a_state_with_more_papers_than_fit_at_once_is_onboarded_whole(world: MakeWorld):
    made = world(first_run=250)
    made.look(made.press.file("a.md", a_digest(*range(1, 462))))
    made.subscribe(a_subscriber())
    made.look()
    assert len(made.rows()) == 250
    assert len(made.store.papers.noticed("alice", 1000)) == 461


def asking(*asks: str) -> Subscriber:
    return a_subscriber(asks=asks)


def test_a_new_subscription_of_a_known_subscriber_gets_its_newest_matches_once(world: MakeWorld):
    made = world(asking("cats"), first_run=2)
    made.look(*folder(made))
    made.subscribe(asking("cats", "language models"))
    assert made.look().deliveries == 2
    assert told(made) == ["1", "2"]
    assert recorded(made) == list("12345")
    again = world(asking("cats", "language models"), first_run=2)
    again.look()
    assert told(again) == ["1", "2"]
    assert {row.rule for row in again.rows()} == {"new subscription"}


def test_who_left_before_a_new_subscription_was_planned_gets_nothing_for_it(world: MakeWorld):
    made = world(asking("cats"), first_run=2)
    made.look(*folder(made))
    made.subscribe(asking("cats", "language models"))
    made.look_only()
    assert [run.rule for run in made.store.digests.open_runs()] == ["new subscription"]
    made.subscribe(BOB)
    made.look()
    assert told(made) == []
    assert told(made, "telegram:2002") == ["1", "2"]


def test_a_new_subscription_passes_over_what_was_told_already(world: MakeWorld):
    made = world(asking("language models"), first_run=2)
    made.look(*folder(made))
    made.subscribe(asking("language models", "family"))
    made.look()
    assert told(made) == ["1", "2", "3", "4"]


def test_a_subscription_that_goes_or_only_changes_its_place_is_nothing_new(world: MakeWorld):
    made = world(asking("cats", "language models"), first_run=1)
    made.look(*folder(made))
    made.subscribe(asking("language models", "cats"))
    made.look()
    made.subscribe(asking("language models"))
    made.look()
    assert told(made) == ["1"]


def test_a_new_subscription_waits_for_what_is_planned_before_it(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch
):
    in_parts(monkeypatch)
    others = [a_subscriber(f"p{number}", a_channel(address=str(number))) for number in range(5)]
    made = world(*others, first_run=2)
    made.look_only(made.press.file("a.md", a_digest(1, day=DAY)))
    made.subscribe(
        *others[:4], a_subscriber("p4", a_channel(address="4"), asks=("language models", "family"))
    )
    made.look()
    assert told(made, "telegram:4") == ["1"]
    assert [row.rule for row in made.rows()] == ["news"] * 5


def test_of_a_backlog_each_subscriber_gets_a_share_of_each_source_once(world: MakeWorld):
    made = world(a_subscriber(), first_run=2)
    made.look(*folder(made, 3))
    made.clock.advance(hours=1)
    old = [made.press.file(f"old{n}.md", a_digest(n, day=DAY - timedelta(days=20 + n))) for n in (6, 7, 8)]
    made.look(*old)
    assert told(made) == ["1", "2"]
    more = [
        made.press.file(f"o{n}.md", a_digest(10 + n, day=DAY - timedelta(days=n)), "other") for n in (1, 2, 3)
    ]
    made.look(*more)
    assert [row.paper[-2:] for row in made.rows()] == ["01", "02", "11", "12"]
    assert [row.source for row in made.rows()] == ["digests"] * 2 + ["other"] * 2


def test_a_share_that_is_left_over_is_given_from_the_next_backlog(world: MakeWorld):
    made = world(a_subscriber(), first_run=3)
    cats = an_entry(9, title="Cats", summary="Cats.")
    made.look(made.press.file("a.md", a_digest(cats, day=DAY)), *folder(made, 2))
    made.clock.advance(hours=1)
    made.look(
        *[made.press.file(f"old{n}.md", a_digest(n, day=DAY - timedelta(days=20 + n))) for n in (6, 7, 8)]
    )
    assert told(made) == ["1", "2", "6"]


def test_who_came_after_a_source_got_theirs_when_they_came(world: MakeWorld):
    made = world(a_subscriber(), first_run=2)
    made.look(*folder(made, 3))
    made.clock.advance(hours=1)
    made.subscribe(a_subscriber(), BOB)
    made.look(made.press.file("old.md", a_digest(6, 7, 8, day=DAY - timedelta(days=30))))
    assert told(made, "telegram:2002") == ["1", "2"]


def test_news_and_backlog_in_one_look_are_planned_each_by_its_rule(world: MakeWorld):
    made = world(a_subscriber(), first_run=1)
    made.read("first.md", a_digest(9, day=DAY))
    made.clock.advance(hours=1)
    old = a_digest(1, 2, 3, day=DAY - timedelta(days=30))
    both = a_digest(3, 4, day=DAY + timedelta(days=1))
    made.look(made.press.file("old.md", old), made.press.file("new.md", both))
    assert {row.paper[-1]: row.rule for row in made.rows()} == {
        "9": "news",
        "3": "news",
        "4": "news",
        "1": "backlog",
    }
    assert sorted(recorded(made)) == ["1", "2", "3", "4", "9"]


def test_an_archive_that_was_imported_counts_as_what_its_copy_brought(world: MakeWorld):
    made = world(a_subscriber(), first_run=1)
    files = folder(made)
    made.look(*[file.named(f"import/{file.name}") for file in files], send=False)
    copied = made.press.file("x.md", a_digest(8, day=DAY), "watched")
    later = made.press.file("y.md", a_digest(9, day=DAY + timedelta(days=1)), "watched")
    old = [file.named(f"copy/{file.name}") for file in files]
    for file in old:
        file.source = "watched"
    made.look(*old, copied, later)
    assert told(made) == ["9", "8"]


def test_two_machines_begin_to_onboard_somebody_once(world: MakeWorld):
    made = world(first_run=2)
    made.look(*folder(made))
    machines = [world(a_subscriber(), first_run=2) for _ in range(2)]
    for machine in machines:
        machine.look_only()
    (run,) = made.store.digests.open_runs()
    assert (run.rule, run.subscribers, run.papers) == ("new subscriber", ("alice",), 5)
    assert [machine.ingest.finish_planning(NOW).deliveries for machine in machines] == [2, 0]
    assert told(made) == ["1", "2"]


def test_two_machines_take_turns_within_the_matches_of_one_subscriber(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch
):
    in_parts(monkeypatch)
    made = world(first_run=3)
    made.look(*folder(made))
    machines = [world(a_subscriber(), BOB, first_run=3) for _ in range(2)]
    machines[0].look_only()
    going = True
    while going:
        parts = [machine.ingest.continue_planning(NOW) for machine in machines]
        going = any(part is not None for part in parts)
    assert told(made) == told(made, "telegram:2002") == ["1", "2", "3"]
    assert recorded(made) == recorded(made, "bob") == list("12345")


def test_a_part_has_no_more_matches_than_its_size_whoever_they_are_of(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch
):
    for size in ("_FIRST_SIZE", "_SMALLEST", "_LARGEST"):
        monkeypatch.setattr(planning_runs, size, 4)
    made = world(first_run=3)
    made.look(*folder(made, 3))
    made.subscribe(a_subscriber(), BOB)
    made.look_only()
    parts = [made.ingest.continue_planning(NOW) for _ in range(2)]
    assert [part and part.notices for part in parts] == [4, 2]


def test_a_paper_that_comes_while_somebody_is_onboarded_is_news_to_them(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch
):
    in_parts(monkeypatch)
    made = world(first_run=2)
    made.look(*folder(made))
    made.subscribe(a_subscriber())
    made.look_only(made.press.file("new.md", a_digest(8, 9, day=DAY)))
    assert [run.rule for run in made.store.digests.open_runs()] == ["new subscriber", "news"]
    made.ingest.finish_planning(NOW)
    assert told(made) == ["1", "2", "8", "9"]


def test_a_paper_that_would_change_while_somebody_is_onboarded_waits_for_that(world: MakeWorld):
    made = world(first_run=2)
    made.look(*folder(made))
    made.subscribe(a_subscriber())
    cats = a_digest(an_entry(1, title="Cats", summary="Cats."), day=DAY)
    made.look_only(made.press.file("1.md", cats))
    assert told(made) == ["1", "2"]


def test_who_leaves_while_they_are_onboarded_is_still_new_when_they_come_back(world: MakeWorld):
    made = world(first_run=2)
    made.look(*folder(made))
    made.subscribe(a_subscriber(), BOB)
    made.look_only()
    made.subscribe(BOB)
    made.look()
    assert (told(made), told(made, "telegram:2002")) == ([], ["1", "2"])
    made.subscribe(a_subscriber(), BOB)
    made.look()
    assert (told(made), told(made, "telegram:2002")) == (["1", "2"], ["1", "2"])


def test_who_is_deleted_while_they_are_onboarded_gets_nothing(world: MakeWorld):
    made = world(first_run=2)
    made.look(*folder(made))
    made.subscribe(a_subscriber(), BOB)
    made.look_only()
    with made.digests._port._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM subscribers WHERE id = 'alice'")
    made.ingest.finish_planning(NOW)
    assert (told(made), told(made, "telegram:2002")) == ([], ["1", "2"])


def test_a_subscription_that_changes_again_while_it_is_onboarded_is_onboarded_as_it_is_then(world: MakeWorld):
    made = world(asking("cats"), first_run=2)
    made.look(*folder(made))
    made.subscribe(asking("cats", "language models"))
    made.look_only()
    made.subscribe(asking("cats", "family"))
    made.look()
    assert told(made) == ["1", "2"]
    made.look()
    assert {name for paper in made.store.papers.noticed("alice", 9) for name in paper.subscriptions} == {
        "family"
    }


def test_very_many_newcomers_are_registered_and_onboarded_some_at_a_time(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("bot.pipeline.onboarding._GROUP_SIZE", 2)
    monkeypatch.setattr("bot.pipeline.planning_runs._MOST_CANDIDATES", 1)
    made = world(first_run=1)
    made.look(*folder(made))
    people = [a_subscriber(f"p{number}", a_channel(address=str(number))) for number in range(5)]
    made.subscribe(*people)
    made.look_only()
    assert [run.subscribers for run in made.store.digests.open_runs()] == [
        ("p0", "p1"),
        ("p2", "p3"),
        ("p4",),
    ]
    made.ingest.finish_planning(NOW)
    assert [told(made, f"telegram:{number}") for number in range(5)] == [["1"]] * 5
    assert made.store.digests.backlog() == {}


@pytest.mark.parametrize(("most", "groups"), [(5, 3), (6, 2), (500_000, 1)])
def test_newcomers_are_matched_together_while_few_papers_may_match(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch, most: int, groups: int
):
    monkeypatch.setattr(planning_runs, "_MOST_CANDIDATES", most)
    matched: list[PlanningRun] = []

    def counting(*arguments: Any) -> Any:
        matched.append(arguments[-1])
        return match_stored(*arguments)

    monkeypatch.setattr(planning_runs, "match_stored", counting)
    made = world(first_run=1)
    made.look(*folder(made))
    newcomers = [a_subscriber(f"n{n}", a_channel(address=f"300{n}")) for n in range(3)]
    made.subscribe(*newcomers)
    made.look()
    assert len(matched) == groups
    assert [told(made, f"telegram:300{n}") for n in range(3)] == [["1"]] * 3


def test_queries_that_need_the_texts_as_written_are_onboarded_too(world: MakeWorld):
    made = world(first_run=9)
    made.look(*folder(made, 2))
    made.subscribe(asking('"language models"', "=models"))
    made.look()
    assert sorted(recorded(made)) == ["1", "2"]


def test_who_is_onboarded_is_not_looked_for_again(world: MakeWorld):
    """Of a million subscribers, to read and hash all subscriptions takes seconds."""
    made = world(a_subscriber(), BOB)
    made.look(*folder(made))
    made.look()
    made.faults.at("digests.subscriptions", StateError("all subscriptions are read again"))
    made.look(made.press.file("new.md", a_digest(7)))
    assert told(made)[-1] == "7"
    made.subscribe(a_subscriber(), BOB, a_subscriber("carol", a_channel(address="2003")))
    with pytest.raises(StateError, match="read again"):
        made.look()


def test_a_registry_is_replaced_whole():
    registry = SubscriberRegistry([a_subscriber()])
    before = registry.matcher
    assert registry.subscriber("alice") == a_subscriber()
    registry.replace([BOB])
    assert registry.subscriber("alice") is None
    assert list(before.subscribers) == ["alice"]
    assert isinstance(registry.subscriber("bob"), Subscriber)
    assert SubscriberRegistry().matcher.subscribers == {}
