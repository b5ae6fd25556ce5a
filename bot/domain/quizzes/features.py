"""What of a question's options can be measured against the paper's text: one number per feature and option.

Nothing here looks at the place of an option. A question that asks for what is *not* so ("Which is NOT …") turns
every clue round: its options have the few `neg.` features and no others.
"""

from collections.abc import Mapping

from bot.domain.papers import Question
from bot.domain.quizzes.asked import Asked, Weigh
from bot.domain.quizzes.overlap import overlap
from bot.domain.quizzes.paper_text import Reading
from bot.domain.quizzes.phrasing import marks, odds_features, phrasing

Features = dict[str, float]

_AGAIN_WHEN_SHORT = (
    "al.asked", "len.longest", "len.ratio", "ov.frac", "ov.miss", "ov.zero", "px.own", "px.rel",
)  # fmt: skip
"""What means something else where the options are names and numbers rather than statements."""
_KEPT_WHEN_NEGATED = ("bi.frac", "flow.frac", "len.ratio", "ov.frac", "ov.miss", "ov.zero")


def option_features(
    question: Question, text: Reading, weigh: Weigh, odds: Mapping[str, float]
) -> list[Features]:
    """The features of each option, in the options' order; one that is missing is 0.

    `odds` are the logarithms of how much oftener a mark (see `phrasing.marks`) stands in right options.
    """
    asked = Asked(question, text, weigh)
    phrased = phrasing(question.question, asked.options)
    found = [overlap(option, asked) | phrases for option, phrases in zip(asked.options, phrased, strict=True)]
    if asked.negated:
        return [{f"neg.{name}": features.get(name, 0.0) for name in _KEPT_WHEN_NEGATED} for features in found]
    for features, marked in zip(found, marks(asked.options), strict=True):
        features.update(odds_features(marked, odds))
        if asked.short:
            features.update({f"short.{name}": features[name] for name in _AGAIN_WHEN_SHORT})
    return found
