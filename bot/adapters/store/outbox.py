"""Outbox over a database: claims under a lease, the beginnings of sends, and their outcomes.

Targets are claimed, not rows: nobody else sends to a leased target, which keeps the order of its rows. A target's
`ready_at` says when it next has something to send, so that the cost of a claim does not depend on how much waits. A
claim changes no row; rows become `sending` when their request is about to go out.
"""

import secrets
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple, TypeVar, cast

from sqlalchemy import ColumnElement, Connection, Engine, and_, or_, select, update

from bot.adapters.store.engine import reading, writing
from bot.adapters.store.incidents import stops
from bot.adapters.store.owners import DeadOwners, Owner
from bot.adapters.store.papers import question_text
from bot.adapters.store.row_numbers import delivery_numbers
from bot.adapters.store.schema import (
    CAUSES,
    KINDS,
    OPEN,
    STATES,
    deliveries,
    messages,
    micros,
    moment_of,
    polls,
    targets,
)
from bot.adapters.store.sql import ForEach, Statement, chunks, insert, updating
from bot.domain.backlog import ASKED
from bot.domain.channels import ChannelKind, Target
from bot.domain.delivery import FLOOD_GUARD_CAUSES, DeliveryKind, delivery_key
from bot.domain.flood_guard import NO_GUARD, FloodGuard, full_until
from bot.domain.message import next_message
from bot.domain.papers import PaperId
from bot.pipeline.ports.outbox import Claim, ClaimedRow, Outcome

NEVER_SEEN = "the answer was never seen"
_RANDOM_BITS = 61
"""Each process counts its leases from a random number large enough that no two processes collide; it fits a bigint."""


