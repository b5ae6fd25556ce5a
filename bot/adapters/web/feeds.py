"""Feed endpoints: the feeds of all papers, of a query and of a subscriber, the monthly archive, and OPML."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bot.adapters.web.negotiation import by_browser, token_of
from bot.adapters.web.papers import query_parameter
from bot.adapters.web.responses import (
    ATOM,
    FEED_JSON,
    NEVER,
    OPML,
    PRIVATE,
    PUBLIC,
    XML,
    NegotiatedResponse,
    PreparedResponse,
    prepare,
)
from bot.adapters.web.site import WebSite
from bot.domain.errors import QuerySyntaxError
from bot.domain.feeds import Feed
from bot.domain.query import parse

Render = Callable[[Feed], bytes]
_MONTH = re.compile(r"([12][0-9]{3})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedFormats:
    """Functions that write feeds: as Atom, as JSON Feed, and a list of feeds as OPML, from its title and the (title,
    address) of each.

    `archived` gives the stored document of a past month such as `2026-01`; the function makes it where there is none.
    """

    atom: Render
    json: Render
    opml: Callable[[str, list[tuple[str, str]]], bytes]
    archived: Callable[[str, Callable[[], bytes]], bytes]


class FeedEndpoints:
    """Endpoints of the feeds."""

    def __init__(self, site: WebSite, formats: FeedFormats) -> None:
        self._site = site
        self._service = site.service
        self._formats = formats

    async def atom(self, request: Request) -> Response:
        return await self._public(request, self._formats.atom, ATOM)

    async def json(self, request: Request) -> Response:
        return await self._public(request, self._formats.json, FEED_JSON)

    async def private_atom(self, request: Request) -> Response:
        return await self._private(request, self._formats.atom, ATOM)

    async def private_json(self, request: Request) -> Response:
        return await self._private(request, self._formats.json, FEED_JSON)

    async def archive(self, request: Request) -> Response:
        """The archive of one month; that of a past month stays as it was first served."""
        matched = _MONTH.fullmatch(request.path_params["month"])
        if matched is None:
            raise HTTPException(404)
        month = date(int(matched[1]), int(matched[2]), 1)
        now = self._site.clock.now()

        def make() -> PreparedResponse:
            feed = self._service.feeds.month(month)
            if feed is None:
                raise HTTPException(404)
            if self._service.feeds.is_closed(month, now):
                document = self._formats.archived(f"{month:%Y-%m}", lambda: self._formats.atom(feed))
                return prepare(document, ATOM, cache="public, max-age=86400")
            return prepare(self._formats.atom(feed), ATOM, cache=PUBLIC, modified=feed.updated)

        return await self._site.cached(request, make)

    async def opml(self, request: Request) -> Response:
        """The public feeds as OPML, which feed readers import."""

        def make() -> PreparedResponse:
            layout = self._site.layout
            feeds = [(layout.title, f"{layout.url}/feed.atom")]
            return prepare(self._formats.opml(layout.title, feeds), OPML, cache=PUBLIC)

        return await self._site.cached(request, make)

    async def _public(self, request: Request, render: Render, media_type: str) -> Response:
        text = query_parameter(request)
        if text:
            try:
                query = parse(text)
            except QuerySyntaxError as error:
                return _refusal(text, error)

        def make() -> PreparedResponse:
            if not text:
                feed = self._service.feeds.everything()
            else:
                feed = self._service.feed_of(query, request.url.path.rpartition("/")[2])
            return _document(request, render(feed), media_type, PUBLIC, feed.updated)

        return await self._site.cached(request, make)

    async def _private(self, request: Request, render: Render, media_type: str) -> Response:
        token = token_of(request)

        def make() -> PreparedResponse:
            feed = self._service.feeds.of_token(token)
            if feed is None:
                raise HTTPException(404)
            # Without Last-Modified: a new subscription brings papers older than the newest entry, and a client that
            # compares that date would not fetch them.
            return _document(request, render(feed), media_type, PRIVATE, None, private=True)

        return NegotiatedResponse(await asyncio.to_thread(make))


def _document(
    request: Request,
    body: bytes,
    media_type: str,
    cache: str,
    modified: datetime | None,
    *,
    private: bool = False,
) -> PreparedResponse:
    """The feed document. A browser gets Atom as plain XML, which it shows with the document's style sheet."""
    if media_type != ATOM:
        headers = {}
    elif by_browser(request.scope):
        media_type, headers = XML, {"Vary": "Accept"}
    else:
        headers = {"Vary": "Accept"}
    if private:
        headers["X-Robots-Tag"] = "noindex"
    return prepare(body, media_type, cache=cache, modified=modified, headers=headers)


def _refusal(text: str, error: QuerySyntaxError) -> Response:
    """Why a query gives no feed, as plain text with a caret below the fault."""
    lines = [str(error), text, f"{' ' * error.position}^", ""]
    return PlainTextResponse("\n".join(lines), status_code=400, headers={"Cache-Control": NEVER})
