"""What the service told of chats, and the names of topics, on every database."""

from dataclasses import replace

from bot.adapters.store import Store
from bot.domain.chats import ChatFacts

GROUP = ChatFacts(id=-100, kind="supergroup", messages=True, polls=False)


def test_facts_are_kept_by_the_name_that_was_asked_for_and_forgotten_by_the_id(store: Store) -> None:
    chats = store.chats
    chats.keep_chat_facts("@papers", GROUP)
    chats.keep_chat_facts(-100, GROUP)
    chats.keep_chat_facts(-200, replace(GROUP, id=-200))
    allowed = replace(GROUP, polls=True)
    chats.keep_chat_facts(-100, allowed)
    assert [chats.chat_facts(chat) for chat in ("@papers", -100, -300)] == [GROUP, allowed, None]
    chats.forget_chat_facts(-100)
    assert [chats.chat_facts(chat) for chat in ("@papers", -100)] == [None, None]
    assert chats.chat_facts(-200) is not None


def test_the_bots_name_is_the_one_told_last(store: Store) -> None:
    assert store.chats.bot_name() is None
    store.chats.keep_bot_name("old_bot")
    store.chats.keep_bot_name("papers_bot")
    assert store.chats.bot_name() == "papers_bot"


def test_a_topic_keeps_its_first_name_until_it_is_renamed(store: Store) -> None:
    chats = store.chats
    chats.name_topic(-100, 7, "RAG", renamed=False)
    chats.name_topic(-100, 3, "News", renamed=False)
    chats.name_topic(-100, 7, "Retrieval", renamed=True)
    chats.name_topic(-100, 7, "RAG", renamed=False)
    assert chats.topics(-100) == {3: "News", 7: "Retrieval"}
    assert chats.topics(-200) == {}
