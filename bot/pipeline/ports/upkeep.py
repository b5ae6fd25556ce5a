"""What is done to the state now and then so that it stays small."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol


class Upkeep(Protocol):
    """Forgets what nobody needs any more; never what keeps a thing from being sent twice."""

    def thin_messages(self, before: datetime, limit: int) -> int:
        """Forget what messages were made before that moment that ended well, and say how many (at most `limit`).

        Their rows stay, with key, state and times; how they were put together, and receipts, go.
        """
        ...

    def thin_updates(self, before: datetime) -> int:
        """Forget what updates said that were answered before that moment, but not that they were."""
        ...

    def forget_unreadable(self, names: Sequence[str]) -> None:
        """Forget these files where they gave no digest; one that comes back is read anew. One transaction."""
        ...


class Waits(Protocol):
    """How long places wait before their next message."""

    def cut_waits(self, now: datetime, longest: timedelta) -> int:
        """Let no place wait for longer whose next message was never tried, and say how many did; one transaction."""
        ...
