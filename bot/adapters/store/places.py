"""The places that messages go to: holding them while something changes, and when they are next ready."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection

from bot.adapters.store.schema import micros
from bot.adapters.store.statements import Statement, updating

OPEN = "one.state IN ('pending', 'held', 'sending')"
"""Must stand in a query as it is written here: else its partial index is not used."""
WAITING = f"{OPEN} AND one.state <> 'sending'"
"""Rows, called `one`, that may go out when they are due."""

_HOLD = Statement("SELECT key FROM targets WHERE key = ANY(:places) ORDER BY key FOR NO KEY UPDATE")

_SENDING = (
    f"SELECT 1 FROM deliveries AS one WHERE one.target = targets.key AND {OPEN} AND one.state = 'sending'"
)
_READY_AT = (
    "(SELECT CASE WHEN min(one.due_at) < {until} THEN {until} ELSE min(one.due_at) END"
    " FROM deliveries AS one WHERE one.target = targets.key AND " + WAITING + ")"
)

_FREE = updating(
    "targets",
    f"lease_until = NULL, wait_until = :until, ready_at = {_READY_AT.format(until=':until')}",
    where=f"key = :name AND NOT EXISTS ({_SENDING})",
    columns={"name": "text", "until": "bigint"},
)
_REFRESH = updating(
    "targets",
    f"ready_at = {_READY_AT.format(until='wait_until')}",
    where="key = :name",
    columns={"name": "text"},
)


def hold(connection: Connection, places: Iterable[str]) -> None:
    """Let nobody else claim or change these places until the transaction ends."""
    if connection.dialect.name != "sqlite":  # where nobody else writes anyway
        _HOLD.run(connection, places=list(places))


def free(connection: Connection, until: Iterable[tuple[str, datetime | None]]) -> None:
    """End the leases on these places, each of which then waits until its moment.

    One that has rows on their way all the same is somebody else's by now, and left alone.
    """
    _FREE.run(connection, [(name, micros(moment) if moment else None) for name, moment in until])


def refresh_ready(connection: Connection, places: Iterable[str]) -> None:
    """Work out anew when these places next have something to send."""
    _REFRESH.run(connection, [(name,) for name in places])
