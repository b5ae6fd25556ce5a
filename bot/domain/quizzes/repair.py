"""Questions made fit for a poll: within the service's limits, honestly shuffled, and saying what they are.

The limits are those of the Bot API's sendPoll (9.6 and later, seen 2026-11), counted in UTF-16 units.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import factorial
from string import ascii_uppercase

from bot.domain.papers import Question
from bot.domain.plain_text import plain_text
from bot.domain.quizzes.evidence import excerpt
from bot.domain.quizzes.lengths import cut_to_units, units

FEWEST_OPTIONS = 2
MOST_OPTIONS = 12
QUESTION_UNITS = 300
OPTION_UNITS = 100
EXPLANATION_UNITS = 200
DESCRIPTION_UNITS = 1024
PREFACE_UNITS = 4096

_TITLE_UNITS = 160
_WORTH_SAYING = 40
"""An explanation's sentence shorter than this says nothing."""
_NEVER_SHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_POINTS_AT_OTHERS = re.compile(
    r"\b(?:all|none|both|either|neither|any) of (?:the )?(?:above|these|those)\b|\bthe above\b|以上",
    re.IGNORECASE,
)
_NAMES_OTHERS = re.compile(r"\b(?i:both|either|neither|only|options?) [A-L1-9]\b")


@dataclass(frozen=True, kw_only=True, slots=True)
class Poll:
    """A question as it can be sent: plain texts, none over its limit.

    A quiz where `correct` tells the right one of the shown options, else an ordinary poll.
    """

    question: str
    options: tuple[str, ...]
    """At least two, no two equal."""
    order: tuple[int, ...]
    """For each shown option the index of the question's own."""
    correct: int | None = None
    explanation: str | None = None
    description: str | None = None
    preface: str | None = None
    """What must stand in a message before the poll, because the poll itself has no room for it."""
    marked_inferred: bool = False
    """The answer was worked out, and the description says so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Words:
    """What we say ourselves in one language."""

    unkeyed: str
    inferred: str
    see: str


_ENGLISH = _Words(
    unkeyed="The digest gives no answer key: an ordinary poll.",
    inferred="Answer worked out, {sure} %.",
    see="See above.",
)
_CHINESE = _Words(unkeyed="原文未给出答案：普通投票。", inferred="答案为推断所得，{sure} %。", see="见上文。")


def poll_of(
    question: Question,
    *,
    seed: str,
    min_confidence: float,
    link: str | None = None,
    evidence: str | None = None,
    title: str | None = None,
    language: str = "en",
) -> Poll | None:
    """The question as a poll; None where fewer than two options can be used, or the right one cannot.

    The same `seed` gives the same order of options. An answer that was worked out counts from
    `min_confidence` on. `title` names the paper; `evidence` is the sentence that decides the question.
    """
    words = _CHINESE if language.lower().startswith("zh") else _ENGLISH
    options = {index: clean(option) for index, option in enumerate(question.options)}
    usable = _usable(question, options)
    answer = _answer(question, min_confidence)
    asked = clean(question.question)
    if not FEWEST_OPTIONS <= len(usable) <= MOST_OPTIONS or not asked:
        return None
    if question.answer is not None and question.answer not in usable:
        return None
    order = _shuffled(usable, options, seed)
    inferred = answer is not None and not question.keyed
    notes = _notes(question, words, keyed=answer is not None, inferred=inferred, link=link)
    poll = _laid_out(asked, [options[index] for index in order], notes, title, words)
    if poll is None:
        return None
    return replace(
        poll,
        order=order,
        correct=None if answer is None else order.index(answer),
        explanation=None if answer is None else _explanation(options[answer], evidence, link),
        marked_inferred=inferred,
    )


def clean(text: str) -> str:
    """The text as it is meant, on one line, without what steers a reader's eye or a terminal."""
    return " ".join(_NEVER_SHOWN.sub("", plain_text(text)).split())


