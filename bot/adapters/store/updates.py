"""Raw updates of the chat service: stored before they are confirmed, each taken by exactly one process."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine, select, update

from bot.adapters.store.engine import reading, writing
from bot.adapters.store.schema import updates
from bot.adapters.store.sql import insert
from bot.pipeline.ports import Update


class Updates:
    """`UpdateStore` over a database; the id of a taken update is kept for good, so that it is never answered twice."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep_updates(self, received: Sequence[Update], now: datetime) -> None:
        if not received:
            return
        rows = [{"id": raw.id, "body": raw.body, "received_at": now} for raw in received]
        with writing(self._engine) as connection:
            connection.execute(insert(connection, updates).on_conflict_do_nothing(), rows)

    def unanswered_updates(self, limit: int) -> tuple[Update, ...]:
        query = (
            select(updates.c.id, updates.c.body)
            .where(updates.c.taken_at.is_(None))
            .order_by(updates.c.id)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return tuple(Update(id=row.id, body=row.body) for row in connection.execute(query))

    def take_update(self, update_id: int, now: datetime) -> bool:
        statement = (
            update(updates)
            .where(updates.c.id == update_id, updates.c.taken_at.is_(None))
            .values(taken_at=now)
        )
        with writing(self._engine) as connection:
            return connection.execute(statement).rowcount > 0

    def last_update(self) -> int | None:
        query = select(updates.c.id).order_by(updates.c.received_at.desc(), updates.c.id.desc()).limit(1)
        with reading(self._engine) as connection:
            last: int | None = connection.execute(query).scalar()
            return last
