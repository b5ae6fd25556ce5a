"""Incidents: what is wrong is written down, said once, and told to whom the settings name."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from bot.domain.alarms import (
    STOPPED,
    Incident,
    News,
    channel_fails,
    channel_works,
    news,
)
from bot.domain.bulletins import bulletins
from bot.domain.matcher import SubscriptionMatcher
from bot.pipeline.doctor import Doctor
from bot.pipeline.ports import Records, Shelf
from bot.pipeline.ports.alarms import Incidents
from bot.pipeline.subscribers import SubscriberRegistry

log = logging.getLogger(__name__)

Change = Callable[[Sequence[Incident]], News]
"""What was open before to what is news."""


class AlarmDesk:
    """Keeps the incidents, and plans a bulletin for each person in `to` when one begins and when it is over."""

    def __init__(self, incidents: Incidents, roster: SubscriberRegistry, to: Sequence[str] = ()) -> None:
        self._incidents = incidents
        self._roster = roster
        self._to = to
        self._hear: Callable[[], object] = lambda: None

    def listen(self, hear: Callable[[], object]) -> None:
        """Call `hear` whenever bulletins were planned, from whichever thread that was."""
        self._hear = hear

    def note(self, change: Change, now: datetime) -> News:
        """Write down what changed together with the bulletins on it; it is logged, once."""
        recipients = filter(None, map(self._roster.subscriber, self._to))
        with self._incidents.change() as tx:
            before = tx.open_incidents()
            found = change(before)
            if found.open != before:
                tx.keep_incidents(found.open)
            planned = tx.plan_bulletins(bulletins(found, recipients, now))
        for one in found.opened:
            log.error(_event(one, "alarm"), extra={"source": one.source, "kind": one.kind, "what": one.what})
        for one in found.closed:
            log.info(
                _event(one, "well_again"),
                extra={"source": one.source, "kind": one.kind, "since": one.since},
            )
        if planned:
            self._hear()
        return found

    def channel_fails(self, channel: str, why: str, now: datetime, kind: str = STOPPED) -> News:
        """The channel refuses us as a whole, or that place on it has lost its topic."""
        return self.note(lambda before: channel_fails(channel, kind, why, before, now), now)

    def channel_works(self, channel: str, now: datetime) -> None:
        """The channel or place took something over; what was wrong with it is over."""

        def change(before: Sequence[Incident]) -> News:
            return channel_works(channel, before)

        if change(self._incidents.open_incidents()):  # most often there is nothing to write
            self.note(change, now)


def _event(incident: Incident, what: str) -> str:
    return f"{'channel' if incident.area == 'channels' else 'source'}.{what}"


class SourceWatch:
    """Looks after the digests that come, or do not."""

    def __init__(self, records: Records, shelf: Shelf, alarms: AlarmDesk) -> None:
        self._records = records
        self._shelf = shelf
        self._alarms = alarms

    def look(self, now: datetime) -> News:
        """One look at everything read so far; incidents that begin or end are noted at the desk."""
        findings = tuple(Doctor(self._records, self._shelf, SubscriptionMatcher(()), now.date()).sources())
        return self._alarms.note(lambda before: news(findings, before, now), now)
