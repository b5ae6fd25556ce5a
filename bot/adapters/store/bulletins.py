"""The bulletins' outbox: marked before they are sent and after, each by one machine, never twice."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, delete, exists, func, select, update

from bot.adapters.store.cluster import notify
from bot.adapters.store.engine import reading, writing
from bot.adapters.store.schema import bulletins
from bot.adapters.store.sql import insert
from bot.domain.bulletins import Bulletin
from bot.domain.delivery import Target
from bot.domain.subscriptions import ChannelKind
from bot.pipeline.ports.alarms import BulletinEnd, ClaimedBulletin, UntoldBulletin

NEVER_SEEN = "the answer was never seen"
_OPEN = ("pending", "sending")
_GIVEN_UP = ("uncertain", "dead")


def plan(connection: Connection, planned: Sequence[Bulletin]) -> int:
    """Insert those whose keys are new, and wake whoever sends; inside a transaction that writes."""
    count = 0
    for one in planned:
        row = {
            "key": one.key,
            "target": one.target.key,
            "kind": one.target.kind,
            "address": one.target.address,
            "subject": one.subject,
            "text": one.text,
            "state": "pending",
            "due_at": one.due_at,
            "created_at": one.created_at,
        }
        statement = insert(connection, bulletins).values(row).returning(bulletins.c.seq)
        new = connection.execute(statement.on_conflict_do_nothing(index_elements=["key"])).first()
        count += new is not None
    if count:
        notify(connection)
    return count


class StoredBulletins:
    """See the port for what each method promises."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim_bulletins(
        self, now: datetime, *, lease: timedelta, limit: int, kinds: Collection[ChannelKind]
    ) -> tuple[ClaimedBulletin, ...]:
        query = (
            select(bulletins)
            .where(*_waiting(kinds), bulletins.c.due_at <= now)
            .order_by(bulletins.c.seq)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        with writing(self._engine) as connection:
            rows = connection.execute(query).all()
            if rows:
                connection.execute(
                    update(bulletins)
                    .where(bulletins.c.seq.in_([row.seq for row in rows]))
                    .values(state="sending", lease_until=now + lease, attempts=bulletins.c.attempts + 1)
                )
        return tuple(_claimed(row, now + lease) for row in rows)

    def settle_bulletins(self, ends: Sequence[BulletinEnd], now: datetime) -> None:
        with writing(self._engine) as connection:
            for end in ends:
                believed: ColumnElement[bool]
                believed = (bulletins.c.state == "sending") & (bulletins.c.lease_until == end.claimed.until)
                if end.state == "sent":  # then it was, whoever has it by now
                    believed = bulletins.c.state.in_(("sending", "uncertain"))
                values: dict[str, Any] = {"state": end.state, "error": end.error, "lease_until": None}
                if end.state == "pending":
                    values["due_at"] = end.due_at or now
                else:
                    values["settled_at"] = now
                if not end.counted:
                    values["attempts"] = bulletins.c.attempts - 1
                connection.execute(
                    update(bulletins).where(bulletins.c.seq == end.claimed.number, believed).values(values)
                )

    def expire_bulletins(self, now: datetime) -> int:
        ended = (bulletins.c.state == "sending", bulletins.c.lease_until <= now)
        with reading(self._engine) as connection:  # most often there is nothing to write
            if connection.execute(select(bulletins.c.seq).where(*ended).limit(1)).first() is None:
                return 0
        with writing(self._engine) as connection:
            return connection.execute(
                update(bulletins)
                .where(*ended)
                .values(state="uncertain", error=NEVER_SEEN, lease_until=None, settled_at=now)
            ).rowcount

    def next_bulletin(self, kinds: Collection[ChannelKind]) -> datetime | None:
        due = select(func.min(bulletins.c.due_at, type_=bulletins.c.due_at.type)).where(*_waiting(kinds))
        lease = select(func.min(bulletins.c.lease_until, type_=bulletins.c.due_at.type)).where(
            bulletins.c.state == "sending"
        )
        with reading(self._engine) as connection:
            moments = (connection.execute(query).scalar() for query in (due, lease))
            return min(filter(None, moments), default=None)

    def untold_bulletins(self, since: datetime) -> tuple[UntoldBulletin, ...]:
        given_up = bulletins.c.state.in_(_GIVEN_UP) & (bulletins.c.settled_at >= since)
        query = select(bulletins).where(bulletins.c.state.in_(_OPEN) | given_up).order_by(bulletins.c.seq)
        with reading(self._engine) as connection:
            return tuple(
                UntoldBulletin(
                    target=row.target,
                    subject=row.subject,
                    state=row.state,
                    error=row.error,
                    created_at=row.created_at,
                )
                for row in connection.execute(query)
            )

    def thin_bulletins(self, before: datetime) -> int:
        with writing(self._engine) as connection:
            return connection.execute(delete(bulletins).where(bulletins.c.settled_at < before)).rowcount


def _waiting(kinds: Collection[ChannelKind]) -> tuple[ColumnElement[bool], ...]:
    """Those that wait for nothing but their time: the oldest open one of each place."""
    earlier = bulletins.alias("earlier")
    in_turn = ~exists().where(
        earlier.c.target == bulletins.c.target,
        earlier.c.seq < bulletins.c.seq,
        earlier.c.state.in_(_OPEN),
    )
    return bulletins.c.state == "pending", bulletins.c.kind.in_(kinds), in_turn


def _claimed(row: Any, until: datetime) -> ClaimedBulletin:
    bulletin = Bulletin(
        key=row.key,
        target=Target(kind=row.kind, address=row.address),
        subject=row.subject,
        text=row.text,
        created_at=row.created_at,
        due_at=row.due_at,
    )
    return ClaimedBulletin(number=row.seq, bulletin=bulletin, attempts=row.attempts + 1, until=until)
