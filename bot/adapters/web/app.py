"""The web application: its paths, and the answer to each."""

import asyncio
from collections.abc import Callable
from datetime import date, datetime
from functools import partial

from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route, Router

from bot.adapters.web.answers import (
    ATOM,
    FOREVER,
    FRESH_FOR,
    HTML,
    NEVER,
    PRIVATE,
    PUBLIC,
    Answer,
    AnswerCache,
    AnswerResponse,
    answer,
)
from bot.adapters.web.negotiation import cache_key, capability, view_of
from bot.adapters.web.pages import Pages, ShownQuiz, View, as_read, static_files
from bot.adapters.web.service import WebService
from bot.adapters.web.shield import MAX_BODY_BYTES, Shield
from bot.domain.errors import PaperboyError
from bot.domain.feeds import Feed
from bot.domain.papers import parse_paper_id
from bot.pipeline.ports import Clock

NOT_FOUND = 404
_MESSAGES = {NOT_FOUND: "not_found", 405: "not_possible", 403: "foreign", 429: "too_many", 500: "failed"}
_KEPT_FOR_LANGUAGE = {"Vary": "Accept-Language"}


def create_app(
    service: WebService,
    *,
    render_feed: Callable[[Feed], bytes],
    clock: Clock,
    site_title: str,
    site_url: str,
    quiz: ShownQuiz = as_read,
    fresh_for: float = FRESH_FOR,
) -> Shield:
    """The application over that service, whose methods run in threads; `render_feed` turns feeds into bytes.

    `quiz` gives the questions of a paper with the answers that are told; `fresh_for` see AnswerCache.
    """
    pages = Pages(title=site_title, url=site_url, quiz=quiz)
    cache = AnswerCache(service.version, fresh_for=fresh_for)
    endpoints = Endpoints(service, render_feed=render_feed, clock=clock, pages=pages, cache=cache)
    router = Router(
        [
            Route("/", endpoints.front),
            Route("/papers/{paper:path}", endpoints.paper),
            Route("/digests", endpoints.days),
            Route("/digests/{day}", endpoints.day),
            Route("/feed.atom", endpoints.feed),
            Route("/feeds/{token}.atom", endpoints.private_feed),
            Route("/unsubscribe/{token}", endpoints.ask_unsubscribe, methods=["GET"]),
            Route(
                "/unsubscribe/{token}", endpoints.unsubscribe, methods=["POST"], max_body_size=MAX_BODY_BYTES
            ),
            Route("/healthz", endpoints.health),
            Route("/robots.txt", endpoints.robots),
            Route("/favicon.ico", partial(endpoints.static, name="favicon.svg")),
            *(Route(f"/{name}", partial(endpoints.static, name=name)) for name in static_files()),
        ],
    )
    app = ExceptionMiddleware(router, handlers={HTTPException: partial(_http_error, pages)})
    return Shield(
        app, cache=cache, prefix=pages.base, failure=lambda scope: _page(pages, view_of(scope), 500)
    )


