"""What the bot answers, in each kind of chat."""

import re
from dataclasses import replace
from datetime import time

import pytest

from bot.adapters.telegram.commands import ABOUT, COMMANDS, Action, Command, Request
from bot.adapters.telegram.publisher import TelegramPublisher
from bot.adapters.telegram.rendering import Message
from bot.domain.message import Item
from bot.domain.schedule import At
from bot.domain.subscriptions import Channel
from tests.adapters.telegram.conftest import FakeDeliveries, MemoryUpdates, Talk, a_subscriber, running, until
from tests.builders import a_paper, a_parcel, a_reason, an_item
from tests.rigs.botapi import BotApi, SentMessage


async def test_start_tells_a_stranger_the_chats_id_and_how_to_subscribe(talk: Talk, api: BotApi) -> None:
    text = await talk(api.chat(4711), "/start")
    assert "This chat's id is 4711." in text
    assert "      - telegram: 4711\n        quizzes: true\n" in text
    assert api.messages[-1].content.words("Code") == ("4711", "config/subscriptions.yaml")


async def test_start_in_a_topic_tells_chat_and_topic(talk: Talk, api: BotApi) -> None:
    text = await talk(api.chat(-1001, kind="supergroup", topics={7}), "/start", topic=7)
    assert "- telegram: {chat: -1001, topic: 7}\n" in text
    assert api.messages[-1].thread == 7


async def test_start_in_a_channel_is_answered_there(talk: Talk, api: BotApi) -> None:
    text = await talk(api.chat(-1002, kind="channel", username="papers"), "/start")
    assert "This chat's id is -1002." in text


async def test_start_tells_a_subscriber_what_comes_here(
    talk: Talk, api: BotApi, deliveries: FakeDeliveries
) -> None:
    deliveries.subscribed = [
        a_subscriber("alice", Channel(kind="telegram", address="1"), queries=("agents", "rag"))
    ]
    assert "It gets papers for agents, rag." in await talk(api.chat(1), "/start")


async def test_start_revives_a_stopped_chat_under_any_of_its_names(
    talk: Talk, api: BotApi, deliveries: FakeDeliveries
) -> None:
    deliveries.subscribed = [a_subscriber("alice", Channel(kind="telegram", address="@papers"))]
    deliveries.stopped = {"@papers"}
    chat = api.chat(-1002, kind="channel", username="papers")
    assert (await talk(chat, "/start")).startswith("Welcome back.")
    assert deliveries.stopped == set()


async def test_help_lists_the_commands_as_commands(talk: Talk, api: BotApi) -> None:
    await talk(api.chat(1), "/help")
    commands = api.messages[-1].content.words("BotCommand", auto=True)
    assert set(commands) == {f"/{name}" for name in COMMANDS}
    assert {"/start", "/list", "/latest", "/stop", "/help", "/quiz", "/score"} < set(commands)


async def test_help_speaks_the_language_of_the_subscriber(
    talk: Talk, api: BotApi, deliveries: FakeDeliveries
) -> None:
    chinese = replace(a_subscriber("alice", Channel(kind="telegram", address="1")), language="zh")
    deliveries.subscribed = [chinese]
    assert "/latest – 本聊天的最新论文" in await talk(api.chat(1), "/help")
    deliveries.subscribed = [replace(chinese, language="fr")]
    assert "/latest – The newest papers" in await talk(api.chat(1), "/help")


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_every_command_fits_the_menu_in_every_language(command: Command) -> None:
    assert re.fullmatch("[a-z0-9_]{1,32}", command.name)
    assert command.help.keys() == ABOUT.keys() == {"en", "zh"}
    assert all(1 <= len(text) <= 256 for text in command.help.values())


