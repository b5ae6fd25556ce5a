"""Responses: prepared before content negotiation (RFC 9110), compressed once, and cached for one revision of the state."""

import asyncio
import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import cached_property, lru_cache
from typing import NamedTuple

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

HTML = "text/html; charset=utf-8"
ATOM = "application/atom+xml; charset=utf-8"
JSON = "application/json; charset=utf-8"
XML = "application/xml; charset=utf-8"
FEED_JSON = "application/feed+json; charset=utf-8"
OPML = "text/x-opml; charset=utf-8"

METRICS = "text/plain; version=0.0.4; charset=utf-8"

PUBLIC = "public, no-cache"
PRIVATE = "private, no-cache"
NEVER = "no-store"
FOREVER = "public, max-age=31536000, immutable"

SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""Headers of every response: a page may load this site's style sheet and script, and nothing from elsewhere."""

FRESH_FOR = 0.1
"""Seconds after which the revision of the state is asked for again."""

_LONGEST_REQUEST = 2_048
"""Bytes of a request that is cached with its response at most."""
_MOST_BYTES = 64_000_000
"""Size of all cached responses together; one that takes over a quarter of it is not cached."""
_MOST_WIRE_RESPONSES = 1_024
_WORTH_ZIPPING = 1_000
_ENCODINGS = ("br", "gzip")
"""The supported codings, preferred first where a client weighs them alike."""

_MOST_THREADS = 4
"""Responses that are made at the same time: more wait, so that sending and ingest are not starved."""

OK, NOT_MODIFIED = 200, 304
RawHeaders = list[tuple[bytes, bytes]]


