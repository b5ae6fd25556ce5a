"""How fast a bot may send, in strict sliding windows."""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from tests.rigs.botapi.chats import Chat
from tests.rigs.botapi.errors import flood


@dataclass(frozen=True, slots=True)
class Window:
    """At most `most` messages in any `seconds`."""

    most: int
    seconds: float


OVERALL = Window(30, 1)
PRIVATE = Window(1, 1)
GROUP = Window(20, 60)


class RateLimit:
    """Counts what was taken over; a message over a limit is refused with the time to wait."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._taken: dict[int | None, deque[float]] = defaultdict(deque)
        self.refused = 0

    def admit(self, chat: Chat) -> None:
        """Count one message to the chat; ApiError 429 where it comes too soon."""
        now = self._clock()
        own = PRIVATE if chat.kind == "private" else GROUP
        wait = max(self._wait(None, OVERALL, now), self._wait(chat.id, own, now))
        if wait > 0:
            self.refused += 1
            raise flood(max(ceil(wait), 1))
        for key in (None, chat.id):
            self._taken[key].append(now)

    def _wait(self, key: int | None, window: Window, now: float) -> float:
        taken = self._taken[key]
        while taken and taken[0] <= now - window.seconds:
            taken.popleft()
        return taken[0] + window.seconds - now if len(taken) >= window.most else 0
