"""Webhook: the endpoint at which Telegram delivers updates to the web server; each is stored before it is confirmed."""

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
_MAX_BYTES = 1_000_000
"""Limit of an update; Telegram's have a few kilobytes."""

AsgiScope = MutableMapping[str, Any]
AsgiReceive = Callable[[], Awaitable[MutableMapping[str, Any]]]
AsgiSend = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[AsgiScope, AsgiReceive, AsgiSend], Awaitable[None]]


def webhook_secret(token: str) -> str:
    """The secret that Telegram sends with each update; derived from the bot's token, so that every machine knows it."""
    return hashlib.sha256(f"paperboy webhook\n{token}".encode()).hexdigest()


class WebhookEndpoint:
    """ASGI middleware around the web server: stores updates sent to PATH and passes on everything else.

    A request without the secret gets a 404. Where the state cannot be written the answer is 503, after which Telegram
    sends the update again.
    """

    def __init__(
        self,
        app: AsgiApp,
        secret: str,
        updates: UpdateStore,
        clock: Clock,
        on_update: Callable[[], object] = lambda: None,
    ) -> None:
        self._app = app
        self._secret = secret.encode()
        self._updates = updates
        self._clock = clock
        self._on_update = on_update

    async def __call__(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._app(scope, receive, send)
            return
        status = await self._store(scope, receive)
        headers = [(b"content-length", b"0"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def _store(self, scope: AsgiScope, receive: AsgiReceive) -> int:
        """Store the update of a request; gives the response's status."""
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
        self._on_update()
        return 200


async def _body(receive: AsgiReceive) -> bytes | None:
    """The request's body; None where it is too large or incomplete."""
    body = bytearray()
    while True:
        part = await receive()
        if part["type"] != "http.request":
            return None
        body += part.get("body", b"")
        if len(body) > _MAX_BYTES:
            return None
        if not part.get("more_body"):
            return bytes(body)
