"""Delivery reports: suspends addresses that do not exist, that are unreachable for days, or whose owners complain."""

import logging
from datetime import datetime

from bot.domain.channels import ChannelKind
from bot.domain.delivery import DEAD_ADDRESS
from bot.domain.errors import ReportsUnreadable
from bot.domain.incidents import REFUSED, REPORTS
from bot.domain.reports import DeliveryReport
from bot.pipeline.incidents import IncidentLog
from bot.pipeline.ports import ReportBox, TokenStore
from bot.pipeline.ports.outbox import DeliveryStore

log = logging.getLogger(__name__)


class ReportReader:
    """Reads a channel's box of reports. A report counts for the target whose token it has; without one it is ignored."""

    def __init__(
        self,
        kind: ChannelKind,
        box: ReportBox,
        tokens: TokenStore,
        deliveries: DeliveryStore,
        incidents: IncidentLog,
    ) -> None:
        self._kind = kind
        self._box = box
        self._tokens = tokens
        self._deliveries = deliveries
        self._incidents = incidents

    def read(self, now: datetime) -> int:
        """Read all new reports; gives the number of targets that were suspended.

        Each report is marked as read after what follows from it is stored, so that none is lost. A box that cannot be read
        is an incident.
        """
        suspended = 0

        def take(report: DeliveryReport) -> None:
            nonlocal suspended
            suspended += self._take(report, now)

        try:
            self._box.read(take)
        except ReportsUnreadable as error:
            self._incidents.report(self._kind, str(error), now, REPORTS)
        else:
            self._incidents.resolve(self._kind, now, REPORTS)
        return suspended

    def _take(self, report: DeliveryReport, now: datetime) -> bool:
        """Apply a report; True where it suspended a target."""
        subjects = (self._tokens.subject("return", token) for token in report.tokens)
        target = next(filter(None, subjects), None)
        if target is None:
            log.warning("report.unknown_token", extra={"kind": report.kind, "what": report.what})
            return False
        log.info("report.read", extra={"target": target, "kind": report.kind, "what": report.what})
        match report.kind:
            case "complaint":  # the recipient's choice, and so no incident
                return self._deliveries.opt_out(target, "complained", now)
            case "gone":
                return self._suspend(target, f"{DEAD_ADDRESS}: {report.what}", now)
            case _:
                bounces = self._deliveries.note_bounce(target, now.date())
                error = f"not reached on {bounces.days} days: {report.what}"
                return bounces.are_too_many and self._suspend(target, error, now)

    def _suspend(self, target: str, error: str, now: datetime) -> bool:
        """Suspend the target and report that; False where it is suspended already."""
        suspended = self._deliveries.suspend(target, error, now)
        if suspended:
            self._incidents.report(target, error, now, REFUSED)
        return suspended
