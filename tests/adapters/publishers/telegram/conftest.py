"""The publisher before the emulator."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.adapters.botapi.client import BotClient, Timeouts
from bot.adapters.publishers.telegram import TelegramPublisher
from tests.rigs.botapi import BotApi

QUICK = Timeouts(
    connect=timedelta(seconds=2),
    read=timedelta(seconds=0.3),
    write=timedelta(seconds=2),
    pool=timedelta(seconds=2),
)
"""Short enough for a test that waits for an answer that never comes."""


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi() as api:
        api.chat(1)
        yield api
    assert api.complaints == []


@pytest.fixture
async def publisher(api: BotApi) -> AsyncIterator[TelegramPublisher]:
    client = BotClient(api.token, api_url=api.url, timeouts=QUICK)
    publisher = TelegramPublisher(client=client)
    yield publisher
    await publisher.close()