class Outbox:
    """`OutboxStore` over a database. `new_name` gives unique names for messages."""

    def __init__(self, engine: Engine, new_name: Callable[[], str], owner: Owner) -> None:
        self._engine = engine
        self._new_name = new_name
        self._owner = owner
        self._leases = count(secrets.randbits(_RANDOM_BITS))

    def claim(
        self,
        now: datetime,
        *,
        lease: timedelta,
        limit: int,
        kinds: Sequence[ChannelKind],
        documents: Collection[ChannelKind] = (),
        flood_guard: FloodGuard = NO_GUARD,
    ) -> tuple[Claim, ...]:
        owner = self._owner.acquire()
        with writing(self._engine) as connection:
            moment = micros(now)
            while ready := _READY.rows(connection, now=moment, kinds=list(kinds), most=limit):
                ready_targets = {row[0]: _ReadyTarget._make(row) for row in ready}
                guarded = [number for number, target in ready_targets.items() if target.kind not in documents]
                _postpone(connection, guarded, flood_guard, now)
                rows = _due_rows(connection, ready_targets, moment)
                messages_due = [
                    (target, next_message(rows[number], is_document=target.kind in documents))
                    for number, target in ready_targets.items()
                    if rows[number]
                ]
                refresh_ready(
                    connection, [target.key for number, target in ready_targets.items() if not rows[number]]
                )
                if not messages_due:  # all of these were postponed; other targets may follow
                    continue
                tried = _tried_messages(
                    connection,
                    {message[0].message for _, message in messages_due if message[0].message is not None},
                )
                claims = [self._claim(target, message, tried, now) for target, message in messages_due]
                until = micros(now + lease)
                _LEASE.run(
                    connection,
                    [
                        (target.number, until, claim.lease, owner)
                        for (target, _), claim in zip(messages_due, claims, strict=True)
                    ],
                )
                return tuple(claims)
        return ()

    def _claim(
        self,
        target: "_ReadyTarget",
        rows: Sequence["_WaitingRow"],
        tried: Mapping[int, tuple[str, int]],
        now: datetime,
    ) -> Claim:
        head = rows[0]
        name, created = tried[head.message] if head.message is not None else (self._new_name(), None)
        return Claim(
            number=head.number if head.message is None else head.message,
            message=name,
            target_key=target.key,
            target=Target(kind=target.kind, address=target.address),
            subscriber=head.subscriber,
            kind=head.kind,
            rows=tuple(
                [
                    ClaimedRow(
                        row.number,
                        delivery_key(target.key, row.kind, row.paper, row.part),
                        row.paper,
                        row.part,
                    )
                    for row in rows
                ]
            ),
            attempts=head.attempts + 1,
            created_at=now if created is None else moment_of(created),
            lease=next(self._leases),
        )

    def begin(self, claims: Sequence[Claim]) -> frozenset[int]:
        with writing(self._engine) as connection:
            locked_targets = lock_targets(connection, [claim.target_key for claim in claims])
            begun = [
                claim
                for claim in claims
                if _has_its_lease(claim, locked_targets) and not locked_targets[claim.target_key].is_suspended
            ]
            _begin(connection, begun)
        return frozenset(claim.lease for claim in begun)

    def mark(self, claim: Claim) -> None:
        self._owner.mark(claim.lease)

    def settle(self, outcomes: Sequence[Outcome], now: datetime) -> None:
        """Apply outcomes. Without its lease only a `sent` outcome is applied, since another process may be sending the
        same message; it corrects rows that became `uncertain` or `pending` when the lease ended.
        """
        with writing(self._engine) as connection:
            locked_targets = lock_targets(connection, [outcome.claim.target_key for outcome in outcomes])
            leased = [outcome for outcome in outcomes if _has_its_lease(outcome.claim, locked_targets)]
            late = [
                outcome
                for outcome in outcomes
                if outcome.state == "sent" and not _has_its_lease(outcome.claim, locked_targets)
            ]
            _begin(connection, [outcome.claim for outcome in leased if _began_unrecorded(outcome)])
            applied, settled = [*leased, *late], micros(now)
            _end_rows(connection, applied, settled)
            _SET_ERROR.run(connection, [reason for outcome in leased for reason in _waiting_reasons(outcome)])
            _detach_released(connection, leased)
            _attach_named(connection, applied)
            _RECORD_SENT.run(
                connection,
                [
                    _send_record(outcome, settled)
                    for outcome in applied
                    if outcome.sent or outcome.state == "uncertain"
                ],
            )
            _store_polls(connection, applied, now)
            _settle_targets(
                connection,
                [(locked_targets[outcome.claim.target_key].number, outcome) for outcome in leased],
                now,
            )
            refresh_ready(connection, [outcome.claim.target_key for outcome in late])
        self._owner.unmark(outcome.claim.lease for outcome in outcomes)

    def expire(
        self,
        now: datetime,
        *,
        again: Collection[ChannelKind] = (),
        harmless: Collection[ChannelKind] = (),
    ) -> int:
        abandoned = self._owner.abandoned()  # before the leases are read, so that theirs are among them
        with reading(self._engine) as connection:
            leases = _LEASES.rows(connection)
        owners = {owner for owner, _ in leases}
        dead = self._owner.find_dead(owners)
        has_ended = any(until <= micros(now) for _, until in leases)
        uncertain = self._end_leases(now, dead, again, harmless) if dead or has_ended else 0
        self._owner.sweep(abandoned - owners)
        return uncertain

    def _end_leases(
        self,
        now: datetime,
        dead: DeadOwners,
        again: Collection[ChannelKind],
        harmless: Collection[ChannelKind],
    ) -> int:
        """End the leases of dead owners and those that have expired; gives the number of rows made `uncertain`."""
        with writing(self._engine) as connection:
            ended = connection.execute(
                select(targets.c.number, targets.c.key, targets.c.kind, targets.c.owner, targets.c.lease)
                .where(
                    targets.c.lease_until.is_not(None),
                    or_(targets.c.lease_until <= now, targets.c.owner.in_(sorted(dead))),
                )
                .with_for_update(skip_locked=True, key_share=True)
            ).all()
            uncertain = 0
            for chunk in chunks(ended):
                numbers = [row.number for row in chunk]
                never_left = [
                    row.number
                    for row in chunk
                    if (left := dead.get(row.owner)) is not None and row.lease not in left
                ]
                _end_sending(connection, never_left, state="pending", attempts=deliveries.c.attempts - 1)
                repeating = [row.number for row in chunk if row.kind in again]
                idempotent = [row.number for row in chunk if row.kind in harmless]
                goes_again = or_(
                    deliveries.c.kind == "edit",
                    deliveries.c.target.in_(idempotent),
                    and_(deliveries.c.target.in_(repeating), deliveries.c.kind != "alarm"),
                )
                query = select(deliveries.c.message).where(*_sending(numbers), ~goes_again).distinct()
                uncertain_messages = connection.execute(query).scalars().all()
                uncertain += _end_sending(
                    connection, numbers, ~goes_again, state="uncertain", error=NEVER_SEEN, settled_at=now
                )
                _end_sending(connection, numbers, goes_again, state="pending", error=NEVER_SEEN)
                connection.execute(
                    update(messages).where(messages.c.number.in_(uncertain_messages)).values(settled_at=now)
                )
                connection.execute(
                    update(targets)
                    .where(targets.c.number.in_(numbers))
                    .values(lease_until=None, lease=None, owner=None)
                )
            refresh_ready(connection, [row.key for row in ended])
        return uncertain

    def next_due(self, kinds: Sequence[ChannelKind], check_at: datetime | None = None) -> datetime | None:
        with reading(self._engine) as connection:
            stopped = stops(connection)
            ((*ready, lease, is_foreign),) = _next_due_statement(tuple(kinds)).rows(
                connection, own=self._owner.number
            )
        moments = [
            max(moment_of(moment), stopped[kind].until) if kind in stopped else moment_of(moment)
            for kind, moment in zip(kinds, ready, strict=True)
            if moment is not None
        ]
        if lease is not None:
            moments.append(moment_of(lease))
        if is_foreign and check_at is not None:
            moments.append(check_at)
        return min(moments, default=None)


