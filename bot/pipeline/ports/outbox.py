"""Stores of the outbox: deliveries, claims and outcomes, targets, incidents and stopped channels."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple, Protocol

from bot.domain.backlog import Rule
from bot.domain.channels import ChannelKind, Target
from bot.domain.delivery import Kind, State
from bot.domain.flood_guard import NO_GUARD, FloodGuard
from bot.domain.incidents import Alarm, Incident
from bot.domain.message import AlarmText, Receipt
from bot.domain.papers import PaperId, Question
from bot.domain.reports import SoftBounces


class ClaimedRow(NamedTuple):
    """One delivery of a claim; `shown` is false for one that the daily limit kept out of its message.

    `seq` is its number in the state, which grows with every row that is planned. A tuple for the same reason as
    `Delivery`.
    """

    seq: int
    key: str
    paper: PaperId
    part: str
    shown: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """Deliveries claimed for one message, oldest first, under one lease; `attempts` counts this one.

    `key` names the target for good; `target` is where it is now, which differs once a chat has moved.
    `number` is the message's in the state, where `message` is its name everywhere else. `lease` tells this claim
    of a message from each other one.
    """

    number: int
    message: str
    key: str
    target: Target
    subscriber: str
    kind: Kind
    rows: tuple[ClaimedRow, ...]
    attempts: int
    created_at: datetime
    lease: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How the send of one claim ended, as it is to be settled.

    `sent` names the rows that went out, best first: the first becomes `sent`, the others `merged`.
    `limited` went over the daily limit. `unwanted` rows leave the message, are `merged` and say why. The others take `state`: `pending` again (not before
    `wait_until`, which the whole target observes), `uncertain`, `dead`, or `merged` where there was
    nothing left to send. `named` are rows limited earlier, without a message then, that this one names.
    """

    claim: Claim
    state: Literal["sent", "pending", "uncertain", "dead", "merged"]
    sent: tuple[str, ...] = ()
    limited: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    receipt: Receipt | None = None
    question: Question | None = None
    error: str | None = None
    wait_until: datetime | None = None
    """No message goes to this target before then; set after a success too, to keep the channel's rate limits."""
    suspend: str | None = None
    """Why the target is to be suspended; it keeps its rows."""
    moved_to: str | None = None
    released: tuple[str, ...] = ()
    """Rows that leave their message, which was too large with them, for a later one."""
    counted: bool = True
    """False where the whole channel failed, which is no attempt of this message."""
    begun: bool = False
    """Whether `OutboxStore.begin` was called for it; what ends without gets the same rows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """The alert on one paper to one target; a receipt once it has gone out."""

    state: State
    message: str | None
    receipt: Receipt | None
    shown: bool = True
    """False where it stands behind the message's “+N more”."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryRecord:
    """A delivery as it is stored.

    `message` is the name of the message that it belongs to, `remote_id` what the service called that.
    """

    key: str
    target: str
    subscriber: str
    kind: Kind
    paper: PaperId
    part: str
    state: State
    due_at: datetime
    attempts: int
    error: str | None
    message: str | None
    remote_id: str | None
    created_at: datetime
    settled_at: datetime | None
    rule: Rule | None = None
    """Why it was planned."""
    source: str | None = None
    """The source whose backlog it is of."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """The operator's choice of messages: those with a delivery that fits each part; an empty part fits all."""

    states: Sequence[State] = ()
    kinds: Sequence[Kind] = ()
    targets: Sequence[str] = ()
    """Keys or addresses of targets, or whole channels by their kind."""
    keys: Sequence[str] = ()
    since: datetime | None = None
    """Nothing that is as it is for longer."""


