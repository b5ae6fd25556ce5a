"""Middleware around the application: cached responses, security headers, the path prefix, and unexpected errors."""

import logging
import traceback
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.adapters.web.negotiation import cache_key
from bot.adapters.web.responses import SECURITY_HEADERS, PreparedResponse, ResponseCache

log = logging.getLogger(__name__)


class Middleware:
    """ASGI middleware: responds from the cache, adds the security headers, and turns an unexpected error into the response
    of `on_error` and a log line.

    The log line has neither path nor error text: both may hold a reader's token. `prefix` is the path below which
    readers reach the site; a proxy may strip it or pass it on.
    """

    def __init__(
        self, app: ASGIApp, *, cache: ResponseCache, prefix: str, on_error: Callable[[Scope], Response]
    ) -> None:
        self._app = app
        self.cache = cache
        self._prefix = prefix
        self._on_error = on_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = self._below_prefix(scope)
        if (response := self.cached(scope)) is not None:
            await response.send(scope, send)
            return
        scope["app"] = (
            self  # Starlette's router raises HTTPException only where the scope names an application
        )
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:  # noqa: BLE001 - the reader gets a page and the operator a log line
            log.error(
                "web_request_failed",
                extra={
                    "error": type(error).__name__,
                    "method": scope["method"],
                    "at": "".join(traceback.format_tb(error.__traceback__)),
                },
            )
            if started:
                raise ConnectionAbortedError("the response had begun") from None
            await self._on_error(scope)(scope, receive, send_with_headers)

    def cached(self, scope: Scope) -> PreparedResponse | None:
        """The cached response to this request; None where there is none."""
        if scope["method"] not in {"GET", "HEAD"}:
            return None
        return self.cache.cached(cache_key(self._below_prefix(scope)))

    def _below_prefix(self, scope: Scope) -> Scope:
        if not self._prefix or not scope["path"].startswith(f"{self._prefix}/"):
            return scope
        below = {**scope, "path": scope["path"].removeprefix(self._prefix)}
        below.pop("raw_path", None)
        return below
