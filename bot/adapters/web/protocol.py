"""HTTP/1.1 protocol of a connection: uvicorn's, with limits on request heads and shortcuts for cached responses.

A cached response is written without a task of its own. Where a request equals an earlier one byte for byte, it is not even
parsed: between two requests, equal bytes are an equal request.
"""

from asyncio import TimerHandle, Transport
from collections import Counter
from typing import Any, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE as STATUS_LINES
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from bot.adapters.web.middleware import Middleware
from bot.adapters.web.responses import WireResponse

MAX_HEAD_BYTES = 16_384
HEAD_SECONDS = 10
"""Time in which a request's head must arrive; then the connection is closed, so that slow ones cannot fill the server."""
HEADS_PER_ADDRESS = 64
"""Connections of one address that may wait for a request's head at a time; more are closed, so that one client cannot take
all connections. A reverse proxy stays below: it connects when it has a whole request.
"""
_IN_ONE_WRITE = 65_536
"""Bytes of a body that is joined with its headers; a larger one would cost more to copy than a second write."""
_waiting: Counter[str] = Counter()
"""Connections that wait for a request's head, by client address."""


class HttpProtocol(HttpToolsProtocol):
    """One connection that speaks HTTP/1.1."""

    _head_bytes = 0
    _in_head = True
    _deadline: TimerHandle | None = None
    _in_message = False
    """True from the first byte of a request to the last of its body."""
    _messages = 0
    """Requests that began in the bytes received last."""
    _wire_response: WireResponse | None = None
    """The response to the newest request, where it was cached."""
    _responded_at = 0.0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        app: object = self.app
        self._cache = app.cache if isinstance(app, Middleware) else None
        self._begin_wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_wait()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._cache is not None and self._is_between_messages:
            response = self._cache.wire_response(data)
            if response is not None:
                self._write_cached(response)
                return
        self._messages, self._wire_response = 0, None
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse()
        elif self._wire_response is not None and self._messages == 1 and self._is_between_messages:
            assert self._cache is not None  # only the cache gives these
            self._cache.cache_wire_response(data, self._wire_response)

    @property
    def _is_between_messages(self) -> bool:
        """Whether the next byte begins a request, and the client has read all responses before."""
        return not (
            self._in_message
            or self._head_bytes
            or (self.cycle is not None and not self.cycle.response_complete)
            or self.flow.write_paused
            or self.transport.is_closing()
        )

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_message = True
        self._messages += 1
        if not self._in_head:
            self._begin_wait()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_message = self.parser.should_upgrade()

    def on_headers_complete(self) -> None:
        self._in_head, self._head_bytes = False, 0
        self._end_wait()
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD_BYTES:
            self._refuse()
            return
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Write a cached response at once; start a task for any other."""
        response = app.cached(_scope(cycle)) if isinstance(app, Middleware) else None
        if (
            response is None
            or not cycle.keep_alive
            or cycle.waiting_for_100_continue
            or self.flow.write_paused  # the client reads slowly, and unread responses take memory
        ):
            super()._start_asgi_task(cycle, app)
            return
        self._wire_response = response.for_wire(_scope(cycle))
        self._write(self._wire_response)
        cycle.response_started = cycle.response_complete = True
        cycle.on_response()

    def _write_cached(self, response: WireResponse) -> None:
        """Write the cached response; the keep-alive timer runs on and is extended when it fires."""
        if self._in_head:
            self._in_head = False
            self._end_wait()
        self._write(response)
        self.server_state.total_requests += 1
        self._responded_at = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_handler()

    def _write(self, response: WireResponse) -> None:
        head = (
            STATUS_LINES[response.status]
            + _default_header_lines(self.server_state.default_headers)
            + response.headers
        )
        if len(response.body) <= _IN_ONE_WRITE:
            self.transport.write(head + response.body)
            return
        self.transport.write(head)
        self.transport.write(response.body)

    def timeout_keep_alive_handler(self) -> None:
        """Close the idle connection; after a response meanwhile, wait again from that."""
        left = self._responded_at + self.timeout_keep_alive - self.loop.time()
        if left <= 0:
            self._close()
            return
        self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)

    def _close(self) -> None:
        super().timeout_keep_alive_handler()

    def _begin_wait(self) -> None:
        self._in_head = True
        if _waiting[self._address] >= HEADS_PER_ADDRESS:
            self.transport.close()
            return
        _waiting[self._address] += 1
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._close)

    def _end_wait(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
            _waiting.subtract([self._address])
            if not _waiting[self._address]:
                del _waiting[self._address]

    @property
    def _address(self) -> str:
        return self.client[0] if self.client else ""

    def _refuse(self) -> None:
        if not self.transport.is_closing():
            self.send_400_response("The request's head is too long.")


def _scope(cycle: RequestResponseCycle) -> Scope:
    return cast("Scope", cycle.scope)


_default_headers: tuple[list[tuple[bytes, bytes]], bytes] = [], b""
"""uvicorn's default headers (a new list each second, with the Date) and the same as bytes."""


def _default_header_lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    global _default_headers  # noqa: PLW0603 - one cache for all connections
    if _default_headers[0] is not headers:
        _default_headers = headers, b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    return _default_headers[1]
