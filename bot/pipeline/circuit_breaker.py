"""Circuit breaker: stops a channel after repeated failures and probes it with one message after a while.

    working ──failed as a whole, several targets refused in a row,──► stopped ──any success──► working
              or too many unknown outcomes                              ▲  └─pause over: probe─┐
                                                                        └──── probe failed ────┘

A single refused target does not stop the channel: it waits and is suspended in the end, while the others go on.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from bot.domain.channels import ChannelKind
from bot.domain.delivery import channel_wait
from bot.domain.errors import ChannelDown, DeliveryError, OutcomeUnknown, TryLater
from bot.domain.incidents import NO_POLLS, REFUSED, STOPPED, TOPIC_GONE
from bot.domain.message import Receipt
from bot.pipeline.incidents import IncidentLog
from bot.pipeline.ports.incidents import IncidentStore, Stop
from bot.pipeline.ports.outbox import Claim
from bot.pipeline.rate_limiter import RateLimiter
from bot.pipeline.send import CHANNEL_PAUSE, SendResult

log = logging.getLogger(__name__)

UNKNOWN_IN_A_ROW = 5
"""Consecutive unknown outcomes after which the channel is stopped for a while."""
REFUSED_IN_A_ROW = 5
"""Different targets refused without an accepted message in between after which the channel is taken to be at fault."""
_POLL_RETRY_INTERVAL = timedelta(hours=6)
"""Interval at which one poll is tried in a chat that forbids them."""
NO_POLLS_THERE = "polls are not allowed in this chat"
_LONG_STOP = timedelta(hours=1)
"""A stop of this length or more is an incident, also where the service asked for the wait."""


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
        """Whether the last message to each target reached its topic."""
        self._unknown: Counter[ChannelKind] = Counter()
        self._refused: dict[ChannelKind, set[str]] = {}
        """Targets of each channel that were refused since it last accepted a message."""
        self._as_of: int | None = None
        """`IncidentLog.changes` when the incidents were last read."""
        self._suspended: set[str] = set()
        """Targets with an open incident of being refused."""
        self._without_polls: dict[str, datetime] = {}
        """Targets that forbid polls, and when one is tried again."""
        self._stopped: dict[ChannelKind, bool] = {}
        """The channels known to be stopped, and whether the success of a send in flight lifts the stop."""

    async def stopped(self) -> Mapping[ChannelKind, Stop]:
        """The stopped channels, with their stops."""
        await self._load()
        stopped = await asyncio.to_thread(self._store.stopped_channels)
        self._stopped = {kind: self._stopped.get(kind, True) for kind in stopped}
        return stopped

    def forget(self) -> None:
        """Read the incidents anew when next needed: another process may have changed them."""
        self._as_of = None

    async def _load(self) -> None:
        """Read which targets are in trouble, unless nothing changed since they were read."""
        if self._as_of == self._incidents.changes:
            return
        self._as_of = self._incidents.changes
        incidents = await asyncio.to_thread(self._store.open_incidents)
        self._suspended = {incident.subject for incident in incidents if incident.kind == REFUSED}
        self._without_polls = {
            incident.subject: self._without_polls.get(incident.subject, self._now())
            for incident in incidents
            if incident.kind == NO_POLLS
        }

    def forbidden(self, claim: Claim) -> str | None:
        """Why the claim's target takes no messages of its kind; None where it does, or where it is time to try."""
        again_at = self._without_polls.get(claim.target_key) if claim.kind == "quiz" else None
        return NO_POLLS_THERE if again_at is not None and self._now() < again_at else None

    def is_probed(self, kind: ChannelKind) -> bool:
        """True while a probe of the channel is under way."""
        return kind in self._probes

    def begin_probe(self, claim: Claim) -> None:
        """Make this claim the probe of its channel."""
        self._probes[claim.target.kind] = claim.message

    def is_probe(self, claim: Claim) -> bool:
        return self._probes.get(claim.target.kind) == claim.message

    async def record(self, result: SendResult) -> None:
        """Apply a result: stop the channel where it failed as a whole, open it where a probe succeeded."""
        claim = result.outcome.claim
        kind, probing = claim.target.kind, self.is_probe(claim)
        if probing:
            del self._probes[kind]
        self._unknown[kind] = self._unknown[kind] + 1 if result.unknown else 0
        await self._record_topic(claim, result.outcome.receipt)
        await self._record_suspension(result)
        await self._record_polls(result)
        trouble = result.trouble or self._trouble_of_refusals(result)
        went_out = result.outcome.state == "sent"
        if trouble:
            await self._stop(kind, trouble)
        elif result.unknown and (probing or self._unknown[kind] >= UNKNOWN_IN_A_ROW):
            self._unknown[kind] = 0
            await self._stop(kind, OutcomeUnknown(result.outcome.error or "no answer"))
        elif (result.answered and probing) or (went_out and self._stopped.get(kind)):
            await self._open(kind)

    def _trouble_of_refusals(self, result: SendResult) -> ChannelDown | None:
        """Trouble of the channel where several targets in a row were refused, or one while the channel is stopped."""
        claim = result.outcome.claim
        kind, error = claim.target.kind, result.outcome.error
        refused = self._refused.setdefault(kind, set())
        if result.outcome.state == "sent":
            refused.clear()
        if not result.refused:
            return None
        refused.add(claim.target_key)
        if len(refused) >= REFUSED_IN_A_ROW:
            return ChannelDown(f"{len(refused)} targets in a row were refused, the last one with: {error}")
        return ChannelDown(str(error)) if kind in self._stopped else None

    async def _record_suspension(self, result: SendResult) -> None:
        """Report a target that is suspended after refusals; resolve that once a message arrives there."""
        outcome, key = result.outcome, result.outcome.claim.target_key
        await self._load()
        if result.refused and outcome.suspend:
            await asyncio.to_thread(self._incidents.report, key, outcome.suspend, self._now(), REFUSED)
            self._suspended.add(key)
        elif outcome.state == "sent" and key in self._suspended:
            await asyncio.to_thread(self._incidents.resolve, key, self._now(), REFUSED)
            self._suspended.discard(key)

    async def _record_polls(self, result: SendResult) -> None:
        """Report a chat that forbids polls; resolve that once a poll arrives there."""
        outcome, key = result.outcome, result.outcome.claim.target_key
        if result.forbidden:
            why = outcome.error or NO_POLLS_THERE
            await asyncio.to_thread(self._incidents.report, key, why, self._now(), NO_POLLS)
            self._without_polls[key] = self._now() + _POLL_RETRY_INTERVAL
        elif outcome.claim.kind == "quiz" and outcome.state == "sent" and key in self._without_polls:
            await asyncio.to_thread(self._incidents.resolve, key, self._now(), NO_POLLS)
            self._without_polls.pop(key, None)

    async def _record_topic(self, claim: Claim, receipt: Receipt | None) -> None:
        """Report a topic that is gone; resolve that once a message arrives there."""
        if receipt is None or not (receipt.in_topic or receipt.lost_topic):
            return
        if self._in_topic.get(claim.target_key) == receipt.in_topic:
            return
        if receipt.lost_topic is None:
            await asyncio.to_thread(self._incidents.resolve, claim.target_key, self._now(), TOPIC_GONE)
        else:
            await asyncio.to_thread(
                self._incidents.report, claim.target_key, receipt.lost_topic, self._now(), TOPIC_GONE
            )
        self._in_topic[claim.target_key] = receipt.in_topic

    async def _stop(self, kind: ChannelKind, error: DeliveryError) -> None:
        """Stop the channel for a while; report it where the service refuses us as a whole, or for long."""
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
        self._stopped[kind] = not (isinstance(error, TryLater) and error.wait)
        if isinstance(error, ChannelDown) or wait >= _LONG_STOP:
            await asyncio.to_thread(self._incidents.report, kind, str(error), now)

    async def _open(self, kind: ChannelKind) -> None:
        log.info("channel.open", extra={"channel": kind})
        self._stopped.pop(kind, None)
        self._refused.pop(kind, None)
        await asyncio.to_thread(self._store.open_channel, kind)
        await asyncio.to_thread(self._incidents.resolve, kind, self._now(), STOPPED)
