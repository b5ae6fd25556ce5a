"""Polls: questions within the limits of the service, shuffled, with the sentence that decides them.

The limits are those of the Bot API's sendPoll (9.6 and later, seen 2026-11), counted in UTF-16 units.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import factorial
from string import ascii_uppercase

from bot.domain.papers import Paper, Question
from bot.domain.text import cut, plain_line, plain_text, sentences, units
from bot.domain.translations import Wording, wording

FEWEST_OPTIONS = 2
MOST_OPTIONS = 12
QUESTION_UNITS = 300
OPTION_UNITS = 100
EXPLANATION_UNITS = 200
DESCRIPTION_UNITS = 1024
PREFACE_UNITS = 4096

_TITLE_UNITS = 160
_WORTH_SAYING = 40
"""Least room, in units, for which an explanation's sentence is cut."""
_REFERS_TO_ALL = re.compile(
    r"\b(?:all|none|both|either|neither|any) of (?:the )?(?:above|these|those)\b|\bthe above\b|以上",
    re.IGNORECASE,
)
_REFERS_BY_LETTER = re.compile(r"\b(?i:both|either|neither|only|options?) [A-L1-9]\b")


@dataclass(frozen=True, kw_only=True, slots=True)
class Poll:
    """A question as it can be sent: plain texts within the service's limits.

    It is a quiz where `correct` is the index of the right shown option, else an ordinary poll.
    """

    question: str
    options: tuple[str, ...]
    """At least two, no two equal."""
    order: tuple[int, ...]
    """Index in the question of each shown option."""
    correct: int | None = None
    explanation: str | None = None
    description: str | None = None
    preface: str | None = None
    """Text of a message before the poll, for which the poll itself has no room."""
    marked_inferred: bool = False
    """The answer was worked out, and the description says so."""


def poll_of(
    question: Question,
    *,
    seed: str,
    link: str | None = None,
    evidence: str | None = None,
    gist: str | None = None,
    title: str | None = None,
    position: tuple[int, int] | None = None,
    language: str = "en",
) -> Poll | None:
    """The question as a poll; None where fewer than two options can be used, or the right one cannot.

    The same `seed` gives the same order of options. `title` names the paper; `position` is the question's number and the
    count of the paper's questions. `evidence` is the sentence that decides the question; without one the paper's
    `gist` explains it.
    """
    words = wording(language)
    options = {index: plain_line(option) for index, option in enumerate(question.options)}
    usable = _usable(question, options)
    answer = question.usable_answer
    stem = plain_line(question.question)
    if not FEWEST_OPTIONS <= len(usable) <= MOST_OPTIONS or not stem:
        return None
    if question.answer is not None and question.answer not in usable:
        return None
    order = _shuffled(usable, options, seed)
    inferred = answer is not None and not question.keyed
    notes = _notes(question, words, keyed=answer is not None, inferred=inferred, link=link)
    heading = _heading(title, position, words)
    poll = _laid_out(stem, [options[index] for index in order], notes, heading, words)
    if poll is None:
        return None
    return replace(
        poll,
        order=order,
        correct=None if answer is None else order.index(answer),
        explanation=None if answer is None else _explanation(options[answer], evidence, gist, link),
        marked_inferred=inferred,
    )


def shuffle_seed(question: Question, target: str, repeat: int = 0) -> str:
    """The seed of the order of options at a target: a retry shows the same order, a repeated question another."""
    return f"{question.question}\n{target}" + (f"\n{repeat}" if repeat else "")


def _usable(question: Question, options: dict[int, str]) -> tuple[int, ...]:
    """Indexes of the options that are not empty, each text once; of equal ones the right one, else the first."""
    first: dict[str, int] = {}
    for index, text in options.items():
        if text and (text not in first or index == question.answer):
            first[text] = index
    return tuple(sorted(first.values()))


def _shuffled(usable: Sequence[int], options: dict[int, str], seed: str) -> tuple[int, ...]:
    """The options in an order that the seed decides, every order equally likely.

    "All of the above" stays last; where an option names others by their letter, all stay.
    """
    if any(_REFERS_BY_LETTER.search(options[index]) for index in usable):
        return tuple(usable)
    last = [index for index in usable if _REFERS_TO_ALL.search(options[index])]
    free = [index for index in usable if index not in last]
    number = int.from_bytes(hashlib.sha256(seed.encode("utf-8", "surrogatepass")).digest())
    return (*_permutation(free, number % factorial(len(free))), *last)


