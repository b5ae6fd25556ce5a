"""The web application: paths, conditional answers (RFC 9110), security headers, and what it reads and changes."""

import asyncio
import gzip
import hashlib
import logging
import re
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import partial

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.adapters.web.pages import Pages, ShownQuiz, as_read, content_security_policy
from bot.domain.channels import Target
from bot.domain.delivery import UNSUBSCRIBED
from bot.domain.errors import PaperboyError
from bot.domain.feeds import Feed
from bot.domain.papers import PaperId, parse_paper_id
from bot.pipeline.feeds import FeedBuilder
from bot.pipeline.ports import Clock, TokenStore
from bot.pipeline.ports.outbox import DeliveryStore
from bot.pipeline.ports.papers import PaperStore, StoredPaper

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
    service: "WebService",
    *,
    render_feed: Callable[[Feed], bytes],
    clock: Clock,
    site_title: str,
    site_url: str,
    quiz: ShownQuiz = as_read,
) -> Starlette:
    """The application over that service, whose methods run in threads; `render_feed` turns feeds into bytes.

    `quiz` gives the questions of a paper with the answers that are told.
    """
    pages = Pages(title=site_title, url=site_url, quiz=quiz)
    site = Site(service, render_feed=render_feed, clock=clock, pages=pages)
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
        self, service: "WebService", *, render_feed: Callable[[Feed], bytes], clock: Clock, pages: Pages
    ) -> None:
        self._service = service
        self._render_feed = render_feed
        self._clock = clock
        self._pages = pages
        self._front = PerVersion(service.version, self._made_front)
        self._feed = PerVersion(service.version, self._made_feed)

    async def front(self, request: Request) -> Response:
        return respond(request, await self._front.answer())

    async def feed(self, request: Request) -> Response:
        return respond(request, await self._feed.answer())

    async def private_feed(self, request: Request) -> Response:
        token = _token(request)
        feed = await asyncio.to_thread(self._service.feed_behind, token)
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
        stored = await asyncio.to_thread(self._service.paper, paper_id)
        if stored is None:
            raise HTTPException(404)
        language = "zh" if request.query_params.get("language") == "zh" else "en"
        page = await asyncio.to_thread(self._pages.paper, stored, language)
        return respond(request, answer(page, HTML, cache=_PUBLIC, modified=stored.changed_at))

    async def ask_unsubscribe(self, request: Request) -> Response:
        """The page with the button; mail scanners fetch it unasked, so it changes nothing."""
        target = await asyncio.to_thread(self._service.unsubscribable, _token(request))
        if target is None:
            raise HTTPException(404)
        return _private_page(self._pages.unsubscribe(target, done=False))

    async def unsubscribe(self, request: Request) -> Response:
        """Done at once, whatever the body says: who has the token may (RFC 8058 §3.2, no redirect)."""
        token = _token(request)
        async for _ in request.stream():
            pass  # read to its end so that the limit counts and the connection stays usable
        target = await asyncio.to_thread(self._service.unsubscribe, token, self._clock.now())
        if target is None:
            raise HTTPException(404)
        return _private_page(self._pages.unsubscribe(target, done=True))

    async def health(self, _request: Request) -> Response:
        """`ok` where the state answers, 503 where it does not."""
        headers = {"Cache-Control": _NEVER}
        try:
            await asyncio.to_thread(self._service.version)
        except PaperboyError:
            return PlainTextResponse("the state does not answer\n", status_code=503, headers=headers)
        return PlainTextResponse("ok\n", headers=headers)

    def _made_front(self) -> "Answer":
        feed = self._service.everything()
        return answer(self._pages.front(feed), HTML, cache=_PUBLIC, modified=feed.updated)

    def _made_feed(self) -> "Answer":
        feed = self._service.everything()
        return answer(self._render_feed(feed), ATOM, cache=_PUBLIC, modified=feed.updated)

    def _made_private(self, feed: Feed) -> "Answer":
        return answer(
            self._render_feed(feed), ATOM, cache=_PRIVATE, modified=feed.updated, X_Robots_Tag="noindex"
        )


