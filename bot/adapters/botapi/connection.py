"""The connection to the Bot API: python-telegram-bot without its pace, its polling, its retries and its reading.

The token stays in here: it is part of every URL, so the loggers that would write URLs are silenced, and no
error's text or chain carries it.
"""

import logging
import os
from collections.abc import Awaitable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from bot.adapters.botapi.outcomes import translated

if TYPE_CHECKING:
    from telegram import Bot
    from telegram.request import HTTPXRequest

_result: ContextVar[object] = ContextVar("_result", default=None)
"""What the service answered in this task, as it came."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeouts:
    """How long each step of a call may take; the answer gets long, because losing it leaves us not knowing."""

    connect: timedelta = timedelta(seconds=10)
    read: timedelta = timedelta(seconds=30)
    write: timedelta = timedelta(seconds=30)
    pool: timedelta = timedelta(seconds=30)


class Connection:
    """One bot's connections: one for the long poll, `connections` for the rest. The library is loaded by the first call."""

    def __init__(self, token: str, api_url: str, timeouts: Timeouts, connections: int) -> None:
        self._token = token
        self._api_url = api_url.rstrip("/")
        self._timeouts = timeouts
        self._connections = connections
        for noisy in ("httpx", "httpcore", "telegram"):
            logging.getLogger(noisy).setLevel(logging.WARNING)

    def __repr__(self) -> str:
        return f"Connection({self._api_url})"

    @cached_property
    def bot(self) -> "Bot":
        """The library's bot: its methods make the calls that `call` awaits."""
        os.environ.setdefault(
            "PTB_TIMEDELTA", "1"
        )  # the library's switch to timedelta; else it warns at each use
        from telegram import Bot

        poll, others = self._requests
        return Bot(self._token, base_url=f"{self._api_url}/bot", get_updates_request=poll, request=others)

    async def close(self) -> None:
        """Let go of every connection."""
        for request in self.__dict__.get("_requests", ()):
            await request.shutdown()

    async def call(self, answer: Awaitable[object]) -> object:
        """What the service answered, raw; raises DeliveryErrors only."""
        from telegram.error import TelegramError

        _result.set(None)
        failed: Exception
        try:
            await answer
        except TelegramError as error:
            failed = error
        else:
            return _result.get()
        ours = translated(failed, secret=self._token)
        if any(self._token in str(cause) for cause in (failed, *_chain(failed))):
            raise ours from None
        raise ours from failed

    async def ask(
        self, method: str, asked: Mapping[str, object], *, wait: timedelta = timedelta(0)
    ) -> object:
        """The raw answer to a question that changes nothing, which may take `wait` longer than others."""
        poll, others = self._requests
        request = poll if method == "getUpdates" else others
        url = f"{self.bot.base_url}/{method}?{urlencode(asked)}"
        patience = (wait + self._timeouts.read).total_seconds()
        return await self.call(request.post(url, read_timeout=patience))

    @cached_property
    def _requests(self) -> "tuple[HTTPXRequest, HTTPXRequest]":
        return (self._request(1), self._request(self._connections))

    def _request(self, connections: int) -> "HTTPXRequest":
        return _request_class()(
            connection_pool_size=connections,
            connect_timeout=self._timeouts.connect.total_seconds(),
            read_timeout=self._timeouts.read.total_seconds(),
            write_timeout=self._timeouts.write.total_seconds(),
            pool_timeout=self._timeouts.pool.total_seconds(),
        )


@lru_cache(maxsize=1)
def _request_class() -> "type[HTTPXRequest]":
    """The library's own transport, except that answers are kept as they came instead of being read.

    The library's reading fails where the server is older than the library, a self-hosted one say, and then a
    message that went out would count as one of which nobody knows.
    """
    from telegram.error import TelegramError
    from telegram.request import HTTPXRequest

    class KeepingRequest(HTTPXRequest):
        @staticmethod
        def parse_json_payload(payload: bytes) -> dict[str, Any]:
            answer: object = HTTPXRequest.parse_json_payload(payload)
            if not isinstance(answer, dict):
                raise TelegramError("Invalid server response")
            if answer.get("ok") is not True:
                return {"result": None, **answer}
            _result.set(answer.get("result"))
            return {"ok": True, "result": True}

    return KeepingRequest


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    cause = error.__cause__ or error.__context__
    while cause is not None and cause not in found:
        found.append(cause)
        cause = cause.__cause__ or cause.__context__
    return found
