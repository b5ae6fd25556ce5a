"""The quiz store: polls, votes, members, and the repetitions of questions."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.domain.delivery import Delivery, State
from bot.domain.papers import Paper, PaperId, Question
from bot.domain.quizzes.repetition import Repetition
from bot.domain.quizzes.votes import AskedPoll, CastVote, PollState


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedUpdate:
    """A raw update, and when it was received."""

    id: int
    body: str
    received_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class UncertainQuiz:
    """A quiz delivery that may have gone out, whose poll's id was never seen. `target` is the key of its target."""

    key: str
    message: str
    target: str
    address: str
    subscriber: str
    paper: PaperId
    part: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredRepetition:
    """A repetition, with its question: the paper and the part."""

    paper: PaperId
    part: str
    repetition: Repetition


@dataclass(frozen=True, kw_only=True, slots=True)
class Voter:
    """A voter in a group whose membership is not known yet; `address` is the chat's current one."""

    chat: str
    address: str
    person: int


class QuizTransaction(Protocol):
    """Exclusive write transaction over votes, polls, repetitions and the outbox."""

    def waiting_votes(self, after: int | None, limit: int) -> tuple[ReceivedUpdate, ...]:
        """Updates with ids over `after` that are not handled and may be votes, in order."""
        ...

    def take(self, updates: Sequence[int], now: datetime) -> None:
        """Mark these updates as handled."""
        ...

    def polls(self, ids: Collection[str]) -> dict[str, AskedPoll]:
        """The polls that are known as sent, by id."""
        ...

    def closed(self, ids: Collection[str]) -> frozenset[str]:
        """The polls that were seen closed."""
        ...

    def save_votes(self, votes: Sequence[CastVote]) -> None:
        """Insert or replace votes, in the given order; there is one for each person and poll. A late one replaces nothing."""
        ...

    def save_states(self, states: Sequence[PollState], now: datetime) -> None:
        """Insert or replace states of polls; a closed poll stays closed."""
        ...

    def save_names(self, names: Mapping[int, str]) -> None:
        """Insert or replace names of people."""
        ...

    def expect_member(self, chat: str, person: int) -> None:
        """Mark that the membership of the person is to be asked for, unless it is known or marked already."""
        ...

    def votes_on(self, person: int, paper: PaperId) -> tuple[tuple[AskedPoll, CastVote], ...]:
        """The person's votes in polls on that paper, oldest first."""
        ...

    def voters(self, poll: str) -> frozenset[int]:
        """People who voted in the poll, also those who withdrew their vote."""
        ...

    def save_repetition(self, person: int, paper: PaperId, part: str, repetition: Repetition | None) -> None:
        """Insert or replace the repetition of the person's question; None removes it."""
        ...

    def unchecked_polls(self, limit: int) -> tuple[AskedPoll, ...]:
        """Polls whose papers changed since `check` was last called for them."""
        ...

    def check(self, poll: str, question: Question) -> None:
        """Replace the stored question of the poll, and mark it as compared with its paper as that is now."""
        ...

    def papers(self, ids: Iterable[PaperId]) -> dict[PaperId, Paper]:
        """Those of the papers that are stored."""
        ...

    def unmatched(self) -> tuple[PollState, ...]:
        """Polls that the service reported, but that are not known as sent."""
        ...

    def uncertain_quizzes(self) -> tuple[UncertainQuiz, ...]:
        """All quiz deliveries that are uncertain."""
        ...

    def adopt(
        self, poll: str, quiz: UncertainQuiz, question: Question, order: tuple[int, ...], now: datetime
    ) -> None:
        """Settle the uncertain delivery as sent, with this poll."""
        ...

    def people_due(self, before: datetime) -> frozenset[int]:
        """People with a repetition that may be due before then."""
        ...

    def repetitions(self, person: int, before: datetime) -> tuple[StoredRepetition, ...]:
        """The person's repetitions that may be due before then, the longest due first."""
        ...

    def states_of(self, keys: Collection[str]) -> dict[str, State]:
        """The state of those deliveries that exist."""
        ...

    def brought_back(self, target: str, start: datetime, end: datetime) -> int:
        """The number of repeated questions to the target, sent or not, that are due in that span of time."""
        ...

    def questions_asked(self, target: str) -> frozenset[tuple[PaperId, str]]:
        """(paper, part) of every poll that went to the target."""
        ...

    def plan(self, deliveries: Sequence[Delivery], now: datetime, *, asked: bool = False) -> int:
        """Insert the rows whose keys are new; gives their number. `asked`: a person asked for them."""
        ...

    def release_now(self, key: str, now: datetime) -> bool:
        """Make a held or limited row pending, as a person asked for it; False where it is neither."""
        ...


class QuizStore(Protocol):
    """Store of votes, names, members and scores. Each look-up sees one moment of the state."""

    def transaction(self) -> AbstractContextManager[QuizTransaction]:
        """A transaction; committed when the block ends, rolled back when it raises."""
        ...

    def chats_at(self, addresses: Sequence[str]) -> tuple[str, ...]:
        """The chats to which polls for these addresses were sent; the first address where there are none."""
        ...

    def votes_in(self, chats: Sequence[str]) -> tuple[tuple[AskedPoll, CastVote], ...]:
        """Every vote in polls of these chats, oldest first."""
        ...

    def votes_by(self, person: int) -> tuple[tuple[AskedPoll, CastVote], ...]:
        """Every vote of a person in known polls, oldest first."""
        ...

    def polls_in(self, chats: Sequence[str]) -> tuple[tuple[AskedPoll, PollState | None], ...]:
        """The polls of these chats, each with its state, None where the service reported none."""
        ...

    def names(self, people: Collection[int]) -> dict[int, str]:
        """The known names of these people."""
        ...

    def members(self, chats: Sequence[str]) -> dict[str, frozenset[int]]:
        """Known members by chat."""
        ...

    def chats_with(self, person: int) -> frozenset[str]:
        """The chats of which the person is a known member."""
        ...

    def unknown_members(self, limit: int) -> tuple[Voter, ...]:
        """Voters in groups whose membership is still to be asked for."""
        ...

    def save_members(self, chat: str, people: Mapping[int, bool]) -> None:
        """Insert or replace for these people whether they are members of the chat."""
        ...

    def hidden(self, chats: Sequence[str]) -> frozenset[int]:
        """People who are hidden on the leaderboards of these chats."""
        ...

    def hide(self, chat: str, person: int, *, hidden: bool) -> None:
        """Hide the person on the chat's leaderboard, or show them again."""
        ...

    def topics(self, papers: Collection[tuple[str, PaperId]]) -> dict[tuple[str, PaperId], tuple[str, ...]]:
        """Names of the subscriptions for which the papers were noticed, by (subscriber, paper)."""
        ...

    def with_quiz(self, limit: int) -> tuple[Paper, ...]:
        """The newest papers that have a quiz."""
        ...
