"""Store: the state in SQLite or PostgreSQL, by SQLAlchemy Core.

Each part is imported on first use: most commands need only two or three.
"""

import secrets
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from bot.adapters.store.engine import PATIENCE, close_engine, open_engine
from bot.adapters.store.full_text import FullText
from bot.adapters.store.owners import owner_of

if TYPE_CHECKING:
    from bot.adapters.store.chats import ChatTables
    from bot.adapters.store.cluster import LeaderElection, WakeUp
    from bot.adapters.store.deliveries import Deliveries
    from bot.adapters.store.digests import Digests
    from bot.adapters.store.incidents import Incidents
    from bot.adapters.store.maintenance import Maintenance
    from bot.adapters.store.outbox import Outbox
    from bot.adapters.store.papers import Papers
    from bot.adapters.store.preferences import PreferenceTables
    from bot.adapters.store.quizzes import QuizTables
    from bot.adapters.store.sign_ups import SignUpTable
    from bot.adapters.store.sources import Sources
    from bot.adapters.store.tokens import Tokens
    from bot.adapters.store.updates import Updates


class Store:
    """An open state: one attribute for each group of tables, and two for several machines on one state.

    Opening migrates the schema, or raises StateError. All parts may be used from several threads; writers queue, and one
    that waits longer than `patience` raises StateLocked. `folder` is for files that belong to this machine, where the
    state is not a file itself.
    """

    def __init__(
        self,
        url: str,
        *,
        new_message_name: Callable[[], str] | None = None,
        patience: timedelta = PATIENCE,
        folder: Path | None = None,
    ) -> None:
        self._engine = open_engine(url, patience)
        self._owner = owner_of(self._engine, folder)
        self._new_message_name = new_message_name or _ascending_names()
        self.full_text = FullText(self._engine)

    @cached_property
    def wake_up(self) -> "WakeUp":
        from bot.adapters.store.cluster import WakeUp

        return WakeUp(self._engine)

    @cached_property
    def leader_election(self) -> "LeaderElection":
        from bot.adapters.store.cluster import LeaderElection

        return LeaderElection(self._engine)

    @cached_property
    def digests(self) -> "Digests":
        from bot.adapters.store.digests import Digests

        return Digests(self._engine)

    @cached_property
    def outbox(self) -> "Outbox":
        from bot.adapters.store.outbox import Outbox

        return Outbox(self._engine, self._new_message_name, self._owner)

    @cached_property
    def deliveries(self) -> "Deliveries":
        from bot.adapters.store.deliveries import Deliveries

        return Deliveries(self._engine)

    @cached_property
    def papers(self) -> "Papers":
        from bot.adapters.store.papers import Papers

        return Papers(self._engine)

    @cached_property
    def incidents(self) -> "Incidents":
        from bot.adapters.store.incidents import Incidents

        return Incidents(self._engine)

    @cached_property
    def quizzes(self) -> "QuizTables":
        from bot.adapters.store.quizzes import QuizTables

        return QuizTables(self._engine)

    @cached_property
    def preferences(self) -> "PreferenceTables":
        from bot.adapters.store.preferences import PreferenceTables

        return PreferenceTables(self._engine)

    @cached_property
    def chats(self) -> "ChatTables":
        from bot.adapters.store.chats import ChatTables

        return ChatTables(self._engine)

    @cached_property
    def sign_ups(self) -> "SignUpTable":
        from bot.adapters.store.sign_ups import SignUpTable

        return SignUpTable(self._engine)

    @cached_property
    def tokens(self) -> "Tokens":
        from bot.adapters.store.tokens import Tokens

        return Tokens(self._engine)

    @cached_property
    def updates(self) -> "Updates":
        from bot.adapters.store.updates import Updates

        return Updates(self._engine)

    @cached_property
    def maintenance(self) -> "Maintenance":
        from bot.adapters.store.maintenance import Maintenance

        return Maintenance(self._engine)

    @cached_property
    def sources(self) -> "Sources":
        from bot.adapters.store.sources import Sources

        return Sources(self._engine)

    def close(self) -> None:
        """Close every connection, at the latest when its thread is done with it; claims come free."""
        self._owner.close()
        close_engine(self._engine)


def _ascending_names() -> Callable[[], str]:
    """Unique names in ascending order, so that new rows are stored side by side."""
    prefix, numbers = secrets.token_hex(10), count()
    return lambda: f"{prefix}{next(numbers):012x}"


__all__ = ["Store"]
