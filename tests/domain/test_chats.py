"""Chats: their kinds, and topics by name."""

import pytest

from bot.domain.chats import ChatFacts, topic_key, topic_named, unseen_topic


@pytest.mark.parametrize(("kind", "has_names"), [("supergroup", True), ("channel", False)])
def test_polls_of_channels_do_not_tell_who_voted(kind: str, has_names: bool) -> None:
    assert ChatFacts(id=-1, kind=kind, messages=True, polls=True).has_names is has_names


def test_a_topic_is_named_in_any_case_and_spacing_and_the_newest_of_equals_is_meant() -> None:
    topics = {3: "RAG papers", 7: "rag  Papers", 9: "Straße"}
    assert topic_named(topics, "Rag papers") == 7
    assert topic_named(topics, "STRASSE") == 9
    assert topic_named(topics, "other") is None
    assert topic_key("New\npapers \u202e") == "new papers"


@pytest.mark.parametrize("name", ["RAG papers", "Straße", "话题"])
def test_a_topic_that_nobody_told_is_named_with_what_makes_it_known(name: str) -> None:
    assert unseen_topic(name) == f"no topic “{name}” was seen in the chat; write /help in it once"
    assert topic_named({}, name) is None
