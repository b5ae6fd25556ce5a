"""WebSite: everything that the endpoints of the web application share."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from bot.adapters.web.answers import HTML, NEVER, PUBLIC, Answer, AnswerCache, AnswerResponse, answer
from bot.adapters.web.negotiation import cache_key, view_of
from bot.adapters.web.pages import Pages, View
from bot.adapters.web.service import WebService
from bot.pipeline.ports import Clock

NOT_FOUND = 404
MAX_BODY_BYTES = 16_384
"""A form is some hundred bytes."""
_BODY_SECONDS = 10
_MESSAGES = {NOT_FOUND: "not_found", 405: "not_possible", 403: "foreign", 429: "too_many", 500: "failed"}

_REFUSALS = {"number": "bad_number", "characters": "bad_characters", "queries": "bad_queries"}


class ParameterRefused(HTTPException):
    """A parameter of the address that cannot be used: it is no whole number from 1 to `most`, or has more than so many characters
    or queries.
    """

    def __init__(
        self, name: str, most: int, unit: Literal["number", "characters", "queries"] = "number"
    ) -> None:
        limits = {
            "number": f"{name} is a whole number from 1 to {most}",
            "characters": f"{name} may have {most} characters",
            "queries": f"{name} may have {most} queries",
        }
        super().__init__(400, limits[unit])
        self.name, self.most, self.unit = name, most, unit


@dataclass(frozen=True, kw_only=True, slots=True)
class WebSite:
    """The service, the pages and the kept answers of one site."""

    service: WebService
    pages: Pages
    cache: AnswerCache
    clock: Clock

    async def kept(self, request: Request, make: Callable[[], Answer]) -> Response:
        """The answer to this request as long as the state stays as it is."""
        return AnswerResponse(await self.cache.get(cache_key(request.scope), make))

    def message(
        self, view: View, status: int, searched: str | None = None, name: str = "", **values: object
    ) -> Response:
        """A page that only says what is wrong."""
        name = name or _MESSAGES.get(status, "not_possible")
        page = self.pages.message(view, name, searched=searched, **values)
        return HTMLResponse(page, status_code=status, headers={"Cache-Control": NEVER})

    async def http_error(self, request: Request, error: Exception) -> Response:
        """The page for a refused request; for one that is not found it offers to search for what was asked.

        A program that asks the API gets the same as JSON.
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
            return self.message(view_of(request.scope), status, name=_REFUSALS[error.unit], **values)
        path = request.url.path
        is_read = request.method in {"GET", "HEAD"}
        if (
            status == NOT_FOUND and is_read and path.endswith("/") and "//" not in path
        ):  # `//` would name a host
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(f"{self.pages.base}{quote(path[:-1], safe='/:')}{query}", 301)
        searched = None
        if status == NOT_FOUND:
            asked: str = request.path_params.get("paper", "")
            searched = asked.rpartition(":")[2].replace("-", " ")[:200]
        page = self.message(view_of(request.scope), status, searched)
        page.headers.update(getattr(error, "headers", None) or {})
        return page


def html_answer(page: str, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """A public page, which depends on the reader's language."""
    return answer(
        page, HTML, cache=PUBLIC, status=status, headers={"Vary": "Accept-Language", **(headers or {})}
    )


def private_page(page: str, status: int = 200) -> Response:
    """A page that nobody keeps and no search engine names."""
    return HTMLResponse(page, status_code=status, headers={"Cache-Control": NEVER, "X-Robots-Tag": "noindex"})


async def read_body(request: Request) -> bytes:
    """The whole body; it has to come within some seconds, and the route limits its length."""
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await request.body()
    except TimeoutError:
        raise HTTPException(408) from None
