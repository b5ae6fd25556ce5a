"""SystemClock: the only place that reads the system's time."""

import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """This moment, aware, UTC."""
        return datetime.now(UTC)  # noqa: TID251 -- this is the file that the ban points to

    def monotonic(self) -> float:
        """Seconds for measuring durations; unaffected by changes of the wall clock."""
        return time.monotonic()
