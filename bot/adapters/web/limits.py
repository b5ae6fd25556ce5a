"""Limits on forms: how often one client may send them, and from where."""

import hmac
import ipaddress
from collections import OrderedDict
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request

_CLIENTS = 10_000


class FormLimit:
    """A bucket of `burst` forms for each client, refilled by `per_second`; the least seen clients are forgotten."""

    def __init__(self, *, burst: int = 20, per_second: float = 0.2) -> None:
        self._burst = float(burst)
        self._per_second = per_second
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, now: float) -> None:
        """Take one; HTTP 429 where none is left. `now` is in seconds, of any clock that never goes back."""
        left, at = self._buckets.pop(client, (self._burst, now))
        left = min(left + (now - at) * self._per_second, self._burst)
        self._buckets[client] = (left - 1, now) if left >= 1 else (left, now)
        if len(self._buckets) > _CLIENTS:
            self._buckets.popitem(last=False)
        if left < 1:
            raise HTTPException(429, headers={"Retry-After": str(int((1 - left) / self._per_second) + 1)})


def client_of(request: Request) -> str:
    """The client's address; behind a proxy on this machine or network the one that the proxy names last.

    Of IPv6 the network of 64 bits, which one client has whole.
    """
    peer = request.client.host if request.client else ""
    forwarded = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    if forwarded and _is_near(peer):
        peer = forwarded
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def refuse_foreign(request: Request, site_url: str) -> None:
    """HTTP 403 for a form that another site sent: the browser says so, or the form's origin is another one."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise HTTPException(403)
    origin = request.headers.get("origin")
    if origin in {None, "null"}:  # browsers send `null` where the page asks for no referrer
        return
    ours = {request.headers.get("host", ""), urlsplit(site_url).netloc}
    if urlsplit(origin or "").netloc not in ours:
        raise HTTPException(403)


def form_key(token: str) -> str:
    """The key that a form of this capability carries: only who can read the page can send its form."""
    return hmac.digest(token.encode(), b"paperboy form", "sha256").hex()[:32]


def refuse_keyless(form: dict[str, str], token: str) -> None:
    """HTTP 403 for a form without its key."""
    if not hmac.compare_digest(form.get("key", "").encode(), form_key(token).encode()):
        raise HTTPException(403)


def _is_near(peer: str) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    return address.is_loopback or address.is_private
