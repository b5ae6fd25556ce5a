"""Deliveries and targets over a database: look-ups, changes by the operator, whole messages, and the counts of `status`."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    RowMapping,
    Select,
    case,
    func,
    literal,
    or_,
    select,
    update,
)

from bot.adapters.store.cluster import notify
from bot.adapters.store.engine import reading, writing
from bot.adapters.store.incidents import stops
from bot.adapters.store.outbox import lock_targets, refresh_ready, revoke
from bot.adapters.store.row_numbers import RowNumbers, delivery_numbers, subscriber_number
from bot.adapters.store.schema import (
    KINDS,
    OPEN,
    STATES,
    deliveries,
    digests,
    files,
    messages,
    micros,
    moment_of,
    notices,
    papers,
    planning_runs,
    subscribers,
    targets,
    written_texts,
)
from bot.adapters.store.sql import Statement, chunks
from bot.domain.backlog import ASKED
from bot.domain.channels import ChannelKind, Target
from bot.domain.delivery import CAUSE_TEXTS, OPT_OUT_TEXTS, WENT_OUT, OptOut, State, delivery_key
from bot.domain.delivery import STATES as ALL_STATES
from bot.domain.message import Receipt, WrittenText
from bot.domain.papers import PaperId
from bot.domain.reports import SoftBounces, with_bounce
from bot.pipeline.ports.outbox import (
    Alert,
    Claim,
    ClaimedRow,
    Counts,
    DeliveryRecord,
    MessageRecord,
    Selection,
    TargetStatus,
)

_SUSPENDED = select(targets.c.key, targets.c.suspended, targets.c.opt_out).where(
    targets.c.suspended.is_not(None)
)

ROWS = (
    select(
        deliveries.c.number,
        targets.c.key.label("target"),
        targets.c.kind.label("channel"),
        targets.c.address,
        subscribers.c.id.label("subscriber"),
        deliveries.c.kind,
        func.coalesce(papers.c.id, "").label("paper"),
        deliveries.c.part,
        deliveries.c.state,
        deliveries.c.due_at,
        deliveries.c.attempts,
        deliveries.c.rank,
        deliveries.c.cause,
        deliveries.c.error,
        planning_runs.c.made_at.label("created_at"),
        planning_runs.c.rule,
        planning_runs.c.source,
        deliveries.c.settled_at,
        messages.c.id.label("message"),
        messages.c.remote_id,
    )
    .join(targets, targets.c.number == deliveries.c.target)
    .join(subscribers, subscribers.c.number == deliveries.c.subscriber)
    .outerjoin(papers, papers.c.number == deliveries.c.paper)
    .join(planning_runs, planning_runs.c.number == deliveries.c.run)
    .outerjoin(messages, messages.c.number == deliveries.c.message)
)
"""Query: every delivery with the names of what it refers to by number, and with its message if it has one."""


class Deliveries:
    """`DeliveryStore` over a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def alerted_since(self, target: str, since: datetime) -> int:
        with reading(self._engine) as connection:
            ((count,),) = _ALERTED.rows(connection, target=target, since=micros(since))
        return int(count or 0)

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
        for code, message, remote_id, was_shown in rows:
            state = _STATES[code]
            went_out = remote_id and state in WENT_OUT
            return Alert(
                state=state,
                message=message,
                receipt=Receipt(message=remote_id) if went_out else None,
                shown=bool(was_shown),
            )
        return None

    def is_asked(self, key: str) -> bool:
        with reading(self._engine) as connection:
            number = delivery_numbers(connection, [key]).get(key)
            return bool(_IS_ASKED.rows(connection, number=number))

    def rows_of(self, message: str) -> tuple[Claim, Receipt | None] | None:
        query = (
            ROWS.add_columns(
                messages.c.number.label("message_number"),
                messages.c.kind.label("sent_as"),
                messages.c.created_at.label("message_at"),
            )
            .where(messages.c.id == message, deliveries.c.message.is_not(None))
            .order_by(deliveries.c.rank.nulls_last(), deliveries.c.number)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        if not rows:
            return None
        head = rows[0]
        claim = Claim(
            number=head.message_number,
            message=message,
            target_key=head.target,
            target=Target(kind=head.channel, address=head.address),
            subscriber=head.subscriber,
            kind=head.sent_as,
            rows=tuple(
                ClaimedRow(
                    number=row.number,
                    key=key_of(row),
                    paper=PaperId(row.paper),
                    part=row.part,
                    shown=row.rank is not None,
                )
                for row in rows
            ),
            attempts=head.attempts,
            created_at=head.message_at,
        )
        return claim, Receipt(message=head.remote_id) if head.remote_id else None

    def written_text(self, key: str) -> WrittenText:
        with reading(self._engine) as connection:
            row = connection.execute(select(written_texts).where(written_texts.c.key == key)).one()
        return WrittenText(subject=row.subject, body=row.body)

    def unsent_alarms(self) -> tuple[tuple[DeliveryRecord, WrittenText], ...]:
        """Alarms that may not have arrived: waiting, uncertain, or dead but not dropped; oldest first."""
        unsent = deliveries.c.state.in_(("pending", "held", "sending", "uncertain", "dead"))
        dropped = deliveries.c.cause.is_not_distinct_from("dropped")
        is_alarm = deliveries.c.kind == "alarm"
        with reading(self._engine) as connection:
            keys = connection.execute(
                select(written_texts.c.key).where(written_texts.c.key.contains("|alarm|"))
            ).scalars()
            rows = [
                row
                for condition in _with_keys(connection, keys)
                for row in connection.execute(ROWS.where(condition, is_alarm, unsent, ~dropped))
            ]
            records = tuple(map(_record, sorted(rows, key=lambda row: row.number)))
            texts = {
                row.key: WrittenText(subject=row.subject, body=row.body)
                for chunk in chunks([record.key for record in records])
                for row in connection.execute(select(written_texts).where(written_texts.c.key.in_(chunk)))
            }
        return tuple((record, texts[record.key]) for record in records)

    def list_rows(
        self, *, states: Sequence[State], keys: Sequence[str], limit: int
    ) -> tuple[DeliveryRecord, ...]:
        """Deliveries for the operator, oldest first; empty `states` or `keys` mean any."""
        query = ROWS.order_by(deliveries.c.number).limit(limit)
        if states:
            query = query.where(deliveries.c.state.in_(states))
        with reading(self._engine) as connection:
            if not keys:
                return tuple(map(_record, connection.execute(query)))
            rows = [
                row
                for condition in _with_keys(connection, keys)
                for row in connection.execute(query.where(condition))
            ]
        return tuple(map(_record, sorted(rows, key=lambda row: row.number)[:limit]))

    def list_messages(
        self, selection: Selection, limit: int | None = None
    ) -> tuple[int, tuple[MessageRecord, ...]]:
        """The number of selected messages, and the oldest `limit` of them (None: all), with all their rows."""
        with reading(self._engine) as connection:
            total, chosen = _chosen_messages(connection, selection, limit, ROWS)
        return total, tuple(MessageRecord(rows=tuple(map(_record, rows))) for rows in chosen)

    def url_targets(self) -> tuple[str, ...]:
        """The keys of targets whose addresses are URLs, which may contain secrets."""
        with reading(self._engine) as connection:
            query = select(targets.c.key).where(targets.c.address.like("%://%"))
            return tuple(connection.execute(query).scalars())

    def deliveries_on(self, subscriber: str, ids: Iterable[PaperId]) -> tuple[DeliveryRecord, ...]:
        own = ROWS.where(deliveries.c.subscriber == subscriber_number(subscriber))
        with reading(self._engine) as connection:
            rows = [
                row for chunk in chunks(ids) for row in connection.execute(own.where(papers.c.id.in_(chunk)))
            ]
        return tuple(map(_record, sorted(rows, key=lambda row: row.number)))

    def retry(self, keys: Sequence[str], now: datetime) -> int:
        """Make dead and uncertain rows of these keys pending; gives their number.

        Their targets are revived, unless the recipient suspended them.
        """
        return self._change_by_operator(
            keys,
            states=("dead", "uncertain"),
            values={"state": "pending", "due_at": now, "settled_at": None, "attempts": 0, "cause": None},
            revive=True,
        )

    def try_now(self, keys: Sequence[str], now: datetime) -> int:
        """End the waits of pending rows of these keys, and of their targets, after failures; gives the number of rows."""
        return self._change_by_operator(
            keys, states=("pending",), values={"due_at": now, "attempts": 0}, revive=True
        )

    def drop(self, keys: Sequence[str], now: datetime) -> int:
        """Give open, dead and uncertain rows of these keys up for good; gives their number."""
        return self._change_by_operator(
            keys,
            states=("pending", "held", "uncertain", "dead"),
            values={"state": "dead", "settled_at": now, "cause": "dropped", "error": None},
            revive=False,
        )

    def arrived(self, keys: Sequence[str]) -> int:
        """Make uncertain rows of these keys `sent`, as the operator saw that they arrived; gives their number.

        Quizzes and daily limits go on as after any success. The service's id of the message stays unknown, so that it is
        neither edited nor replied to.
        """
        state_type = deliveries.c.state.type
        state = case(
            (deliveries.c.number == deliveries.c.message, literal("sent", state_type)),
            else_=literal("merged", state_type),
        )
        papers_alerted = (
            select(func.count())
            .where(
                deliveries.c.message == messages.c.number,
                deliveries.c.kind == "alert",
                deliveries.c.state.in_(WENT_OUT),
            )
            .scalar_subquery()
        )
        count = 0
        with writing(self._engine) as connection:
            conditions = list(_with_keys(connection, keys))
            lock_targets(connection, _targets_of(connection, conditions))
            for condition in conditions:
                chosen_rows = condition & (deliveries.c.state == "uncertain")
                query = select(deliveries.c.message).where(chosen_rows).distinct()
                numbers = connection.execute(query).scalars().all()
                count += connection.execute(
                    update(deliveries).where(chosen_rows).values(state=state, error=None)
                ).rowcount
                connection.execute(
                    update(messages).where(messages.c.number.in_(numbers)).values(papers=papers_alerted)
                )
        return count

    def _change_by_operator(
        self, keys: Sequence[str], *, states: Sequence[State], values: dict[str, Any], revive: bool
    ) -> int:
        """Give these values to the rows with these keys in one of the states; `revive` lifts suspensions of their targets."""
        count = 0
        with writing(self._engine) as connection:
            conditions = list(_with_keys(connection, keys))
            lock_targets(connection, _targets_of(connection, conditions))  # so that no row changes its state
            for condition in conditions:
                chosen_rows = condition & deliveries.c.state.in_(states)
                chosen_targets = _targets_of(connection, [chosen_rows])
                count += connection.execute(update(deliveries).where(chosen_rows).values(values)).rowcount
                if revive:
                    connection.execute(
                        update(targets)
                        .where(targets.c.key.in_(chosen_targets), targets.c.opt_out.is_(None))
                        .values(
                            suspended=None,
                            suspended_at=None,
                            wait_until=None,
                            bounces=None,
                            bounced_on=None,
                        )
                    )
                revoke(connection, chosen_targets)
                refresh_ready(connection, chosen_targets)
            if count:
                notify(connection)
        return count

    def suspend(self, target: str, error: str, now: datetime) -> bool:
        return self._suspend(target, targets.c.suspended, suspended=error, suspended_at=now)

    def opt_out(self, target: str, how: OptOut, now: datetime) -> bool:
        return self._suspend(target, targets.c.opt_out, suspended="", suspended_at=now, opt_out=how)

    def _suspend(self, target: str, empty: ColumnElement[Any], **values: Any) -> bool:
        """Give these values to the target where that column is empty; False where it is not."""
        with writing(self._engine) as connection:
            RowNumbers(connection).of_targets([target])  # inserts a missing one
            result = connection.execute(
                update(targets).where(targets.c.key == target, empty.is_(None)).values(**values)
            )
            return result.rowcount > 0

    def move_target(self, target: str, address: str) -> bool:
        with writing(self._engine) as connection:
            RowNumbers(connection).of_targets([target])  # inserts a missing one
            result = connection.execute(
                update(targets)
                .where(targets.c.key == target, targets.c.address != address)
                .values(address=address)
            )
            return result.rowcount > 0

    def revive(self, target: str) -> bool:
        with writing(self._engine) as connection:
            result = connection.execute(
                update(targets)
                .where(targets.c.key == target, targets.c.suspended.is_not(None))
                .values(suspended=None, suspended_at=None, opt_out=None, bounces=None, bounced_on=None)
            )
            refresh_ready(connection, [target])
            if result.rowcount:
                notify(connection)
            return result.rowcount > 0

    def note_bounce(self, target: str, day: date) -> SoftBounces:
        with writing(self._engine) as connection:
            of_target = targets.c.key == target
            row = connection.execute(
                select(targets.c.bounces, targets.c.bounced_on).where(of_target).with_for_update()
            ).first()
            before = SoftBounces(days=row.bounces, last=row.bounced_on) if row and row.bounces else None
            after = with_bounce(before, day)
            connection.execute(
                update(targets).where(of_target).values(bounces=after.days, bounced_on=after.last)
            )
            return after

    def target(self, key: str) -> TargetStatus | None:
        with reading(self._engine) as connection:
            row = connection.execute(select(targets).where(targets.c.key == key)).first()
        if row is None:
            return None
        return TargetStatus(
            target=Target(kind=row.kind, address=row.address),
            suspended=_suspension_text(row),
            opted_out=row.opt_out,
            paused_until=row.wait_until,
        )

    def target_at(self, kind: ChannelKind, address: str) -> str:
        own_key = Target(kind=kind, address=address).key
        with reading(self._engine) as connection:
            key: str | None = connection.execute(
                select(targets.c.key)
                .where(targets.c.kind == kind, targets.c.address == address)
                .order_by(targets.c.key != own_key, targets.c.key)
                .limit(1)
            ).scalar()
        return key or own_key

    def suspended(self, keys: Iterable[str]) -> Mapping[str, str]:
        with reading(self._engine) as connection:
            return {
                row.key: _suspension_text(row)
                for chunk in chunks(keys)
                for row in connection.execute(_SUSPENDED.where(targets.c.key.in_(chunk)))
            }

    def counts(self, now: datetime) -> Counts:
        """The counts of the state."""
        with reading(self._engine) as connection:
            states: dict[State, int] = dict.fromkeys(ALL_STATES, 0)
            channels: dict[ChannelKind, dict[State, int]] = {}
            query = (
                select(targets.c.kind, deliveries.c.state, func.count())
                .join(targets, targets.c.number == deliveries.c.target)
                .group_by(targets.c.kind, deliveries.c.state)
            )
            for kind, state, count in connection.execute(query):
                states[state] += count
                channels.setdefault(kind, {})[state] = count
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
                    select(func.count())
                    .select_from(files)
                    .where(files.c.error.is_not(None), ~files.c.no_digest)
                ).scalar_one(),
                messages=_messages_by_state(connection, states),
                deliveries=states,
                given_up=connection.execute(
                    select(func.count())
                    .select_from(deliveries)
                    .where(deliveries.c.state == "dead", deliveries.c.cause == "dropped")
                ).scalar_one(),
                channels=channels,
                suspended={row.key: _suspension_text(row) for row in connection.execute(_SUSPENDED)},
                stopped=stops(connection),
                oldest_pending=now - oldest if oldest else None,
            )


