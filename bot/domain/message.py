"""Message: what a publisher is asked to send, and the receipt that the service gives for it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from bot.domain.channels import Target
from bot.domain.delivery import Delivery, DeliveryKind
from bot.domain.notices import Reason
from bot.domain.papers import Paper, Question
from bot.domain.translations import Wording

MOST_NAMED = 50
"""Most papers over the daily limit that a message names."""
MOST_PAPERS = 300
"""Most papers of one message; further ones go into the next."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """Receipt of a message that a service accepted: its ids there, by which it is replied to, edited and counted.

    `message` is a chat's message id or a mail's Message-ID; empty where the service gives none.
    """

    message: str
    poll: str | None = None
    option_order: tuple[int, ...] = ()
    """Index in the question of each shown option."""
    messages: int = 1
    """Number of messages that count against the service's limits: two for a poll with a preface."""
    papers_shown: int | None = None
    """How many of an alert's papers the message itself shows, the best ones; None: all."""
    lost_topic: str | None = None
    """Why the topic could not be used, so that the message went to the chat itself; None where it did not."""
    in_topic: bool = False
    """It is in the topic that its address names; False also where that names none, or where nothing new was sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One paper in a message, and why it is there."""

    paper: Paper
    reasons: tuple[Reason, ...] = ()
    quiz: tuple[Question, ...] = ()
    """The questions that stand in the message itself, on channels without polls."""
    updated: frozenset[str] = frozenset()
    """What the paper gained since its alert went out: title, authors, summary, points, quiz."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Occasion:
    """The occasion of a roll-up: the end of quiet hours, or of an absence of `away_days` days (None: there was none)."""

    quiet_hours: str = ""
    """The span, as `22:00–07:00`; empty for an absence."""
    away_days: int | None = None

    def heading(self, words: Wording, papers: str) -> str:
        """The first line of the message; `papers` is their number in words."""
        if self.away_days is not None:
            return words.away.format(days=self.away_days, papers=papers)
        return words.slept.format(hours=self.quiet_hours, papers=papers)


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenText:
    """The text of an alarm or a look back: `subject` is one line, `body` paragraphs with an empty line between them."""

    subject: str
    body: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenDelivery:
    """A delivery of a kind in `delivery.WRITTEN`, as planned, with its text."""

    delivery: Delivery
    text: WrittenText


@dataclass(frozen=True, kw_only=True, slots=True)
class OutgoingMessage:
    """All that a publisher needs to send one message; the same for each attempt.

    `items` are the papers, best first: all papers of an alert, the one paper of a quiz's `question`, the papers as they
    are now of the message that an edit `replaces`. Written kinds and documents (see `Capabilities`) have none. `more` is the
    number of papers over the daily limit; `more_papers` are the best MOST_NAMED of them, best first.
    """

    id: str
    """The message's permanent name, from which a Message-ID is made."""
    kind: DeliveryKind
    target: Target
    subscriber: str
    language: str
    timezone: str
    created_at: datetime
    items: tuple[Item, ...] = ()
    more: int = 0
    more_papers: tuple[Paper, ...] = ()
    occasion: Occasion | None = None
    limited: int = 0
    """Number of items, the last ones, that were over the daily limit: they are shown because somebody asked."""
    silent: bool = False
    """Delivered without a sound."""
    question: Question | None = None
    repeat: int = 0
    """How often the question was answered there before."""
    text: WrittenText | None = None
    """The whole text, of kinds in `delivery.WRITTEN`."""
    reply_to: Receipt | None = None
    replaces: Receipt | None = None
    corrects: "OutgoingMessage | None" = None
    """The message whose answers were wrong, where this edit is a reply that corrects them; it has only those papers."""
    unsubscribe_token: str | None = None
    preferences_token: str | None = None
    return_token: str | None = None
    """Stands for the target in the address to which an undeliverable message returns."""

    @property
    def more_titles(self) -> tuple[str, ...]:
        """The titles of `more_papers`."""
        return tuple(paper.title for paper in self.more_papers)


Begin = Callable[[], Awaitable[None]]
"""Records that the request goes out now. Raises NotSent where it must not, and StateError."""


async def unrecorded() -> None:
    """The `Begin` of a message that is not in the outbox: records nothing."""


class OpenRow(Protocol):
    """The columns of a row by which the open rows of a target are grouped into messages."""

    @property
    def subscriber(self) -> str: ...

    @property
    def kind(self) -> DeliveryKind: ...

    @property
    def message(self) -> int | None:
        """The message to which the row belongs already."""
        ...


_Row = TypeVar("_Row", bound=OpenRow)


def next_message(rows: Sequence[_Row], *, is_document: bool) -> tuple[_Row, ...]:
    """The rows of a target's next message, from its open rows, oldest first; empty only where there are none.

    A message that was tried before has exactly the rows that it had. Otherwise all alerts of the first row's subscriber
    go together, and everything else goes alone, in its turn. A document takes all rows.
    """
    if not rows:
        return ()
    if is_document:
        return tuple(rows)
    head = rows[0]
    if head.message is not None:
        return tuple(row for row in rows if row.message == head.message)
    if head.kind != "alert":
        return (head,)
    alerts = [
        row
        for row in rows
        if row.message is None and row.kind == "alert" and row.subscriber == head.subscriber
    ]
    return tuple(alerts[:MOST_PAPERS])
