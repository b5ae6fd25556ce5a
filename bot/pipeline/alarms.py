"""Watching the sources: looks, writes down what is wrong, and says what is news, once."""

import logging
from datetime import datetime

from bot.domain.alarms import News, news
from bot.domain.audience import Audience
from bot.pipeline.doctor import Doctor
from bot.pipeline.ports import Records, Shelf
from bot.pipeline.ports.alarms import Incidents

log = logging.getLogger(__name__)


class SourceWatch:
    """Looks after the digests that come, or do not."""

    def __init__(self, records: Records, shelf: Shelf, incidents: Incidents) -> None:
        self._records = records
        self._shelf = shelf
        self._incidents = incidents

    def look(self, now: datetime) -> News:
        """One look at everything read so far; incidents that begin or end are written down and logged, once."""
        doctor = Doctor(self._records, self._shelf, Audience(()), now.date())
        found = news(doctor.sources(), self._incidents.open_incidents(), now)
        self._incidents.keep_incidents(found.open)
        for one in found.opened:
            log.error("source.alarm", extra={"source": one.source, "kind": one.kind, "what": one.what})
        for one in found.closed:
            log.info("source.well_again", extra={"source": one.source, "kind": one.kind, "since": one.since})
        return found
