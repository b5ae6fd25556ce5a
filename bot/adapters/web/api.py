"""Read API: papers and previews as JSON, and its OpenAPI 3.1 document."""

import json
from collections.abc import Callable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from bot import __version__
from bot.adapters.web.pages.queries import PAGE_SIZE
from bot.adapters.web.papers import MOST_DAYS, PREVIEW_DAYS, number_parameter, query_parameter
from bot.adapters.web.responses import JSON, PUBLIC, PreparedResponse, prepare
from bot.adapters.web.site import WebSite
from bot.domain.analysis.preview import Match
from bot.domain.card import Card, card_of
from bot.domain.errors import QuerySyntaxError
from bot.domain.message import Item
from bot.domain.notices import Reason
from bot.domain.papers import Paper, parse_paper_id
from bot.domain.query import Query, parse
from bot.pipeline.finder import QueryPreview

_LAST_PAGE = 10_000
_HEADERS = {"Access-Control-Allow-Origin": "*"}


class ApiEndpoints:
    """Endpoints of the read API."""

    def __init__(self, site: WebSite) -> None:
        self._site = site
        self._service = site.service

    async def papers(self, request: Request) -> Response:
        """The papers that match `q`, newest first; without `q` all papers."""
        page = number_parameter(request, "page", 1, _LAST_PAGE)
        start = (page - 1) * PAGE_SIZE

        def make(query: Query | None) -> dict[str, Any]:
            if query is None:
                papers, total = self._service.newest(start, PAGE_SIZE)
                return _page(page, total, [self._paper(paper) for paper in papers])
            result = self._service.finder.search(query, start=start, limit=PAGE_SIZE)
            return _page(page, result.total, [self._match(query, match) for match in result.matches])

        return await self._respond(request, make)

    async def paper(self, request: Request) -> Response:
        """One paper."""
        paper_id = parse_paper_id(request.path_params["paper"])
        if paper_id is None:
            raise HTTPException(404)

        def make(_query: Query | None) -> dict[str, Any]:
            stored = self._service.paper(paper_id)
            if stored is None:
                raise HTTPException(404)
            return self._paper(stored.paper)

        return await self._respond(request, make)

    async def preview(self, request: Request) -> Response:
        """Preview of a query: how often it matches, samples, near misses, and spellings that find more."""
        days = number_parameter(request, "days", PREVIEW_DAYS, MOST_DAYS)

        def make(query: Query | None) -> dict[str, Any]:
            if query is None:
                raise QuerySyntaxError("q is missing: a query in the query language", 0)
            return self._preview(self._service.finder.preview(query, days=days, limit=PAGE_SIZE))

        return await self._respond(request, make)

    async def description(self, request: Request) -> Response:
        """The OpenAPI document."""
        document = openapi(self._site.layout.url)
        return await self._site.cached(request, lambda: _json(document))

    async def _respond(self, request: Request, make: Callable[[Query | None], dict[str, Any]]) -> Response:
        text = query_parameter(request)

        def result_or_fault() -> PreparedResponse:
            try:
                return _json(make(parse(text) if text else None))
            except QuerySyntaxError as error:
                fault = {"error": str(error), "parameter": "q", "position": error.position}
                return _json(fault, status=400)

        return await self._site.cached(request, result_or_fault)

    def _paper(self, paper: Paper, reason: Reason | None = None) -> dict[str, Any]:
        card = card_of(Item(paper=paper, reasons=(reason,) if reason else ()), language="en")
        return {**_card_json(card), "url": f"{self._site.layout.url}/papers/{paper.id}", "why": _why(reason)}

    def _match(self, query: Query, match: Match) -> dict[str, Any]:
        return self._paper(match.paper, Reason(subscription=query.text, why=match.why))

    def _preview(self, preview: QueryPreview) -> dict[str, Any]:
        return {
            "query": preview.query.text,
            "days": preview.days,
            "papers_searched": preview.papers,
            "found": preview.found,
            "per_day": preview.per_day,
            "hits": [{"date": str(day), "papers": count} for day, count in sorted(preview.hits.items())],
            "matches": [self._match(preview.query, match) for match in preview.matches],
            "near_misses": [
                {"id": miss.paper.id, "title": miss.paper.title, "missing": miss.missing}
                for miss in preview.near_misses
            ],
            "better": [
                {"query": spelling.query, "would_find": spelling.would_find} for spelling in preview.better
            ],
        }


