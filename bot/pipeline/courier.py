"""Handing a packed message to its publisher, in its turn."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

from bot.domain.delivery import Parcel, Receipt
from bot.domain.errors import NotSent, StateError, TryLater
from bot.domain.subscriptions import ChannelKind
from bot.pipeline.pace import Pace, Turn
from bot.pipeline.ports import Claim, Outbox, Publisher


class Courier:
    """Waits for a message's turn and hands it over."""

    def __init__(
        self,
        *,
        publishers: Mapping[ChannelKind, Publisher],
        pace: Pace,
        outbox: Outbox,
        now: Callable[[], datetime],
    ) -> None:
        self._publishers = publishers
        self._pace = pace
        self._outbox = outbox
        self._now = now

    async def hand_over(self, claim: Claim, parcel: Parcel, *, trying: bool) -> Receipt | datetime:
        """The service's receipt; a moment where it is not to be tried before: certainly nothing was sent.

        Raises what the publisher raises, and TryLater where the state cannot be asked. When it is cancelled
        before the publisher had the message, that is a moment too: only afterwards nobody knows.
        """
        begun = False
        try:
            await self._recall(claim)
            async with self._pace.turn(claim.target, trying=trying) as turn:
                if not isinstance(turn, Turn):
                    return turn
                begun = True
                return await self._in_turn(turn, parcel)
        except StateError as error:
            raise TryLater(str(error)) from error
        except asyncio.CancelledError:
            if begun:
                raise
            return self._now()

    async def _in_turn(self, turn: Turn, parcel: Parcel) -> Receipt:
        try:
            receipt = await self._publishers[parcel.target.kind].send(parcel)
        except NotSent:
            turn.took(0)
            raise
        turn.took(receipt.messages)
        return receipt

    async def _recall(self, claim: Claim) -> None:
        """Tell the pace of what went to a busy place before we started."""
        if not self._pace.knows(claim.target):
            since = self._pace.since(claim.target)
            moments = await asyncio.to_thread(self._outbox.sends_since, claim.key, since)
            self._pace.remember(claim.target, moments)
