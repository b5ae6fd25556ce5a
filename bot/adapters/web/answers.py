"""Whole answers and what HTTP lets us leave out of them: 304 for what is known, gzip for who takes it (RFC 9110)."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from starlette.requests import Request
from starlette.responses import Response

HTML = "text/html; charset=utf-8"
ATOM = "application/atom+xml; charset=utf-8"

_WORTH_ZIPPING = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A body with everything said about it; `tag` names its bytes, `zipped` is the same body where that is shorter."""

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


def respond(request: Request, found: Answer) -> Response:
    """What this request needs of the answer."""
    unzip = found.zipped is None or not _takes_gzip(request.headers.get("accept-encoding", ""))
    tag = f'"{found.tag}"' if unzip else f'"{found.tag}-gzip"'
    headers = {**found.headers, "ETag": tag, "Vary": "Accept-Encoding"}
    if found.modified:
        headers["Last-Modified"] = format_datetime(_whole_second(found.modified), usegmt=True)
    if _is_known(request, tag, found.modified):
        return Response(status_code=304, headers=headers)
    if not unzip:
        headers["Content-Encoding"] = "gzip"
    return Response(found.body if unzip else found.zipped, headers=headers, media_type=found.media_type)


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
