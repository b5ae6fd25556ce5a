"""Circuit breaker: stops a channel after repeated failures and probes it with one message after a while.

working ──failed as a whole, or too many unknown outcomes──► stopped ──pause over: probe──► working
                                                                ▲────── probe failed ──────┘
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from bot.domain.channels import ChannelKind
from bot.domain.delivery import UNKNOWN_IN_A_ROW, channel_wait
from bot.domain.errors import ChannelDown, DeliveryError, OutcomeUnknown, TryLater
from bot.domain.incidents import TOPIC_GONE
from bot.domain.message import Receipt
from bot.pipeline.alarms import IncidentLog
from bot.pipeline.ports.outbox import Claim, IncidentStore, Stop
from bot.pipeline.rate_limiter import RateLimiter
from bot.pipeline.send import SendResult

log = logging.getLogger(__name__)

CHANNEL_PAUSE = timedelta(minutes=5)
"""Time until a probe of a channel whose service refuses us as a whole."""


class CircuitBreaker:
    """Circuit breaker of all channels: records the result of each send, and stops, probes and opens channels."""

    def __init__(
        self,
        *,
        store: IncidentStore,
        limiter: RateLimiter,
        incidents: IncidentLog,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._limiter = limiter
        self._incidents = incidents
        self._now = now
        self._probes: dict[ChannelKind, str] = {}
        self._in_topic: dict[str, bool] = {}
        """By target: whether its last message reached its topic."""
        self._unknown: Counter[ChannelKind] = Counter()

    async def stopped(self) -> Mapping[ChannelKind, Stop]:
        """The channels that are stopped, until when and why."""
        return await asyncio.to_thread(self._store.stopped_channels)

    def is_probed(self, kind: ChannelKind) -> bool:
        """True while a probe of the channel is under way."""
        return kind in self._probes

    def begin_probe(self, claim: Claim) -> None:
        """Make this claim the probe of its channel."""
        self._probes[claim.target.kind] = claim.message

    def is_probe(self, claim: Claim) -> bool:
        return self._probes.get(claim.target.kind) == claim.message

    async def record(self, result: SendResult) -> None:
        """Stop the channel where it failed as a whole; open it again where a probe went well."""
        claim = result.outcome.claim
        kind, probing = claim.target.kind, self.is_probe(claim)
        if probing:
            del self._probes[kind]
        self._unknown[kind] = self._unknown[kind] + 1 if result.unknown else 0
        await self._record_topic(claim, result.outcome.receipt)
        if result.trouble:
            await self._stop(kind, result.trouble)
        elif result.unknown and (probing or self._unknown[kind] >= UNKNOWN_IN_A_ROW):
            self._unknown[kind] = 0
            await self._stop(kind, OutcomeUnknown(result.outcome.error or "no answer"))
        elif result.answered and probing:
            await self._open(kind)

    async def _record_topic(self, claim: Claim, receipt: Receipt | None) -> None:
        """A topic that is gone is an incident until a message gets there again."""
        if receipt is None or (receipt.astray is None and "/" not in claim.target.address):
            return
        in_topic = receipt.astray is None
        if self._in_topic.get(claim.key) == in_topic:
            return
        if receipt.astray is None:
            await asyncio.to_thread(self._incidents.channel_works, claim.key, self._now())
        else:
            await asyncio.to_thread(
                self._incidents.channel_fails, claim.key, receipt.astray, self._now(), TOPIC_GONE
            )
        self._in_topic[claim.key] = in_topic

    async def _stop(self, kind: ChannelKind, error: DeliveryError) -> None:
        """Stop the channel for a while; one whose service refuses us as a whole is an incident."""
        now = self._now()
        wait = CHANNEL_PAUSE if isinstance(error, ChannelDown) else None
        if isinstance(error, TryLater):
            wait = error.wait
        if wait is None:
            stop = (await self.stopped()).get(kind)
            wait = channel_wait(now - stop.since if stop else timedelta(0))
        log.error("channel.stopped", extra={"channel": kind, "error": str(error), "until": now + wait})
        await asyncio.to_thread(self._store.stop_channel, kind, str(error), now + wait, now)
        self._limiter.block(kind, now + wait)
        if isinstance(error, ChannelDown):
            await asyncio.to_thread(self._incidents.channel_fails, kind, str(error), now)

    async def _open(self, kind: ChannelKind) -> None:
        log.info("channel.open", extra={"channel": kind})
        await asyncio.to_thread(self._store.open_channel, kind)
        await asyncio.to_thread(self._incidents.channel_works, kind, self._now())