def _targets_of(connection: Connection, conditions: Sequence[ColumnElement[bool]]) -> list[str]:
    """The keys of the targets of these rows."""
    keys: set[str] = set()
    for condition in conditions:
        query = select(targets.c.key).join(deliveries, deliveries.c.target == targets.c.number)
        keys.update(connection.execute(query.where(condition).distinct()).scalars())
    return sorted(keys)


def _with_keys(connection: Connection, keys: Iterable[str]) -> Iterator[ColumnElement[bool]]:
    """Conditions of which one is true for each delivery with these keys, and none for others."""
    for chunk in chunks(delivery_numbers(connection, keys).values()):
        yield deliveries.c.number.in_(chunk)


def key_of(row: Any) -> str:
    """The key of a row of `ROWS`."""
    return delivery_key(row.target, row.kind, PaperId(row.paper), row.part)


def _suspension_text(row: Any) -> Any:
    """Why a target is suspended, in words; None where it is not."""
    return OPT_OUT_TEXTS[row.opt_out] if row.opt_out else row.suspended


def _record(row: Any) -> DeliveryRecord:
    return DeliveryRecord(
        key=key_of(row),
        target=row.target,
        subscriber=row.subscriber,
        kind=row.kind,
        paper=PaperId(row.paper),
        part=row.part,
        state=row.state,
        due_at=row.due_at,
        attempts=row.attempts,
        cause=row.cause,
        error=CAUSE_TEXTS[row.cause] if row.cause else row.error,
        message=row.message,
        remote_id=row.remote_id,
        created_at=row.created_at,
        settled_at=row.settled_at,
        rule=row.rule,
        source=row.source,
    )