def _usable(question: Question, options: dict[int, str]) -> tuple[int, ...]:
    """The options that say something, each once; of two equal ones the right one stays."""
    first: dict[str, int] = {}
    for index, text in options.items():
        if text and (text not in first or index == question.answer):
            first[text] = index
    return tuple(sorted(first.values()))


def _answer(question: Question, min_confidence: float) -> int | None:
    sure = question.keyed or (question.confidence is not None and question.confidence >= min_confidence)
    return question.answer if sure else None


def _shuffled(usable: Sequence[int], options: dict[int, str], seed: str) -> tuple[int, ...]:
    """The options in an order that the seed decides, every order equally likely.

    "All of the above" stays last; where an option names others by their letter, all stay.
    """
    if any(_NAMES_OTHERS.search(options[index]) for index in usable):
        return tuple(usable)
    last = [index for index in usable if _POINTS_AT_OTHERS.search(options[index])]
    free = [index for index in usable if index not in last]
    number = int.from_bytes(hashlib.sha256(seed.encode("utf-8", "surrogatepass")).digest())
    return (*_permutation(free, number % factorial(len(free))), *last)


def _permutation(things: Sequence[int], number: int) -> Iterator[int]:
    """Permutation number `number`, in the factorial number system."""
    left = list(things)
    for size in range(len(left), 0, -1):
        place, number = divmod(number, factorial(size - 1))
        yield left.pop(place)


def _notes(
    question: Question, words: _Words, *, keyed: bool, inferred: bool, link: str | None
) -> tuple[str, ...]:
    if inferred:
        return (words.inferred.format(sure=int((question.confidence or 0) * 100)),)
    if keyed:
        return ()
    return (" ".join(filter(None, (words.unkeyed, link))),)


def _laid_out(
    asked: str, options: list[str], notes: tuple[str, ...], title: str | None, words: _Words
) -> Poll | None:
    """Everything in its place: in the poll where it fits, else in the description, else in a preface."""
    lettered = any(units(option) > OPTION_UNITS for option in options)
    moved = units(asked) > QUESTION_UNITS
    letters = tuple(ascii_uppercase[: len(options)])
    listed = "\n".join(f"{letter}. {option}" for letter, option in zip(letters, options, strict=True))
    long_texts = tuple(text for text, is_long in ((asked, moved), (listed, lettered)) if is_long)
    heading = f"📄 {cut_to_units(clean(title), _TITLE_UNITS)}" if title else ""
    poll = Poll(
        question=_short(asked) if moved else asked,
        options=letters if lettered else tuple(options),
        order=(),
        description=_described(heading, *long_texts, *notes) or None,
    )
    if units(poll.description or "") <= DESCRIPTION_UNITS:
        return poll
    preface = _described(heading, *long_texts)
    if units(preface) > PREFACE_UNITS:
        return None
    return replace(poll, preface=preface, description=_described(heading, words.see, *notes))


def _described(*parts: str) -> str:
    return "\n\n".join(filter(None, parts))


def _short(asked: str) -> str:
    """The question's last sentence, which is the one that asks, cut to fit."""
    last = re.split(r"(?<=[.!?。！？])\s+", asked)[-1]
    return cut_to_units(last if last.endswith(("?", "？")) else asked, QUESTION_UNITS)


def _explanation(right: str, evidence: str | None, link: str | None) -> str | None:
    """The sentence that decides it and the link: at most 200 units on two lines."""
    if link is not None and units(link) > EXPLANATION_UNITS:
        link = None
    room = EXPLANATION_UNITS - (units(link) + 1 if link else 0)
    said = excerpt(clean(evidence), right, room) if evidence and room >= _WORTH_SAYING else ""
    return "\n".join(filter(None, (said, link))) or None


def shuffle_seed(question: Question, target: str, repeat: int = 0) -> str:
    """The seed of the order of a question's options at a target: a retry shows the same order, a repeat another."""
    return f"{question.question}\n{target}" + (f"\n{repeat}" if repeat else "")
