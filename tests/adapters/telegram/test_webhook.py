"""The webhook: nothing is taken without the secret, and nothing is confirmed before it is stored."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.adapters.telegram.chat import Webhook
from bot.adapters.telegram.updates import KINDS
from bot.adapters.telegram.webhook import PATH, WebhookEndpoint, webhook_secret
from bot.app.config.settings import load_settings
from bot.domain.errors import ConfigError
from tests.adapters.telegram.conftest import MakeTalk, MemoryUpdates
from tests.builders import a_channel, a_subscriber
from tests.rigs.botapi import BotApi
from tests.rigs.clock import VirtualClock
from tests.rigs.talk import until

SECRET = webhook_secret("123:abc")
HEADER = {"X-Telegram-Bot-Api-Secret-Token": SECRET}


async def pages(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": b"a page"})


@pytest.fixture
async def client(kept: MemoryUpdates) -> AsyncIterator[httpx.AsyncClient]:
    app = WebhookEndpoint(pages, SECRET, kept, VirtualClock())
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        yield client


async def test_an_update_is_stored_before_it_is_confirmed(
    client: httpx.AsyncClient, kept: MemoryUpdates
) -> None:
    answer = await client.post(
        PATH, content=b'{"update_id": 5, "message": {"text": "\xc3\xa4\\ud800"}}', headers=HEADER
    )
    assert answer.status_code == 200
    assert json.loads(kept.kept[5]) == {"update_id": 5, "message": {"text": "ä?"}}
    await client.post(PATH, json={"update_id": 5, "message": {"text": "again"}}, headers=HEADER)
    assert len(kept.kept) == 1


@pytest.mark.parametrize("said", [None, "", "wrong", SECRET[:-1], SECRET + "0", "ü"])
async def test_without_the_secret_there_is_nothing_here(
    client: httpx.AsyncClient, kept: MemoryUpdates, said: str | None
) -> None:
    headers = {} if said is None else {b"X-Telegram-Bot-Api-Secret-Token": said.encode()}
    answer = await client.post(PATH, json={"update_id": 5}, headers=headers)
    assert (answer.status_code, kept.kept) == (404, {})


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b'{"update_id": "5"}', 400),
        (b'{"update_id": 1e400}', 400),
        (b"[" * 90_000, 400),
        (b"x" * 1_000_001, 413),
    ],
)
async def test_what_is_no_update_is_refused(
    client: httpx.AsyncClient, kept: MemoryUpdates, body: bytes, status: int
) -> None:
    answer = await client.post(PATH, content=body, headers=HEADER)
    assert (answer.status_code, kept.kept) == (status, {})
    assert (await client.get(PATH, headers=HEADER)).status_code == 405


async def test_a_state_that_is_locked_lets_the_service_come_again(
    client: httpx.AsyncClient, kept: MemoryUpdates
) -> None:
    kept.failing = 1
    assert (await client.post(PATH, json={"update_id": 5}, headers=HEADER)).status_code == 503
    assert (await client.post(PATH, json={"update_id": 5}, headers=HEADER)).status_code == 200


async def test_every_other_path_is_the_web_servers(client: httpx.AsyncClient) -> None:
    assert (await client.get("/")).text == "a page"


async def test_a_request_that_is_cut_off_stores_nothing(kept: MemoryUpdates) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(part: Any) -> None:
        sent.append(part)

    scope = {
        "type": "http",
        "path": PATH,
        "method": "POST",
        "headers": [(b"x-telegram-bot-api-secret-token", SECRET.encode())],
    }
    await WebhookEndpoint(pages, SECRET, kept, VirtualClock())(scope, receive, send)
    assert sent[0]["status"] == 413
    assert kept.kept == {}


async def test_the_chat_answers_what_the_web_server_stored_and_asks_for_nothing(
    talk_with: MakeTalk, api: BotApi
) -> None:
    hook = Webhook(url="https://papers.example.org" + PATH, secret=SECRET)
    talk = await talk_with(a_subscriber("alice", a_channel(address="7")), webhook=hook)
    await until(lambda: api.webhook is not None)
    assert api.webhook == {"url": hook.url, "secret": SECRET, "allowed": list(KINDS)}
    endpoint = WebhookEndpoint(
        pages, SECRET, talk.made.store.updates, talk.made.clock, on_update=talk.service.notice_update
    )
    api.say(api.chat(7), "/help")
    (update,) = api.updates.waiting
    transport = httpx.ASGITransport(app=endpoint)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        for _ in range(2):
            assert (await client.post(PATH, json=update, headers=HEADER)).status_code == 200
    await until(lambda: api.messages)
    assert api.calls["getUpdates"] == 0
    assert len(api.messages) == 1


async def test_who_asks_for_updates_takes_a_webhook_back_first(talk_with: MakeTalk, api: BotApi) -> None:
    api.webhook = {"url": "https://old.example.org"}
    talk = await talk_with()
    assert api.webhook is None
    assert "/add" in (await talk.say(api.chat(7), "/help")).text


@pytest.mark.parametrize(
    ("settings", "fine"),
    [
        ("site: {url: 'https://x.example'}", True),
        ("site: {url: 'http://x.example'}", False),
        ("site: {url: 'https://x.example'}\nweb: {listen: ''}", False),
    ],
)
def test_a_webhook_needs_an_address_that_telegram_reaches(tmp_path: Path, settings: str, fine: bool) -> None:
    file = tmp_path / "paperboy.yaml"
    file.write_text(f"{settings}\ntelegram: {{webhook: true}}\n")
    if fine:
        assert load_settings(file, {}).telegram.webhook
        return
    with pytest.raises(ConfigError, match="a webhook needs"):
        load_settings(file, {})