_STATES: dict[int, State] = {code: cast(State, state) for state, code in STATES.items()}
_TARGET = "(SELECT number FROM targets WHERE key = :target)"
_WENT_OUT = f"FROM messages WHERE target = {_TARGET} AND settled_at >= :since AND settled_at IS NOT NULL"
_ALERTED = Statement(f"SELECT sum(papers) {_WENT_OUT}")
_SENDS = Statement(f"SELECT settled_at {_WENT_OUT} ORDER BY settled_at")
_UNNAMED = Statement(
    "SELECT papers.id FROM deliveries AS kept_out JOIN messages ON messages.number = kept_out.message"
    f" JOIN papers ON papers.number = kept_out.paper WHERE kept_out.target = {_TARGET}"
    f" AND kept_out.state = {STATES['limited']} AND kept_out.kind = {KINDS['alert']}"
    " AND messages.remote_id IS NULL ORDER BY kept_out.number"
)
_IS_ASKED = Statement(
    "SELECT 1 FROM deliveries JOIN planning_runs ON planning_runs.number = deliveries.run"
    f" WHERE deliveries.number = :number AND planning_runs.rule = '{ASKED}'"
)
_ALERT = Statement(
    "SELECT alert.state, messages.id, messages.remote_id,"
    " CASE WHEN alert.rank >= messages.papers_shown THEN 0 ELSE 1 END FROM deliveries AS alert"
    f" LEFT JOIN messages ON messages.number = alert.message WHERE alert.target = {_TARGET}"
    f" AND alert.paper = (SELECT number FROM papers WHERE id = :paper) AND alert.kind = {KINDS['alert']}"
)


