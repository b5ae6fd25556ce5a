"""SubscriptionMatcher: which papers match whose subscriptions; parts of it, and those after it, share one index."""

import pytest

from bot.domain.matcher import SubscriptionMatcher
from bot.domain.notices import Matches, Notices
from bot.domain.query import Query
from bot.domain.query.index.index import Index
from bot.domain.subscriptions import Subscriber, Subscription
from tests.builders import a_change, a_channel, a_paper, a_subscriber, a_subscription

PAPERS = [a_paper(1), a_paper(2, title="Zebras", summaries=())]


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> SubscriptionMatcher:
    """Six people who are many enough for an index."""
    monkeypatch.setattr("bot.domain.matcher.INDEXED_FROM", 3)
    asks = (("scale", "zebra"), ("language model",), ("zebra",), ("paper",), ("zebra OR scale",), ("horse",))
    return SubscriptionMatcher([a_subscriber(f"s{number}", asks=ask) for number, ask in enumerate(asks)])


@pytest.fixture
def built(many: SubscriptionMatcher, monkeypatch: pytest.MonkeyPatch) -> list[Query]:
    """Queries that are taken into an index after the matcher of all has its own."""
    many.matches(PAPERS)
    seen: list[Query] = []
    add = Index.add

    def recorded(self: Index, query: Query) -> int:
        seen.append(query)
        return add(self, query)

    monkeypatch.setattr(Index, "add", recorded)
    return seen


def told(matcher: SubscriptionMatcher) -> list[tuple[str, str]]:
    return [(name, paper[-1]) for name, papers in matcher.matches(PAPERS).items() for paper in papers]


def test_most_subscribers_are_matched_by_the_index_of_all(
    many: SubscriptionMatcher, built: list[Query]
) -> None:
    most = many.without({"s1", "s4"})
    assert told(most) == [("s0", "1"), ("s0", "2"), ("s2", "2"), ("s3", "1")]
    assert built == []
    assert most.fingerprint != many.fingerprint
    assert told(most.without({"s0"})) == [("s2", "2"), ("s3", "1")]
    assert built == []


def test_a_few_subscribers_are_matched_without_it(many: SubscriptionMatcher, built: list[Query]) -> None:
    assert told(many.only({"s1", "s2"})) == [("s1", "1"), ("s2", "2")]
    assert many.only({"s1", "s2"}).index is None
    assert built == []


def test_everybody_is_the_matcher_itself(many: SubscriptionMatcher) -> None:
    assert many.only(many.subscribers) is many


def test_other_subscribers_change_the_index_by_what_differs(
    many: SubscriptionMatcher, built: list[Query]
) -> None:
    people = [subscriber for name, subscriber in many.subscribers.items() if name != "s2"]
    other = many.changed_to([a_subscriber("new", asks=("zebra", "title:scale")), *people])
    assert [query.text for query in built] == ["title:scale"]
    assert other.index is not None
    assert told(other)[:2] == [("new", "2"), ("new", "1")]
    assert ("s2", "2") not in told(other)
    assert told(other) == told(SubscriptionMatcher(list(other.subscribers.values())))


def names(matches: Matches) -> dict[str, dict[str, list[str]]]:
    """By subscriber and paper the names of the subscriptions."""
    return {
        subscriber: {
            paper: [subscription.name for subscription in matching] for paper, matching in papers.items()
        }
        for subscriber, papers in matches.items()
    }


# --- matches -----------------------------------------------------------------------------------------


def test_matches_name_the_subscriptions_in_the_subscribers_order():
    alice = a_subscriber(asks=("scale", "nothing of it", "language models"))
    bob = a_subscriber("bob", asks=("language models",))
    matches = SubscriptionMatcher([alice, bob]).matches(
        [a_paper(1), a_paper(2, title="Cats at scale", summaries=())]
    )
    assert names(matches) == {
        "alice": {a_paper(1).id: ["scale", "language models"], a_paper(2).id: ["scale"]},
        "bob": {a_paper(1).id: ["language models"]},
    }
    assert list(matches) == ["alice", "bob"]


