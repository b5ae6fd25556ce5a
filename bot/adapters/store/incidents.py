"""Open incidents and stopped channels over a database, in rows of `meta`, since they are few."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, Engine, delete, select

from bot.adapters.store.cluster import notify
from bot.adapters.store.engine import reading, writing
from bot.adapters.store.planning import Planning
from bot.adapters.store.schema import meta, written_texts
from bot.adapters.store.sql import Statement, insert, upsert
from bot.domain.channels import ChannelKind
from bot.domain.incidents import Incident
from bot.domain.message import WrittenDelivery
from bot.pipeline.ports.incidents import Stop

_KEY = "incidents"
_STOP = "stopped:"
"""Prefix of the keys of `meta` that hold the stops."""
_STOPS = Statement(
    "SELECT key, value FROM meta WHERE key >= 'stopped:' AND key < 'stopped;'",
    postgresql="SELECT key, value FROM meta WHERE substr(key, 1, 8) = 'stopped:'",
)
"""A range of the index on SQLite; PostgreSQL sorts text by its locale, but `meta` has few rows."""


class Incidents:
    """`IncidentStore` over a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def open_incidents(self) -> tuple[Incident, ...]:
        with reading(self._engine) as connection:
            return _open(connection)

    @contextmanager
    def change(self) -> Iterator["SqlIncidentChange"]:
        with writing(self._engine, alone=True) as connection:
            yield SqlIncidentChange(connection)

    def stop_channel(self, kind: ChannelKind, reason: str, until: datetime, now: datetime) -> None:
        with writing(self._engine, alone=True) as connection:
            before = stops(connection).get(kind)
            since = before.since if before else now
            until = max(until, before.until) if before else until
            value = json.dumps([reason, since.isoformat(), until.isoformat()])
            upsert(connection, meta, {"key": _STOP + kind}, {"value": value})

    def open_channel(self, kind: ChannelKind) -> None:
        with writing(self._engine) as connection:
            connection.execute(delete(meta).where(meta.c.key == _STOP + kind))
            notify(connection)

    def stopped_channels(self) -> dict[ChannelKind, Stop]:
        with reading(self._engine) as connection:
            return stops(connection)


class SqlIncidentChange:
    """`IncidentChange` over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def open_incidents(self) -> tuple[Incident, ...]:
        return _open(self._connection)

    def keep_incidents(self, incidents: Sequence[Incident]) -> None:
        rows = [
            (incident.subject, incident.kind, incident.what, incident.since.isoformat(), incident.area)
            for incident in incidents
        ]
        upsert(self._connection, meta, {"key": _KEY}, {"value": json.dumps(rows)})

    def plan(self, planned: Sequence[WrittenDelivery], now: datetime) -> int:
        texts = [
            {"key": row.delivery.key, "subject": row.text.subject, "body": row.text.body} for row in planned
        ]
        if texts:
            self._connection.execute(insert(self._connection, written_texts).on_conflict_do_nothing(), texts)
        planning = Planning(self._connection)
        return planning.plan([row.delivery for row in planned], planning.new_run(now)) if planned else 0


def stops(connection: Connection) -> dict[ChannelKind, Stop]:
    """The stopped channels."""
    return {key.removeprefix(_STOP): _stop(value) for key, value in _STOPS.rows(connection)}


def _stop(value: str) -> Stop:
    reason, since, until = json.loads(value)
    return Stop(reason=reason, since=datetime.fromisoformat(since), until=datetime.fromisoformat(until))


def _open(connection: Connection) -> tuple[Incident, ...]:
    value = connection.execute(select(meta.c.value).where(meta.c.key == _KEY)).scalar()
    return tuple(
        Incident(subject=subject, kind=kind, what=what, since=datetime.fromisoformat(since), area=area)
        for subject, kind, what, since, area in json.loads(value or "[]")
    )
