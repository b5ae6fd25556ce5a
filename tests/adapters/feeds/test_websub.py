"""WebSub: a hub on loopback, which is private."""

import asyncio
from urllib.parse import parse_qs

import pytest

from bot.adapters.feeds.websub import ping
from bot.domain.errors import TryLater, UsageError

TOPICS = ["https://papers.example.org/feed.atom", "https://papers.example.org/feed.json"]


class Hub:
    """A hub that answers with one status and keeps what it was told."""

    def __init__(self, status: str) -> None:
        self.status = status
        self.told: list[dict[str, list[str]]] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].split("\r\n")[0])
        self.told.append(parse_qs((await reader.readexactly(length)).decode()))
        writer.write(f"HTTP/1.1 {self.status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()


async def told(status: str, *, private: bool) -> Hub:
    hub = Hub(status)
    async with await asyncio.start_server(hub.answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        try:
            await ping(f"http://127.0.0.1:{port}/hub", TOPICS, private=private)
        finally:
            server.close()
    return hub


async def test_a_hub_is_told_which_feeds_changed() -> None:
    hub = await told("202 Accepted", private=True)
    assert hub.told == [{"hub.mode": ["publish"], "hub.url": TOPICS}]


async def test_a_private_address_is_not_asked_unless_that_is_allowed() -> None:
    with pytest.raises(UsageError, match="hub_is_private"):
        await told("202 Accepted", private=False)


async def test_a_hub_that_refuses_is_asked_again_later() -> None:
    with pytest.raises(TryLater, match="500"):
        await told("500 No", private=True)


async def test_a_hub_that_is_not_there_is_asked_again_later() -> None:
    with pytest.raises(TryLater, match="does not answer"):
        await ping("http://127.0.0.1:9/", TOPICS, private=True)
