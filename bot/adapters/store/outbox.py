"""Outbox over a database: claims under a lease, the beginnings of sends, and their outcomes.

A target is what is claimed: while it is leased nobody else sends to it, which keeps the order of its rows.
`ready_at` says when it next has something to send, so that a claim costs what it takes and not what waits. A claim
touches no row: they become `sending` when their request is about to go out.
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
from bot.adapters.store.ids import delivery_ids
from bot.adapters.store.incidents import stops
from bot.adapters.store.owners import Dead, Owner
from bot.adapters.store.papers import question_text
from bot.adapters.store.schema import (
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
from bot.domain.channels import ChannelKind, Target
from bot.domain.delivery import UNWANTED, Kind, delivery_key
from bot.domain.flood_guard import NO_GUARD, WAITS, FloodGuard, full_until
from bot.domain.message import next_message
from bot.domain.papers import PaperId
from bot.pipeline.ports.outbox import Claim, ClaimedRow, Outcome

NEVER_SEEN = "the answer was never seen"
_RANDOM_BITS = 61
"""Leases of a process are counted from a number so large that no two processes meet; it has room in a bigint."""


class Outbox:
    """`OutboxStore` over a database. `new_name` names a message, `new_lease` a claim; never the same twice."""

    def __init__(
        self,
        engine: Engine,
        new_name: Callable[[], str],
        owner: Owner,
        new_lease: Callable[[], int] | None = None,
    ) -> None:
        self._engine = engine
        self._new_name = new_name
        self._owner = owner
        self._new_lease = new_lease or count(secrets.randbits(_RANDOM_BITS)).__next__

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
        owner = self._owner.hold()
        with writing(self._engine) as connection:
            moment = micros(now)
            while ready := _READY.rows(connection, now=moment, kinds=list(kinds), most=limit):
                ready_targets = {row[0]: _ReadyTarget._make(row) for row in ready}
                guarded = [number for number, target in ready_targets.items() if target.kind not in documents]
                _put_off(connection, guarded, flood_guard, now)
                rows = _due_rows(connection, ready_targets, moment)
                messages_due = [
                    (target, next_message(rows[number], is_document=target.kind in documents))
                    for number, target in ready_targets.items()
                    if rows[number]
                ]
                refresh_ready(
                    connection, [target.key for number, target in ready_targets.items() if not rows[number]]
                )
                if not messages_due:  # all of them wait now: others may be behind them
                    continue
                tried = _tried(
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
            number=head.seq if head.message is None else head.message,
            message=name,
            key=target.key,
            target=Target(kind=target.kind, address=target.address),
            subscriber=head.subscriber,
            kind=head.kind,
            rows=tuple(
                [
                    ClaimedRow(
                        row.seq, delivery_key(target.key, row.kind, row.paper, row.part), row.paper, row.part
                    )
                    for row in rows
                ]
            ),
            attempts=head.attempts + 1,
            created_at=now if created is None else moment_of(created),
            lease=self._new_lease(),
        )

    def begin(self, claims: Sequence[Claim], now: datetime) -> frozenset[int]:  # noqa: ARG002 - the port keeps it
        with writing(self._engine) as connection:
            held_targets = hold(connection, [claim.key for claim in claims])
            begun = [
                claim
                for claim in claims
                if _holds_its_lease(claim, held_targets) and not held_targets[claim.key].is_suspended
            ]
            _begin(connection, begun)
        return frozenset(claim.lease for claim in begun)

    def mark(self, claim: Claim) -> None:
        self._owner.mark(claim.lease)

    def settle(self, outcomes: Sequence[Outcome], now: datetime) -> None:
        """A `sent` outcome also corrects rows that were taken for uncertain, or are to go again, since their
        lease ended. Without the lease no other is applied: another process may be sending the same message.
        """
        with writing(self._engine) as connection:
            held_targets = hold(connection, [outcome.claim.key for outcome in outcomes])
            leased = [outcome for outcome in outcomes if _holds_its_lease(outcome.claim, held_targets)]
            late = [
                outcome
                for outcome in outcomes
                if outcome.state == "sent" and not _holds_its_lease(outcome.claim, held_targets)
            ]
            _begin(connection, [outcome.claim for outcome in leased if _began_unrecorded(outcome)])
            applied, settled = [*leased, *late], micros(now)
            _end_rows(connection, applied, settled)
            _NOTE.run(connection, [note for outcome in leased for note in _notes(outcome)])
            _release(connection, leased)
            _LEAVE.run(
                connection,
                [
                    (row.seq, outcome.claim.number)
                    for outcome in applied
                    if outcome.unwanted
                    for row in outcome.claim.rows
                    if row.key in outcome.unwanted
                ],
            )
            _keep_named(connection, applied)
            _WENT_OUT.run(
                connection,
                [
                    _went_out(outcome, settled)
                    for outcome in applied
                    if outcome.sent or outcome.state == "uncertain"
                ],
            )
            _keep_polls(connection, applied, now)
            _settle_targets(
                connection, [(held_targets[outcome.claim.key].number, outcome) for outcome in leased], now
            )
            refresh_ready(connection, [outcome.claim.key for outcome in late])
        self._owner.unmark(outcome.claim.lease for outcome in outcomes)

    def expire(
        self,
        now: datetime,
        *,
        again: Collection[ChannelKind] = (),
        harmless: Collection[ChannelKind] = (),
    ) -> int:
        left_behind = self._owner.left_behind()  # first: the leases of all these are among those read next
        with reading(self._engine) as connection:
            leases = _LEASES.rows(connection)
        owners = {owner for owner, _ in leases}
        dead = self._owner.dead(owners)
        has_ended = any(until <= micros(now) for _, until in leases)
        uncertain = self._end_leases(now, dead, again, harmless) if dead or has_ended else 0
        self._owner.sweep(left_behind - owners)
        return uncertain

    def _end_leases(
        self, now: datetime, dead: Dead, again: Collection[ChannelKind], harmless: Collection[ChannelKind]
    ) -> int:
        """End the leases of dead owners and those whose time is over; gives the number of rows that are `uncertain` now."""
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
                _end(connection, never_left, state="pending", attempts=deliveries.c.attempts - 1)
                repeating = [row.number for row in chunk if row.kind in again]
                idempotent = [row.number for row in chunk if row.kind in harmless]
                goes_again = or_(
                    deliveries.c.kind == "edit",
                    deliveries.c.target.in_(idempotent),
                    and_(deliveries.c.target.in_(repeating), deliveries.c.kind != "alarm"),
                )
                on_their_way = connection.execute(
                    select(deliveries.c.message).where(*_sending(numbers), ~goes_again).distinct()
                ).scalars()
                names = on_their_way.all()
                uncertain += _end(
                    connection, numbers, ~goes_again, state="uncertain", error=NEVER_SEEN, settled_at=now
                )
                _end(connection, numbers, goes_again, state="pending", error=NEVER_SEEN)
                connection.execute(
                    update(messages).where(messages.c.number.in_(names)).values(settled_at=now)
                )
                connection.execute(
                    update(targets)
                    .where(targets.c.number.in_(numbers))
                    .values(lease_until=None, lease=None, owner=None)
                )
            refresh_ready(connection, [row.key for row in ended])
        return uncertain

    def next_due(self, kinds: Sequence[ChannelKind], look_at: datetime | None = None) -> datetime | None:
        with reading(self._engine) as connection:
            stopped = stops(connection)
            ((*ready, lease, is_foreign),) = _next(tuple(kinds)).rows(connection, own=self._owner.number)
        moments = [
            max(moment_of(moment), stopped[kind].until) if kind in stopped else moment_of(moment)
            for kind, moment in zip(kinds, ready, strict=True)
            if moment is not None
        ]
        if lease is not None:
            moments.append(moment_of(lease))
        if is_foreign and look_at is not None:
            moments.append(look_at)
        return min(moments, default=None)


@lru_cache
def _next(kinds: tuple[ChannelKind, ...]) -> Statement:
    """When each of these channels next has something ready, when the first lease ends, and whether another process has one."""
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
"""Reads the index of ready targets from its beginning, so that it costs little however many wait."""


# --- targets ----------------------------------------------------------------------------------------------

_HELD = (
    "SELECT key, number, lease, CASE WHEN suspended IS NULL THEN 0 ELSE 1 END FROM targets"
    " WHERE key = ANY(:targets)"
)
_HOLD = Statement(_HELD, postgresql=f"{_HELD} ORDER BY key FOR NO KEY UPDATE")
_LEASES = Statement("SELECT owner, lease_until FROM targets WHERE lease_until IS NOT NULL")

_READY_AT = (
    "(SELECT CASE WHEN min(own.due_at) < {until} THEN {until} ELSE min(own.due_at) END"
    " FROM deliveries AS own WHERE own.target = targets.number AND own.settled_at IS NULL)"
)
"""From the index of open rows alone. Rows that are `sending` count as well: a leased target is recomputed when the
lease ends.
"""

_FREE = updating(
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


class _HeldTarget(NamedTuple):
    """A locked target: its number, its lease, and whether it is suspended."""

    number: int
    lease: int | None
    is_suspended: int


def hold(connection: Connection, targets: Iterable[str]) -> dict[str, _HeldTarget]:
    """Lock these targets until the transaction ends, so that nobody else claims or changes them; gives those that exist."""
    return {key: _HeldTarget(*columns) for key, *columns in _HOLD.rows(connection, targets=list(targets))}


def _free(connection: Connection, ended: Iterable[tuple[int, datetime | None]]) -> None:
    """End the leases on the targets of these numbers; each target then waits until its moment."""
    _FREE.run(connection, [(target, micros(until) if until else None) for target, until in ended])


def refresh_ready(connection: Connection, targets: Iterable[str]) -> None:
    """Recompute when these targets next have something to send."""
    _REFRESH.run(connection, [(name,) for name in targets])


# --- claiming ---------------------------------------------------------------------------------------------

_KINDS: dict[int, Kind] = {code: cast(Kind, kind) for kind, code in KINDS.items()}
_LOOKED_AT = 500
"""Number of a target's due rows from which its next message is chosen."""

