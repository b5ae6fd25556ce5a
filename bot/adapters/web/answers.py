"""Answers: bodies that are made once per revision of the state, and the responses negotiated from them (RFC 9110)."""

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
"""Headers of every response: a page may load our own style sheet and script, and nothing from anywhere else."""

FRESH_FOR = 0.1
"""Seconds for which the revision of the state is believed."""

_LONGEST_REQUEST = 2_048
_MOST_REPLIES = 1_024
_WORTH_ZIPPING = 1_000
_ENCODINGS = ("br", "gzip")
"""In the order in which they are preferred where a client takes both alike."""

OK, NOT_MODIFIED = 200, 304
RawHeaders = list[tuple[bytes, bytes]]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A response before negotiation; `encoded` holds the body by coding, where that is shorter. `tag` names the body."""

    body: bytes
    media_type: str
    tag: str
    encoded: Mapping[str, bytes] = field(default_factory=dict)
    modified: datetime | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes that it takes in memory."""
        return len(self.body) + sum(map(len, self.encoded.values()))

    @cached_property
    def _raw(self) -> dict[str, tuple[RawHeaders, RawHeaders]]:
        """By coding (empty for none) the headers of the whole response, and those of a 304."""
        return {coding: self._headers(coding) for coding in ("", *self.encoded)}

    @cached_property
    def _lines(self) -> dict[str, tuple[bytes, bytes]]:
        """The same headers as they go over the wire, with the empty line after them."""
        return {coding: (_wire(whole), _wire(short)) for coding, (whole, short) in self._raw.items()}

    def _headers(self, coding: str) -> tuple[RawHeaders, RawHeaders]:
        vary = filter(None, ("Accept-Encoding", *self.headers.get("Vary", "").split(", ")))
        shared = {
            **self.headers,
            "ETag": self.etag(coding),
            "Vary": ", ".join(vary),
            **SECURITY_HEADERS,
        }
        if self.modified:
            shared["Last-Modified"] = format_datetime(_second(self.modified), usegmt=True)
        content = {
            "Content-Type": self.media_type,
            "Content-Length": str(len(self.encoded[coding] if coding else self.body)),
            **({"Content-Encoding": coding} if coding else {}),
        }
        return _bytes({**content, **shared}), _bytes(shared)

    def etag(self, coding: str) -> str:
        """The strong tag of the body in this coding."""
        return f'"{self.tag}-{coding}"' if coding else f'"{self.tag}"'

    async def send(self, scope: Scope, send: Send) -> None:
        """Send it as this request wants it."""
        status, coding = self._choice(scope)
        whole, not_modified = self._raw[coding]
        headers = not_modified if status == NOT_MODIFIED else whole
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": self._body(scope, status, coding)})

    def reply(self, scope: Scope) -> "Reply":
        """The answer over the wire, as this request wants it."""
        status, coding = self._choice(scope)
        whole, not_modified = self._lines[coding]
        return Reply(
            status=status,
            headers=not_modified if status == NOT_MODIFIED else whole,
            body=self._body(scope, status, coding),
        )

    def _choice(self, scope: Scope) -> tuple[int, str]:
        """Status (304 where the client's copy is good) and coding."""
        accepted = if_none_match = if_modified_since = b""
        for name, value in scope["headers"]:
            if name == b"accept-encoding":
                accepted = value
            elif name == b"if-none-match":
                if_none_match = if_none_match + b"," + value if if_none_match else value
            elif name == b"if-modified-since":
                if_modified_since = value
        coding = next((coding for coding in codings(accepted) if coding in self.encoded), "")
        is_known = self.status == OK and self._is_known(coding, if_none_match, if_modified_since)
        return NOT_MODIFIED if is_known else self.status, coding

    def _body(self, scope: Scope, status: int, coding: str) -> bytes:
        if status == NOT_MODIFIED or scope["method"] == "HEAD":
            return b""
        return self.encoded[coding] if coding else self.body

    def _is_known(self, coding: str, if_none_match: bytes, if_modified_since: bytes) -> bool:
        """True where the client's copy is still good; a date counts only where no tag was sent (RFC 9110 §13.2.2)."""
        if if_none_match:
            tags = [tag.strip().removeprefix("W/") for tag in if_none_match.decode("latin-1").split(",")]
            return self.etag(coding) in tags or "*" in tags
        if not if_modified_since or self.modified is None:
            return False
        try:
            since = parsedate_to_datetime(if_modified_since.decode("latin-1"))
        except ValueError:
            return False
        return _second(self.modified) <= since.replace(tzinfo=UTC)


class Reply(NamedTuple):
    """An answer over the wire: `headers` have a line break after each and after all."""

    status: int
    headers: bytes
    body: bytes


