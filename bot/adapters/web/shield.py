"""Shield around the application: security headers, kept answers, the path prefix, and failures that tell nothing."""

import logging
import traceback
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.adapters.web.answers import SECURITY_HEADERS, Answer, AnswerCache
from bot.adapters.web.negotiation import cache_key

log = logging.getLogger(__name__)


class Shield:
    """Middleware: answers from the cache what is there, adds the security headers to the rest, and turns failures into
    `failure()` and a log line.

    The line has no address and no error text: both may hold a reader's token. `prefix` is the path under which
    readers reach the site; a proxy may take it off or leave it.
    """

    def __init__(
        self, app: ASGIApp, *, cache: AnswerCache, prefix: str, failure: Callable[[Scope], Response]
    ) -> None:
        self._app = app
        self.cache = cache
        self._prefix = prefix
        self._failure = failure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = self._below_prefix(scope)
        if (kept := self.kept(scope)) is not None:
            await kept.send(scope, send)
            return
        scope["app"] = (
            self  # as in an application of Starlette, whose router then raises errors as HTTPException
        )
        started = False

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                named = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    named.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, guarded)
        except Exception as error:  # noqa: BLE001 - whatever it is, the reader gets a page and the operator a line
            log.error(
                "web_request_failed",
                extra={
                    "error": type(error).__name__,
                    "method": scope["method"],
                    "at": "".join(traceback.format_tb(error.__traceback__)),
                },
            )
            if started:
                raise ConnectionAbortedError("answer broken off") from None
            await self._failure(scope)(scope, receive, guarded)

    def kept(self, scope: Scope) -> Answer | None:
        """The answer to the request, where it is made already."""
        if scope["method"] not in {"GET", "HEAD"}:
            return None
        return self.cache.kept(cache_key(self._below_prefix(scope)))

    def _below_prefix(self, scope: Scope) -> Scope:
        if not self._prefix or not scope["path"].startswith(f"{self._prefix}/"):
            return scope
        shorter = {**scope, "path": scope["path"].removeprefix(self._prefix)}
        shorter.pop("raw_path", None)
        return shorter
