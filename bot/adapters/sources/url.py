"""URLs as sources: one document, requested conditionally and stored as one file."""

import asyncio
import codecs
import hashlib
import json
import re
import socket
import ssl
from dataclasses import asdict, dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urljoin, urlsplit

import httpx

from bot.adapters.atomic_file import write
from bot.adapters.proxies import network_fault
from bot.domain.errors import SourceUnreachable
from bot.domain.sources import Source

TIMEOUT = 30.0
"""Seconds to connect, and between two chunks of a response."""
_DEADLINE = 300.0
"""Seconds for the whole response, so that a server cannot send for ever."""
_MAX_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_ACCEPT = "application/atom+xml, application/rss+xml, application/feed+json, application/json, text/*;q=0.9, */*;q=0.5"
_AGENT = "paperboy (feed aggregator for digests of papers)"
_COPY_FILE = ".copy.json"
"""A hidden file, which the watcher skips."""
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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Copy:
    """The document in the folder, with the validators of its server for conditional requests (RFC 9110, section 8.8).

    Stored beside the document rather than in the database: a machine without the document requests it in full.
    """

    address: str
    name: str
    sha256: str
    etag: str = ""
    last_modified: str = ""


async def fetch_url(source: Source, folder: Path, max_bytes: int, *, deadline: float = _DEADLINE) -> bool:
    """Request the document and store it as the only file of the folder; False where nothing changed.

    Follows at most five redirects, to http and https only; `source.headers` are sent to the first origin alone.
    `max_bytes` limits the decompressed size. Raises SourceUnreachable, and OSError for the folder.
    """
    if fault := network_fault():
        raise SourceUnreachable(fault)
    try:
        async with asyncio.timeout(deadline), httpx.AsyncClient(timeout=TIMEOUT) as client:
            return await _fetch(client, source, folder, max_bytes)
    except TimeoutError:
        raise SourceUnreachable(f"no complete response within {deadline:.0f} seconds") from None
    except (httpx.InvalidURL, httpx.HTTPError) as error:
        raise SourceUnreachable(_in_plain_words(error)) from None


async def _fetch(client: httpx.AsyncClient, source: Source, folder: Path, max_bytes: int) -> bool:
    copy = await asyncio.to_thread(_stored_copy, folder, source.address)
    headers = {"Accept": _ACCEPT, "User-Agent": _AGENT}
    if copy and copy.etag:
        headers["If-None-Match"] = copy.etag
    if copy and copy.last_modified:
        headers["If-Modified-Since"] = copy.last_modified
    address = source.address
    for _ in range(_MAX_REDIRECTS + 1):
        private_headers = source.headers if _origin(address) == _origin(source.address) else {}
        async with client.stream("GET", address, headers={**headers, **private_headers}) as response:
            if response.status_code in _REDIRECTS and "location" in response.headers:
                address = _next_address(address, response.headers["location"])
            elif response.status_code == httpx.codes.NOT_MODIFIED and copy:
                return False
            elif response.status_code != httpx.codes.OK:
                reply = f"{response.status_code} {response.reason_phrase}".rstrip()
                raise SourceUnreachable(
                    f"the server answered {reply}", retry_after=_retry_after(response.headers)
                )
            else:
                body = await _body(response, max_bytes)
                new_copy = _copy(source, body, response.headers)
                return await asyncio.to_thread(_store, folder, new_copy, body)
    raise SourceUnreachable(f"more than {_MAX_REDIRECTS} redirects, the last to {_origin(address)}")


def _in_plain_words(error: Exception) -> str:
    """The failure without library jargon, judged by its root cause."""
    cause: BaseException = error
    while inner := cause.__cause__ or cause.__context__:
        cause = inner
    match cause, error:
        case ssl.SSLCertVerificationError(), _:
            return f"its TLS certificate cannot be trusted: {cause.verify_message}"
        case socket.gaierror(), _:
            return "the host of this address is not known; see `url:`, or there is no network"
        case OSError(), _ if cause.strerror:
            return f"the server cannot be reached: {cause.strerror.lower()}"
        case _, httpx.TimeoutException():
            return f"the server was silent for {TIMEOUT:.0f} seconds"
        case _, httpx.DecodingError():
            return "the answer is damaged: it cannot be unpacked"
    return str(error) or type(error).__name__


