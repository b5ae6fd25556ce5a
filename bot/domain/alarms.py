"""Alarms: what is wrong now, held against what was wrong before, gives what is news.

    (nothing) ──wrong──► open, told once ──wrong still: nothing new to tell──► open ──right again──► closed

One incident is open for a source (or a channel) and a kind of trouble at a time, however long it goes on.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bot.domain.analysis.checks import Area, Finding

STOPPED = "stopped"
SECOND_POLLER = "second poller"
TOPIC_GONE = "topic gone"
"""The kinds of trouble that channels and their places have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Incident:
    """Something that is wrong with a source since `since`; `what` is how it looked last.

    Of the area `channels` it is a channel that is named, which refuses us as a whole, or a place's key.
    """

    source: str
    kind: str
    """One word: `silent`, `empty`, `no authors`, `no keys`, `changed form`, `unreadable`; of a channel
    `stopped` or `second poller`, of a place `topic gone`.
    """
    what: str
    since: dt.datetime
    area: Area = "sources"

    @property
    def key(self) -> tuple[Area, str, str]:
        return self.area, self.source, self.kind


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """What changed: `open` is all that is wrong now, of which `opened` is new; `closed` is right again."""

    open: tuple[Incident, ...]
    opened: tuple[Incident, ...] = ()
    closed: tuple[Incident, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.opened or self.closed)


def news(findings: Iterable[Finding], before: Sequence[Incident], now: dt.datetime) -> News:
    """What the findings on sources mean, given the incidents that were open before; those of channels stay.

    Of several findings of one kind on one source the last is the one that goes on.
    """
    others = tuple(one for one in before if one.area != "sources")
    known = {one.key: one for one in before if one.area == "sources"}
    current: dict[tuple[Area, str, str], Incident] = {}
    for one in findings:
        if one.area != "sources" or not one.urgent:
            continue
        fresh = Incident(source=one.subject, kind=one.kind, what=one.what, since=now)
        current[fresh.key] = replace(known.get(fresh.key, fresh), what=one.what)
    return News(
        open=(*others, *current.values()),
        opened=tuple(one for key, one in current.items() if key not in known),
        closed=tuple(one for key, one in known.items() if key not in current),
    )


def channel_fails(channel: str, kind: str, what: str, before: Sequence[Incident], now: dt.datetime) -> News:
    """What it means that a channel, or a place on it, is in trouble."""
    fresh = Incident(source=channel, kind=kind, what=what, since=now, area="channels")
    known = next((one for one in before if one.key == fresh.key), None)
    if known is None:
        return News(open=(*before, fresh), opened=(fresh,))
    return News(open=tuple(replace(one, what=what) if one is known else one for one in before))


def channel_works(channel: str, before: Sequence[Incident]) -> News:
    """What it means that a channel, or a place on it, has no trouble (any more)."""
    over = tuple(one for one in before if (one.area, one.source) == ("channels", channel))
    return News(open=tuple(one for one in before if one not in over), closed=over)