@lru_cache
def _next_due_statement(kinds: tuple[ChannelKind, ...]) -> Statement:
    """Query: when each of these channels next has something ready, when the first lease ends, and whether another
    process has a lease.
    """
    return Statement(
        "SELECT "
        + "".join(f"{_NEXT_READY.format(kind=kind)}, " for kind in kinds)
        + "(SELECT min(lease_until) FROM targets WHERE lease_until IS NOT NULL),"
        " EXISTS (SELECT 1 FROM targets WHERE lease_until IS NOT NULL AND owner <> :own)"
    )


_NEXT_READY = (
    "(SELECT ready_at FROM targets WHERE ready_at IS NOT NULL AND lease_until IS NULL AND suspended IS NULL"
    " AND kind = '{kind}' ORDER BY ready_at, number LIMIT 1)"
)
"""Reads only the beginning of the index of ready targets, however many wait."""


# --- targets ----------------------------------------------------------------------------------------------

_LOCKED_COLUMNS = (
    "SELECT key, number, lease, CASE WHEN suspended IS NULL THEN 0 ELSE 1 END FROM targets"
    " WHERE key = ANY(:targets)"
)
_LOCK_TARGETS = Statement(_LOCKED_COLUMNS, postgresql=f"{_LOCKED_COLUMNS} ORDER BY key FOR NO KEY UPDATE")
_LEASES = Statement("SELECT owner, lease_until FROM targets WHERE lease_until IS NOT NULL")

_READY_AT = (
    "(SELECT CASE WHEN min(own.due_at) < {until} THEN {until} ELSE min(own.due_at) END"
    " FROM deliveries AS own WHERE own.target = targets.number AND own.settled_at IS NULL)"
)
"""Needs only the index of open rows. Rows that are `sending` count too: a leased target is recomputed when its lease
ends.
"""

_END_LEASE = updating(
    "targets",
    "lease_until = NULL, lease = NULL, owner = NULL, wait_until = :until,"
    f" ready_at = {_READY_AT.format(until='CAST(:until AS bigint)')}",
    where="number = :target",
    columns={"target": "bigint", "until": "bigint"},
)
_REFRESH = updating(
    "targets",
    f"ready_at = {_READY_AT.format(until='wait_until')}",
    where="key = :name",
    columns={"name": "text"},
)


class _LockedTarget(NamedTuple):
    """A locked target."""

    number: int
    lease: int | None
    is_suspended: bool


