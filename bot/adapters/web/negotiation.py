"""Negotiation: the language of a request, its token, and the cache key of its response."""

import re
from contextlib import suppress
from functools import lru_cache

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Scope

from bot.adapters.web.pages.layout import PageLanguage
from bot.domain.translations import LANGUAGES

_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}")
_PARAMETERS = frozenset({b"q", b"lang", b"page", b"days", b"live", b"v"})


def language_of(scope: Scope) -> PageLanguage:
    """The language that a request asks for: by `?lang=`, or else by Accept-Language."""
    query = scope["query_string"]
    accepted = next((value for name, value in scope["headers"] if name == b"accept-language"), b"")
    return _language(query, accepted)


def cache_key(scope: Scope) -> tuple[str, bytes, str, bool]:
    """The key of a request's response in the cache: path, query string, language, and whether it is a feed for a person."""
    path = scope["path"]
    is_feed_in_browser = path.endswith(".atom") and by_browser(scope)
    return path, _read_parameters(scope["query_string"]), language_of(scope).code, is_feed_in_browser


def by_browser(scope: Scope) -> bool:
    """Whether a browser asks, which shows a feed to a person: it accepts HTML and names no feed format."""
    accepted = next((value for name, value in scope["headers"] if name == b"accept"), b"")
    return b"text/html" in accepted and b"atom" not in accepted and b"rss" not in accepted


@lru_cache(1024)
def _read_parameters(query: bytes) -> bytes:
    """The query string without the parameters that no page reads."""
    return (
        b"&".join(part for part in query.split(b"&") if part.partition(b"=")[0] in _PARAMETERS)
        if query
        else b""
    )


@lru_cache(1024)
def _language(query: bytes, accepted: bytes) -> PageLanguage:
    for part in query.decode("latin-1").split("&"):
        name, _, value = part.partition("=")
        if name == "lang" and value in LANGUAGES:
            return PageLanguage(code=value, explicit=True)
    weighed = []
    for choice in accepted.decode("latin-1").lower().split(","):
        name, _, weight = choice.partition(";q=")
        language = name.strip().partition("-")[0]
        if language in LANGUAGES:
            with suppress(ValueError):
                if 0 < float(weight or 1) <= 1:
                    weighed.append((float(weight or 1), language))
    return PageLanguage(code=max(weighed, key=lambda each: each[0], default=(1, "en"))[1])


def token_of(request: Request) -> str:
    """The token in the path; HTTP 404 where it does not look like one."""
    token: str = request.path_params["token"]
    if not _TOKEN.fullmatch(token):
        raise HTTPException(404)
    return token
