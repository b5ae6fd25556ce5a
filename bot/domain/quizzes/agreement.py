"""What a second opinion on a question is worth."""

from dataclasses import replace

from bot.domain.papers import Question

_RELIABLE = 0.85
"""How often a second opinion is taken to be right; a cautious guess, since nobody measured the one that is used."""
_SUREST = 0.99


def wants_opinion(question: Question, min_confidence: float) -> bool:
    """True where an answer was worked out, but not surely enough to be used."""
    return question.answer_source == "inferred" and (question.confidence or 0.0) < min_confidence


def agreed(question: Question, opinion: int | None) -> Question:
    """The question with its answer the surer (by Bayes' rule) where the opinion is the same; else unchanged.

    An opinion never changes an answer, and never makes one certain.
    """
    if question.answer_source != "inferred" or opinion != question.answer:
        return question
    sure, others = question.confidence or 0.0, max(len(question.options) - 1, 1)
    by_chance = (1 - sure) * (1 - _RELIABLE) / others
    raised = sure * _RELIABLE / (sure * _RELIABLE + by_chance)
    return replace(question, confidence=max(sure, min(raised, _SUREST)))