def lock_targets(connection: Connection, targets: Iterable[str]) -> dict[str, _LockedTarget]:
    """Lock these targets until the transaction ends, so that nobody else claims or changes them; gives those stored, by key."""
    return {
        key: _LockedTarget(number, lease, bool(is_suspended))
        for key, number, lease, is_suspended in _LOCK_TARGETS.rows(connection, targets=list(targets))
    }


def refresh_ready(connection: Connection, targets: Iterable[str]) -> None:
    """Recompute when these targets next have something to send."""
    _REFRESH.run(connection, [(name,) for name in targets])


# --- claiming ---------------------------------------------------------------------------------------------

_KINDS: dict[int, DeliveryKind] = {code: cast(DeliveryKind, kind) for kind, code in KINDS.items()}
_MOST_DUE_ROWS = 500
"""Most due rows of a target from which its next message is chosen."""

_TARGETS = (
    "SELECT number, key, kind, address FROM targets WHERE ready_at IS NOT NULL AND ready_at <= :now"
    " AND lease_until IS NULL AND suspended IS NULL AND (wait_until IS NULL OR wait_until <= :now)"
    " AND kind = ANY(:kinds) ORDER BY ready_at, number LIMIT :most"
)
_READY = Statement(_TARGETS, postgresql=f"{_TARGETS} FOR NO KEY UPDATE SKIP LOCKED")
_ROW = "waiting.number, waiting.target, waiting.subscriber, waiting.kind, waiting.paper, waiting.part, waiting.message, waiting.attempts"
_WAITING = "waiting.target = {target} AND waiting.settled_at IS NULL"
"""Without a lease on the target none of its rows is being sent: all open rows wait."""
_NAMED = (
    "SELECT waiting.number, waiting.target, waiting.kind, waiting.part, waiting.message, waiting.attempts,"
    " coalesce(papers.id, ''), subscribers.id FROM ({rows}) AS waiting LEFT JOIN papers ON papers.number = waiting.paper"
    " JOIN subscribers ON subscribers.number = waiting.subscriber"
)
_DUE = Statement(
    _NAMED.format(
        rows=f"SELECT {_ROW} FROM json_each(:targets) AS given JOIN deliveries AS waiting ON waiting.number IN"
        f" (SELECT waiting.number FROM deliveries AS waiting WHERE {_WAITING.format(target='given.value')}"
        " AND waiting.due_at <= :now ORDER BY waiting.number LIMIT :most)"
    ),
    postgresql=_NAMED.format(
        rows="SELECT waiting.* FROM unnest(:targets::bigint[]) AS given(number) CROSS JOIN LATERAL"
        f" (SELECT {_ROW} FROM deliveries AS waiting WHERE {_WAITING.format(target='given.number')}"
        " AND waiting.due_at <= :now ORDER BY waiting.number LIMIT :most) AS waiting"
    ),
)
_ROWS_OF_MESSAGES = Statement(
    _NAMED.format(
        rows=f"SELECT {_ROW} FROM deliveries AS waiting WHERE waiting.message IS NOT NULL AND waiting.message = ANY(:messages)"
        " AND waiting.settled_at IS NULL"
    )
)
_TRIED = Statement("SELECT number, id, created_at FROM messages WHERE number = ANY(:messages)")
_LEASE = updating(
    "targets",
    "lease_until = :until, lease = :lease, owner = :owner, ready_at = NULL",
    where="number = :target",
    columns={"target": "bigint", "until": "bigint", "lease": "bigint", "owner": "bigint"},
)
_REVOKE = Statement(
    "UPDATE targets SET lease_until = NULL, lease = NULL, owner = NULL WHERE key = ANY(:targets)"
    " AND lease_until IS NOT NULL AND NOT EXISTS (SELECT 1 FROM deliveries AS own WHERE own.target = targets.number"
    f" AND own.settled_at IS NULL AND own.state = {STATES['sending']})"
)


def revoke(connection: Connection, targets: Iterable[str]) -> None:
    """End leases under which nothing was begun, so that what was claimed is not sent as it was before a change."""
    _REVOKE.run(connection, targets=list(targets))


