"""The outbox over a database: claims under a lease, and how each send ended.

A place (`targets`) is what is claimed: while it is leased nobody else sends to it, which keeps the order
of its rows. `ready_at` says when it next has something to send, so that a claim costs what it takes and
not what waits.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Engine, ScalarSelect, func, select

from bot.adapters.store.claiming import claim
from bot.adapters.store.engine import reading, writing
from bot.adapters.store.numbers import paper_number, target_number
from bot.adapters.store.rows import ROWS, key_of
from bot.adapters.store.schema import LIMITED_ROWS, batches, deliveries, targets
from bot.adapters.store.settling import lift_leases, settle
from bot.adapters.store.stopping import stops
from bot.domain.delivery import HARMLESS_TWICE, Receipt, Target
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
        query = select(func.sum(batches.c.told)).where(*_went_out(target, since))
        with reading(self._engine) as connection:
            return connection.execute(query).scalar() or 0

    def sends_since(self, target: str, since: datetime) -> tuple[datetime, ...]:
        query = select(batches.c.settled_at).where(*_went_out(target, since)).order_by(batches.c.settled_at)
        with reading(self._engine) as connection:
            return tuple(connection.execute(query).scalars())

    def unnamed(self, target: str) -> tuple[tuple[str, PaperId], ...]:
        query = ROWS.where(
            deliveries.c.target == target_number(target),
            LIMITED_ROWS,
            deliveries.c.kind == "alert",
            batches.c.number.is_not(None),
            batches.c.message.is_(None),
        ).order_by(deliveries.c.seq)
        with reading(self._engine) as connection:
            return tuple((key_of(row), PaperId(row.paper)) for row in connection.execute(query))

    def alert_on(self, target: str, paper: PaperId) -> Alert | None:
        query = (
            select(deliveries.c.state, batches.c.id, batches.c.message)
            .outerjoin(batches, batches.c.number == deliveries.c.batch)
            .where(
                deliveries.c.target == target_number(target),
                deliveries.c.paper == paper_number(paper),
                deliveries.c.kind == "alert",
            )
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


def _went_out(target: str, since: datetime) -> tuple[ColumnElement[bool], ...]:
    """True for the messages to that place that went out since then, or may have."""
    mine = batches.c.target == target_number(target)
    return mine, batches.c.settled_at >= since, batches.c.settled_at.is_not(None)


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
        .order_by(targets.c.ready_at, targets.c.number)
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
