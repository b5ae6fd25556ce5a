"""MIME messages (RFC 5322, RFC 2045–2047): ASCII bytes with CRLF line ends, deterministic."""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator
from email.header import Header
from functools import lru_cache

from bot.domain.mailbox import Mailbox

_HEADER_LINE = 76
_CACHED_HEADERS = 512
"""Most mails of a day have the same headers."""
_LONGEST_PLAIN_LINE = 200
_LONGEST_LINE = 998
"""RFC 5322 §2.1.1."""
_HTML_LINE = 180
_BASE64_LINE = 57
"""Bytes that make a line of 76 characters."""


@lru_cache(maxsize=_CACHED_HEADERS)
def header(name: str, text: str) -> str:
    """A header with free text: folded, and encoded where it is not ASCII."""
    return f"{name}: {_encoded(name, text)}"


@lru_cache(maxsize=_CACHED_HEADERS)
def mailbox_header(name: str, mailbox: Mailbox) -> str:
    """A header with one mailbox."""
    if not mailbox.name:
        return f"{name}: {mailbox.address}"
    shown_name = _encoded(name, mailbox.name) if not mailbox.name.isascii() else _quoted(mailbox.name)
    return f"{name}: {shown_name} <{mailbox.address}>"


def _encoded(name: str, text: str) -> str:
    charset = "us-ascii" if text.isascii() else "utf-8"
    folded = Header(_without_encoded_words(text), charset, header_name=name, maxlinelen=_HEADER_LINE)
    return folded.encode(linesep="\r\n")


def _quoted(name: str) -> str:
    escaped = _without_encoded_words(name).replace("\\", "\\\\").replace('"', '\\"')
    return escaped if all(part.isalnum() for part in name.split()) else f'"{escaped}"'


def _without_encoded_words(text: str) -> str:
    """The text without `=?`, which mail programs would take for the start of an encoded word (CVE-2024-6923)."""
    return text.replace("=?", "= ?")


def alternatives(headers: Iterable[str], *, text: str, html: str, name: str) -> bytes:
    """A multipart/alternative message, plain text first.

    `name` is unique to the message: the boundary is derived from it. The parts have line feeds as line ends.
    """
    boundary = "=_" + hashlib.sha256(name.encode()).hexdigest()[:32]
    lines = (
        *headers,
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"',
    )
    head = "\r\n".join(lines).encode("ascii")
    parts = (_part("plain", text), _part("html", _ascii_html(html)))
    delimiter = f"\r\n--{boundary}".encode()
    body = b"".join(delimiter + b"\r\n" + part for part in parts)
    return head + b"\r\n" + body + delimiter + b"--\r\n"


def _ascii_html(html: str) -> str:
    """The HTML in ASCII with short lines, so that it needs no transfer encoding; unchanged where most of it is not ASCII."""
    escaped = html.encode("ascii", "xmlcharrefreplace").decode("ascii")
    if len(escaped) * 3 > len(html.encode()) * 4:
        return html
    lines = [part for line in escaped.split("\n") for part in _wrapped(line)]
    return "\n".join(lines) if max(map(len, lines)) <= _LONGEST_LINE else html


def _wrapped(line: str) -> Iterator[str]:
    """The line of HTML, broken at blanks into parts of some 180 characters; a line feed there means the same."""
    at = 0
    while len(line) - at > _HTML_LINE:
        end = line.rfind(" ", at, at + _HTML_LINE)
        end = end if end > at else line.find(" ", at + _HTML_LINE)
        if end < 0:
            break
        yield line[at:end]
        at = end + 1
    yield line[at:]


def _part(subtype: str, text: str) -> bytes:
    encoding, body = _transfer(text, subtype)
    charset = "us-ascii" if text.isascii() else "utf-8"
    head = (
        f'Content-Type: text/{subtype}; charset="{charset}"\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n'
    )
    return head.encode("ascii") + body


def _transfer(text: str, subtype: str) -> tuple[str, bytes]:
    """(transfer encoding, body): 7bit for ASCII in short lines, else quoted-printable, or base64 if much shorter."""
    data = text.replace("\n", "\r\n").encode()
    longest = _LONGEST_LINE if subtype == "html" else _LONGEST_PLAIN_LINE
    if text.isascii() and max(map(len, text.split("\n"))) <= longest:
        return "7bit", data
    quoted = binascii.b2a_qp(data, istext=True)
    if len(quoted) * 2 < len(data) * 3:
        return "quoted-printable", quoted
    chunks = (data[at : at + _BASE64_LINE] for at in range(0, len(data), _BASE64_LINE))
    return "base64", b"\r\n".join(base64.b64encode(chunk) for chunk in chunks) + b"\r\n"
