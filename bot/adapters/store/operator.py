"""Messages for the operator: deliveries that were, or would be, sent together, chosen by what an operator can know."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, case, func, or_, select

from bot.adapters.store.ids import delivery_ids
from bot.adapters.store.schema import deliveries, planning_runs, targets
from bot.adapters.store.sql import chunks
from bot.domain.delivery import State
from bot.pipeline.ports.outbox import Selection

_OWN = case(
    (or_(deliveries.c.message.is_not(None), deliveries.c.kind == "alert"), None), else_=deliveries.c.seq
)
"""Alerts that wait go together, and what belongs to a message does; anything else is a message of its own."""
_LOOSE = deliveries.c.message.is_(None)
_GROUPED_BY = (
    deliveries.c.message,
    deliveries.c.target,
    deliveries.c.subscriber,
    case((_LOOSE, deliveries.c.kind), else_=None),
    case((_LOOSE, deliveries.c.state), else_=None),
    _OWN,
)


def chosen_messages(
    connection: Connection, selection: Selection, limit: int | None, rows: Select[Any]
) -> tuple[int, list[list[Any]]]:
    """How many messages are chosen, and the rows (by the query `rows`) of the oldest of them, oldest first."""
    conditions = _conditions(connection, selection)
    groups = (
        select(func.min(deliveries.c.seq).label("first"), deliveries.c.message, deliveries.c.target)
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
    """How many messages have a delivery in each state, as `outbox list` would show them; `rows` counts deliveries.

    A message that went out has one delivery that is sent; what was merged or limited is part of one.
    """
    groups = (
        select(deliveries.c.state)
        .where(deliveries.c.state.in_(_STUCK_OR_WAITING))
        .group_by(deliveries.c.state, *_GROUPED_BY)
        .subquery()
    )
    found = connection.execute(select(groups.c.state, func.count()).group_by(groups.c.state)).all()
    counts = {row[0]: row[1] for row in found}
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
        conditions.append(deliveries.c.seq.in_(delivery_ids(connection, selection.keys).values()))
    if selection.since is not None:
        became = func.coalesce(
            deliveries.c.settled_at, planning_runs.c.made_at, type_=planning_runs.c.made_at.type
        )
        conditions.append(became >= selection.since)
    return conditions


def _rows_of(
    connection: Connection,
    page: Sequence[RowMapping],
    rows: Select[Any],
    conditions: Sequence[ColumnElement[bool]],
) -> list[list[Any]]:
    """The rows of each message on the page, whole where it is a message already."""
    messages: dict[int, list[Any]] = defaultdict(list)
    for numbers in chunks([group["message"] for group in page if group["message"] is not None]):
        own = rows.add_columns(deliveries.c.message.label("number")).where(deliveries.c.message.in_(numbers))
        for row in connection.execute(own.order_by(deliveries.c.seq)):
            messages[row.number].append(row)
    loose: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for numbers in chunks(sorted({group["target"] for group in page if group["message"] is None})):
        waiting = rows.where(*conditions, _LOOSE, deliveries.c.target.in_(numbers))
        for row in connection.execute(waiting.order_by(deliveries.c.seq)):
            own_number = None if row.kind == "alert" else row.seq
            loose[row.target, row.subscriber, row.kind, row.state, own_number].append(row)
    by_first = {group[0].seq: group for group in loose.values()}
    return [
        by_first[group["first"]] if group["message"] is None else messages[group["message"]] for group in page
    ]
