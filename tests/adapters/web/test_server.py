"""The server on loopback: behaviour that only shows on a socket."""

import asyncio
import logging
import signal
import socket

import httpx
import pytest

from bot.adapters.web import protocol
from bot.adapters.web.middleware import Middleware
from bot.adapters.web.responses import WireResponse
from bot.adapters.web.server import WebServer, serve
from bot.domain.errors import UsageError
from tests.adapters.web.conftest import FEED_TOKEN, MAIL_TOKEN, FakeService, an_app
from tests.builders import a_feed, a_feed_entry


@pytest.fixture
async def server(app: Middleware):
    server = await serve(app, "127.0.0.1:0")
    yield server
    await server.stop()


def url(server: WebServer, path: str) -> str:
    return f"http://{server.address}{path}"


async def test_it_answers_without_naming_its_software(server: WebServer) -> None:
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


@pytest.mark.skipif(not hasattr(socket, "TCP_CONGESTION"), reason="only Linux lets a program choose")
@pytest.mark.parametrize(("host", "paced"), [("127.0.0.1", False), ("localhost", False), ("0.0.0.0", True)])
async def test_loopback_connections_are_not_paced(app: Middleware, host: str, paced: bool) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as untouched:
        usual = untouched.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
    server = await serve(app, f"{host}:0")
    _, _, port = server.address.rpartition(":")
    async with httpx.AsyncClient() as client:
        await client.get(f"http://127.0.0.1:{port}/healthz")
        (connection,) = server._server.server_state.connections
        accepted = connection.transport.get_extra_info("socket")
        chosen = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
    await server.stop()
    assert chosen == (usual if paced else b"reno".ljust(len(chosen), b"\0"))


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


async def test_an_incomplete_request_head_times_out(app: Middleware, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.05)
    server = await serve(app, "127.0.0.1:0")
    host, _, port = server.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n")
    assert await _is_closed(reader)
    writer.close()
    await server.stop()


async def test_one_address_cannot_take_all_connections_with_incomplete_heads(
    app: Middleware, monkeypatch: pytest.MonkeyPatch
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


async def test_signals_are_left_to_the_owner_of_the_loop(app: Middleware) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    server = await serve(app, "127.0.0.1:0")
    await asyncio.sleep(0)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    await server.stop()


async def test_a_stopped_server_lets_go_of_its_address(app: Middleware) -> None:
    first = await serve(app, "127.0.0.1:0")
    await first.stop()
    second = await serve(app, first.address)
    assert second.address == first.address
    await second.stop()


async def test_a_taken_address_is_a_usage_error(app: Middleware) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UsageError, match=f"web.listen {address}: Address already in use"):
            await serve(app, address)


