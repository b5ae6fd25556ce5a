"""WebSub (W3C Recommendation, section 7): notifies a hub that feeds have changed; the hub then fetches them."""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx

from bot.domain.errors import TryLater, UsageError

_TIMEOUT = 10.0


async def ping(hub: str, topics: Sequence[str], *, private: bool) -> None:
    """Notify the hub that the feeds at these addresses have changed; call it once they can be fetched.

    Raises UsageError for a hub on this machine or in a private network unless `private` allows it, and TryLater where
    the hub cannot be reached or refuses.
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
    """True where the hub has addresses and all of them are on the public internet."""
    parts = urlsplit(hub)
    try:
        addresses = await asyncio.get_running_loop().getaddrinfo(
            parts.hostname, parts.port or 443, type=socket.SOCK_STREAM
        )
    except OSError as error:
        raise TryLater(f"the hub's name is not known: {error.strerror or error}") from error
    return bool(addresses) and all(ipaddress.ip_address(str(entry[4][0])).is_global for entry in addresses)
