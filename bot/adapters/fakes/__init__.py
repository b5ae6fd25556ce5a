"""Built-in stand-ins for the world: time that costs nothing, services that count, people who ask; for `replay`."""

from bot.adapters.fakes.faults import Faults, no_faults
from bot.adapters.fakes.feeds import CountingFeeds
from bot.adapters.fakes.people import draw_people
from bot.adapters.fakes.services import FakeService
from bot.adapters.fakes.time import LoopClock, VirtualLoop

__all__ = [
    "CountingFeeds",
    "FakeService",
    "Faults",
    "LoopClock",
    "VirtualLoop",
    "draw_people",
    "no_faults",
]
