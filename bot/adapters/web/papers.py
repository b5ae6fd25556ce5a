"""Paper endpoints: the front page, days, one paper, search, preview and trends."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bot.adapters.web.negotiation import language_of
from bot.adapters.web.pages.queries import PAGE_SIZE
from bot.adapters.web.pages.refusals import ShownRefusal
from bot.adapters.web.responses import PreparedResponse
from bot.adapters.web.site import ParameterRefused, WebSite, prepare_page
from bot.domain.errors import PaperboyError, QuerySyntaxError
from bot.domain.papers import parse_paper_id
from bot.domain.query import Query, parse

PREVIEW_DAYS, MOST_DAYS = 90, 3_650
_SAMPLES = 5
"""Matches that a preview shows."""
MOST_QUERIES = 4
TREND_WEEKS = 26
_LONGEST_QUERY = 1_000
_LAST_PAGE = 10_000


class PaperEndpoints:
    """Endpoints of the pages that show papers."""

    def __init__(self, site: WebSite) -> None:
        self._site = site
        self._service = site.service
        self._layout = site.layout
        self._pages = site.papers
        self._queries = site.queries
        self._is_warmed_up = False

    async def front(self, request: Request) -> Response:
        language = language_of(request.scope)

        def make() -> PreparedResponse:
            days = self._service.days()
            return prepare_page(self._pages.front(language, days, self._service.newest_days(days)))

        return await self._cached(request, make)

    async def days(self, request: Request) -> Response:
        language = language_of(request.scope)
        return await self._cached(
            request, lambda: prepare_page(self._pages.days(language, self._service.days()))
        )

    async def day(self, request: Request) -> Response:
        language, day_text = language_of(request.scope), request.path_params["day"]
        day = None
        if day_text != "undated":
            try:
                day = date.fromisoformat(day_text)
            except ValueError:
                raise HTTPException(404) from None
            if str(day) != day_text:
                return RedirectResponse(f"{self._layout.base}/digests/{day}", status_code=301)

        def make() -> PreparedResponse:
            papers = [stored.paper for stored in self._service.on_day(day)]
            page = self._pages.day(language, day, self._service.days(), papers)
            return prepare_page(page, status=200 if papers else 404)

        return await self._cached(request, make)

    async def paper(self, request: Request) -> Response:
        language, written_id = language_of(request.scope), request.path_params["paper"]
        paper_id = parse_paper_id(written_id)
        if paper_id is None:
            raise HTTPException(404)
        if paper_id != written_id:
            return RedirectResponse(self._layout.paths.paper(paper_id), status_code=301)

        def make() -> PreparedResponse:
            stored = self._service.paper(paper_id)
            if stored is None:
                raise HTTPException(404)
            relations = self._service.finder.relations(stored.paper)
            return prepare_page(self._pages.paper(language, stored, relations))

        return await self._cached(request, make)

    async def search(self, request: Request) -> Response:
        language, text = language_of(request.scope), query_parameter(request)
        if (paper := parse_paper_id(text)) is not None and " " not in text:
            return RedirectResponse(self._layout.paths.paper(paper), status_code=302)
        page = number_parameter(request, "page", 1, _LAST_PAGE)

        def make() -> PreparedResponse:
            if not text:
                return prepare_page(self._queries.search(language, ""))
            try:
                result = self._service.finder.search(
                    parse(text), start=(page - 1) * PAGE_SIZE, limit=PAGE_SIZE
                )
            except QuerySyntaxError as error:
                fault = ShownRefusal.of_query(text, error, language.code)
                return prepare_page(self._queries.search(language, text, fault=fault), status=400)
            return prepare_page(self._queries.search(language, text, result, page=page))

        return await self._cached(request, make)

    async def preview(self, request: Request) -> Response:
        language, text = language_of(request.scope), query_parameter(request)
        days = number_parameter(request, "days", PREVIEW_DAYS, MOST_DAYS)
        fault_status = (
            200 if "live" in request.query_params else 400
        )  # a half-typed query is no failed request

        def make() -> PreparedResponse:
            if not text:
                return prepare_page(self._queries.preview(language, "", days=days))
            try:
                preview = self._service.finder.preview(parse(text), days=days, limit=_SAMPLES)
            except QuerySyntaxError as error:
                fault = ShownRefusal.of_query(text, error, language.code)
                return prepare_page(
                    self._queries.preview(language, text, days=days, fault=fault), status=fault_status
                )
            bot = self._service.bot_name()
            return prepare_page(self._queries.preview(language, text, preview, days=days, bot=bot))

        return await self._cached(request, make)

    async def trends(self, request: Request) -> Response:
        language, text = language_of(request.scope), query_parameter(request)

        def make() -> PreparedResponse:
            try:
                queries = parsed_queries(text)
            except QuerySyntaxError as error:
                fault = ShownRefusal.of_query(text, error, language.code)
                return prepare_page(self._queries.trends(language, text, fault=fault), status=400)
            trends = self._service.finder.trends(queries, weeks=TREND_WEEKS)
            return prepare_page(self._queries.trends(language, text, trends))

        return await self._cached(request, make)

    async def _cached(self, request: Request, make: Callable[[], PreparedResponse]) -> Response:
        """The cached response. The first request starts the warm-up, so that a server without readers never pays for it."""
        if not self._is_warmed_up:
            self._is_warmed_up = True
            asyncio.get_running_loop().run_in_executor(None, self._warm_up)
        return await self._site.cached(request, make)

    def _warm_up(self) -> None:
        with suppress(PaperboyError):  # a page that needs it reports the error
            self._service.finder.warm_up()


def query_parameter(request: Request) -> str:
    """The query parameter `q` on one line; raises ParameterRefused where it is too long."""
    text = " ".join(request.query_params.get("q", "").split())
    if len(text) > _LONGEST_QUERY:
        raise ParameterRefused("q", _LONGEST_QUERY, "characters")
    return text


def parsed_queries(text: str) -> Sequence[Query]:
    """The queries of a text, separated by commas. Positions of errors count in the whole text."""
    queries: list[Query] = []
    start = 0
    for part in text.split(","):
        if part.strip():
            if len(queries) == MOST_QUERIES:
                raise ParameterRefused("q", MOST_QUERIES, "queries")
            try:
                queries.append(parse(part.strip()))
            except QuerySyntaxError as error:
                before = start + len(part) - len(part.lstrip())
                raise QuerySyntaxError(error.fault, before + error.position, **error.values) from error
        start += len(part) + 1
    return queries


def number_parameter(request: Request, name: str, default: int, most: int) -> int:
    """A query parameter that is a whole number from 1 to `most`; the default where it is missing or empty.

    Raises ParameterRefused.
    """
    text = request.query_params.get(name, "")
    if not text:
        return default
    number = int(text[:10]) if text.isascii() and text.isdigit() else 0
    if not 1 <= number <= most:
        raise ParameterRefused(name, most)
    return number