def _card_json(card: Card) -> dict[str, Any]:
    return {
        "id": card.id,
        "title": card.title_text,
        "authors": ["".join(piece.text for piece in author) for author in card.authors],
        "gist": card.gist_text,
        "points": [
            {"label": point.label, "text": "".join(piece.text for piece in point.text)}
            for point in card.points
        ],
        "date": str(card.date) if card.date else None,
        "sources": list(card.sources),
        "questions": card.questions,
        "links": {  # the keys of the schema below, which are fewer than those of the command line
            "abs": card.links.abs,
            "pdf": card.links.pdf,
            "huggingface": card.links.huggingface,
            "code": card.links.code,
        },
    }


def _why(reason: Reason | None) -> list[dict[str, str]]:
    return [{"term": why.term, "field": why.field, "text": why.text} for why in reason.why] if reason else []


def _page(page: int, total: int, papers: list[dict[str, Any]]) -> dict[str, Any]:
    return {"total": total, "page": page, "pages": -(-total // PAGE_SIZE), "papers": papers}


def _json(value: dict[str, Any], *, status: int = 200) -> PreparedResponse:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return prepare(body, JSON, cache=PUBLIC, status=status, headers=_HEADERS)


_TEXT: dict[str, Any] = {"type": "string"}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_LINK: dict[str, Any] = {"type": ["string", "null"], "format": "uri"}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


SCHEMAS: dict[str, Any] = {
    "Paper": _object(
        id={**_TEXT, "examples": ["arxiv:2509.14008"]},
        title=_TEXT,
        authors=_list(_TEXT),
        gist={**_TEXT, "maxLength": 280},
        points=_list(_object(label=_TEXT, text=_TEXT)),
        date={"type": ["string", "null"], "format": "date"},
        sources=_list(_TEXT),
        questions=_COUNT,
        links=_object(abs=_LINK, pdf=_LINK, huggingface=_LINK, code=_LINK),
        url=_TEXT,
        why=_list(_object(term=_TEXT, field=_TEXT, text=_TEXT)),
    ),
    "Papers": _object(total=_COUNT, page={"type": "integer", "minimum": 1}, pages=_COUNT, papers=_list(_ref("Paper"))),
    "Preview": _object(
        query=_TEXT,
        days={"type": "integer", "minimum": 1},
        papers_searched=_COUNT,
        found=_COUNT,
        per_day={"type": "number", "minimum": 0},
        hits=_list(_object(date={**_TEXT, "format": "date"}, papers=_COUNT)),
        matches=_list(_ref("Paper")),
        near_misses=_list(_object(id=_TEXT, title=_TEXT, missing=_TEXT)),
        better=_list(_object(query=_TEXT, would_find=_COUNT)),
    ),
    "Error": {**_object(error=_TEXT, parameter=_TEXT, position=_COUNT), "required": ["error"]},
}  # fmt: skip
"""Schemas of the API's responses."""


def openapi(url: str) -> dict[str, Any]:
    """The OpenAPI document of an API that is served at that address."""
    query = {
        "name": "q",
        "in": "query",
        "description": "A query in the query language",
        "schema": {**_TEXT, "maxLength": 1000},
    }
    page = {"name": "page", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": _LAST_PAGE}}
    days = {"name": "days", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": MOST_DAYS}}
    paper = {"name": "id", "in": "path", "required": True, "schema": _TEXT}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Paperboy", "version": __version__, "summary": "Papers of digests, read only"},
        "servers": [{"url": url or "/"}],
        "paths": {
            "/api/papers": _get(
                "Papers that match a query, or the newest", "Papers", [query, page], wrong=True
            ),
            "/api/papers/{id}": _get("One paper", "Paper", [paper], missing=True),
            "/api/preview": _get(
                "Preview of a query", "Preview", [{**query, "required": True}, days], wrong=True
            ),
        },
        "components": {"schemas": SCHEMAS},
    }


def _get(
    summary: str, schema: str, parameters: list[dict[str, Any]], *, wrong: bool = False, missing: bool = False
) -> dict[str, Any]:
    responses: dict[str, Any] = {"200": {"description": summary, **_content(schema)}}
    if wrong:
        responses["400"] = {"description": "`parameter` cannot be used; of a query, `position` counts its characters from 0", **_content("Error")}  # fmt: skip
    if missing:
        responses["404"] = {"description": "There is no such paper", **_content("Error")}
    return {"get": {"summary": summary, "parameters": parameters, "responses": responses}}


def _content(schema: str) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": _ref(schema)}}}
