"""Second opinions: sought once papers are stored and before their quizzes go out, never while something is sent."""

import logging
import time
from collections.abc import Iterable
from datetime import timedelta

from bot.adapters.second_opinion import NoOpinion, SecondOpinion
from bot.app.config.settings_model import Settings
from bot.domain.papers import Paper, Question
from bot.domain.quizzes.agreement import agreed, wants_opinion
from bot.pipeline.compose import AnswerQuiz
from bot.pipeline.ports import DeliveryStore, PaperStore
from bot.pipeline.subscribers import SubscriberRegistry

log = logging.getLogger(__name__)

AT_MOST = timedelta(seconds=30)
"""So long all of one digest's questions may take together; the rest go out as they are."""
_ONE = timedelta(seconds=10)
_FAILURES = 2
"""After so many in a row the service is left alone until the next digest."""
_ROWS = 1000
_REMEMBERED = 20_000


class Opinions:
    """Answers a quiz as `answer_quiz` does, surer where a known second opinion agrees; asks nobody when called."""

    def __init__(self, answer_quiz: AnswerQuiz, service: SecondOpinion, *, min_confidence: float) -> None:
        self._answer_quiz = answer_quiz
        self._service = service
        self._min_confidence = min_confidence
        self._known: dict[tuple[str, tuple[str, ...]], int | None] = {}

    def __call__(self, paper: Paper, language: str) -> tuple[Question, ...]:
        quiz = self._answer_quiz(paper, language)
        return tuple(agreed(question, self._known.get(_key(question))) for question in quiz)

    def seek(
        self,
        deliveries: DeliveryStore,
        papers: PaperStore,
        roster: SubscriberRegistry,
        *,
        at_most: timedelta = AT_MOST,
    ) -> int:
        """Ask about what is to be sent and not sure enough; how many were answered. Raises StateError only."""
        rows = deliveries.list_rows(states=("pending", "held"), keys=(), limit=_ROWS)
        wanted = dict.fromkeys(
            (row.paper, subscriber.language)
            for row in rows
            if row.kind == "quiz" or row.target.startswith("email:")
            if (subscriber := roster.subscriber(row.subscriber)) is not None
        )
        stored = papers.stored({paper for paper, _ in wanted})
        return self._ask(((stored[paper].paper, language) for paper, language in wanted), at_most)

    def _ask(self, papers: Iterable[tuple[Paper, str]], at_most: timedelta) -> int:
        end = time.monotonic() + at_most.total_seconds()
        answered = failures = 0
        for paper, language in papers:
            for question in self._answer_quiz(paper, language):
                left = timedelta(seconds=end - time.monotonic())
                if left <= timedelta(0) or failures >= _FAILURES or len(self._known) >= _REMEMBERED:
                    return answered
                if not wants_opinion(question, self._min_confidence) or _key(question) in self._known:
                    continue
                try:
                    opinion = self._service.ask(question, paper, language, patience=min(_ONE, left))
                except NoOpinion as error:
                    log.warning("opinion.none", extra={"paper": paper.id, "why": str(error)})
                    failures += 1
                    continue
                failures = 0
                answered += 1
                self._known[_key(question)] = opinion
        return answered


def opinions(settings: Settings, answer_quiz: AnswerQuiz) -> Opinions | None:
    """What the settings ask for; None where they name no service."""
    llm = settings.quiz.llm
    if not llm.is_on:
        return None
    service = SecondOpinion(llm.url, llm.model, llm.key.get_secret_value())
    return Opinions(answer_quiz, service, min_confidence=settings.quiz.min_confidence)


def _key(question: Question) -> tuple[str, tuple[str, ...]]:
    return question.question, question.options
