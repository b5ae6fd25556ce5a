"""Chats: their addresses, their kinds, and topics by name."""

import pytest

from bot.domain.chats import (
    ChatAddress,
    ChatFacts,
    address_in,
    addresses_of,
    chat_of,
    chat_target,
    find_topic,
    is_own_chat,
    is_private,
    topic_key,
    topics_prefix,
    unseen_topic_text,
)


@pytest.mark.parametrize(("kind", "has_names"), [("supergroup", True), ("channel", False)])
def test_polls_of_channels_do_not_tell_who_voted(kind: str, has_names: bool) -> None:
    assert ChatFacts(id=-1, kind=kind, messages=True, polls=True).has_names is has_names


def test_a_topic_is_named_in_any_case_and_spacing_and_the_newest_of_equals_is_meant() -> None:
    topics = {3: "RAG papers", 7: "rag  Papers", 9: "Straße"}
    assert find_topic(topics, "Rag papers") == 7
    assert find_topic(topics, "STRASSE") == 9
    assert find_topic(topics, "other") is None
    assert topic_key("New\npapers \u202e") == "new papers"


@pytest.mark.parametrize("name", ["RAG papers", "Straße", "话题"])
def test_a_topic_that_nobody_told_is_named_with_what_makes_it_known(name: str) -> None:
    assert unseen_topic_text(name) == f"no topic “{name}” was seen in the chat; write /help in it once"
    assert find_topic({}, name) is None


@pytest.mark.parametrize(
    ("text", "address", "written"),
    [
        ("123", ChatAddress(id=123), "123"),
        ("-100123", ChatAddress(id=-100123), "-100123"),
        ("@papers", ChatAddress(id="@papers"), "@papers"),
        ("-100123/7", ChatAddress(id=-100123, topic=7), "-100123/7"),
        ("-100123/1", ChatAddress(id=-100123), "-100123"),
        ("-100123/General", ChatAddress(id=-100123), "-100123"),
        ("@papers/7", ChatAddress(id="@papers", topic=7), "@papers/7"),
        ("-100123/New  papers", ChatAddress(id=-100123, topic_name="new papers"), "-100123/new papers"),
    ],
)
def test_an_address_is_a_chat_and_a_topic_of_it(text: str, address: ChatAddress, written: str) -> None:
    assert ChatAddress.parse(text) == address
    assert str(address) == written
    assert ChatAddress.parse(written) == address
    assert address.has_topic is ("/" in written)


def test_an_address_is_written_into_the_configuration_as_people_write_it() -> None:
    assert ChatAddress(id=5).value == 5
    assert ChatAddress(id="@papers", topic=7).value == {"chat": "@papers", "topic": 7}
    assert ChatAddress(id=-5, topic_name="rag").value == {"chat": -5, "topic": "rag"}


def test_the_chat_of_one_person_has_their_id() -> None:
    assert ChatAddress.parse("123").is_private
    assert not ChatAddress.parse("-123").is_private
    assert not ChatAddress.parse("@papers").is_private
    assert is_private("123")
    assert not is_private("-123")
    assert is_own_chat("123", 123)
    assert not is_own_chat("123", 124)


def test_a_chat_is_found_under_every_name_it_may_have() -> None:
    assert addresses_of(-100123, username="papers") == ("-100123", "@papers", "-100123/1")
    assert addresses_of(-100123, topic=1) == ("-100123", "-100123/1")
    assert addresses_of(-100123, topic=7) == ("-100123/7",)
    assert addresses_of(-100123, username="Papers", topic=7, topic_name="RAG") == (
        "-100123/7",
        "@papers/7",
        "-100123/rag",
        "@papers/rag",
    )
    assert addresses_of(123) == ("123", "123/1")


def test_a_targets_key_leads_to_its_chat_and_back() -> None:
    assert chat_target(ChatAddress(id=-100, topic=7)) == chat_target("-100/7") == "telegram:-100/7"
    assert chat_of("telegram:-100/7") == chat_of("-100/7") == "-100"
    assert address_in("telegram:-100/7") == ChatAddress(id=-100, topic=7)
    assert address_in("email:ann@example.org") is None
    assert address_in("telegram") is None


def test_the_addresses_of_a_chats_topics_begin_alike() -> None:
    assert str(ChatAddress(id=-100, topic=7)).startswith(topics_prefix("-100"))
    assert chat_target("-100/rag").startswith(topics_prefix(chat_target("-100")))
    assert not str(ChatAddress(id=-1001, topic=7)).startswith(topics_prefix("-100"))
