"""The ledger: every paper of a day is accounted for, at every target, and the sums are equal."""

import asyncio
from datetime import date
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.subscriptions import Subscriber
from bot.pipeline.history import Ledger, ledger
from tests.builders import a_channel, a_digest, a_quiz, a_subscriber, a_subscription, an_edition, an_entry
from tests.pipeline.conftest import MakeWorld
from tests.rigs.world import World

DAY = date(2026, 9, 18)
CATS = an_entry(9, title="Cats", summary="Cats.")


def kept(world: World, name: str = "alice", day: date = DAY) -> Ledger:
    subscriber = world.registry.subscriber(name)
    assert subscriber is not None
    return ledger(subscriber, day, world.store.digests, world.store.deliveries, world.store.papers)


def fates(found: Ledger) -> dict[str, str]:
    return {line.paper.id[-1]: line.fate for line in found.lines}


def ends(found: Ledger) -> dict[str, list[str]]:
    return {
        line.paper.id[-1]: [target.end for target in line.targets] for line in found.lines if line.targets
    }


async def test_what_was_sent_and_what_did_not_match(world: MakeWorld):
    made = world(a_subscriber())
    made.read("a.md", a_digest(1, CATS, 2))
    assert ends(kept(made)) == {"1": ["pending"], "2": ["pending"]}
    await made.send_all()
    found = kept(made)
    assert fates(found) == {"1": "matched", "9": "not matched", "2": "matched"}
    assert found.ends == {"sent": 1, "merged": 1}
    assert {fate: count for fate, count in found.fates.items() if count} == {"not matched": 1, "matched": 2}
    assert (found.queued, found.targets) == (2, 2)


async def test_what_was_there_before_somebody_came_is_named_so(world: MakeWorld):
    made = world(first_run=1)
    made.read("a.md", a_digest(1, 2, 3))
    made.subscribe(a_subscriber())
    made.look()
    assert ends(kept(made)) == {"1": ["pending"], "2": ["before you came"], "3": ["before you came"]}
    assert {line.rule for line in kept(made).lines} == {"new subscriber"}


async def test_questions_that_followed_stand_beside_the_alert(world: MakeWorld):
    made = world(a_subscriber("alice", a_channel(quizzes="all")))
    made.read("a.html", a_digest(an_entry(1, editions=(an_edition(quiz=a_quiz(2)),)), kind="quiz_page"))
    (line,) = kept(made).lines
    assert [target.end for target in line.targets] == ["pending"]
    assert [row.kind for row in line.others] == ["quiz", "quiz"]


def test_a_paper_of_a_backlog_names_the_source(world: MakeWorld):
    made = world(a_subscriber(), first_run=0)
    made.read("a.md", a_digest(1))
    made.read("b.md", a_digest(2, day=date(2026, 1, 1)))
    (line,) = kept(made, day=date(2026, 1, 1)).lines
    assert (line.rule, line.source) == ("backlog", "digests")


async def test_the_daily_limit_is_named(world: MakeWorld):
    made = world(a_subscriber(daily_limit=1))
    made.read("a.md", a_digest(1, 2))
    await made.send_all()
    assert sorted(kept(made).ends) == ["limited", "sent"]


async def test_what_nobody_asked_for_any_more_is_named(world: MakeWorld):
    made = world(a_subscriber())
    made.read("a.md", a_digest(1))
    made.subscribe(a_subscriber(asks=("tokens",)))
    await made.send_all()
    found = kept(made)
    assert found.ends == {"skipped": 1}
    (line,) = found.lines[0].targets
    assert line.delivery is not None
    assert line.delivery.error == "its subscription was removed or paused"


def test_a_subscription_made_later_is_named(world: MakeWorld):
    made = world(a_subscriber())
    made.read("a.md", a_digest(1, CATS))
    made.subscribe(a_subscriber(asks=("language models", "cats")))
    assert fates(kept(made)) == {"1": "matched", "9": "asked for since"}


def test_a_target_added_later_is_named(world: MakeWorld):
    made = world(a_subscriber())
    made.read("a.md", a_digest(1))
    made.subscribe(a_subscriber("alice", a_channel(), a_channel("email")))
    assert ends(kept(made)) == {"1": ["pending", "target added since"]}


