"""Deliveries as everybody else knows them: with the names of what they number."""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from bot.adapters.store.numbers import numbers_of_deliveries
from bot.adapters.store.schema import batches, deliveries, papers, planning_runs, subscribers, targets
from bot.adapters.store.statements import chunks
from bot.domain.delivery import delivery_key
from bot.domain.papers import PaperId

ROWS = (
    select(
        deliveries.c.seq,
        targets.c.key.label("target"),
        targets.c.kind.label("channel"),
        targets.c.address,
        subscribers.c.id.label("subscriber"),
        deliveries.c.kind,
        papers.c.id.label("paper"),
        deliveries.c.part,
        deliveries.c.state,
        deliveries.c.due_at,
        deliveries.c.attempts,
        deliveries.c.place,
        deliveries.c.error,
        planning_runs.c.made_at.label("created_at"),
        deliveries.c.settled_at,
        batches.c.id.label("batch"),
        batches.c.message,
    )
    .join(targets, targets.c.number == deliveries.c.target)
    .join(subscribers, subscribers.c.number == deliveries.c.subscriber)
    .join(papers, papers.c.position == deliveries.c.paper)
    .join(planning_runs, planning_runs.c.number == deliveries.c.run)
    .outerjoin(batches, batches.c.number == deliveries.c.batch)
)
"""Every row; where it belongs to a message, with the message's name and what the service called it."""


def key_of(row: Any) -> str:
    """The key of a row of `ROWS`."""
    return delivery_key(row.target, row.kind, PaperId(row.paper), row.part)


def with_keys(connection: Connection, keys: Iterable[str]) -> Iterator[ColumnElement[bool]]:
    """Conditions that together are true for the deliveries with these keys, and no others."""
    for chunk in chunks(numbers_of_deliveries(connection, keys).values()):
        yield deliveries.c.seq.in_(chunk)
