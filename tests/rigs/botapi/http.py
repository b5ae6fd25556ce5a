"""As much of an HTTP/1.1 server as a Bot API needs, which can also break off in the middle."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A status and a body; `dropped` closes the connection instead."""

    status: int = 200
    body: Any = None
    raw: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    dropped: bool = False


Handler = Callable[[str, dict[str, str]], Awaitable[Answer]]


class HttpServer:
    """Serves on a free loopback port and calls `handler` with the path and the parameters."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and every connection."""
        assert self._server is not None
        self._server.close()
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while await self._served(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False where the connection ends."""
        request_line = await reader.readline()
        if not request_line:
            return False
        target = request_line.split()[1].decode()
        headers = await _headers(reader)
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        parts = urlsplit(target)
        values = dict(parse_qsl(parts.query, keep_blank_values=True))
        values |= _values(body, headers.get("content-type", ""))
        answer = await self._handler(parts.path, values)
        if answer.dropped:
            return False
        writer.write(_written(answer))
        await writer.drain()
        return headers.get("connection", "").lower() != "close"


async def _headers(reader: asyncio.StreamReader) -> dict[str, str]:
    lines: list[bytes] = []
    while (line := await reader.readline()).strip():
        lines.append(line)
    found = BytesParser().parsebytes(b"".join(lines), headersonly=True)
    return {name.lower(): str(value) for name, value in found.items()}


def _values(body: bytes, content_type: str) -> dict[str, str]:
    if content_type.startswith("application/json"):
        given = json.loads(body or b"{}")
        return {name: value if isinstance(value, str) else json.dumps(value) for name, value in given.items()}
    if content_type.startswith("multipart/form-data"):
        return _parts(body, content_type)
    return dict(parse_qsl(body.decode(), keep_blank_values=True))


def _parts(body: bytes, content_type: str) -> dict[str, str]:
    """The fields of a form; a file as its name and text with a NUL between, under the field that refers to it."""
    whole = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    values: dict[str, str] = {}
    files: dict[str, str] = {}
    for part in whole.iter_parts():
        name = str(part.get_param("name", header="content-disposition"))
        text = part.get_payload(decode=True).decode()
        if (file_name := part.get_filename()) is not None:
            files[name] = f"{file_name}\0{text}"
        else:
            values[name] = text
    return files | {name: files.get(text.removeprefix("attach://"), text) for name, text in values.items()}


def _written(answer: Answer) -> bytes:
    body = answer.raw if answer.raw is not None else json.dumps(answer.body).encode()
    head = [
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in answer.headers),
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body
