"""What people set in a chat or on the web, over a real state."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.delivery import repeat_part
from bot.domain.errors import QuerySyntaxError
from bot.domain.papers import PaperId
from bot.domain.preferences import (
    LONGEST_NAME,
    LONGEST_QUERY,
    MOST_EXCLUSIONS,
    MOST_SUBSCRIPTIONS,
    ChosenChannel,
    ChosenSubscription,
)
from bot.domain.schedule import parse_schedule
from bot.pipeline import preferences
from bot.pipeline.preferences import AddedSubscription, ChoiceRefused, ListedSubscription
from tests.builders import (
    NOW,
    a_channel,
    a_delivery,
    a_digest,
    a_look_back,
    a_paper,
    a_subscriber,
    a_subscription,
    an_entry,
)
from tests.pipeline.conftest import MakeWorld
from tests.rigs.world import World

CHAT = ChosenChannel(kind="telegram", address="7")
TOPIC = ChosenChannel(kind="telegram", address="-5/3")


def refused(error: pytest.ExceptionInfo[ChoiceRefused]) -> str:
    return error.value.why


def with_rag(world: MakeWorld, **more) -> World:
    made = world(a_subscriber(), **more)
    made.preferences.add("chat7", "rag", NOW, channel=CHAT)
    return made


# --- who it is


def test_a_chat_is_its_subscribers_or_gets_an_id_of_its_own(world: MakeWorld) -> None:
    made = world(
        a_subscriber("alice", a_channel(address="-5")), a_subscriber("bob", a_channel(address="-6/3"))
    )
    named = made.preferences.subscriber_at
    assert named(("-5", "-5/1")) == "alice"
    assert named(("-5/3",)) == "chat-5"  # what the configuration sends to the general topic is alice's affair
    assert named(("-6/3",)) == "bob"
    assert named(("7", "@ann", "7/1")) == "chat7"
    made.preferences.add("chat-9", "rag", NOW, channel=ChosenChannel(kind="telegram", address="-9"))
    assert named(("-9/3",)) == "chat-9"


def test_saved_papers_belong_to_the_private_chat_whatever_the_subscriber_is_called(world: MakeWorld) -> None:
    made = world(a_subscriber(), a_subscriber("mail", a_channel("email"), a_channel(address="-5")))
    owner = made.preferences.owner
    assert (owner("alice"), owner("mail"), owner("chat9")) == ("telegram:1001", "mail", "chat9")


def test_admission_is_asked_once_and_the_configured_are_in(world: MakeWorld) -> None:
    made = world(a_subscriber())
    assert made.preferences.admission("alice") == "allowed"
    assert made.preferences.admission("chat7") == "unknown"
    assert made.preferences.admit("chat7", "asked", NOW)
    assert not made.preferences.admit("chat7", "asked", NOW)
    assert made.preferences.admission("chat7") == "asked"


# --- subscriptions


def test_a_subscription_shows_at_once_and_matches_after_a_refresh(world: MakeWorld) -> None:
    made = with_rag(world)
    person = made.preferences.subscriber("chat7")
    assert person is not None
    assert [subscription.name for subscription in person.subscriptions] == ["rag"]
    assert "chat7" not in made.registry.matcher.subscribers
    assert made.registry.refresh()
    assert not made.registry.refresh()
    assert "chat7" in made.registry.matcher.subscribers


def test_another_machine_sees_it_with_its_next_look(world: MakeWorld) -> None:
    here, there = world(a_subscriber()), world(a_subscriber())
    here.preferences.add("chat7", "rag", NOW, channel=CHAT)
    assert there.registry.subscriber("chat7") is None
    assert there.registry.refresh()
    assert there.registry.subscriber("chat7") is not None


def test_an_edited_configuration_keeps_what_people_set(world: MakeWorld) -> None:
    made = with_rag(world)
    made.subscribe(a_subscriber("bob"))
    assert list(made.registry.subscribers) == ["bob", "chat7"]


async def test_who_comes_by_a_chat_gets_the_newest_of_what_was_there_and_then_what_comes(
    world: MakeWorld,
) -> None:
    made = world(first_run=1)
    made.read("a.md", a_digest(1, 2))
    made.preferences.add("chat7", "language models", NOW, channel=CHAT)
    made.registry.refresh()
    made.look()
    assert [(row.target, row.paper[-1]) for row in made.rows()] == [("telegram:7", "1")]
    made.read("b.md", a_digest(3))
    assert [row.paper[-1] for row in made.rows()] == ["1", "3"]
    await made.send_all()
    assert {item.paper.id[-1] for sent in made.telegram.taken for item in sent.items} == {"1", "3"}


def test_only_so_many_readers_make_a_private_feed(world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    made = world(a_subscriber())
    monkeypatch.setattr(preferences, "MOST_READERS", 2)
    first, second = (made.preferences.add_reader("rag", NOW) for _ in range(2))
    assert first != second
    reader = made.registry.subscribers[first]
    assert reader.has_feed
    assert [subscription.text for subscription in reader.subscriptions] == ["rag"]
    with pytest.raises(ChoiceRefused) as error:
        made.preferences.add_reader("rag", NOW)
    assert refused(error) == "too many"


def test_a_private_feed_is_in_the_language_of_the_page_that_made_it(world: MakeWorld) -> None:
    made = world(a_subscriber())
    ids = [made.preferences.add_reader("rag", NOW), made.preferences.add_reader("rag", NOW, language="zh")]
    assert [made.registry.subscribers[name].language for name in ids] == ["en", "zh"]


def test_the_same_subscription_twice_is_one(world: MakeWorld) -> None:
    made = with_rag(world)
    assert made.preferences.add("chat7", " rag ", NOW, channel=CHAT) == AddedSubscription(
        name="rag", is_new=False
    )
    assert [subscription.name for subscription in made.preferences.listed("chat7")] == ["rag"]


def test_another_query_of_the_same_name_gets_a_number(world: MakeWorld) -> None:
    made = with_rag(world)
    assert made.preferences.add("chat7", "vlm", NOW, called="RAG") == AddedSubscription(name="RAG 2")
    assert made.preferences.add("chat7", "llm", NOW, called="RAG") == AddedSubscription(name="RAG 3")


def test_a_long_name_with_a_number_is_no_longer_than_others(world: MakeWorld) -> None:
    made = world()
    first, second = (made.preferences.add("chat7", query, NOW, called="x" * 999).name for query in "ab")
    assert len(first) == LONGEST_NAME
    assert len(second) <= LONGEST_NAME
    assert second.endswith("… 2")


def test_what_changes_is_said_and_what_does_not_is_not(world: MakeWorld) -> None:
    made, calls = world(), list[None]()
    made.preferences.on_change(lambda: calls.append(None))
    made.preferences.add("chat7", "rag", NOW, channel=CHAT)
    made.preferences.set_weekly("chat7", NOW, weekly=True)
    assert len(calls) == 2
    made.preferences.add("chat7", "rag", NOW, channel=CHAT)
    made.preferences.set_weekly("chat7", NOW, weekly=True)
    assert len(calls) == 2


def test_a_name_of_the_configuration_is_kept_and_said_to_lose(world: MakeWorld) -> None:
    made = world(a_subscriber(asks=(a_subscription("language models", name="LM"),)))
    assert made.preferences.add("alice", "vlm", NOW, called="lm") == AddedSubscription(name="lm", wins=True)
    assert made.preferences.add("alice", "vlm", NOW, called="lm") == AddedSubscription(
        name="lm", is_new=False, wins=True
    )
    assert made.preferences.listed("alice") == (
        ListedSubscription(name="LM", text="language models", wins=True),
    )


@pytest.mark.parametrize("query", ["(rag", "NOT rag", ""])
def test_a_wrong_query_changes_nothing(world: MakeWorld, query: str) -> None:
    made = world()
    with pytest.raises(QuerySyntaxError):
        made.preferences.add("chat7", query, NOW, channel=CHAT)
    assert made.store.preferences.all_choices()[1] == {}


def test_too_long_a_query_is_refused(world: MakeWorld) -> None:
    made = world()
    assert made.preferences.add("chat7", "x" * LONGEST_QUERY, NOW).is_new
    with pytest.raises(ChoiceRefused) as error:
        made.preferences.add("chat7", "x" * (LONGEST_QUERY + 1), NOW)
    assert refused(error) == "too long"


def test_there_are_only_so_many_subscriptions(world: MakeWorld) -> None:
    made = world()
    full = tuple(ChosenSubscription(name=f"n{n}", text=f"n{n}") for n in range(MOST_SUBSCRIPTIONS))
    made.store.preferences.change("chat7", lambda choices: replace(choices, subscriptions=full), NOW)
    with pytest.raises(ChoiceRefused, match="100 subscriptions already"):
        made.preferences.add("chat7", "rag", NOW)
    assert not made.preferences.add("chat7", "n5", NOW).is_new


def test_papers_like_one_are_called_by_its_title(world: MakeWorld) -> None:
    made = world()
    made.read("a.md", a_digest(an_entry(1, title="WebSailor: A Web Agent")))
    assert made.preferences.add_like("chat7", a_paper(1).id, NOW, channel=CHAT).name == "like WebSailor"
    assert made.preferences.add_like("chat7", PaperId("arxiv:1"), NOW).name == "like arxiv:1"
    assert [subscription.text for subscription in made.preferences.listed("chat7")] == [
        "like 2509.14001",
        "like 1",
    ]


def test_what_is_removed_is_gone_and_can_be_removed_again(world: MakeWorld) -> None:
    made = with_rag(world)
    made.preferences.pause("chat7", "rag", NOW)
    assert made.preferences.remove("chat7", "RAG", NOW)
    assert not made.preferences.remove("chat7", "rag", NOW)
    assert made.preferences.choices("chat7").paused == ()
    assert made.preferences.subscriber("chat7") is not None  # the chat stays open


def test_the_configurations_can_only_be_paused(world: MakeWorld) -> None:
    made = world(a_subscriber())
    for change in (
        lambda: made.preferences.remove("alice", "language models", NOW),
        lambda: made.preferences.edit("alice", "language models", "rag", NOW),
        lambda: made.preferences.rename("alice", "language models", "lm", NOW),
    ):
        with pytest.raises(ChoiceRefused) as error:
            change()
        assert refused(error) == "configured"
    assert made.preferences.pause("alice", "Language models", NOW)
    assert not made.preferences.pause("alice", "language models", NOW)
    assert made.preferences.listed("alice")[0].paused
    assert made.registry.subscribers["alice"].subscriptions == ()
    assert made.preferences.pause("alice", "language models", NOW, paused=False)
    assert len(made.registry.subscribers["alice"].subscriptions) == 1


@pytest.mark.parametrize("change", ["pause", "rename", "edit", "route"])
def test_what_there_is_not_cannot_be_changed(world: MakeWorld, change: str) -> None:
    made = with_rag(world)
    values = {"pause": (NOW,), "rename": ("x", NOW), "edit": ("x", NOW), "route": (None, NOW)}[change]
    with pytest.raises(ChoiceRefused, match="there is no subscription 'vlm'"):
        getattr(made.preferences, change)("chat7", "vlm", *values)


def test_a_subscription_is_renamed_and_stays_paused(world: MakeWorld) -> None:
    made = with_rag(world)
    made.preferences.add("chat7", "vlm", NOW)
    made.preferences.pause("chat7", "rag", NOW)
    assert made.preferences.rename("chat7", "rag", "Retrieval", NOW) == "Retrieval"
    assert made.preferences.rename("chat7", "retrieval", "retrieval", NOW) == "retrieval"
    assert made.preferences.listed("chat7")[0] == ListedSubscription(
        name="retrieval", text="rag", chosen=True, paused=True
    )
    with pytest.raises(ChoiceRefused) as error:
        made.preferences.rename("chat7", "retrieval", "VLM", NOW)
    assert refused(error) == "taken"


def test_an_edited_query_takes_its_name_along_where_that_was_the_query(world: MakeWorld) -> None:
    made = with_rag(world)
    made.preferences.add("chat7", "vlm", NOW, called="vision")
    assert made.preferences.edit("chat7", "rag", "rag OR retrieval", NOW) == "rag OR retrieval"
    assert made.preferences.edit("chat7", "vision", "vlm OR lvlm", NOW) == "vision"
    assert [(subscription.name, subscription.text) for subscription in made.preferences.listed("chat7")] == [
        ("rag OR retrieval", "rag OR retrieval"),
        ("vision", "vlm OR lvlm"),
    ]
    with pytest.raises(ChoiceRefused) as error:
        made.preferences.edit("chat7", "rag OR retrieval", "Vision", NOW)
    assert refused(error) == "taken"


def test_a_subscription_goes_to_a_topic_or_everywhere(world: MakeWorld) -> None:
    made = with_rag(world)
    made.preferences.route("chat7", "rag", TOPIC, NOW)
    person = made.registry.subscribers["chat7"]
    assert [channel.address for channel in person.channels if channel.takes(person.subscriptions[0])] == [
        "-5/3"
    ]
    made.preferences.route("chat7", "rag", None, NOW)
    assert made.preferences.listed("chat7")[0].only == frozenset()


def test_channels_are_opened_and_closed(world: MakeWorld) -> None:
    made = world()
    feed = ChosenChannel(kind="atom", address="chat7")
    made.preferences.open_channel("chat7", feed, NOW)
    made.preferences.open_channel("chat7", feed, NOW)
    assert made.registry.subscribers["chat7"].has_feed
    assert made.preferences.close_channel("chat7", feed.target, NOW)
    assert not made.preferences.close_channel("chat7", feed.target, NOW)
    assert "chat7" not in made.registry.subscribers


def test_exclusions_are_kept_once_and_taken_back(world: MakeWorld) -> None:
    made = world(a_subscriber(exclude=("medical",)))
    assert made.preferences.exclude("alice", "survey", NOW)
    assert not made.preferences.exclude("alice", "survey", NOW)
    assert not made.preferences.exclude("alice", "medical", NOW)
    assert made.registry.subscribers["alice"].exclude == ("medical", "survey")
    assert made.preferences.include("alice", "survey", NOW)
    assert not made.preferences.include("alice", "survey", NOW)
    for number in range(MOST_EXCLUSIONS):
        made.preferences.exclude("alice", f"n{number}", NOW)
    with pytest.raises(ChoiceRefused) as error:
        made.preferences.exclude("alice", "survey", NOW)
    assert refused(error) == "too many"


def test_an_objection_names_what_brought_a_paper_and_the_words_that_would_have_kept_it_away(
    world: MakeWorld,
) -> None:
    made = world(a_subscriber(), first_run=0)
    made.look()
    medical = an_entry(30, title="Language Models for Medical Imaging", summary="Medical imaging, medical.")
    made.read("a.md", a_digest(1, 2, 3, medical, an_entry(40, title="Cats", summary="Cats.")))
    objection = made.preferences.objection("alice", medical.id)
    assert objection is not None
    assert (objection.paper.id, objection.subscriptions) == (medical.id, ("language models",))
    assert [(word.word, word.noticed) for word in objection.words][:1] == [("medical", 0)]
    assert objection.papers == 4
    assert made.preferences.objection("alice", an_entry(40).id) is None  # nothing brought it
    assert made.preferences.objection("nobody", medical.id) is None
    made.preferences.pause("alice", "language models", NOW)
    paused = made.preferences.objection("alice", medical.id)
    assert paused is not None
    assert (paused.subscriptions, paused.words) == (("language models",), ())
    made.registry.replace([a_subscriber(asks=("robots",))])
    assert made.preferences.objection("alice", medical.id) is None  # that subscription is gone


def test_who_closed_every_channel_objects_to_nothing(world: MakeWorld) -> None:
    made = world(first_run=0)
    made.preferences.add("chat7", "language models", NOW, channel=CHAT)
    made.registry.refresh()
    made.look()
    made.read("a.md", a_digest(1))
    assert made.preferences.objection("chat7", a_paper(1).id) is not None
    made.preferences.close_channel("chat7", CHAT.target, NOW)
    assert made.preferences.objection("chat7", a_paper(1).id) is None


# --- settings


def test_settings_are_stored_as_the_configuration_writes_them(world: MakeWorld) -> None:
    made = with_rag(world)
    assert made.preferences.set_timezone("chat7", "europe/berlin", NOW) == "Europe/Berlin"
    assert made.preferences.set_timezone("chat7", "America/New York", NOW) == "America/New_York"
    assert made.preferences.set_language("chat7", "ZH", NOW) == "zh"
    assert made.preferences.set_language("chat7", "English", NOW) == "en"
    assert made.preferences.set_language("chat7", "zh_CN", NOW) == "zh"
    assert made.preferences.set_quiet_hours("chat7", "none", NOW) == "off"
    assert made.preferences.set_quiet_hours("chat7", "22:00–7:00", NOW) == "22:00-07:00"
    assert made.preferences.set_delivery("chat7", "Weekdays at 8:00", NOW) == "weekdays at 08:00"
    made.preferences.set_weekly("chat7", NOW, weekly=True)
    made.preferences.set_quizzes("chat7", "on_request", NOW)
    person = made.registry.subscribers["chat7"]
    assert (person.timezone.key, person.language) == ("America/New_York", "zh")
    assert [channel.quizzes for channel in person.channels] == ["on_request"]
    assert made.preferences.choices("chat7").weekly
    assert made.preferences.set_quiet_hours("chat7", "off", NOW) == "off"
    assert made.registry.subscribers["chat7"].quiet_hours is None


@pytest.mark.parametrize(
    ("setting", "value", "why", "hint"),
    [
        ("set_timezone", "Berlin", "zone", "did you mean Europe/Berlin?"),
        ("set_timezone", "qqq", "zone", "'qqq' is no time zone"),
        ("set_timezone", "localtime", "zone", "'localtime' is no time zone"),
        ("set_language", "fr", "language", "en, zh"),
        ("set_quiet_hours", "nights", "hours", "22:00-07:00"),
        ("set_delivery", "sometimes", "times", "daily at HH:MM"),
    ],
)
def test_a_wrong_setting_says_what_is_right(
    world: MakeWorld, setting: str, value: str, why: str, hint: str
) -> None:
    with pytest.raises(ChoiceRefused, match=hint.replace("?", r"\?")) as error:
        getattr(world().preferences, setting)("chat7", value, NOW)
    assert refused(error) == why


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("set_timezone", "Europe/Berlin"),
        ("set_language", "zh"),
        ("set_quiet_hours", "off"),
        ("set_delivery", "hourly"),
        ("set_quizzes", "none"),
    ],
)
def test_what_the_configuration_sets_stays(world: MakeWorld, setting: str, value: str) -> None:
    fixed = a_subscriber(
        "alice",
        a_channel(fixed=frozenset({"deliver", "quizzes"})),
        a_channel("atom"),  # a feed has no times and asks nothing
        fixed=frozenset({"timezone", "language", "quiet_hours"}),
    )
    with pytest.raises(ChoiceRefused) as error:
        getattr(world(fixed).preferences, setting)("alice", value, NOW)
    assert refused(error) == "fixed"


def test_what_the_configuration_sets_for_some_channels_can_be_set_for_the_others(world: MakeWorld) -> None:
    made = world(
        a_subscriber(
            "alice", a_channel(address="1", fixed=frozenset({"deliver", "quizzes"})), a_channel(address="2")
        )
    )
    made.preferences.set_delivery("alice", "hourly", NOW)
    made.preferences.set_quizzes("alice", "all", NOW)
    fixed, free = made.registry.subscribers["alice"].channels
    assert (fixed.deliver, fixed.quizzes) == (parse_schedule("immediately"), "none")
    assert (free.deliver, free.quizzes) == (parse_schedule("hourly"), "all")


async def test_a_snooze_holds_what_waits_and_what_comes_and_ends_when_the_person_says_so(
    world: MakeWorld,
) -> None:
    made = world(a_subscriber(), first_run=0)
    made.look()
    made.read("a.md", a_digest(1))
    made.preferences.snooze("alice", NOW + timedelta(days=3), NOW)
    made.registry.refresh()
    made.read("b.md", a_digest(2))
    assert await made.send() == {}
    made.preferences.snooze("alice", None, NOW)
    assert await made.send() == {"sent": 1, "merged": 1}


async def test_a_snooze_ends_by_itself_in_its_first_minute(world: MakeWorld) -> None:
    made = world(a_subscriber(), first_run=0)
    made.look()
    made.read("a.md", a_digest(1))
    until = NOW + timedelta(days=3)
    made.preferences.snooze("alice", until, NOW)
    made.clock.go_to(until - timedelta(seconds=1))
    assert await made.send() == {}
    made.clock.go_to(until)
    assert await made.send() == {"sent": 1}


@pytest.mark.parametrize("days", [0, -1, 367])
def test_a_snooze_ends_within_a_year(world: MakeWorld, days: int) -> None:
    made = world(a_subscriber())
    with pytest.raises(ChoiceRefused) as error:
        made.preferences.snooze("alice", NOW + timedelta(days=days), NOW)
    assert refused(error) == "snooze"
    longest = NOW + timedelta(days=366)
    made.preferences.snooze("alice", longest, NOW)
    assert made.preferences.choices("alice").snoozed_until == longest


# --- saved papers


def test_papers_are_saved_and_listed_as_they_are_now(world: MakeWorld) -> None:
    made = world()
    made.read("a.md", a_digest(1, 2))
    first, second = a_paper(1).id, a_paper(2).id
    assert made.preferences.save("telegram:1", first, NOW)
    assert not made.preferences.save("telegram:1", first, NOW)
    made.preferences.save("telegram:1", second, NOW + timedelta(hours=1))
    made.read("b.md", a_digest(an_entry(1, summary="Said later.")))
    saved = made.preferences.saved("telegram:1")
    assert [paper.id for paper in saved] == [second, first]
    assert "Said later." in {summary.text for summary in saved[1].summaries}
    assert made.preferences.unsave("telegram:1", first)
    assert not made.preferences.unsave("telegram:1", first)
    assert [paper.id for paper in made.preferences.saved("telegram:1")] == [second]


def test_only_so_many_papers_are_saved_and_those_may_be_saved_again(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = world()
    made.read("a.md", a_digest(1, 2))
    monkeypatch.setattr(preferences, "MOST_SAVED", 1)
    assert made.preferences.save("telegram:1", a_paper(1).id, NOW)
    assert not made.preferences.save("telegram:1", a_paper(1).id, NOW)
    with pytest.raises(ChoiceRefused) as error:
        made.preferences.save("telegram:1", a_paper(2).id, NOW)
    assert refused(error) == "too many"


# --- proposals and topics


def test_a_proposal_is_only_for_the_chat_it_was_made_to(world: MakeWorld) -> None:
    made = world()
    offer = made.preferences.propose("add", "7", NOW, query="rag")
    found = made.preferences.proposal(offer, "7")
    assert found is not None
    assert (found.kind, found.values) == ("add", {"query": "rag"})
    assert len(offer) <= 16
    assert made.preferences.proposal(offer, "8") is None
    assert made.preferences.proposal("other", "7") is None


def test_a_question_takes_the_next_text_of_its_person_for_its_answer_once_and_for_a_while(
    world: MakeWorld,
) -> None:
    made = with_rag(world)
    until = NOW + timedelta(minutes=10)
    made.preferences.await_answer("-5", 1, until, NOW, replaces="rag")
    made.preferences.await_answer("-5", 1, until, NOW, replaces="agents")
    take = made.preferences.take_answer
    assert (take("-5", 2, NOW), take("7", 1, NOW)) == (None, None)
    answered = take("-5", 1, until)
    assert answered is not None
    assert answered["replaces"] == "agents"
    assert take("-5", 1, until) is None
    made.preferences.await_answer("-5", 1, until, NOW, replaces="rag")
    assert take("-5", 1, until + timedelta(seconds=1)) is None


# --- everything


def test_the_export_is_what_the_configuration_would_say(world: MakeWorld) -> None:
    made = with_rag(world)
    assert made.preferences.export("chat7") == (
        'subscribers:\n  - id: "chat7"\n    channels:\n      - telegram: 7\n        quizzes: true\n'
        '    keywords:\n      - "rag"\n'
    )
    assert made.preferences.export("nobody") == "subscribers: []\n"


def test_to_stop_ends_everything_that_was_set_but_the_admission(world: MakeWorld) -> None:
    made = with_rag(world)
    made.preferences.admit("chat7", "allowed", NOW)
    made.preferences.set_language("chat7", "zh", NOW)
    assert made.preferences.stop("chat7", NOW) == 1
    assert made.preferences.stop("chat7", NOW) == 0
    assert made.preferences.subscriber("chat7") is None
    assert made.preferences.admission("chat7") == "allowed"


async def test_who_is_deleted_leaves_nothing_and_may_come_again(world: MakeWorld) -> None:
    made = world(first_run=1)
    made.read("a.md", a_digest(1))
    made.preferences.add("chat7", "language models", NOW, channel=CHAT)
    made.registry.refresh()
    made.look()
    await made.send_all()
    deleted = made.preferences.delete("chat7", 7, NOW)
    assert (deleted.remains, deleted.configured) == ({}, False)
    assert {"choices", "deliveries", "notices", "registrations"} <= deleted.removed.keys()
    assert made.preferences.subscriber("chat7") is None
    assert made.rows() == ()
    made.registry.refresh()
    assert made.look().deliveries == 0
    made.preferences.add("chat7", "language models", NOW, channel=CHAT)
    made.registry.refresh()
    made.look()
    assert len(made.rows()) == 1


async def test_of_the_configured_what_they_set_goes_and_what_was_sent_stays(world: MakeWorld) -> None:
    made = world(a_subscriber(), first_run=1)
    made.read("a.md", a_digest(1))
    await made.send_all()
    made.preferences.set_language("alice", "zh", NOW)
    deleted = made.preferences.delete("alice", 1001, NOW)
    assert (deleted.removed, deleted.configured) == ({"choices": 1}, True)
    assert deleted.remains["deliveries"] == 1
    assert made.registry.subscribers["alice"].language == "en"


async def test_the_look_backs_of_who_is_deleted_go_on_every_channel(world: MakeWorld) -> None:
    made = world(first_run=1)
    made.preferences.add("chat7", "language models", NOW, channel=CHAT)
    made.registry.refresh()
    with made.store.incidents.change() as tx:
        look_backs = [a_look_back(target) for target in ("telegram:7", "email:me@example.org")]
        rows = [replace(row, delivery=row.delivery._replace(subscriber="chat7")) for row in look_backs]
        tx.plan([*rows, a_look_back("email:me@example.org2")], NOW)
    assert made.preferences.delete("chat7", 7, NOW).removed["texts"] == 2
    assert made.store.deliveries.written_text(a_look_back("email:me@example.org2").delivery.key)


async def test_the_questions_that_were_to_come_back_to_who_is_deleted_are_not_sent(world: MakeWorld) -> None:
    made = world(a_subscriber("alice", a_channel(quizzes="all")), first_run=1)
    made.read("a.md", a_digest(1))
    with made.store.digests.transaction() as tx:
        part = repeat_part(1, "x")
        later = a_delivery(1, kind="quiz", part=part, state="held", due_at=NOW + timedelta(days=1))
        tx.plan([later], tx.new_run(NOW))
    made.preferences.delete("alice", 1001, NOW)
    (row,) = (row for row in made.rows() if row.kind == "quiz")
    assert (row.state, row.error) == ("skipped", "the person deleted what it came from")


def test_every_change_is_told_and_nothing_else(world: MakeWorld) -> None:
    made = with_rag(world)
    told: list[bool] = []
    made.preferences.on_change(lambda: told.append(True))
    made.preferences.set_language("chat7", "zh", NOW)
    made.preferences.set_language("chat7", "zh", NOW)
    made.preferences.listed("chat7")
    assert told == [True]
    made.preferences.delete("chat7", 7, NOW)
    assert told == [True, True]


def test_ids_of_proposals_are_made_by_chance(world: MakeWorld) -> None:
    made = world()
    ids = {made.preferences.propose("add", "7", NOW) for _ in range(5)}
    assert len(ids) == 5
