"""Subscribers, what they asked for, and the targets it goes to."""

import pytest

from bot.domain.notices import reasons_for
from bot.domain.similarity import Similarity
from bot.domain.subscriptions import Subscription
from tests.builders import a_channel, a_paper, a_subscriber, a_subscription


def like(*numbers: int) -> Subscription:
    return Subscription(name="liked", text="papers", like=tuple(a_paper(n).id for n in numbers))


@pytest.mark.parametrize("parts", [{}, {"query": a_subscription().query, "like": (a_paper().id,)}])
def test_a_subscription_has_either_a_query_or_papers_to_like(parts: dict[str, object]):
    with pytest.raises(ValueError, match="either a query or papers"):
        Subscription(name="x", text="x", **parts)  # type: ignore[arg-type]


def test_subscriptions_that_match_the_same_are_equal_in_their_canonical_form():
    assert a_subscription("language  models").canonical == a_subscription("Language model").canonical
    assert like(1, 2).canonical != like(1).canonical
    assert like(1).canonical.startswith("like arxiv:")


def test_a_subscription_without_limits_goes_everywhere():
    mail = a_channel("email", name="work")
    assert mail.takes(a_subscription())
    assert mail.takes(a_subscription(only=("work",)))
    assert mail.takes(a_subscription(only=("email",)))
    assert not mail.takes(a_subscription(only=("telegram", "home")))


def test_a_target_is_named_by_its_channel_and_address():
    assert a_channel(address="-100/7").target == "telegram:-100/7"


def test_somebody_has_a_feed_where_one_of_their_channels_is_one():
    assert a_subscriber("alice", a_channel(), a_channel("atom")).has_feed
    assert not a_subscriber("alice", a_channel()).has_feed


def test_a_paper_that_is_like_no_liked_one_any_more_is_named_without_words():
    alone = a_paper(2, title="Cats", summaries=(), authors=())
    liked = a_paper(1)
    alice = a_subscriber(asks=(like(1),))
    (reason,) = reasons_for(alice, alone, {"liked"}, Similarity([liked, alone], [liked]))
    assert (reason.subscription, reason.why) == ("liked", ())
    assert reasons_for(alice, alone, {"liked"})[0].why == ()
