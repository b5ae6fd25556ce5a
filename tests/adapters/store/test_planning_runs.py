"""Planning in parts of any size, cut off anywhere and resumed by any machine, gives what planning at once gives."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.digests import Digest
from bot.domain.errors import StateError
from bot.domain.schedule import parse_quiet_hours, parse_schedule
from bot.domain.subscriptions import Subscriber
from tests.builders import a_channel, a_digest, a_quiz, a_subscriber, a_subscription, an_edition, an_entry
from tests.rigs.postgres import PostgresStates
from tests.rigs.world import World

EVERYTHING = 1_000_000
QUERIES = ("agents", "plan*", "robot", "robots NOT agents", "nothing of it")
TITLES = ("Agents that plan", "A robot", "Robots, agents and planning", "Cats")

channels = st.builds(
    a_channel,
    kind=st.sampled_from(["telegram", "telegram", "email", "atom"]),
    address=st.integers(1, 9).map(str),
    deliver=st.sampled_from(["immediately", "daily at 09:00"]).map(parse_schedule),
    quizzes=st.sampled_from(["none", "one", "all"]),
)
subscriptions = st.builds(
    a_subscription,
    st.sampled_from(QUERIES),
    only=st.sampled_from([frozenset(), frozenset(), frozenset({"email"})]),
)
entries = st.builds(
    lambda number, title, quiz: an_entry(
        number, title=title, summary=None, editions=(an_edition(quiz=a_quiz(quiz)),)
    ),
    st.integers(1, 5),
    st.sampled_from(TITLES),
    st.integers(0, 2),
)
digests = st.lists(entries, min_size=1, max_size=4, unique_by=lambda entry: entry.id).map(
    lambda chosen: a_digest(*chosen)
)


@st.composite
def people(draw: Any) -> list[Subscriber]:
    return [
        a_subscriber(
            f"person{number}",
            *draw(st.lists(channels, min_size=1, max_size=2, unique_by=lambda channel: channel.target)),
            subscriptions=draw(
                st.lists(subscriptions, max_size=3, unique_by=lambda subscription: subscription.text).map(
                    tuple
                )
            ),
            quiet_hours=draw(st.sampled_from([None, parse_quiet_hours("07:00-08:30")])),
        )
        for number in draw(st.permutations(range(draw(st.integers(1, 8)))))
    ]


@dataclass(frozen=True)
class Part:
    """One transaction of planning: how much it plans, which machine does it, and whether it is cut off first."""

    size: int
    machine: int
    cut_off: bool


parts = st.lists(st.builds(Part, st.sampled_from([1, 2, 5]), st.integers(0, 1), st.booleans()), max_size=30)


def planned(url: str, subscribers: Sequence[Subscriber], days: Sequence[Digest], by: Sequence[Part]) -> Any:
    """What is planned for each target, in its order, and noticed for each subscriber."""
    with ExitStack() as stack:
        machines = [World(url, *subscribers, first_run=0) for _ in range(2)]
        for machine in machines:
            stack.callback(machine.close)
        first = machines[0]
        first.look()
        left = list(by)
        for number, day in enumerate(days):
            first.ingest._planner._size = left[0].size if left else EVERYTHING
            first.look_only(first.press.file(f"{number}.md", day))
            for part in left[: len(by) // len(days)]:
                go_on(machines[part.machine], part)
            left = left[len(by) // len(days) :]
        machines[1].ingest.finish_planning(first.clock.now())
        assert first.store.digests.open_runs() == ()
        targets: defaultdict[str, list[Any]] = defaultdict(list)
        for row in first.rows():
            targets[row.target].append((row.key, row.subscriber, row.state, row.due_at, row.created_at))
        noticed = {
            subscriber.id: {
                notice.stored.paper.id: notice.subscriptions
                for notice in first.store.papers.noticed(subscriber.id, 99)
            }
            for subscriber in subscribers
        }
        return dict(targets), noticed, first.store.deliveries.counts(first.clock.now()).notices


def go_on(machine: World, part: Part) -> None:
    machine.ingest._planner._size = part.size
    if part.cut_off:
        machine.faults.at("digests.tx.save_notices done", StateError("the plug was pulled"))
    with suppress(StateError):
        machine.ingest.continue_planning(machine.clock.now())
    machine.faults._waiting.clear()


@given(people(), st.lists(digests, min_size=1, max_size=3), parts)
@settings(max_examples=15, deadline=None)
def test_planning_in_parts_is_planning_at_once(
    subscribers: list[Subscriber], days: list[Digest], by: list[Part]
):
    with TemporaryDirectory() as folder:
        whole = planned(f"sqlite:///{Path(folder, 'whole.sqlite3')}", subscribers, days, [])
        assert planned(f"sqlite:///{Path(folder, 'parts.sqlite3')}", subscribers, days, by) == whole


def test_planning_in_parts_on_a_server_is_planning_at_once(postgres_states: PostgresStates):
    @given(people(), st.lists(digests, min_size=1, max_size=2), parts)
    @settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def each(subscribers: list[Subscriber], days: list[Digest], by: list[Part]) -> None:
        with TemporaryDirectory() as folder, postgres_states.state() as url:
            whole = planned(f"sqlite:///{Path(folder, 'whole.sqlite3')}", subscribers, days, [])
            assert planned(url, subscribers, days, by) == whole

    each()


@pytest.mark.parametrize("size", [1, 3])
def test_a_target_that_subscribers_share_gets_the_same_in_parts(tmp_path: Path, size: int):
    subscribers = [a_subscriber(name, asks=(query,)) for name, query in (("b", "agents"), ("a", "robots"))]
    days = [a_digest(an_entry(1, title="Agents"), an_entry(2, title="Robots and agents"))]
    whole = planned(f"sqlite:///{tmp_path}/whole.sqlite3", subscribers, days, [])
    in_parts = [Part(size, number % 2, cut_off=False) for number in range(4)]
    assert planned(f"sqlite:///{tmp_path}/parts.sqlite3", subscribers, days, in_parts) == whole
