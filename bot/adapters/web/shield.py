"""What surrounds every answer: headers that keep a page from doing more than it should, and a page for what went wrong."""

import logging
import traceback
from collections.abc import Callable, Mapping

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger(__name__)


class Shield:
    """Adds `headers` where an answer has none of that name, and turns failures into `failure()` and a log line.

    The line has no address and no error text: both may hold a reader's token.
    """

    def __init__(self, app: ASGIApp, *, headers: Mapping[str, str], failure: Callable[[], Response]) -> None:
        self._app = app
        self._headers = headers
        self._failure = failure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                named = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    named.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, guarded)
        except Exception as error:  # noqa: BLE001 - whatever it is, the reader gets a page and the operator a line
            _log.error(
                "web_request_failed",
                extra={
                    "error": type(error).__name__,
                    "method": scope["method"],
                    "at": "".join(traceback.format_tb(error.__traceback__)),
                },
            )
            if started:
                raise ConnectionAbortedError("answer broken off") from None
            await self._failure()(scope, receive, guarded)