def test_a_wish_for_papers_like_others_leaves_the_queries_after_it_their_matches():
    asks = (
        Subscription(name="like it", text="like 9", like=(a_paper(9).id,)),
        "nothing of it",
        "scale",
    )
    assert names(SubscriptionMatcher([a_subscriber(asks=asks)]).matches([a_paper()])) == {
        "alice": {a_paper().id: ["scale"]}
    }


def test_without_subscriptions_no_paper_is_matched():
    assert SubscriptionMatcher([]).matches([a_paper()]) == {}
    assert SubscriptionMatcher([a_subscriber(asks=())]).matches([a_paper()]) == {}


def test_a_matcher_without_some_subscribers_has_the_others():
    matcher = SubscriptionMatcher([a_subscriber("alice"), a_subscriber("bob")])
    assert list(matcher.without({"alice", "carol"}).subscribers) == ["bob"]
    assert list(matcher.only({"alice", "carol"}).subscribers) == ["alice"]


def test_taking_out_nobody_builds_nothing_anew():
    matcher = SubscriptionMatcher([a_subscriber("alice")])
    assert matcher.without({"carol"}) is matcher


def test_the_fingerprint_changes_with_what_is_asked_for_and_by_whom():
    def fingerprint(*subscribers: Subscriber) -> str:
        return SubscriptionMatcher(subscribers).fingerprint

    known = fingerprint(a_subscriber())
    assert fingerprint(a_subscriber()) == known
    assert fingerprint(a_subscriber(daily_limit=3)) == known
    others = [
        fingerprint(a_subscriber("bob")),
        fingerprint(a_subscriber(asks=("agents",))),
        fingerprint(a_subscriber(asks=(a_subscription(name="renamed"),))),
        fingerprint(a_subscriber("alice", a_channel("atom"))),
        fingerprint(a_subscriber(), a_subscriber("bob")),
    ]
    assert len({known, *others}) == 6


def test_what_was_noticed_before_and_what_matches_now_both_concern():
    alice = a_subscriber(asks=("quantum", "scale", "given up"))
    noticed: Notices = {"alice": {a_paper().id: ("quantum",)}}
    found = SubscriptionMatcher([alice]).concerned([a_change(a_paper(), "title")], noticed)
    assert names(dict(found.after(""))) == {"alice": {a_paper().id: ["quantum", "scale"]}}


def test_an_index_of_many_subscriptions_finds_what_one_after_the_other_finds(monkeypatch):
    words = [
        "agent",
        "title:paper",
        "diffusion OR agent",
        "quantiz*",
        "graph NEAR/3 neural",
        "paper AND NOT agent",
    ]
    many = [
        a_subscriber(
            f"s{number}", subscriptions=(a_subscription(words[number % 6]), a_subscription(words[number % 5]))
        )
        for number in range(40)
    ]
    papers = [a_paper(number, title=f"A graph of neural agents {number}") for number in range(1, 6)]
    few = SubscriptionMatcher(many).matches(papers)
    monkeypatch.setattr("bot.domain.matcher.INDEXED_FROM", 2)
    assert SubscriptionMatcher(many).matches(papers) == few
    assert few


def test_many_subscriptions_are_made_ready_beforehand_and_few_are_not(
    many: SubscriptionMatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Query] = []
    add = Index.add
    monkeypatch.setattr(Index, "add", lambda self, query: taken.append(query) or add(self, query))
    monkeypatch.setattr("bot.domain.matcher.PREPARED_FROM", 8)
    many.prepare()
    assert taken == []
    monkeypatch.setattr("bot.domain.matcher.PREPARED_FROM", 7)
    many.prepare()
    assert len(taken) > 0
    made = len(taken)
    many.matches(PAPERS)
    assert len(taken) == made
