"""WebSub (W3C Recommendation, section 7): tells a hub that feeds have changed; the hub then fetches them."""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx

from bot.domain.errors import TryLater, UsageError

_TIMEOUT = 10.0


async def ping(hub: str, topics: Sequence[str], *, private: bool) -> None:
    """Tell the hub that the feeds at these addresses changed, once they can be fetched.

    Raises UsageError for a hub on this machine or in a private network where that is not allowed, and TryLater for one
    that does not take it.
    """
    if not private and not await _is_public(hub):
        raise UsageError("atom.hub is on this machine or in a private network; atom.hub_is_private allows it")
    form = {"hub.mode": "publish", "hub.url": list(topics)}
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT, follow_redirects=False, trust_env=False) as client:
            response = await client.post(hub, data=form)
    except httpx.HTTPError as error:
        raise TryLater(f"the hub does not answer: {type(error).__name__}") from error
    if not response.is_success:
        raise TryLater(f"the hub answers {response.status_code}")


async def _is_public(hub: str) -> bool:
    """False where any of the hub's addresses is not one of the public internet, or it has none."""
    parts = urlsplit(hub)
    try:
        addresses = await asyncio.get_running_loop().getaddrinfo(
            parts.hostname, parts.port or 443, type=socket.SOCK_STREAM
        )
    except OSError as error:
        raise TryLater(f"the hub's name is not known: {error.strerror or error}") from error
    return bool(addresses) and all(ipaddress.ip_address(str(entry[4][0])).is_global for entry in addresses)
