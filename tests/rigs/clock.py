"""A clock that stands still until it is told to go on."""

from datetime import datetime, timedelta

from tests.builders import NOW


class VirtualClock:
    """Keeps the clock's port; `step` passes with each look at it."""

    def __init__(self, now: datetime = NOW, *, step: timedelta = timedelta(0)) -> None:
        self._now = now
        self._step = step

    def now(self) -> datetime:
        self._now += self._step
        return self._now

    def advance(self, span: timedelta | None = None, **parts: float) -> datetime:
        """Let that much time pass, and say what time it is then."""
        self._now += span if span is not None else timedelta(**parts)
        return self._now

    def go_to(self, moment: datetime) -> None:
        """Be at that moment, earlier ones included: clocks jump."""
        self._now = moment