_RECENTLY_SENT = Statement(
    "SELECT messages.target, messages.kind, messages.settled_at FROM messages"
    " JOIN deliveries AS head ON head.number = messages.number"
    " JOIN planning_runs ON planning_runs.number = head.run"
    " WHERE messages.target = ANY(:targets) AND messages.settled_at IS NOT NULL AND messages.settled_at > :since"
    f" AND coalesce(planning_runs.rule, '') <> '{ASKED}'"
)
_NOT_ASKED = (
    "NOT EXISTS (SELECT 1 FROM planning_runs WHERE planning_runs.number = deliveries.run"
    f" AND planning_runs.rule = '{ASKED}')"
)
_WAITS_WITH_ALERT = (
    f"kind = {KINDS['quiz']} AND {_NOT_ASKED} AND EXISTS (SELECT 1 FROM deliveries AS alert"
    " WHERE alert.target = deliveries.target AND alert.paper = deliveries.paper"
    f" AND alert.kind = {KINDS['alert']} AND alert.settled_at IS NULL)"
)
_POSTPONE = {
    kind: updating(
        "deliveries",
        "due_at = :until, cause = :why, error = NULL",
        where="target = :waiting AND settled_at IS NULL AND message IS NULL AND due_at <= :moment"
        f" AND ({condition})",
        columns={"waiting": "bigint", "moment": "bigint", "until": "bigint", "why": "smallint"},
    )
    for kind, condition in {
        "alert": f"kind = {KINDS['alert']} OR {_WAITS_WITH_ALERT}",
        "quiz": f"kind = {KINDS['quiz']} AND {_NOT_ASKED}",
    }.items()
}
"""By kind: moves the due rows of a target to the end of the flood guard's limit, but for messages tried already."""


class _WaitingRow(NamedTuple):
    """A waiting row as stored (`code` is its kind), with the names of its paper and subscriber."""

    number: int
    target: int
    code: int
    part: str
    message: int | None
    attempts: int
    paper: PaperId
    subscriber: str

    @property
    def kind(self) -> DeliveryKind:
        return _KINDS[self.code]


class _ReadyTarget(NamedTuple):
    number: int
    key: str
    kind: ChannelKind
    address: str


def _postpone(connection: Connection, numbers: Sequence[int], guard: FloodGuard, now: datetime) -> None:
    """Postpone what exceeds the flood guard at these targets."""
    if not numbers or not guard:
        return
    since = now - max(limit.span for limit in guard.values())
    sent: dict[tuple[int, DeliveryKind], list[datetime]] = defaultdict(list)
    for target, code, settled in _RECENTLY_SENT.rows(connection, targets=list(numbers), since=micros(since)):
        sent[target, _KINDS[code]].append(moment_of(settled))
    for kind, limit in guard.items():
        full = {
            number: until
            for number in numbers
            if (until := full_until(sent[number, kind], limit, now)) is not None
        }
        why = CAUSES[FLOOD_GUARD_CAUSES[kind]]
        _POSTPONE[kind].run(
            connection,
            [(number, micros(now), micros(until), why) for number, until in full.items()],
        )


def _due_rows(connection: Connection, numbers: Iterable[int], now: int) -> dict[int, list[_WaitingRow]]:
    """The oldest due rows by target, from which its next message is chosen; exactly the rows of a message that was
    tried before where that comes next.
    """
    rows: dict[int, list[_WaitingRow]] = defaultdict(list)
    due = _DUE.rows(connection, targets=list(numbers), now=now, most=_MOST_DUE_ROWS)
    for row in map(_WaitingRow._make, sorted(due)):
        rows[row.target].append(row)
    tried = [waiting[0].message for waiting in rows.values() if waiting[0].message is not None]
    if tried:
        again: dict[int, list[_WaitingRow]] = defaultdict(list)
        for row in map(_WaitingRow._make, sorted(_ROWS_OF_MESSAGES.rows(connection, messages=tried))):
            again[row.target].append(row)
        rows.update(again)
    return rows


def _tried_messages(connection: Connection, numbers: Collection[int]) -> dict[int, tuple[str, int]]:
    """Name and creation time of each of these messages."""
    if not numbers:
        return {}
    return {
        number: (name, created) for number, name, created in _TRIED.rows(connection, messages=list(numbers))
    }