def _permutation(items: Sequence[int], number: int) -> Iterator[int]:
    """Permutation number `number`, in the factorial number system."""
    left = list(items)
    for size in range(len(left), 0, -1):
        index, number = divmod(number, factorial(size - 1))
        yield left.pop(index)


def _notes(
    question: Question, words: Wording, *, keyed: bool, inferred: bool, link: str | None
) -> tuple[str, ...]:
    if inferred:
        return (words.poll_worked_out.format(sure=int((question.confidence or 0) * 100)),)
    if keyed:
        return ()
    return (" ".join(filter(None, (words.poll_without_key, link))),)


def _laid_out(
    stem: str, options: list[str], notes: tuple[str, ...], heading: str, words: Wording
) -> Poll | None:
    """The poll with each text where it fits: in the poll itself, else in the description, else in a preface.

    None where a text is too long even for that.
    """
    lettered = any(units(option) > OPTION_UNITS for option in options)
    moved = units(stem) > QUESTION_UNITS
    letters = tuple(ascii_uppercase[: len(options)])
    listed = "\n".join(f"{letter}. {option}" for letter, option in zip(letters, options, strict=True))
    long_texts = tuple(text for text, is_long in ((stem, moved), (listed, lettered)) if is_long)
    poll = Poll(
        question=_short(stem) if moved else stem,
        options=letters if lettered else tuple(options),
        order=(),
        description=_described(heading, *long_texts, *notes) or None,
    )
    if units(poll.description or "") <= DESCRIPTION_UNITS:
        return poll
    preface = _described(heading, *long_texts)
    if units(preface) > PREFACE_UNITS:
        return None
    return replace(poll, preface=preface, description=_described(heading, words.poll_see_above, *notes))


def _heading(title: str | None, position: tuple[int, int] | None, words: Wording) -> str:
    number, count = position or (1, 1)
    which = words.poll_position.format(number=number, count=count) if count > 1 else ""
    parts = " · ".join(filter(None, (which, cut(plain_line(title), _TITLE_UNITS, units) if title else "")))
    return f"❔ {parts}" if parts else ""


def _described(*parts: str) -> str:
    return "\n\n".join(filter(None, parts))


def _short(stem: str) -> str:
    """The question cut to fit: its last sentence where that asks, else its beginning."""
    last = re.split(r"(?<=[.!?。！？])\s+", stem)[-1]
    return cut(last if last.endswith(("?", "？")) else stem, QUESTION_UNITS, units)


def _explanation(right: str, evidence: str | None, gist: str | None, link: str | None) -> str | None:
    """The deciding sentence in quotation marks, else the gist; then the link. At most 200 units on two lines."""
    if link is not None and units(link) > EXPLANATION_UNITS:
        link = None
    room = EXPLANATION_UNITS - (units(link) + 1 if link else 0)
    sentence = ""
    if room >= _WORTH_SAYING and evidence and (part := part_about(plain_line(evidence), right, room - 2)):
        sentence = f"“{part}”"
    elif room >= _WORTH_SAYING and gist:
        sentence = cut(plain_line(gist), room, units)
    return "\n".join(filter(None, (sentence, link))) or None


_WORD = re.compile(r"[^\W_]+")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_TOKEN = re.compile(r"[\u2e80-\uffef]|[^\s\u2e80-\uffef]+\s*|\s+")
_NEGATED = re.compile(r"\b(?:NOT|EXCEPT|LEAST)\b")
"""Marks a question that asks for what the text does not say."""
_COMMON = (
    " a an and are as at be but by can did do does for from had has have how in into is it its more of on or "
    "over than that the their they this to was were what when which while who why with would paper method "
    "model models approach using used use based new key main most "
)
_LEAST_SHARE = 0.34
"""Least share of the right option's own words that a deciding sentence has."""
_SHORTEST_STEM = 4
_FIGURE = re.compile(r"(?<![\w.])(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?:([KMB])\b)?")
_NAMED_BY_DIGITS = re.compile(r"\b[A-Za-z]+-?\d[\w.]*\b")
_MANY = {"K": 1e3, "M": 1e6, "B": 1e9}


