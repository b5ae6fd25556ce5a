"""Several machines on one state: what wakes this one, and what it does only while no other does."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from bot.app.wiring import House
from bot.domain.channels import ChannelKind


class Together:
    """This machine among those that share its state; where there is only this one, it does everything."""

    def __init__(self, house: House, stop: asyncio.Event) -> None:
        self._house = house
        self._stop = stop
        self._paced = [
            kind for kind, publisher in house.publishers.items() if publisher.capabilities.limits.overall
        ]
        self.keeps_up = False
        """True while the work that comes round once for all machines is ours."""

    def delivering(self, wake: Callable[[], None]) -> list[Coroutine[Any, Any, None]]:
        """What runs beside the deliveries, until the service stops."""
        parts = [self._house.store.wake_up.listen(wake), self.alone("upkeep", self._keep_up)]
        for kind in self._paced:  # such limits hold for all machines together, so one of them sends
            self._house.dispatcher.leave(kind)
            parts.append(self.alone(f"{kind} pace", partial(self._send_on, kind, wake)))
        return parts

    async def alone(self, role: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do this work while no other machine does."""
        await self._house.store.leader_election.lead(role, work)

    async def _keep_up(self) -> None:
        self.keeps_up = True
        try:
            await self._stop.wait()
        finally:
            self.keeps_up = False

    async def _send_on(self, kind: ChannelKind, wake: Callable[[], None]) -> None:
        self._house.dispatcher.take(kind)
        wake()
        try:
            await self._stop.wait()
        finally:
            self._house.dispatcher.leave(kind)
