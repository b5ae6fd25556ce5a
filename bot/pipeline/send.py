"""Send: builds the message of one claim, waits for its slot, publishes it, and turns the result into an outcome."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.domain.channels import ChannelKind
from bot.domain.delivery import FIRST_WAIT, MAX_ATTEMPTS, MAX_REFUSALS, refusal_wait, retry_wait
from bot.domain.errors import (
    ChannelDown,
    DeliveryError,
    KindForbidden,
    NotSent,
    NotYet,
    OutcomeUnknown,
    RecordDamaged,
    Refused,
    StateError,
    TargetGone,
    TargetMoved,
    TargetRefuses,
    TooLarge,
    TryLater,
    Withdrawn,
)
from bot.domain.flood_guard import FLOOD_GUARD, FloodGuard
from bot.domain.message import OutgoingMessage, Receipt
from bot.pipeline.compose import BuiltMessage, MessageBuilder, NothingToSend
from bot.pipeline.ports import Publisher
from bot.pipeline.ports.outbox import Claim, DeliveryStore, Outcome
from bot.pipeline.rate_limiter import RateLimiter, Slot

log = logging.getLogger(__name__)

BeginClaim = Callable[[Claim], Awaitable[None]]
"""Records that the request of this claim goes out now; raises Withdrawn where it must not, and StateError."""

GIVE_UP = timedelta(minutes=4)
"""Timeout of a send; shorter than a lease, so that the outcome is always settled in time."""
_MOVES = 3
"""Number of attempts up to which a moved target is tried again at once, without a wait."""
CHANNEL_PAUSE = timedelta(minutes=5)
"""Time until a channel whose service refuses us as a whole is probed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SendRules:
    """Settings of sending.

    `resend_uncertain` are the channels on which a message with an unknown outcome is sent again; `grace` is how long a
    cancelled flush waits for answers.
    """

    resend_uncertain: frozenset[ChannelKind] = frozenset()
    flood_guard: FloodGuard = field(default_factory=lambda: FLOOD_GUARD)
    grace: timedelta = timedelta(seconds=4)


@dataclass(frozen=True, kw_only=True, slots=True)
class SendResult:
    """Result of one send: its outcome, and what it tells of the channel and the target."""

    outcome: Outcome
    answered: bool = False
    """The service answered for this very message, so the channel works."""
    unknown: bool = False
    """The answer was never seen."""
    refused: bool = False
    """The service refused this target."""
    forbidden: bool = False
    """The target takes no messages of this kind."""
    trouble: DeliveryError | None = None
    """The channel failed as a whole."""


