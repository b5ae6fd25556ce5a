"""A paper's quiz in a letter: the questions beside the paper, the answers at the letter's end."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from bot.adapters.presentation import shown
from bot.adapters.wording import Wording
from bot.domain.papers import Question
from bot.domain.quizzes.repair import clean, poll_of, shuffle_seed

_QUESTION, _OPTION = 1_000, 400


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownQuestion:
    """One question with its lettered options in the order shown, and what to say at the end."""

    number: int
    """Counts through the whole letter."""
    text: str
    options: tuple[tuple[str, str], ...]
    """(letter, text)"""
    answer: str


def shown_questions(
    quiz: Sequence[Question], *, first: int, target: str, min_confidence: float, words: Wording
) -> tuple[ShownQuestion, ...]:
    """The questions that can be asked, numbered from `first`; each place has its own order of options."""
    return tuple(
        ShownQuestion(number=number, text=text, options=options, answer=answer)
        for number, (text, options, answer) in enumerate(
            _askable(quiz, target, min_confidence, words), start=first
        )
    )


def _askable(
    quiz: Sequence[Question], target: str, min_confidence: float, words: Wording
) -> Iterator[tuple[str, tuple[tuple[str, str], ...], str]]:
    for question in quiz:
        poll = poll_of(question, seed=shuffle_seed(question, target), min_confidence=min_confidence)
        if poll is None:
            continue
        texts = (shown(clean(question.options[place]), _OPTION) for place in poll.order)
        options = tuple(zip(ascii_uppercase, texts, strict=False))
        answer = words.no_key if poll.correct is None else "{}. {}".format(*options[poll.correct])
        if poll.marked_inferred:
            answer += f" ({words.worked_out.format(sure=int((question.confidence or 0) * 100))})"
        yield shown(clean(question.question), _QUESTION), options, answer
