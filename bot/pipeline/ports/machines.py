"""Several machines on one state: how they wake each other, and who does what only one may do."""

from collections.abc import Awaitable, Callable
from typing import Protocol


class Bell(Protocol):
    """Rings when rows were planned, whoever planned them."""

    async def listen(self, hear: Callable[[], None]) -> None:
        """Call `hear` at each ring and whenever one may have been missed; returns only when cancelled.

        A connection that is lost is made again, for as long as it takes.
        """
        ...


class Leadership(Protocol):
    """At most one machine at a time does the work of a role."""

    async def lead(self, role: str, work: Callable[[], Awaitable[None]]) -> None:
        """Wait until nobody else does this work, then do it; returns when the work is done.

        When we can no longer be sure to be the only one, the work is cancelled, and begun anew once it is
        ours again. When a leader dies, another takes over within five seconds.
        """
        ...
