"""A question taken apart before its paper's text: what all its options share in the reckoning."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

from bot.domain.papers import Question
from bot.domain.quizzes.paper_text import Reading
from bot.domain.quizzes.tokens import STOP_WORDS, stem, words

Weigh = Callable[[str], float]
"""How much a stem tells: rare ones more."""

_NEGATED = re.compile(
    r"\bNOT\b|\bEXCEPT\b|\bNEVER\b|不(?:是|属于|包括|包含|正确|涉及)|未(?:被|提|包)|除.{0,20}外"
    r"|(?i:\b(?:is|was|are|were|does|did|do) not (?:one|part|a|an|the|mention|among|includ)\b)"
    r"|(?i:\bwhich\b.{0,60}\bnot\b)"
)
_CUES = {
    "methods": "how method approach technique mechanism strategy use used train training stage pipeline component "
    "role architecture",
    "results": "result performance achieve achieved improvement improve percentage much accuracy score benchmark "
    "benchmarks experiments finding surprising evaluation outperform compared",
    "problem": "problem challenge limitation issue address addresses motivation gap",
    "new": "innovation novel innovative contribution key main idea unlike differ difference distinguishes new based",
    "topic": "purpose goal domain primary focus what",
}
_CUE_STEMS = {section: frozenset(map(stem, cues.split())) for section, cues in _CUES.items()}
_FEW_WORDS = 3.5
_NEIGHBOURHOOD, _CLOSE = 12, 5
"""Words on each side."""
_NEARLY = 0.8


@dataclass(frozen=True, kw_only=True, slots=True)
class OptionWords:
    """An option taken apart; `telling` are its stems without stop words, `own` those no other option has."""

    text: str
    words: tuple[str, ...]
    stems: tuple[str, ...]
    telling: tuple[str, ...]
    own: tuple[str, ...]


class Asked:
    """A question with its options, held against a text."""

    def __init__(self, question: Question, text: Reading, weigh: Weigh) -> None:
        self.text, self.weigh = text, weigh
        self.question = question.question
        self.negated = bool(_NEGATED.search(question.question))
        """It asks for what is not so."""
        asked = words(question.question)
        self.telling = tuple(sorted({stem(word) for word in asked if word not in STOP_WORDS}))
        self.options = taken_apart(question.options)
        self.short = sum(len(option.telling) for option in self.options) <= _FEW_WORDS * len(self.options)
        """The options are names and numbers rather than statements."""
        stems = frozenset(map(stem, asked))
        self.cued = tuple(name for name, cues in _CUE_STEMS.items() if not cues.isdisjoint(stems))
        """The sections of the text in which the answer is to be looked for."""
        self.density = self._density(_NEIGHBOURHOOD)
        """For each place in the text, how much of the question stands near it."""
        self.peak = max(self.density, default=0.0)
        self.closeness = self._density(_CLOSE)
        """The same for what stands closely around it."""
        self.closest = max(self.closeness, default=0.0)
        self.likeness = self._likeness()
        """For each segment of the text, how much of the question it holds, from 0 to 1."""
        likeliest = _NEARLY * max(self.likeness, default=0.0)
        self.likeliest = frozenset(at for at, like in enumerate(self.likeness) if like >= likeliest)

    def others(self, option: OptionWords) -> list[OptionWords]:
        return [other for other in self.options if other is not option]

    def _density(self, reach: int) -> list[float]:
        density = [0.0] * self.text.size
        for word in self.telling:
            weight = self.weigh(word) / self.text.commonness(word) / (reach + 1)
            for place in self.text.places.get(word, ()):
                first, last = max(0, place - reach), min(self.text.size - 1, place + reach)
                for near in range(first, last + 1):
                    density[near] += weight * (reach + 1 - abs(near - place))
        return density

    def _likeness(self) -> list[float]:
        whole = sum(map(self.weigh, self.telling)) or 1.0
        likeness = [0.0] * self.text.breadth
        for word in self.telling:
            share = self.weigh(word) / whole
            for segment in self.text.segments.get(word, ()):
                likeness[segment] += share
        return likeness


def taken_apart(options: tuple[str, ...]) -> tuple[OptionWords, ...]:
    """The options with their words, and for each what only it says."""
    found = [tuple(words(option)) for option in options]
    cut = [tuple(map(stem, option)) for option in found]
    telling = [
        tuple(root for root, word in zip(roots, option, strict=True) if word not in STOP_WORDS)
        for roots, option in zip(cut, found, strict=True)
    ]
    own = [
        tuple(sorted(set(telling[at]).difference(chain.from_iterable(telling[:at] + telling[at + 1 :]))))
        for at in range(len(options))
    ]
    return tuple(
        OptionWords(text=options[at], words=found[at], stems=cut[at], telling=telling[at], own=own[at])
        for at in range(len(options))
    )
