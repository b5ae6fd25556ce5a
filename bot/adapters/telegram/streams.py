"""Network streams of the Bot API client (a backend of httpcore) that write to the socket without yielding to the loop.

The library's own backend lets other tasks run between the call and the write. A process that dies in between would then
leave a mark for a request that was never sent, and with it a needless uncertain delivery.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

import httpcore

_HAPPY_EYEBALLS_SECONDS = 0.25
"""Delay before a host's next address is tried in parallel (RFC 8305 §5)."""


class Backend(httpcore.AsyncNetworkBackend):
    """Opens TCP connections with asyncio. `before_write` is awaited before each write, which follows immediately."""

    def __init__(self, before_write: Callable[[], Awaitable[None]]) -> None:
        self._before_write = before_write

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature, here and below
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> "SocketStream":
        loop = asyncio.get_running_loop()
        reader = _CountingReader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        with _errors(httpcore.ConnectTimeout, httpcore.ConnectError):
            async with asyncio.timeout(timeout):
                transport, _ = await loop.create_connection(
                    lambda: protocol,
                    host,
                    port,
                    local_addr=(local_address, 0) if local_address else None,
                    happy_eyeballs_delay=None if _is_address(host) else _HAPPY_EYEBALLS_SECONDS,
                )
        for option in socket_options or ():
            transport.get_extra_info("socket").setsockopt(*option)
        return SocketStream(
            reader, asyncio.StreamWriter(transport, protocol, reader, loop), self._before_write
        )

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _CountingReader(asyncio.StreamReader):
    """Reader that counts the bytes received but not read yet."""

    unread = 0

    def feed_data(self, data: bytes) -> None:  # type: ignore[override]
        self.unread += len(data)
        super().feed_data(data)

    async def read(self, n: int = -1) -> bytes:
        data = await super().read(n)
        self.unread -= len(data)
        return data

    @property
    def is_readable(self) -> bool:
        """True where a read would not block; for an idle connection it means that the other side has closed it."""
        return bool(self.unread) or self.at_eof() or self.exception() is not None


class SocketStream(httpcore.AsyncNetworkStream):
    """One connection, with TLS after `start_tls`."""

    def __init__(
        self,
        reader: _CountingReader,
        writer: asyncio.StreamWriter,
        before_write: Callable[[], Awaitable[None]],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._before_write = before_write

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        with _errors(httpcore.ReadTimeout, httpcore.ReadError):
            async with asyncio.timeout(timeout):
                return await self._reader.read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Write as soon as `before_write` is done, through TLS as well; then wait for room in the buffer."""
        await self._before_write()
        with _errors(httpcore.WriteTimeout, httpcore.WriteError):
            self._writer.write(buffer)
            async with asyncio.timeout(timeout):
                await self._writer.drain()

    async def aclose(self) -> None:
        self._writer.close()
        await asyncio.sleep(0)
        self._writer.transport.abort()  # TLS would wait for the other side's close_notify

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> "SocketStream":
        try:
            with _errors(httpcore.ConnectTimeout, httpcore.ConnectError):
                async with asyncio.timeout(timeout):
                    await self._writer.start_tls(ssl_context, server_hostname=server_hostname)
        except BaseException:
            await self.aclose()
            raise
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return self._reader.is_readable or self._writer.is_closing()
        names = {"client_addr": "sockname", "server_addr": "peername"}
        return self._writer.get_extra_info(names.get(info, info))


def _is_address(host: str) -> bool:
    """True for an IP address: there is no other to try in parallel, and a cancelled race leaves its socket open."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


@contextmanager
def _errors(timeout: type[Exception], broken: type[Exception]) -> Iterator[None]:
    """Translate the errors of asyncio into those of the library."""
    try:
        yield
    except TimeoutError as error:
        raise timeout(str(error)) from error
    except OSError as error:  # TLS errors are among them
        raise broken(str(error)) from error
