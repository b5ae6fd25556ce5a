"""Repetition: when a question that was answered wrong comes back.

    wrong ──► in 1 day ──right──► in 3 ──right──► in 7 ──right──► in 21 ──right──► known, comes no more
                 ▲                  └───────────────┴──────────wrong──┴──► from the beginning
                 └── wrong

The ladder is our own (Leitner's boxes), not FSRS or SM-2. The library `fsrs` (6.3.2, alive, typed, one
dependency; looked at 2026-11) was tried: for one wrong and then right answers it gives 1, 2, 6, 17 and 44 days
and never lets a card go, since its model is fitted to flash cards graded in four steps. A poll knows two, and
four promised days that anybody can check are worth more here than an optimum for other people's cards.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.domain.schedule import At, QuietHours, Schedule, release_time

STEPS = (1, 3, 7, 21)
"""Days until a question comes back, by how often it was answered right since it was last wrong."""
_IN_THE_MORNING = time(9)
"""Time of day for people whose channel names none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One answer to a question whose right option is known."""

    at: datetime
    right: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class LeitnerCard:
    """Card (Leitner): a question that is to come back to a person, after `answers` answers, the last at `answered_at`."""

    step: int
    answers: int
    answered_at: datetime

    def due_day(self, zone: ZoneInfo) -> date:
        """The day of the person's calendar on which it comes back."""
        return self.answered_at.astimezone(zone).date() + timedelta(days=STEPS[self.step])


def card_of(attempts: Sequence[Attempt]) -> LeitnerCard | None:
    """The card of a question after these answers, oldest first; None where it need not come back."""
    step: int | None = None
    for attempt in attempts:
        if not attempt.right:
            step = 0
        elif step is not None:
            step = step + 1 if step + 1 < len(STEPS) else None
    if step is None:
        return None
    return LeitnerCard(step=step, answers=len(attempts), answered_at=attempts[-1].at)


def comes_back_at(
    card: LeitnerCard, *, now: datetime, schedule: Schedule, quiet: QuietHours | None, zone: ZoneInfo
) -> datetime:
    """The moment (not before `now`) at which the question goes out: on its day (today where that is over),
    in the person's hours.

    That is the channel's own time where it has one, else nine in the morning, and never in quiet hours.
    """
    hour = time(0) if isinstance(schedule, At) else _IN_THE_MORNING
    day = max(card.due_day(zone), now.astimezone(zone).date())
    moment = datetime.combine(day, hour, tzinfo=zone).astimezone(UTC)
    return release_time(max(moment, now), schedule=schedule, quiet=quiet, zone=zone)