# --- beginning --------------------------------------------------------------------------------------------

_MESSAGE = "number, id, target, subscriber, kind, created_at"
_BEGIN_MESSAGE = ForEach(
    sqlite=f"INSERT INTO messages ({_MESSAGE}) SELECT number, :name, target, subscriber, kind, :created_at"
    " FROM deliveries WHERE number = :head ON CONFLICT (number) DO NOTHING",
    postgresql=f"INSERT INTO messages ({_MESSAGE}) SELECT number, given.name, target, subscriber, kind, given.created_at"
    " FROM {given} JOIN deliveries ON number = given.head ON CONFLICT (number) DO NOTHING",
    columns={"name": "text", "created_at": "bigint", "head": "bigint"},
)
"""A message takes target, subscriber and kind from its first row; one that was tried before is stored already."""
_SENDING = f"state = {STATES['sending']}, message = :message_number, attempts = attempts + 1, cause = NULL"
_WAITS = f"state < {STATES['sending']}"
_SEND = updating(
    "deliveries",
    _SENDING,
    where=f"number = :row AND {_WAITS}",
    columns={"row": "bigint", "message_number": "bigint"},
)
_SEND_RANGE = updating(
    "deliveries",
    _SENDING,
    where=f"number BETWEEN :first AND :last AND {_WAITS}",
    columns={"first": "bigint", "last": "bigint", "message_number": "bigint"},
)


def _begin(connection: Connection, claims: Sequence[Claim]) -> None:
    """Make the rows of these claims `sending`; those that are stay as they are."""
    _BEGIN_MESSAGE.run(
        connection, [(claim.message, micros(claim.created_at), claim.number) for claim in claims]
    )
    ranges, single = _in_ranges(connection, [(claim.number, claim.rows) for claim in claims])
    _SEND_RANGE.run(connection, [(rows[0].number, rows[-1].number, message) for message, rows in ranges])
    _SEND.run(connection, [(row.number, message) for message, row in single])


# --- settling ---------------------------------------------------------------------------------------------

_END_ROW = updating(
    "deliveries",
    "state = :end_state, rank = :rank, cause = :cause, error = :why, settled_at = :settled, attempts = attempts - :uncounted,"
    f" message = CASE WHEN :end_state = {STATES['skipped']} THEN NULL ELSE message END",
    where="number = :row AND message = :message_number AND (state = {sending} OR :known = 1 AND state IN ({uncertain}, {pending}))".format(
        **STATES
    ),
    columns={
        "row": "bigint",
        "message_number": "bigint",
        "known": "integer",
        "end_state": "smallint",
        "rank": "smallint",
        "cause": "smallint",
        "why": "text",
        "settled": "bigint",
        "uncounted": "integer",
    },
)
_DIGITS = tuple(f"{rank:03}" for rank in range(1000))
_SENT_RANGE = updating(
    "deliveries",
    f"state = CASE number WHEN :best THEN {STATES['sent']} ELSE {STATES['merged']} END, error = NULL,"
    " rank = CAST(substr(:ranks, 1 + 3 * (number - :first), 3) AS integer), settled_at = :settled",
    where="number BETWEEN :first AND :last AND message = :message_number"
    " AND (state = {sending} OR state = {uncertain} OR state = {pending})".format(**STATES),
    columns={
        "first": "bigint",
        "last": "bigint",
        "message_number": "bigint",
        "best": "bigint",
        "ranks": "text",
        "settled": "bigint",
    },
)
"""Like `_END_ROW` for a whole range that was sent: `ranks` holds three digits for each row, `best` is the row of rank 0."""
_ATTACH_NAMED = updating(
    "deliveries",
    "message = :message_number",
    where=f"number = :row AND state = {STATES['limited']}",
    columns={"row": "bigint", "message_number": "bigint"},
)
_SET_ERROR = updating(
    "deliveries",
    "error = :why, cause = NULL",
    where=f"number = :row AND {_WAITS}",
    columns={"row": "bigint", "why": "text"},
)
_DETACH_RELEASED = updating(
    "deliveries",
    "message = NULL",
    where=f"number = :row AND message = :message_number AND state = {STATES['pending']}",
    columns={"row": "bigint", "message_number": "bigint"},
)
_RECORD_SENT = updating(
    "messages",
    "remote_id = coalesce(:receipt, remote_id), papers = :papers, papers_shown = :papers_shown, settled_at = :settled",
    where="number = :message_number",
    columns={
        "message_number": "bigint",
        "receipt": "text",
        "papers": "integer",
        "papers_shown": "integer",
        "settled": "bigint",
    },
)


