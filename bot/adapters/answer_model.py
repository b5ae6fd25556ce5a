"""The trained answer model as shipped in the package, and the quiz of a paper with worked-out answers."""

from functools import cache
from importlib.resources import files

from bot.domain.papers import Paper, Question
from bot.domain.quizzes.answers import AnswerModel, parse_model, with_answers


def answered(paper: Paper, language: str, min_confidence: float) -> tuple[Question, ...]:
    """The paper's quiz in that language, with worked-out answers for the questions without a key.

    A worked-out answer has its confidence, however low, and is usable from `min_confidence` on. The model is loaded
    for the first question without a key.
    """
    quiz = paper.edition(language).quiz
    if all(question.keyed for question in quiz):
        return quiz
    return with_answers(quiz, paper, language, load_model(), min_confidence)


@cache
def load_model() -> AnswerModel:
    """The trained model. A missing or damaged file means a broken installation: errors of reading it pass through."""
    return parse_model(files("bot.domain.quizzes").joinpath("answers.json").read_bytes())
