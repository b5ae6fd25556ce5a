"""The emulator keeps the Bot API's own rules: a judge must not be milder than the service."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.rigs.botapi import BotApi

Call = Any


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi() as api:
        api.chat(1)
        yield api


@pytest.fixture
async def call(api: BotApi) -> AsyncIterator[Call]:
    """Call a method with JSON parameters and give the whole answer."""
    async with httpx.AsyncClient() as client:

        async def call(method: str, *, token: str | None = None, **parameters: Any) -> dict[str, Any]:
            url = f"{api.url}/bot{token or api.token}/{method}"
            answer = await client.post(url, json=parameters)
            body = answer.json()
            assert (answer.status_code == 200) == body["ok"]
            return body

        yield call


async def refused(call: Call, method: str, **parameters: Any) -> str:
    answer = await call(method, **parameters)
    assert not answer["ok"]
    return answer["description"]


TEXTS = [
    ({"chat_id": 404, "text": "x"}, "Bad Request: chat not found"),
    ({"chat_id": 1, "text": " \n "}, "Bad Request: text must be non-empty"),
    ({"chat_id": 1, "text": "x" * 4097}, "Bad Request: message is too long"),
    ({"chat_id": 1, "text": "𝓐" * 2049}, "Bad Request: message is too long"),
    (
        {"chat_id": 1, "text": "<p>x</p>", "parse_mode": "HTML"},
        'Bad Request: can\'t parse entities: Unsupported start tag "p" at byte offset 0',
    ),
    ({"chat_id": 1, "text": "x", "message_thread_id": 1}, "Bad Request: message thread not found"),
    (
        {"chat_id": 1, "text": "x", "reply_parameters": {"message_id": 9}},
        "Bad Request: message to be replied not found",
    ),
    (
        {
            "chat_id": 1,
            "text": "x",
            "reply_markup": {"inline_keyboard": [[{"text": "x", "callback_data": "x" * 65}]]},
        },
        "Bad Request: BUTTON_DATA_INVALID",
    ),
]


@pytest.mark.parametrize(("parameters", "told"), TEXTS, ids=lambda value: str(value)[:40])
async def test_messages_are_refused_in_the_services_words(
    call: Call, api: BotApi, parameters: dict[str, Any], told: str
) -> None:
    assert await refused(call, "sendMessage", **parameters) == told
    assert api.sent == []


POLL = {"chat_id": 1, "question": "Which?", "options": ["one", "two"], "is_anonymous": False}
QUIZ = POLL | {"type": "quiz", "correct_option_ids": [1]}


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        (POLL | {"question": "x" * 301}, "poll question length must not exceed 300"),
        (POLL | {"options": ["x" * 101, "y"]}, "poll options length must not exceed 100"),
        (POLL | {"options": []}, "poll must have at least 1 option"),
        (POLL | {"options": list(map(str, range(13)))}, "poll can't have more than 12 options"),
        (POLL | {"options": ["x", "x"]}, "POLL_OPTION_DUPLICATE"),
        (POLL | {"description": "x" * 1025}, "poll description length must not exceed 1024"),
        (QUIZ | {"explanation": "x" * 201}, "poll explanation length must not exceed 200"),
        (QUIZ | {"explanation": "1\n2\n3\n4"}, "poll explanation must contain at most 2 line feeds"),
        (QUIZ | {"correct_option_ids": []}, "correct quiz option list must be non-empty"),
        (QUIZ | {"correct_option_ids": [2]}, "wrong quiz correct_option_id"),
        (QUIZ | {"correct_option_ids": [1, 0]}, "wrong quiz correct_option_id"),
        (QUIZ | {"chat_id": -2}, "non-anonymous polls can't be sent to channel chats"),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_polls_are_refused_in_the_services_words(
    call: Call, api: BotApi, parameters: dict[str, Any], told: str
) -> None:
    api.chat(-2, kind="channel")
    assert await refused(call, "sendPoll", **parameters) == f"Bad Request: {told}"


async def test_polls_have_ids_beyond_what_a_float_can_hold_and_count_votes(call: Call, api: BotApi) -> None:
    await call("sendPoll", **QUIZ)
    (poll,) = api.polls
    assert int(poll.poll) > 2**53
    api.vote(poll, 7, 1)
    with pytest.raises(ValueError, match="vote again"):
        api.vote(poll, 7, 0)
    api.vote(poll, 8, 0)
    assert [option["voter_count"] for option in poll.described_poll()["options"]] == [1, 1]
    answers = [entry["poll_answer"] for entry in (await call("getUpdates"))["result"]]
    assert [(entry["poll_id"], entry["user"]["id"], entry["option_ids"]) for entry in answers] == [
        (poll.poll, 7, [1]),
        (poll.poll, 8, [0]),
    ]


async def test_anonymous_polls_never_say_who_voted(call: Call, api: BotApi) -> None:
    api.chat(-2, kind="channel")
    await call("sendPoll", **(QUIZ | {"chat_id": -2, "is_anonymous": True}))
    api.vote(api.polls[0], 7, 1)
    (update,) = (await call("getUpdates"))["result"]
    assert update["poll"]["total_voter_count"] == 1


async def test_updates_stay_until_they_are_confirmed(call: Call, api: BotApi) -> None:
    chat = api.chat(2)
    for text in ("a", "b"):
        api.say(chat, text)
    first, second = (await call("getUpdates"))["result"]
    assert (await call("getUpdates"))["result"] == [first, second]
    assert (await call("getUpdates", offset=first["update_id"] + 1))["result"] == [second]
    assert (await call("getUpdates", offset=second["update_id"] + 1))["result"] == []


async def test_kinds_that_nobody_asked_for_are_not_queued(call: Call, api: BotApi) -> None:
    await call("getUpdates", allowed_updates=["poll_answer"])
    api.say(api.chat(2), "x")
    assert (await call("getUpdates"))["result"] == []


async def test_a_second_poller_sends_the_first_away(call: Call, api: BotApi) -> None:
    import asyncio

    first = asyncio.create_task(call("getUpdates", timeout=20))
    while not api.calls["getUpdates"]:
        await asyncio.sleep(0)
    await call("getUpdates")
    answer = await first
    assert answer["error_code"] == 409
    assert answer["description"].startswith("Conflict: terminated by other getUpdates request")


@pytest.mark.parametrize(("token", "code"), [("1:wrong", 401), ("nonsense", 404)])
async def test_wrong_tokens_are_refused(call: Call, token: str, code: int) -> None:
    assert (await call("getMe", token=token))["error_code"] == code


async def test_an_edit_that_changes_nothing_is_refused(call: Call) -> None:
    sent = (await call("sendMessage", chat_id=1, text="<b>x</b>", parse_mode="HTML"))["result"]
    same = {"chat_id": 1, "message_id": sent["message_id"], "text": "<b>x</b>", "parse_mode": "HTML"}
    assert "message is not modified" in await refused(call, "editMessageText", **same)
    assert (await call("editMessageText", **(same | {"text": "y"})))["ok"]


async def test_links_that_the_service_would_drop_are_dropped(call: Call, api: BotApi) -> None:
    text = (
        '<a href="javascript:x">a</a> <a href="http://localhost/">b</a> <a href="https://e.org">c</a> @durov'
    )
    await call("sendMessage", chat_id=1, text=text, parse_mode="HTML")
    content = api.messages[0].content
    assert [entity.url for entity in content.entities if entity.kind == "TextUrl"] == ["https://e.org/"]
    assert content.words("Mention", auto=True) == ("@durov",)


async def test_entities_over_a_hundred_are_dropped_and_complained_about(call: Call, api: BotApi) -> None:
    await call("sendMessage", chat_id=1, text="<b>x</b> " * 101, parse_mode="HTML")
    assert len(api.messages[0].content.entities) == 100
    assert api.complaints == ["sendMessage: 1 entities were dropped"]


async def test_parameters_that_nobody_reads_are_complained_about(call: Call, api: BotApi) -> None:
    await call("sendMessage", chat_id=1, text="x", reply_to=5)
    assert api.complaints == ["sendMessage: nobody reads reply_to"]


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_pace_is_a_sliding_window_for_each_chat_and_overall() -> None:
    time = Time()
    async with BotApi(paced=True, clock=time) as api, httpx.AsyncClient() as client:

        async def send(chat: int) -> httpx.Response:
            return await client.post(
                f"{api.url}/bot{api.token}/sendMessage", json={"chat_id": chat, "text": "x"}
            )

        for number in range(1, 41):
            api.chat(number)
        api.chat(-1, kind="group")
        assert (await send(1)).status_code == 200
        soon = await send(1)
        assert (soon.status_code, soon.headers["retry-after"]) == (429, "1")
        assert soon.json()["parameters"] == {"retry_after": 1}
        others = [(await send(number)).status_code for number in range(2, 41)]
        assert others.count(200) == 29
        time.now = 1.001
        assert (await send(1)).status_code == 200
        for _ in range(20):
            time.now += 1.001
            assert (await send(-1)).status_code == 200
        time.now += 1.001
        crowded = json.loads((await send(-1)).content)
        assert 30 < crowded["parameters"]["retry_after"] <= 40


def test_it_serves_programs_from_a_thread_of_its_own() -> None:
    with BotApi.in_thread() as api, httpx.Client() as client:
        api.chat(1)
        answer = client.post(f"{api.url}/bot{api.token}/sendMessage", data={"chat_id": 1, "text": "x"})
        assert answer.json()["ok"]
    assert [message.text for message in api.messages] == ["x"]
