"""Quizzes with their answers: the digest's key, or else what can be worked out."""

from bot.domain.papers import Paper, Question


def answered(paper: Paper, language: str) -> tuple[Question, ...]:
    """The paper's quiz in that language; a worked-out answer comes with its confidence, however low.

    The model is read when the first question without a key comes.
    """
    quiz = paper.edition(language).quiz
    if all(question.keyed for question in quiz):
        return quiz
    from bot.adapters.answer_key import load_model
    from bot.domain.quizzes.answers import with_answers

    return with_answers(quiz, paper, language, load_model())
