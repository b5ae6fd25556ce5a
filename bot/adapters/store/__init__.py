"""The state, kept by SQLAlchemy Core."""

import secrets
from collections.abc import Callable
from datetime import timedelta
from itertools import count

from bot.adapters.store.cluster import LeaderElection, WakeUp
from bot.adapters.store.deliveries import Deliveries
from bot.adapters.store.digests import StoredIntake, StoredRecords
from bot.adapters.store.engine import PATIENCE, close_engine, open_engine
from bot.adapters.store.full_text import FullText
from bot.adapters.store.incidents import Incidents
from bot.adapters.store.maintenance import Maintenance
from bot.adapters.store.outbox import Outbox
from bot.adapters.store.papers import StoredPapers
from bot.adapters.store.quizzes import StoredQuizzes
from bot.adapters.store.tokens import StoredTokens
from bot.adapters.store.updates import StoredUpdates


class Store:
    """One state, opened, with its parts: `intake`, `outbox`, `deliveries`, `papers`, `full_text`, `records`, `incidents`,
    `quizzes`, `tokens`, `updates`, `maintenance`; its `wake_up` and `leader_election` are for several machines.

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
        self.wake_up = WakeUp(self._engine)
        self.leader_election = LeaderElection(self._engine)
        self.intake = StoredIntake(self._engine)
        self.outbox = Outbox(self._engine, new_message_name or _names_in_a_row())
        self.deliveries = Deliveries(self._engine)
        self.papers = StoredPapers(self._engine)
        self.full_text = FullText(self._engine)
        self.records = StoredRecords(self._engine)
        self.incidents = Incidents(self._engine)
        self.quizzes = StoredQuizzes(self._engine)
        self.tokens = StoredTokens(self._engine)
        self.updates = StoredUpdates(self._engine)
        self.maintenance = Maintenance(self._engine)

    def close(self) -> None:
        """Let go of every connection, at the latest when the thread that uses it is done with it."""
        close_engine(self._engine)


def _names_in_a_row() -> Callable[[], str]:
    """Names that nobody else gives, each beside the one before it in the indices that hold them."""
    ours, numbers = secrets.token_hex(10), count()
    return lambda: f"{ours}{next(numbers):012x}"


__all__ = ["Store"]
