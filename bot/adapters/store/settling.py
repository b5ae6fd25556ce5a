"""How claimed rows end: every way out of `sending` is in this file."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update

from bot.adapters.store.codec import question_text
from bot.adapters.store.places import free, hold, refresh_ready
from bot.adapters.store.schema import OPEN_ROWS, deliveries, micros, polls, targets
from bot.adapters.store.statements import chunks, insert, updating
from bot.domain.subscriptions import ChannelKind
from bot.pipeline.ports import Outcome

_END = updating(
    "deliveries",
    "state = :ending, place = :shown_at, error = :why, settled_at = :settled, attempts = attempts - :uncounted",
    where="key = :name AND batch = :message"
    " AND (state = 'sending' OR :known = 1 AND state IN ('uncertain', 'pending'))",
    columns={
        "name": "text",
        "message": "text",
        "known": "integer",
        "ending": "text",
        "shown_at": "integer",
        "why": "text",
        "settled": "bigint",
        "uncounted": "integer",
    },
)
_NAME = updating(
    "deliveries",
    "batch = :message",
    where="key = :name AND state = 'limited'",
    columns={"name": "text", "message": "text"},
)
_RECEIVE = updating(
    "batches", "message = :receipt", where="id = :name", columns={"name": "text", "receipt": "text"}
)


def settle(connection: Connection, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Write the outcomes down. One that says `sent` is known: it also corrects rows that were taken for
    uncertain, or are to go again, since their lease ended.
    """
    hold(connection, [outcome.claim.key for outcome in outcomes])
    settled = micros(now)
    _END.run(connection, [row for outcome in outcomes for row in _row_ends(outcome, settled)])
    # Rows that the daily limit kept out earlier now belong to the message that names them.
    _NAME.run(connection, [(key, one.claim.batch) for one in outcomes for key in one.named])
    _keep_receipts(connection, outcomes, now)
    _settle_places(connection, outcomes, now)


def _row_ends(outcome: Outcome, now: int) -> Iterable[tuple[Any, ...]]:
    shown = {key: place for place, key in enumerate(outcome.sent)}
    limited = set(outcome.limited)
    batch, known, uncounted = outcome.claim.batch, int(outcome.state == "sent"), int(not outcome.counted)
    for row in outcome.claim.rows:
        place = shown.get(row.key)
        if place is not None:
            end = "sent" if place == 0 else "merged"
        else:
            end = "limited" if row.key in limited else outcome.state
        settled = None if end == "pending" else now
        yield row.key, batch, known, end, place, outcome.error, settled, uncounted


def _keep_receipts(connection: Connection, outcomes: Sequence[Outcome], now: datetime) -> None:
    received = [outcome for outcome in outcomes if outcome.receipt is not None]
    if not received:
        return
    _RECEIVE.run(connection, [(o.claim.batch, o.receipt.message) for o in received if o.receipt])
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
        for outcome in received
        if outcome.receipt and outcome.receipt.poll and outcome.question
    ]
    if asked:
        connection.execute(insert(connection, polls).on_conflict_do_nothing(), asked)


def _settle_places(connection: Connection, outcomes: Sequence[Outcome], now: datetime) -> None:
    free(connection, {outcome.claim.key: outcome.wait_until for outcome in outcomes}.items())
    for outcome in outcomes:
        if outcome.suspend is not None:
            connection.execute(
                update(targets)
                .where(targets.c.key == outcome.claim.key)
                .values(suspended=outcome.suspend, suspended_at=now)
            )
        if outcome.moved_to is not None:
            connection.execute(
                update(targets).where(targets.c.key == outcome.claim.key).values(address=outcome.moved_to)
            )


def lift_leases(connection: Connection, now: datetime, why: str, again: Collection[ChannelKind]) -> int:
    """Rows whose lease has ended become `uncertain`; edits, and all of the channels in `again`, `pending`."""
    query = (
        select(targets.c.key, targets.c.kind)
        .where(targets.c.lease_until <= now)
        .with_for_update(skip_locked=True, key_share=True)
    )
    ended = connection.execute(query).all()
    uncertain = 0
    for chunk in chunks(row.key for row in ended if row.kind not in again):
        alone = deliveries.c.kind != "edit"
        uncertain += _end(connection, chunk, alone, state="uncertain", error=why, settled_at=now)
        _end(connection, chunk, ~alone, state="pending", error=why)
    for chunk in chunks(row.key for row in ended if row.kind in again):
        _end(connection, chunk, state="pending", error=why)
    for chunk in chunks(row.key for row in ended):
        connection.execute(update(targets).where(targets.c.key.in_(chunk)).values(lease_until=None))
    refresh_ready(connection, [row.key for row in ended])
    return uncertain


def _end(connection: Connection, places: Sequence[str], *those: ColumnElement[bool], **values: Any) -> int:
    return connection.execute(
        update(deliveries)
        .where(deliveries.c.target.in_(places), OPEN_ROWS, deliveries.c.state == "sending", *those)
        .values(**values)
    ).rowcount
