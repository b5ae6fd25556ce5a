"""Fan-outs: plans for many people, stored in columns by the thousands and written out as rows after that.

Whoever takes digests in or opens for new people writes out first what is left: rows are numbered in the order of
these plans, and what was noticed and planned before can be asked for.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from bot.adapters.store.columns import micros, moment_of
from bot.adapters.store.statements import Statement, inserting
from bot.domain.channels import ChannelKind
from bot.domain.delivery import State
from bot.domain.fanout import Fanout, Way

_SAVE = inserting(
    "fanouts",
    {"plan": "bigint", "notices": "integer", "deliveries": "text", "body": "text"},
    on_conflict="(number) DO NOTHING",
)
_NEXT = Statement("SELECT number, plan, deliveries, body FROM fanouts ORDER BY number LIMIT 1")
_DROP = Statement("DELETE FROM fanouts WHERE number = :number")
_WAITING = Statement("SELECT notices, deliveries FROM fanouts")
_SINCE = Statement(
    "SELECT made_at FROM plans WHERE number = (SELECT plan FROM fanouts ORDER BY number LIMIT 1)"
)


def save(connection: Connection, fanouts: Iterable[Fanout], plan: int) -> None:
    """Store the fan-outs of a plan."""
    _SAVE.run(connection, [(plan, one.notices, _counts(one), _text(one)) for one in fanouts])


def take_next(connection: Connection) -> tuple[int, Fanout] | None:
    """The plan of the oldest fan-out, and that one, which is stored no longer."""
    for number, plan, deliveries, body in _NEXT.rows(connection):
        _DROP.run(connection, number=number)
        return plan, _fanout(body, deliveries)
    return None


def since(connection: Connection) -> datetime | None:
    """When the oldest of them was planned; None where nothing waits to be written out."""
    for (moment,) in _SINCE.rows(connection):
        return moment_of(moment)
    return None


def waiting(connection: Connection) -> tuple[int, Counter[tuple[ChannelKind, State]]]:
    """How many notices and deliveries are not yet rows."""
    notices = 0
    rows: Counter[tuple[ChannelKind, State]] = Counter()
    for count, deliveries in _WAITING.rows(connection):
        notices += count
        rows.update(_counted(deliveries))
    return notices, rows


def _counts(one: Fanout) -> str:
    return json.dumps([(*key, count) for key, count in one.rows.items() if count])


def _text(one: Fanout) -> str:
    ways = [[(way.kind, way.state, micros(way.due_at), way.parts) for way in some] for some in one.ways]
    columns = (one.people, one.manners, one.targets, one.counts, one.found, one.wishes, one.names)
    return json.dumps((one.papers, ways, *columns), separators=(",", ":"), check_circular=False)


def _counted(text: str) -> dict[tuple[ChannelKind, State], int]:
    return {(kind, state): count for kind, state, count in json.loads(text)}


def _fanout(text: str, deliveries: str) -> Fanout:
    papers, ways, people, manners, targets, counts, found, wishes, names = json.loads(text)
    return Fanout(
        papers=papers,
        ways=[_ways(some) for some in ways],
        people=people,
        manners=manners,
        targets=targets,
        counts=counts,
        found=found,
        wishes=wishes,
        names=names,
        rows=_counted(deliveries),
    )


def _ways(some: Sequence[tuple[ChannelKind, State, int, Sequence[Sequence[str]]]]) -> list[Way]:
    return [
        Way(kind, "held" if state == "held" else "pending", moment_of(due), parts)
        for kind, state, due, parts in some
    ]