_TELLING: tuple[State, ...] = (
    "uncertain", "dead", "sending", "pending", "held", "sent", "merged", "limited"
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageRecord:
    """A message as the operator sees it: deliveries that were, or would be, sent together."""

    rows: tuple[DeliveryRecord, ...]
    """Oldest first; never empty."""

    @property
    def head(self) -> DeliveryRecord:
        """The delivery whose state tells most."""
        return min(self.rows, key=lambda row: _TELLING.index(row.state))

    @property
    def since(self) -> datetime:
        """Since when it is in its state: since it was settled, or since it was planned."""
        head = self.head
        return head.settled_at or head.created_at

    @property
    def error(self) -> str | None:
        """Its trouble: that its answer was not seen, that it was never begun, or why it failed last."""
        head = self.head
        if head.state == "uncertain":
            return f"answer not seen: {head.error}" if head.error else "answer not seen"
        if head.error is None and head.state in ("pending", "held") and not head.attempts:
            return "never begun"
        return head.error


@dataclass(frozen=True, kw_only=True, slots=True)
class Stop:
    """Stop of a channel: why, since when and until when."""

    reason: str
    since: datetime
    until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetStatus:
    """A target as it is stored; a suspended one keeps its rows until it is revived."""

    target: Target
    suspended: str | None = None
    paused_until: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """Counts of a state, for `status`."""

    digests: int
    entries: int
    papers: int
    quizzes: int
    notices: int
    unreadable: int
    messages: Mapping[State, int]
    """How many messages have a delivery in each state; what was merged or limited is part of one."""
    deliveries: Mapping[State, int]
    given_up: int
    """Number of dead deliveries that the operator dropped."""
    channels: Mapping[ChannelKind, Mapping[State, int]]
    """Channels without deliveries are left out."""
    suspended: Mapping[str, str]
    stopped: Mapping[ChannelKind, Stop]
    oldest_pending: timedelta | None


class OutboxStore(Protocol):
    """Outbox: claims deliveries under a lease, begins to send them and settles them. Every method is one transaction."""

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
        """At most one message for each of at most `limit` targets that may be sent to now.

        Targets come in the order in which they became ready; one target's messages keep the order of its
        rows, and a message that was tried before is claimed again with exactly its rows. On the channels in
        `documents` a message takes all that is due; on the others what is over the `flood_guard` of its target is
        put off until there is room again, and its quizzes with it. The rows stay as they are: who dies with a claim
        leaves nothing behind.
        """
        ...

    def begin(self, claims: Sequence[Claim], now: datetime) -> frozenset[int]:
        """Make the rows of these claims `sending`, since their requests go out now; gives the leases of those that may.

        The others must not be sent: their lease has ended, their target was suspended, or their rows were dropped. Rows
        are `sending` until settled, or `uncertain` when the lease ends first.
        """
        ...

    def mark(self, claim: Claim) -> None:
        """Mark that the request of a claim that was begun leaves with the very next step. Raises StateError.

        Quick enough for an event loop, and no transaction. Where a process dies without the mark, its rows were never
        sent. A store that keeps none calls all uncertain that was begun.
        """
        ...

    def settle(self, outcomes: Sequence[Outcome], now: datetime) -> None:
        """Write down how the sends ended, all of them or none. Idempotent.

        Without a valid lease (settled before, or the lease ended) only `sent` outcomes are applied.
        """
        ...

    def expire(
        self,
        now: datetime,
        *,
        again: Collection[ChannelKind] = (),
        harmless: Collection[ChannelKind] = (),
    ) -> int:
        """End the leases whose time is over or whose process died; gives the number of rows that are `uncertain` now.

        Those are the ones that were `sending`, and marked as far as the store can tell. Edits, which do no harm twice, become pending again, and so does
        everything on the `harmless` channels, and all but the alarms on those in `again`.
        """
        ...

    def next_due(self, kinds: Sequence[ChannelKind], check_at: datetime | None = None) -> datetime | None:
        """The moment at which a delivery on these channels can next be claimed, or a lease ends; None where nothing waits.

        While another process holds a lease it is `check_at` at the latest: it may die.
        """
        ...


class DeliveryStore(Protocol):
    """Deliveries and targets: look-ups, and changes by the operator. Every method is one transaction."""

    def alerted_since(self, target: str, since: datetime) -> int:
        """How many papers this target was alerted to since then."""
        ...

    def sends_since(self, target: str, since: datetime) -> tuple[datetime, ...]:
        """Settling times of this target's messages since then that went out, or may have; oldest first."""
        ...

    def unnamed(self, target: str) -> tuple[tuple[str, PaperId], ...]:
        """(key, paper) of what the daily limit kept from this target and no message has named yet."""
        ...

    def alert_on(self, target: str, paper: PaperId) -> Alert | None:
        """The alert on that paper to that target; None where none was ever planned."""
        ...

    def is_asked(self, key: str) -> bool:
        """Whether a person asked for the delivery with this key."""
        ...

    def rows_of(self, message: str) -> tuple[Claim, Receipt | None] | None:
        """A message as it was claimed, its rows in the order they were shown."""
        ...

    def alarm_text(self, key: str) -> AlarmText:
        """The text of the alarm with this key."""
        ...

    def unsent_alarms(self) -> tuple[tuple[DeliveryRecord, AlarmText], ...]:
        """Alarms that did not arrive for sure: waiting, uncertain or dead, but not dropped; oldest first."""
        ...

    def list_rows(
        self, *, states: Sequence[State], keys: Sequence[str], limit: int
    ) -> tuple[DeliveryRecord, ...]:
        """Deliveries for the operator, oldest first; empty `states` or `keys` mean any."""
        ...

    def list_messages(
        self, selection: Selection, limit: int | None = None
    ) -> tuple[int, tuple[MessageRecord, ...]]:
        """How many messages are chosen, and the oldest `limit` of them (None: all), whole."""
        ...

    def url_targets(self) -> tuple[str, ...]:
        """The keys of targets whose addresses are URLs, and so may hold secrets."""
        ...

    def deliveries_on(self, subscriber: str, papers: Iterable[PaperId]) -> tuple[DeliveryRecord, ...]:
        """Everything planned for the subscriber on these papers, in the order in which it was planned."""
        ...

    def retry(self, keys: Sequence[str], now: datetime) -> int:
        """Dead and uncertain rows of these keys become pending, and say how many.

        Their targets are revived, but for those whose recipient wished to hear no more.
        """
        ...

    def try_now(self, keys: Sequence[str], now: datetime) -> int:
        """Pending rows of these keys, which wait after failures, and their targets wait no longer; how many those were."""
        ...

    def drop(self, keys: Sequence[str], now: datetime) -> int:
        """Open, dead and uncertain rows of these keys are given up for good."""
        ...

    def arrived(self, keys: Sequence[str], now: datetime) -> int:
        """Uncertain rows of these keys did go out, as the operator saw; how many those were.

        What follows them (quizzes, the count of a day) goes on as after any success; only what the service
        called the message stays unknown, so that it is neither edited nor replied to.
        """
        ...

    def suspend(self, target: str, reason: str, now: datetime) -> bool:
        """False where the target is suspended already; one that nothing was sent to yet may be suspended too."""
        ...

    def revive(self, target: str, now: datetime) -> bool:
        """False where the target was not suspended."""
        ...

    def note_bounce(self, target: str, day: date) -> SoftBounces:
        """Note that the target could not be reached on that day; gives all such days. `revive` forgets them."""
        ...

    def move_target(self, target: str, address: str) -> bool:
        """Let what is planned for the target go to that address; False where it is there already."""
        ...

    def target(self, key: str) -> TargetStatus | None:
        """The target with this key; None where nothing was ever planned for it."""
        ...

    def target_at(self, kind: ChannelKind, address: str) -> str | None:
        """The key of the target that is at that address now, its own name first; None where there is none."""
        ...

    def suspended(self, targets: Iterable[str]) -> Mapping[str, str]:
        """Those of the targets that are suspended, with why."""
        ...

    def counts(self, now: datetime) -> Counts:
        """The counts of the state."""
        ...


class IncidentChange(Protocol):
    """Transaction over the open incidents; nobody else changes incidents meanwhile."""

    def open_incidents(self) -> tuple[Incident, ...]:
        """All that are open, in the order in which they were kept."""
        ...

    def keep_incidents(self, incidents: Sequence[Incident]) -> None:
        """Replace all that are open by these."""
        ...

    def plan(self, alarms: Sequence[Alarm], now: datetime) -> int:
        """Insert the deliveries whose keys are new, with their texts, and say how many those were."""
        ...


class IncidentStore(Protocol):
    """Open incidents and stopped channels."""

    def open_incidents(self) -> tuple[Incident, ...]:
        """All that are open, in the order in which they were kept."""
        ...

    def change(self) -> AbstractContextManager[IncidentChange]:
        """A transaction; stored when the block ends, forgotten when it raises."""
        ...

    def stop_channel(self, kind: ChannelKind, reason: str, until: datetime, now: datetime) -> None:
        """Stop the channel until `until`, since nobody on it can be reached.

        One that is stopped already keeps when that began, and the later of the two ends.
        """
        ...

    def open_channel(self, kind: ChannelKind) -> None:
        """Take the stop back."""
        ...

    def stopped_channels(self) -> dict[ChannelKind, Stop]: ...
