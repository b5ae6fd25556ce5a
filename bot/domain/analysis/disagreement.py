"""Disagreement: numbers of two accounts of one paper that contradict each other.

Few numbers can be compared: accounts report different results, of different tasks, and round them. So two numbers
contradict each other only where both have the same unit and, by the words around them, the same subject, where each
account has only one number for that subject, and where neither account has the other's number anywhere.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, islice
from typing import NamedTuple

from bot.domain.query.folding import folded_form

_NUMBER = re.compile(
    r"(?<![\w.,$€#/^-])(?P<sign>[$€]?)(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"(?:(?P<unit>\s?%|\s?(?:×|x|X)(?![\w-])|\s?(?:K|k|M|B|T)(?!\w))"
    r"|(?P<word>[ -](?:percent|percentage|points?|times|fold|thousand|million|billion|trillion"
    r"|hours?|days?|minutes?|seconds?|ms|s|GB|TB|MB)\b))?"
    r"(?![\w,.]*\d)(?!\s?[–—/-]\s?\d)"
)  # fmt: skip
_RANGE_BEFORE = re.compile(r"\d(?:\.\d+)?\s?[%×xKMB]?\s?(?:[–—-]|to|and|or)\s?$")
_SCALES = {
    "k": 1e3,
    "m": 1e6,
    "b": 1e9,
    "t": 1e12,
    "thousand": 1e3,
    "million": 1e6,
    "billion": 1e9,
    "trillion": 1e12,
}
_TIMES = frozenset({"x", "×", "times", "fold"})
_AFTER = re.compile(r"[ -]([A-Za-z][A-Za-z]{2,}(?:-[A-Za-z]{3,})*)(?:[ -]([A-Za-z]{3,}))?")
_BEFORE = re.compile(
    r"([A-Za-z][\w@-]*)\s+(of|to|at|by|is|was|reaches|reaching|with)?\s*"
    r"(?:about|around|over|nearly|approximately|up to|only|just)?\s*$"
)
_NO_SUBJECT = frozenset([
    "and", "the", "for", "with", "from", "over", "than", "across", "while", "when", "compared", "respectively",
    "under", "using", "via", "into", "more", "less", "fewer", "higher", "lower", "better", "faster", "slower",
    "larger", "smaller", "different", "distinct", "unique", "new", "novel", "diverse", "high", "quality", "various",
    "other", "points", "percentage", "percent", "relative", "absolute", "improvement", "improvements", "increase",
    "gain", "gains", "reduction", "times", "average", "overall", "total", "additional", "about", "around", "nearly",
    "only", "just", "that", "which", "are", "was", "were", "has", "have", "had", "its", "their", "this", "these",
    "those", "both", "all", "any", "each", "most", "many", "such", "same", "art", "state", "up", "achieving", "of",
    "to", "at", "by", "is", "in", "on", "as", "or", "an", "it", "be",
])  # fmt: skip
_ANYWHERE = frozenset([
    "task", "tasks", "benchmark", "benchmarks", "dataset", "datasets", "model", "models", "data", "set", "sets",
    "evaluation", "test", "setting", "settings",
])  # fmt: skip
"""Words that do not tell what a number was measured on."""
_ABOUT = 3
_CLAUSE_END = re.compile(r"[.;:,()](?!\d)|\b(?:and|while|but|with|compared|using)\b")
_CONTENT = re.compile(r"[A-Za-z][\w-]{2,}|\d[\w-]*[A-Za-z][\w-]*")
_YEARS = range(1950, 2100)


class StatedNumber(NamedTuple):
    """A number of an account: its value, its precision, its place, and the subjects that it may count or measure."""

    value: float
    step: float
    """The value of one unit of its last digit."""
    text: int
    """The index of its text in the account, where it stands from `start` to `end`."""
    start: int
    end: int
    subjects: tuple[tuple[str, ...], ...]
    about: frozenset[str]
    """The first words of the clause after it, which tell what it was measured on."""


NumberSpan = tuple[int, int, int]
"""A number's place: the index of its text, and its start and end there."""


