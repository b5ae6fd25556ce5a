"""Incidents: kept in the state, with an alarm on each change to the operators whom the settings name."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from bot.domain.channels import CapabilitiesOf
from bot.domain.incidents import (
    STOPPED,
    Incident,
    IncidentDiff,
    alarms,
    compare_sources,
    report_incident,
    resolve_incidents,
)
from bot.domain.matcher import SubscriptionMatcher
from bot.pipeline.ports.incidents import IncidentStore
from bot.pipeline.ports.papers import DigestStore, PaperStore
from bot.pipeline.sources import Fetcher
from bot.pipeline.subscribers import SubscriberRegistry

log = logging.getLogger(__name__)

ChangeIncidents = Callable[[Sequence[Incident]], IncidentDiff]
"""A function from the open incidents to their change."""


class IncidentLog:
    """Keeps the open incidents, and plans an alarm to each subscriber in `to` when one begins and when it ends."""

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
        """Number of changes that this process has made."""

    def on_planned(self, call: Callable[[], object]) -> None:
        """Have this called after alarms were planned, in the thread that planned them."""
        self._on_planned = call

    def apply(self, change: ChangeIncidents, now: datetime) -> IncidentDiff:
        """Store the change and plan the alarms on it in one transaction; log what began and ended."""
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
                _event(incident, "incident_opened"),
                extra={"subject": incident.subject, "kind": incident.kind, "what": incident.what},
            )
        for incident in diff.closed:
            log.info(
                _event(incident, "incident_closed"),
                extra={"subject": incident.subject, "kind": incident.kind, "since": incident.since},
            )
        if planned:
            self._on_planned()
        return diff

    def report(self, subject: str, what: str, now: datetime, kind: str = STOPPED) -> IncidentDiff:
        """Record trouble with a channel, a target, a task or a job."""
        return self._apply_if_needed(lambda before: report_incident(subject, kind, what, before, now), now)

    def resolve(self, subject: str, now: datetime, *kinds: str) -> None:
        """Record that the subject's incidents of these kinds (of any, where none is named) are over."""
        self._apply_if_needed(lambda before: resolve_incidents(subject, before, *kinds), now)

    def _apply_if_needed(self, change: ChangeIncidents, now: datetime) -> IncidentDiff:
        before = self._incidents.open_incidents()
        diff = change(before)
        return (
            diff if diff.open == before else self.apply(change, now)
        )  # most often there is nothing to write


def _event(incident: Incident, what: str) -> str:
    return f"{incident.area.removesuffix('s')}.{what}"


class SourceWatch:
    """Watch over the sources: turns what the doctor and the fetcher find into incidents."""

    def __init__(
        self, digests: DigestStore, papers: PaperStore, incidents: IncidentLog, fetcher: Fetcher
    ) -> None:
        self._digests = digests
        self._papers = papers
        self._incidents = incidents
        self._fetcher = fetcher

    def check(self, now: datetime) -> IncidentDiff:
        """Compare the findings on all that was read so far with the open incidents."""
        from bot.pipeline.doctor import Doctor  # late: no other part of a running service asks it

        doctor = Doctor(self._digests, self._papers, SubscriptionMatcher(()), now.date())
        findings = (*doctor.sources(), *self._fetcher.findings())
        return self._incidents.apply(lambda before: compare_sources(findings, before, now), now)
