"""Parts of an audience, and its followers, share one index."""

import pytest

from bot.domain.audience import Audience
from bot.domain.query import Query
from bot.domain.query.index import Index
from tests.builders import a_paper, a_subscriber

PAPERS = [a_paper(1), a_paper(2, title="Zebras", summaries=())]


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> Audience:
    """Six people who are many enough for an index."""
    monkeypatch.setattr("bot.domain.query.matching.INDEXED_FROM", 3)
    asks = (("scale", "zebra"), ("language model",), ("zebra",), ("paper",), ("zebra OR scale",), ("horse",))
    return Audience([a_subscriber(f"s{number}", asks=ask) for number, ask in enumerate(asks)])


@pytest.fixture
def built(crowd: Audience, monkeypatch: pytest.MonkeyPatch) -> list[Query]:
    """Queries that are taken into an index after the crowd has its own."""
    crowd.matches(PAPERS)
    seen: list[Query] = []
    add = Index.add

    def noted(self: Index, query: Query) -> int:
        seen.append(query)
        return add(self, query)

    monkeypatch.setattr(Index, "add", noted)
    return seen


def told(audience: Audience) -> list[tuple[str, str]]:
    return [(name, paper[-1]) for name, papers in audience.matches(PAPERS).items() for paper in papers]


def test_most_of_a_crowd_is_matched_by_the_index_of_all(crowd: Audience, built: list[Query]) -> None:
    most = crowd.without({"s1", "s4"})
    assert told(most) == [("s0", "1"), ("s0", "2"), ("s2", "2"), ("s3", "1")]
    assert built == []
    assert most.fingerprint != crowd.fingerprint
    assert told(most.without({"s0"})) == [("s2", "2"), ("s3", "1")]
    assert built == []


def test_a_few_of_a_crowd_are_matched_without_it(crowd: Audience, built: list[Query]) -> None:
    assert told(crowd.only({"s1", "s2"})) == [("s1", "1"), ("s2", "2")]
    assert crowd.only({"s1", "s2"}).index is None
    assert built == []


def test_everybody_is_the_crowd_itself(crowd: Audience) -> None:
    assert crowd.only(crowd.subscribers) is crowd


def test_other_subscribers_change_the_index_by_what_differs(crowd: Audience, built: list[Query]) -> None:
    people = [one for name, one in crowd.subscribers.items() if name != "s2"]
    other = crowd.changed_to([a_subscriber("new", asks=("zebra", "title:scale")), *people])
    assert [query.text for query in built] == ["title:scale"]
    assert other.index is not None
    assert told(other)[:2] == [("new", "2"), ("new", "1")]
    assert ("s2", "2") not in told(other)
    assert told(other) == told(Audience(list(other.subscribers.values())))
