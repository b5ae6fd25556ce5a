"""Store: the state in SQLite or PostgreSQL, by SQLAlchemy Core."""

import secrets
from collections.abc import Callable
from datetime import timedelta
from itertools import count

from bot.adapters.store.cluster import LeaderElection, WakeUp
from bot.adapters.store.deliveries import Deliveries
from bot.adapters.store.digests import Digests
from bot.adapters.store.engine import PATIENCE, close_engine, open_engine
from bot.adapters.store.full_text import FullText
from bot.adapters.store.incidents import Incidents
from bot.adapters.store.maintenance import Maintenance
from bot.adapters.store.outbox import Outbox
from bot.adapters.store.owners import owner_of
from bot.adapters.store.papers import Papers
from bot.adapters.store.preferences import PreferenceTables
from bot.adapters.store.quizzes import QuizTables
from bot.adapters.store.sign_ups import SignUpTable
from bot.adapters.store.sources import Sources
from bot.adapters.store.tokens import Tokens
from bot.adapters.store.updates import Updates


class Store:
    """One state, opened, with its parts: `digests`, `outbox`, `deliveries`, `papers`, `full_text`, `incidents`,
    `quizzes`, `preferences`, `sign_ups`, `tokens`, `updates`, `sources`, `maintenance`; its `wake_up` and `leader_election` are for several machines.

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
        self.digests = Digests(self._engine)
        self._owner = owner_of(self._engine)
        self.outbox = Outbox(self._engine, new_message_name or _names_in_a_row(), self._owner)
        self.deliveries = Deliveries(self._engine)
        self.papers = Papers(self._engine)
        self.full_text = FullText(self._engine)
        self.incidents = Incidents(self._engine)
        self.quizzes = QuizTables(self._engine)
        self.preferences = PreferenceTables(self._engine)
        self.sign_ups = SignUpTable(self._engine)
        self.tokens = Tokens(self._engine)
        self.updates = Updates(self._engine)
        self.maintenance = Maintenance(self._engine)
        self.sources = Sources(self._engine)

    def close(self) -> None:
        """Close every connection, at the latest when the thread that uses it is done with it; claims come free."""
        self._owner.close()
        close_engine(self._engine)


def _names_in_a_row() -> Callable[[], str]:
    """Unique names in ascending order, so that each is stored beside the one before it."""
    prefix, numbers = secrets.token_hex(10), count()
    return lambda: f"{prefix}{next(numbers):012x}"


__all__ = ["Store"]
