"""The incidents that are open: what is wrong with the sources, as last seen."""

from collections.abc import Sequence
from typing import Protocol

from bot.domain.alarms import Incident


class Incidents(Protocol):
    """Where open incidents are kept; each method is one transaction."""

    def open_incidents(self) -> tuple[Incident, ...]:
        """All that are open, in the order in which they were kept."""
        ...

    def keep_incidents(self, incidents: Sequence[Incident]) -> None:
        """Replace all that are open by these."""
        ...
