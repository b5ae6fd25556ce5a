"""Channels that fail as a whole: stopped, tried by one message after a while, open again when that went well."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

from bot.domain.alarms import TOPIC_GONE
from bot.domain.delivery import UNKNOWN_IN_A_ROW, Receipt, channel_rest
from bot.domain.errors import ChannelDown, DeliveryError, OutcomeUnknown, TryLater
from bot.domain.subscriptions import ChannelKind
from bot.pipeline.alarms import AlarmDesk
from bot.pipeline.endings import Landed
from bot.pipeline.pace import Pace
from bot.pipeline.ports import Claim, Outbox, Stop

log = logging.getLogger(__name__)

CHANNEL_REST = timedelta(minutes=5)
"""How long a channel that refuses us as a whole is left alone before one message tries it again."""


class ChannelStops:
    """Knows which channels are stopped, and what each send says of its channel."""

    def __init__(self, *, outbox: Outbox, pace: Pace, alarms: AlarmDesk, now: Callable[[], datetime]) -> None:
        self._outbox = outbox
        self._pace = pace
        self._alarms = alarms
        self._now = now
        self._tries: dict[ChannelKind, str] = {}
        self._topics: dict[str, bool] = {}
        self._unknown: Counter[ChannelKind] = Counter()

    async def stopped(self) -> Mapping[ChannelKind, Stop]:
        """The channels that are stopped, until when and why."""
        return await asyncio.to_thread(self._outbox.stopped_channels)

    def under_trial(self, kind: ChannelKind) -> bool:
        """True while a message finds out whether the channel works again."""
        return kind in self._tries

    def begin_trial(self, claim: Claim) -> None:
        """This claim finds out whether its channel works again."""
        self._tries[claim.target.kind] = claim.batch

    def is_trial(self, claim: Claim) -> bool:
        return self._tries.get(claim.target.kind) == claim.batch

    async def mind(self, landed: Landed) -> None:
        """Stop the channel where it failed as a whole; open it again where a try went well."""
        claim = landed.outcome.claim
        kind, trying = claim.target.kind, self.is_trial(claim)
        if trying:
            del self._tries[kind]
        self._unknown[kind] = self._unknown[kind] + 1 if landed.unknown else 0
        await self._mind_topic(claim, landed.outcome.receipt)
        if landed.trouble:
            await self.rest(kind, landed.trouble)
        elif landed.unknown and (trying or self._unknown[kind] >= UNKNOWN_IN_A_ROW):
            self._unknown[kind] = 0
            await self.rest(kind, OutcomeUnknown(landed.outcome.error or "no answer"))
        elif landed.answered and trying:
            await self.open(kind)

    async def _mind_topic(self, claim: Claim, receipt: Receipt | None) -> None:
        """That a topic is gone is an incident until a message gets there again."""
        if receipt is None or (receipt.astray is None and "/" not in claim.target.address):
            return
        is_there = receipt.astray is None
        if self._topics.get(claim.key) == is_there:
            return
        if receipt.astray is None:
            await asyncio.to_thread(self._alarms.channel_works, claim.key, self._now())
        else:
            note = partial(self._alarms.channel_fails, kind=TOPIC_GONE)
            await asyncio.to_thread(note, claim.key, receipt.astray, self._now())
        self._topics[claim.key] = is_there

    async def rest(self, kind: ChannelKind, error: DeliveryError) -> datetime:
        """Leave the channel alone until the moment that is given; that it refuses us is an incident."""
        now = self._now()
        wait = CHANNEL_REST if isinstance(error, ChannelDown) else None
        if isinstance(error, TryLater):
            wait = error.wait
        if wait is None:
            stop = (await self.stopped()).get(kind)
            wait = channel_rest(now - stop.since if stop else timedelta(0))
        log.error("channel.stopped", extra={"channel": kind, "error": str(error), "until": now + wait})
        await asyncio.to_thread(self._outbox.stop_channel, kind, str(error), now + wait, now)
        self._pace.halt(kind, now + wait)
        if isinstance(error, ChannelDown):
            await asyncio.to_thread(self._alarms.channel_fails, kind, str(error), now)
        return now + wait

    async def open(self, kind: ChannelKind) -> None:
        """The channel works again."""
        log.info("channel.open", extra={"channel": kind})
        await asyncio.to_thread(self._outbox.open_channel, kind)
        await asyncio.to_thread(self._alarms.channel_works, kind, self._now())
