"""What goes wrong at a fake service, drawn from one seed: single calls, whole hours, and the life of a place."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from bot.domain.channels import ChannelKind
from bot.domain.errors import (
    ChannelDown,
    DeliveryError,
    OutcomeUnknown,
    Refused,
    TargetGone,
    TryLater,
)

Moment = Literal["before", "after"]
"""Whether the service took the message over before the fault."""

_DAY = timedelta(days=1)
_OUTAGE_EVERY = timedelta(days=30)
_OUTAGE = timedelta(hours=2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """An error in place of an answer."""

    error: DeliveryError
    at: Moment = "before"


@dataclass(frozen=True, kw_only=True, slots=True)
class Spell:
    """A span in which a place cannot be sent to, and why."""

    start: datetime
    end: datetime
    kind: Literal["gone", "full"]


class Faults:
    """Shares of all calls that fail, and spells in the lives of places; nothing at all with `much` 0."""

    def __init__(self, seed: int, *, start: datetime, end: datetime, much: float = 1.0) -> None:
        self._rng = random.Random(seed)  # noqa: S311 - made-up accidents
        self._seed = seed
        self._start = start
        self._end = end
        self._much = much
        self._spells: dict[str, tuple[Spell, ...]] = {}

    @property
    def any(self) -> bool:
        return self._much > 0

    def fault(self, kind: ChannelKind, address: str, now: datetime) -> Fault | None:
        """What this call runs into."""
        if not self._much:
            return None
        if self.down(kind, now):
            return Fault(error=TryLater("nobody answers there", scope="channel"))
        for spell in self.spells(kind, address):
            if spell.start <= now < spell.end:
                return Fault(error=_spell_error(spell))
        return self._single()

    def _single(self) -> Fault | None:
        left = self._rng.random() / self._much
        for share, fault in _SINGLE:
            if left < share:
                return fault(self._rng)
            left -= share
        return None

    def down(self, kind: ChannelKind, now: datetime) -> bool:
        """True in the two hours of each month in which the whole service is out of reach."""
        hour = timedelta(hours=5 if kind == "telegram" else 11)
        return bool(self._much) and (now - self._start - hour) % _OUTAGE_EVERY < _OUTAGE

    def spells(self, kind: ChannelKind, address: str) -> tuple[Spell, ...]:
        """The spells in that place's life; most places have none."""
        key = f"{kind}:{address}"
        if key not in self._spells:
            self._spells[key] = self._drawn_spells(random.Random(f"{self._seed}|{key}"), kind)  # noqa: S311
        return self._spells[key]

    def _drawn_spells(self, rng: random.Random, kind: ChannelKind) -> tuple[Spell, ...]:
        if not self._much or rng.random() > 0.1:  # noqa: PLR2004 - one place in ten
            return ()
        days = max((self._end - self._start) // _DAY, 2)
        start = self._start + _DAY * rng.randrange(1, days)
        full = kind == "email" and rng.random() < 0.5  # noqa: PLR2004 - a coin
        span = _DAY * (rng.randint(1, 3) if full else rng.randint(5, 40))
        return (Spell(start=start, end=start + span, kind="full" if full else "gone"),)


def no_faults(start: datetime) -> Faults:
    """A world in which nothing fails."""
    return Faults(0, start=start, end=start, much=0)


def _spell_error(spell: Spell) -> DeliveryError:
    if spell.kind == "full":
        return TryLater("mailbox full: 452 4.2.2", wait=timedelta(hours=1))
    return TargetGone("bot was blocked by the user, or no such mailbox")


_SINGLE: tuple[tuple[float, Callable[[random.Random], Fault]], ...] = (
    (
        0.02,
        lambda rng: Fault(error=TryLater("too many requests", wait=timedelta(seconds=rng.randint(1, 40)))),
    ),
    (0.005, lambda _: Fault(error=TryLater("greylisted", wait=timedelta(minutes=5)))),
    (0.01, lambda _: Fault(error=OutcomeUnknown("502 before it was taken"))),
    (0.01, lambda _: Fault(error=OutcomeUnknown("502 after it was taken"), at="after")),
    (0.002, lambda _: Fault(error=TryLater("connection refused", scope="channel"))),
    (0.001, lambda _: Fault(error=Refused("can't parse entities"))),
    (0.0003, lambda _: Fault(error=ChannelDown("5.7.1 come back later"))),
)
