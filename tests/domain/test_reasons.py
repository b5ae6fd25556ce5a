"""Why a paper is in front of somebody."""

from bot.domain.notices import reasons_for
from tests.builders import a_paper, a_subscriber, a_subscription

HALA = a_paper(title="Hala: Arabic Language Models", authors=("Bernard Ghanem",))


def test_the_words_that_matched_are_named_as_the_paper_writes_them():
    (reason,) = reasons_for(a_subscriber(asks=("title:language model",)), HALA, {"title:language model"})
    (why,) = reason.why
    assert (why.field, why.text) == ("title", "Language Models")


def test_only_the_named_subscriptions_are_explained_in_the_subscribers_order():
    alice = a_subscriber(asks=("arabic", "language models", "nothing of it", "hala"))
    found = reasons_for(alice, HALA, {"hala", "arabic"})
    assert [reason.subscription for reason in found] == ["arabic", "hala"]


def test_a_subscription_that_matches_no_longer_is_named_without_its_words():
    (reason,) = reasons_for(a_subscriber(asks=("quantum",)), HALA, {"quantum"})
    assert (reason.subscription, reason.why) == ("quantum", ())


def test_a_subscription_that_is_gone_is_left_out():
    assert reasons_for(a_subscriber(), HALA, {"given up"}) == ()


def test_at_most_eight_things_are_named_and_none_twice():
    paper = a_paper(title=" ".join(f"word{n} model" for n in range(20)) + " model model")
    query = a_subscription(" OR ".join(["model", *(f"word{n}" for n in range(20))]), name="many")
    (reason,) = reasons_for(a_subscriber(asks=(query,)), paper, {"many"})
    assert len(reason.why) == 8
    assert len(set(reason.why)) == 8


def test_a_corrected_paper_is_explained_anew():
    alice = a_subscriber(asks=("quantum",))
    assert reasons_for(alice, HALA, {"quantum"})[0].why == ()
    assert reasons_for(alice, a_paper(title="Quantum Hala"), {"quantum"})[0].why[0].text == "Quantum"


def test_equal_queries_are_each_quoted_as_they_were_written():
    paper = a_paper(1, title="Language Models")
    written = ["language models", "Language Models"]
    people = [a_subscriber(name, asks=(name,)) for name in written]
    told = [
        reasons_for(person, paper, [name])[0].why[0].term
        for person, name in zip(people, written, strict=True)
    ]
    assert told == written
