"""The application on a socket, inside a running event loop."""

import asyncio
import contextlib
import socket
from collections.abc import Generator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.domain.errors import UsageError

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

_BACKLOG = 512
_GRACE_SECONDS = 5
_MAX_CONNECTIONS = 512


@dataclass(frozen=True, kw_only=True, slots=True)
class WebServer:
    """A server that answers until it is stopped; `address` is where it really listens."""

    address: str
    _server: "uvicorn.Server"
    _task: "asyncio.Task[None]"

    async def stop(self) -> None:
        """Finish what is in flight (for some seconds at most) and let go of the socket."""
        self._server.should_exit = True
        await self._task


async def serve(app: "ASGIApp", listen: str) -> WebServer:
    """The running server at `HOST:PORT` (port 0: a free one); raises UsageError where that cannot be had.

    Signals stay with whoever runs the loop, and requests are not logged: their paths hold tokens.
    """
    import uvicorn

    from bot.adapters.web.protocol import Protocol

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Generator[None, None, None]:
            yield

    bound = _bound(listen)
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        http=Protocol,
        ws="none",
        limit_concurrency=_MAX_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    config.load()
    server = Server(config)
    host, port = bound.getsockname()[:2]
    task = asyncio.create_task(server.serve(sockets=[bound]), name="web server")
    return WebServer(
        address=f"[{host}]:{port}" if ":" in host else f"{host}:{port}", _server=server, _task=task
    )


def _bound(listen: str) -> socket.socket:
    """A listening socket at that address."""
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
        if ip_address(bound.getsockname()[0]).is_loopback:
            _send_at_once(bound)
        bound.listen(_BACKLOG)
        bound.settimeout(0)
    except OSError as error:
        bound.close()
        raise UsageError(
            f"web.listen {listen}: {error.strerror or error}; set another address, or an empty one for no web server"
        ) from error
    return bound


def _send_at_once(listening: socket.socket) -> None:
    """Take the plainest congestion control for connections that never leave this machine.

    BBR paces what it sends by timers, after an estimate that a busy processor makes too low: a proxy beside us then
    gets a large feed at a quarter of the rate.
    """
    if hasattr(socket, "TCP_CONGESTION"):  # Linux
        with contextlib.suppress(OSError):  # a kernel that offers no other
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
