"""The operator's hand on deliveries, places and channels, and the counts that tell how things stand."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, literal, or_, select, update

from bot.adapters.store.engine import reading, writing
from bot.adapters.store.listening import ring
from bot.adapters.store.outbox import StoredOutbox
from bot.adapters.store.places import hold, refresh_ready
from bot.adapters.store.rows import ROWS, key_of, with_keys
from bot.adapters.store.schema import OPEN, batches, deliveries, digests, files, notices, papers, targets
from bot.adapters.store.statements import insert
from bot.adapters.store.stopping import StoredStops, stops
from bot.adapters.store_version import DROPPED
from bot.domain.delivery import OWN_WISH, STATES, State, Target
from bot.domain.papers import PaperId
from bot.domain.subscriptions import CHANNEL_KINDS, ChannelKind
from bot.pipeline.ports import Counts, Row, TargetStatus

_NOT_BY_OWN_WISH = (or_(targets.c.suspended.is_(None), targets.c.suspended.not_in(sorted(OWN_WISH))),)


class OperatedOutbox(StoredOutbox, StoredStops):
    """The outbox with what the operator may do to it."""

    def list_rows(self, *, states: Sequence[State], keys: Sequence[str], limit: int) -> tuple[Row, ...]:
        query = ROWS.order_by(deliveries.c.seq).limit(limit)
        if states:
            query = query.where(deliveries.c.state.in_(states))
        with reading(self._engine) as connection:
            if not keys:
                return tuple(map(_row, connection.execute(query)))
            found = [
                row for mine in with_keys(connection, keys) for row in connection.execute(query.where(mine))
            ]
        return tuple(map(_row, sorted(found, key=lambda row: row.seq)[:limit]))

    def retry(self, keys: Sequence[str], now: datetime) -> int:
        return self._by_hand(
            keys,
            states=("dead", "uncertain"),
            values={"state": "pending", "due_at": now, "settled_at": None, "attempts": 0},
            revive=True,
        )

    def drop(self, keys: Sequence[str], now: datetime) -> int:
        return self._by_hand(
            keys,
            states=("pending", "held", "uncertain", "dead"),
            values={"state": "dead", "settled_at": now, "error": DROPPED},
            revive=False,
        )

    def arrived(self, keys: Sequence[str], now: datetime) -> int:  # noqa: ARG002 - when it went out stays
        kept_as = deliveries.c.state.type
        shown = case(
            (deliveries.c.seq == deliveries.c.batch, literal("sent", kept_as)),
            else_=literal("merged", kept_as),
        )
        told = (
            select(func.count())
            .where(
                deliveries.c.batch == batches.c.number,
                deliveries.c.kind == "alert",
                deliveries.c.state.in_(("sent", "merged")),
            )
            .scalar_subquery()
        )
        count = 0
        with writing(self._engine) as connection:
            chosen = list(with_keys(connection, keys))
            hold(connection, _places(connection, chosen))
            for these in chosen:
                mine = these & (deliveries.c.state == "uncertain")
                messages = (
                    connection.execute(select(deliveries.c.batch).where(mine).distinct()).scalars().all()
                )
                count += connection.execute(
                    update(deliveries).where(mine).values(state=shown, error=None)
                ).rowcount
                connection.execute(update(batches).where(batches.c.number.in_(messages)).values(told=told))
        return count

    def _by_hand(
        self, keys: Sequence[str], *, states: Sequence[State], values: dict[str, Any], revive: bool
    ) -> int:
        count = 0
        with writing(self._engine) as connection:
            chosen = list(with_keys(connection, keys))
            hold(connection, _places(connection, chosen))  # from here on no row of theirs changes its state
            for these in chosen:
                mine = these & deliveries.c.state.in_(states)
                places = _places(connection, [mine])
                count += connection.execute(update(deliveries).where(mine).values(values)).rowcount
                if revive:
                    connection.execute(
                        update(targets)
                        .where(targets.c.key.in_(places), *_NOT_BY_OWN_WISH)
                        .values(suspended=None, suspended_at=None, wait_until=None)
                    )
                refresh_ready(connection, places)
            if count:
                ring(connection)
        return count

    def suspend(self, target: str, reason: str, now: datetime) -> bool:
        with writing(self._engine) as connection:
            kind, _, address = target.partition(":")
            connection.execute(
                insert(connection, targets).on_conflict_do_nothing(index_elements=["key"]),
                {"key": target, "kind": kind, "address": address},
            )
            result = connection.execute(
                update(targets)
                .where(targets.c.key == target, targets.c.suspended.is_(None))
                .values(suspended=reason, suspended_at=now)
            )
            return result.rowcount > 0

    def revive(self, target: str, now: datetime) -> bool:  # noqa: ARG002 - the port keeps room for a record
        with writing(self._engine) as connection:
            result = connection.execute(
                update(targets)
                .where(targets.c.key == target, targets.c.suspended.is_not(None))
                .values(suspended=None, suspended_at=None)
            )
            refresh_ready(connection, [target])
            if result.rowcount:
                ring(connection)
            return result.rowcount > 0

    def place(self, target: str) -> TargetStatus | None:
        """What is known of one place."""
        with reading(self._engine) as connection:
            row = connection.execute(select(targets).where(targets.c.key == target)).first()
        if row is None:
            return None
        return TargetStatus(
            target=Target(kind=row.kind, address=row.address),
            suspended=row.suspended,
            paused_until=row.wait_until,
        )

    def place_at(self, kind: ChannelKind, address: str) -> str | None:
        """The key of the place that is at that address now; None where none was ever sent to."""
        with reading(self._engine) as connection:
            by_name_first = (targets.c.key != f"{kind}:{address}", targets.c.key)
            return connection.execute(
                select(targets.c.key)
                .where(targets.c.kind == kind, targets.c.address == address)
                .order_by(*by_name_first)
                .limit(1)
            ).scalar()

    def counts(self, now: datetime) -> Counts:
        """How things stand."""
        with reading(self._engine) as connection:
            states: dict[State, int] = dict.fromkeys(STATES, 0)
            channels: dict[ChannelKind, dict[State, int]] = {kind: {} for kind in CHANNEL_KINDS}
            query = (
                select(targets.c.kind, deliveries.c.state, func.count())
                .join(targets, targets.c.number == deliveries.c.target)
                .group_by(targets.c.kind, deliveries.c.state)
            )
            for kind, state, count in connection.execute(query):
                states[state] += count
                channels[kind][state] = count
            oldest: datetime | None = connection.execute(
                select(func.min(deliveries.c.due_at, type_=deliveries.c.due_at.type))
                .join(targets, targets.c.number == deliveries.c.target)
                .where(
                    OPEN,
                    deliveries.c.state != "sending",
                    deliveries.c.due_at <= now,
                    targets.c.suspended.is_(None),
                )
            ).scalar()
            return Counts(
                digests=connection.execute(select(func.count()).select_from(digests)).scalar_one(),
                entries=connection.execute(select(func.sum(digests.c.entries))).scalar() or 0,
                papers=connection.execute(select(func.count()).select_from(papers)).scalar_one(),
                quizzes=connection.execute(select(func.sum(papers.c.quizzes))).scalar() or 0,
                notices=connection.execute(select(func.sum(notices.c["count"]))).scalar() or 0,
                unreadable=connection.execute(
                    select(func.count()).select_from(files).where(files.c.error.is_not(None))
                ).scalar_one(),
                deliveries=states,
                given_up=connection.execute(
                    select(func.count())
                    .select_from(deliveries)
                    .where(deliveries.c.state == "dead", deliveries.c.error == DROPPED)
                ).scalar_one(),
                channels=channels,
                suspended=dict(
                    connection.execute(
                        select(targets.c.key, targets.c.suspended).where(targets.c.suspended.is_not(None))
                    ).all()
                ),
                stopped=stops(connection),
                oldest_pending=now - oldest if oldest else None,
            )


def _places(connection: Connection, rows: Sequence[ColumnElement[bool]]) -> list[str]:
    """The places of these rows."""
    found: set[str] = set()
    for these in rows:
        query = select(targets.c.key).join(deliveries, deliveries.c.target == targets.c.number).where(these)
        found.update(connection.execute(query.distinct()).scalars())
    return sorted(found)


def _row(row: Any) -> Row:
    return Row(
        key=key_of(row),
        target=row.target,
        subscriber=row.subscriber,
        kind=row.kind,
        paper=PaperId(row.paper),
        state=row.state,
        due_at=row.due_at,
        attempts=row.attempts,
        error=row.error,
        batch=row.batch,
        created_at=row.created_at,
        settled_at=row.settled_at,
    )
