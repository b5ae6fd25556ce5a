"""WebSite: the service, the pages, their layout and the cache that all endpoints share, and the error pages."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from bot.adapters.web.negotiation import cache_key, language_of
from bot.adapters.web.pages.layout import Layout, PageLanguage
from bot.adapters.web.pages.papers import PaperPages
from bot.adapters.web.pages.people import PersonPages
from bot.adapters.web.pages.queries import QueryPages
from bot.adapters.web.responses import (
    HTML,
    NEVER,
    PUBLIC,
    NegotiatedResponse,
    PreparedResponse,
    ResponseCache,
    prepare,
)
from bot.adapters.web.service import WebService
from bot.pipeline.ports import Clock

NOT_FOUND = 404
MAX_BODY_BYTES = 16_384
"""Limit of a form's body; a form has some hundred bytes."""
_BODY_SECONDS = 10
_MESSAGES_BY_STATUS = {
    NOT_FOUND: "not_found",
    405: "not_possible",
    403: "foreign",
    429: "too_many",
    500: "failed",
}

_REFUSALS = {"number": "bad_number", "characters": "bad_characters", "queries": "bad_queries"}


class ParameterRefused(HTTPException):
    """A query parameter that cannot be used: it is not a whole number from 1 to `most`, or has more than `most` characters
    or queries.
    """

    def __init__(
        self, name: str, most: int, unit: Literal["number", "characters", "queries"] = "number"
    ) -> None:
        limits = {
            "number": f"{name} must be a whole number from 1 to {most}",
            "characters": f"{name} may have at most {most} characters",
            "queries": f"{name} may have at most {most} queries",
        }
        super().__init__(400, limits[unit])
        self.name, self.most, self.unit = name, most, unit


@dataclass(frozen=True, kw_only=True, slots=True)
class WebSite:
    """The service, the pages and the cache of one site."""

    service: WebService
    layout: Layout
    papers: PaperPages
    queries: QueryPages
    people: PersonPages
    cache: ResponseCache
    clock: Clock

    async def cached(self, request: Request, make: Callable[[], PreparedResponse]) -> Response:
        """The cached response to this request, made by `make()` once per revision of the state."""
        return NegotiatedResponse(await self.cache.get(cache_key(request.scope), make))

    def message(
        self,
        language: PageLanguage,
        status: int,
        searched: str | None = None,
        name: str = "",
        **values: object,
    ) -> Response:
        """An error page: the message `name`, or the one for that status."""
        name = name or _MESSAGES_BY_STATUS.get(status, "not_possible")
        page = self.layout.message(language, name, searched=searched, **values)
        return HTMLResponse(page, status_code=status, headers={"Cache-Control": NEVER})

    async def http_error(self, request: Request, error: Exception) -> Response:
        """The error page for a request, or JSON below `/api/`. A 404 offers a search for the paper that was asked for, and
        a path with a needless slash at its end is redirected.
        """
        status = error.status_code if isinstance(error, HTTPException) else 500
        if request.url.path.startswith("/api/"):
            wrong = {"error": error.detail if isinstance(error, HTTPException) else "failed"}
            if isinstance(error, ParameterRefused):
                wrong["parameter"] = error.name
            headers = {"Cache-Control": NEVER, "Access-Control-Allow-Origin": "*"}
            return JSONResponse(wrong, status, {**headers, **(getattr(error, "headers", None) or {})})
        if isinstance(error, ParameterRefused):
            values = {"parameter": error.name, "most": f"{error.most:,}"}
            return self.message(language_of(request.scope), status, name=_REFUSALS[error.unit], **values)
        path = request.url.path
        is_read = request.method in {"GET", "HEAD"}
        if (
            status == NOT_FOUND and is_read and path.endswith("/") and "//" not in path
        ):  # `//` would redirect to a host
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(f"{self.layout.base}{quote(path[:-1], safe='/:')}{query}", 301)
        searched = None
        if status == NOT_FOUND:
            paper_id: str = request.path_params.get("paper", "")
            searched = paper_id.rpartition(":")[2].replace("-", " ")[:200]
        page = self.message(language_of(request.scope), status, searched)
        page.headers.update(getattr(error, "headers", None) or {})
        return page


def prepare_page(page: str, *, status: int = 200) -> PreparedResponse:
    """A public page, which varies with the reader's language."""
    return prepare(page, HTML, cache=PUBLIC, status=status, headers={"Vary": "Accept-Language"})


def private_page(page: str, status: int = 200) -> Response:
    """A page that is neither cached nor indexed."""
    return HTMLResponse(page, status_code=status, headers={"Cache-Control": NEVER, "X-Robots-Tag": "noindex"})


async def read_body(request: Request) -> bytes:
    """The whole body; HTTP 408 where it does not arrive in time. The route limits its length."""
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await request.body()
    except TimeoutError:
        raise HTTPException(408) from None
