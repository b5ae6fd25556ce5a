"""Votes: the options that people chose in polls, and the answers that follow from them.

    vote received ──► stored as it came, also where the person or the poll is unknown
        │  options empty: withdrawn          a second one: replaces the first
        │  after the poll was seen closed: late, counts nowhere
        ▼
    + the poll's record (order of its options, question with its answer) ──► an answer: right, wrong or open

Only votes are stored, no answers: when a key arrives, the answers are computed anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain.chats import is_own_chat, is_private
from bot.domain.papers import PaperId, Question, folded_title
from bot.domain.quizzes.polls import Poll


@dataclass(frozen=True, kw_only=True, slots=True)
class Vote:
    """A vote as the service reports it: indexes of options in the order shown; none for a vote that was withdrawn.

    A negative `person` is a chat that votes in its own name.
    """

    poll: str
    person: int
    options: tuple[int, ...] = ()
    name: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PollState:
    """State of a poll as the service reports it: its options, and the number of votes for each, in the order shown."""

    poll: str
    question: str
    options: tuple[str, ...]
    counts: tuple[int, ...]
    voters: int
    closed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class AskedPoll:
    """A poll that went out. `chat` has no topic: `123` is a private chat, `-100123` or `@name` a group or channel."""

    poll: str
    chat: str
    subscriber: str
    paper: PaperId
    question: Question
    order: tuple[int, ...]
    """Index in the question of each shown option; empty where they are shown in the question's order."""

    @property
    def part(self) -> str:
        return self.question.part


@dataclass(frozen=True, kw_only=True, slots=True)
class CastVote:
    """A stored vote; `late` where it came after the poll was seen closed."""

    poll: str
    person: int
    options: tuple[int, ...]
    at: datetime
    late: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class QuizAnswer:
    """A person's answer to a question; `right` is None while the right option is not known."""

    person: int
    chat: str
    subscriber: str
    paper: PaperId
    part: str
    right: bool | None
    at: datetime


def is_member(chat: str, person: int, members: Mapping[str, Iterable[int]]) -> bool:
    """True for members of the chat; False for strangers, who saw a poll that was forwarded."""
    return is_own_chat(chat, person) or (not is_private(chat) and person in members.get(chat, ()))


def chosen_option(poll: AskedPoll, options: tuple[int, ...]) -> int | None:
    """The index in the question of the option that was voted for; None for a withdrawn vote, or options that do not exist."""
    if len(options) != 1:
        return None
    order = poll.order or tuple(range(len(poll.question.options)))
    return order[options[0]] if 0 <= options[0] < len(order) else None


def answer_of(poll: AskedPoll, vote: CastVote) -> QuizAnswer | None:
    """The answer that follows from a vote; None where the vote is late, withdrawn, or for no option of this poll."""
    option = None if vote.late else chosen_option(poll, vote.options)
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


def with_new_key(recorded: Question, known: Iterable[Question]) -> Question:
    """The recorded question with the key that one of the `known` questions has for it; unchanged where none has.

    Question and option are compared by their words, as a later digest may order or spell them differently.
    """
    for question in known:
        if question.keyed and folded_title(question.question) == folded_title(recorded.question):
            assert question.answer is not None
            index = _index_of(question.options[question.answer], recorded.options)
            if index is not None:
                return replace(recorded, answer=index, answer_source="key", confidence=None, confident=False)
    return recorded


def _index_of(option: str, options: tuple[str, ...]) -> int | None:
    """The index of the option that reads the same, else of the only one that folds to the same; None where there is none."""
    for form in (str, folded_title):
        indexes = [index for index, text in enumerate(options) if form(text) == form(option)]
        if len(indexes) == 1:
            return indexes[0]
    return None


def order_of_reported(state: PollState, poll: Poll) -> tuple[int, ...] | None:
    """The order of a reported poll's options, as in `AskedPoll.order`, where it shows the same as `poll`; else None."""
    if state.question != poll.question or set(state.options) != set(poll.options):
        return None
    if state.options == poll.options:
        return poll.order
    if all(len(text) == 1 for text in poll.options):
        return None  # letters: another shuffle would have put other texts behind them
    return tuple(poll.order[poll.options.index(text)] for text in state.options)
