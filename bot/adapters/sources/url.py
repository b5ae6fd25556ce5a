"""URLs as sources: one document, asked for conditionally and stored as one file."""

import asyncio
import codecs
import re
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urljoin, urlsplit

import httpx

from bot.adapters.drafts import draft_of
from bot.domain.errors import SourceUnreachable
from bot.domain.sources import Fetched, Source, Validators

TIMEOUT = 30.0
"""Seconds to connect, and between two parts of an answer."""
DEADLINE = 300.0
"""Seconds for the whole answer: a server that sends for ever is given up then."""
MAX_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_NOT_MODIFIED = 304
_ACCEPT = "application/atom+xml, application/rss+xml, application/feed+json, application/json, text/*;q=0.9, */*;q=0.5"
_AGENT = "paperboy (feed aggregator for digests of papers)"
_ENDINGS = {
    "application/atom+xml": ".xml",
    "application/rss+xml": ".xml",
    "application/rdf+xml": ".xml",
    "application/xml": ".xml",
    "text/xml": ".xml",
    "application/feed+json": ".json",
    "application/json": ".json",
    "application/x-ndjson": ".jsonl",
    "text/html": ".html",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "application/x-bibtex": ".bib",
}
_UNSAFE = re.compile(r"[^\w.-]+", re.ASCII)
_KNOWN_ENDING = re.compile(
    r"\.(?:xml|rss|atom|rdf|jsonl?|ndjson|html?|md|csv|tsv|bib|ris|ya?ml|org|txt)$", re.IGNORECASE
)
_DECLARED = re.compile(rb"""(?:encoding|charset)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)


async def fetch_url(
    source: Source, validators: Validators, folder: Path, max_bytes: int, *, deadline: float = DEADLINE
) -> Fetched:
    """Ask for the document and put it into the folder, at once and under a name that stays the same.

    Redirects at most five, to http and https only; `source.headers` go to the first origin alone. gzip and br are
    taken; `max_bytes` counts what comes out of them. Raises SourceUnreachable.
    """
    try:
        async with asyncio.timeout(deadline), httpx.AsyncClient(timeout=TIMEOUT) as client:
            return await _fetch(client, source, validators, folder, max_bytes)
    except TimeoutError:
        raise SourceUnreachable(f"no whole answer within {deadline:.0f} seconds") from None
    except (httpx.InvalidURL, httpx.HTTPError) as error:
        raise SourceUnreachable(str(error) or type(error).__name__) from None
    except OSError as error:
        raise SourceUnreachable(f"cannot be stored in {folder.name}: {error.strerror}") from None


async def _fetch(
    client: httpx.AsyncClient, source: Source, validators: Validators, folder: Path, max_bytes: int
) -> Fetched:
    asked = {"Accept": _ACCEPT, "User-Agent": _AGENT}
    if validators.etag:
        asked["If-None-Match"] = validators.etag
    if validators.last_modified:
        asked["If-Modified-Since"] = validators.last_modified
    address = source.address
    for _ in range(MAX_REDIRECTS + 1):
        own = source.headers if _origin(address) == _origin(source.address) else {}
        async with client.stream("GET", address, headers={**asked, **own}) as response:
            if response.status_code in _REDIRECTS and "location" in response.headers:
                address = _next_address(address, response.headers["location"])
            elif response.status_code == _NOT_MODIFIED:
                return Fetched(changed=False, validators=validators)
            elif not response.is_success:
                raise _refused(response)
            else:
                body = await _body(response, max_bytes)
                path = folder / _file_name(source, response.headers.get("content-type", ""))
                changed = await asyncio.to_thread(_store, path, body)
                return Fetched(changed=changed, validators=_validators(response.headers))
    raise SourceUnreachable(f"more than {MAX_REDIRECTS} redirects, the last to {_origin(address)}")


def _origin(address: str) -> str:
    """Scheme, host and port: what a token is meant for (RFC 6454)."""
    url = httpx.URL(address)
    port = url.port or {"http": 80, "https": 443}.get(url.scheme)
    return f"{url.scheme}://{url.host}:{port}"


def _next_address(address: str, location: str) -> str:
    target = urljoin(address, location)
    if urlsplit(target).scheme not in ("http", "https"):
        raise SourceUnreachable(f"it redirects to {urlsplit(target).scheme}:, which is not followed")
    if urlsplit(address).scheme == "https" and urlsplit(target).scheme == "http":
        raise SourceUnreachable("it redirects from https to http, which is not followed")
    return target


def _refused(response: httpx.Response) -> SourceUnreachable:
    why = f"the server answered {response.status_code} {response.reason_phrase}".rstrip()
    return SourceUnreachable(why, retry_after=_retry_after(response.headers))


def _retry_after(headers: httpx.Headers) -> timedelta | None:
    """Seconds or a date (RFC 9110, section 10.2.3); the date counts from the server's own clock."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return timedelta(seconds=min(int(value), 10**9))
    try:
        return max(parsedate_to_datetime(value) - parsedate_to_datetime(headers["date"]), timedelta(0))
    except (KeyError, ValueError, TypeError):
        return None


async def _body(response: httpx.Response, max_bytes: int) -> bytes:
    """The whole answer as UTF-8 where the server names another charset that the document does not name itself."""
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > max_bytes:
            raise SourceUnreachable(f"the document is larger than {max_bytes / 1_000_000:.0f} MB")
    return _as_utf8(bytes(body), response.charset_encoding)


def _as_utf8(body: bytes, charset: str | None) -> bytes:
    if not charset or body.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)):
        return body
    if _DECLARED.search(body[:2048]):
        return body
    try:
        body.decode()
    except UnicodeDecodeError:
        try:
            return body.decode(charset).encode()
        except (LookupError, UnicodeDecodeError):
            return body
    return body


def _file_name(source: Source, content_type: str) -> str:
    """A name of letters, digits, dots and hyphens: the last part of the address, with an ending that tells the form."""
    last = _UNSAFE.sub("-", unquote(PurePosixPath(urlsplit(source.address).path).name)).strip("-.")
    name = last[:100] or source.name
    ending = _ENDINGS.get(content_type.partition(";")[0].strip().lower(), "")
    if ending and not _KNOWN_ENDING.search(name):
        name += ending
    return name


def _store(path: Path, body: bytes) -> bool:
    """Replace the file at once; False where it holds these bytes already."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.is_file() and path.read_bytes() == body:
        return False
    draft = draft_of(path)
    draft.write_bytes(body)
    draft.replace(path)
    return True


def _validators(headers: httpx.Headers) -> Validators:
    return Validators(etag=headers.get("etag", ""), last_modified=headers.get("last-modified", ""))
