"""How guessable a question is without reading, and which question of a quiz makes one read.

As published, the longest option is the right one in four questions of five: whoever takes it need not read.
"""

import math

from bot.domain.papers import Question
from bot.domain.quizzes.asked import taken_apart
from bot.domain.quizzes.phrasing import Features, phrasing
from bot.domain.quizzes.tokens import is_number, width

_LONGEST_IS_RIGHT = 0.8
_GUESSER = {
    "len.ratio": 3.0,
    "len.clearly": 0.4,
    "sign.paren": 0.4,
    "sign.acronym": 0.2,
    "sign.hyphen": 0.2,
    "turn.link": 0.4,
    "turn.joint": 0.3,
    "turn.absolute": -1.0,
    "turn.naive": -0.5,
    "turn.bad": -0.3,
    "lone number": 0.8,
}
"""What a person with a nose for such quizzes goes by, and how much."""


def pick_one(quiz: tuple[Question, ...]) -> Question | None:
    """The question that is hardest to guess, the first of several; None of an empty quiz.

    One that is no question (fewer than two options) is taken only where there is no other.
    """
    usable = tuple(question for question in quiz if len(question.options) > 1)
    return min(usable or quiz, key=guessability, default=None)


def guessability(question: Question) -> float:
    """From 0 to 1: how surely the right option is found without having read the paper.

    Half of it is whether the longest option is right; so a question is over a half only where it is, or where nobody
    knows. A worked-out answer counts as far as it is sure.
    """
    if len(question.options) < 2:  # noqa: PLR2004 - a choice
        return 1.0
    shares = guesses(question)
    unknown = (_LONGEST_IS_RIGHT + max(shares)) / 2
    if question.answer is None:
        return unknown
    widths = [width(option) for option in question.options]
    longest = widths[question.answer] == max(widths)
    known = (longest + shares[question.answer]) / 2
    sure = 1.0 if question.keyed or question.confidence is None else question.confidence
    return sure * known + (1 - sure) * unknown


def guesses(question: Question) -> list[float]:
    """How a guesser who has not read the paper spreads the chances over the options; they add up to 1."""
    options = taken_apart(question.options)
    numbered = [any(map(is_number, option.words)) for option in options]
    scores = []
    for features, number in zip(phrasing(question.question, options), numbered, strict=True):
        lone: Features = {"lone number": float(number and sum(numbered) == 1)}
        scores.append(sum(weight * (features | lone).get(name, 0.0) for name, weight in _GUESSER.items()))
    grown = [math.exp(score - max(scores)) for score in scores]
    return [share / sum(grown) for share in grown]
