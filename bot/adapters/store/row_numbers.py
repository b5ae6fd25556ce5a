"""Row numbers: the integers (surrogate keys) by which tables refer to targets, subscribers, papers and deliveries."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, ScalarSelect, select

from bot.adapters.store.schema import KINDS, subscribers, targets
from bot.adapters.store.sql import ForEach, Statement, inserting
from bot.domain.delivery import NO_PAPER, parts_of_key
from bot.domain.papers import PaperId

_TARGETS = Statement("SELECT key, number FROM targets WHERE key = ANY(:names)")
_SUBSCRIBERS = Statement("SELECT id, number FROM subscribers WHERE id = ANY(:names)")
_PAPERS = Statement("SELECT id, number FROM papers WHERE id = ANY(:names)")
_NEW_TARGETS = inserting(
    "targets", {"key": "text", "kind": "text", "address": "text"}, on_conflict="(key) DO NOTHING"
)
_NEW_SUBSCRIBERS = inserting("subscribers", {"id": "text"}, on_conflict="(id) DO NOTHING")
_DELIVERIES = Statement(
    "SELECT delivery.target, delivery.paper, delivery.kind, delivery.part, delivery.number FROM json_each(:rows) AS wanted"
    " CROSS JOIN deliveries AS delivery WHERE delivery.target = wanted.value ->> 0 AND delivery.paper = wanted.value ->> 1"
    " AND delivery.kind = wanted.value ->> 2 AND delivery.part = wanted.value ->> 3",
    postgresql="SELECT delivery.target, delivery.paper, delivery.kind, delivery.part, delivery.number"
    " FROM unnest(:targets::bigint[], :papers::bigint[], :kinds::smallint[], :parts::text[])"
    " AS wanted(target, paper, kind, part) JOIN deliveries AS delivery ON delivery.target = wanted.target"
    " AND delivery.paper = wanted.paper AND delivery.kind = wanted.kind AND delivery.part = wanted.part",
)


def target_number(key: str) -> ScalarSelect[Any]:
    """Subquery: the number of the target with this key; NULL for an unknown one."""
    return select(targets.c.number).where(targets.c.key == key).scalar_subquery()


def subscriber_number(name: str) -> ScalarSelect[Any]:
    """Subquery: the number of the subscriber; NULL for an unknown one."""
    return select(subscribers.c.number).where(subscribers.c.id == name).scalar_subquery()


class RowNumbers:
    """Row numbers by name within one transaction; each target, subscriber and paper is looked up once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._targets: dict[str, int] = {}
        self._subscribers: dict[str, int] = {}
        self._papers: dict[PaperId, int] = {}

    def of_papers(self, ids: Collection[PaperId]) -> Mapping[PaperId, int]:
        """Number of each of these papers that is stored; 0 for NO_PAPER."""
        self._papers.update(_paper_numbers(self._connection, set(ids).difference(self._papers)))
        return {paper: self._papers[paper] for paper in ids if paper in self._papers}

    def of_targets(self, keys: Iterable[str]) -> Mapping[str, int]:
        """Number of each target; missing targets are inserted."""
        return self._find_or_insert(self._targets, keys, _TARGETS, _NEW_TARGETS, _target_row)

    def of_subscribers(self, names: Iterable[str]) -> Mapping[str, int]:
        """Number of each subscriber; missing ones are inserted as not yet registered."""
        return self._find_or_insert(
            self._subscribers, names, _SUBSCRIBERS, _NEW_SUBSCRIBERS, lambda name: (name,)
        )

    def _find_or_insert(
        self,
        known: dict[str, int],
        names: Iterable[str],
        lookup: Statement,
        insertion: ForEach,
        row: Callable[[str], tuple[str, ...]],
    ) -> Mapping[str, int]:
        unknown = set(names).difference(known)
        known.update(_lookup(self._connection, lookup, unknown))
        new = sorted(unknown.difference(known))
        insertion.run(self._connection, list(map(row, new)))
        known.update(_lookup(self._connection, lookup, new))
        return known


def _target_row(key: str) -> tuple[str, ...]:
    kind, _, address = key.partition(":")
    return key, kind, address


def delivery_numbers(connection: Connection, keys: Iterable[str]) -> dict[str, int]:
    """Number of each of these deliveries that is stored, by its key."""
    parts_by_key = {key: parts for key in keys if (parts := parts_of_key(key))}
    if not parts_by_key:
        return {}
    target_numbers = _lookup(connection, _TARGETS, {target for target, *_ in parts_by_key.values()})
    paper_numbers = _paper_numbers(connection, {paper for _, _, paper, _ in parts_by_key.values()})
    key_of: dict[tuple[Any, ...], str] = {
        (target_numbers[target], paper_numbers[paper], KINDS[kind], part): key
        for key, (target, kind, paper, part) in parts_by_key.items()
        if target in target_numbers and paper in paper_numbers
    }
    if not key_of:
        return {}
    columns = zip(("targets", "papers", "kinds", "parts"), map(list, zip(*key_of, strict=True)), strict=True)
    rows = _DELIVERIES.rows(connection, rows=list(key_of), **dict(columns))
    return {key_of[row[:4]]: row[4] for row in rows}


def _paper_numbers(connection: Connection, ids: Collection[PaperId]) -> dict[PaperId, int]:
    stored = _lookup(connection, _PAPERS, ids)
    return {NO_PAPER: 0, **stored} if NO_PAPER in ids else stored


def _lookup(connection: Connection, statement: Statement, names: Collection[Any]) -> dict[Any, int]:
    return dict(statement.rows(connection, names=list(names))) if names else {}
