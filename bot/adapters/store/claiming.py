"""Claiming: which places may be sent to now, which rows go out together, and the lease on them."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, cast

from sqlalchemy import Connection

from bot.adapters.store.places import refresh_ready
from bot.adapters.store.runs import in_runs
from bot.adapters.store.schema import KINDS, STATES, micros, moment_of
from bot.adapters.store.sql import Statement, inserting, updating
from bot.domain.delivery import Kind, Target, delivery_key, next_message
from bot.domain.papers import PaperId
from bot.domain.subscriptions import ChannelKind
from bot.pipeline.ports import Claim, ClaimedRow

_KINDS: dict[int, Kind] = {code: cast(Kind, kind) for kind, code in KINDS.items()}
_LOOKED_AT = 500
"""So many of a place's due rows are looked at to put its next message together."""

_PLACES = (
    "SELECT number, key, kind, address FROM targets WHERE ready_at IS NOT NULL AND ready_at <= :now"
    " AND lease_until IS NULL AND suspended IS NULL AND (wait_until IS NULL OR wait_until <= :now)"
    " AND kind = ANY(:kinds) ORDER BY ready_at, number LIMIT :most"
)
_READY = Statement(_PLACES, postgresql=f"{_PLACES} FOR NO KEY UPDATE SKIP LOCKED")
_ROW = "one.seq, one.target, one.subscriber, one.kind, one.paper, one.part, one.batch, one.attempts"
_WAITING = "one.target = {place} AND one.settled_at IS NULL"
"""A place that nobody has leased has nothing on its way: all its open rows wait."""
_NAMED = (
    "SELECT one.seq, one.target, one.subscriber, one.kind, one.part, one.batch, one.attempts,"
    " papers.id, subscribers.id FROM ({rows}) AS one JOIN papers ON papers.position = one.paper"
    " JOIN subscribers ON subscribers.number = one.subscriber"
)
_DUE = Statement(
    _NAMED.format(
        rows=f"SELECT {_ROW} FROM json_each(:places) AS given JOIN deliveries AS one ON one.seq IN"
        f" (SELECT one.seq FROM deliveries AS one WHERE {_WAITING.format(place='given.value')}"
        " AND one.due_at <= :now ORDER BY one.seq LIMIT :most)"
    ),
    postgresql=_NAMED.format(
        rows="SELECT one.* FROM unnest(:places::bigint[]) AS given(number) CROSS JOIN LATERAL"
        f" (SELECT {_ROW} FROM deliveries AS one WHERE {_WAITING.format(place='given.number')}"
        " AND one.due_at <= :now ORDER BY one.seq LIMIT :most) AS one"
    ),
)
_AGAIN = Statement(
    _NAMED.format(
        rows=f"SELECT {_ROW} FROM deliveries AS one WHERE one.batch IS NOT NULL AND one.batch = ANY(:messages)"
        " AND one.settled_at IS NULL"
    )
)
_TRIED = Statement("SELECT number, id, created_at FROM batches WHERE number = ANY(:messages)")
_BEGIN_MESSAGE = inserting(
    "batches",
    {
        "number": "bigint",
        "id": "text",
        "target": "bigint",
        "subscriber": "bigint",
        "kind": "smallint",
        "created_at": "bigint",
    },
    on_conflict="(number) DO NOTHING",
)
_SENDING = f"state = {STATES['sending']}, batch = :message, attempts = attempts + 1"
_SEND = updating("deliveries", _SENDING, where="seq = :row", columns={"row": "bigint", "message": "bigint"})
_SEND_RUN = updating(
    "deliveries",
    _SENDING,
    where="seq BETWEEN :first AND :last",
    columns={"first": "bigint", "last": "bigint", "message": "bigint"},
)
_LEASE = updating(
    "targets",
    "lease_until = :until, sending = :lease, ready_at = NULL",
    where="number = :place",
    columns={"place": "bigint", "until": "bigint", "lease": "bigint"},
)


class _Row(NamedTuple):
    """A row that waits, in the numbers of the state, and the names of its paper and subscriber."""

    seq: int
    target: int
    subscriber_id: int
    code: int
    part: str
    batch: int | None
    attempts: int
    paper: PaperId
    subscriber: str

    @property
    def kind(self) -> Kind:
        return _KINDS[self.code]


