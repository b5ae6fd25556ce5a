"""What a person set, laid over what the configuration says."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.app.config.channels import CAPABILITIES
from bot.app.config.subscriptions import load_subscribers
from bot.domain.papers import PaperId
from bot.domain.preferences import (
    NOTHING,
    OFF,
    Choices,
    ChosenChannel,
    ChosenSubscription,
    chosen_subscriber,
    names_in_both,
    query_of_payload,
    saved_paper_owners,
    start_link,
    start_payload,
    subscriptions_yaml,
    with_choices,
)
from bot.domain.query import document_of, match, parse
from bot.domain.schedule import parse_quiet_hours, parse_schedule
from bot.domain.subscriptions import Subscriber, Subscription
from tests.builders import NOW, a_channel, a_paper, a_subscriber, a_subscription

RAG = ChosenSubscription(name="rag", text="rag")
CHAT = ChosenChannel(kind="telegram", address="7")


def laid_over(configured: Subscriber | None, choices: Choices) -> Subscriber:
    name = configured.id if configured else "chat7"
    subscriber = chosen_subscriber(name, configured, choices, CAPABILITIES)
    assert subscriber is not None
    return subscriber


def test_somebody_who_set_nothing_is_as_configured() -> None:
    alice = a_subscriber()
    assert chosen_subscriber("alice", alice, NOTHING, CAPABILITIES) is alice


def test_somebody_who_came_by_a_chat_is_a_subscriber_once_a_channel_is_open() -> None:
    assert chosen_subscriber("chat7", None, Choices(subscriptions=(RAG,)), CAPABILITIES) is None
    person = laid_over(None, Choices(channels=(CHAT,), subscriptions=(RAG,)))
    assert (person.id, person.chosen) == ("chat7", True)
    assert [(channel.target, channel.quizzes, channel.capabilities.polls) for channel in person.channels] == [
        ("telegram:7", "all", True)
    ]
    assert [
        (subscription.name, subscription.query, subscription.chosen) for subscription in person.subscriptions
    ] == [("rag", parse("rag"), True)]


def test_the_configured_come_first_and_the_others_by_their_ids() -> None:
    choices = {
        "chat9": Choices(channels=(CHAT,)),
        "chat7": Choices(channels=(CHAT,)),
        "gone": Choices(paused=("x",)),
    }
    everybody = with_choices([a_subscriber("zoe"), a_subscriber("bob")], choices, CAPABILITIES)
    assert [subscriber.id for subscriber in everybody] == ["zoe", "bob", "chat7", "chat9"]


def test_a_name_in_both_is_the_configurations() -> None:
    alice = a_subscriber(asks=(a_subscription("language models", name="RAG"),))
    choices = Choices(subscriptions=(RAG, ChosenSubscription(name="vlm", text="vlm")))
    assert [subscription.text for subscription in laid_over(alice, choices).subscriptions] == [
        "language models",
        "vlm",
    ]
    assert names_in_both(alice, choices) == ("rag",)


def test_a_paused_subscription_finds_nothing_whoever_made_it() -> None:
    choices = Choices(subscriptions=(RAG,), paused=("Language Models", "rag"))
    assert laid_over(a_subscriber(), choices).subscriptions == ()


def test_settings_hold_unless_the_configuration_fixes_them() -> None:
    choices = Choices(
        timezone="Asia/Shanghai", language="zh", quiet_hours="22:00-07:00", deliver="daily at 08:00"
    )
    free = laid_over(a_subscriber("alice", a_channel(), a_channel("atom")), choices)
    assert (free.timezone.key, free.language) == ("Asia/Shanghai", "zh")
    assert free.quiet_hours == parse_quiet_hours("22:00-07:00")
    assert [channel.deliver for channel in free.channels] == [
        parse_schedule("daily at 08:00"),
        parse_schedule("immediately"),
    ]
    fixed = a_subscriber(
        "alice",
        a_channel(fixed=frozenset({"deliver"})),
        fixed=frozenset({"timezone", "language", "quiet_hours"}),
    )
    held = laid_over(fixed, choices)
    assert (held.timezone.key, held.language, held.quiet_hours) == ("UTC", "en", None)
    assert held.channels == fixed.channels


def test_how_questions_come_is_set_for_the_channels_that_have_polls() -> None:
    alice = a_subscriber("alice", a_channel(quizzes="all"), a_channel("email", quizzes="all"))
    assert [channel.quizzes for channel in laid_over(alice, Choices(quizzes="none")).channels] == [
        "none",
        "all",
    ]


def test_quiet_hours_can_be_switched_off() -> None:
    alice = a_subscriber(quiet_hours=parse_quiet_hours("22:00-07:00"))
    assert laid_over(alice, Choices(quiet_hours=OFF)).quiet_hours is None
    assert laid_over(alice, Choices(language="zh")).quiet_hours == alice.quiet_hours


def test_a_channel_that_the_configuration_has_is_not_opened_again() -> None:
    alice = a_subscriber("alice", a_channel(address="7"))
    choices = Choices(channels=(CHAT, ChosenChannel(kind="email", address="a@b.c")), deliver="hourly")
    person = laid_over(alice, choices)
    assert [channel.target for channel in person.channels] == ["telegram:7", "email:a@b.c"]
    assert {channel.deliver for channel in person.channels} == {parse_schedule("hourly")}


def found(subscriber: Subscriber, title: str) -> list[str]:
    document = document_of(a_paper(title=title, summaries=()))
    return [
        subscription.name
        for subscription in subscriber.subscriptions
        if subscription.query and match(subscription.query, document) is not None
    ]


def test_an_exclusion_is_taken_from_every_query_but_those_of_authors() -> None:
    author = a_subscription('author:"Bernard Ghanem"', name="author: Ghanem")
    alice = a_subscriber(asks=("language models", author), exclude=("medical",))
    choices = Choices(channels=(CHAT,), subscriptions=(RAG,), exclude=("survey",))
    person = laid_over(alice, choices)
    assert person.exclude == ("medical", "survey")
    assert found(person, "RAG with language models") == ["language models", "author: Ghanem", "rag"]
    assert found(person, "A survey of RAG with language models") == ["author: Ghanem"]
    assert "rag" not in found(person, "Medical RAG")  # the configuration's exclusions hold for it as well


def test_an_exclusion_that_would_leave_nothing_of_a_query_is_left_out_there() -> None:
    person = laid_over(a_subscriber(), Choices(subscriptions=(RAG,), exclude=("rag",)))
    assert found(person, "RAG") == ["rag"]


def test_papers_like_others_keep_their_exclusions() -> None:
    liked = Subscription(name="like it", text="like 1", like=(PaperId("arxiv:1"),))
    chosen = ChosenSubscription(name="like Hala", like=(PaperId("arxiv:2509.14008"),))
    person = laid_over(a_subscriber(asks=(liked,)), Choices(subscriptions=(chosen,), exclude=("survey",)))
    assert [subscription.unless for subscription in person.subscriptions] == [(parse("survey"),)] * 2
    assert person.subscriptions[1].text == "like 2509.14008"


def test_a_query_that_this_version_cannot_read_is_left_out() -> None:
    choices = Choices(subscriptions=(ChosenSubscription(name="x", text="(("), RAG), exclude=("((",))
    assert [
        subscription.name for subscription in laid_over(a_subscriber(asks=()), choices).subscriptions
    ] == ["rag"]


def test_a_subscription_may_be_limited_to_one_target() -> None:
    routed = ChosenSubscription(name="rag", text="rag", only=("telegram:-5/7",))
    topic = ChosenChannel(kind="telegram", address="-5/7")
    general = ChosenChannel(kind="telegram", address="-5")
    person = laid_over(None, Choices(channels=(general, topic), subscriptions=(routed,)))
    assert [channel.takes(person.subscriptions[0]) for channel in person.channels] == [False, True]


def test_the_yaml_of_everybody_reads_as_the_same_subscribers(tmp_path: Path) -> None:
    alice = a_subscriber(
        "alice",
        a_channel(quizzes="one", deliver=parse_schedule("weekdays at 08:00")),
        a_channel("email", name="mail"),
        a_channel("atom"),
        a_channel(address="@papers"),
        a_channel(address='-5/new "papers"'),
        asks=(
            "language models",
            a_subscription('"tool use" AND NOT survey', name="agents: “the” \\ best", only=("mail", "email")),
            a_subscription('author:"Bernard Ghanem"', name="author: Bernard Ghanem"),
        ),
        daily_limit=20,
        exclude=("medical",),
    )
    choices = Choices(
        channels=(ChosenChannel(kind="telegram", address="-5/7"),),
        subscriptions=(
            ChosenSubscription(name="rag", text="rag", only=("telegram:-5/7",)),
            ChosenSubscription(name="like Hala", like=(PaperId("arxiv:2509.14008"),)),
        ),
        timezone="Europe/Berlin",
        language="zh",
        quiet_hours="22:00-07:00",
    )
    everybody = with_choices([alice], {"alice": choices}, CAPABILITIES)
    near = Subscription(name="like x", text="x", like=(PaperId("arxiv:2509.00001"),), near=0.3)
    bob = a_subscriber("bob", asks=(near,))
    file = tmp_path / "subscriptions.yaml"
    file.write_text(subscriptions_yaml([*everybody, bob]), encoding="utf-8")
    read = load_subscribers(file)
    assert [subscriber.id for subscriber in read] == ["alice", "bob"]
    again, before = read[0], everybody[0]
    assert (again.timezone, again.language, again.quiet_hours, again.daily_limit) == (
        before.timezone,
        before.language,
        before.quiet_hours,
        20,
    )
    assert [(c.target, c.deliver, c.quizzes) for c in again.channels] == [
        (c.target, c.deliver, c.quizzes) for c in before.channels
    ]
    kept = {subscription.name: subscription for subscription in before.subscriptions}
    assert {subscription.name for subscription in again.subscriptions} == set(kept)
    for subscription in again.subscriptions:
        assert subscription.like == kept[subscription.name].like
        if subscription.name == "rag":  # its exclusions as well
            assert subscription.canonical == kept["rag"].canonical
    routed = next(subscription for subscription in again.subscriptions if subscription.name == "rag")
    assert [channel.target for channel in again.channels if channel.takes(routed)] == ["telegram:-5/7"]
    assert read[1].subscriptions[0].near == 0.3


def test_saved_papers_belong_to_the_private_chat_and_then_to_the_subscriber() -> None:
    group, mail = a_channel(address="-5"), a_channel("email")
    assert saved_paper_owners(a_subscriber("ann", group, mail)) == ("ann",)
    assert saved_paper_owners(a_subscriber("ann", group, a_channel(address="7"))) == ("telegram:7", "ann")


def test_nobody_is_an_empty_list_in_yaml(tmp_path: Path) -> None:
    file = tmp_path / "subscriptions.yaml"
    file.write_text(subscriptions_yaml(()))
    assert load_subscribers(file) == ()
    file.write_text(subscriptions_yaml([Subscriber(id="bob")]))
    assert load_subscribers(file) == (Subscriber(id="bob"),)


@pytest.mark.parametrize("query", ["rag", "agent OR tool use", "检索增强", 'title:"a b"'])
def test_a_link_gives_the_query_that_it_was_made_of(query: str) -> None:
    payload = start_payload(query)
    assert payload is not None
    assert len(payload) <= 64
    assert query_of_payload(payload) == query
    assert start_link("papers_bot", query) == f"https://t.me/papers_bot?start={payload}"


def test_a_query_that_is_too_long_has_no_link() -> None:
    longest = start_payload("x" * 47)
    assert longest is not None
    assert len(longest) == 64
    assert query_of_payload(longest) == "x" * 47
    assert start_payload("x" * 48) is None
    assert start_link("papers_bot", "x" * 48) is None


@pytest.mark.parametrize(
    "payload", ["", "q", "qA", "ref", "cmFn", "q//", "q_w", "q" + "cmFn" * 16, "q\N{SNOWMAN}", "qAAAA"]
)
def test_any_other_payload_is_no_query(payload: str) -> None:
    assert query_of_payload(payload) is None


def test_a_snooze_is_the_persons() -> None:
    until = NOW + timedelta(days=3)
    assert laid_over(a_subscriber(), Choices(snoozed_until=until)).snoozed_until == until
