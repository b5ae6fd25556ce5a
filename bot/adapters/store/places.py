"""The places that messages go to: holding them while something changes, and when they are next ready."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from bot.adapters.store.schema import micros
from bot.adapters.store.sql import Statement, updating

_HOLD = Statement(
    "SELECT key, number, sending FROM targets WHERE key = ANY(:places)",
    postgresql="SELECT key, number, sending FROM targets WHERE key = ANY(:places) ORDER BY key FOR NO KEY UPDATE",
)

_READY_AT = (
    "(SELECT CASE WHEN min(one.due_at) < {until} THEN {until} ELSE min(one.due_at) END"
    " FROM deliveries AS one WHERE one.target = targets.number AND one.settled_at IS NULL)"
)
"""From the index of open rows alone. What is on its way counts as well: a place that is leased is worked out
anew when the lease ends.
"""

_FREE = updating(
    "targets",
    "lease_until = NULL, sending = NULL, wait_until = :until,"
    f" ready_at = {_READY_AT.format(until='CAST(:until AS bigint)')}",
    where="number = :place",
    columns={"place": "bigint", "until": "bigint"},
)
_REFRESH = updating(
    "targets",
    f"ready_at = {_READY_AT.format(until='wait_until')}",
    where="key = :name",
    columns={"name": "text"},
)


class Held(NamedTuple):
    """A place that is held, and the lease that it is under."""

    number: int
    lease: int | None


def hold(connection: Connection, places: Iterable[str]) -> dict[str, Held]:
    """Let nobody else claim or change these places until the transaction ends; what is found of them."""
    return {key: Held(*of) for key, *of in _HOLD.rows(connection, places=list(places))}


def free(connection: Connection, ended: Iterable[tuple[int, datetime | None]]) -> None:
    """End the leases on the places of these numbers; each place then waits until its moment."""
    _FREE.run(connection, [(place, micros(until) if until else None) for place, until in ended])


def refresh_ready(connection: Connection, places: Iterable[str]) -> None:
    """Work out anew when these places next have something to send."""
    _REFRESH.run(connection, [(name,) for name in places])
