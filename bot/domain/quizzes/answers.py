"""Answers worked out from a paper's text, and how guessable a question is without reading it.

The score of an option is the mean of two: a weighted sum of its features (a conditional logit), and small trees over the
same features, which see interactions. The softmax of the scores gives probabilities. There were no keyed questions in
Chinese to train on: for them only features that are the same in every language are used.

As published, the longest option is right in four questions of five, so it can be guessed without reading. Where a
channel takes one question of a quiz, the least guessable one is sent.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bot.domain.papers import Edition, Paper, Question
from bot.domain.quizzes.features import Features, option_features, phrasing, words_of_options
from bot.domain.quizzes.paper_text import PaperText, is_number, paper_text, text_index, width

Tree = tuple[int, float, int, float, float, float, int, float, float, float]
"""Column and bound of the root, then for each side (below the bound first): column, bound, leaf below, leaf above."""

_CHINESE = re.compile(r"[\u3400-\u9fff]")
_TRANSLATED = 0.99
"""Confidence in a key taken from the same quiz in another language: 108 of 108 pairs agree (seen 2026-08)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InferredAnswer:
    """The most probable option, and its probability."""

    answer: int
    confidence: float


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerModel:
    """Answer model: weights trained on keyed questions. It does not depend on the order of options."""

    weights: Mapping[str, float]
    plain_weights: Mapping[str, float]
    """Weights for questions in a language without training data."""
    columns: tuple[str, ...]
    """Feature that the trees see in each column; with `~` it is reduced by its mean over the options."""
    trees: tuple[Tree, ...]
    odds: Mapping[str, float]
    """Log odds of the marks of options (see `features.marks`)."""
    rarity: Mapping[str, float]
    """Weights of stems: rare ones weigh more."""
    unknown_rarity: float
    temperature: float
    """Divisor of the scores: above 1 where new questions are expected to be harder than those of the training."""
    plain_temperature: float

    def infer(self, question: Question, text: PaperText) -> InferredAnswer | None:
        """The most probable option, of equally probable ones the first; None with fewer than two options, or without text."""
        if len(question.options) < 2 or text.is_empty:  # noqa: PLR2004 - a choice
            return None
        chances = self.probabilities(question, text)
        answer = max(range(len(chances)), key=lambda index: chances[index])
        return InferredAnswer(answer=answer, confidence=round(chances[answer], 4))

    def probabilities(self, question: Question, text: PaperText) -> list[float]:
        """The probabilities of the (two or more) options, in their order; they add up to 1."""
        order = sorted(range(len(question.options)), key=lambda index: question.options[index])
        sorted_options = tuple(question.options[index] for index in order)
        shares = self._shares(Question(question=question.question, options=sorted_options), text)
        by_index = dict(zip(order, shares, strict=True))
        return [by_index[index] for index in range(len(order))]

    def _shares(self, question: Question, text: PaperText) -> list[float]:
        by_option = option_features(question, text_index(text), self._weigh, self.odds)
        if _CHINESE.search(question.question):
            return _softmax(
                [_sum(self.plain_weights, features) / self.plain_temperature for features in by_option]
            )
        sums = [_sum(self.weights, features) for features in by_option]
        leaves = [sum(_leaf(tree, row) for tree in self.trees) for row in self._rows(by_option)]
        return _softmax([(a + b) / 2 / self.temperature for a, b in zip(sums, leaves, strict=True)])

    def _rows(self, by_option: Sequence[Features]) -> list[list[float]]:
        """Values of the trees' columns for each option."""
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
    """The quiz with an inferred answer on each question that has none, which is usable from `min_confidence` on.

    Where the paper has the same quiz in another language, its key is used, or the answer to its English question.
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
    """The same question in those of the paper's other editions whose quizzes are translations of this one."""

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
"""Weights of features by which a person who knows such quizzes guesses an option."""


def pick_one(quiz: tuple[Question, ...]) -> Question | None:
    """The question that is hardest to guess, of equals the first; None for an empty quiz.

    One with fewer than two options is taken only where there is no other.
    """
    return min(quiz, key=guessability, default=None)


def guessability(question: Question) -> float:
    """How likely the right option is guessed without having read the paper, from 0 to 1.

    It is the mean of the guesser's share for the right option and of whether that is the longest one. Where the right
    option is unknown the likeliest guess stands for it; an inferred answer counts by its confidence.
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
    """The probabilities with which a guesser who has not read the paper picks each option; they add up to 1."""
    options = words_of_options(question.options)
    numbered = [any(map(is_number, option.words)) for option in options]
    scores = []
    for features, number in zip(phrasing(question.question, options), numbered, strict=True):
        lone: Features = {"lone number": float(number and sum(numbered) == 1)}
        scores.append(sum(weight * (features | lone).get(name, 0.0) for name, weight in _GUESSER.items()))
    grown = [math.exp(score - max(scores)) for score in scores]
    return [share / sum(grown) for share in grown]
