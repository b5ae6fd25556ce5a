"""The numbers by which tables of many rows name targets, subscribers, papers and deliveries."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, ScalarSelect, select

from bot.adapters.store.schema import subscribers, targets
from bot.adapters.store.statements import ForEach, Statement, inserting
from bot.adapters.store_version import KINDS
from bot.domain.delivery import NO_PAPER, parts_of_key
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


class Numbers:
    """The numbers of what a transaction names; each target and subscriber is looked up once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._targets: dict[str, int] = {}
        self._subscribers: dict[str, int] = {}

    def of_papers(self, ids: Collection[PaperId]) -> Mapping[PaperId, int]:
        """The number of each paper that is stored; 0 for NO_PAPER."""
        return _papers(self._connection, ids)

    def of_targets(self, keys: Iterable[str]) -> Mapping[str, int]:
        """The number of each target; those that are not there are made."""
        return self._made(self._targets, keys, _TARGETS, _NEW_TARGETS, _target_row)

    def of_subscribers(self, names: Iterable[str]) -> Mapping[str, int]:
        """The number of each subscriber; those that are not there are made, without having been met."""
        return self._made(self._subscribers, names, _SUBSCRIBERS, _NEW_SUBSCRIBERS, _subscriber_row)

    def _made(
        self,
        known: dict[str, int],
        names: Iterable[str],
        lookup: Statement,
        making: ForEach,
        row: Callable[[str], tuple[str, ...]],
    ) -> Mapping[str, int]:
        unknown = set(names).difference(known)
        known.update(_numbers(self._connection, lookup, unknown))
        new = sorted(unknown.difference(known))
        making.run(self._connection, list(map(row, new)))
        known.update(_numbers(self._connection, lookup, new))
        return known


def _target_row(key: str) -> tuple[str, ...]:
    kind, _, address = key.partition(":")
    return key, kind, address


def _subscriber_row(name: str) -> tuple[str, ...]:
    return (name,)


def numbers_of_deliveries(connection: Connection, keys: Iterable[str]) -> dict[str, int]:
    """`seq` of each delivery that was planned, by its key."""
    parts = {key: found for key in keys if (found := parts_of_key(key))}
    if not parts:
        return {}
    at = _numbers(connection, _TARGETS, {target for target, *_ in parts.values()})
    of = _papers(connection, {paper for _, _, paper, _ in parts.values()})
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


def _papers(connection: Connection, ids: Collection[PaperId]) -> dict[PaperId, int]:
    stored = _numbers(connection, _PAPERS, ids)
    return {NO_PAPER: 0, **stored} if NO_PAPER in ids else stored


def _numbers(connection: Connection, statement: Statement, names: Collection[Any]) -> dict[Any, int]:
    return dict(statement.rows(connection, names=list(names))) if names else {}
