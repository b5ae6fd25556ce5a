"""`init --telegram`: wait for somebody to say /start to the bot, to learn the chat's id."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from bot.domain.errors import DeliveryError, TryLater, UsageError

_POLL = timedelta(seconds=25)
_PATIENCE = timedelta(minutes=5)


def wait_for_start(token: str, *, say: Callable[[str], object], api_url: str | None = None) -> int:
    """The id of the first chat that says /start; UsageError for a refused token or after five minutes.

    The update is not confirmed, so that `run` answers it later.
    """
    return asyncio.run(_wait(token, say, api_url))


async def _wait(token: str, say: Callable[[str], object], api_url: str | None) -> int:
    from bot.adapters.telegram.client import DEFAULT_API_URL, BotClient

    client = BotClient(token, api_url=api_url or DEFAULT_API_URL)
    try:
        async with asyncio.timeout(_PATIENCE.total_seconds()):
            say(
                f"Say /start to https://t.me/{await client.username()} (waiting up to five minutes; Ctrl-C ends it)"
            )
            while True:
                for update in await _updates(client):
                    chat = _started(update)
                    if chat is not None:
                        return chat
                await asyncio.sleep(1)
    except TimeoutError as error:
        raise UsageError("nobody said /start to the bot; try again, or use `paperboy init` alone") from error
    except DeliveryError as error:
        raise UsageError(f"{error}; `paperboy init` alone asks no bot") from error
    finally:
        await client.close()


async def _updates(client: Any) -> tuple[Mapping[str, Any], ...]:
    try:
        found: tuple[Mapping[str, Any], ...] = await client.updates(
            offset=None, wait=_POLL, kinds=["message"]
        )
    except TryLater:
        return ()
    return found


def _started(update: Mapping[str, Any]) -> int | None:
    message = update.get("message") or {}
    words = str(message.get("text", "")).split()
    if not words or words[0].partition("@")[0] != "/start":
        return None
    return int(message["chat"]["id"])
