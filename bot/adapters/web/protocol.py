"""Protocol of a connection: uvicorn's HTTP/1.1, with limits on request heads and a short way for answers that are kept."""

from asyncio import BaseTransport, TimerHandle, Transport
from collections import Counter
from typing import Any, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE as STATUS_LINES
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from bot.adapters.web.answers import Answer
from bot.adapters.web.shield import Shield

MAX_HEAD_BYTES = 16_384
HEAD_SECONDS = 10
"""A request's head arrives within this time, or its connection is closed: slow ones must not fill up the server."""
HEADS_PER_ADDRESS = 64
"""So many connections of one address may wait for a request's head: more are closed, since nobody else's place is theirs. A
proxy in front of us connects when it has a whole request.
"""
_IN_ONE_WRITE = 65_536
_waiting: Counter[str] = Counter()
"""By address: connections whose request's head has not come yet."""


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 on one connection."""

    _head_bytes = 0
    _in_head = True
    _deadline: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_wait()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if not self._in_head:
            self._await_head()

    def on_headers_complete(self) -> None:
        self._in_head, self._head_bytes = False, 0
        self._end_wait()
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD_BYTES:
            self._refuse()
            return
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Answers at once where the answer is kept, without a task of its own."""
        kept = app.kept(_scope(cycle)) if isinstance(app, Shield) else None
        if kept is None or not cycle.keep_alive or cycle.waiting_for_100_continue:
            super()._start_asgi_task(cycle, app)
            return
        _write(self.transport, kept, cycle)
        cycle.response_started = cycle.response_complete = True
        cycle.on_response()

    def _await_head(self) -> None:
        self._in_head = True
        if _waiting[self._address] >= HEADS_PER_ADDRESS:
            self.transport.close()
            return
        _waiting[self._address] += 1
        self._deadline = self.loop.call_later(HEAD_SECONDS, self.timeout_keep_alive_handler)

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


def _write(transport: BaseTransport, kept: Answer, cycle: RequestResponseCycle) -> None:
    assert isinstance(transport, Transport)
    status, headers, body = kept.negotiated(_scope(cycle))
    parts = [STATUS_LINES[status]]
    for name, value in cycle.default_headers:
        parts += [name, b": ", value, b"\r\n"]
    parts.append(headers)
    if len(body) <= _IN_ONE_WRITE:
        transport.write(b"".join([*parts, body]))
        return
    transport.write(b"".join(parts))
    transport.write(body)