def _has_its_lease(claim: Claim, locked_targets: Mapping[str, _LockedTarget]) -> bool:
    target = locked_targets.get(claim.target_key)
    return target is not None and target.lease == claim.lease


def _began_unrecorded(outcome: Outcome) -> bool:
    """True where the rows ended or were tried, but their beginning was not recorded."""
    return not outcome.begun and (outcome.state != "pending" or outcome.counted)


class _RankedOutcome(NamedTuple):
    """An outcome, and by key the rank of each row that was sent, in the order shown."""

    outcome: Outcome
    ranks: Mapping[str, int]

    @property
    def was_sent_whole(self) -> bool:
        outcome, rows = self.outcome, self.outcome.claim.rows
        if outcome.state != "sent" or not outcome.counted or len(self.ranks) > len(_DIGITS):
            return False
        return {row.key for row in rows} <= self.ranks.keys()


def _end_rows(connection: Connection, outcomes: Iterable[Outcome], now: int) -> None:
    complete: list[tuple[_RankedOutcome, Sequence[ClaimedRow]]] = []
    left: list[tuple[_RankedOutcome, ClaimedRow]] = []
    for outcome in outcomes:
        ranked = _RankedOutcome(outcome, {key: rank for rank, key in enumerate(outcome.sent)})
        if ranked.was_sent_whole:
            complete.append((ranked, outcome.claim.rows))
        else:
            left.extend((ranked, row) for row in outcome.claim.rows)
    ranges, single = _in_ranges(connection, complete)
    _SENT_RANGE.run(connection, [_sent_range(ranked, rows, now) for ranked, rows in ranges])
    _END_ROW.run(connection, [_row_end(ranked, row, now) for ranked, row in (*single, *left)])


def _sent_range(ranked: _RankedOutcome, rows: Sequence[ClaimedRow], now: int) -> tuple[Any, ...]:
    outcome, first = ranked.outcome, rows[0].number
    ranks = [ranked.ranks[row.key] for row in rows]
    best = first + ranks.index(0) if 0 in ranks else None
    digits = "".join([_DIGITS[rank] for rank in ranks])
    return first, rows[-1].number, outcome.claim.number, best, digits, now


def _row_end(ranked: _RankedOutcome, row: ClaimedRow, now: int) -> tuple[Any, ...]:
    outcome, rank = ranked.outcome, ranked.ranks.get(row.key)
    cause, why = outcome.cause, outcome.error
    if row.key in outcome.unwanted:
        end, cause, why = "skipped", "unwanted", None
    elif rank is not None:
        end = "sent" if rank == 0 else "merged"
    elif row.key in outcome.limited:
        end, cause = "limited", cause or "over limit"
    else:
        end = outcome.state
    settled = None if end == "pending" else now
    known, uncounted = int(outcome.state == "sent"), int(not outcome.counted)
    code = None if cause is None else CAUSES[cause]
    return row.number, outcome.claim.number, known, STATES[end], rank, code, why, settled, uncounted


