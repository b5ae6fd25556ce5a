"""Web server: serves an application on a socket, inside the running event loop."""

import asyncio
import contextlib
import socket
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.domain.errors import UsageError
from bot.domain.site import is_loopback

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

_BACKLOG = 512
_GRACE_SECONDS = 5
_MAX_CONNECTIONS = 512


@dataclass(frozen=True, kw_only=True, slots=True)
class WebServer:
    """A running server; `address` is the `HOST:PORT` on which it listens."""

    address: str
    _server: "uvicorn.Server"
    _task: "asyncio.Task[None]"

    async def stop(self) -> None:
        """Finish open requests (for some seconds at most) and close the socket."""
        self._server.should_exit = True
        await self._task


async def serve(app: "ASGIApp", listen: str) -> WebServer:
    """Start a server at `HOST:PORT` (port 0: any free one); raises UsageError where that cannot be bound.

    It handles no signals, which belong to the owner of the loop, and logs no requests: their paths hold tokens.
    """
    import uvicorn

    from bot.adapters.web.protocol import HttpProtocol

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Generator[None, None, None]:
            yield

    listening = _listen(listen)
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        http=HttpProtocol,
        ws="none",
        limit_concurrency=_MAX_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    config.load()
    server = Server(config)
    host, port = listening.getsockname()[:2]
    task = asyncio.create_task(server.serve(sockets=[listening]), name="web server")
    return WebServer(
        address=f"[{host}]:{port}" if ":" in host else f"{host}:{port}", _server=server, _task=task
    )


def _listen(listen: str) -> socket.socket:
    """A socket that listens at `HOST:PORT`; raises UsageError."""
    try:
        parts = urlsplit(f"//{listen}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or port is None:
        raise UsageError(f"web.listen: {listen!r} is not HOST:PORT, as in 127.0.0.1:8080")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Without the protocol's number asyncio leaves Nagle's algorithm on, and small answers wait 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        if is_loopback(bound.getsockname()[0]):
            _disable_pacing(bound)
        bound.listen(_BACKLOG)
        bound.settimeout(0)
    except OSError as error:
        bound.close()
        raise UsageError(
            f"web.listen {listen}: {error.strerror or error}; set another address, or an empty one for no web server"
        ) from error
    return bound


def _disable_pacing(listening: socket.socket) -> None:
    """Use Reno congestion control for connections that never leave this machine.

    BBR paces by timers, from an estimate that a busy processor makes too low: a proxy on this machine then gets a large
    feed at a quarter of the rate.
    """
    if hasattr(socket, "TCP_CONGESTION"):  # Linux
        with contextlib.suppress(OSError):  # the kernel offers no Reno
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
