"""The numbers by which tables of many rows name targets, subscribers, papers and deliveries."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Connection, ScalarSelect, select

from bot.adapters.store.schema import subscribers, targets
from bot.adapters.store.statements import Statement, inserting
from bot.adapters.store_version import KINDS
from bot.domain.delivery import parts_of_key
from bot.domain.papers import PaperId

_TARGETS = Statement("SELECT key, number FROM targets WHERE key = ANY(:names)")
_SUBSCRIBERS = Statement("SELECT id, number FROM subscribers WHERE id = ANY(:names)")
_PAPERS = Statement("SELECT id, position FROM papers WHERE id = ANY(:names)")
_NEW_TARGETS = inserting(
    "targets", {"key": "text", "kind": "text", "address": "text"}, on_conflict="(key) DO NOTHING"
)
_NEW_SUBSCRIBERS = inserting("subscribers", {"id": "text"}, on_conflict="(id) DO NOTHING")
_DELIVERIES = Statement(
    "SELECT one.target, one.paper, one.kind, one.part, one.seq FROM json_each(:rows) AS given"
    " CROSS JOIN deliveries AS one WHERE one.target = given.value ->> 0 AND one.paper = given.value ->> 1"
    " AND one.kind = given.value ->> 2 AND one.part = given.value ->> 3",
    postgresql="SELECT one.target, one.paper, one.kind, one.part, one.seq"
    " FROM unnest(:targets::bigint[], :papers::bigint[], :kinds::smallint[], :parts::text[])"
    " AS given(target, paper, kind, part) JOIN deliveries AS one ON one.target = given.target"
    " AND one.paper = given.paper AND one.kind = given.kind AND one.part = given.part",
)


def target_number(key: str) -> ScalarSelect[Any]:
    """The number of the target with this key; NULL where it was never sent to."""
    return select(targets.c.number).where(targets.c.key == key).scalar_subquery()


def subscriber_number(name: str) -> ScalarSelect[Any]:
    """The number of the subscriber; NULL where nothing is known of one."""
    return select(subscribers.c.number).where(subscribers.c.id == name).scalar_subquery()


def numbers_of_papers(connection: Connection, ids: Collection[PaperId]) -> dict[PaperId, int]:
    """The number of each paper that is stored."""
    return _numbers(connection, _PAPERS, ids) if ids else {}


def numbered_targets(connection: Connection, keys: Collection[str]) -> dict[str, int]:
    """The number of each target; those that are not there are made."""
    known = _numbers(connection, _TARGETS, keys)
    new = [
        (key, kind, address)
        for key in sorted(set(keys) - known.keys())
        for kind, _, address in [key.partition(":")]
    ]
    if not new:
        return known
    _NEW_TARGETS.run(connection, new)
    return _numbers(connection, _TARGETS, keys)


def numbered_subscribers(connection: Connection, names: Collection[str]) -> dict[str, int]:
    """The number of each subscriber; those that are not there are made, without having been met."""
    known = _numbers(connection, _SUBSCRIBERS, names)
    new = sorted(set(names) - known.keys())
    if not new:
        return known
    _NEW_SUBSCRIBERS.run(connection, [(name,) for name in new])
    return _numbers(connection, _SUBSCRIBERS, names)


def numbers_of_deliveries(connection: Connection, keys: Iterable[str]) -> dict[str, int]:
    """`seq` of each delivery that was planned, by its key."""
    parts = {key: found for key in keys if (found := parts_of_key(key))}
    if not parts:
        return {}
    at = _numbers(connection, _TARGETS, {target for target, *_ in parts.values()})
    of = _numbers(connection, _PAPERS, {paper for _, _, paper, _ in parts.values()})
    wanted: dict[tuple[Any, ...], str] = {
        (at[target], of[paper], KINDS[kind], part): key
        for key, (target, kind, paper, part) in parts.items()
        if target in at and paper in of
    }
    if not wanted:
        return {}
    columns = zip(("targets", "papers", "kinds", "parts"), map(list, zip(*wanted, strict=True)), strict=True)
    rows = _DELIVERIES.rows(connection, rows=list(wanted), **dict(columns))
    return {wanted[row[:4]]: row[4] for row in rows}


def _numbers(connection: Connection, statement: Statement, names: Collection[Any]) -> dict[Any, int]:
    return dict(statement.rows(connection, names=list(names)))
