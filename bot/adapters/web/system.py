"""System endpoints: health, readiness, metrics, robots.txt, and the static files."""

import asyncio

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bot.adapters.web.pages.layout import static_files
from bot.adapters.web.responses import FOREVER, METRICS, NEVER, PUBLIC, prepare
from bot.adapters.web.site import WebSite
from bot.domain.errors import PaperboyError

_DISALLOWED = (
    "/feeds/",
    "/preferences/",
    "/confirm/",
    "/unsubscribe/",
    "/search",
    "/preview",
    "/trends",
    "/api/",
    "/metrics",
)
"""Paths that robots.txt keeps crawlers from: private ones, and those that are computed for each request."""


class SystemEndpoints:
    """Endpoints of the system itself."""

    def __init__(self, site: WebSite) -> None:
        self._site = site
        self._service = site.service

    async def health(self, _request: Request) -> Response:
        """`ok`, or 503 where the state does not answer."""
        try:
            await asyncio.to_thread(self._service.version)
        except PaperboyError:
            return _text("the state does not answer", 503)
        return _text("ok")

    async def ready(self, _request: Request) -> Response:
        """`ready`, or 503 with the reasons: the state does not answer, or a channel is stopped."""
        try:
            reasons = await asyncio.to_thread(self._service.unready_reasons)
        except PaperboyError:
            reasons = ("the state does not answer",)
        return _text("\n".join(reasons), 503) if reasons else _text("ready")

    async def metrics(self, _request: Request) -> Response:
        text = await asyncio.to_thread(self._service.metrics)
        return Response(text, media_type=METRICS, headers={"Cache-Control": NEVER})

    async def robots(self, request: Request) -> Response:
        lines = ["User-agent: *", *(f"Disallow: {self._site.layout.base}{path}" for path in _DISALLOWED)]
        text = "\n".join(lines) + "\n"
        return await self._site.cached(
            request, lambda: prepare(text, "text/plain; charset=utf-8", cache=PUBLIC)
        )

    async def static(self, request: Request, name: str) -> Response:
        file = static_files()[name]
        current = request.query_params.get("v") == file.version
        return await self._site.cached(
            request, lambda: prepare(file.body, file.media_type, cache=FOREVER if current else PUBLIC)
        )


def _text(text: str, status: int = 200) -> Response:
    return PlainTextResponse(f"{text}\n", status_code=status, headers={"Cache-Control": NEVER})
