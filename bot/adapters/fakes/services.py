"""A service that counts what it takes over, behind the publisher's port."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from bot.adapters.fakes.faults import Faults
from bot.domain.channels import Capabilities, ChannelKind, Limit
from bot.domain.errors import TargetMoved, TryLater
from bot.domain.message import OutgoingMessage, Receipt
from bot.pipeline.rate_limiter import Window
from bot.pipeline.replay import Arrival

_LATENCY = 0.02
_MOVED = "-moved"


class FakeService:
    """Takes messages over, refuses what comes too fast, and fails as its faults say.

    `moves` says from when on a place has another address; the service knows it under both.
    """

    def __init__(
        self,
        kind: ChannelKind,
        capabilities: Capabilities,
        *,
        now: Callable[[], datetime],
        faults: Faults,
        limit_of: Callable[[str], Limit | None] = lambda _: None,
        moves: Callable[[str], datetime | None] = lambda _: None,
    ) -> None:
        self.kind: ChannelKind = kind
        self.capabilities = capabilities
        self.taken: list[Arrival] = []
        self.message_ids: set[str] = set()
        """Of every message taken over: what an operator finds in the chat who looks."""
        self.floods = self.refused = 0
        self._now = now
        self._faults = faults
        self._limit_of = limit_of
        self._moves = moves
        self._windows: dict[str, Window] = {}

    async def send(self, parcel: OutgoingMessage) -> Receipt:
        await asyncio.sleep(_LATENCY)
        place, now = self._place(parcel.target.address), self._now()
        fault = self._faults.fault(self.kind, place, now)
        if fault is not None and fault.at == "before":
            self.refused += 1
            raise fault.error
        self._admit(place, now)
        self._take(parcel, place, now)
        if fault is not None:
            raise fault.error
        number = str(len(self.taken))
        return Receipt(message=number, poll=f"poll-{number}" if parcel.question else None)

    async def close(self) -> None:
        """Nothing is held open."""

    def _place(self, address: str) -> str:
        place = address.removesuffix(_MOVED)
        moved_at = self._moves(place)
        if moved_at is not None and moved_at <= self._now() and place == address:
            raise TargetMoved("group chat was upgraded to a supergroup chat", address=place + _MOVED)
        return place

    def _admit(self, place: str, now: datetime) -> None:
        limit = self._limit_of(place)
        if limit is None:
            return
        window = self._windows.get(place, Window(limit=limit))
        free = window.free_at(now)
        if free is not None and free > now:
            self.floods += 1
            raise TryLater("too many requests", wait=max(free - now, timedelta(seconds=1)))
        self._windows[place] = window.begun(now).over(now)

    def _take(self, parcel: OutgoingMessage, place: str, now: datetime) -> None:
        self.message_ids.add(parcel.id)
        self.taken.append(
            Arrival(
                at=now,
                place=f"{self.kind}:{place}",
                kind=parcel.kind,
                batch=parcel.id,
                papers=tuple(item.paper.id for item in parcel.items),
                question=parcel.question.question if parcel.question else None,
                more=parcel.more,
            )
        )
