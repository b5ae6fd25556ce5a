"""Stores of the outbox: deliveries, claims and outcomes, and targets."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple, Protocol

from bot.domain.backlog import Rule
from bot.domain.channels import ChannelKind, Target
from bot.domain.delivery import Cause, DeliveryKind, OptOut, State
from bot.domain.flood_guard import NO_GUARD, FloodGuard
from bot.domain.message import Receipt, WrittenText
from bot.domain.papers import PaperId, Question
from bot.domain.reports import SoftBounces
from bot.pipeline.ports.incidents import Stop


class ClaimedRow(NamedTuple):
    """One delivery of a claim; `shown` is false for one over the daily limit, which its message does not show.

    `number` is its row's in the state, which grows with every planned row. A tuple for the same reason as `Delivery`.
    """

    number: int
    key: str
    paper: PaperId
    part: str
    shown: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """Deliveries claimed for one message, oldest first, under one lease; `attempts` counts this one."""

    number: int
    """The number of the message in the state."""
    message: str
    """The name of the message everywhere else."""
    target_key: str
    """The permanent key of the target."""
    target: Target
    """The current address, which differs from that in the key once a chat has moved."""
    subscriber: str
    kind: DeliveryKind
    rows: tuple[ClaimedRow, ...]
    attempts: int
    created_at: datetime
    lease: int = 0
    """Tells this claim of the message from any other one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """Outcome of the send of one claim, as it is to be settled.

    `sent` are the keys of the rows that went out, best first: the first becomes `sent`, the others `merged`. `limited` rows
    are over the daily limit. `unwanted` rows become `skipped`, with the reason. The others take `state`: `pending`
    again, `uncertain`, `dead`, or `skipped` where there was nothing to send. What is skipped leaves its message. `named` are
    rows that were limited earlier, without a message, and that this message names.
    """

    claim: Claim
    state: Literal["sent", "pending", "uncertain", "dead", "skipped"]
    sent: tuple[str, ...] = ()
    limited: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    receipt: Receipt | None = None
    question: Question | None = None
    cause: Cause | None = None
    error: str | None = None
    wait_until: datetime | None = None
    """No message goes to this target before then; also set after a success, to keep the channel's rate limits."""
    suspend: str | None = None
    """Why the target is to be suspended; it keeps its rows."""
    moved_to: str | None = None
    """The new address of the target."""
    released: tuple[str, ...] = ()
    """Rows that leave the message, which was too large, for a later one."""
    counted: bool = True
    """False where this was no attempt of the message, as where the whole channel failed."""
    begun: bool = False
    """Whether `OutboxStore.begin` was called; if not, the message keeps the same rows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """The alert on one paper to one target; it has a receipt once it has gone out."""

    state: State
    message: str | None
    receipt: Receipt | None
    shown: bool = True
    """False where the paper is behind the message's “+N more”."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryRecord:
    """A delivery as it is stored.

    `message` is the name of its message, `remote_id` the service's id of that.
    """

    key: str
    target: str
    subscriber: str
    kind: DeliveryKind
    paper: PaperId
    part: str
    state: State
    due_at: datetime
    attempts: int
    cause: Cause | None
    error: str | None
    """The cause in words, or what a service or the system said of the last try."""
    message: str | None
    remote_id: str | None
    created_at: datetime
    settled_at: datetime | None
    rule: Rule | None = None
    """Why it was planned."""
    source: str | None = None
    """The source whose backlog it is from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """The operator's selection of messages: those with a delivery that meets every condition; an empty one is always met."""

    states: Sequence[State] = ()
    kinds: Sequence[DeliveryKind] = ()
    targets: Sequence[str] = ()
    """Keys or addresses of targets, or whole channels by their kind."""
    keys: Sequence[str] = ()
    since: datetime | None = None
    """Only messages that have been in their state since then or later."""