def test_a_target_given_up_later_keeps_its_row(world: MakeWorld):
    made = world(a_subscriber("alice", a_channel(), a_channel("email")))
    made.read("a.md", a_digest(1))
    made.subscribe(a_subscriber())
    assert [target.target for line in kept(made).lines for target in line.targets] == [
        "telegram:1001",
        "email:alice@example.org",
    ]


def test_what_no_channel_takes_is_named(world: MakeWorld):
    made = world(a_subscriber(asks=(a_subscription(only=("email",)),)))
    made.read("a.md", a_digest(1))
    assert fates(kept(made)) == {"1": "no channel"}


def test_another_day_has_its_own_ledger(world: MakeWorld):
    made = world(a_subscriber())
    made.read("a.md", a_digest(1))
    made.read("b.md", a_digest(1, 2, day=date(2026, 9, 19)))
    assert set(fates(kept(made))) == {"1"}
    assert set(fates(kept(made, day=date(2026, 9, 19)))) == {"1", "2"}
    assert kept(made, day=date(2020, 1, 1)).lines == ()


ASKS = ("language models", "cats", "title:paper", "ghanem OR cats", "author:ghanem")
CHANNELS = (a_channel(), a_channel("email"), a_channel("atom"))


def subscribers() -> st.SearchStrategy[Subscriber]:
    asked = st.lists(st.sampled_from(ASKS), max_size=3, unique=True)
    only = st.sampled_from(((), ("email",), ("telegram", "atom")))
    channels = st.lists(st.sampled_from(CHANNELS), max_size=3, unique=True)
    limit = st.sampled_from((None, 1, 2))
    return st.builds(
        lambda asked, only, channels, limit: Subscriber(
            id="alice",
            channels=tuple(channels),
            subscriptions=tuple(a_subscription(query, only=only) for query in asked),
            daily_limit=limit,
        ),
        asked,
        only,
        channels,
        limit,
    )


@given(
    st.lists(subscribers(), min_size=1, max_size=3),
    st.lists(st.lists(st.integers(0, 9), max_size=6, unique=True), min_size=1, max_size=4),
    st.sampled_from((None, 0, 2)),
    st.data(),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_balances_whatever_happens(
    tmp_path: Path,
    empty_state: bytes,
    people: list[Subscriber],
    days: list[list[int]],
    first_run: int | None,
    data,
):
    state = tmp_path / "state.sqlite3"
    for leftover in tmp_path.iterdir():
        leftover.unlink()
    state.write_bytes(empty_state)
    made = World(f"sqlite:///{state}", people[0], first_run=first_run)
    try:
        _live(made, people, days, data)
        for name in range(len(days)):
            day = date(2026, 9, 1 + name)
            _check(made, kept(made, day=day), set(days[name]))
    finally:
        made.close()


def _live(made: World, people: list[Subscriber], days: list[list[int]], data) -> None:
    for name, numbers in enumerate(days):
        entries = [CATS if number == 9 else an_entry(number) for number in numbers]
        file = made.press.file(f"{name}.md", a_digest(*entries, day=date(2026, 9, 1 + name)))
        made.look(file, send=data.draw(st.booleans()))
        if data.draw(st.booleans()):
            asyncio.run(made.send_all(days=1))
        made.subscribe(data.draw(st.sampled_from(people)))


def _check(made: World, found: Ledger, numbers: set[int]) -> None:
    assert {int(line.paper.id[-2:]) % 100 for line in found.lines} == numbers
    assert sum(found.fates.values()) == len(found.lines) == len(numbers)
    assert sum(found.ends.values()) == found.targets
    ids = {line.paper.id for line in found.lines}
    planned = [row for row in made.rows() if row.kind == "alert" and row.paper in ids]
    assert found.queued == len(planned)
    assert sorted(row.state for row in planned) == sorted(
        target.end for line in found.lines for target in line.targets if target.queued
    )
    told = {line.paper.id for line in found.lines if line.fate in ("matched", "no channel")}
    noticed = set(made.store.digests.notice_records("alice", ids))
    assert noticed == told
