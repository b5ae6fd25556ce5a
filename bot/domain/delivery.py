"""The outbox row: its states, who may change them, and how long a retry waits.

    pending ──claimed──► sending ──accepted──► sent         (the first row of a message)
       ▲  ▲                 │  └───────────────► merged       (the others that went out inside it)
       │  └─ certainly not ─┤
       │     sent: later    ├── refused for good ──► dead
       │                    └── answer never seen, or lease ended ──► uncertain
      held (quiet hours, a digest's time)          pending ──over the daily limit──► limited

`held` becomes `pending` when its time comes. `uncertain` and `dead` become `pending` only by the
operator's hand (or `on_uncertain: resend`).
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, Protocol, TypeVar, cast, get_args

from bot.domain.notices import Reason
from bot.domain.papers import Paper, PaperId, Question
from bot.domain.subscriptions import ChannelKind

State = Literal["pending", "held", "sending", "sent", "uncertain", "dead", "merged", "limited"]
STATES: tuple[State, ...] = ("pending", "held", "sending", "sent", "uncertain", "dead", "merged", "limited")
OPEN: frozenset[State] = frozenset({"pending", "held", "sending"})
"""States from which a delivery still moves by itself."""

Kind = Literal["alert", "quiz", "edit"]

_KEY = re.compile(
    rf"(?P<target>.+)\|(?P<kind>{'|'.join(get_args(Kind))})\|(?P<paper>[^|]+)(?:\|(?P<part>.+))?", re.DOTALL
)

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(hours=1)
MAX_ATTEMPTS = 60
"""About two days of hourly tries: after that a delivery is a dead letter."""
UNKNOWN_IN_A_ROW = 5
"""So many answers never seen, one after the other, and the channel is left alone for a while."""

HARMLESS_TWICE: frozenset[ChannelKind] = frozenset({"atom"})
"""Channels on which doing a thing once more changes nothing. (So it is with an edit, on any channel.)"""

UNSUBSCRIBED = "unsubscribed by the recipient"
STOPPED = "stopped in the chat"
OWN_WISH: frozenset[str] = frozenset({UNSUBSCRIBED, STOPPED})
"""Suspensions that only the recipient takes back."""


def delivery_key(target: str, kind: Kind, paper: PaperId, part: str = "") -> str:
    """What makes a delivery the same one: a second with this key is never planned.

    `part` tells questions of one quiz, or successive edits of one alert, apart.
    """
    return f"{target}|{kind}|{paper}|{part}" if part else f"{target}|{kind}|{paper}"


def parts_of_key(key: str) -> tuple[str, Kind, PaperId, str] | None:
    """Target, kind, paper and part of what `delivery_key` made; None where it cannot have made it."""
    found = _KEY.fullmatch(key)
    if not found:
        return None
    return found["target"], cast(Kind, found["kind"]), PaperId(found["paper"]), found["part"] or ""


class Delivery(NamedTuple):
    """One thing to send to one target once, as planned.

    A tuple: of one digest there are hundreds of thousands, and making a dataclass takes three times as long.
    """

    target: str
    subscriber: str
    kind: Kind
    paper: PaperId
    state: Literal["pending", "held"]
    due_at: datetime
    part: str = ""

    @property
    def key(self) -> str:
        return delivery_key(self.target, self.kind, self.paper, self.part)


def retry_wait(attempts: int, rng: random.Random) -> timedelta:
    """How long the try after `attempts` failed ones waits: doubling from 5 s to an hour, with jitter of ± 25 %."""
    wait = min(FIRST_WAIT * (1 << min(max(attempts - 1, 0), 20)), LONGEST_WAIT)
    return wait * rng.uniform(0.75, 1.25)


def channel_rest(down_for: timedelta) -> timedelta:
    """How long a whole channel is left alone that has been down for so long: as long again, 5 s to an hour."""
    return min(max(down_for, FIRST_WAIT), LONGEST_WAIT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One place on a channel."""

    kind: ChannelKind
    address: str

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.address}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """What the service called the thing it took over: enough to reply to it, edit it, and read its votes.

    `message` is a chat's message id or a mail's Message-ID. `address` is the place that took it.
    """

    message: str
    poll: str | None = None
    option_order: tuple[int, ...] = ()
    """For each shown option the index of the question's own option."""
    messages: int = 1
    """So many the service counts for it: a poll whose texts went before it is two."""
    astray: str | None = None
    """Why it went to the chat itself, where its topic is gone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One paper in a message, and why it is there."""

    paper: Paper
    reasons: tuple[Reason, ...] = ()
    quiz: tuple[Question, ...] = ()
    """The questions that the message itself carries, where its channel has no polls."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parcel:
    """All that a publisher needs to send one message; the same for each try.

    `items` stand best first, at least one. For an alert they are the papers of the message; for a quiz
    the one paper, with its `question`; for an edit the papers of the message `replaces`, as they are now.
    `more` counts the papers that the daily limit kept out (with `more_titles`, best first, at most ten).
    """

    batch: str
    """Names the message for good: a Message-ID is made from it."""
    kind: Kind
    target: Target
    subscriber: str
    language: str
    timezone: str
    created_at: datetime
    items: tuple[Item, ...]
    more: int = 0
    more_titles: tuple[str, ...] = ()
    question: Question | None = None
    repeat: int = 0
    """How often the question was answered there before; 0 for one that is asked for the first time."""
    reply_to: Receipt | None = None
    replaces: Receipt | None = None
    unsubscribe_token: str | None = None


MOST_PAPERS = 100
"""A message covers at most this many papers; what is left goes into the next one."""


class OpenRow(Protocol):
    """What decides which rows of a place go out together."""

    @property
    def subscriber(self) -> str: ...

    @property
    def kind(self) -> Kind: ...

    @property
    def batch(self) -> int | None:
        """The message that the row belongs to already."""
        ...


_OpenRow = TypeVar("_OpenRow", bound=OpenRow)


def next_message(rows: Sequence[_OpenRow], channel: ChannelKind) -> tuple[_OpenRow, ...]:
    """The rows, of one place and oldest first, that its next message takes; empty for none.

    A message that was tried before goes again with exactly its rows. Otherwise all alerts of the first
    row's subscriber go together, while a quiz or an edit goes by itself, in its turn. A feed, which is
    written whole, takes everything.
    """
    if not rows:
        return ()
    if channel == "atom":
        return tuple(rows)
    head = rows[0]
    if head.batch is not None:
        return tuple(row for row in rows if row.batch == head.batch)
    if head.kind != "alert":
        return (head,)
    who = head.subscriber
    together = [row for row in rows if row.batch is None and row.kind == "alert" and row.subscriber == who]
    return tuple(together[:MOST_PAPERS])
