"""What goes wrong on the way: before the service took a call over, or after."""

from collections import deque
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One fault, used up by one call.

    `error` answers with `code` and `flood` with 429; `drop` closes the connection; `slow` holds the answer
    back for `seconds`. With `after`, the call is taken over all the same.
    """

    kind: Literal["error", "flood", "drop", "slow", "garbage"]
    after: bool = False
    code: int = 502
    seconds: float = 1
    methods: tuple[str, ...] = ("sendMessage", "sendPoll", "editMessageText")


class Faults:
    """The faults to come, in order."""

    def __init__(self) -> None:
        self._waiting: deque[Fault] = deque()

    def add(self, *faults: Fault) -> None:
        self._waiting.extend(faults)

    def next_for(self, method: str) -> Fault | None:
        for fault in self._waiting:
            if method in fault.methods:
                self._waiting.remove(fault)
                return fault
        return None
