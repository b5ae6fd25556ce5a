"""The token stays where it is."""

import logging
import traceback

import pytest

from bot.adapters.telegram.client import BotClient
from bot.adapters.telegram.publisher import TelegramPublisher
from bot.domain.errors import DeliveryError
from tests.builders import an_outgoing
from tests.rigs.botapi import BotApi, Fault
from tests.rigs.publishers import ChatMemory


@pytest.mark.parametrize(
    "faults",
    [
        [],
        [Fault(kind="error", code=502)],
        [Fault(kind="error", code=401)],
        [Fault(kind="drop")],
        [Fault(kind="garbage")],
        [Fault(kind="flood")],
    ],
    ids=str,
)
async def test_no_log_and_no_error_ever_holds_the_token(
    publisher: TelegramPublisher, api: BotApi, faults: list[Fault], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    api.fail(*faults)
    told = ""
    try:
        await publisher.send(an_outgoing(kind="telegram", address="1"))
    except DeliveryError as error:
        told = "".join(traceback.format_exception(error)) + repr(error)
    secret = api.token.partition(":")[2]
    assert secret not in told
    assert secret not in caplog.text


async def test_a_refused_token_is_not_shown(api: BotApi, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    publisher = TelegramPublisher(BotClient("987:secret-of-mine", api_url=api.url), chats=ChatMemory())
    with pytest.raises(DeliveryError) as caught:
        await publisher.send(an_outgoing(kind="telegram", address="1"))
    await publisher.close()
    assert "secret-of-mine" not in "".join(traceback.format_exception(caught.value)) + caplog.text


async def test_nothing_shows_the_token_when_printed(api: BotApi) -> None:
    client = BotClient("987:secret-of-mine", api_url=api.url)
    publisher = TelegramPublisher(client, chats=ChatMemory())
    assert "secret" not in repr(client) + repr(publisher) + str(vars(publisher))
    await publisher.close()