def _attach_named(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    """Attach rows over the daily limit of earlier messages to the message that names them now."""
    messages = {key: outcome.claim.number for outcome in outcomes for key in outcome.named}
    rows = delivery_numbers(connection, messages)
    _ATTACH_NAMED.run(connection, [(row, messages[key]) for key, row in rows.items()])


def _waiting_reasons(outcome: Outcome) -> list[tuple[int, str]]:
    """(row, reason) for the rows of a claim that was put back without a request."""
    if outcome.state != "pending" or outcome.begun or outcome.error is None:
        return []
    return [(row.number, outcome.error) for row in outcome.claim.rows]


def _detach_released(connection: Connection, outcomes: Iterable[Outcome]) -> None:
    """Detach rows from a message that was too large with them; the first stays, since it gives the message its number."""
    _DETACH_RELEASED.run(
        connection,
        [
            (row.number, outcome.claim.number)
            for outcome in outcomes
            if outcome.released
            for row in outcome.claim.rows[1:]
            if row.key in outcome.released
        ],
    )


def _send_record(outcome: Outcome, now: int) -> tuple[Any, ...]:
    papers = len(outcome.sent) if outcome.claim.kind == "alert" else 0
    remote_id = outcome.receipt.message if outcome.receipt else None
    papers_shown = outcome.receipt.papers_shown if outcome.receipt else None
    return outcome.claim.number, remote_id or None, papers, papers_shown, now


def _store_polls(connection: Connection, outcomes: Sequence[Outcome], now: datetime) -> None:
    rows = [
        {
            "poll": outcome.receipt.poll,
            "message": outcome.claim.message,
            "target": outcome.claim.target_key,
            "paper": outcome.claim.rows[0].paper,
            "option_order": ",".join(map(str, outcome.receipt.option_order)),
            "question": question_text(outcome.question),
            "sent_at": now,
        }
        for outcome in outcomes
        if outcome.receipt and outcome.receipt.poll and outcome.question
    ]
    if rows:
        connection.execute(insert(connection, polls).on_conflict_do_nothing(), rows)


def _settle_targets(connection: Connection, ended: Sequence[tuple[int, Outcome]], now: datetime) -> None:
    waits = ((number, outcome.wait_until) for number, outcome in ended)
    _END_LEASE.run(connection, [(number, micros(until) if until else None) for number, until in waits])
    for number, outcome in ended:
        if outcome.suspend is not None:
            connection.execute(
                update(targets)
                .where(targets.c.number == number, targets.c.suspended.is_(None))
                .values(suspended=outcome.suspend, suspended_at=now)
            )
        if outcome.moved_to is not None:
            connection.execute(
                update(targets).where(targets.c.number == number).values(address=outcome.moved_to)
            )


def _sending(numbers: Sequence[int]) -> tuple[ColumnElement[bool], ...]:
    """Conditions of the rows of these targets that are `sending`."""
    return deliveries.c.target.in_(numbers), OPEN, deliveries.c.state == "sending"


def _end_sending(
    connection: Connection, numbers: Sequence[int], *conditions: ColumnElement[bool], **values: Any
) -> int:
    """Give these values to the rows of these targets that are `sending`; gives the number of rows."""
    return connection.execute(
        update(deliveries).where(*_sending(numbers), *conditions).values(**values)
    ).rowcount


# --- ranges of rows ---------------------------------------------------------------------------------------

_Label = TypeVar("_Label")


def _in_ranges(
    connection: Connection, groups: Iterable[tuple[_Label, Sequence[ClaimedRow]]]
) -> tuple[list[tuple[_Label, Sequence[ClaimedRow]]], list[tuple[_Label, ClaimedRow]]]:
    """(ranges of two rows or more, single rows), each with the label of its group; rows are given oldest first.

    PostgreSQL gets no ranges: it cannot estimate them well enough to plan for them.
    """
    if connection.dialect.name != "sqlite":
        return [], [(label, row) for label, rows in groups for row in rows]
    ranges: list[tuple[_Label, Sequence[ClaimedRow]]] = []
    single: list[tuple[_Label, ClaimedRow]] = []
    for label, rows in groups:
        for consecutive in _ranges(rows):
            if len(consecutive) > 1:
                ranges.append((label, consecutive))
            else:
                single.append((label, consecutive[0]))
    return ranges, single


def _ranges(rows: Sequence[ClaimedRow]) -> Sequence[Sequence[ClaimedRow]]:
    """The rows, split where their numbers are not consecutive."""
    if rows[-1].number - rows[0].number == len(rows) - 1:
        return (rows,)
    starts = [at for at in range(1, len(rows)) if rows[at].number != rows[at - 1].number + 1]
    return [rows[start:end] for start, end in zip([0, *starts], [*starts, len(rows)], strict=True)]