@pytest.mark.parametrize("listen", ["", "8080", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:99999"])
async def test_a_malformed_address_is_a_usage_error(app: Middleware, listen) -> None:
    with pytest.raises(UsageError, match=r"web\.listen"):
        await serve(app, listen)


# --- requests that come again ------------------------------------------------------------------------

FEED = b"GET /feed.atom HTTP/1.1\r\nHost: a\r\n\r\n"


class Line:
    """One connection, spoken to byte by byte."""

    def __init__(self, server: WebServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server, self.reader, self.writer = server, reader, writer

    async def say(self, *parts: bytes) -> bytes:
        """The first answer to these bytes, each part of which the server reads by itself."""
        *first, last = parts
        for part in first:
            before = self.protocol._head_bytes
            self.writer.write(part)
            while self.protocol._head_bytes == before:
                await asyncio.sleep(0)
        self.writer.write(last)
        return await self.answer()

    async def answer(self) -> bytes:
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(line[15:] for line in head.splitlines() if line.startswith(b"content-length:"))
        body = await self.reader.readexactly(int(length))
        undated = [line for line in head.splitlines() if not line.startswith(b"date:")]
        return b"\n".join(undated) + body

    @property
    def protocol(self) -> protocol.HttpProtocol:
        (connection,) = self.server._server.server_state.connections
        assert isinstance(connection, protocol.HttpProtocol)
        return connection


@pytest.fixture
def cached(service: FakeService) -> Middleware:
    """An application whose answers stay fresh for the whole test."""
    return an_app(service, fresh_for=60)


@pytest.fixture
async def line(cached: Middleware):
    server = await serve(cached, "127.0.0.1:0")
    host, _, port = server.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    yield Line(server, reader, writer)
    writer.close()
    await server.stop()


async def test_a_request_that_comes_again_gets_the_same_answer_without_being_parsed(
    line: Line, cached: Middleware, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await line.say(FEED)  # made
    assert await line.say(FEED) == first  # kept
    monkeypatch.setattr(protocol.HttpProtocol, "on_message_begin", lambda self: pytest.fail("was parsed"))
    assert await line.say(FEED) == first
    assert cached.cache.wire_response(FEED) is not None


async def test_a_changed_state_gives_another_answer_to_the_same_request(
    line: Line, cached: Middleware, service: FakeService
) -> None:
    first = await line.say(FEED)
    await line.say(FEED)
    service.number, service.feed = 2, a_feed(a_feed_entry(99))
    cached.cache._asked_at = float("-inf")  # some time later
    assert await line.say(FEED) != first


async def test_a_body_that_looks_like_a_known_request_stays_a_body(line: Line) -> None:
    feed = await line.say(FEED)
    await line.say(FEED)
    head = (
        f"POST /unsubscribe/{MAIL_TOKEN} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(FEED)}\r\n\r\n".encode()
    )
    line.writer.write(head)
    while not line.protocol._in_message:
        await asyncio.sleep(0)
    answer = await line.say(FEED)
    assert answer != feed
    assert b"text/html" in answer
    assert await line.say(FEED) == feed


async def test_requests_in_one_segment_get_an_answer_each_and_count_as_several(
    line: Line, cached: Middleware
) -> None:
    feed = await line.say(FEED)
    assert await line.say(FEED + FEED) == feed
    assert await line.answer() == feed
    assert cached.cache.wire_response(FEED + FEED) is None
    assert await line.say(FEED[:20], FEED[20:]) == feed
    assert cached.cache.wire_response(FEED[20:]) is None


async def test_private_answers_are_not_cached(line: Line, cached: Middleware) -> None:
    request = f"GET /feeds/{FEED_TOKEN}.atom HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    assert await line.say(request) == await line.say(request)
    assert cached.cache.wire_response(request) is None


async def test_an_idle_connection_is_closed_and_one_in_use_is_not(line: Line) -> None:
    await line.say(FEED)
    await line.say(FEED)
    await line.say(FEED)
    line.protocol.timeout_keep_alive_handler()
    assert not line.protocol.transport.is_closing()
    line.protocol._responded_at = 0.0
    line.protocol.timeout_keep_alive_handler()
    assert await _is_closed(line.reader)


async def test_a_new_connection_asks_for_what_is_known_and_is_closed_when_idle(line: Line) -> None:
    feed = await line.say(FEED)
    await line.say(FEED)
    host, _, port = line.server.address.rpartition(":")
    other = Line(line.server, *await asyncio.open_connection(host, int(port)))
    assert await other.say(FEED) == feed
    assert not protocol._waiting
    timers = [
        connection.timeout_keep_alive_task for connection in line.server._server.server_state.connections
    ]
    assert all(timers)
    other.writer.close()


async def test_a_client_that_does_not_read_takes_no_memory(line: Line) -> None:
    feed = await line.say(FEED)
    accepted = line.protocol.transport.get_extra_info("socket")
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    count = 2_000_000 // len(feed)
    line.writer.write(FEED * count)
    async with asyncio.timeout(10):
        while not line.protocol.flow.write_paused:
            await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0)
    assert line.protocol.transport.get_write_buffer_size() < 200_000
    assert [await line.answer() for _ in range(count)] == [feed] * count


async def test_very_many_replies_are_dropped_and_long_requests_never_cached(cached: Middleware) -> None:
    cached.cache._asked_at = asyncio.get_running_loop().time()
    for number in range(2_000):
        cached.cache.cache_wire_response(b"%d" % number, WireResponse(status=200, headers=b"", body=b""))
    assert len(cached.cache._wire_responses) < 1_025
    cached.cache.cache_wire_response(b"x" * 3_000, WireResponse(status=200, headers=b"", body=b""))
    assert cached.cache.wire_response(b"x" * 3_000) is None
