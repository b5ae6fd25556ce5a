"""Votes: what somebody chose in a poll, and what that says once the right answer is known.

    vote received ──► kept as it came, whoever's it is and whether or not we know the poll
        │  options empty: withdrawn          a second one: replaces the first
        │  after the poll was seen closed: late, counts nowhere
        ▼
    + the poll's record (order of its options, question with its answer) ──► an answer: right, wrong or open

Nothing that follows from a vote is stored as truth: when a key arrives, everything is worked out anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain.papers import PaperId, Question, folded_title
from bot.domain.quizzes.polls import Poll


@dataclass(frozen=True, kw_only=True, slots=True)
class Vote:
    """A vote as the service reports it: indexes of options in the order shown; none for a vote taken back.

    A negative `person` is a chat that votes in its own name.
    """

    poll: str
    person: int
    options: tuple[int, ...] = ()
    name: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PollState:
    """State of a poll as the service reports it; options and their votes in the order shown."""

    poll: str
    question: str
    options: tuple[str, ...]
    counts: tuple[int, ...]
    voters: int
    closed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class AskedPoll:
    """A poll that went out. `chat` without a topic: `123` a person's own, `-100123` or `@name` a group or channel."""

    poll: str
    chat: str
    subscriber: str
    paper: PaperId
    question: Question
    order: tuple[int, ...]
    """For each shown option the index of the question's own; empty: as they are."""

    @property
    def part(self) -> str:
        return self.question.part


@dataclass(frozen=True, kw_only=True, slots=True)
class CastVote:
    """A stored vote. A `late` one came after the poll was seen closed."""

    poll: str
    person: int
    options: tuple[int, ...]
    at: datetime
    late: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class QuizAnswer:
    """Somebody's answer to a question; `right` is None where nobody knows the right one (yet)."""

    person: int
    chat: str
    subscriber: str
    paper: PaperId
    part: str
    right: bool | None
    at: datetime


def chat_of(target: str) -> str:
    """The chat of a target's key or address, without its topic."""
    return target.removeprefix("telegram:").partition("/")[0]


def is_own_chat(chat: str, person: int) -> bool:
    """True for the person's private chat: there its number is the person's."""
    return chat == str(person)


def is_private(chat: str) -> bool:
    return chat.isdecimal()


def belongs(chat: str, person: int, members: Mapping[str, Iterable[int]]) -> bool:
    """True for members of the chat that the poll was sent to; False for strangers, to whom it was forwarded."""
    return is_own_chat(chat, person) or (not is_private(chat) and person in members.get(chat, ()))


def chosen(poll: AskedPoll, options: tuple[int, ...]) -> int | None:
    """The question's own option behind a vote; None where it was taken back or says nothing usable."""
    if len(options) != 1:
        return None
    order = poll.order or tuple(range(len(poll.question.options)))
    return order[options[0]] if 0 <= options[0] < len(order) else None


def answer_of(poll: AskedPoll, vote: CastVote) -> QuizAnswer | None:
    """The answer that the vote gives; None where it is late, taken back, or no option of this poll."""
    option = None if vote.late else chosen(poll, vote.options)
    if option is None:
        return None
    known = poll.question.usable_answer
    return QuizAnswer(
        person=vote.person,
        chat=poll.chat,
        subscriber=poll.subscriber,
        paper=poll.paper,
        part=poll.part,
        right=None if known is None else option == known,
        at=vote.at,
    )


def corrected(recorded: Question, known: Iterable[Question]) -> Question:
    """The recorded question with the key that one of the `known` has for it; unchanged where none has.

    The question is found by its words, and the right option too, since a page may order or spell them anew.
    """
    for question in known:
        if question.keyed and folded_title(question.question) == folded_title(recorded.question):
            assert question.answer is not None
            index = _index_of(question.options[question.answer], recorded.options)
            if index is not None:
                return replace(recorded, answer=index, answer_source="key", confidence=None, confident=False)
    return recorded


def _index_of(option: str, options: tuple[str, ...]) -> int | None:
    for same in (str, folded_title):
        indexes = [index for index, text in enumerate(options) if same(text) == same(option)]
        if len(indexes) == 1:
            return indexes[0]
    return None


def recognised(state: PollState, poll: Poll) -> tuple[int, ...] | None:
    """The order of the options, where the reported poll is this poll of ours; else None."""
    if state.question != poll.question or set(state.options) != set(poll.options):
        return None
    if state.options == poll.options:
        return poll.order
    if all(len(text) == 1 for text in poll.options):
        return None  # letters: another shuffle would have put other texts behind them
    return tuple(poll.order[poll.options.index(text)] for text in state.options)