class _Place(NamedTuple):
    number: int
    key: str
    kind: ChannelKind
    address: str


def claim(
    connection: Connection,
    now: datetime,
    *,
    lease_until: datetime,
    limit: int,
    kinds: Sequence[ChannelKind],
    new_batch: Callable[[], str],
    new_lease: Callable[[], int],
) -> tuple[Claim, ...]:
    """See the port; inside a transaction that writes."""
    moment = micros(now)
    ready = _READY.rows(connection, now=moment, kinds=list(kinds), most=limit)
    places = {row[0]: _Place._make(row) for row in ready}
    if not places:
        return ()
    rows = _rows(connection, places, moment)
    taken = [
        (place, next_message(rows[number], place.kind)) for number, place in places.items() if rows[number]
    ]
    refresh_ready(connection, [place.key for number, place in places.items() if not rows[number]])
    tried = _tried(connection, {message[0].batch for _, message in taken if message[0].batch is not None})
    claims = [_claim(place, message, tried, now, new_batch, new_lease()) for place, message in taken]
    _take(connection, taken, claims, micros(lease_until))
    return tuple(claims)


def _rows(connection: Connection, places: Iterable[int], now: int) -> dict[int, list[_Row]]:
    """The rows that each place's next message may take: the oldest ones, and not all of a long backlog.

    Where a message that was tried before comes next, exactly its rows.
    """
    found: dict[int, list[_Row]] = defaultdict(list)
    due = _DUE.rows(connection, places=list(places), now=now, most=_LOOKED_AT)
    for row in map(_Row._make, sorted(due)):
        found[row.target].append(row)
    tried = [rows[0].batch for rows in found.values() if rows[0].batch is not None]
    if tried:
        again: dict[int, list[_Row]] = defaultdict(list)
        for row in map(_Row._make, sorted(_AGAIN.rows(connection, messages=tried))):
            again[row.target].append(row)
        found.update(again)
    return found


def _tried(connection: Connection, messages: Collection[int]) -> dict[int, tuple[str, int]]:
    """The name of each message, and when it was made."""
    if not messages:
        return {}
    return {number: (name, made) for number, name, made in _TRIED.rows(connection, messages=list(messages))}


def _claim(
    place: _Place,
    message: Sequence[_Row],
    tried: Mapping[int, tuple[str, int]],
    now: datetime,
    new_batch: Callable[[], str],
    lease: int,
) -> Claim:
    head = message[0]
    kind = head.kind
    number = head.seq if head.batch is None else head.batch
    name, made = tried[number] if head.batch is not None else (new_batch(), None)
    return Claim(
        number=number,
        batch=name,
        key=place.key,
        target=Target(kind=place.kind, address=place.address),
        subscriber=head.subscriber,
        kind=kind,
        rows=tuple(
            [
                ClaimedRow(
                    row.seq, delivery_key(place.key, row.kind, row.paper, row.part), row.paper, row.part
                )
                for row in message
            ]
        ),
        attempts=head.attempts + 1,
        created_at=now if made is None else moment_of(made),
        lease=lease,
    )


def _take(
    connection: Connection,
    taken: Sequence[tuple[_Place, Sequence[_Row]]],
    claims: Sequence[Claim],
    until: int,
) -> None:
    both = list(zip(taken, claims, strict=True))
    _BEGIN_MESSAGE.run(
        connection,
        [
            (
                one.number,
                one.batch,
                place.number,
                rows[0].subscriber_id,
                rows[0].code,
                micros(one.created_at),
            )
            for (place, rows), one in both
            if rows[0].batch is None
        ],
    )
    runs, single = in_runs(connection, [(one.number, one.rows) for one in claims])
    _SEND_RUN.run(connection, [(rows[0].seq, rows[-1].seq, message) for message, rows in runs])
    _SEND.run(connection, [(row.seq, message) for message, row in single])
    _LEASE.run(connection, [(place.number, until, one.lease) for (place, _), one in both])
