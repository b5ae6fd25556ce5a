"""Answers worked out from a paper's text, and how guessable a question is without reading it.

The score of an option is the mean of two: a weighted sum of its features (a conditional logit) and small trees over the
same features, which see what a sum cannot. The softmax of the scores is the probability. Chinese has no keyed questions
old enough to learn from: there the features that are the same in every language decide alone.

As published, the longest option is the right one in four questions of five, so a reader who picks it need not read: of
a quiz the least guessable question is sent.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bot.domain.papers import Edition, Paper, Question
from bot.domain.quizzes.features import Features, option_features, phrasing, taken_apart
from bot.domain.quizzes.paper_text import PaperText, is_number, paper_text, reading, width

Tree = tuple[int, float, int, float, float, float, int, float, float, float]
"""Column and bound of the root, then for each side (below the bound first): column, bound, leaf below, leaf above."""

_CHINESE = re.compile(r"[\u3400-\u9fff]")
_TRANSLATED = 0.99
"""How sure we are of a key taken from the same quiz in another language: 108 of 108 pairs seen agree (2026-08)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Inferred:
    """The most probable option, and its probability."""

    answer: int
    confidence: float


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerModel:
    """Weights trained on keyed questions; independent of the order of options."""

    weights: Mapping[str, float]
    plain_weights: Mapping[str, float]
    """For questions in a language that there was nothing to learn from."""
    columns: tuple[str, ...]
    """The features that the trees use, by column; `~` marks those less their mean over the options."""
    trees: tuple[Tree, ...]
    odds: Mapping[str, float]
    """Of the marks of options, see `phrasing.marks`; logarithms."""
    rarity: Mapping[str, float]
    """Weight of a stem: rare ones weigh more."""
    unknown_rarity: float
    temperature: float
    """What scores are divided by: above 1 where questions to come are expected to be harder than those learnt from."""
    plain_temperature: float

    def infer(self, question: Question, text: PaperText) -> Inferred | None:
        """The most probable option; None where there are fewer than two, or no text at all.

        The same for the same options in any order: equal options share, and the first of them is named.
        """
        if len(question.options) < 2 or text.empty:  # noqa: PLR2004 - a choice
            return None
        chances = self.probabilities(question, text)
        answer = max(range(len(chances)), key=lambda index: chances[index])
        return Inferred(answer=answer, confidence=round(chances[answer], 4))

    def probabilities(self, question: Question, text: PaperText) -> list[float]:
        """How probable each of the (two or more) options is, in their order; they add up to 1."""
        order = sorted(range(len(question.options)), key=lambda index: question.options[index])
        sorted_options = tuple(question.options[index] for index in order)
        shares = self._shares(Question(question=question.question, options=sorted_options), text)
        by_index = dict(zip(order, shares, strict=True))
        return [by_index[index] for index in range(len(order))]

    def _shares(self, question: Question, text: PaperText) -> list[float]:
        by_option = option_features(question, reading(text), self._weigh, self.odds)
        if _CHINESE.search(question.question):
            return _softmax(
                [_sum(self.plain_weights, features) / self.plain_temperature for features in by_option]
            )
        sums = [_sum(self.weights, features) for features in by_option]
        leaves = [sum(_leaf(tree, row) for tree in self.trees) for row in self._rows(by_option)]
        return _softmax([(a + b) / 2 / self.temperature for a, b in zip(sums, leaves, strict=True)])

    def _rows(self, by_option: Sequence[Features]) -> list[list[float]]:
        """The columns of the trees for each option."""
        means: dict[str, float] = {}
        for column in self.columns:
            if column.startswith("~"):
                means[column] = sum(features.get(column[1:], 0.0) for features in by_option) / len(by_option)
        return [
            [
                features.get(column[1:], 0.0) - means[column]
                if column in means
                else features.get(column, 0.0)
                for column in self.columns
            ]
            for features in by_option
        ]

    def _weigh(self, stem: str) -> float:
        return self.rarity.get(stem, self.unknown_rarity)


def parse_model(data: bytes) -> AnswerModel:
    """The model in the JSON that `tools/train_answers.py` writes."""
    parts = json.loads(data)
    return AnswerModel(
        weights=parts["weights"],
        plain_weights=parts["plain_weights"],
        columns=tuple(parts["columns"]),
        trees=tuple(tuple(tree) for tree in parts["trees"]),
        odds=parts["odds"],
        rarity=parts["rarity"],
        unknown_rarity=parts["unknown_rarity"],
        temperature=parts["temperature"],
        plain_temperature=parts["plain_temperature"],
    )


def with_answers(
    quiz: tuple[Question, ...], paper: Paper, language: str, model: AnswerModel, min_confidence: float
) -> tuple[Question, ...]:
    """The quiz with a worked-out answer, marked as inferred, on each question that has none.

    An answer is usable from `min_confidence` on; only this function decides it.

    Where the paper has the same quiz in another language, its key is taken over, or the guess on the English one.
    """
    text = paper_text(paper, language)
    english = paper_text(paper, "en")
    return tuple(
        question
        if question.answer is not None
        else _marked(_answered(question, _twins(index, quiz, paper), (text, english), model), min_confidence)
        for index, question in enumerate(quiz)
    )


def _marked(question: Question, min_confidence: float) -> Question:
    is_confident = question.confidence is not None and question.confidence >= min_confidence
    return replace(question, confident=True) if is_confident else question


def _answered(
    question: Question, twins: list[Question], texts: tuple[PaperText, PaperText], model: AnswerModel
) -> Question:
    keyed = next((twin.answer for twin in twins if twin.keyed), None)
    if keyed is not None:
        return replace(question, answer=keyed, answer_source="inferred", confidence=_TRANSLATED)
    text, english = texts
    translated = next(iter(twins), None) if _CHINESE.search(question.question) else None
    guess = model.infer(translated, english) if translated else model.infer(question, text)
    if guess is None:
        return question
    return replace(question, answer=guess.answer, answer_source="inferred", confidence=guess.confidence)


def _twins(index: int, quiz: tuple[Question, ...], paper: Paper) -> list[Question]:
    """The same question in the paper's other editions, whose quizzes are translations, option by option."""

    def shape(questions: tuple[Question, ...]) -> list[int]:
        return [len(question.options) for question in questions]

    def other(edition: Edition) -> bool:
        return [question.question for question in edition.quiz] != [question.question for question in quiz]

    return [
        edition.quiz[index]
        for edition in paper.editions
        if other(edition) and shape(edition.quiz) == shape(quiz)
    ]


def _sum(weights: Mapping[str, float], features: Features) -> float:
    return sum(weights.get(name, 0.0) * value for name, value in features.items())


def _leaf(tree: Tree, row: list[float]) -> float:
    root, bound, low, low_bound, a, b, high, high_bound, c, d = tree
    if row[root] < bound:
        return a if row[low] < low_bound else b
    return c if row[high] < high_bound else d


def _softmax(scores: list[float]) -> list[float]:
    most = max(scores)
    grown = [math.exp(score - most) for score in scores]
    total = sum(grown)
    return [share / total for share in grown]


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
"""Weights by which a practised guesser picks an option."""


def pick_one(quiz: tuple[Question, ...]) -> Question | None:
    """The question that is hardest to guess, the first of several; None of an empty quiz.

    One that is no question (fewer than two options) is the easiest: it is taken only where there is no other.
    """
    return min(quiz, key=guessability, default=None)


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
