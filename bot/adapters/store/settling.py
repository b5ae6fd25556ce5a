"""How claimed rows end: every way out of `sending` is in this file."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, select, update

from bot.adapters.store.columns import micros
from bot.adapters.store.numbers import numbers_of_deliveries
from bot.adapters.store.papers import question_text
from bot.adapters.store.places import Held, free, hold, refresh_ready
from bot.adapters.store.runs import in_runs
from bot.adapters.store.schema import OPEN, batches, deliveries, targets
from bot.adapters.store.statements import chunks, insert, updating
from bot.adapters.store.study_schema import polls
from bot.adapters.store_version import STATES
from bot.domain.subscriptions import ChannelKind
from bot.pipeline.ports import Claim, ClaimedRow, Outcome

_END = updating(
    "deliveries",
    "state = :ending, place = :shown_at, error = :why, settled_at = :settled, attempts = attempts - :uncounted",
    where="seq = :row AND batch = :message AND (state = {sending} OR :known = 1 AND state IN ({uncertain}, {pending}))".format(
        **STATES
    ),
    columns={
        "row": "bigint",
        "message": "bigint",
        "known": "integer",
        "ending": "smallint",
        "shown_at": "smallint",
        "why": "text",
        "settled": "bigint",
        "uncounted": "integer",
    },
)
_DIGITS = tuple(f"{place:03}" for place in range(1000))
_SENT_RUN = updating(
    "deliveries",
    f"state = CASE seq WHEN :best THEN {STATES['sent']} ELSE {STATES['merged']} END, error = :why,"
    " place = CAST(substr(:places, 1 + 3 * (seq - :first), 3) AS integer), settled_at = :settled",
    where="seq BETWEEN :first AND :last AND batch = :message"
    " AND (state = {sending} OR state = {uncertain} OR state = {pending})".format(**STATES),
    columns={
        "first": "bigint",
        "last": "bigint",
        "message": "bigint",
        "best": "bigint",
        "places": "text",
        "why": "text",
        "settled": "bigint",
    },
)
"""What `_END` says of each row of a run that went out: `best` first, each at its place in three digits of `places`."""
_NAME = updating(
    "deliveries",
    "batch = :message",
    where=f"seq = :row AND state = {STATES['limited']}",
    columns={"row": "bigint", "message": "bigint"},
)
_WENT_OUT = updating(
    "batches",
    "message = coalesce(:receipt, message), told = :papers, settled_at = :settled",
    where="number = :message_number",
    columns={"message_number": "bigint", "receipt": "text", "papers": "integer", "settled": "bigint"},
)


def settle(connection: Connection, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Write the outcomes down. One that says `sent` is known: it also corrects rows that were taken for
    uncertain, or are to go again, since their lease ended. Nothing else is believed of a claim that holds its
    lease no longer: somebody else may be sending the same message by now.
    """
    places = hold(connection, [outcome.claim.key for outcome in outcomes])
    ours = [one for one in outcomes if _holds_its_lease(one.claim, places)]
    late = [one for one in outcomes if one.state == "sent" and not _holds_its_lease(one.claim, places)]
    believed, settled = [*ours, *late], micros(now)
    _end_rows(connection, believed, settled)
    _keep_named(connection, believed)
    _WENT_OUT.run(
        connection, [_went_out(one, settled) for one in believed if one.sent or one.state == "uncertain"]
    )
    _keep_polls(connection, believed, now)
    _settle_places(connection, [(places[one.claim.key].number, one) for one in ours], now)
    refresh_ready(connection, [one.claim.key for one in late])


def _holds_its_lease(claim: Claim, places: Mapping[str, Held]) -> bool:
    place = places.get(claim.key)
    return place is not None and place.lease == claim.lease


class _Shown(NamedTuple):
    """An outcome, and the place of each row that went out in the order shown."""

    outcome: Outcome
    places: Mapping[str, int]

    @property
    def went_out_whole(self) -> bool:
        one, rows = self.outcome, self.outcome.claim.rows
        if one.state != "sent" or not one.counted or len(self.places) > len(_DIGITS):
            return False
        return {row.key for row in rows} <= self.places.keys()


def _end_rows(connection: Connection, outcomes: Iterable[Outcome], now: int) -> None:
    whole: list[tuple[_Shown, Sequence[ClaimedRow]]] = []
    left: list[tuple[_Shown, ClaimedRow]] = []
    for outcome in outcomes:
        shown = _Shown(outcome, {key: place for place, key in enumerate(outcome.sent)})
        if shown.went_out_whole:
            whole.append((shown, outcome.claim.rows))
        else:
            left.extend((shown, row) for row in outcome.claim.rows)
    runs, single = in_runs(connection, whole)
    _SENT_RUN.run(connection, [_sent_run(shown, rows, now) for shown, rows in runs])
    _END.run(connection, [_row_end(shown, row, now) for shown, row in (*single, *left)])


