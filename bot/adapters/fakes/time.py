"""An event loop whose time passes only while nothing can be done, and the clock that shows it.

Years go by in seconds, and the same run gives the same order each time: what is asked to run in a thread
runs at once, and sleeping moves the time.
"""

import asyncio
import selectors
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from bot.domain.errors import UsageError

_T = TypeVar("_T")


class _Impatient(selectors.DefaultSelector):
    """Never waits: the time it should have waited for is added to `skipped`."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise UsageError("everything waits for something that will never happen")
        self.skipped += max(timeout, 0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Use with `asyncio.Runner(loop_factory=VirtualLoop)`."""

    def __init__(self) -> None:
        self._impatient = _Impatient()
        super().__init__(self._impatient)
        # After some months a float cannot tell the usual nanosecond any more, and no timer would ever be due.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._impatient.skipped

    def run_in_executor(  # type: ignore[override]  # the base class names no result type
        self,
        executor: Any,  # noqa: ARG002 - there is no other thread
        func: Callable[..., _T],
        *args: Any,
    ) -> "asyncio.Future[_T]":
        done: asyncio.Future[_T] = self.create_future()
        try:
            done.set_result(func(*args))
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the result
            done.set_exception(error)
        return done


class LoopClock:
    """The wall clock of a loop that began at `start`; `jump` sets it forward or back as an operator might."""

    def __init__(self, loop: asyncio.AbstractEventLoop, start: datetime) -> None:
        self._loop = loop
        self._start = start
        self._began = loop.time()

    def now(self) -> datetime:
        """This moment, aware, UTC."""
        return (self._start + timedelta(seconds=self._loop.time() - self._began)).astimezone(UTC)

    def jump(self, span: timedelta) -> None:
        """Show another time from now on; what the loop waits for is not touched."""
        self._start += span
