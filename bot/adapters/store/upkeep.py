"""Thinning: old messages and updates lose what nobody asks for any more."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine, delete, update

from bot.adapters.store.columns import micros
from bot.adapters.store.engine import writing
from bot.adapters.store.schema import files, updates
from bot.adapters.store.statements import Statement, chunks
from bot.adapters.store_version import STATES

_OLD = Statement(
    "SELECT number FROM messages WHERE created_at < :before AND NOT EXISTS"
    " (SELECT 1 FROM deliveries AS one WHERE one.message = messages.number"
    " AND (one.settled_at IS NULL OR one.settled_at >= :before"
    " OR one.state NOT IN ({sent}, {merged}, {limited})"
    # what the daily limit kept out is still to be named by the message that comes next
    " OR one.state = {limited} AND messages.remote_id IS NULL)) LIMIT :most".format(**STATES)
)
_FORGET = Statement(
    "UPDATE deliveries SET message = NULL, rank = NULL, error = NULL"
    " WHERE message IS NOT NULL AND message = ANY(:messages)"
)
_DROP = Statement("DELETE FROM messages WHERE number = ANY(:messages)")


class StoredUpkeep:
    """See the port for what each method promises."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def thin_messages(self, before: datetime, limit: int) -> int:
        with writing(self._engine, alone=True) as connection:
            old = _OLD.run(connection, before=micros(before), most=limit).scalars().all()
            if old:
                _FORGET.run(connection, messages=list(old))
                _DROP.run(connection, messages=list(old))
        return len(old)

    def thin_updates(self, before: datetime) -> int:
        with writing(self._engine) as connection:
            return connection.execute(
                update(updates).where(updates.c.taken_at < before, updates.c.body != "").values(body="")
            ).rowcount

    def forget_unreadable(self, names: Sequence[str]) -> None:
        with writing(self._engine) as connection:
            for chunk in chunks(names):
                connection.execute(delete(files).where(files.c.name.in_(chunk), files.c.error.is_not(None)))
