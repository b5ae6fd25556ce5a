"""Updates as the service queues them: confirmed by asking for what follows, one asker at a time."""

import asyncio
import itertools
from typing import Any

from tests.rigs.botapi.errors import ApiError

_CONFLICT = (
    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
)
_BY_DEFAULT = frozenset(
    {"message", "channel_post", "callback_query", "inline_query", "my_chat_member", "poll", "poll_answer"}
)
_BATCH = 100


class UpdateQueue:
    """Waiting updates, oldest first."""

    def __init__(self, first: int = 900_000_001) -> None:
        self._ids = itertools.count(first)
        self._asking: asyncio.Event | None = None
        self._asker = 0
        self.waiting: list[dict[str, Any]] = []
        self.confirmed: list[int] = []
        self.allowed: frozenset[str] = _BY_DEFAULT
        self.loop: asyncio.AbstractEventLoop | None = None

    def add(self, kind: str, body: dict[str, Any]) -> int | None:
        """Queue one, from any thread; None where nobody asked for its kind."""
        if kind not in self.allowed:
            return None
        number = next(self._ids)
        self.waiting.append({"update_id": number, kind: body})
        self._wake()
        return number

    def restart_numbers(self, first: int) -> None:
        """What the service does after a week without updates."""
        self._ids = itertools.count(first)

    async def ask(
        self, offset: int | None, timeout: float, allowed: list[str] | None
    ) -> list[dict[str, Any]]:
        """Up to 100 updates from `offset` on, waiting for the first; whoever asked before is sent away."""
        if allowed is not None:
            self.allowed = frozenset(allowed) or _BY_DEFAULT
        self._confirm_before(offset)
        self._asker += 1
        me = self._asker
        self._wake()
        self._asking = asyncio.Event()
        deadline = asyncio.get_running_loop().time() + timeout
        while not self.waiting:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                return []
            asking = self._asking
            try:
                await asyncio.wait_for(asking.wait(), left)
            except TimeoutError:
                return []
            if self._asker != me:
                raise ApiError(409, _CONFLICT)
            self._asking = asyncio.Event()
        return self.waiting[:_BATCH]

    def _confirm_before(self, offset: int | None) -> None:
        if offset is None or (self.waiting and offset > self.waiting[-1]["update_id"] + 1):
            return  # an offset from before the numbers began anew confirms nothing
        done = [update for update in self.waiting if update["update_id"] < offset]
        self.confirmed += [entry["update_id"] for entry in done]
        self.waiting = self.waiting[len(done) :]

    def _wake(self) -> None:
        if self._asking is not None and self.loop is not None and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._asking.set)