class AnswerResponse(Response):
    """An answer where Starlette wants a response."""

    def __init__(self, content: Answer) -> None:
        super().__init__(status_code=content.status)
        self._answer = content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        await self._answer.send(scope, send)


def answer(
    body: bytes | str,
    media_type: str,
    *,
    cache: str,
    modified: datetime | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """The answer with that body; the same body always gives the same tag and the same encoded bytes."""
    data = body.encode() if isinstance(body, str) else body
    return Answer(
        body=data,
        media_type=media_type,
        tag=hashlib.sha256(media_type.encode() + data).hexdigest()[:32],
        encoded=_encoded(data) if cache != NEVER else {},
        modified=modified,
        status=status,
        headers={"Cache-Control": cache, **(headers or {})},
    )


class AnswerCache:
    """Cache of answers for one revision of the state, the least used forgotten first; each is made once, in a thread.

    The revision is asked for at most every `fresh_for` seconds, so an answer may be so much older than the state.
    """

    def __init__(
        self, revision: Callable[[], str], *, most_bytes: int = 64_000_000, fresh_for: float = FRESH_FOR
    ) -> None:
        self._ask = revision
        self._most_bytes = most_bytes
        self._fresh_for = fresh_for
        self._revision: str | None = None
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()
        self._kept: OrderedDict[Hashable, Answer] = OrderedDict()
        self._replies: dict[bytes, Reply] = {}
        self._size = 0
        self._making: dict[tuple[str, Hashable], asyncio.Future[Answer]] = {}
        self._threads = asyncio.Semaphore(_MAKERS)

    def kept(self, key: Hashable) -> Answer | None:
        """The answer, if it is there and the revision was asked for just now."""
        if not self._is_fresh():
            return None
        cached = self._kept.get(key)
        if cached is not None:
            self._kept.move_to_end(key)
        return cached

    def reply(self, request: bytes) -> Reply | None:
        """The reply to exactly these bytes, if it is there and the revision was asked for just now: readers of feeds send
        the same request again and again.
        """
        return self._replies.get(request) if self._is_fresh() else None

    def keep_reply(self, request: bytes, reply: Reply) -> None:
        """Keep the reply that an answer of this revision gave to a whole request of these bytes."""
        if len(request) > _LONGEST_REQUEST or not self._is_fresh():
            return
        if len(self._replies) >= _MOST_REPLIES:
            self._replies.clear()
        self._replies[request] = reply

    def _is_fresh(self) -> bool:
        return asyncio.get_running_loop().time() - self._asked_at <= self._fresh_for

    async def get(self, key: Hashable, make: Callable[[], Answer]) -> Answer:
        """The answer; where there is none of this revision, `make()`, called in a thread while others wait for it."""
        revision = await self.revision()
        cached = self._kept.get(key)
        if cached is not None:
            return cached
        name = revision, key
        if (making := self._making.get(name)) is not None:
            return await asyncio.shield(making)
        making = self._making[name] = asyncio.ensure_future(self._made(revision, key, make))
        making.add_done_callback(lambda _: self._making.pop(name, None))
        return await asyncio.shield(making)

    async def revision(self) -> str:
        """The revision of the state, asked for if that was too long ago; a new one forgets all answers."""
        loop = asyncio.get_running_loop()
        if self._revision is None or loop.time() - self._asked_at > self._fresh_for:
            async with self._asking:
                if self._revision is None or loop.time() - self._asked_at > self._fresh_for:
                    asked_at = loop.time()
                    revision = await asyncio.to_thread(self._ask)
                    if revision != self._revision:
                        self._kept.clear()
                        self._replies.clear()
                        self._size = 0
                        self._revision = revision
                    self._asked_at = asked_at
        return self._revision

    async def _made(self, revision: str, key: Hashable, make: Callable[[], Answer]) -> Answer:
        async with self._threads:
            made = await asyncio.to_thread(make)
        # The revision is read before the answer is made: what changes meanwhile gives the next request another one.
        if revision == self._revision and made.size <= self._most_bytes // 4:
            self._kept[key] = made
            self._size += made.size
            while self._size > self._most_bytes:
                self._size -= self._kept.popitem(last=False)[1].size
                self._replies.clear()  # they hold the body of what is forgotten
        return made


_MAKERS = 4
"""Answers that are made at a time: the others wait, so that the program's own work is not starved."""


@lru_cache(256)
def codings(accepted: bytes) -> tuple[str, ...]:
    """The codings that an Accept-Encoding header allows, the preferred first."""
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


def _bytes(headers: Mapping[str, str]) -> RawHeaders:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def _wire(headers: RawHeaders) -> bytes:
    return b"".join(name + b": " + value + b"\r\n" for name, value in headers) + b"\r\n"


def _second(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)
