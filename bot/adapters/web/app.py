"""The web application: which path gives what."""

import asyncio
import re
from collections.abc import Callable
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from bot.adapters.web.answers import ATOM, HTML, Answer, answer, respond
from bot.adapters.web.pages import Pages, ShownQuiz, as_read, content_security_policy
from bot.adapters.web.shield import Shield
from bot.domain.errors import PaperboyError
from bot.domain.feeds import Feed
from bot.domain.papers import parse_paper_id
from bot.pipeline.ports import Clock, Library

MAX_BODY_BYTES = 16_384
"""A one-click request is some hundred bytes."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}")
_PUBLIC = "public, no-cache"
_PRIVATE = "private, no-cache"
_NEVER = "no-store"
_SAID = {
    404: ("Not found", "There is nothing at this address. A link in a mail or feed may have been revoked."),
    405: ("Not possible", "This address does not take such a request."),
}


def create_app(
    library: Library,
    *,
    render_feed: Callable[[Feed], bytes],
    clock: Clock,
    site_title: str,
    site_url: str,
    quiz: ShownQuiz = as_read,
) -> Starlette:
    """The application over that library; its methods run in threads, feeds become bytes by `render_feed`.

    `quiz` gives the questions of a paper with the answers that are told.
    """
    pages = Pages(title=site_title, url=site_url, quiz=quiz)
    site = Site(library, render_feed=render_feed, clock=clock, pages=pages)
    headers = {
        "Content-Security-Policy": content_security_policy(),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
    shield = Middleware(
        Shield, headers=headers, failure=partial(_page, pages, 500, "Something went wrong", _SORRY)
    )
    return Starlette(
        routes=[
            Route("/", site.front),
            Route("/feed.atom", site.feed),
            Route("/feeds/{token}.atom", site.private_feed),
            Route("/papers/{paper:path}", site.paper),
            Route("/unsubscribe/{token}", site.ask_unsubscribe, methods=["GET"]),
            Route("/unsubscribe/{token}", site.unsubscribe, methods=["POST"], max_body_size=MAX_BODY_BYTES),
            Route("/healthz", site.health),
        ],
        middleware=[shield],
        exception_handlers={HTTPException: partial(_http_error, pages)},
    )


_SORRY = "The server could not answer. It has been noted; please try again later."


class Site:
    """One method per path."""

    def __init__(
        self, library: Library, *, render_feed: Callable[[Feed], bytes], clock: Clock, pages: Pages
    ) -> None:
        self._library = library
        self._render_feed = render_feed
        self._clock = clock
        self._pages = pages
        self._front = PerEdition(library.edition, self._made_front)
        self._feed = PerEdition(library.edition, self._made_feed)

    async def front(self, request: Request) -> Response:
        return respond(request, await self._front.answer())

    async def feed(self, request: Request) -> Response:
        return respond(request, await self._feed.answer())

    async def private_feed(self, request: Request) -> Response:
        token = _token(request)
        feed = await asyncio.to_thread(self._library.feed_behind, token)
        if feed is None:
            raise HTTPException(404)
        made = await asyncio.to_thread(self._made_private, feed)
        return respond(request, made)

    async def paper(self, request: Request) -> Response:
        asked: str = request.path_params["paper"]
        paper_id = parse_paper_id(asked)
        if paper_id is None:
            raise HTTPException(404)
        if paper_id != asked:
            return RedirectResponse(self._pages.paper_path(paper_id), status_code=301)
        stored = await asyncio.to_thread(self._library.paper, paper_id)
        if stored is None:
            raise HTTPException(404)
        language = "zh" if request.query_params.get("language") == "zh" else "en"
        page = await asyncio.to_thread(self._pages.paper, stored, language)
        return respond(request, answer(page, HTML, cache=_PUBLIC, modified=stored.changed_at))

    async def ask_unsubscribe(self, request: Request) -> Response:
        """The page with the button; mail scanners fetch it unasked, so it changes nothing."""
        target = await asyncio.to_thread(self._library.unsubscribable, _token(request))
        if target is None:
            raise HTTPException(404)
        return _private_page(self._pages.unsubscribe(target, done=False))

    async def unsubscribe(self, request: Request) -> Response:
        """Done at once, whatever the body says: who has the token may (RFC 8058 §3.2, no redirect)."""
        token = _token(request)
        async for _ in request.stream():
            pass  # read to its end so that the limit counts and the connection stays usable
        target = await asyncio.to_thread(self._library.unsubscribe, token, self._clock.now())
        if target is None:
            raise HTTPException(404)
        return _private_page(self._pages.unsubscribe(target, done=True))

    async def health(self, _request: Request) -> Response:
        """`ok` where the state answers, 503 where it does not."""
        headers = {"Cache-Control": _NEVER}
        try:
            await asyncio.to_thread(self._library.edition)
        except PaperboyError:
            return PlainTextResponse("the state does not answer\n", status_code=503, headers=headers)
        return PlainTextResponse("ok\n", headers=headers)

    def _made_front(self) -> Answer:
        feed = self._library.everything()
        return answer(self._pages.front(feed), HTML, cache=_PUBLIC, modified=feed.updated)

    def _made_feed(self) -> Answer:
        feed = self._library.everything()
        return answer(self._render_feed(feed), ATOM, cache=_PUBLIC, modified=feed.updated)

    def _made_private(self, feed: Feed) -> Answer:
        return answer(
            self._render_feed(feed), ATOM, cache=_PRIVATE, modified=feed.updated, X_Robots_Tag="noindex"
        )


class PerEdition:
    """An answer made once per edition of the library, by one thread while the others wait."""

    def __init__(self, edition: Callable[[], str], made: Callable[[], Answer]) -> None:
        self._edition = edition
        self._made = made
        self._known: tuple[str, Answer] | None = None
        self._making = asyncio.Lock()

    async def answer(self) -> Answer:
        # The edition is read first: what changes while the answer is made gives the next one another edition.
        edition = await asyncio.to_thread(self._edition)
        if self._known is None or self._known[0] != edition:
            async with self._making:
                if self._known is None or self._known[0] != edition:
                    self._known = edition, await asyncio.to_thread(self._made)
        return self._known[1]


def _token(request: Request) -> str:
    """The path's token, if it looks like one."""
    token: str = request.path_params["token"]
    if not _TOKEN.fullmatch(token):
        raise HTTPException(404)
    return token


def _private_page(page: str) -> Response:
    return HTMLResponse(page, headers={"Cache-Control": _NEVER, "X-Robots-Tag": "noindex"})


def _page(pages: Pages, status: int, title: str, text: str) -> Response:
    return HTMLResponse(pages.message(title, text), status_code=status, headers={"Cache-Control": _NEVER})


async def _http_error(pages: Pages, _request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    page = _page(pages, status, *_SAID.get(status, ("Not possible", "The request could not be answered.")))
    page.headers.update(getattr(error, "headers", None) or {})
    return page