def disagreements(accounts: Sequence[Sequence[str]]) -> list[list[NumberSpan]]:
    """Places of the numbers that contradict those of another account, for each account (a list of texts)."""
    numbers = [list(_numbers(texts)) for texts in accounts]
    spans: list[set[NumberSpan]] = [set() for _ in accounts]
    for first, second in combinations(range(len(accounts)), 2):
        for number, other in _contradictions(numbers[first], numbers[second]):
            spans[first].add((number.text, number.start, number.end))
            spans[second].add((other.text, other.start, other.end))
    return [sorted(account) for account in spans]


def _contradictions(
    first: Sequence[StatedNumber], second: Sequence[StatedNumber]
) -> Iterator[tuple[StatedNumber, StatedNumber]]:
    second_by_subject = _by_subject(second)
    for subject, numbers in _by_subject(first).items():
        others = second_by_subject.get(subject, [])
        if len(numbers) != 1 or len(others) != 1:
            continue
        (number,), (other,) = numbers, others
        measured_elsewhere = number.about and other.about and number.about.isdisjoint(other.about)
        if not (measured_elsewhere or _is_among(number, second) or _is_among(other, first)):
            yield number, other


def _by_subject(numbers: Iterable[StatedNumber]) -> dict[tuple[str, ...], list[StatedNumber]]:
    by_subject: dict[tuple[str, ...], list[StatedNumber]] = defaultdict(list)
    for number in numbers:
        for subject in number.subjects:
            by_subject[subject].append(number)
    return by_subject


def _is_among(number: StatedNumber, others: Iterable[StatedNumber]) -> bool:
    """Whether one of the others is the same number, within the precision of the less precise one."""
    for other in others:
        exact = number.step == other.step
        if abs(number.value - other.value) < max(number.step, other.step) * (0.5 if exact else 1):
            return True
    return False


def _numbers(texts: Sequence[str]) -> Iterator[StatedNumber]:
    for index, text in enumerate(texts):
        for match in _NUMBER.finditer(text):
            if _RANGE_BEFORE.search(text, 0, match.start()):
                continue
            digits = match["digits"].replace(",", "")
            written = (match["unit"] or match["word"] or "").strip(" -").lower()
            scale = _SCALES.get(written, 1.0)
            unit = "x" if written in _TIMES else "" if written in _SCALES else written.rstrip("s")
            value = float(digits) * scale
            if not unit and not match["sign"] and scale == 1.0 and value in _YEARS and "." not in digits:
                continue
            step = scale * 10.0 ** -len(digits.partition(".")[2])
            subjects = tuple(_subjects(text, match, match["sign"] + unit))
            clause = _CLAUSE_END.split(text[match.end() :], 1)[0]
            known = {*_NO_SUBJECT, *_ANYWHERE, *(part for subject in subjects for part in subject)}
            words = (folded_form(word.lower()) for word in _CONTENT.findall(clause))
            about = frozenset(islice((word for word in words if word not in known), _ABOUT))
            yield StatedNumber(value, step, index, match.start(), match.end(), subjects, about)


def _subjects(text: str, match: re.Match[str], unit: str) -> Iterator[tuple[str, ...]]:
    """The subjects that the number may have: its unit with the words after it, or with the measure named before it."""
    after = _AFTER.match(text, match.end())
    if after and after[1].lower() not in _NO_SUBJECT:
        subject = [
            folded_form(word.lower()) for word in after.groups() if word and word.lower() not in _NO_SUBJECT
        ]
        yield ("after", unit, *subject)
    before = _BEFORE.search(text, max(match.start() - 60, 0), match.start())
    if before and unit and before[1].lower() not in _NO_SUBJECT:
        yield ("before", unit, before[2] or "of", folded_form(before[1].lower()))
