"""The long poll: nothing is confirmed before it is stored, nothing is answered twice."""

import asyncio
import json
import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.adapters.telegram.client import BotClient
from bot.adapters.telegram.commands import COMMANDS
from bot.adapters.telegram.publisher import TelegramPublisher
from bot.adapters.telegram.updates import KINDS, read_vote
from bot.domain.errors import ChannelDown, StateLocked
from bot.domain.quizzes.votes import Vote
from bot.domain.subscriptions import Channel
from tests.adapters.telegram.conftest import (
    WAITS,
    FakeDeliveries,
    MemoryUpdates,
    a_subscriber,
    running,
    until,
)
from tests.builders import a_question, an_outgoing
from tests.rigs.botapi import BotApi, Fault, SentPoll
from tests.rigs.publishers import ChatMemory


async def test_updates_are_confirmed_only_once_they_are_stored(
    api: BotApi, deliveries: FakeDeliveries, kept: MemoryUpdates
) -> None:
    kept.failing = 3
    async with running(api, deliveries, kept):
        api.say(api.chat(1), "/help")
        await until(lambda: api.messages)
        await until(lambda: api.updates.confirmed)
    assert list(kept.kept) == api.updates.confirmed
    assert len(api.messages) == 1


async def test_who_is_not_let_wait_for_updates_asks_again_after_a_pause(
    api: BotApi, deliveries: FakeDeliveries, kept: MemoryUpdates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway answers the long poll at once; the service must not be asked hundreds of times a second."""

    async def at_once(*_: object) -> list[dict[str, object]]:
        return []

    monkeypatch.setattr(api.updates, "ask", at_once)
    other = BotClient(api.token, api_url=api.url)
    async with running(api, deliveries, kept, waits=replace(WAITS, first_retry=timedelta(hours=1))):
        await until(lambda: api.calls["getUpdates"])
        for _ in range(20):
            await other.username()
    await other.close()
    assert api.calls["getUpdates"] == 1


async def test_a_gateway_that_answers_in_html_is_one_line_of_the_log(
    api: BotApi, deliveries: FakeDeliveries, kept: MemoryUpdates, caplog: pytest.LogCaptureFixture
) -> None:
    api.fail(Fault(kind="garbage", methods=("getUpdates",)))
    async with running(api, deliveries, kept):
        await until(lambda: api.calls["getUpdates"] > 1)
    assert [record.msg for record in caplog.records if record.levelno >= logging.WARNING] == [
        "chat.interrupted"
    ]


async def test_all_kinds_are_asked_for_each_time(
    api: BotApi, deliveries: FakeDeliveries, kept: MemoryUpdates
) -> None:
    async with running(api, deliveries, kept):
        await until(lambda: api.calls["getUpdates"])
    assert api.updates.allowed == frozenset(KINDS)


async def test_what_was_stored_and_not_answered_is_answered_after_a_restart(
    api: BotApi, deliveries: FakeDeliveries, kept: MemoryUpdates
) -> None:
    api.say(api.chat(1), "/help")
    (waiting,) = api.updates.waiting
    kept.kept[waiting["update_id"]] = json.dumps(waiting)
    async with running(api, deliveries, kept):
        await until(lambda: api.updates.confirmed)
        await until(lambda: api.messages)
    assert len(api.messages) == 1


async def test_nothing_is_answered_twice_over_restarts(
    api: BotApi, deliveries: FakeDeliveries, kept: MemoryUpdates
) -> None:
    api.say(api.chat(1), "/help")
    for round_ in range(1, 4):
        async with running(api, deliveries, kept):
            await until(lambda: api.calls["deleteWebhook"] == round_ and not api.updates.waiting)  # noqa: B023
            await until(lambda: api.messages)
    assert len(api.messages) == 1


async def test_votes_are_stored_and_left_for_later(
    api: BotApi, deliveries: FakeDeliveries, kept: MemoryUpdates
) -> None:
    api.chat(1)
    publisher = TelegramPublisher(BotClient(api.token, api_url=api.url), chats=ChatMemory())
    await publisher.send(
        replace(an_outgoing(kind="telegram", address="1"), kind="quiz", question=a_question())
    )
    await publisher.close()
    poll = api.polls[0]
    assert isinstance(poll, SentPoll)
    async with running(api, deliveries, kept):
        api.vote(poll, 8, 1)
        await until(lambda: api.updates.confirmed)
    (body,) = map(json.loads, kept.kept.values())
    assert body["poll_answer"]["option_ids"] == [1]
    assert kept.taken == set()


async def test_numbers_that_begin_anew_are_neither_lost_nor_answered_twice(
    api: BotApi, deliveries: FakeDeliveries, kept: MemoryUpdates
) -> None:
    chat = api.chat(1)
    async with running(api, deliveries, kept):
        api.say(chat, "/help")
        await until(lambda: api.updates.confirmed)
        api.updates.restart_numbers(17)
        api.say(chat, "/help")
        await until(lambda: 17 in api.updates.confirmed)
    assert len(api.messages) == 2


@pytest.mark.parametrize("kind", ["error", "drop", "garbage"])
async def test_an_outage_is_waited_out(
    api: BotApi, deliveries: FakeDeliveries, kept: MemoryUpdates, kind: str
) -> None:
    api.fail(*[Fault(kind=kind, methods=("getUpdates", "getMe"))] * 4)
    async with running(api, deliveries, kept):
        api.say(api.chat(1), "/help")
        await until(lambda: api.messages)


async def test_a_wrong_token_is_said_and_asked_for_again(
    api: BotApi, deliveries: FakeDeliveries, kept: MemoryUpdates, caplog: pytest.LogCaptureFixture
) -> None:
    right, api.token = api.token, "123:another"
    async with running(api, deliveries, kept, token=right):
        await until(lambda: any(record.msg == "chat.token_refused" for record in caplog.records))
        api.token = right
        api.say(api.chat(1), "/help")
        await until(lambda: api.messages)
    (record, *_) = (record for record in caplog.records if record.msg == "chat.token_refused")
    assert record.levelno == logging.ERROR
    assert "telegram.token" in record.error


@pytest.mark.parametrize("code", [401, 404])
async def test_one_refused_poll_for_updates_does_not_end_the_conversation(
    api: BotApi, deliveries: FakeDeliveries, kept: MemoryUpdates, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    api.fail(Fault(kind="error", code=code, methods=("getUpdates",)))
    async with running(api, deliveries, kept):
        api.say(api.chat(1), "/help")
        await until(lambda: api.messages)
    assert not any(record.msg == "chat.token_refused" for record in caplog.records)


async def test_a_server_without_descriptions_gets_a_conversation(
    api: BotApi, deliveries: FakeDeliveries, kept: MemoryUpdates, caplog: pytest.LogCaptureFixture
) -> None:
    api.fail(*[Fault(kind="error", code=404, methods=("setMyDescription", "setMyCommands"))] * 9)
    async with running(api, deliveries, kept):
        api.say(api.chat(1), "/help")
        await until(lambda: api.messages)
    assert any(record.msg == "chat.menus_not_set" for record in caplog.records)


async def test_a_second_poller_is_named_and_the_conversation_goes_on_when_it_is_gone(
    api: BotApi, deliveries: FakeDeliveries, kept: MemoryUpdates, caplog: pytest.LogCaptureFixture
) -> None:
    other = BotClient(api.token, api_url=api.url)
    async with running(api, deliveries, kept):
        await until(lambda: api.calls["getUpdates"] == 1)
        asking = asyncio.create_task(other.updates(offset=None, wait=timedelta(seconds=20), kinds=KINDS))
        await until(lambda: any(record.msg == "chat.second_poller" for record in caplog.records))
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        api.say(api.chat(1), "/help")
        await until(lambda: api.messages)
    await other.close()


async def test_refused_polls_and_working_ones_are_reported(
    api: BotApi, deliveries: FakeDeliveries, kept: MemoryUpdates
) -> None:
    told: list[str] = []

    async def reported(refusal: ChannelDown | None) -> None:
        told.append(type(refusal).__name__)
        if len(told) == 1:
            raise StateLocked("busy")

    async with running(api, deliveries, kept, token="123:wrong", on_polling=reported):
        await until(lambda: told)
    assert set(told) == {"WrongToken"}
    told[:] = ["WrongToken"]
    other = BotClient(api.token, api_url=api.url)
    chat = api.chat(1)
    async with running(api, deliveries, kept, on_polling=reported):
        await until(lambda: api.calls["getUpdates"] == 1)
        asking = asyncio.create_task(other.updates(offset=None, wait=timedelta(seconds=20), kinds=KINDS))
        await until(lambda: len(told) > 1)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        for count in (1, 2):
            api.say(chat, "/help")
            await until(lambda: len(api.messages) == count)  # noqa: B023
    await other.close()
    assert set(told[1:-1]) == {"SecondPoller"}
    assert told[-1] == "NoneType"


async def test_a_short_flood_wait_delays_the_answer_and_a_long_one_drops_it(
    api: BotApi, deliveries: FakeDeliveries, kept: MemoryUpdates, caplog: pytest.LogCaptureFixture
) -> None:
    chat = api.chat(1)
    api.fail(Fault(kind="flood", seconds=1))
    async with running(api, deliveries, kept):
        api.say(chat, "/help")
        await until(lambda: api.messages)
        api.fail(Fault(kind="flood", seconds=3600))
        api.say(chat, "/list")
        await until(lambda: any(record.msg == "chat.answer_not_sent" for record in caplog.records))
        api.say(chat, "/stop")
        await until(lambda: len(api.messages) == 2)
    assert "Nothing was being sent here" in api.messages[-1].text


async def test_one_update_that_cannot_be_read_does_not_stop_the_others(
    api: BotApi, deliveries: FakeDeliveries, kept: MemoryUpdates
) -> None:
    chat = api.chat(1)
    async with running(api, deliveries, kept):
        for body in (
            {},
            {"chat": 5},
            {"chat": {"id": "x"}, "text": 7},
            {"chat": chat.described(), "text": None},
        ):
            api.updates.add("message", body)
        api.updates.add("callback_query", {"id": 1, "data": "more:b:1"})
        api.updates.add("my_chat_member", {"chat": chat.described(), "new_chat_member": None})
        api.say(chat, "/help")
        await until(lambda: api.messages)
    assert len(kept.taken) == 7


async def test_a_state_that_fails_costs_one_answer_only(
    api: BotApi,
    deliveries: FakeDeliveries,
    kept: MemoryUpdates,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object) -> tuple[object, ...]:
        raise RuntimeError("no state")

    monkeypatch.setattr(deliveries, "latest", broken)
    chat = api.chat(1)
    async with running(api, deliveries, kept):
        api.say(chat, "/latest")
        await until(lambda: any(record.msg == "chat.answer_failed" for record in caplog.records))
        api.say(chat, "/help")
        await until(lambda: api.messages)


async def test_a_stop_is_kept_even_if_the_answer_cannot_be_sent(
    api: BotApi, deliveries: FakeDeliveries, kept: MemoryUpdates
) -> None:
    deliveries.subscribed = [a_subscriber("alice", Channel(kind="telegram", address="1"))]
    api.fail(Fault(kind="drop"))
    async with running(api, deliveries, kept):
        api.say(api.chat(1), "/stop")
        await until(lambda: kept.taken)
    assert deliveries.stopped == {"1"}


async def test_the_bots_name_is_kept_for_the_pages_that_link_to_it(
    api: BotApi, deliveries: FakeDeliveries, kept: MemoryUpdates
) -> None:
    chats = deliveries.made.store.chats
    assert chats.bot_name() is None
    async with running(api, deliveries, kept):
        await until(lambda: api.calls["getUpdates"])
    assert chats.bot_name() == api.username


async def test_the_menus_are_set_by_scope_and_language(
    api: BotApi, deliveries: FakeDeliveries, kept: MemoryUpdates
) -> None:
    async with running(api, deliveries, kept):
        await until(lambda: api.calls["getUpdates"])
    assert api.scopes.keys() == {
        (scope, language)
        for scope in ("default", "all_private_chats", "all_group_chats", "all_chat_administrators")
        for language in ("", "zh")
    }
    private, groups = api.scopes["all_private_chats", "zh"], api.scopes["all_group_chats", ""]
    assert private["latest"] == "本聊天的最新论文"
    assert "saved" in private
    assert {"saved", "feed", "stop", "status"}.isdisjoint(groups)
    assert {"stop", "add", "leaderboard"} <= api.scopes["all_chat_administrators", ""].keys()
    assert {name for menu in api.scopes.values() for name in menu} == COMMANDS.keys() - {"status"}


@pytest.mark.parametrize("code", [404, 500])
async def test_a_menu_that_cannot_be_set_hinders_nothing(
    api: BotApi, deliveries: FakeDeliveries, kept: MemoryUpdates, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    api.fail(*[Fault(kind="error", code=code, methods=("setMyCommands", "setMyDescription"))] * 10)
    async with running(api, deliveries, kept):
        api.say(api.chat(1), "/help")
        await until(lambda: api.messages)
    assert [record.calls for record in caplog.records if record.msg == "chat.menus_not_set"] == [10]


@pytest.mark.parametrize(("given", "options"), [([1, 1], (1,)), ([2, 0, 2], (2, 0)), ([], ())])
def test_an_option_that_is_named_twice_is_one_vote(given: list[int], options: tuple[int, ...]) -> None:
    """As Telegram Web does now and then (aiogram#1573)."""
    answer = {"poll_id": "9", "user": {"id": 8, "first_name": "Ada"}, "option_ids": given}
    vote = read_vote(json.dumps({"update_id": 1, "poll_answer": answer}))
    assert isinstance(vote, Vote)
    assert vote.options == options
