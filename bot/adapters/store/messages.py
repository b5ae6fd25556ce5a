"""Messages as the operator sees them: deliveries grouped as they were, or would be, sent together."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, case, func, or_, select

from bot.adapters.store.row_numbers import delivery_numbers
from bot.adapters.store.schema import deliveries, planning_runs, targets
from bot.adapters.store.sql import chunks
from bot.domain.delivery import State
from bot.pipeline.ports.outbox import Selection

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


def chosen_messages(
    connection: Connection, selection: Selection, limit: int | None, rows: Select[Any]
) -> tuple[int, list[list[Any]]]:
    """(number of messages chosen, rows of the oldest `limit` of them, oldest first); `rows` is the query for rows."""
    conditions = _conditions(connection, selection)
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


def messages_by_state(connection: Connection, rows: Mapping[State, int]) -> dict[State, int]:
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


def _conditions(connection: Connection, selection: Selection) -> list[ColumnElement[bool]]:
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