class Sender:
    """Sender: sends one claim a call; the caller settles it."""

    def __init__(
        self,
        *,
        builder: MessageBuilder,
        deliveries: DeliveryStore,
        publishers: Mapping[ChannelKind, Publisher],
        limiter: RateLimiter,
        harmless: frozenset[ChannelKind],
        resend: frozenset[ChannelKind],
        begin: BeginClaim,
        is_probe: Callable[[Claim], bool],
        forbidden: Callable[[Claim], str | None],
        now: Callable[[], datetime],
        rng: random.Random,
    ) -> None:
        """A message with an unknown outcome is sent again on `harmless` channels, and unless it is an alarm on those in `resend`.

        `forbidden` gives the reason why a claim's target takes no messages of its kind, else None.
        """
        self._builder = builder
        self._deliveries = deliveries
        self._publishers = publishers
        self._limiter = limiter
        self._harmless = harmless
        self._resend = resend
        self._begin = begin
        self._is_probe = is_probe
        self._forbidden = forbidden
        self._now = now
        self._rng = rng

    async def send(self, claim: Claim) -> SendResult:
        """Send the claim. Raises nothing: every failure becomes a result."""
        if why := self._forbidden(claim):
            return SendResult(outcome=Outcome(claim=claim, state="skipped", error=why))
        try:
            built = await asyncio.to_thread(self._builder.build, claim, self._now())
        except NothingToSend as nothing:
            return SendResult(
                outcome=Outcome(
                    claim=claim,
                    state=nothing.state,
                    limited=nothing.limited,
                    unwanted=nothing.unwanted,
                    cause=nothing.cause,
                )
            )
        except asyncio.CancelledError:
            return untried(claim)
        except Exception as error:
            if isinstance(error, StateError) and not isinstance(error, RecordDamaged):
                return self._state_away(claim, error)
            log.exception(
                "delivery.build_failed", extra={"message_id": claim.message, "target": claim.target_key}
            )
            outcome = Outcome(claim=claim, state="dead", error=f"could not be put together: {error!r}")
            return SendResult(outcome=outcome)
        request = _SendRequest(claim, self._begin)
        result = await self._send(claim, built, request)
        return replace(result, outcome=replace(result.outcome, begun=request.begun))

    async def _send(self, claim: Claim, built: BuiltMessage, request: "_SendRequest") -> SendResult:
        about = {"message_id": claim.message, "target": claim.target_key, "rows": len(claim.rows)}
        try:
            await self._recall(claim)
            async with self._limiter.slot(claim.target, probe=self._is_probe(claim)) as slot:
                receipt = await _in_slot(slot, self._publishers[claim.target.kind], built.message, request)
        except (NotYet, Withdrawn) as error:
            log.debug("delivery.postponed", extra={**about, "why": str(error)})
            until = error.until if isinstance(error, NotYet) else None
            return SendResult(outcome=Outcome(claim=claim, state="pending", wait_until=until, counted=False))
        except DeliveryError as error:
            log.warning("delivery.failed", extra={**about, "error": str(error), "is": type(error).__name__})
            # A request that was never begun did not arrive, whatever the error is.
            is_certain = isinstance(error, NotSent) or request.begun
            return self._failed(claim, error if is_certain else TryLater(str(error)))
        except asyncio.CancelledError:
            log.warning("delivery.cancelled", extra=about)
            return self._unknown(claim, "cut off while paperboy stopped") if request.begun else untried(claim)
        except Exception as error:
            if isinstance(error, StateError) and not request.begun:
                return self._state_away(claim, error)
            log.exception("delivery.send_failed", extra=about)
            return self._unexpected(claim, error, begun=request.begun)
        if not request.begun:
            log.error("delivery.never_begun", extra=about)
        log.debug("delivery.sent", extra={**about, "papers": len(built.sent)})
        return self._sent(claim, built, receipt)

    def _unexpected(self, claim: Claim, error: Exception, *, begun: bool) -> SendResult:
        """The result of a bug in the middle of a send: the outcome is unknown once the request was begun."""
        why = f"unexpected: {type(error).__name__}"
        return self._unknown(claim, why) if begun else SendResult(outcome=self._later(claim, TryLater(why)))

    def _state_away(self, claim: Claim, error: StateError) -> SendResult:
        """The result where the state could not be used and nothing went out: not counted as an attempt."""
        return SendResult(outcome=replace(self._later(claim, TryLater(str(error))), counted=False))

    async def _recall(self, claim: Claim) -> None:
        """Tell the rate limiter of sends to the target before this process."""
        if not self._limiter.knows(claim.target):
            since = self._limiter.since(claim.target)
            moments = await asyncio.to_thread(self._deliveries.sends_since, claim.target_key, since)
            self._limiter.remember(claim.target, moments)

    def _sent(self, claim: Claim, built: BuiltMessage, receipt: Receipt) -> SendResult:
        outcome = Outcome(
            claim=claim,
            state="sent",
            sent=built.sent,
            limited=built.limited,
            named=built.named,
            unwanted=built.unwanted,
            receipt=receipt,
            question=built.message.question,
            wait_until=self._limiter.next_for(claim.target),
        )
        return SendResult(outcome=outcome, answered=True)

    def _failed(self, claim: Claim, error: DeliveryError) -> SendResult:
        """The result of a failed send, by the error's class."""
        match error:
            case ChannelDown() | TryLater(scope="channel"):
                # Due no sooner than the probe, which so takes another target: perhaps this one is at fault.
                wait = (error.wait if isinstance(error, TryLater) else CHANNEL_PAUSE) or FIRST_WAIT
                until = self._not_before(claim, self._now() + wait)
                outcome = Outcome(
                    claim=claim, state="pending", error=str(error), counted=False, wait_until=until
                )
                return SendResult(outcome=outcome, trouble=error)
            case KindForbidden():
                outcome = Outcome(claim=claim, state="skipped", error=str(error))
                return SendResult(outcome=outcome, answered=True, forbidden=True)
            case TargetRefuses():
                return SendResult(outcome=self._refused(claim, error), refused=True)
            case TooLarge() if len(claim.rows) > 1:
                smaller = tuple(row.key for row in claim.rows[len(claim.rows) // 2 :])
                outcome = Outcome(claim=claim, state="pending", error=str(error), released=smaller)
            case Refused():
                outcome = Outcome(claim=claim, state="dead", error=str(error))
            case TargetGone():
                outcome = Outcome(claim=claim, state="pending", error=str(error), suspend=str(error))
            case TargetMoved():
                outcome = self._moved(claim, error)
            case NotSent():
                outcome = self._later(claim, error)
            case _:
                return self._unknown(claim, str(error))
        return SendResult(outcome=outcome, answered=True)

    def _unknown(self, claim: Claim, why: str) -> SendResult:
        """The result of an unknown outcome: edits are retried; other deliveries become `uncertain` unless their channel may
        repeat them. An alarm is repeated only where that is harmless.
        """
        kind = claim.target.kind
        repeats = kind in self._harmless or (kind in self._resend and claim.kind != "alarm")
        is_harmless = claim.kind == "edit" and not self._publishers[claim.target.kind].capabilities.corrects
        if is_harmless or repeats:
            return SendResult(outcome=self._later(claim, TryLater(why)), unknown=True)
        wait_until = self._not_before(claim, self._now() + retry_wait(claim.attempts, self._rng))
        outcome = Outcome(claim=claim, state="uncertain", error=why, wait_until=wait_until)
        return SendResult(outcome=outcome, unknown=True)

    def _later(self, claim: Claim, error: NotSent) -> Outcome:
        """The outcome of a failure that is retried, not before the service allows; a dead letter after MAX_ATTEMPTS."""
        if claim.attempts >= MAX_ATTEMPTS:
            return Outcome(claim=claim, state="dead", error=f"given up after {claim.attempts} tries: {error}")
        asked_for = (error.wait if isinstance(error, TryLater) else None) or timedelta(0)
        wait = max(asked_for, retry_wait(claim.attempts, self._rng))
        wait_until = self._not_before(claim, self._now() + wait)
        return Outcome(claim=claim, state="pending", error=str(error), wait_until=wait_until)

    def _refused(self, claim: Claim, error: TargetRefuses) -> Outcome:
        """The outcome of a refused target: growing waits, then suspension. A probe is not counted: the channel may be at fault."""
        probing = self._is_probe(claim)
        wait_until = self._not_before(claim, self._now() + refusal_wait(claim.attempts, self._rng))
        suspended = claim.attempts >= MAX_REFUSALS and not probing
        return Outcome(
            claim=claim,
            state="pending",
            error=str(error),
            wait_until=wait_until,
            suspend=f"refused {claim.attempts} times: {error}" if suspended else None,
            counted=not probing,
        )

    def _not_before(self, claim: Claim, moment: datetime) -> datetime:
        return max(moment, self._limiter.next_for(claim.target) or moment)

    def _moved(self, claim: Claim, error: TargetMoved) -> Outcome:
        outcome = replace(self._later(claim, error), moved_to=error.address)
        return outcome if claim.attempts > _MOVES else replace(outcome, wait_until=None)


class _SendRequest:
    """Request of one claim; `begun` once it is recorded that it goes out."""

    def __init__(self, claim: Claim, begin: BeginClaim) -> None:
        self._claim = claim
        self._begin = begin
        self.begun = False

    async def begin(self) -> None:
        await self._begin(self._claim)
        self.begun = True


async def _in_slot(
    slot: Slot, publisher: Publisher, message: OutgoingMessage, request: _SendRequest
) -> Receipt:
    try:
        async with asyncio.timeout(GIVE_UP.total_seconds()) as patience:
            receipt = await publisher.send(message, request.begin)
    except NotSent:
        slot.messages = 0
        raise
    except TimeoutError as error:
        if not patience.expired():
            raise
        why = f"no end of it within {GIVE_UP}"
        raise (OutcomeUnknown(why) if request.begun else TryLater(why)) from error
    slot.messages = receipt.messages
    return receipt


def untried(claim: Claim) -> SendResult:
    """The result of a claim that was not tried: its rows are pending again, and no attempt is counted."""
    return SendResult(outcome=Outcome(claim=claim, state="pending", counted=False))
