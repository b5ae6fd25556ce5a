"""The outbox over a database: claims under a lease, and how each send ended.

A place (`targets`) is what is claimed: while it is leased nobody else sends to it, which keeps the order
of its rows. `ready_at` says when it next has something to send, so that a claim costs what it takes and
not what waits.
"""

import secrets
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import cast

from sqlalchemy import Engine

from bot.adapters.store.claiming import claim
from bot.adapters.store.columns import micros, moment_of
from bot.adapters.store.engine import reading, writing
from bot.adapters.store.rows import ROWS, key_of
from bot.adapters.store.schema import batches, deliveries
from bot.adapters.store.settling import lift_leases, settle
from bot.adapters.store.statements import Statement
from bot.adapters.store.stopping import stops
from bot.adapters.store_version import KINDS, STATES
from bot.domain.delivery import HARMLESS_TWICE, Receipt, State, Target, delivery_key
from bot.domain.papers import PaperId
from bot.domain.subscriptions import CHANNEL_KINDS, ChannelKind
from bot.pipeline.ports import Alert, Claim, ClaimedRow, Outcome

NEVER_SEEN = "the answer was never seen"
_RANDOM_BITS = 61
"""Leases of a process are counted from a number so large that no two processes meet; it has room in a bigint."""


class StoredOutbox:
    """See the port for what each method promises. `new_batch` names a message, `new_lease` a claim; never the
    same twice.
    """

    def __init__(
        self, engine: Engine, new_batch: Callable[[], str], new_lease: Callable[[], int] | None = None
    ) -> None:
        self._engine = engine
        self._new_batch = new_batch
        self._new_lease = new_lease or count(secrets.randbits(_RANDOM_BITS)).__next__

    def claim(
        self, now: datetime, *, lease: timedelta, limit: int, kinds: Sequence[ChannelKind]
    ) -> tuple[Claim, ...]:
        with writing(self._engine) as connection:
            return claim(
                connection,
                now,
                lease_until=now + lease,
                limit=limit,
                kinds=kinds,
                new_batch=self._new_batch,
                new_lease=self._new_lease,
            )

    def settle(self, outcomes: Sequence[Outcome], now: datetime) -> None:
        with writing(self._engine) as connection:
            settle(connection, outcomes, now)

    def expire(self, now: datetime, *, again: Collection[ChannelKind] = HARMLESS_TWICE) -> int:
        with writing(self._engine) as connection:
            return lift_leases(connection, now, NEVER_SEEN, again)

    def next_due(self, kinds: Sequence[ChannelKind] = CHANNEL_KINDS) -> datetime | None:
        with reading(self._engine) as connection:
            stopped = stops(connection)
            ((*ready, lease),) = _NEXT.rows(connection)
        moments = [
            max(moment_of(moment), stopped[kind].until) if kind in stopped else moment_of(moment)
            for kind, moment in zip(CHANNEL_KINDS, ready, strict=True)
            if moment is not None and kind in kinds
        ]
        if lease is not None:
            moments.append(moment_of(lease))
        return min(moments, default=None)

    def told_since(self, target: str, since: datetime) -> int:
        with reading(self._engine) as connection:
            ((told,),) = _TOLD.rows(connection, target=target, since=micros(since))
        return int(told or 0)

    def sends_since(self, target: str, since: datetime) -> tuple[datetime, ...]:
        with reading(self._engine) as connection:
            rows = _SENDS.rows(connection, target=target, since=micros(since))
        return tuple(moment_of(moment) for (moment,) in rows)

    def unnamed(self, target: str) -> tuple[tuple[str, PaperId], ...]:
        with reading(self._engine) as connection:
            rows = _UNNAMED.rows(connection, target=target)
        return tuple((delivery_key(target, "alert", paper), paper) for (paper,) in rows)

    def alert_on(self, target: str, paper: PaperId) -> Alert | None:
        with reading(self._engine) as connection:
            rows = _ALERT.rows(connection, target=target, paper=paper)
        for code, batch, message in rows:
            state = _STATES[code]
            went_out = message and state in ("sent", "merged")
            return Alert(state=state, batch=batch, receipt=Receipt(message=message) if went_out else None)
        return None

    def rows_of(self, batch: str) -> tuple[Claim, Receipt | None] | None:
        query = (
            ROWS.add_columns(
                batches.c.number, batches.c.kind.label("sent_as"), batches.c.created_at.label("made_at")
            )
            .where(batches.c.id == batch, deliveries.c.batch.is_not(None))
            .order_by(deliveries.c.place.nulls_last(), deliveries.c.seq)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        if not rows:
            return None
        head = rows[0]
        claim = Claim(
            number=head.number,
            batch=batch,
            key=head.target,
            target=Target(kind=head.channel, address=head.address),
            subscriber=head.subscriber,
            kind=head.sent_as,
            rows=tuple(
                ClaimedRow(
                    seq=row.seq,
                    key=key_of(row),
                    paper=PaperId(row.paper),
                    part=row.part,
                    shown=row.place is not None,
                )
                for row in rows
            ),
            attempts=head.attempts,
            created_at=head.made_at,
        )
        return claim, Receipt(message=head.message) if head.message else None


def _next_ready(kind: ChannelKind) -> str:
    """Walks the index of what is ready from its beginning, and so costs little however much waits."""
    return (
        "(SELECT ready_at FROM targets WHERE ready_at IS NOT NULL AND lease_until IS NULL AND suspended IS NULL"
        f" AND kind = '{kind}' ORDER BY ready_at, number LIMIT 1)"
    )


_STATES: dict[int, State] = {code: cast(State, state) for state, code in STATES.items()}
_NEXT = Statement(
    f"SELECT {', '.join(map(_next_ready, CHANNEL_KINDS))},"
    " (SELECT min(lease_until) FROM targets WHERE lease_until IS NOT NULL)"
)
"""When each channel next has something ready, and when the first lease ends."""
_PLACE = "(SELECT number FROM targets WHERE key = :target)"
_WENT_OUT = f"FROM batches WHERE target = {_PLACE} AND settled_at >= :since AND settled_at IS NOT NULL"
_TOLD = Statement(f"SELECT sum(told) {_WENT_OUT}")
_SENDS = Statement(f"SELECT settled_at {_WENT_OUT} ORDER BY settled_at")
_UNNAMED = Statement(
    "SELECT papers.id FROM deliveries AS one JOIN batches ON batches.number = one.batch"
    f" JOIN papers ON papers.position = one.paper WHERE one.target = {_PLACE}"
    f" AND one.state = {STATES['limited']} AND one.kind = {KINDS['alert']} AND batches.message IS NULL ORDER BY one.seq"
)
_ALERT = Statement(
    "SELECT one.state, batches.id, batches.message FROM deliveries AS one"
    f" LEFT JOIN batches ON batches.number = one.batch WHERE one.target = {_PLACE}"
    f" AND one.paper = (SELECT position FROM papers WHERE id = :paper) AND one.kind = {KINDS['alert']}"
)
