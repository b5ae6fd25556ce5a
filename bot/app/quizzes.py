"""Quizzes and the people who answer them: the parts that count, score and bring back."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from bot.app.config.settings_model import Settings
from bot.app.opinions import Opinions
from bot.domain.quizzes.votes import PollState, Vote
from bot.pipeline.compose import AnswerQuiz
from bot.pipeline.practice import Practice
from bot.pipeline.study import StudyDesk
from bot.pipeline.subscribers import SubscriberRegistry
from bot.pipeline.votes import VoteCounter

if TYPE_CHECKING:
    from bot.adapters.store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Quizzes:
    """Everything that follows once a question is out."""

    counter: VoteCounter
    desk: StudyDesk
    practice: Practice
    seek_opinions: Callable[[], int]
    """Asks for second opinions on what is about to go out, where the settings name a service."""

    def look_after(self, now: datetime) -> int:
        """Count what was received, correct what got a key, plan what comes back today; how many rows were planned."""
        self.counter.count(now)
        self.counter.correct()
        self.counter.adopt(now)
        return self.practice.plan_due(now)


def build_quizzes(
    settings: Settings,
    store: "Store",
    roster: SubscriberRegistry,
    answer_quiz: AnswerQuiz,
    second: Opinions | None = None,
) -> Quizzes:
    """The parts over one state."""
    sure = settings.quiz.min_confidence
    seek = partial(second.seek, store.deliveries, store.papers, roster) if second else None
    return Quizzes(
        counter=VoteCounter(
            store.study,
            store.papers,
            roster,
            answer_quiz,
            read_vote=_read_vote,
            min_confidence=sure,
        ),
        desk=StudyDesk(store.study, store.deliveries, roster, min_confidence=sure),
        practice=Practice(
            store.study,
            store.papers,
            store.deliveries,
            roster,
            min_confidence=sure,
            per_day=settings.quiz.per_day,
        ),
        seek_opinions=seek or _nobody,
    )


def _nobody() -> int:
    """Asks nobody."""
    return 0


def _read_vote(body: str) -> Vote | PollState | None:
    from bot.adapters.chat.votes import read_vote

    return read_vote(body)
