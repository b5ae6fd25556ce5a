"""`init --telegram`: the chat's id is learned from a /start."""

import threading
import time

import pytest

from bot.app.greeting import wait_for_start
from bot.domain.errors import UsageError
from tests.rigs.botapi import BotApi


def test_the_first_start_tells_the_chats_id() -> None:
    said: list[str] = []
    with BotApi.in_thread() as api:
        chat = api.chat(4711)

        def talk() -> None:
            while not said:
                time.sleep(0.01)
            api.say(chat, "hello?")
            api.say(chat, "/start")

        person = threading.Thread(target=talk)
        person.start()
        assert wait_for_start(api.token, say=said.append, api_url=api.url) == 4711
        person.join()
    assert "t.me/paperboy_bot" in said[0]


def test_a_refused_token_is_a_usage_error_that_does_not_repeat_it() -> None:
    with BotApi.in_thread() as api, pytest.raises(UsageError) as refused:
        wait_for_start("1:WRONG-secret-token", say=lambda _: None, api_url=api.url)
    assert "WRONG" not in str(refused.value)
