"""New papers for many people at once: exactly what routing gives, in parts."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain import crowd
from bot.domain.audience import Audience
from bot.domain.changes import Change
from bot.domain.delivery import Delivery
from bot.domain.fanout import Fanout
from bot.domain.papers import Paper
from bot.domain.routing import route
from bot.domain.subscriptions import Subscriber
from bot.domain.timing import parse_quiet_hours, parse_schedule
from tests.builders import NOW, a_channel, a_paper, a_quiz, a_subscriber, a_subscription, an_edition

PAPERS = (
    a_paper(1, title="Agents that plan", summaries=()),
    a_paper(
        2, title="Planning agents in Chinese", summaries=(), editions=(an_edition("zh", quiz=a_quiz(2)),)
    ),
    a_paper(3, title="A robot", summaries=(), editions=(an_edition(quiz=a_quiz(3)),)),
    a_paper(4, title="Robots, agents and planning", summaries=(), editions=(an_edition(quiz=a_quiz(1)),)),
    a_paper(5, title="Cats", summaries=()),
)
QUERIES = ("agents", "plan*", "robot", "robots NOT agents", "cats", "nothing of it", '"agents and planning"')

channels = st.builds(
    a_channel,
    kind=st.sampled_from(["telegram", "telegram", "email", "atom"]),
    address=st.integers(1, 30).map(str),
    deliver=st.sampled_from(["immediately", "daily at 09:00", "hourly"]).map(parse_schedule),
    quizzes=st.sampled_from(["none", "one", "all"]),
)
subscriptions = st.builds(
    a_subscription,
    st.sampled_from(QUERIES),
    only=st.sampled_from([frozenset(), frozenset(), frozenset(), frozenset({"email"})]),
)


@st.composite
def people(draw: Any) -> list[Subscriber]:
    return [
        a_subscriber(
            f"person{number}",
            *draw(st.lists(channels, max_size=3)),
            subscriptions=draw(
                st.lists(subscriptions, max_size=4, unique_by=lambda one: one.text).map(tuple)
            ),
            language=draw(st.sampled_from(["en", "zh"])),
            timezone=ZoneInfo(draw(st.sampled_from(["UTC", "Asia/Tokyo"]))),
            quiet_hours=draw(st.sampled_from([None, parse_quiet_hours("07:00-08:30")])),
        )
        for number in range(draw(st.integers(1, 12)))
    ]


def told(parts: Iterable[Sequence[Delivery]]) -> Mapping[str, list[Delivery]]:
    """To each place what goes there, in its order."""
    found: defaultdict[str, list[Delivery]] = defaultdict(list)
    for rows in parts:
        for row in rows:
            found[row.target].append(row)
    return found


def routed(audience: Audience, matches: Any) -> Any:
    changes = [Change(paper=paper) for paper in PAPERS]
    return route(changes, matches, audience, noticed={}, planned={}, opening={}, now=NOW)


@given(people(), st.sampled_from([1, 2, 5, 2_000]), st.data())
@settings(max_examples=150, deadline=None)
def test_fanned_out_and_routed_alone_is_together_what_routing_gives(
    crowd_: list[Subscriber], together: int, data: st.DataObject
):
    here = (
        data.draw(st.sets(st.sampled_from([one.id for one in crowd_]))) if data.draw(st.booleans()) else None
    )
    audience = Audience(crowd_)
    audience = audience if here is None else audience.only(here)
    whole = routed(audience, audience.matches(PAPERS))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(crowd, "TOGETHER", together)
        fanouts, alone = audience.fan_out(PAPERS, NOW)
    rest = routed(audience, alone)
    notices = [one.noticed() for one in fanouts] + [rest.notices]
    assert {name: theirs for some in notices for name, theirs in some.items()} == whole.notices
    assert sum(map(len, notices)) == len(whole.notices)
    rows = [*(one.deliveries() for one in fanouts), rest.deliveries]
    assert told(rows) == told([whole.deliveries])
    for one in fanouts:
        assert len(one.people) <= together
        assert one.notices == sum(map(len, one.noticed().values()))
        assert sum(one.rows.values()) == len(one.deliveries())
        assert counted(one) == {key: count for key, count in one.rows.items() if count}


def counted(one: Fanout) -> dict[tuple[str, str], int]:
    kinds = [(row.target.partition(":")[0], row.state) for row in one.deliveries()]
    return {key: kinds.count(key) for key in kinds}  # type: ignore[misc]


def test_whoever_shares_a_place_or_limits_a_subscription_is_routed_alone():
    audience = Audience(
        [
            a_subscriber("plain", a_channel(address="1"), asks=("agents",)),
            a_subscriber("one", a_channel(address="7"), asks=("agents",)),
            a_subscriber("other", a_channel(address="7"), asks=("agents",)),
            a_subscriber(
                "picky",
                a_channel(address="8"),
                subscriptions=(a_subscription("agents", only=frozenset({"email"})),),
            ),
        ]
    )
    fanouts, alone = audience.fan_out(PAPERS, NOW)
    assert [name for one in fanouts for name in one.people] == ["plain"]
    assert list(alone) == ["one", "other", "picky"]


def test_what_is_held_says_until_when():
    audience = Audience(
        [a_subscriber("late", a_channel(deliver=parse_schedule("daily at 09:00")), asks=("cats",))]
    )
    ((fanout,), _) = audience.fan_out(PAPERS, NOW)
    assert fanout.rows == {("telegram", "held"): 1}
    assert [(row.state, row.due_at) for row in fanout.deliveries()] == [("held", NOW + timedelta(hours=1))]


def test_papers_that_nobody_asked_for_fan_out_to_nobody():
    audience = Audience([a_subscriber(asks=("nothing of it",))])
    assert audience.fan_out(PAPERS, NOW) == ([], {})
    assert audience.fan_out((), NOW) == ([], {})


def test_new_people_are_left_out_of_what_is_fanned_out():
    audience = Audience([a_subscriber(f"p{n}", a_channel(address=str(n)), asks=("cats",)) for n in range(5)])
    fanouts, alone = audience.without({"p1", "p3"}).fan_out(PAPERS[-1:], NOW)
    assert [name for one in fanouts for name in one.people] == ["p0", "p2", "p4"]
    assert alone == {}


def test_the_day_of_one_paper_is_the_paper_of_all(monkeypatch: pytest.MonkeyPatch):
    """The columns of every part name papers by their place among all."""
    monkeypatch.setattr(crowd, "TOGETHER", 1)
    asks: dict[str, tuple[str, ...]] = {"a": ("cats",), "b": ("agents", "cats"), "c": ("agents",)}
    audience = Audience([a_subscriber(n, a_channel(address=n), asks=q) for n, q in asks.items()])
    fanouts, _ = audience.fan_out(PAPERS, NOW)
    agents, cats = papers_of(PAPERS[0], PAPERS[1], PAPERS[3]), papers_of(PAPERS[4])
    assert [{name: list(theirs) for name, theirs in one.noticed().items()} for one in fanouts] == [
        {"a": cats},
        {"b": agents + cats},
        {"c": agents},
    ]


def papers_of(*papers: Paper) -> list[str]:
    return [paper.id for paper in papers]
