"""Repetition: when a question that was answered wrong comes back.

    wrong ──► in 1 day ──right──► in 3 ──right──► in 7 ──right──► in 21 ──right──► known, comes no more
                 ▲                  └───────────────┴──────────wrong──┴──► from the beginning
                 └── wrong

The steps are Leitner's boxes, not FSRS or SM-2. The library `fsrs` (6.3.2, tried 2026-11) gives 1, 2, 6, 17 and 44 days
for one wrong and then right answers, and never lets a card go: its model is fitted to flash cards that are graded in
four steps, where a poll has two. Four fixed intervals are also easy to promise and to check.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.domain.schedule import At, QuietHours, Schedule, release_time

STEPS = (1, 3, 7, 21)
"""Days until a question comes back, by the number of right answers since the last wrong one."""
_MORNING = time(9)
"""Time of day where the channel's schedule has none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One answer to a question whose right option is known."""

    at: datetime
    right: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Repetition:
    """Repetition: when a question comes back to a person who answered it `answers` times, last at `answered_at`.

    `step` is an index of STEPS.
    """

    step: int
    answers: int
    answered_at: datetime

    def due_day(self, zone: ZoneInfo) -> date:
        """The day of the person's calendar on which it comes back."""
        return self.answered_at.astimezone(zone).date() + timedelta(days=STEPS[self.step])


def repetition_of(attempts: Sequence[Attempt]) -> Repetition | None:
    """The repetition of a question after these answers, oldest first; None where the question does not come back."""
    step: int | None = None
    for attempt in attempts:
        if not attempt.right:
            step = 0
        elif step is not None:
            step = step + 1 if step + 1 < len(STEPS) else None
    if step is None:
        return None
    return Repetition(step=step, answers=len(attempts), answered_at=attempts[-1].at)


def repeat_time(
    repetition: Repetition, *, now: datetime, schedule: Schedule, quiet: QuietHours | None, zone: ZoneInfo
) -> datetime:
    """The moment, not before `now`, at which the question goes out: on its day, or today where that is past.

    The time of day is the schedule's where it has one, else nine in the morning; never in quiet hours.
    """
    hour = time(0) if isinstance(schedule, At) else _MORNING
    day = max(repetition.due_day(zone), now.astimezone(zone).date())
    moment = datetime.combine(day, hour, tzinfo=zone).astimezone(UTC)
    return release_time(max(moment, now), schedule=schedule, quiet=quiet, zone=zone)
