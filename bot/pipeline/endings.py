"""How a send ends: what came of it becomes the outcome to write down, and what it says of its channel."""

import logging
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.domain.delivery import HARMLESS_TWICE, MAX_ATTEMPTS, Receipt, State, Target, retry_wait
from bot.domain.errors import (
    ChannelDown,
    DeliveryError,
    NotSent,
    Refused,
    TargetGone,
    TargetMoved,
    TryLater,
)
from bot.domain.subscriptions import ChannelKind
from bot.pipeline.pace import Limits
from bot.pipeline.parcels import Packed
from bot.pipeline.ports import Claim, Outcome

log = logging.getLogger(__name__)

_MOVES = 3
"""So often a place may move at once; then it waits like any other that cannot be sent to."""
_LOGGED = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What the settings say about sending. `at_once` is how many messages a channel takes side by side;
    `grace` is how long a flush that is cancelled still waits for answers.
    """

    resend_uncertain: frozenset[ChannelKind] = frozenset()
    limits: Limits = field(default_factory=Limits)
    at_once: Mapping[ChannelKind, int] = field(default_factory=dict)
    grace: timedelta = timedelta(seconds=4)

    @property
    def may_go_again(self) -> frozenset[ChannelKind]:
        """Channels on which what nobody knows is simply sent again."""
        return HARMLESS_TWICE | self.resend_uncertain


@dataclass(frozen=True, kw_only=True, slots=True)
class Landed:
    """An outcome, and what it says of the channel.

    `answered` where the service spoke about this very message, so that the channel works; `trouble` where
    it failed as a whole; `unknown` where its answer was never seen.
    """

    outcome: Outcome
    answered: bool = False
    unknown: bool = False
    trouble: DeliveryError | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Endings:
    """What came of a claim, as it is to be written down; nothing here does anything."""

    rules: Rules
    now: Callable[[], datetime]
    rng: random.Random = field(repr=False)
    next_for: Callable[[Target], datetime | None] = lambda _: None
    """When the pace allows a place its next message; None where that is at once."""

    def sent(self, claim: Claim, packed: Packed, receipt: Receipt) -> Landed:
        """The service took it over."""
        outcome = Outcome(
            claim=claim,
            state="sent",
            sent=packed.sent,
            limited=packed.limited,
            named=packed.named,
            receipt=receipt,
            question=packed.parcel.question if packed.parcel else None,
            wait_until=self.next_for(claim.target),
        )
        return Landed(outcome=outcome, answered=True)

    def failed(self, claim: Claim, error: DeliveryError) -> Landed:
        """It did not go out, or nobody knows: the error's class decides."""
        match error:
            case ChannelDown() | TryLater(scope="channel"):
                outcome = Outcome(claim=claim, state="pending", error=str(error), counted=False)
                return Landed(outcome=outcome, trouble=error)
            case Refused():
                outcome = Outcome(claim=claim, state="dead", error=str(error))
            case TargetGone():
                outcome = Outcome(claim=claim, state="pending", error=str(error), suspend=str(error))
            case TargetMoved():
                outcome = self._moved(claim, error)
            case NotSent():
                outcome = self.later(claim, error)
            case _:
                return self.unknown(claim, str(error))
        return Landed(outcome=outcome, answered=True)

    def unknown(self, claim: Claim, why: str) -> Landed:
        """It may have gone out: an edit goes again, the rest as configured."""
        if claim.kind == "edit" or claim.target.kind in self.rules.may_go_again:
            return Landed(outcome=self.later(claim, TryLater(why)), unknown=True)
        wait_until = self._after_pace(claim, self.now() + retry_wait(claim.attempts, self.rng))
        outcome = Outcome(claim=claim, state="uncertain", error=why, wait_until=wait_until)
        return Landed(outcome=outcome, unknown=True)

    def later(self, claim: Claim, error: NotSent) -> Outcome:
        """Again after a while, no sooner than told; a dead letter after too many tries."""
        if claim.attempts >= MAX_ATTEMPTS:
            return Outcome(claim=claim, state="dead", error=f"given up after {claim.attempts} tries: {error}")
        told = (error.wait if isinstance(error, TryLater) else None) or timedelta(0)
        wait = max(told, retry_wait(claim.attempts, self.rng))
        wait_until = self._after_pace(claim, self.now() + wait)
        return Outcome(claim=claim, state="pending", error=str(error), wait_until=wait_until)

    def not_before(self, claim: Claim, moment: datetime) -> Outcome:
        """It was not even tried, because the pace allows nothing to this place before that moment."""
        return Outcome(claim=claim, state="pending", wait_until=moment, counted=False)

    def _after_pace(self, claim: Claim, moment: datetime) -> datetime:
        return max(moment, self.next_for(claim.target) or moment)

    def _moved(self, claim: Claim, error: TargetMoved) -> Outcome:
        outcome = replace(self.later(claim, error), moved_to=error.address)
        return outcome if claim.attempts > _MOVES else replace(outcome, wait_until=None)


def named(claim: Claim) -> str:
    """The claim's deliveries for a log line: all of few, and how many more there are of many."""
    names = [row.key for row in claim.rows[:_LOGGED]]
    rest = len(claim.rows) - len(names)
    return " ".join(names) + (f" +{rest}" if rest > 0 else "")


def summed_up(tally: Counter[State], late: timedelta) -> Counter[State]:
    """How the rows of one round ended, which is said in one line; `late` is how long the oldest had been due."""
    done = +tally
    if done:
        ended: dict[str, float] = {str(state): count for state, count in done.items()}
        log.info("deliveries.done", extra={**ended, "oldest_seconds": round(late.total_seconds(), 1)})
    return done


def ends(outcome: Outcome) -> Counter[State]:
    """The claim's rows by the states in which they end."""
    limited, sent = len(outcome.limited), len(outcome.sent)
    states: Counter[State] = Counter({"limited": limited, "merged": max(sent - 1, 0), "sent": min(sent, 1)})
    states[outcome.state] += len(outcome.claim.rows) - limited - sent
    return +states
