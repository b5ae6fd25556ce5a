"""A message: what a publisher is asked to send, and what the service answers."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from bot.domain.channels import Target
from bot.domain.delivery import Kind
from bot.domain.notices import Reason
from bot.domain.papers import Paper, Question
from bot.domain.translations import Wording

MOST_NAMED = 50
"""A message names at most this many of the papers that the daily limit kept out."""
MOST_PAPERS = 300
"""A message covers at most this many papers; what is left goes into the next one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """Receipt: a service's names for a message that it accepted, enough to reply to it, edit it and read its votes.

    `message` is a chat's message id or a mail's Message-ID, empty where the service names nothing.
    """

    message: str
    poll: str | None = None
    option_order: tuple[int, ...] = ()
    """For each shown option the index of the question's own option."""
    messages: int = 1
    """So many the service counts for it: a poll whose texts went before it is two."""
    papers_shown: int | None = None
    """How many of an alert's papers stand in the message itself, the best ones; None: all."""
    astray: str | None = None
    """Why it went to the chat itself, where its topic is gone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One paper in a message, and why it is there."""

    paper: Paper
    reasons: tuple[Reason, ...] = ()
    quiz: tuple[Question, ...] = ()
    """The questions that the message itself carries, where its channel has no polls."""
    updated: frozenset[str] = frozenset()
    """What the paper gained since the message that tells of it went out: title, authors, summary, points, quiz."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Occasion:
    """Why a message rolls up what came over a while: quiet hours that ended, or an absence of some days."""

    quiet_hours: str = ""
    """As `22:00–07:00`; empty where none ended."""
    away_days: int = 0

    def heading(self, words: Wording, papers: str) -> str:
        """The first line of the message; `papers` says how many there are."""
        if self.away_days:
            return words.away.format(days=self.away_days, papers=papers)
        return words.slept.format(hours=self.quiet_hours, papers=papers)


@dataclass(frozen=True, kw_only=True, slots=True)
class AlarmText:
    """An alarm in plain words: `subject` is one line, `body` paragraphs with an empty line between them."""

    subject: str
    body: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OutgoingMessage:
    """All that a publisher needs to send one message; the same for each attempt.

    `items` are the papers, best first: of an alert those of the message, of a quiz the one paper with its
    `question`, of an edit those of the message that it `replaces`, as they are now; of an alarm none. A
    document (see `Capabilities`) gets none either. `more` counts the papers that the daily limit kept out
    (with `more_papers`, best first, at most MOST_NAMED).
    """

    id: str
    """Names the message for good: a Message-ID is made from it."""
    kind: Kind
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
    """So many of the last items were kept out by the daily limit: they are shown when somebody asks for them."""
    offers_quiz: bool = False
    """Questions come when a person asks for one."""
    silent: bool = False
    """It is to make no sound."""
    question: Question | None = None
    repeat: int = 0
    """How often the question was answered there before; 0 for one that is asked for the first time."""
    alarm: AlarmText | None = None
    reply_to: Receipt | None = None
    replaces: Receipt | None = None
    corrects: "OutgoingMessage | None" = None
    """The message whose answers were wrong, where this one sets them right in a reply: an edit with only those papers."""
    unsubscribe_token: str | None = None
    preferences_token: str | None = None
    return_token: str | None = None
    """Names the target in the address that this message comes back to where it cannot be delivered."""

    @property
    def more_titles(self) -> tuple[str, ...]:
        """The titles of the papers that the daily limit kept out, as far as they are named."""
        return tuple(paper.title for paper in self.more_papers)


Begin = Callable[[], Awaitable[None]]
"""Writes down that a request goes out now; raises NotSent or StateError where it must not."""


async def unrecorded() -> None:
    """The `Begin` of a message that stands in no outbox."""


class OpenRow(Protocol):
    """The columns of an open row by which rows of a target are put into one message."""

    @property
    def subscriber(self) -> str: ...

    @property
    def kind(self) -> Kind: ...

    @property
    def message(self) -> int | None:
        """The message that the row belongs to already."""
        ...


_OpenRow = TypeVar("_OpenRow", bound=OpenRow)


def next_message(rows: Sequence[_OpenRow], *, is_document: bool) -> tuple[_OpenRow, ...]:
    """The rows, of one target and oldest first, that its next message takes; empty for none.

    A message that was tried before goes again with exactly its rows. Otherwise all alerts of the first
    row's subscriber go together, while a quiz, an edit or an alarm goes by itself, in its turn. A document
    takes everything.
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
    together = [
        row
        for row in rows
        if row.message is None and row.kind == "alert" and row.subscriber == head.subscriber
    ]
    return tuple(together[:MOST_PAPERS])
