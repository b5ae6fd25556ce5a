"""Chats: their kinds, and topics by name."""

import pytest

from bot.domain.chats import ChatFacts, find_topic, topic_key, unseen_topic_text


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
