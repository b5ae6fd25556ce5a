"""Alarms about sources: what is wrong now, held against what was wrong before, gives what is news.

    (nothing) ──wrong──► open, told once ──wrong still: nothing new to tell──► open ──right again──► closed

One incident is open for a source and a kind of trouble at a time, however many digests it goes on for.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bot.domain.search.checkup import Finding


@dataclass(frozen=True, kw_only=True, slots=True)
class Incident:
    """Something that is wrong with a source since `since`; `what` is how it looked last."""

    source: str
    kind: str
    """One word: `silent`, `empty`, `no authors`, `no keys`, `changed form`, `unreadable`."""
    what: str
    since: dt.datetime

    @property
    def key(self) -> tuple[str, str]:
        return self.source, self.kind


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """What changed: `open` is all that is wrong now, of which `opened` is new; `closed` is right again."""

    open: tuple[Incident, ...]
    opened: tuple[Incident, ...] = ()
    closed: tuple[Incident, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.opened or self.closed)


def news(findings: Iterable[Finding], before: Sequence[Incident], now: dt.datetime) -> News:
    """What the findings on sources mean, given the incidents that were open before.

    Of several findings of one kind on one source the last is the one that goes on.
    """
    known = {one.key: one for one in before}
    current: dict[tuple[str, str], Incident] = {}
    for one in findings:
        if one.area != "sources" or not one.urgent:
            continue
        fresh = Incident(source=one.subject, kind=one.kind, what=one.what, since=now)
        current[fresh.key] = replace(known.get(fresh.key, fresh), what=one.what)
    return News(
        open=tuple(current.values()),
        opened=tuple(one for key, one in current.items() if key not in known),
        closed=tuple(one for key, one in known.items() if key not in current),
    )