@dataclass(frozen=True, kw_only=True)
class PreparedResponse:
    """A response before content negotiation.

    `tag` is a hash of the body, for its ETag; `encoded` holds the compressed body by coding where that is shorter.
    """

    body: bytes
    media_type: str
    tag: str
    encoded: Mapping[str, bytes] = field(default_factory=dict)
    modified: datetime | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of the body in all codings."""
        return len(self.body) + sum(map(len, self.encoded.values()))

    @cached_property
    def _raw(self) -> dict[str, tuple[RawHeaders, RawHeaders]]:
        """Headers of the full response and of a 304, by coding; an empty coding is the plain body."""
        return {coding: self._headers(coding) for coding in ("", *self.encoded)}

    @cached_property
    def _lines(self) -> dict[str, tuple[bytes, bytes]]:
        """The same headers as bytes of the wire, the empty line after them included."""
        return {
            coding: (_header_lines(full), _header_lines(not_modified))
            for coding, (full, not_modified) in self._raw.items()
        }

    def _headers(self, coding: str) -> tuple[RawHeaders, RawHeaders]:
        vary = filter(None, ("Accept-Encoding", *self.headers.get("Vary", "").split(", ")))
        shared = {
            **self.headers,
            "ETag": self.etag(coding),
            "Vary": ", ".join(vary),
            **SECURITY_HEADERS,
        }
        if self.modified:
            shared["Last-Modified"] = format_datetime(_whole_second(self.modified), usegmt=True)
        content = {
            "Content-Type": self.media_type,
            "Content-Length": str(len(self.encoded[coding] if coding else self.body)),
            **({"Content-Encoding": coding} if coding else {}),
        }
        return _encode_headers({**content, **shared}), _encode_headers(shared)

    def etag(self, coding: str) -> str:
        """The strong ETag of the body in this coding."""
        return f'"{self.tag}-{coding}"' if coding else f'"{self.tag}"'

    async def send(self, scope: Scope, send: Send) -> None:
        """Send the response that this request negotiates."""
        status, coding = self._negotiate(scope)
        full, not_modified = self._raw[coding]
        headers = not_modified if status == NOT_MODIFIED else full
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": self._body(scope, status, coding)})

    def for_wire(self, scope: Scope) -> "WireResponse":
        """The response that this request negotiates, as bytes of the wire."""
        status, coding = self._negotiate(scope)
        full, not_modified = self._lines[coding]
        return WireResponse(
            status=status,
            headers=not_modified if status == NOT_MODIFIED else full,
            body=self._body(scope, status, coding),
        )

    def _negotiate(self, scope: Scope) -> tuple[int, str]:
        """Status (304 where the client's copy is current) and coding."""
        accepted = if_none_match = if_modified_since = b""
        for name, value in scope["headers"]:
            if name == b"accept-encoding":
                accepted = value
            elif name == b"if-none-match":
                if_none_match = if_none_match + b"," + value if if_none_match else value
            elif name == b"if-modified-since":
                if_modified_since = value
        coding = next((coding for coding in codings(accepted) if coding in self.encoded), "")
        is_current = self.status == OK and self._is_current(coding, if_none_match, if_modified_since)
        return NOT_MODIFIED if is_current else self.status, coding

    def _body(self, scope: Scope, status: int, coding: str) -> bytes:
        if status == NOT_MODIFIED or scope["method"] == "HEAD":
            return b""
        return self.encoded[coding] if coding else self.body

    def _is_current(self, coding: str, if_none_match: bytes, if_modified_since: bytes) -> bool:
        """Whether the client's copy is current; a date counts only where no ETag was sent (RFC 9110 §13.2.2)."""
        if if_none_match:
            tags = [tag.strip().removeprefix("W/") for tag in if_none_match.decode("latin-1").split(",")]
            return self.etag(coding) in tags or "*" in tags
        if not if_modified_since or self.modified is None:
            return False
        try:
            since = parsedate_to_datetime(if_modified_since.decode("latin-1"))
        except ValueError:
            return False
        return _whole_second(self.modified) <= since.replace(tzinfo=UTC)


class WireResponse(NamedTuple):
    """A response as bytes of the wire: `headers` include the empty line that ends them, but no status line."""

    status: int
    headers: bytes
    body: bytes


class NegotiatedResponse(Response):
    """A response of Starlette that sends what the request negotiates."""

    def __init__(self, content: PreparedResponse) -> None:
        super().__init__(status_code=content.status)
        self._content = content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        await self._content.send(scope, send)


def prepare(
    body: bytes | str,
    media_type: str,
    *,
    cache: str,
    modified: datetime | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> PreparedResponse:
    """The response with that body. Deterministic: equal bodies have equal tags and equal compressed bytes."""
    data = body.encode() if isinstance(body, str) else body
    return PreparedResponse(
        body=data,
        media_type=media_type,
        tag=hashlib.sha256(media_type.encode() + data).hexdigest()[:32],
        encoded=_encoded(data) if cache != NEVER else {},
        modified=modified,
        status=status,
        headers={"Cache-Control": cache, **(headers or {})},
    )


class ResponseCache:
    """Cache of the responses for one revision of the state (least recently used out first).

    A response is made once, in a thread, however many requests wait for it. A new revision empties the cache. The
    revision is asked for at most every `fresh_for` seconds, so a response may be that much older than the state.
    """

    def __init__(self, revision: Callable[[], str], *, fresh_for: float = FRESH_FOR) -> None:
        self._read_revision = revision
        self._fresh_for = fresh_for
        self._revision: str | None = None
        self._asked_at = float("-inf")
        self._asking_lock = asyncio.Lock()
        self._responses: OrderedDict[Hashable, PreparedResponse] = OrderedDict()
        self._wire_responses: dict[bytes, WireResponse] = {}
        self._size = 0
        self._pending: dict[tuple[str, Hashable], asyncio.Future[PreparedResponse]] = {}
        self._threads = asyncio.Semaphore(_MOST_THREADS)

    def cached(self, key: Hashable) -> PreparedResponse | None:
        """The response if it is cached and the revision is fresh; None otherwise. Never waits."""
        if not self._is_fresh():
            return None
        response = self._responses.get(key)
        if response is not None:
            self._responses.move_to_end(key)
        return response

    def wire_response(self, request: bytes) -> WireResponse | None:
        """The response to exactly these bytes if it is cached and the revision is fresh; None otherwise.

        It pays since feed readers send the same request again and again.
        """
        return self._wire_responses.get(request) if self._is_fresh() else None

    def cache_wire_response(self, request: bytes, response: WireResponse) -> None:
        """Cache the response of this revision to a complete request of these bytes."""
        if len(request) > _LONGEST_REQUEST or not self._is_fresh():
            return
        if len(self._wire_responses) >= _MOST_WIRE_RESPONSES:
            self._wire_responses.clear()
        self._wire_responses[request] = response

    def _is_fresh(self) -> bool:
        return asyncio.get_running_loop().time() - self._asked_at <= self._fresh_for

    async def get(self, key: Hashable, make: Callable[[], PreparedResponse]) -> PreparedResponse:
        """The cached response of this revision, or else that of `make()`, which runs in a thread."""
        revision = await self.revision()
        cached = self._responses.get(key)
        if cached is not None:
            return cached
        name = revision, key
        if (pending := self._pending.get(name)) is not None:
            return await asyncio.shield(pending)
        pending = self._pending[name] = asyncio.ensure_future(self._make(revision, key, make))
        pending.add_done_callback(lambda _: self._pending.pop(name, None))
        return await asyncio.shield(pending)

    async def revision(self) -> str:
        """The revision of the state, asked for again unless it is fresh; a new one empties the cache."""
        loop = asyncio.get_running_loop()
        if self._revision is None or loop.time() - self._asked_at > self._fresh_for:
            async with self._asking_lock:
                if self._revision is None or loop.time() - self._asked_at > self._fresh_for:
                    asked_at = loop.time()
                    revision = await asyncio.to_thread(self._read_revision)
                    if revision != self._revision:
                        self._responses.clear()
                        self._wire_responses.clear()
                        self._size = 0
                        self._revision = revision
                    self._asked_at = asked_at
        return self._revision

    async def _make(
        self, revision: str, key: Hashable, make: Callable[[], PreparedResponse]
    ) -> PreparedResponse:
        async with self._threads:
            made = await asyncio.to_thread(make)
        # The revision was read before the response was made: a change meanwhile gives the next request a new revision.
        if revision == self._revision and made.size <= _MOST_BYTES // 4:
            self._responses[key] = made
            self._size += made.size
            while self._size > _MOST_BYTES:
                self._size -= self._responses.popitem(last=False)[1].size
                self._wire_responses.clear()  # they may hold the removed body
        return made


@lru_cache(256)
def codings(accepted: bytes) -> tuple[str, ...]:
    """The supported codings that an Accept-Encoding header allows, preferred first."""
    weights: dict[str, float] = {}
    for choice in accepted.decode("latin-1").lower().split(","):
        name, *parameters = (part.strip() for part in choice.split(";"))
        weight = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        try:
            weights[name] = float(weight)
        except ValueError:
            weights[name] = 0.0
    wanted = {coding: weights.get(coding, weights.get("*", 0.0)) for coding in _ENCODINGS}
    return tuple(coding for coding, weight in sorted(wanted.items(), key=lambda each: -each[1]) if weight > 0)


def _encoded(data: bytes) -> dict[str, bytes]:
    if len(data) < _WORTH_ZIPPING:
        return {}
    by_coding = {"gzip": gzip.compress(data, 6, mtime=0)}
    try:
        import brotli
    except ImportError:
        pass
    else:
        by_coding["br"] = brotli.compress(data, quality=5)
    return {coding: encoded for coding, encoded in by_coding.items() if len(encoded) < len(data)}


def _encode_headers(headers: Mapping[str, str]) -> RawHeaders:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def _header_lines(headers: RawHeaders) -> bytes:
    return b"".join(name + b": " + value + b"\r\n" for name, value in headers) + b"\r\n"


def _whole_second(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)