def _origin(address: str) -> str:
    """Scheme, host and port (RFC 6454): credentials go no further."""
    url = httpx.URL(address)
    port = url.port or {"http": 80, "https": 443}.get(url.scheme)
    return f"{url.scheme}://{url.host}:{port}"


def _next_address(address: str, location: str) -> str:
    try:
        target = urljoin(address, location)
        scheme = urlsplit(target).scheme
    except ValueError:
        raise SourceUnreachable("it redirects to an invalid address, which is not followed") from None
    if scheme not in ("http", "https"):
        raise SourceUnreachable(f"it redirects to {scheme}:, which is not followed")
    if scheme == "http" and urlsplit(address).scheme == "https":
        raise SourceUnreachable("it redirects from https to http, which is not followed")
    return target


def _retry_after(headers: httpx.Headers) -> timedelta | None:
    """Retry-After as seconds or a date (RFC 9110, section 10.2.3); a date is relative to the server's clock."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return timedelta(seconds=min(int(value), 10**9))
    try:
        return max(parsedate_to_datetime(value) - parsedate_to_datetime(headers["date"]), timedelta(0))
    except (KeyError, ValueError, TypeError):
        return None


async def _body(response: httpx.Response, max_bytes: int) -> bytes:
    """The whole body, decompressed; converted to UTF-8 where only the server names another charset."""
    encodings = {part.strip() for part in response.headers.get("content-encoding", "").lower().split(",")}
    accepted = response.request.headers["accept-encoding"].split(", ")
    if unknown := encodings - {"", "identity", "x-gzip", *accepted}:
        raise SourceUnreachable(f"the response is compressed with {min(unknown)}, which was not asked for")
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > max_bytes:
            raise SourceUnreachable(
                f"the document is larger than {max_bytes / 1e6:g} MB; see watch.max_file_mb"
            )
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
    """File name of letters, digits, dots and hyphens: the last part of the address, with an ending for its type."""
    last = _UNSAFE.sub("-", unquote(PurePosixPath(urlsplit(source.address).path).name)).strip("-.")
    name = last[:100] or source.name
    ending = _ENDINGS.get(content_type.partition(";")[0].strip().lower(), "")
    if ending and not _KNOWN_ENDING.search(name):
        name += ending
    return name


def _copy(source: Source, body: bytes, headers: httpx.Headers) -> _Copy:
    return _Copy(
        address=source.address,
        name=_file_name(source, headers.get("content-type", "")),
        sha256=hashlib.sha256(body).hexdigest(),
        etag=headers.get("etag", ""),
        last_modified=headers.get("last-modified", ""),
    )


def _stored_copy(folder: Path, address: str) -> _Copy | None:
    """The copy of this address in the folder; None where there is none or it is damaged."""
    try:
        copy = _Copy(**json.loads((folder / _COPY_FILE).read_bytes()))
        is_intact = hashlib.sha256((folder / copy.name).read_bytes()).hexdigest() == copy.sha256
    except (OSError, ValueError, TypeError):
        return None
    return copy if is_intact and copy.address == address else None


def _store(folder: Path, copy: _Copy, body: bytes) -> bool:
    """Replace the document and remove other files; False where it was there already, under the same name.

    `_COPY_FILE` is written last: a process killed before that requests the whole document again.
    """
    before = _stored_copy(folder, copy.address)
    changed = before is None or (before.name, before.sha256) != (copy.name, copy.sha256)
    if changed:
        write(folder / copy.name, body)
    if copy != before:
        write(folder / _COPY_FILE, json.dumps(asdict(copy)).encode())
    for path in folder.iterdir():
        if path.name not in (copy.name, _COPY_FILE) and path.is_file():
            path.unlink()
    return changed