class Endpoints:
    """Endpoints of the web application: one method per path."""

    def __init__(
        self,
        service: WebService,
        *,
        render_feed: Callable[[Feed], bytes],
        clock: Clock,
        pages: Pages,
        cache: AnswerCache,
    ) -> None:
        self._service = service
        self._render_feed = render_feed
        self._clock = clock
        self._pages = pages
        self._cache = cache

    async def front(self, request: Request) -> Response:
        view = view_of(request.scope)

        def made() -> Answer:
            days = self._service.days()
            return _html(self._pages.front(view, days, self._service.newest_days(days)))

        return await self._kept(request, made)

    async def days(self, request: Request) -> Response:
        view = view_of(request.scope)
        return await self._kept(request, lambda: _html(self._pages.days(view, self._service.days())))

    async def day(self, request: Request) -> Response:
        view, asked = view_of(request.scope), request.path_params["day"]
        day = None
        if asked != "undated":
            try:
                day = date.fromisoformat(asked)
            except ValueError:
                raise HTTPException(404) from None
            if str(day) != asked:
                return RedirectResponse(f"{self._pages.base}/digests/{day}", status_code=301)

        def made() -> Answer:
            papers = [stored.paper for stored in self._service.on_day(day)]
            page = self._pages.day(view, day, self._service.days(), papers)
            return _html(page, status=200 if papers else 404)

        return await self._kept(request, made)

    async def paper(self, request: Request) -> Response:
        view, asked = view_of(request.scope), request.path_params["paper"]
        paper_id = parse_paper_id(asked)
        if paper_id is None:
            raise HTTPException(404)
        if paper_id != asked:
            return RedirectResponse(self._pages.paper_path(paper_id), status_code=301)

        def made() -> Answer:
            stored = self._service.paper(paper_id)
            if stored is None:
                raise HTTPException(404)
            relations = self._service.relations(stored.paper)
            return _html(self._pages.paper(view, stored, relations))

        return await self._kept(request, made)

    async def feed(self, request: Request) -> Response:
        def made() -> Answer:
            feed = self._service.everything()
            return answer(self._render_feed(feed), ATOM, cache=PUBLIC, modified=feed.updated)

        return await self._kept(request, made)

    async def private_feed(self, request: Request) -> Response:
        token = capability(request)

        def made() -> Answer:
            feed = self._service.feed_behind(token)
            if feed is None:
                raise HTTPException(404)
            hidden = {"X-Robots-Tag": "noindex"}
            return answer(self._render_feed(feed), ATOM, cache=PRIVATE, modified=feed.updated, headers=hidden)

        return AnswerResponse(await asyncio.to_thread(made))

    async def ask_unsubscribe(self, request: Request) -> Response:
        """The page with the button; mail scanners fetch it unasked, so it changes nothing."""
        target = await asyncio.to_thread(self._service.unsubscribable, capability(request))
        if target is None:
            raise HTTPException(404)
        return _private_page(self._pages.unsubscribe(view_of(request.scope), target, done=False))

    async def unsubscribe(self, request: Request) -> Response:
        """Done at once, whatever the body says: who has the token may (RFC 8058 §3.2, no redirect)."""
        token = capability(request)
        async for _ in request.stream():
            pass  # read to its end so that the limit counts and the connection stays usable
        target = await asyncio.to_thread(self._service.unsubscribe, token, self._clock.now())
        if target is None:
            raise HTTPException(404)
        return _private_page(self._pages.unsubscribe(view_of(request.scope), target, done=True))

    async def health(self, _request: Request) -> Response:
        """`ok` where the state answers, 503 where it does not."""
        headers = {"Cache-Control": NEVER}
        try:
            await asyncio.to_thread(self._service.version)
        except PaperboyError:
            return PlainTextResponse("the state does not answer\n", status_code=503, headers=headers)
        return PlainTextResponse("ok\n", headers=headers)

    async def robots(self, request: Request) -> Response:
        """Crawlers may have the papers, but nothing private and nothing that is worked out per request."""
        base = self._pages.base
        closed = ("/feeds/", "/preferences/", "/unsubscribe/", "/search", "/preview", "/trends", "/api/")
        lines = ["User-agent: *", *(f"Disallow: {base}{path}" for path in closed)]
        text = "\n".join(lines) + "\n"
        return await self._kept(request, lambda: answer(text, "text/plain; charset=utf-8", cache=PUBLIC))

    async def static(self, request: Request, name: str) -> Response:
        file = static_files()[name]
        current = request.query_params.get("v") == file.version
        return await self._kept(
            request, lambda: answer(file.body, file.media_type, cache=FOREVER if current else PUBLIC)
        )

    async def _kept(self, request: Request, made: Callable[[], Answer]) -> Response:
        """The answer to this request as long as the state stays as it is."""
        return AnswerResponse(await self._cache.get(cache_key(request.scope), made))


def _html(page: str, *, status: int = 200, modified: datetime | None = None) -> Answer:
    return answer(page, HTML, cache=PUBLIC, modified=modified, status=status, headers=_KEPT_FOR_LANGUAGE)


def _private_page(page: str) -> Response:
    return HTMLResponse(page, headers={"Cache-Control": NEVER, "X-Robots-Tag": "noindex"})


def _page(pages: Pages, view: View, status: int, searched: str | None = None) -> Response:
    name = _MESSAGES.get(status, "not_possible")
    return HTMLResponse(
        pages.message(view, name, searched=searched), status_code=status, headers={"Cache-Control": NEVER}
    )


async def _http_error(pages: Pages, request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    searched = None
    if status == NOT_FOUND:
        asked = request.path_params.get("paper", "")
        searched = asked.rpartition(":")[2].replace("-", " ")[:200]
    page = _page(pages, view_of(request.scope), status, searched)
    page.headers.update(getattr(error, "headers", None) or {})
    return page
