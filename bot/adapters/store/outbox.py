"""The outbox over a database: claims under a lease, and how each send ended.

A place (`targets`) is what is claimed: while it is leased nobody else sends to it, which keeps the order
of its rows. `ready_at` says when it next has something to send, so that a claim costs what it takes and
not what waits.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Engine, ScalarSelect, func, select

from bot.adapters.store.claiming import claim
from bot.adapters.store.engine import reading, writing
from bot.adapters.store.schema import LIMITED_ROWS, batches, deliveries, targets
from bot.adapters.store.settling import lift_leases, settle
from bot.adapters.store.stopping import stops
from bot.domain.delivery import HARMLESS_TWICE, Receipt, Target, delivery_key
from bot.domain.papers import PaperId
from bot.domain.subscriptions import CHANNEL_KINDS, ChannelKind
from bot.pipeline.ports import Alert, Claim, ClaimedRow, Outcome

NEVER_SEEN = "the answer was never seen"


class StoredOutbox:
    """See the port for what each method promises. `new_batch` names a message; never the same twice."""

    def __init__(self, engine: Engine, new_batch: Callable[[], str]) -> None:
        self._engine = engine
        self._new_batch = new_batch

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
            *ready, lease = connection.execute(_NEXT).one()
        moments = [
            max(moment, stopped[kind].until) if kind in stopped else moment
            for kind, moment in zip(CHANNEL_KINDS, ready, strict=True)
            if moment is not None and kind in kinds
        ]
        return min(filter(None, (*moments, lease)), default=None)

    def told_since(self, target: str, since: datetime) -> int:
        query = select(func.count()).where(
            deliveries.c.target == target,
            deliveries.c.settled_at >= since,
            deliveries.c.settled_at.is_not(None),
            deliveries.c.kind == "alert",
            deliveries.c.state.in_(("sent", "merged")),
        )
        with reading(self._engine) as connection:
            return connection.execute(query).scalar_one()

    def sends_since(self, target: str, since: datetime) -> tuple[datetime, ...]:
        moment = func.max(deliveries.c.settled_at, type_=deliveries.c.settled_at.type)
        query = (
            select(moment)
            .where(
                deliveries.c.target == target,
                deliveries.c.settled_at >= since,
                deliveries.c.settled_at.is_not(None),
                deliveries.c.state.in_(("sent", "merged", "uncertain")),
            )
            .group_by(deliveries.c.batch)
            .order_by(moment)
        )
        with reading(self._engine) as connection:
            return tuple(connection.execute(query).scalars())

    def unnamed(self, target: str) -> tuple[tuple[str, PaperId], ...]:
        query = (
            select(deliveries.c.key, deliveries.c.paper)
            .join(batches, batches.c.id == deliveries.c.batch)
            .where(
                deliveries.c.target == target,
                LIMITED_ROWS,
                deliveries.c.kind == "alert",
                batches.c.message.is_(None),
            )
            .order_by(deliveries.c.seq)
        )
        with reading(self._engine) as connection:
            return tuple((row.key, PaperId(row.paper)) for row in connection.execute(query))

    def alert_on(self, target: str, paper: PaperId) -> Alert | None:
        query = (
            select(deliveries.c.state, batches.c.id, batches.c.message)
            .outerjoin(batches, batches.c.id == deliveries.c.batch)
            .where(deliveries.c.key == delivery_key(target, "alert", paper))
        )
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        went_out = row.state in ("sent", "merged") and row.message
        return Alert(
            state=row.state, batch=row.id, receipt=Receipt(message=row.message) if went_out else None
        )

    def rows_of(self, batch: str) -> tuple[Claim, Receipt | None] | None:
        query = (
            select(
                batches,
                targets.c.address,
                targets.c.kind.label("channel"),
                deliveries.c.key,
                deliveries.c.paper,
                deliveries.c.part,
                deliveries.c.place,
                deliveries.c.attempts,
            )
            .join(targets, targets.c.key == batches.c.target)
            .join(deliveries, deliveries.c.batch == batches.c.id)
            .where(batches.c.id == batch)
            .order_by(deliveries.c.place.nulls_last(), deliveries.c.seq)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        if not rows:
            return None
        head = rows[0]
        claim = Claim(
            batch=batch,
            key=head.target,
            target=Target(kind=head.channel, address=head.address),
            subscriber=head.subscriber,
            kind=head.kind,
            rows=tuple(
                ClaimedRow(key=row.key, paper=PaperId(row.paper), part=row.part, shown=row.place is not None)
                for row in rows
            ),
            attempts=head.attempts,
            created_at=head.created_at,
        )
        return claim, Receipt(message=head.message) if head.message else None


def _next_ready(kind: ChannelKind) -> ScalarSelect[datetime | None]:
    """Walks the index of what is ready from its beginning, and so costs little however much waits."""
    return (
        select(targets.c.ready_at)
        .where(
            targets.c.ready_at.is_not(None),
            targets.c.lease_until.is_(None),
            targets.c.suspended.is_(None),
            targets.c.kind == kind,
        )
        .order_by(targets.c.ready_at)
        .limit(1)
        .scalar_subquery()
    )


_NEXT = select(
    *(_next_ready(kind).label(kind) for kind in CHANNEL_KINDS),
    select(func.min(targets.c.lease_until, type_=targets.c.lease_until.type))
    .scalar_subquery()
    .label("lease"),
)
"""When each channel next has something ready, and when the first lease ends; asked so often that it is built once."""