# --- messages as the operator sees them: deliveries grouped as they were, or would be, sent together

_ALONE = case(
    (or_(deliveries.c.message.is_not(None), deliveries.c.kind == "alert"), None), else_=deliveries.c.number
)
"""The own number of a delivery that makes a message alone; NULL for waiting alerts and for the rows of one message."""
_UNASSIGNED = deliveries.c.message.is_(None)
_GROUPED_BY = (
    deliveries.c.message,
    deliveries.c.target,
    deliveries.c.subscriber,
    case((_UNASSIGNED, deliveries.c.kind), else_=None),
    case((_UNASSIGNED, deliveries.c.state), else_=None),
    _ALONE,
)


def _chosen_messages(
    connection: Connection, selection: Selection, limit: int | None, rows: Select[Any]
) -> tuple[int, list[list[Any]]]:
    """(number of messages chosen, rows of the oldest `limit` of them, oldest first); `rows` is the query for rows."""
    conditions = _selected(connection, selection)
    groups = (
        select(func.min(deliveries.c.number).label("first"), deliveries.c.message, deliveries.c.target)
        .join(targets, targets.c.number == deliveries.c.target)
        .join(planning_runs, planning_runs.c.number == deliveries.c.run)
        .where(*conditions)
        .group_by(*_GROUPED_BY)
    )
    total = connection.execute(select(func.count()).select_from(groups.subquery())).scalar_one()
    page = connection.execute(groups.order_by("first").limit(limit)).mappings().all()
    return total, _rows_of(connection, page, rows, conditions)


