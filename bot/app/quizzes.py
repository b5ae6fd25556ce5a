"""Quizzes: the parts that count votes, keep scores and bring questions back, built over one state."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from bot.app.config.settings import Settings
from bot.domain.quizzes.votes import PollState, Vote
from bot.pipeline.compose import AnswerQuiz
from bot.pipeline.quizzes import QuizScheduler, QuizStats
from bot.pipeline.subscribers import SubscriberRegistry
from bot.pipeline.vote_counter import VoteCounter

if TYPE_CHECKING:
    from bot.adapters.store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Quizzes:
    """Everything that happens after a question was sent."""

    counter: VoteCounter
    stats: QuizStats
    scheduler: QuizScheduler

    def look_after(self, now: datetime) -> int:
        """Count what was received, correct what got a key, plan what comes back today; how many rows were planned."""
        self.counter.count(now)
        self.counter.correct()
        self.counter.adopt(now)
        return self.scheduler.plan_due(now)


def build_quizzes(
    settings: Settings,
    store: "Store",
    registry: SubscriberRegistry,
    answer_quiz: AnswerQuiz,
) -> Quizzes:
    """The parts over one state."""
    return Quizzes(
        counter=VoteCounter(
            store.quizzes,
            store.papers,
            registry,
            answer_quiz,
            read_vote=_read_vote,
        ),
        stats=QuizStats(store.quizzes, store.deliveries, registry),
        scheduler=QuizScheduler(
            store.quizzes,
            store.papers,
            store.deliveries,
            registry,
            per_day=settings.quiz.per_day,
        ),
    )


def _read_vote(body: str) -> Vote | PollState | None:
    from bot.adapters.telegram.updates import read_vote

    return read_vote(body)
