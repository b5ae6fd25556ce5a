"""Negotiation: the language and the credentials that a request brings, and the name of the answer to it."""

import re
from contextlib import suppress
from functools import lru_cache

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Scope

from bot.adapters.web.pages import View
from bot.adapters.web.texts import LANGUAGES

_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}")
_READ = frozenset({b"q", b"lang", b"page", b"days", b"live", b"v"})


def view_of(scope: Scope) -> View:
    """The language that a request asks for: by `?lang=`, else by Accept-Language."""
    query = scope["query_string"]
    accepted = next((value for name, value in scope["headers"] if name == b"accept-language"), b"")
    return _view(query, accepted)


def cache_key(scope: Scope) -> tuple[str, bytes, str, bool]:
    """The name under which the answer to a request is kept."""
    path = scope["path"]
    is_shown = path.endswith(".atom") and by_browser(scope)
    return path, _known(scope["query_string"]), view_of(scope).language, is_shown


def by_browser(scope: Scope) -> bool:
    """True for a browser that shows a feed to a person: it accepts pages, and says nothing of feeds."""
    accepted = next((value for name, value in scope["headers"] if name == b"accept"), b"")
    return b"text/html" in accepted and b"atom" not in accepted and b"rss" not in accepted


@lru_cache(1024)
def _known(query: bytes) -> bytes:
    """The parts of a query string that any page reads: others do not make another answer."""
    return b"&".join(part for part in query.split(b"&") if part.partition(b"=")[0] in _READ) if query else b""


@lru_cache(1024)
def _view(query: bytes, accepted: bytes) -> View:
    for part in query.decode("latin-1").split("&"):
        name, _, value = part.partition("=")
        if name == "lang" and value in LANGUAGES:
            return View(language=value, explicit=True)
    weighed = []
    for choice in accepted.decode("latin-1").lower().split(","):
        name, _, weight = choice.partition(";q=")
        language = name.strip().partition("-")[0]
        if language in LANGUAGES:
            with suppress(ValueError):
                if 0 < float(weight or 1) <= 1:
                    weighed.append((float(weight or 1), language))
    return View(language=max(weighed, key=lambda each: each[0], default=(1, "en"))[1])


def capability(request: Request) -> str:
    """The token in the path; 404 where it does not look like one."""
    token: str = request.path_params["token"]
    if not _TOKEN.fullmatch(token):
        raise HTTPException(404)
    return token
