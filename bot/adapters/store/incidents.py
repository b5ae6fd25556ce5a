"""Open incidents, few as they are, in one row of `meta`."""

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine, select

from bot.adapters.store.engine import reading, writing
from bot.adapters.store.schema import meta
from bot.adapters.store.statements import insert
from bot.domain.alarms import Incident

_KEY = "incidents"


class StoredIncidents:
    """See the port for what each method promises."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def open_incidents(self) -> tuple[Incident, ...]:
        with reading(self._engine) as connection:
            value = connection.execute(select(meta.c.value).where(meta.c.key == _KEY)).scalar()
        return tuple(
            Incident(source=source, kind=kind, what=what, since=datetime.fromisoformat(since))
            for source, kind, what, since in json.loads(value or "[]")
        )

    def keep_incidents(self, incidents: Sequence[Incident]) -> None:
        if tuple(incidents) == self.open_incidents():
            return  # nobody else needs to wait for it
        value = json.dumps([(one.source, one.kind, one.what, one.since.isoformat()) for one in incidents])
        with writing(self._engine) as connection:
            statement = insert(connection, meta).values(key=_KEY, value=value)
            connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_={"value": value}))
