"""Channels that are left alone because nobody on them can be reached."""

import json
from datetime import datetime

from sqlalchemy import Connection, Engine, delete

from bot.adapters.store.engine import reading, writing
from bot.adapters.store.schema import meta
from bot.adapters.store.sql import Statement, insert
from bot.domain.subscriptions import CHANNEL_KINDS, ChannelKind
from bot.pipeline.ports import Stop

_STOP = "stopped:"
"""What the rows of `meta` that hold the stops begin with."""
_NAMES: dict[str, ChannelKind] = {_STOP + kind: kind for kind in CHANNEL_KINDS}
_STOPS = Statement("SELECT key, value FROM meta WHERE key = ANY(:names)")


def stops(connection: Connection) -> dict[ChannelKind, Stop]:
    """The stopped channels."""
    return {_NAMES[key]: _stop(value) for key, value in _STOPS.rows(connection, names=list(_NAMES))}


class StoredStops:
    """The outbox's part that stops and opens channels."""

    _engine: Engine

    def stop_channel(self, kind: ChannelKind, reason: str, until: datetime, now: datetime) -> None:
        with writing(self._engine, alone=True) as connection:
            before = stops(connection).get(kind)
            since = before.since if before else now
            until = max(until, before.until) if before else until
            value = json.dumps([reason, since.isoformat(), until.isoformat()])
            statement = insert(connection, meta).values(key=_STOP + kind, value=value)
            connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_={"value": value}))

    def open_channel(self, kind: ChannelKind) -> None:
        with writing(self._engine) as connection:
            connection.execute(delete(meta).where(meta.c.key == _STOP + kind))

    def stopped_channels(self) -> dict[ChannelKind, Stop]:
        with reading(self._engine) as connection:
            return stops(connection)


def _stop(value: str) -> Stop:
    reason, since, until = json.loads(value)
    return Stop(reason=reason, since=datetime.fromisoformat(since), until=datetime.fromisoformat(until))
