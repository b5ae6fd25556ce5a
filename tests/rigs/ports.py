"""Ports with somebody at the door: every call is told before and after, so that a test can fail it or die there."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

Hook = Callable[[str], None]
"""Hears `outbox.claim` before a call, and `outbox.claim done` after it (`outbox.claim empty` where it gave
nothing); what it raises, the caller gets.
"""


class Hooked:
    """Stands for a port and hands every call on."""

    def __init__(self, port: Any, name: str, hook: Hook) -> None:
        self._port = port
        self._name = name
        self._hook = hook

    def __getattr__(self, method: str) -> Any:
        real = getattr(self._port, method)
        if method in ("transaction", "change"):
            return partial(self._transaction, method)
        if not callable(real):
            return real

        def call(*values: Any, **more: Any) -> Any:
            self._hook(f"{self._name}.{method}")
            answer = real(*values, **more)
            self._hook(f"{self._name}.{method} {'empty' if answer == () else 'done'}")
            return answer

        return call

    @contextmanager
    def _transaction(self, method: str) -> Iterator[Any]:
        self._hook(f"{self._name}.{method}")
        with getattr(self._port, method)() as tx:
            yield Hooked(tx, f"{self._name}.tx", self._hook)
            self._hook(f"{self._name}.commit")
        self._hook(f"{self._name}.{method} done")


class Faults:
    """A hook that raises what it was told to, each error once, and remembers every step."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self._waiting: dict[str, deque[BaseException]] = defaultdict(deque)

    def at(self, step: str, *errors: BaseException) -> None:
        """The next times that step comes, these are raised."""
        self._waiting[step].extend(errors)

    def __call__(self, step: str) -> None:
        self.steps.append(step)
        if self._waiting[step]:
            raise self._waiting[step].popleft()
