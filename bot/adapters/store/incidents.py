"""Open incidents, few as they are, in one row of `meta`; what is to be told of them is planned beside them."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, Engine, select

from bot.adapters.store.bulletins import plan
from bot.adapters.store.engine import reading, writing
from bot.adapters.store.schema import meta
from bot.adapters.store.sql import insert
from bot.domain.alarms import Incident
from bot.domain.bulletins import Bulletin

_KEY = "incidents"


class StoredIncidents:
    """See the port for what each method promises."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def open_incidents(self) -> tuple[Incident, ...]:
        with reading(self._engine) as connection:
            return _open(connection)

    @contextmanager
    def change(self) -> Iterator["StoredChange"]:
        with writing(self._engine, alone=True) as connection:
            yield StoredChange(connection)


class StoredChange:
    """See the port for what each method promises."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def open_incidents(self) -> tuple[Incident, ...]:
        return _open(self._connection)

    def keep_incidents(self, incidents: Sequence[Incident]) -> None:
        value = json.dumps(
            [(one.source, one.kind, one.what, one.since.isoformat(), one.area) for one in incidents]
        )
        statement = insert(self._connection, meta).values(key=_KEY, value=value)
        self._connection.execute(
            statement.on_conflict_do_update(index_elements=["key"], set_={"value": value})
        )

    def plan_bulletins(self, bulletins: Sequence[Bulletin]) -> int:
        return plan(self._connection, bulletins)


def _open(connection: Connection) -> tuple[Incident, ...]:
    value = connection.execute(select(meta.c.value).where(meta.c.key == _KEY)).scalar()
    return tuple(
        Incident(
            source=source,
            kind=kind,
            what=what,
            since=datetime.fromisoformat(since),
            area=area[0] if area else "sources",  # written before channels had any
        )
        for source, kind, what, since, *area in json.loads(value or "[]")
    )