def evidence_for(question: Question, paper: Paper, language: str) -> str | None:
    """The sentence of the paper's points and summaries that supports the right option; None where none does."""
    return deciding_sentence(question, _texts(paper, language))


def deciding_sentence(question: Question, texts: Iterable[str]) -> str | None:
    """The sentence with most of the words that only the right option has; None where none has enough of them.

    Of equal ones the first, so the most trusted texts come first. A number that only the right option has must stand in
    the sentence too: one with another number would explain it wrongly.
    """
    if question.answer is None or _NEGATED.search(question.question):
        return None
    stem = _words(question.question)
    right = _words(question.options[question.answer])
    wrong = [_words(option) for index, option in enumerate(question.options) if index != question.answer]
    telling = right - stem - frozenset().union(*wrong) or right
    if not telling:
        return None
    figures = _figures(question.options[question.answer])
    for index, option in enumerate(question.options):
        figures -= _figures(option) if index != question.answer else frozenset()

    def relevance_of(sentence: str) -> float:
        words = _words(sentence)
        if figures and not figures & _figures(sentence):
            return 0.0
        share = len(telling & words) / len(telling)
        return 0.0 if share < _LEAST_SHARE else share + 0.3 * len(stem & words) / (len(stem) or 1)

    candidates = (sentence for text in texts for sentence in sentences(plain_text(text)))
    best = max(candidates, key=relevance_of, default=None)
    return best if best is not None and relevance_of(best) else None


def part_about(sentence: str, about: str, limit: int) -> str:
    """The part of the sentence, at most `limit` units long, with most words of `about`; `…` marks what is left out.

    Of equal parts one that begins the sentence, else one that ends it, else the middle one.
    """
    if units(sentence) <= limit:
        return sentence
    tokens = _TOKEN.findall(sentence)
    wanted = _words(about)
    hits = [len(_words(token) & wanted) or (token in about and bool(_CJK.match(token))) for token in tokens]
    windows = list(_windows([units(token) for token in tokens], limit - 2))
    if not windows:
        return ""
    counts = [sum(hits[start:end]) for start, end in windows]
    best = [window for window, count in zip(windows, counts, strict=True) if count == max(counts)]
    whole_end = best[-1][1] == len(tokens)
    start, end = best[0] if best[0][0] == 0 else best[-1] if whole_end else best[len(best) // 2]
    part = "".join(tokens[start:end]).strip(" ,;:，；")
    return ("…" if start else "") + part + ("…" if end < len(tokens) else "")


def _windows(lengths: list[int], room: int) -> Iterator[tuple[int, int]]:
    """The longest runs of tokens that fit, as (start, end); one that lies within an earlier run is left out."""
    end = used = 0
    for start, length in enumerate(lengths):
        reached = end
        while end < len(lengths) and used + lengths[end] <= room:
            used += lengths[end]
            end += 1
        if end > max(reached, start):
            yield start, end
        if end > start:
            used -= length
        else:
            end = start + 1


def _texts(paper: Paper, language: str) -> Iterator[str]:
    edition = paper.edition(language)
    yield from (point.text for point in edition.points)
    yield from (summary.text for summary in paper.summaries)


def _words(text: str) -> frozenset[str]:
    """The telling words, plural and case folded; Chinese by pairs of signs."""
    words = {_stem(word) for word in _WORD.findall(plain_text(text).casefold()) if f" {word} " not in _COMMON}
    runs = (word for word in words if _CJK.search(word))
    pairs = {run[at : at + 2] for run in runs for at in range(len(run) - 1)}
    return frozenset({word for word in words if not _CJK.search(word)} | pairs)


def _figures(text: str) -> frozenset[str]:
    """The numbers in the text, `2.3K` as 2300, and names with digits, such as `fp8`."""
    numbers = {
        f"{float(figure[1].replace(',', '')) * _MANY.get(figure[2], 1):g}"
        for figure in _FIGURE.finditer(text)
    }
    return frozenset(numbers | {name.casefold() for name in _NAMED_BY_DIGITS.findall(text)})


def _stem(word: str) -> str:
    for ending in ("ing", "ies", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word[: -len(ending)]
    return word
