"""Claiming: which places may be sent to now, which rows go out together, and the lease on them."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from bot.adapters.store.places import WAITING, refresh_ready
from bot.adapters.store.schema import micros, moment_of
from bot.adapters.store.statements import Statement, inserting, updating
from bot.domain.delivery import OpenRow, Target, next_message
from bot.domain.papers import PaperId
from bot.domain.subscriptions import ChannelKind
from bot.pipeline.ports import Claim, ClaimedRow

_LOOKED_AT = 500
"""So many of a place's due rows are looked at to put its next message together."""

_PLACES = (
    "SELECT key, kind, address FROM targets WHERE ready_at IS NOT NULL AND ready_at <= :now"
    " AND lease_until IS NULL AND suspended IS NULL AND (wait_until IS NULL OR wait_until <= :now)"
    " AND kind = ANY(:kinds) ORDER BY ready_at, key LIMIT :most"
)
_READY = Statement(_PLACES, postgresql=f"{_PLACES} FOR NO KEY UPDATE SKIP LOCKED")
_ROW = "one.seq, one.key, one.target, one.subscriber, one.kind, one.paper, one.part, one.batch, one.attempts"
_DUE = Statement(
    f"SELECT {_ROW} FROM json_each(:places) AS given JOIN deliveries AS one ON one.seq IN"
    " (SELECT one.seq FROM deliveries AS one"
    f" WHERE one.target = given.value AND {WAITING} AND one.due_at <= :now ORDER BY one.seq LIMIT :most)"
    " ORDER BY one.seq",
    postgresql="SELECT one.* FROM unnest(:places::text[]) AS given(name) CROSS JOIN LATERAL"
    f" (SELECT {_ROW} FROM deliveries AS one"
    f" WHERE one.target = given.name AND {WAITING} AND one.due_at <= :now ORDER BY one.seq LIMIT :most) AS one"
    " ORDER BY one.seq",
)
_AGAIN = Statement(
    f"SELECT {_ROW}, batches.created_at FROM deliveries AS one JOIN batches ON batches.id = one.batch"
    f" WHERE one.batch IS NOT NULL AND one.batch = ANY(:batches) AND {WAITING} ORDER BY one.seq"
)
_BEGIN_MESSAGE = inserting(
    "batches",
    {"id": "text", "target": "text", "subscriber": "text", "kind": "text", "created_at": "bigint"},
    on_conflict="(id) DO NOTHING",
)
_SEND = updating(
    "deliveries",
    "state = 'sending', batch = :message, attempts = attempts + 1",
    where="seq = :number",
    columns={"number": "bigint", "message": "text"},
)
_LEASE = updating(
    "targets",
    "lease_until = :until, ready_at = NULL",
    where="key = :name",
    columns={"name": "text", "until": "bigint"},
)


def claim(
    connection: Connection,
    now: datetime,
    *,
    lease_until: datetime,
    limit: int,
    kinds: Sequence[ChannelKind],
    new_batch: Callable[[], str],
) -> tuple[Claim, ...]:
    """See the port; inside a transaction that writes."""
    moment = micros(now)
    ready = _READY.run(connection, now=moment, kinds=list(kinds), most=limit)
    places = {row.key: Target(kind=row.kind, address=row.address) for row in ready}
    if not places:
        return ()
    rows = _rows(connection, places, moment)
    taken = [(places[key], _message(places[key].kind, rows[key])) for key in places if rows[key]]
    claims = [_claim(place, message, now, new_batch) for place, message in taken]
    refresh_ready(connection, [key for key in places if not rows[key]])
    _BEGIN_MESSAGE.run(
        connection,
        [(one.batch, one.key, one.subscriber, one.kind, micros(one.created_at)) for one in claims],
    )
    _SEND.run(
        connection,
        [(row.seq, one.batch) for one, (_, message) in zip(claims, taken, strict=True) for row in message],
    )
    until = micros(lease_until)
    _LEASE.run(connection, [(one.key, until) for one in claims])
    return tuple(claims)


def _rows(connection: Connection, places: Mapping[str, Target], now: int) -> dict[str, list[Any]]:
    """The rows that each place's next message may take: the oldest ones, and not all of a long backlog.

    Where a message that was tried before comes next, exactly its rows.
    """
    found: dict[str, list[Any]] = defaultdict(list)
    for row in _DUE.run(connection, places=list(places), now=now, most=_LOOKED_AT):
        found[row.target].append(row)
    tried = {rows[0].batch: place for place, rows in found.items() if rows[0].batch}
    if tried:
        again: dict[str, list[Any]] = defaultdict(list)
        for row in _AGAIN.run(connection, batches=list(tried)):
            again[row.target].append(row)
        found.update(again)
    return found


def _message(kind: ChannelKind, rows: Sequence[Any]) -> list[Any]:
    by_seq = {row.seq: row for row in rows}
    candidates = [
        OpenRow(seq=row.seq, subscriber=row.subscriber, kind=row.kind, batch=row.batch) for row in rows
    ]
    return [by_seq[row.seq] for row in next_message(candidates, kind)]


def _claim(place: Target, message: Sequence[Any], now: datetime, new_batch: Callable[[], str]) -> Claim:
    head = message[0]
    return Claim(
        batch=head.batch or new_batch(),
        key=head.target,
        target=place,
        subscriber=head.subscriber,
        kind=head.kind,
        rows=tuple(ClaimedRow(key=row.key, paper=PaperId(row.paper), part=row.part) for row in message),
        attempts=head.attempts + 1,
        created_at=moment_of(head.created_at) if head.batch else now,
    )
