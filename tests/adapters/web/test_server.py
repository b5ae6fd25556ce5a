"""The real server on loopback: what only shows on a socket."""

import asyncio
import logging
import signal
import socket

import httpx
import pytest

from bot.adapters.web import protocol
from bot.adapters.web.server import WebServer, serve
from bot.adapters.web.shield import Shield
from bot.domain.errors import UsageError
from tests.adapters.web.conftest import FEED_TOKEN, MAIL_TOKEN


@pytest.fixture
async def server(app: Shield):
    server = await serve(app, "127.0.0.1:0")
    yield server
    await server.stop()


def url(server: WebServer, path: str) -> str:
    return f"http://{server.address}{path}"


async def test_it_answers_and_says_little_of_itself(server: WebServer) -> None:
    async with httpx.AsyncClient() as client:
        response = await client.get(url(server, "/feed.atom"))
    assert response.status_code == 200
    assert "server" not in response.headers


async def test_head_gives_the_headers_alone(server: WebServer) -> None:
    async with httpx.AsyncClient() as client:
        full = await client.get(url(server, "/feed.atom"))
        head = await client.head(url(server, "/feed.atom"))
    assert head.content == b""
    for name in ("etag", "content-length", "last-modified", "content-type"):
        assert head.headers[name] == full.headers[name]


async def test_small_answers_are_not_held_back(server: WebServer) -> None:
    async with httpx.AsyncClient() as client:
        await client.get(url(server, "/healthz"))
        (connection,) = server._server.server_state.connections
        accepted = connection.transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


async def test_tokens_reach_no_log(server: WebServer, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with httpx.AsyncClient() as client:
            logging.getLogger("httpx").setLevel(logging.WARNING)
            logging.getLogger("httpcore").setLevel(logging.WARNING)
            await client.get(url(server, f"/feeds/{FEED_TOKEN}.atom"))
            await client.post(url(server, f"/unsubscribe/{MAIL_TOKEN}"))
            await client.get(url(server, "/feeds/" + "x" * 30_000))
    assert FEED_TOKEN not in caplog.text
    assert MAIL_TOKEN not in caplog.text


async def test_an_endless_request_head_is_refused(server: WebServer) -> None:
    host, _, port = server.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\n")
    await writer.drain()
    assert b" 400 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def _is_closed(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(5):
        return not await reader.read()


async def test_a_request_head_that_does_not_come_whole_is_waited_for_only_so_long(
    app: Shield, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.05)
    server = await serve(app, "127.0.0.1:0")
    host, _, port = server.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n")
    assert await _is_closed(reader)
    writer.close()
    await server.stop()


async def test_one_address_cannot_take_all_connections_with_heads_that_do_not_come(
    app: Shield, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEADS_PER_ADDRESS", 3)
    server = await serve(app, "127.0.0.1:0")
    host, _, port = server.address.rpartition(":")
    waiting = [await asyncio.open_connection(host, int(port)) for _ in range(3)]
    for _, writer in waiting:
        writer.write(b"GET / HTTP/1.1\r\n")
    reader, late = await asyncio.open_connection(host, int(port))
    assert await _is_closed(reader)
    for _, writer in (*waiting, (reader, late)):
        writer.close()
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(retries=3)) as client:
        assert (await client.get(url(server, "/healthz"))).status_code == 200
    await server.stop()
    assert not protocol._waiting


async def test_signals_stay_with_whoever_runs_the_loop(app: Shield) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    server = await serve(app, "127.0.0.1:0")
    await asyncio.sleep(0)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    await server.stop()


async def test_a_stopped_server_lets_go_of_its_address(app: Shield) -> None:
    first = await serve(app, "127.0.0.1:0")
    await first.stop()
    second = await serve(app, first.address)
    assert second.address == first.address
    await second.stop()


async def test_a_taken_address_is_a_usage_error(app: Shield) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UsageError, match=f"web.listen {address}: Address already in use"):
            await serve(app, address)


@pytest.mark.parametrize("listen", ["", "8080", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:99999"])
async def test_an_odd_address_is_a_usage_error(app: Shield, listen) -> None:
    with pytest.raises(UsageError, match=r"web\.listen"):
        await serve(app, listen)
