"""Webhook: the door by which Telegram brings updates to the web server; each is stored before it is confirmed."""

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from bot.adapters.telegram.updates import stored_update
from bot.domain.errors import PaperboyError
from bot.pipeline.ports import Clock, UpdateStore

log = logging.getLogger(__name__)

PATH = "/telegram/webhook"
_SECRET_HEADER = b"x-telegram-bot-api-secret-token"
_MOST_BYTES = 1_000_000
"""Of one update; Telegram's have a few kilobytes."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


def webhook_secret(token: str) -> str:
    """The secret that Telegram says with each update: derived from the bot's token, so that every machine knows it."""
    return hashlib.sha256(f"paperboy webhook\n{token}".encode()).hexdigest()


class WebhookDoor:
    """ASGI application around the web server's: takes updates at PATH, and hands everything else on.

    Whoever does not say the secret learns nothing; a state that cannot be written to is answered by 503, after which
    Telegram brings the update again.
    """

    def __init__(
        self,
        app: AsgiApp,
        secret: str,
        updates: UpdateStore,
        clock: Clock,
        arrived: Callable[[], object] = lambda: None,
    ) -> None:
        self._app = app
        self._secret = secret.encode()
        self._updates = updates
        self._clock = clock
        self._arrived = arrived

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._app(scope, receive, send)
            return
        status = await self._take(scope, receive)
        headers = [(b"content-length", b"0"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def _take(self, scope: Scope, receive: Receive) -> int:
        """Store the update of a request; gives the status of the answer."""
        secret = next((value for name, value in scope["headers"] if name == _SECRET_HEADER), b"")
        if not hmac.compare_digest(secret, self._secret):
            return 404
        if scope["method"] != "POST":
            return 405
        body = await _body(receive)
        if body is None:
            return 413
        try:
            update = stored_update(json.loads(body))
        except (ValueError, RecursionError):
            update = None
        if update is None:
            return 400
        try:
            await asyncio.to_thread(self._updates.keep_updates, [update], self._clock.now())
        except PaperboyError as error:
            log.warning("chat.update_not_stored", extra={"update": update.id, "error": str(error)})
            return 503
        self._arrived()
        return 200


async def _body(receive: Receive) -> bytes | None:
    """The request's body; None for one that is too large, or cut off."""
    body = bytearray()
    while True:
        part = await receive()
        if part["type"] != "http.request":
            return None
        body += part.get("body", b"")
        if len(body) > _MOST_BYTES:
            return None
        if not part.get("more_body"):
            return bytes(body)