_TARGETS = (
    "SELECT number, key, kind, address FROM targets WHERE ready_at IS NOT NULL AND ready_at <= :now"
    " AND lease_until IS NULL AND suspended IS NULL AND (wait_until IS NULL OR wait_until <= :now)"
    " AND kind = ANY(:kinds) ORDER BY ready_at, number LIMIT :most"
)
_READY = Statement(_TARGETS, postgresql=f"{_TARGETS} FOR NO KEY UPDATE SKIP LOCKED")
_ROW = "waiting.seq, waiting.target, waiting.subscriber, waiting.kind, waiting.paper, waiting.part, waiting.message, waiting.attempts"
_WAITING = "waiting.target = {target} AND waiting.settled_at IS NULL"
"""A target that nobody has leased has nothing on its way: all its open rows wait."""
_NAMED = (
    "SELECT waiting.seq, waiting.target, waiting.kind, waiting.part, waiting.message, waiting.attempts,"
    " coalesce(papers.id, ''), subscribers.id FROM ({rows}) AS waiting LEFT JOIN papers ON papers.position = waiting.paper"
    " JOIN subscribers ON subscribers.number = waiting.subscriber"
)
_DUE = Statement(
    _NAMED.format(
        rows=f"SELECT {_ROW} FROM json_each(:targets) AS given JOIN deliveries AS waiting ON waiting.seq IN"
        f" (SELECT waiting.seq FROM deliveries AS waiting WHERE {_WAITING.format(target='given.value')}"
        " AND waiting.due_at <= :now ORDER BY waiting.seq LIMIT :most)"
    ),
    postgresql=_NAMED.format(
        rows="SELECT waiting.* FROM unnest(:targets::bigint[]) AS given(number) CROSS JOIN LATERAL"
        f" (SELECT {_ROW} FROM deliveries AS waiting WHERE {_WAITING.format(target='given.number')}"
        " AND waiting.due_at <= :now ORDER BY waiting.seq LIMIT :most) AS waiting"
    ),
)
_AGAIN = Statement(
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
    """End the leases under which nothing was begun: what was only claimed is no longer sent as it was."""
    _REVOKE.run(connection, targets=list(targets))


_SENT_LATELY = Statement(
    "SELECT messages.target, messages.kind, messages.settled_at FROM messages"
    " JOIN deliveries AS head ON head.seq = messages.number"
    " JOIN planning_runs ON planning_runs.number = head.run"
    " WHERE messages.target = ANY(:targets) AND messages.settled_at IS NOT NULL AND messages.settled_at > :since"
    " AND coalesce(planning_runs.rule, '') <> 'asked'"
)
_NOT_ASKED = (
    "NOT EXISTS (SELECT 1 FROM planning_runs WHERE planning_runs.number = deliveries.run"
    " AND planning_runs.rule = 'asked')"
)
_WAITS_WITH_ALERT = (
    f"kind = {KINDS['quiz']} AND {_NOT_ASKED} AND EXISTS (SELECT 1 FROM deliveries AS alert"
    " WHERE alert.target = deliveries.target AND alert.paper = deliveries.paper"
    f" AND alert.kind = {KINDS['alert']} AND alert.settled_at IS NULL)"
)
_PUT_OFF = {
    kind: updating(
        "deliveries",
        "due_at = :until, error = :why",
        where="target = :waiting AND settled_at IS NULL AND message IS NULL AND due_at <= :moment"
        f" AND ({condition})",
        columns={"waiting": "bigint", "moment": "bigint", "until": "bigint", "why": "text"},
    )
    for kind, condition in {
        "alert": f"kind = {KINDS['alert']} OR {_WAITS_WITH_ALERT}",
        "quiz": f"kind = {KINDS['quiz']} AND {_NOT_ASKED}",
    }.items()
}
"""What waits where a target got as many messages of a kind as it may for now; never a message that was tried already."""


class _WaitingRow(NamedTuple):
    """A row that waits, in the numbers of the state, and the names of its paper and subscriber."""

    seq: int
    target: int
    code: int
    part: str
    message: int | None
    attempts: int
    paper: PaperId
    subscriber: str

    @property
    def kind(self) -> Kind:
        return _KINDS[self.code]


class _ReadyTarget(NamedTuple):
    number: int
    key: str
    kind: ChannelKind
    address: str


def _put_off(connection: Connection, numbers: Sequence[int], guard: FloodGuard, now: datetime) -> None:
    """Put off what is over the flood guard of these targets."""
    if not numbers or not guard:
        return
    since = now - max(limit.span for limit in guard.values())
    sent: dict[tuple[int, Kind], list[datetime]] = defaultdict(list)
    for target, code, settled in _SENT_LATELY.rows(connection, targets=list(numbers), since=micros(since)):
        sent[target, _KINDS[code]].append(moment_of(settled))
    for kind, limit in guard.items():
        full = {
            number: until
            for number in numbers
            if (until := full_until(sent[number, kind], limit, now)) is not None
        }
        _PUT_OFF[kind].run(
            connection,
            [(number, micros(now), micros(until), WAITS[kind]) for number, until in full.items()],
        )


def _due_rows(connection: Connection, numbers: Iterable[int], now: int) -> dict[int, list[_WaitingRow]]:
    """The rows that each target's next message may take: the oldest ones, and not all of a long backlog.

    Where a message that was tried before comes next, exactly its rows.
    """
    rows: dict[int, list[_WaitingRow]] = defaultdict(list)
    due = _DUE.rows(connection, targets=list(numbers), now=now, most=_LOOKED_AT)
    for row in map(_WaitingRow._make, sorted(due)):
        rows[row.target].append(row)
    tried = [waiting[0].message for waiting in rows.values() if waiting[0].message is not None]
    if tried:
        again: dict[int, list[_WaitingRow]] = defaultdict(list)
        for row in map(_WaitingRow._make, sorted(_AGAIN.rows(connection, messages=tried))):
            again[row.target].append(row)
        rows.update(again)
    return rows


def _tried(connection: Connection, numbers: Collection[int]) -> dict[int, tuple[str, int]]:
    """The name of each message, and when it was made."""
    if not numbers:
        return {}
    return {
        number: (name, created) for number, name, created in _TRIED.rows(connection, messages=list(numbers))
    }


# --- beginning --------------------------------------------------------------------------------------------

_MESSAGE = "number, id, target, subscriber, kind, created_at"
_BEGIN_MESSAGE = ForEach(
    sqlite=f"INSERT INTO messages ({_MESSAGE}) SELECT seq, :name, target, subscriber, kind, :created_at"
    " FROM deliveries WHERE seq = :head ON CONFLICT (number) DO NOTHING",
    postgresql=f"INSERT INTO messages ({_MESSAGE}) SELECT seq, given.name, target, subscriber, kind, given.created_at"
    " FROM {given} JOIN deliveries ON seq = given.head ON CONFLICT (number) DO NOTHING",
    columns={"name": "text", "created_at": "bigint", "head": "bigint"},
)
"""A message is like the row that it begins with; one that was tried before is there already."""
_SENDING = f"state = {STATES['sending']}, message = :message_number, attempts = attempts + 1"
_WAITS = f"state < {STATES['sending']}"
_SEND = updating(
    "deliveries",
    _SENDING,
    where=f"seq = :row AND {_WAITS}",
    columns={"row": "bigint", "message_number": "bigint"},
)
_SEND_RUN = updating(
    "deliveries",
    _SENDING,
    where=f"seq BETWEEN :first AND :last AND {_WAITS}",
    columns={"first": "bigint", "last": "bigint", "message_number": "bigint"},
)


def _begin(connection: Connection, claims: Sequence[Claim]) -> None:
    """Make the rows of these claims `sending`, where they are not."""
    _BEGIN_MESSAGE.run(
        connection, [(claim.message, micros(claim.created_at), claim.number) for claim in claims]
    )
    runs, single = _in_runs(connection, [(claim.number, claim.rows) for claim in claims])
    _SEND_RUN.run(connection, [(rows[0].seq, rows[-1].seq, message) for message, rows in runs])
    _SEND.run(connection, [(row.seq, message) for message, row in single])


# --- settling ---------------------------------------------------------------------------------------------

_END = updating(
    "deliveries",
    "state = :ending, rank = :rank, error = :why, settled_at = :settled, attempts = attempts - :uncounted",
    where="seq = :row AND message = :message_number AND (state = {sending} OR :known = 1 AND state IN ({uncertain}, {pending}))".format(
        **STATES
    ),
    columns={
        "row": "bigint",
        "message_number": "bigint",
        "known": "integer",
        "ending": "smallint",
        "rank": "smallint",
        "why": "text",
        "settled": "bigint",
        "uncounted": "integer",
    },
)
_DIGITS = tuple(f"{rank:03}" for rank in range(1000))
_SENT_RUN = updating(
    "deliveries",
    f"state = CASE seq WHEN :best THEN {STATES['sent']} ELSE {STATES['merged']} END, error = :why,"
    " rank = CAST(substr(:ranks, 1 + 3 * (seq - :first), 3) AS integer), settled_at = :settled",
    where="seq BETWEEN :first AND :last AND message = :message_number"
    " AND (state = {sending} OR state = {uncertain} OR state = {pending})".format(**STATES),
    columns={
        "first": "bigint",
        "last": "bigint",
        "message_number": "bigint",
        "best": "bigint",
        "ranks": "text",
        "why": "text",
        "settled": "bigint",
    },
)
"""What `_END` says of each row of a run that went out: `best` first, each at its rank in three digits of `ranks`."""
_NAME = updating(
    "deliveries",
    "message = :message_number",
    where=f"seq = :row AND state = {STATES['limited']}",
    columns={"row": "bigint", "message_number": "bigint"},
)
_NOTE = updating(
    "deliveries",
    "error = :why",
    where=f"seq = :row AND {_WAITS}",
    columns={"row": "bigint", "why": "text"},
)
_RELEASE = updating(
    "deliveries",
    "message = NULL",
    where=f"seq = :row AND message = :message_number AND state = {STATES['pending']}",
    columns={"row": "bigint", "message_number": "bigint"},
)
_LEAVE = updating(
    "deliveries",
    "message = NULL",
    where=f"seq = :row AND message = :message_number AND state = {STATES['merged']}",
    columns={"row": "bigint", "message_number": "bigint"},
)
_WENT_OUT = updating(
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


def _holds_its_lease(claim: Claim, held_targets: Mapping[str, _HeldTarget]) -> bool:
    target = held_targets.get(claim.key)
    return target is not None and target.lease == claim.lease


def _began_unrecorded(outcome: Outcome) -> bool:
    """True where the rows are still as they were claimed, although they ended or were tried."""
    return not outcome.begun and (outcome.state != "pending" or outcome.counted)


class _RankedOutcome(NamedTuple):
    """An outcome, and the rank of each row that went out in the order shown."""

    outcome: Outcome
    ranks: Mapping[str, int]

    @property
    def went_out_whole(self) -> bool:
        outcome, rows = self.outcome, self.outcome.claim.rows
        if outcome.state != "sent" or not outcome.counted or len(self.ranks) > len(_DIGITS):
            return False
        return {row.key for row in rows} <= self.ranks.keys()


def _end_rows(connection: Connection, outcomes: Iterable[Outcome], now: int) -> None:
    complete: list[tuple[_RankedOutcome, Sequence[ClaimedRow]]] = []
    left: list[tuple[_RankedOutcome, ClaimedRow]] = []
    for outcome in outcomes:
        ranked = _RankedOutcome(outcome, {key: rank for rank, key in enumerate(outcome.sent)})
        if ranked.went_out_whole:
            complete.append((ranked, outcome.claim.rows))
        else:
            left.extend((ranked, row) for row in outcome.claim.rows)
    runs, single = _in_runs(connection, complete)
    _SENT_RUN.run(connection, [_sent_run(ranked, rows, now) for ranked, rows in runs])
    _END.run(connection, [_row_end(ranked, row, now) for ranked, row in (*single, *left)])


def _sent_run(ranked: _RankedOutcome, rows: Sequence[ClaimedRow], now: int) -> tuple[Any, ...]:
    outcome, first = ranked.outcome, rows[0].seq
    ranks = [ranked.ranks[row.key] for row in rows]
    best = first + ranks.index(0) if 0 in ranks else None
    digits = "".join([_DIGITS[rank] for rank in ranks])
    return first, rows[-1].seq, outcome.claim.number, best, digits, outcome.error, now


def _row_end(ranked: _RankedOutcome, row: ClaimedRow, now: int) -> tuple[Any, ...]:
    outcome, rank, why = ranked.outcome, ranked.ranks.get(row.key), ranked.outcome.error
    if row.key in outcome.unwanted:
        end, why = "merged", UNWANTED
    elif rank is not None:
        end = "sent" if rank == 0 else "merged"
    else:
        end = "limited" if row.key in outcome.limited else outcome.state
    settled = None if end == "pending" else now
    known, uncounted = int(outcome.state == "sent"), int(not outcome.counted)
    return row.seq, outcome.claim.number, known, STATES[end], rank, why, settled, uncounted


def _keep_named(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    """Rows that the daily limit kept out earlier now belong to the message that names them."""
    messages = {key: outcome.claim.number for outcome in outcomes for key in outcome.named}
    rows = delivery_ids(connection, messages)
    _NAME.run(connection, [(row, messages[key]) for key, row in rows.items()])


def _notes(outcome: Outcome) -> list[tuple[int, str]]:
    """Why the rows of a claim wait that was put back without a request."""
    if outcome.state != "pending" or outcome.begun or outcome.error is None:
        return []
    return [(row.seq, outcome.error) for row in outcome.claim.rows]


def _release(connection: Connection, outcomes: Iterable[Outcome]) -> None:
    """Let rows leave the message that was too large with them; it keeps its first row, whose number is its own."""
    _RELEASE.run(
        connection,
        [
            (row.seq, outcome.claim.number)
            for outcome in outcomes
            if outcome.released
            for row in outcome.claim.rows[1:]
            if row.key in outcome.released
        ],
    )


def _went_out(outcome: Outcome, now: int) -> tuple[Any, ...]:
    papers = len(outcome.sent) if outcome.claim.kind == "alert" else 0
    remote_id = outcome.receipt.message if outcome.receipt else None
    papers_shown = outcome.receipt.papers_shown if outcome.receipt else None
    return outcome.claim.number, remote_id or None, papers, papers_shown, now


def _keep_polls(connection: Connection, outcomes: Sequence[Outcome], now: datetime) -> None:
    rows = [
        {
            "poll": outcome.receipt.poll,
            "message": outcome.claim.message,
            "target": outcome.claim.key,
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
    _free(connection, [(number, outcome.wait_until) for number, outcome in ended])
    for number, outcome in ended:
        if outcome.suspend is not None:
            connection.execute(
                update(targets)
                .where(targets.c.number == number)
                .values(suspended=outcome.suspend, suspended_at=now)
            )
        if outcome.moved_to is not None:
            connection.execute(
                update(targets).where(targets.c.number == number).values(address=outcome.moved_to)
            )


def _sending(numbers: Sequence[int]) -> tuple[ColumnElement[bool], ...]:
    """Conditions of the rows of these targets that are `sending`."""
    return deliveries.c.target.in_(numbers), OPEN, deliveries.c.state == "sending"


def _end(
    connection: Connection, numbers: Sequence[int], *conditions: ColumnElement[bool], **values: Any
) -> int:
    return connection.execute(
        update(deliveries).where(*_sending(numbers), *conditions).values(**values)
    ).rowcount


# --- runs of rows -----------------------------------------------------------------------------------------

_Of = TypeVar("_Of")


def _in_runs(
    connection: Connection, groups: Iterable[tuple[_Of, Sequence[ClaimedRow]]]
) -> tuple[list[tuple[_Of, Sequence[ClaimedRow]]], list[tuple[_Of, ClaimedRow]]]:
    """The runs of two rows or more, and the rows that are left, each beside what its rows were given with.

    Rows are given oldest first. PostgreSQL gets no runs: it knows of a range of numbers too little to plan for it.
    """
    if connection.dialect.name != "sqlite":
        return [], [(of, row) for of, rows in groups for row in rows]
    runs: list[tuple[_Of, Sequence[ClaimedRow]]] = []
    left: list[tuple[_Of, ClaimedRow]] = []
    for of, rows in groups:
        for run in _runs(rows):
            if len(run) > 1:
                runs.append((of, run))
            else:
                left.append((of, run[0]))
    return runs, left


def _runs(rows: Sequence[ClaimedRow]) -> Sequence[Sequence[ClaimedRow]]:
    if rows[-1].seq - rows[0].seq == len(rows) - 1:
        return (rows,)
    starts = [number for number in range(1, len(rows)) if rows[number].seq != rows[number - 1].seq + 1]
    return [rows[start:end] for start, end in zip([0, *starts], [*starts, len(rows)], strict=True)]