def _sent_run(shown: _Shown, rows: Sequence[ClaimedRow], now: int) -> tuple[Any, ...]:
    outcome, first = shown.outcome, rows[0].seq
    places = [shown.places[row.key] for row in rows]
    best = first + places.index(0) if 0 in places else None
    digits = "".join([_DIGITS[place] for place in places])
    return first, rows[-1].seq, outcome.claim.number, best, digits, outcome.error, now


def _row_end(shown: _Shown, row: ClaimedRow, now: int) -> tuple[Any, ...]:
    outcome, place = shown.outcome, shown.places.get(row.key)
    if place is not None:
        end = "sent" if place == 0 else "merged"
    else:
        end = "limited" if row.key in outcome.limited else outcome.state
    settled = None if end == "pending" else now
    known, uncounted = int(outcome.state == "sent"), int(not outcome.counted)
    return row.seq, outcome.claim.number, known, STATES[end], place, outcome.error, settled, uncounted


def _keep_named(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    """Rows that the daily limit kept out earlier now belong to the message that names them."""
    messages = {key: outcome.claim.number for outcome in outcomes for key in outcome.named}
    rows = numbers_of_deliveries(connection, messages)
    _NAME.run(connection, [(row, messages[key]) for key, row in rows.items()])


def _went_out(outcome: Outcome, now: int) -> tuple[Any, ...]:
    told = len(outcome.sent) if outcome.claim.kind == "alert" else 0
    return outcome.claim.number, outcome.receipt.message if outcome.receipt else None, told, now


def _keep_polls(connection: Connection, outcomes: Sequence[Outcome], now: datetime) -> None:
    asked = [
        {
            "poll": outcome.receipt.poll,
            "batch": outcome.claim.batch,
            "target": outcome.claim.key,
            "paper": outcome.claim.rows[0].paper,
            "option_order": ",".join(map(str, outcome.receipt.option_order)),
            "question": question_text(outcome.question),
            "sent_at": now,
        }
        for outcome in outcomes
        if outcome.receipt and outcome.receipt.poll and outcome.question
    ]
    if asked:
        connection.execute(insert(connection, polls).on_conflict_do_nothing(), asked)


def _settle_places(connection: Connection, ended: Sequence[tuple[int, Outcome]], now: datetime) -> None:
    free(connection, [(place, one.wait_until) for place, one in ended])
    for place, outcome in ended:
        if outcome.suspend is not None:
            connection.execute(
                update(targets)
                .where(targets.c.number == place)
                .values(suspended=outcome.suspend, suspended_at=now)
            )
        if outcome.moved_to is not None:
            connection.execute(
                update(targets).where(targets.c.number == place).values(address=outcome.moved_to)
            )


def lift_leases(connection: Connection, now: datetime, why: str, again: Collection[ChannelKind]) -> int:
    """Rows whose lease has ended become `uncertain`; edits, and all of the channels in `again`, `pending`."""
    query = (
        select(targets.c.number, targets.c.key, targets.c.kind)
        .where(targets.c.lease_until <= now)
        .with_for_update(skip_locked=True, key_share=True)
    )
    ended = connection.execute(query).all()
    uncertain = 0
    for chunk in chunks(row for row in ended if row.kind not in again):
        places = [row.number for row in chunk]
        alone = deliveries.c.kind != "edit"
        messages = _on_their_way(connection, places, alone)
        uncertain += _end(connection, places, alone, state="uncertain", error=why, settled_at=now)
        _end(connection, places, ~alone, state="pending", error=why)
        connection.execute(update(batches).where(batches.c.number.in_(messages)).values(settled_at=now))
    for places in chunks(row.number for row in ended if row.kind in again):
        _end(connection, places, state="pending", error=why)
    for places in chunks(row.number for row in ended):
        connection.execute(
            update(targets).where(targets.c.number.in_(places)).values(lease_until=None, sending=None)
        )
    refresh_ready(connection, [row.key for row in ended])
    return uncertain


def _on_their_way(
    connection: Connection, places: Sequence[int], *those: ColumnElement[bool]
) -> Sequence[int | None]:
    """The messages that these places are leased for."""
    mine = (deliveries.c.target.in_(places), OPEN, deliveries.c.state == "sending", *those)
    return connection.execute(select(deliveries.c.batch).where(*mine).distinct()).scalars().all()


def _end(connection: Connection, places: Sequence[int], *those: ColumnElement[bool], **values: Any) -> int:
    return connection.execute(
        update(deliveries)
        .where(deliveries.c.target.in_(places), OPEN, deliveries.c.state == "sending", *those)
        .values(**values)
    ).rowcount