_STUCK_OR_WAITING: tuple[State, ...] = ("pending", "held", "sending", "uncertain", "dead")


def _messages_by_state(connection: Connection, rows: Mapping[State, int]) -> dict[State, int]:
    """Number of messages with a delivery in each state, as `outbox list` shows them; `rows` counts deliveries.

    A sent message has exactly one delivery that is `sent`; those merged or limited are part of one.
    """
    groups = (
        select(deliveries.c.state)
        .where(deliveries.c.state.in_(_STUCK_OR_WAITING))
        .group_by(deliveries.c.state, *_GROUPED_BY)
        .subquery()
    )
    query = select(groups.c.state, func.count()).group_by(groups.c.state)
    counts: dict[State, int] = dict(connection.execute(query).all())
    return {"sent": rows["sent"], **{state: counts.get(state, 0) for state in _STUCK_OR_WAITING}}


def _selected(connection: Connection, selection: Selection) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if selection.states:
        conditions.append(deliveries.c.state.in_(selection.states))
    if selection.kinds:
        conditions.append(deliveries.c.kind.in_(selection.kinds))
    if selection.targets:
        columns = (targets.c.key, targets.c.address, targets.c.kind)
        conditions.append(or_(*(column.in_(selection.targets) for column in columns)))
    if selection.keys:
        conditions.append(deliveries.c.number.in_(delivery_numbers(connection, selection.keys).values()))
    if selection.since is not None:
        moment = func.coalesce(
            deliveries.c.settled_at, planning_runs.c.made_at, type_=planning_runs.c.made_at.type
        )
        conditions.append(moment >= selection.since)
    return conditions


def _rows_of(
    connection: Connection,
    page: Sequence[RowMapping],
    rows: Select[Any],
    conditions: Sequence[ColumnElement[bool]],
) -> list[list[Any]]:
    """The rows of each message on the page: all of a message that was sent or tried, those chosen of one that waits."""
    messages: dict[int, list[Any]] = defaultdict(list)
    for numbers in chunks([group["message"] for group in page if group["message"] is not None]):
        assigned = rows.add_columns(deliveries.c.message.label("message_number"))
        assigned = assigned.where(deliveries.c.message.in_(numbers)).order_by(deliveries.c.number)
        for row in connection.execute(assigned):
            messages[row.message_number].append(row)
    waiting: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for numbers in chunks(sorted({group["target"] for group in page if group["message"] is None})):
        unassigned = rows.where(*conditions, _UNASSIGNED, deliveries.c.target.in_(numbers))
        for row in connection.execute(unassigned.order_by(deliveries.c.number)):
            alone = None if row.kind == "alert" else row.number
            waiting[row.target, row.subscriber, row.kind, row.state, alone].append(row)
    by_first = {group[0].number: group for group in waiting.values()}
    return [
        by_first[group["first"]] if group["message"] is None else messages[group["message"]] for group in page
    ]
