"""The trained answer model as shipped in the package, and the quiz of a paper with worked-out answers."""

from functools import cache
from importlib.resources import files

from bot.domain.papers import Paper, Question
from bot.domain.quizzes.answers import AnswerModel, parse_model, with_answers


def answered(paper: Paper, language: str, min_confidence: float) -> tuple[Question, ...]:
    """The paper's quiz in that language, with the digest's keys and worked-out answers for the other questions.

    A worked-out answer comes with its confidence, however low, and is usable from `min_confidence` on. The model is
    read when the first question without a key comes.
    """
    quiz = paper.edition(language).quiz
    if all(question.keyed for question in quiz):
        return quiz
    return with_answers(quiz, paper, language, load_model(), min_confidence)


@cache
def load_model() -> AnswerModel:
    """The trained model; a missing or torn file is a broken installation and raises what reading it raises."""
    return parse_model(files("bot.domain.quizzes").joinpath("answers.json").read_bytes())
