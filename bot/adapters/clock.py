"""Where time comes from: the one place that reads the system's clock."""

import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """This moment, aware, UTC."""
        return datetime.now(UTC)  # noqa: TID251 -- this is the file that the ban points to

    def monotonic(self) -> float:
        """Seconds that only ever grow, whatever happens to the wall clock: for measuring spans."""
        return time.monotonic()