class WebService:
    """Everything that the web server reads and changes."""

    def __init__(
        self, papers: PaperStore, deliveries: DeliveryStore, tokens: TokenStore, feeds: FeedBuilder
    ) -> None:
        self._papers = papers
        self._deliveries = deliveries
        self._tokens = tokens
        self._feeds = feeds

    def version(self) -> str:
        """A short token that changes whenever any feed or page may have changed."""
        return self._feeds.version()

    def everything(self) -> Feed:
        """The feed of all papers, newest first, cut to the configured number of entries."""
        return self._feeds.everything()

    def feed_behind(self, token: str) -> Feed | None:
        """The private feed that the token opens; None for any other text."""
        return self._feeds.behind(token)

    def paper(self, paper_id: PaperId) -> StoredPaper | None:
        return self._papers.stored([paper_id]).get(paper_id)

    def unsubscribable(self, token: str) -> Target | None:
        """The target that the token may unsubscribe, also one that it already has; None for any other text."""
        key = self._tokens.subject("unsubscribe", token)
        status = self._deliveries.target(key) if key else None
        return status.target if status else None

    def unsubscribe(self, token: str, now: datetime) -> Target | None:
        """Suspend the token's target for good (idempotent); None for any other text."""
        target = self.unsubscribable(token)
        if target is not None:
            self._deliveries.suspend(target.key, UNSUBSCRIBED, now)
        return target


class PerVersion:
    """Cache of one answer: made once per edition, by one thread while the others wait."""

    def __init__(self, version: Callable[[], str], made: "Callable[[], Answer]") -> None:
        self._version = version
        self._made = made
        self._known: tuple[str, Answer] | None = None
        self._making = asyncio.Lock()

    async def answer(self) -> "Answer":
        # The edition is read first: what changes while the answer is made gives the next one another edition.
        version = await asyncio.to_thread(self._version)
        if self._known is None or self._known[0] != version:
            async with self._making:
                if self._known is None or self._known[0] != version:
                    self._known = version, await asyncio.to_thread(self._made)
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


HTML = "text/html; charset=utf-8"
ATOM = "application/atom+xml; charset=utf-8"

_WORTH_ZIPPING = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A response before negotiation; `tag` names its bytes, `zipped` is the same body gzipped, None where that is not shorter."""

    body: bytes
    media_type: str
    tag: str
    zipped: bytes | None = None
    modified: datetime | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def answer(
    body: bytes | str, media_type: str, *, cache: str, modified: datetime | None = None, **headers: str
) -> Answer:
    """The answer with that body; the same body always gives the same tag and the same zipped bytes."""
    data = body.encode() if isinstance(body, str) else body
    zipped = gzip.compress(data, 6, mtime=0) if len(data) >= _WORTH_ZIPPING else None
    return Answer(
        body=data,
        media_type=media_type,
        tag=hashlib.sha256(data).hexdigest()[:32],
        zipped=zipped if zipped and len(zipped) < len(data) else None,
        modified=modified,
        headers={
            "Cache-Control": cache,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
    )


def respond(request: Request, content: Answer) -> Response:
    """The response to this request: whole, gzipped, or 304."""
    unzip = content.zipped is None or not _takes_gzip(request.headers.get("accept-encoding", ""))
    tag = f'"{content.tag}"' if unzip else f'"{content.tag}-gzip"'
    headers = {**content.headers, "ETag": tag, "Vary": "Accept-Encoding"}
    if content.modified:
        headers["Last-Modified"] = format_datetime(_whole_second(content.modified), usegmt=True)
    if _is_known(request, tag, content.modified):
        return Response(status_code=304, headers=headers)
    if not unzip:
        headers["Content-Encoding"] = "gzip"
    return Response(content.body if unzip else content.zipped, headers=headers, media_type=content.media_type)


def _takes_gzip(accepted: str) -> bool:
    for choice in accepted.lower().split(","):
        name, _, weight = choice.partition(";")
        if name.strip() in {"gzip", "*"}:
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def _is_known(request: Request, tag: str, modified: datetime | None) -> bool:
    """True where the client's copy is still good; a date counts only where no tag was sent (RFC 9110 §13.2.2)."""
    if (tags := request.headers.get("if-none-match")) is not None:
        known = {each.strip().removeprefix("W/") for each in tags.split(",")}
        return tag in known or "*" in known
    since = request.headers.get("if-modified-since")
    if since is None or modified is None:
        return False
    try:
        return _whole_second(modified) <= parsedate_to_datetime(since).replace(tzinfo=UTC)
    except ValueError:
        return False


def _whole_second(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)


log = logging.getLogger(__name__)


class Shield:
    """Middleware: adds `headers` where an answer has none of that name, and turns failures into `failure()` and a log line.

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
            await self._failure()(scope, receive, guarded)
