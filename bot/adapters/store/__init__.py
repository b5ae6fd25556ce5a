"""The state, kept by SQLAlchemy Core."""

import secrets
from collections.abc import Callable
from datetime import timedelta
from itertools import count

from bot.adapters.store.deliveries import Deliveries
from bot.adapters.store.digests import StoredIntake
from bot.adapters.store.engine import PATIENCE, open_engine, writing
from bot.adapters.store.full_text import FullText
from bot.adapters.store.incidents import Incidents
from bot.adapters.store.leadership import StoredLeadership
from bot.adapters.store.listening import StoredBell
from bot.adapters.store.outbox import Outbox
from bot.adapters.store.papers import StoredPapers
from bot.adapters.store.records import StoredRecords
from bot.adapters.store.schema import meta
from bot.adapters.store.statements import insert
from bot.adapters.store.study import StoredStudy
from bot.adapters.store.tokens import StoredTokens
from bot.adapters.store.updates import StoredUpdates
from bot.adapters.store.upkeep import StoredUpkeep
from bot.adapters.store.waits import StoredWaits
from bot.adapters.store_version import CONFIGURATION


class Store:
    """One state, opened, with its parts: `intake`, `outbox`, `deliveries`, `papers`, `full_text`, `records`, `incidents`,
    `study`, `tokens`, `updates`; its `bell` and `leadership` are for several machines.

    Opening brings the schema up to date or raises StateError. All parts may be used from several
    threads at once; writers queue, and one that waits longer than `patience` gets StateLocked.
    """

    def __init__(
        self,
        url: str,
        *,
        new_message_name: Callable[[], str] | None = None,
        patience: timedelta = PATIENCE,
    ) -> None:
        self._engine = open_engine(url, patience)
        self.bell = StoredBell(self._engine)
        self.leadership = StoredLeadership(self._engine)
        self.intake = StoredIntake(self._engine)
        self.outbox = Outbox(self._engine, new_message_name or _names_in_a_row())
        self.deliveries = Deliveries(self._engine)
        self.papers = StoredPapers(self._engine)
        self.full_text = FullText(self._engine)
        self.records = StoredRecords(self._engine)
        self.incidents = Incidents(self._engine)
        self.study = StoredStudy(self._engine)
        self.tokens = StoredTokens(self._engine)
        self.updates = StoredUpdates(self._engine)
        self.upkeep = StoredUpkeep(self._engine)
        self.waits = StoredWaits(self._engine)

    def remember_configuration(self, fingerprint: str) -> None:
        """Write down under which configuration everything due was dealt with; see `adapters/glance.py`."""
        with writing(self._engine) as connection:
            statement = insert(connection, meta).values(key=CONFIGURATION, value=fingerprint)
            connection.execute(
                statement.on_conflict_do_update(index_elements=["key"], set_={"value": fingerprint})
            )

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()


def _names_in_a_row() -> Callable[[], str]:
    """Names that nobody else gives, each beside the one before it in the indices that hold them."""
    ours, numbers = secrets.token_hex(10), count()
    return lambda: f"{ours}{next(numbers):012x}"


__all__ = ["Store"]