_BY_IMPORTANCE: tuple[State, ...] = (
    "uncertain", "dead", "sending", "pending", "held", "sent", "merged", "limited", "skipped"
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageRecord:
    """A message as the operator sees it: deliveries that were, or would be, sent together."""

    rows: tuple[DeliveryRecord, ...]
    """Oldest first; never empty."""

    @property
    def head(self) -> DeliveryRecord:
        """The delivery with the state that matters most to the operator."""
        return min(self.rows, key=lambda row: _BY_IMPORTANCE.index(row.state))

    @property
    def since(self) -> datetime:
        """When it came into its state: when it was settled, else when it was planned."""
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
class TargetStatus:
    """A target as it is stored; a suspended one keeps its rows until it is revived."""

    target: Target
    suspended: str | None = None
    """Why, in words."""
    opted_out: OptOut | None = None
    """How the recipient suspended it; None where an error did."""
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
    """Number of messages with a delivery in each state; `merged`, `limited` and `skipped` are left out."""
    deliveries: Mapping[State, int]
    given_up: int
    """Number of dead deliveries that the operator dropped."""
    channels: Mapping[ChannelKind, Mapping[State, int]]
    """Deliveries by channel and state; channels without any are left out."""
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
        """Claim one message for each of at most `limit` targets to which something may be sent now.

        Targets come in the order in which they became ready. The messages of a target keep the order of its rows, and one
        that was tried before has exactly its rows. On the channels in `documents` a message takes all that is due; on
        others rows over the target's `flood_guard`, and quizzes on their papers, are put off until there is room. The
        rows' states do not change, so a process that dies leaves no trace.
        """
        ...

    def begin(self, claims: Sequence[Claim]) -> frozenset[int]:
        """Make the rows of these claims `sending`, as their requests go out now; gives the leases of the claims that may.

        The others must not be sent: their lease has ended, their target was suspended, or their rows were dropped. Rows are
        `sending` until they are settled, or become `uncertain` when the lease ends first.
        """
        ...

    def mark(self, claim: Claim) -> None:
        """Mark that the request of a begun claim leaves right after this. Raises StateError.

        No transaction, and quick enough for an event loop. Rows of a dead process without the mark were certainly not sent. A
        store without marks takes all begun rows for uncertain.
        """
        ...

    def settle(self, outcomes: Sequence[Outcome], now: datetime) -> None:
        """Store these outcomes, all or none. Idempotent.

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
        """End the leases that are over or whose process died; gives the number of rows that became `uncertain`.

        Those are rows that were `sending` and, as far as the store can tell, marked. Pending again are edits, which are
        harmless twice, all rows on the `harmless` channels, and all but alarms on those in `again`.
        """
        ...

    def next_due(self, kinds: Sequence[ChannelKind], check_at: datetime | None = None) -> datetime | None:
        """When a delivery on these channels can next be claimed, or a lease ends; None where nothing waits.

        While another process has a lease it is `check_at` at the latest, since that process may die.
        """
        ...


class DeliveryStore(Protocol):
    """Deliveries and targets: look-ups, and changes by the operator. Every method is one transaction."""

    def alerted_since(self, target: str, since: datetime) -> int:
        """The number of papers to which this target was alerted since then."""
        ...

    def sends_since(self, target: str, since: datetime) -> tuple[datetime, ...]:
        """Settling times of this target's messages since then that went out, or may have; oldest first."""
        ...

    def unnamed(self, target: str) -> tuple[tuple[str, PaperId], ...]:
        """(key, paper) of rows of this target over the daily limit that no message has named yet."""
        ...

    def alert_on(self, target: str, paper: PaperId) -> Alert | None:
        """The alert on that paper to that target; None where none was ever planned."""
        ...

    def is_asked(self, key: str) -> bool:
        """Whether a person asked for the delivery with this key."""
        ...

    def rows_of(self, message: str) -> tuple[Claim, Receipt | None] | None:
        """A message as it was claimed, its rows in the order in which they were shown, and its receipt; None for an unknown one."""
        ...

    def written_text(self, key: str) -> WrittenText:
        """The text of the alarm or look back with this key."""
        ...

    def deliveries_on(self, subscriber: str, papers: Iterable[PaperId]) -> tuple[DeliveryRecord, ...]:
        """All deliveries planned for the subscriber on these papers, in the order of planning."""
        ...

    def suspend(self, target: str, error: str, now: datetime) -> bool:
        """Suspend the target because of an error, also one to which nothing was sent yet; False where it is suspended already."""
        ...

    def opt_out(self, target: str, how: OptOut, now: datetime) -> bool:
        """Suspend the target because its recipient wants it, whatever suspended it before; False where the recipient did so already."""
        ...

    def revive(self, target: str) -> bool:
        """End the suspension of the target; False where it was not suspended."""
        ...

    def note_bounce(self, target: str, day: date) -> SoftBounces:
        """Store that the target could not be reached on that day; gives the count of such days, which `revive` resets."""
        ...

    def move_target(self, target: str, address: str) -> bool:
        """Set the current address of the target; False where it is the same already."""
        ...

    def target(self, key: str) -> TargetStatus | None:
        """The target with this key; None where nothing was ever planned for it."""
        ...

    def target_at(self, kind: ChannelKind, address: str) -> str:
        """The key of the target with that current address: by preference its own key, which is also that of a new one."""
        ...

    def suspended(self, targets: Iterable[str]) -> Mapping[str, str]:
        """Those of the targets that are suspended, with the reasons."""
        ...
