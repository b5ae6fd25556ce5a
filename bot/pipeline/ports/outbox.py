"""The outbox: what is to be sent, to which places, and how it ended."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, Protocol

from bot.domain.delivery import HARMLESS_TWICE, Kind, Receipt, State, Target
from bot.domain.papers import PaperId, Question
from bot.domain.subscriptions import CHANNEL_KINDS, ChannelKind


class ClaimedRow(NamedTuple):
    """One row of a claim; `shown` is false for one that the daily limit kept out of its message.

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
    """Rows claimed for one message, oldest first, under one lease; `attempts` counts this one.

    `key` names the place for good; `target` is where it is now, which differs once a chat has moved.
    `number` is the message's in the state, where `batch` is its name everywhere else. `lease` tells this claim
    of a message from each other one.
    """

    number: int
    batch: str
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
    """How the send of one claim ended, as it is to be written down.

    `sent` names the rows that went out, best first: the first becomes `sent`, the others `merged`.
    `limited` went over the daily limit. Rows in neither take `state`: `pending` again (not before
    `wait_until`, which the whole target observes), `uncertain`, `dead`, or `merged` where there was
    nothing left to send. `named` are rows limited earlier, without a message then, that this one names.
    """

    claim: Claim
    state: Literal["sent", "pending", "uncertain", "dead", "merged"]
    sent: tuple[str, ...] = ()
    limited: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    receipt: Receipt | None = None
    question: Question | None = None
    error: str | None = None
    wait_until: datetime | None = None
    """No message to this target before; also used after a success, to keep the channel's pace."""
    suspend: str | None = None
    """Why the target is to be suspended; it keeps its rows."""
    moved_to: str | None = None
    counted: bool = True
    """False where the whole channel failed, which is no attempt of this message."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """What became of the alert on one paper to one place; a receipt once it has gone out."""

    state: State
    batch: str | None
    receipt: Receipt | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """An outbox row as the operator sees it."""

    key: str
    target: str
    subscriber: str
    kind: Kind
    paper: PaperId
    state: State
    due_at: datetime
    attempts: int
    error: str | None
    batch: str | None
    created_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Stop:
    """Why a channel is stopped, since when and until when."""

    reason: str
    since: datetime
    until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetStatus:
    """What is known of one place; a suspended one keeps its rows until it is revived."""

    target: Target
    suspended: str | None = None
    paused_until: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """How things stand: what `status` tells."""

    digests: int
    entries: int
    papers: int
    quizzes: int
    notices: int
    unreadable: int
    deliveries: Mapping[State, int]
    given_up: int
    """So many of the dead ones were dropped by the operator, who need not look at them again."""
    channels: Mapping[ChannelKind, Mapping[State, int]]
    suspended: Mapping[str, str]
    stopped: Mapping[ChannelKind, Stop]
    oldest_pending: timedelta | None


class Outbox(Protocol):
    """The deliveries and the places they go to. Every method is one transaction."""

    def claim(
        self, now: datetime, *, lease: timedelta, limit: int, kinds: Sequence[ChannelKind]
    ) -> tuple[Claim, ...]:
        """At most one message for each of at most `limit` places that may be sent to now.

        Places come in the order in which they became ready; one place's messages keep the order of its
        rows, and a message that was tried before is claimed again with exactly its rows. Rows are
        `sending` until settled, or `uncertain` when the lease ends first.
        """
        ...

    def settle(self, outcomes: Sequence[Outcome], now: datetime) -> None:
        """Write down how the sends ended, all of them or none.

        Of a claim that holds its lease no longer (it was settled before, or the lease ended) only what was sent
        is believed: that it was. So an outcome may be told twice, and late, whoever has the place by now.
        """
        ...

    def expire(self, now: datetime, *, again: Collection[ChannelKind] = HARMLESS_TWICE) -> int:
        """Turn rows whose lease has ended `uncertain`, and say how many.

        Edits, which do no harm twice, simply become pending again, and so does all of the channels in `again`.
        """
        ...

    def stop_channel(self, kind: ChannelKind, reason: str, until: datetime, now: datetime) -> None:
        """Write down that nobody on this channel can be reached; tried again after `until`.

        One that is stopped already keeps when that began, and the later of the two ends.
        """
        ...

    def open_channel(self, kind: ChannelKind) -> None:
        """Take the stop back."""
        ...

    def stopped_channels(self) -> dict[ChannelKind, Stop]: ...

    def next_due(self, kinds: Sequence[ChannelKind] = CHANNEL_KINDS) -> datetime | None:
        """When on these channels something can next be claimed, or a lease ends; None where nothing waits."""
        ...

    def told_since(self, target: str, since: datetime) -> int:
        """How many papers this place was alerted to since then."""
        ...

    def sends_since(self, target: str, since: datetime) -> tuple[datetime, ...]:
        """When messages to this place were settled since then that went out, or may have; oldest first."""
        ...

    def unnamed(self, target: str) -> tuple[tuple[str, PaperId], ...]:
        """(key, paper) of what the daily limit kept from this place and no message has named yet."""
        ...

    def alert_on(self, target: str, paper: PaperId) -> Alert | None:
        """The alert on that paper to that place; None where none was ever planned."""
        ...

    def rows_of(self, batch: str) -> tuple[Claim, Receipt | None] | None:
        """What a message held: its rows in the order they were shown."""
        ...

    def list_rows(self, *, states: Sequence[State], keys: Sequence[str], limit: int) -> tuple[Row, ...]:
        """Rows for the operator, oldest first."""
        ...

    def retry(self, keys: Sequence[str], now: datetime) -> int:
        """Dead and uncertain rows of these keys become pending, and say how many.

        Their places are revived, but for those whose recipient wished to hear no more.
        """
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
        """False where the place is suspended already; one that nothing was sent to yet may be suspended too."""
        ...

    def revive(self, target: str, now: datetime) -> bool:
        """False where the place was not suspended."""
        ...

    def place(self, target: str) -> TargetStatus | None:
        """What is known of one place."""
        ...

    def place_at(self, kind: ChannelKind, address: str) -> str | None:
        """The key of the place that is at that address now, its own name first; None where there is none."""
        ...

    def counts(self, now: datetime) -> Counts:
        """How things stand."""
        ...
