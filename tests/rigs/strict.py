"""A Telegram behind the publisher's port, with the emulator's strict windows on any clock, which counts."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import timedelta

from bot.app.config.channels import CHANNELS
from bot.domain.channels import ChannelKind
from bot.domain.errors import OutcomeUnknown, TryLater
from bot.domain.message import Begin, OutgoingMessage, Receipt, unrecorded
from tests.rigs.botapi import Chat
from tests.rigs.botapi.errors import ApiError
from tests.rigs.botapi.rate_limit import RateLimit


class StrictTelegram:
    """`latency` is how long the way there and the way back take; `fault` may say how a call goes wrong."""

    kind: ChannelKind = "telegram"
    capabilities = CHANNELS["telegram"].capabilities

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        latency: Callable[[], float] = lambda: 0.02,
        fault: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.rate_limit = RateLimit(clock)
        self.got: dict[str, list[str]] = defaultdict(list)
        self.calls: Counter[str] = Counter()
        self.moments: list[float] = []
        """When the messages came, in order."""
        self._clock = clock
        self._latency = latency
        self._fault = fault
        self._chats: dict[str, Chat] = {}

    async def send(self, outgoing: OutgoingMessage, begin: Begin = unrecorded) -> Receipt:
        await begin()
        await asyncio.sleep(self._latency())
        self.calls["all"] += 1
        fault = self._fault()
        if fault == "flood":
            raise TryLater("Too Many Requests: retry after 3", wait=timedelta(seconds=3))
        if fault == "5xx before":
            raise OutcomeUnknown("502")
        self._take(outgoing)
        await asyncio.sleep(self._latency())
        if fault == "5xx after":
            raise OutcomeUnknown("502")
        number = str(sum(self.calls.values()))
        return Receipt(message=number, poll=f"poll-{number}" if outgoing.question else None)

    def _take(self, outgoing: OutgoingMessage) -> None:
        address = outgoing.target.address
        chat = self._chats.setdefault(
            address, Chat(id=int(address), kind="group" if address.startswith("-") else "private")
        )
        try:
            self.rate_limit.admit(chat)
        except ApiError as error:
            wait = timedelta(seconds=error.parameters["retry_after"])
            raise TryLater(str(error), wait=wait) from error
        self.moments.append(self._clock())
        self.got[address].append(outgoing.question.question if outgoing.question else outgoing.id)

    async def close(self) -> None:
        """Nothing is held open."""


def now_and_then(rng: random.Random, **shares: float) -> Callable[[], str | None]:
    """Faults by their names (`_` for a blank) at these shares of all calls."""
    names = [name.replace("five", "5").replace("_", " ") for name in shares]

    def draw() -> str | None:
        left = rng.random()
        for name, share in zip(names, shares.values(), strict=True):
            if left < share:
                return name
            left -= share
        return None

    return draw
