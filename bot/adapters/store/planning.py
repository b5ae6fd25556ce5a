"""Notices and deliveries become rows: those of one digest at once, those of a fan-out part by part."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from bot.adapters.store import fanouts
from bot.adapters.store.cluster import notify
from bot.adapters.store.ids import Ids
from bot.adapters.store.noticing import write, write_new
from bot.adapters.store.schema import KINDS, STATES, micros, plans
from bot.adapters.store.sql import Statement, chunks, insert, inserting
from bot.domain.delivery import Delivery
from bot.domain.fanout import Fanout
from bot.domain.notices import Noticed

_PLAN = inserting(
    "deliveries",
    {
        "target": "bigint",
        "subscriber": "bigint",
        "kind": "smallint",
        "paper": "bigint",
        "part": "text",
        "state": "smallint",
        "due_at": "bigint",
        "plan": "bigint",
    },
    on_conflict="(target, paper, kind, part) DO NOTHING",
)
_LATEST = "CASE WHEN wait_until > :due THEN wait_until ELSE :due END"
_READY_BY = Statement(
    f"UPDATE targets SET ready_at = {_LATEST} WHERE number = ANY(:places)"
    " AND lease_until IS NULL"  # else it is worked out when the lease ends
    f" AND (ready_at IS NULL OR ready_at > {_LATEST})"
)


class Planning:
    """What one transaction notices and plans."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.numbers = Ids(connection)
        self._plan: int | None = None

    def notice(self, noticed: Noticed, now: datetime) -> None:
        """Insert; a notice that exists gets its subscriptions replaced."""
        self._plan = self._new_plan(now)
        write(self._connection, self.numbers, noticed, self._plan)

    def plan(self, deliveries: Sequence[Delivery], now: datetime) -> int:
        """Insert the rows whose keys are new, in the given order, and say how many those were."""
        if not deliveries:
            return 0
        if self._plan is None:
            self._plan = self._new_plan(now)
        return self._planned(deliveries, self._plan)

    def fan_out(self, parts: Sequence[Fanout], now: datetime) -> None:
        """Store what `write_out` makes rows of."""
        if parts:
            fanouts.save(self._connection, parts, self._new_plan(now))
            notify(self._connection)

    def write_out(self) -> bool:
        """Make rows of the oldest fan-out; False where there is none."""
        taken = fanouts.take_next(self._connection)
        if taken is None:
            return False
        plan, fanout = taken
        write_new(self._connection, self.numbers, fanout.noticed(), plan)
        self._planned(fanout.deliveries(), plan)
        return True

    def _new_plan(self, now: datetime) -> int:
        made = insert(self._connection, plans).values(made_at=now).returning(plans.c.number)
        return int(self._connection.execute(made).scalar_one())

    def _planned(self, deliveries: Sequence[Delivery], plan: int) -> int:
        waiting: dict[str, list[Delivery]] = defaultdict(list)
        for one in deliveries:
            waiting[one.target].append(one)
        count = self._insert(waiting, plan)
        self._make_ready(waiting)
        if count:
            notify(self._connection)
        return count

    def _insert(self, waiting: Mapping[str, Sequence[Delivery]], plan: int) -> int:
        """Store the rows of each place, together and in their order: as they will lie in the table's indices."""
        places = self.numbers.of_targets(waiting)
        people = self.numbers.of_subscribers(one.subscriber for rows in waiting.values() for one in rows)
        numbers = self.numbers.of_papers({one.paper for rows in waiting.values() for one in rows})
        due = {moment: micros(moment) for rows in waiting.values() for moment in {one.due_at for one in rows}}
        return sum(
            _PLAN.run(
                self._connection,
                [
                    (
                        places[target],
                        people[one.subscriber],
                        KINDS[one.kind],
                        numbers[one.paper],
                        one.part,
                        STATES[one.state],
                        due[one.due_at],
                        plan,
                    )
                    for target in some
                    for one in waiting[target]
                ],
            )
            for some in chunks(sorted(waiting, key=places.__getitem__))
        )

    def _make_ready(self, waiting: Mapping[str, Sequence[Delivery]]) -> None:
        """Places are ready when the first of these rows is due, where they were not ready sooner."""
        places = self.numbers.of_targets(waiting)
        due: dict[datetime, list[int]] = defaultdict(list)
        for target, rows in waiting.items():
            due[min([one.due_at for one in rows])].append(places[target])
        for moment, some in due.items():
            _READY_BY.run(self._connection, places=some, due=micros(moment))
