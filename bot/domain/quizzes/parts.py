"""Which question of a paper a quiz delivery asks, and whether it asks it again."""

import re
from collections.abc import Iterable

from bot.domain.papers import Question

_AGAIN = re.compile(r"again:(?P<number>\d{1,6}):(?P<part>.+)", re.ASCII)


def again_part(number: int, part: str) -> str:
    """The part of the delivery that asks question `part` once more, after `number` answers to it."""
    return f"again:{number}:{part}"


def is_again(part: str) -> bool:
    """True where the delivery brings back a question that was answered before."""
    return _AGAIN.fullmatch(part) is not None


def plain_part(part: str) -> str:
    """The part without its `again:` before it."""
    found = _AGAIN.fullmatch(part)
    return found["part"] if found else part


def question_of_part(quiz: Iterable[Question], part: str) -> Question | None:
    """The question that `part` names; None where the quiz has it no longer."""
    wanted = plain_part(part)
    return next((question for question in quiz if question.part == wanted), None)


def repeats(part: str) -> int:
    """How often the question had been answered when this delivery of it was planned."""
    found = _AGAIN.fullmatch(part)
    return int(found["number"]) if found else 0


def shuffle_seed(question: Question, target: str, repeat: int = 0) -> str:
    """What the order of a question's options at a place depends on: a second try shows the same, a repeat another."""
    return f"{question.question}\n{target}" + (f"\n{repeat}" if repeat else "")
