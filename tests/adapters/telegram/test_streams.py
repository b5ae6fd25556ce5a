"""Network streams of the Bot API client: a write reaches the socket in the very step in which it was allowed."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import httpcore
import pytest
import pytest_asyncio

from bot.adapters.telegram.streams import Backend, SocketStream
from tests.rigs.smtp import TlsPair, self_signed


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TlsPair:
    return self_signed(tmp_path_factory.mktemp("tls"))


class Pair:
    """Both ends of one connection: a stream, and a plain socket whose reads do not wait."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.stream: SocketStream
        self.other: socket.socket
        self.seen_one_step_later = b""

    async def connect(self) -> None:
        self.stream = await Backend(self._look_soon).connect_tcp("127.0.0.1", self.port, 5)
        self.other, _ = self.listener.accept()
        self.other.setblocking(False)

    async def _look_soon(self) -> None:
        """The next turn of the loop sees what was written by then."""
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        self.seen_one_step_later = self.other.recv(100)

    def close(self) -> None:
        self.listener.close()
        self.other.close()


@pytest_asyncio.fixture
async def pair() -> AsyncIterator[Pair]:
    made = Pair()
    await made.connect()
    yield made
    await made.stream.aclose()
    made.close()


async def test_nothing_else_runs_between_the_permission_to_write_and_the_write(pair: Pair) -> None:
    await pair.stream.write(b"the body", 5)
    await asyncio.sleep(0)
    assert pair.seen_one_step_later == b"the body"


async def test_the_same_holds_through_tls(pair: Pair, tls: TlsPair) -> None:
    def shake_hands() -> None:
        plain.settimeout(5)
        pair.other = tls.server.wrap_socket(plain, server_side=True)
        pair.other.setblocking(False)

    plain = pair.other
    greeter = threading.Thread(target=shake_hands)
    greeter.start()
    await pair.stream.start_tls(tls.client, "127.0.0.1", 5)
    await asyncio.to_thread(greeter.join)
    await pair.stream.write(b"the body", 5)
    await asyncio.sleep(0)
    assert pair.seen_one_step_later == b"the body"
    assert pair.stream.get_extra_info("ssl_object").server_hostname == "127.0.0.1"


async def test_an_idle_connection_is_readable_once_something_came_or_the_other_side_closed(
    pair: Pair,
) -> None:
    assert not pair.stream.get_extra_info("is_readable")
    pair.other.send(b"unasked for")
    while not pair.stream.get_extra_info("is_readable"):
        await asyncio.sleep(0)
    assert await pair.stream.read(100, 5) == b"unasked for"
    assert not pair.stream.get_extra_info("is_readable")
    pair.other.close()
    while not pair.stream.get_extra_info("is_readable"):
        await asyncio.sleep(0)
    assert await pair.stream.read(100, 5) == b""


async def test_who_is_at_both_ends_is_told(pair: Pair) -> None:
    assert pair.stream.get_extra_info("server_addr") == ("127.0.0.1", pair.port)
    assert pair.stream.get_extra_info("client_addr") == pair.other.getpeername()
    assert pair.stream.get_extra_info("socket").family == socket.AF_INET


async def test_silence_and_a_torn_connection_are_the_librarys_errors(pair: Pair) -> None:
    with pytest.raises(httpcore.ReadTimeout):
        await pair.stream.read(1, 0.001)
    with pytest.raises(httpcore.WriteTimeout):
        await pair.stream.write(bytes(50_000_000), 0.001)
    pair.other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    pair.other.close()  # with a reset
    with pytest.raises(httpcore.ReadError):
        await pair.stream.read(1, 5)
    with pytest.raises(httpcore.WriteError):
        await pair.stream.write(b"x", 5)


async def test_a_certificate_that_is_not_trusted_is_no_connection(
    pair: Pair, tls: TlsPair, tmp_path: Path
) -> None:
    stranger = self_signed(tmp_path).client

    def shake_hands() -> None:
        plain.settimeout(5)
        with pytest.raises(OSError):
            tls.server.wrap_socket(plain, server_side=True)

    plain = pair.other
    greeter = threading.Thread(target=shake_hands)
    greeter.start()
    with pytest.raises(httpcore.ConnectError, match="certificate"):
        await pair.stream.start_tls(stranger, "127.0.0.1", 5)
    await asyncio.to_thread(greeter.join)


async def test_where_nobody_listens_there_is_no_connection() -> None:
    with pytest.raises(httpcore.ConnectError):
        await Backend(lambda: asyncio.sleep(0)).connect_tcp("127.0.0.1", 9, 5)


async def test_options_and_the_local_address_are_the_callers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stream = await Backend(lambda: asyncio.sleep(0)).connect_tcp(
            "127.0.0.1",
            listener.getsockname()[1],
            local_address="127.0.0.2",
            socket_options=[(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)],
        )
        assert stream.get_extra_info("client_addr")[0] == "127.0.0.2"
        assert stream.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        await stream.aclose()
