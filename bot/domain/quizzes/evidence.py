"""The sentence of a digest that decides a question: what to show once somebody has answered."""

import re
from collections.abc import Iterable, Iterator

from bot.domain.papers import Paper, Question
from bot.domain.plain_text import plain_text, sentences
from bot.domain.quizzes.lengths import units

_WORD = re.compile(r"[^\W_]+")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_TOKEN = re.compile(r"[\u2e80-\uffef]|[^\s\u2e80-\uffef]+\s*|\s+")
_NEGATED = re.compile(r"\b(?:NOT|EXCEPT|LEAST)\b")
"""What such a question asks for is what the text does not say."""
_COMMON = (
    " a an and are as at be but by can did do does for from had has have how in into is it its more of on or "
    "over than that the their they this to was were what when which while who why with would paper method "
    "model models approach using used use based new key main most "
)
_TOLD = 0.34
"""A sentence must hold at least this share of the right option's own words."""
_SHORTEST_STEM = 4


def evidence_for(question: Question, paper: Paper, language: str) -> str | None:
    """The sentence of the paper's points and summaries that says the right option; None where none does."""
    return deciding_sentence(question, _texts(paper, language))


def deciding_sentence(question: Question, texts: Iterable[str]) -> str | None:
    """The sentence that shares most with the right option, beyond what the wrong ones share with it; else None.

    Of equal ones the first, so texts stand in the order of trust.
    """
    if question.answer is None or _NEGATED.search(question.question):
        return None
    asked = _words(question.question)
    right = _words(question.options[question.answer])
    wrong = [_words(option) for place, option in enumerate(question.options) if place != question.answer]
    own = right - asked - frozenset().union(*wrong) or right
    if not own:
        return None

    def told(sentence: str) -> float:
        words = _words(sentence)
        share = len(own & words) / len(own)
        return 0.0 if share < _TOLD else share + 0.3 * len(asked & words) / (len(asked) or 1)

    best = max((sentence for text in texts for sentence in _sentences(text)), key=told, default=None)
    return best if best is not None and told(best) else None


def excerpt(sentence: str, about: str, limit: int) -> str:
    """The part of the sentence, at most `limit` units long, that holds most words of `about`; `…` marks what is left out."""
    if units(sentence) <= limit:
        return sentence
    tokens = _TOKEN.findall(sentence)
    wanted = _words(about)
    hits = [len(_words(token) & wanted) or (token in about and bool(_CJK.match(token))) for token in tokens]
    windows = list(_windows([units(token) for token in tokens], limit - 2))
    if not windows:
        return ""
    found = [sum(hits[start:end]) for start, end in windows]
    best = [window for window, told in zip(windows, found, strict=True) if told == max(found)]
    whole_end = best[-1][1] == len(tokens)
    start, end = best[0] if best[0][0] == 0 else best[-1] if whole_end else best[len(best) // 2]
    part = "".join(tokens[start:end]).strip(" ,;:，；")
    return ("…" if start else "") + part + ("…" if end < len(tokens) else "")


def _windows(lengths: list[int], room: int) -> Iterator[tuple[int, int]]:
    """The longest stretches that fit, as (start, end), one for each start that reaches farther than the one before."""
    end = used = 0
    for start, length in enumerate(lengths):
        reached = end
        while end < len(lengths) and used + lengths[end] <= room:
            used += lengths[end]
            end += 1
        if end > max(reached, start) or (start == 0 and end):
            yield start, end
        if end > start:
            used -= length
        else:
            end = start + 1


def _texts(paper: Paper, language: str) -> Iterator[str]:
    edition = paper.edition(language)
    yield from (point.text for point in edition.points)
    yield from (summary.text for summary in paper.summaries)


def _sentences(text: str) -> tuple[str, ...]:
    return sentences(plain_text(text))


def _words(text: str) -> frozenset[str]:
    """The telling words, plural and case folded; Chinese by pairs of signs."""
    words = {_stem(word) for word in _WORD.findall(plain_text(text).casefold()) if f" {word} " not in _COMMON}
    runs = (word for word in words if _CJK.search(word))
    pairs = {run[at : at + 2] for run in runs for at in range(len(run) - 1)}
    return frozenset({word for word in words if not _CJK.search(word)} | pairs)


def _stem(word: str) -> str:
    for ending in ("ing", "ies", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word[: -len(ending)]
    return word
