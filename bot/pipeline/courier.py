"""Handing a message to its publisher, in its turn."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from bot.domain.delivery import Receipt, Target
from bot.domain.errors import NotSent, OutcomeUnknown, StateError, TryLater
from bot.pipeline.pace import Pace, Turn
from bot.pipeline.ports import Outbox

GIVE_UP = timedelta(minutes=4)
"""No message is on its way for longer; less than the lease on it, so that its end is always written down."""

Send = Callable[[], Awaitable[Receipt]]


class Courier:
    """Waits for a message's turn and hands it over."""

    def __init__(self, *, pace: Pace, outbox: Outbox, now: Callable[[], datetime]) -> None:
        self._pace = pace
        self._outbox = outbox
        self._now = now

    async def hand_over(self, key: str, target: Target, send: Send, *, trying: bool) -> Receipt | datetime:
        """The service's receipt; a moment where it is not to be tried before: certainly nothing was sent.

        `key` is the place's name, `target` where it is now. Raises what `send` raises, and TryLater where the
        state cannot be asked. When it is cancelled before the publisher had the message, that is a moment
        too: only afterwards nobody knows.
        """
        begun = False
        try:
            await self._recall(key, target)
            async with self._pace.turn(target, trying=trying) as turn:
                if not isinstance(turn, Turn):
                    return turn
                begun = True
                return await _in_turn(turn, send)
        except StateError as error:
            if begun:
                raise
            raise TryLater(str(error)) from error
        except asyncio.CancelledError:
            if begun:
                raise
            return self._now()

    async def _recall(self, key: str, target: Target) -> None:
        """Tell the pace of what went to a busy place before we started."""
        if not self._pace.knows(target):
            since = self._pace.since(target)
            moments = await asyncio.to_thread(self._outbox.sends_since, key, since)
            self._pace.remember(target, moments)


async def _in_turn(turn: Turn, send: Send) -> Receipt:
    try:
        async with asyncio.timeout(GIVE_UP.total_seconds()) as patience:
            receipt = await send()
    except NotSent:
        turn.took(0)
        raise
    except TimeoutError as error:
        if not patience.expired():
            raise
        raise OutcomeUnknown(f"no end of it within {GIVE_UP}") from error
    turn.took(receipt.messages)
    return receipt