async def test_a_new_command_is_one_entry_and_one_handler(
    talk: Talk, api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shout(request: Request) -> tuple[Action, ...]:
        return request.reply(Message(html=request.command.arguments.upper()))

    monkeypatch.setitem(
        COMMANDS,
        "shout",
        Command(
            name="shout", who="administrators", handler=shout, help={"en": "Say it louder", "zh": "大声说"}
        ),
    )
    assert await talk(api.chat(1), "/shout papers") == "PAPERS"
    assert "/shout – Say it louder" in await talk(api.chat(1), "/help")
    group = api.chat(-5, kind="group", administrators={77})
    assert "Only administrators" in await talk(group, "/shout papers", user=78)
    assert await talk(group, "/shout papers", user=77) == "PAPERS"


async def test_list_shows_subscriptions_with_their_queries_and_times(
    talk: Talk, api: BotApi, deliveries: FakeDeliveries
) -> None:
    channel = Channel(kind="telegram", address="1", deliver=At(days=frozenset({0, 1, 2, 3, 4}), at=time(8)))
    deliveries.subscribed = [a_subscriber("alice", channel, queries=("language models", "=RAG"))]
    text = await talk(api.chat(1), "/list")
    assert text == "alice gets here, weekdays at 08:00:\n• language models\n• =RAG"


async def test_list_leaves_out_what_goes_elsewhere(
    talk: Talk, api: BotApi, deliveries: FakeDeliveries
) -> None:
    deliveries.subscribed = [
        a_subscriber("alice", Channel(kind="telegram", address="2"), Channel(kind="email", address="a@b.c"))
    ]
    assert "Nobody is subscribed here yet." in await talk(api.chat(1), "/list")


async def test_a_very_long_list_fits_into_one_message(
    talk: Talk, api: BotApi, deliveries: FakeDeliveries
) -> None:
    queries = [f"keyword number {number} of very many" for number in range(400)]
    deliveries.subscribed = [a_subscriber("alice", Channel(kind="telegram", address="1"), queries=queries)]
    text = await talk(api.chat(1), "/list")
    assert "… and " in text


async def test_latest_shows_the_newest_papers(talk: Talk, api: BotApi, deliveries: FakeDeliveries) -> None:
    deliveries.items = [Item(paper=a_paper(number), reasons=(a_reason(),)) for number in range(1, 9)]
    text = await talk(api.chat(1), "/latest")
    assert text.startswith("The latest papers\n\n1. Paper 1: ")
    assert "5. Paper 5: " in text
    assert "6. Paper" not in text


async def test_latest_says_when_there_is_nothing(talk: Talk, api: BotApi) -> None:
    assert "Nothing yet." in await talk(api.chat(1), "/latest")


async def test_stop_stops_and_says_how_to_come_back(
    talk: Talk, api: BotApi, deliveries: FakeDeliveries
) -> None:
    deliveries.subscribed = [a_subscriber("alice", Channel(kind="telegram", address="1"))]
    chat = api.chat(1)
    assert "until you say /start" in await talk(chat, "/stop")
    assert deliveries.stopped == {"1"}
    assert "Nothing is sent here" in await talk(chat, "/stop")


async def test_only_administrators_stop_a_group(talk: Talk, api: BotApi, deliveries: FakeDeliveries) -> None:
    deliveries.subscribed = [a_subscriber("alice", Channel(kind="telegram", address="-5"))]
    group = api.chat(-5, kind="group", administrators={77})
    assert "Only administrators" in await talk(group, "/stop", user=78)
    assert deliveries.stopped == set()
    await talk(group, "/stop", user=77)
    assert deliveries.stopped == {"-5"}


async def test_an_anonymous_administrator_is_one(talk: Talk, api: BotApi, deliveries: FakeDeliveries) -> None:
    deliveries.subscribed = [a_subscriber("alice", Channel(kind="telegram", address="-5"))]
    await talk(api.chat(-5, kind="supergroup"), "/stop", as_chat=True)
    assert deliveries.stopped == {"-5"}


async def test_anybody_in_a_group_may_ask_but_not_revive_it(
    talk: Talk, api: BotApi, deliveries: FakeDeliveries
) -> None:
    deliveries.subscribed = [a_subscriber("alice", Channel(kind="telegram", address="-5"))]
    deliveries.stopped = {"-5"}
    await talk(api.chat(-5, kind="group"), "/start", user=78)
    assert deliveries.stopped == {"-5"}


async def test_answers_in_groups_are_replies(talk: Talk, api: BotApi) -> None:
    await talk(api.chat(-5, kind="group"), "/help")
    assert api.messages[-1].reply_to is not None


@pytest.mark.parametrize("text", ["/help@other_bot", "/unknown", "hello there"])
async def test_groups_are_not_disturbed(
    api: BotApi, deliveries: FakeDeliveries, kept: MemoryUpdates, text: str
) -> None:
    async with running(api, deliveries, kept):
        api.say(api.chat(-5, kind="group"), text)
        await until(lambda: kept.taken)
    assert api.messages == []


@pytest.mark.parametrize("text", ["/help@paperboy_bot", "/HELP", "/help   please"])
async def test_commands_are_known_in_every_spelling(talk: Talk, api: BotApi, text: str) -> None:
    assert "/latest" in await talk(api.chat(1), text)


async def test_a_person_gets_a_hint_for_an_unknown_command_and_for_words(talk: Talk, api: BotApi) -> None:
    chat = api.chat(1)
    assert (await talk(chat, "/teleport now")).endswith("teleport. /help lists what I understand.")
    assert "/help lists them" in await talk(chat, "hello there")


async def test_other_bots_are_not_talked_to(
    api: BotApi, deliveries: FakeDeliveries, kept: MemoryUpdates
) -> None:
    chat = api.chat(1)
    async with running(api, deliveries, kept):
        author = {"id": 9, "is_bot": True, "first_name": "Echo"}
        body = {"message_id": 1, "date": 1, "chat": chat.described(), "from": author, "text": "/help"}
        api.updates.add("message", body)
        await until(lambda: kept.taken)
    assert api.messages == []


async def alert(api: BotApi, papers: int = 20) -> SentMessage:
    """An alert of ours in chat 1, as the publisher sent it."""
    publisher = TelegramPublisher(api.token, api_url=api.url)
    await publisher.send(a_parcel(*map(an_item, range(1, papers + 1)), kind="telegram", address="1"))
    await publisher.close()
    return api.messages[-1]


async def test_the_button_brings_the_next_page_and_then_the_next(
    api: BotApi, deliveries: FakeDeliveries, kept: MemoryUpdates
) -> None:
    api.chat(1)
    first = await alert(api)
    deliveries.sent["b5f1c0de", "1"] = a_parcel(*map(an_item, range(1, 21)), kind="telegram", address="1")
    async with running(api, deliveries, kept):
        query = api.press(first)
        await until(lambda: first.buttons == ())
        second = api.messages[-1]
        api.press(second)
        await until(lambda: second.buttons == ())
    assert api.answered[query] is None
    assert second.text.startswith("Papers 9–16 of 20\n\n9. Paper 9: ")
    assert second.reply_to == first.id
    assert api.messages[-1].text.startswith("Papers 17–20 of 20\n\n17. Paper 17: ")


@pytest.mark.parametrize("data", ["more:b5f1c0de:8", "more:b5f1c0de:99", "more:", "save:1", ""])
async def test_a_button_for_what_this_chat_never_got_brings_nothing(
    api: BotApi, deliveries: FakeDeliveries, kept: MemoryUpdates, data: str
) -> None:
    api.chat(1)
    first = await alert(api)
    deliveries.sent["b5f1c0de", "2"] = a_parcel(*map(an_item, range(1, 21)), kind="telegram", address="2")
    async with running(api, deliveries, kept):
        query = api.press(first, data=data)
        await until(lambda: query in api.answered)
    assert len(api.messages) == 1


async def test_blocking_stops_and_coming_back_revives(
    api: BotApi, deliveries: FakeDeliveries, kept: MemoryUpdates
) -> None:
    deliveries.subscribed = [a_subscriber("alice", Channel(kind="telegram", address="1"))]
    chat = api.chat(1)
    async with running(api, deliveries, kept):
        api.block(chat)
        await until(lambda: deliveries.stopped == {"1"})
        api.unblock(chat)
        await until(lambda: deliveries.stopped == set())
    assert api.messages == []


async def test_what_waited_for_a_chat_that_is_back_goes_out_at_once(
    api: BotApi, deliveries: FakeDeliveries, kept: MemoryUpdates
) -> None:
    deliveries.subscribed = [a_subscriber("alice", Channel(kind="telegram", address="1"))]
    chat = api.chat(1)
    rung: list[bool] = []
    async with running(api, deliveries, kept, wake=lambda: rung.append(True)):
        api.block(chat)
        await until(lambda: deliveries.stopped == {"1"})
        api.unblock(chat)
        await until(lambda: rung == [True])
        deliveries.stopped = {"1"}
        api.say(chat, "/start")
        await until(lambda: rung == [True, True])
        api.say(chat, "/start")
        await until(lambda: len(api.messages) == 2)
    assert rung == [True, True]
