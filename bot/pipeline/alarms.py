"""Alarms: incidents are kept, and the operators whom the settings name get an alarm on each change."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from bot.domain.channels import CapabilitiesOf
from bot.domain.incidents import (
    STOPPED,
    Incident,
    IncidentDiff,
    alarms,
    channel_fails,
    channel_works,
    compare_sources,
)
from bot.domain.matcher import SubscriptionMatcher
from bot.pipeline.fetch import Fetcher
from bot.pipeline.ports.outbox import IncidentStore
from bot.pipeline.ports.papers import DigestStore, PaperStore
from bot.pipeline.subscribers import SubscriberRegistry

log = logging.getLogger(__name__)

Change = Callable[[Sequence[Incident]], IncidentDiff]
"""From the incidents that were open before to their change."""


class IncidentLog:
    """Keeps the incidents, and plans an alarm for each person in `to` when one begins and when it is over."""

    def __init__(
        self,
        incidents: IncidentStore,
        registry: SubscriberRegistry,
        capabilities: CapabilitiesOf,
        to: Sequence[str] = (),
    ) -> None:
        self._incidents = incidents
        self._registry = registry
        self._capabilities = capabilities
        self._to = to
        self._on_planned: Callable[[], object] = lambda: None
        self.changes = 0
        """Grows whenever incidents of this process begin or end."""

    def on_planned(self, call: Callable[[], object]) -> None:
        """Call this whenever alarms were planned, from whichever thread that was."""
        self._on_planned = call

    def note(self, change: Change, now: datetime) -> IncidentDiff:
        """Keep what changed and plan the alarms on it in one transaction; it is logged, once."""
        recipients = filter(None, map(self._registry.subscriber, self._to))
        with self._incidents.change() as tx:
            before = tx.open_incidents()
            diff = change(before)
            if diff.open != before:
                tx.keep_incidents(diff.open)
            planned = tx.plan(alarms(diff, recipients, self._capabilities, now), now) if diff else 0
        self.changes += bool(diff)
        for incident in diff.opened:
            log.error(
                _event(incident, "alarm"),
                extra={"source": incident.source, "kind": incident.kind, "what": incident.what},
            )
        for incident in diff.closed:
            log.info(
                _event(incident, "well_again"),
                extra={"source": incident.source, "kind": incident.kind, "since": incident.since},
            )
        if planned:
            self._on_planned()
        return diff

    def channel_fails(self, channel: str, why: str, now: datetime, kind: str = STOPPED) -> IncidentDiff:
        """The channel refuses us as a whole, or that target on it has lost its topic."""
        return self.note(lambda before: channel_fails(channel, kind, why, before, now), now)

    def channel_works(self, channel: str, now: datetime, *kinds: str) -> None:
        """The channel or target took a message over; its incidents (of these kinds, or all) are over."""

        def change(before: Sequence[Incident]) -> IncidentDiff:
            return channel_works(channel, before, *kinds)

        if change(self._incidents.open_incidents()):  # most often there is nothing to write
            self.note(change, now)


def _event(incident: Incident, what: str) -> str:
    return f"{'channel' if incident.area == 'channels' else 'source'}.{what}"


class SourceWatch:
    """Looks after the digests that come, or do not."""

    def __init__(
        self, digests: DigestStore, papers: PaperStore, incidents: IncidentLog, fetcher: Fetcher
    ) -> None:
        self._digests = digests
        self._papers = papers
        self._incidents = incidents
        self._fetcher = fetcher

    def look(self, now: datetime) -> IncidentDiff:
        """One look at everything read so far; incidents that begin or end are recorded."""
        from bot.pipeline.doctor import Doctor  # late: no other part of a running service asks it

        doctor = Doctor(self._digests, self._papers, SubscriptionMatcher(()), now.date())
        findings = (*doctor.sources(), *self._fetcher.findings())
        return self._incidents.note(lambda before: compare_sources(findings, before, now), now)
