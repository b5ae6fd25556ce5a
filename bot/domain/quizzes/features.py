"""Features of a question's options: numbers by which a model tells the right option from the others.

The overlap features compare an option with the paper's text; the phrasing features are of the options alone. None
depends on an option's position. A negated question ("Which is NOT …") inverts every clue: its options have the few
`neg.` features and no others.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain, pairwise

from bot.domain.papers import Question
from bot.domain.quizzes.paper_text import SECTIONS, STOP_WORDS, TextIndex, is_number, stem, width, words

Features = dict[str, float]
"""The values by name; a missing one is 0."""
Weigh = Callable[[str], float]
"""Weight of a stem: rare ones weigh more."""

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
    """An option's words; `telling` are its stems without stop words, `own` those of them that no other option has."""

    text: str
    words: tuple[str, ...]
    stems: tuple[str, ...]
    telling: tuple[str, ...]
    own: tuple[str, ...]


class QuestionContext:
    """A question and its options in relation to a text: everything that the features of each option need."""

    def __init__(self, question: Question, text: TextIndex, weigh: Weigh) -> None:
        self.text, self.weigh = text, weigh
        self.question = question.question
        self.negated = bool(_NEGATED.search(question.question))
        """It asks which option is not true."""
        stem_words = words(question.question)
        self.telling = tuple(sorted({stem(word) for word in stem_words if word not in STOP_WORDS}))
        self.options = words_of_options(question.options)
        self.short = sum(len(option.telling) for option in self.options) <= _FEW_WORDS * len(self.options)
        """The options are names and numbers rather than statements."""
        stems = frozenset(map(stem, stem_words))
        self.cued = tuple(name for name, cues in _CUE_STEMS.items() if not cues.isdisjoint(stems))
        """The sections of the text in which its words suggest to look for the answer."""
        self.density = self._density(_NEIGHBOURHOOD)
        """Weighted number of the question's words near each position in the text."""
        self.peak = max(self.density, default=0.0)
        self.closeness = self._density(_CLOSE)
        """The same within a smaller distance."""
        self.closest = max(self.closeness, default=0.0)
        self.similarity = self._similarity()
        """Weighted share of the question's words in each segment of the text, from 0 to 1."""
        likeliest = _NEARLY * max(self.similarity, default=0.0)
        self.likeliest = frozenset(at for at, share in enumerate(self.similarity) if share >= likeliest)
        """The segments with nearly the largest share."""

    def others(self, option: OptionWords) -> list[OptionWords]:
        return [other for other in self.options if other is not option]

    def _density(self, reach: int) -> list[float]:
        density = [0.0] * self.text.size
        for word in self.telling:
            weight = self.weigh(word) / self.text.commonness(word) / (reach + 1)
            for position in self.text.positions.get(word, ()):
                first, last = max(0, position - reach), min(self.text.size - 1, position + reach)
                for near in range(first, last + 1):
                    density[near] += weight * (reach + 1 - abs(near - position))
        return density

    def _similarity(self) -> list[float]:
        total = sum(map(self.weigh, self.telling)) or 1.0
        similarity = [0.0] * self.text.breadth
        for word in self.telling:
            share = self.weigh(word) / total
            for segment in self.text.segments.get(word, ()):
                similarity[segment] += share
        return similarity


def words_of_options(options: tuple[str, ...]) -> tuple[OptionWords, ...]:
    """The words of each option."""
    by_option = [tuple(words(option)) for option in options]
    stems = [tuple(map(stem, option)) for option in by_option]
    telling = [
        tuple(root for root, word in zip(roots, option, strict=True) if word not in STOP_WORDS)
        for roots, option in zip(stems, by_option, strict=True)
    ]
    own = [
        tuple(sorted(set(telling[at]).difference(chain.from_iterable(telling[:at] + telling[at + 1 :]))))
        for at in range(len(options))
    ]
    return tuple(
        OptionWords(text=options[at], words=by_option[at], stems=stems[at], telling=telling[at], own=own[at])
        for at in range(len(options))
    )


_CUE_WORDS = {
    name: frozenset(cues.split())
    for name, cues in {
        "absolute": "completely entirely always never all every any total totally fully instantly exclusively solely "
        "only purely merely simply just perfectly perfect guarantee guarantees guaranteed impossible automatically "
        "immediately throughout everything everyone",
        "same": "same identical identically equally equal equivalent unchanged constant regardless constantly no none "
        "negligible zero indistinguishable irrelevant",
        "naive": "random randomly manual manually simple simpler basic brute fixed static uniform uniformly single "
        "standard traditional generic conventional rule rules hand existing previous larger bigger more massive "
        "advanced additional extra increasing increased doubling increases",
        "resource": "computational computationally computing computation cost costs hardware gpu gpus memory speed "
        "slow slower faster expensive storage privacy power energy network resources resolution compression",
        "human": "human humans manual manually annotators experts crowdsourced people users",
        "bad": "lack poor inability failed fail failing worse worst too cannot insufficient limited lower decreased "
        "degrade degraded degrades unable",
        "removal": "eliminates eliminate eliminating removes remove removing replaces replace replacing ignores ignore "
        "ignoring skipping skips discards disables disabling avoid avoids",
        "link": "while despite even rather instead through via enabling enables allowing allows maintaining preserving "
        "ensuring achieving requiring leading making without like including between both across by when into that",
        "joint": "combining combines combined integrating integrates integration unified joint jointly dual hybrid "
        "multi hierarchical adaptive dynamic dynamically aware progressive iterative",
        "list": "and with or",
    }.items()
}
_VALUE = re.compile(r"\d+(?:[.,]\d+)*")
_SCALES = (
    ("thousand", 1e3),
    ("k", 1e3),
    ("million", 1e6),
    ("m ", 1e6),
    ("billion", 1e9),
    ("b", 1e9),
    ("trillion", 1e12),
)
_HIGH = re.compile(
    r"\b(?:maximum|highest|most|best|largest|up to|peak|greatest|improve|improvement|outperform|faster|speedup|larger"
    r"|exceed)\w*",
    re.IGNORECASE,
)
_LOW = re.compile(
    r"\b(?:minimum|lowest|least|worst|smallest|fewest|reduce|reduction|decrease|only)\w*", re.IGNORECASE
)
_ACRONYM = re.compile(r"\b[A-Z][\w-]*[A-Z]\w*")
_START = "^"


def phrasing(question: str, options: tuple[OptionWords, ...]) -> list[Features]:
    """The features of each option that need no text."""
    values = _value_features(question, [option.text for option in options])
    return [
        {
            **_lengths(option, others := [*options[:at], *options[at + 1 :]]),
            **values[at],
            **_signs(option),
            **_cues(option, others),
        }
        for at, option in enumerate(options)
    ]


def marks(options: tuple[OptionWords, ...]) -> list[list[str]]:
    """The stems and pairs of neighbouring stems (`^` before the first) that only this option has, sorted."""
    by_option = [{*option.stems, *map(" ".join, pairwise((_START, *option.stems)))} for option in options]
    return [
        sorted(stems.difference(*by_option[:at], *by_option[at + 1 :])) for at, stems in enumerate(by_option)
    ]


def odds_features(marked: list[str], odds: Mapping[str, float]) -> Features:
    """Features of an option's known marks; `odds` are the log odds of an option with a mark to be right."""
    single = [odds[mark] for mark in marked if " " not in mark and mark in odds]
    double = [odds[mark] for mark in marked if " " in mark and mark in odds]
    return {
        "odds.mean": sum(single) / (len(single) + 2),
        "odds.least": min(single, default=0.0),
        "odds.most": max(single, default=0.0),
        "odds.pairs": sum(double) / (len(double) + 2),
        "odds.pair": min(double, default=0.0),
    }


def _lengths(option: OptionWords, others: list[OptionWords]) -> Features:
    long, longs = width(option.text), [width(other.text) for other in others]
    mean = sum(longs) / len(longs)
    count = len(option.words)
    return {
        "len.ratio": math.log((long + 3) / (mean + 3)),
        "len.words": math.log((count + 1) / (sum(len(other.words) for other in others) / len(others) + 1)),
        "len.telling": math.log(
            (len(option.telling) + 1) / (sum(len(other.telling) for other in others) / len(others) + 1)
        ),
        "len.longest": float(long > max(longs)),
        "len.clearly": float(long > 1.2 * max(longs)),
        "len.shortest": float(long < min(longs)),
        "len.margin": max(-1.0, min(1.0, math.log((long + 3) / (max(longs) + 3)))),
        "len.diff": (long - mean) / 50,
        "len.word": sum(map(len, option.words)) / max(1, count) / 5,
    }


def _value_features(question: str, options: list[str]) -> list[Features]:
    """Rank of each option's number among the others', where every option has one."""
    values = [_value(option) for option in options]
    known = [value for value in values if value is not None]
    if len(known) < len(options) or len(set(known)) == 1:
        return [{} for _ in options]
    high, low = bool(_HIGH.search(question)), bool(_LOW.search(question))
    rows = []
    for value in known:
        rank = (sum(other < value for other in known) - sum(other > value for other in known)) / (
            len(known) - 1
        )
        features = {"val.rank": rank, "val.middle": float(rank == 0), "val.round": float(value % 10 == 0)}
        rows.append(features | ({"val.high": rank} if high else {}) | ({"val.low": rank} if low else {}))
    return rows


def _value(option: str) -> float | None:
    matched = _VALUE.search(option)
    if not matched:
        return None
    try:
        value = float(matched[0].replace(",", ""))
    except ValueError:  # 1.2.3
        return None
    unit = option[matched.end() : matched.end() + 10].strip().lower()
    return value * next((scale for name, scale in _SCALES if unit.startswith(name)), 1.0)


def _signs(option: OptionWords) -> Features:
    text = option.text
    return {
        "sign.acronym": float(min(3, len(_ACRONYM.findall(text)))),
        "sign.paren": float("(" in text or "（" in text),
        "sign.hyphen": float(min(3, text.count("-"))),
        "sign.comma": float(min(3, text.count(",") + text.count("，"))),
        "sign.and": float(min(2, option.words.count("and"))),
        "sign.quote": float('"' in text or "'" in text),
        "sign.colon": float(":" in text or ";" in text),
    }


def _cues(option: OptionWords, others: list[OptionWords]) -> Features:
    own = set(option.words).difference(chain.from_iterable(other.words for other in others))
    return {f"turn.{name}": float(min(2, len(own & cues))) for name, cues in _CUE_WORDS.items()}


def overlap(option: OptionWords, question: QuestionContext) -> Features:
    """The features of one option that compare it with the text."""
    unasked = tuple(word for word in option.own if word not in question.telling)
    return {
        **_coverage(option.own, question),
        **_sections(option.own, question),
        **_pairs(option, question),
        **_alignment(option, question),
        **_proximity(unasked, question),
        **_context(unasked, question),
        **_numbers(option, question),
        **_rarity(option, question.weigh),
    }


def _coverage(own: tuple[str, ...], question: QuestionContext) -> Features:
    """How many of the words that only this option has are in the text."""
    weigh, text = question.weigh, question.text
    total = sum(map(weigh, own))
    hit = sum(weigh(word) for word in own if word in text.all)
    hinted = sum(weigh(word) for word in own if text.hints_at(word))
    present = sum(word in text.all for word in own)
    return {
        "ov.frac": (hit + 1.5) / (total + 3),
        "ov.hit": math.sqrt(hit),
        "ov.miss": math.sqrt(max(0.0, total - hit)),
        "ov.none": float(not own),
        "ov.zero": float(bool(own) and not present),
        "ov.full": float(bool(own) and present == len(own)),
        "ov.hint": (hinted + 1.5) / (total + 3),
        "ov.often": sum(weigh(word) * math.log1p(text.counts.get(word, 0)) for word in own) / 6,
    }


def _sections(own: tuple[str, ...], question: QuestionContext) -> Features:
    """The sections of the text in which the option's own words stand, and whether the question points there."""
    features: Features = {}
    total = sum(map(question.weigh, own))
    for section in SECTIONS:
        words = question.text.sections.get(section)
        if words is None:
            continue
        hit = sum(question.weigh(word) for word in own if word in words)
        features[f"sec.{section}"] = math.sqrt(hit)
        if section in question.cued:
            features[f"cue.{section}"] = math.sqrt(hit)
        if section == "flow":
            features["flow.frac"] = (hit + 1) / (total + 3)
    return features


def _word_pairs(option: OptionWords) -> set[tuple[str, str]]:
    return {*pairwise(option.stems), *pairwise(option.telling)}


def _pairs(option: OptionWords, question: QuestionContext) -> Features:
    """Neighbouring words that only this option has and that are neighbours in the text too."""
    others = chain.from_iterable(map(_word_pairs, question.others(option)))
    own = sorted(_word_pairs(option).difference(others))
    shared = [pair for pair in own if pair in question.text.bigrams]
    weight = sum(
        question.weigh(first) + question.weigh(second)
        for first, second in shared
        if first not in STOP_WORDS or second not in STOP_WORDS
    )
    return {
        "bi.hit": math.sqrt(weight),
        "bi.count": math.log1p(len(shared)),
        "bi.frac": (len(shared) + 0.3) / (len(own) + 2),
    }


def _alignment(option: OptionWords, question: QuestionContext) -> Features:
    """How many of the option's own words stand in one sentence, above all in one with the question's words."""
    weights: dict[int, float] = {}
    for word in option.own:
        for segment in question.text.segments.get(word, ()):
            weights[segment] = weights.get(segment, 0.0) + question.weigh(word)
    all_weights: dict[int, float] = {}
    for word in sorted(set(option.telling)):
        for segment in question.text.segments.get(word, ()):
            all_weights[segment] = all_weights.get(segment, 0.0) + question.weigh(word)
    like = question.similarity
    best = max(weights.values(), default=0.0)
    return {
        "al.best": math.sqrt(best),
        "al.frac": best / (sum(map(question.weigh, option.own)) + 3),
        "al.asked": math.sqrt(max((weight * like[at] for at, weight in weights.items()), default=0.0)),
        "al.full": math.sqrt(
            max((weight * (0.3 + like[at]) for at, weight in all_weights.items()), default=0.0)
        ),
        "al.sum": math.sqrt(sum(weights[at] * like[at] ** 2 for at in sorted(weights))),
        "al.top": math.sqrt(
            max((weight for at, weight in weights.items() if at in question.likeliest), default=0.0)
        ),
    }


def _proximity(unasked: tuple[str, ...], question: QuestionContext) -> Features:
    """How near to the question's words the option's own words stand."""
    present = [(word, question.text.positions[word]) for word in unasked if word in question.text.positions]
    total = sum(map(question.weigh, unasked)) + 2
    near = sum(question.weigh(word) * _most(question.density, positions) for word, positions in present)
    close = sum(question.weigh(word) * _most(question.closeness, positions) for word, positions in present)
    closest = max((_most(question.closeness, positions) for _, positions in present), default=0.0)
    numbers = [positions for word, positions in present if is_number(word)]
    return {
        "px.own": near / total,
        "px.rel": near / total / (question.peak + 1),
        "px.sum": math.sqrt(near) / 3,
        "px.close": close / total,
        "px.closest": closest,
        "px.closest rel": closest / (question.closest + 1),
        "px.number": max((_most(question.density, positions) for positions in numbers), default=0.0),
        "px.number close": max((_most(question.closeness, positions) for positions in numbers), default=0.0),
    }


def _most(density: list[float], positions: list[int]) -> float:
    return max(density[position] for position in positions)


def _context(unasked: tuple[str, ...], question: QuestionContext) -> Features:
    """Whether the text denies or claims the option's words ("unlike existing …", "we propose …")."""
    denied = claimed = 0.0
    for word in unasked:
        positions = question.text.positions.get(word)
        if positions:
            weight = question.weigh(word) / len(positions)
            denied += weight * sum(question.text.denied[position] for position in positions)
            claimed += weight * sum(question.text.claimed[position] for position in positions)
    total = sum(map(question.weigh, unasked)) + 2
    return {"ctx.denied": denied / total, "ctx.claimed": claimed / total, "ctx.denials": math.sqrt(denied)}


def _numbers(option: OptionWords, question: QuestionContext) -> Features:
    numbers = [stem(word) for word in option.words if is_number(word)]
    hits = sum(number in question.text.all for number in numbers)
    others = frozenset(chain.from_iterable(other.stems for other in question.others(option)))
    long = {number for number in numbers if len(number) > 1} - others
    return {
        "num.hit": float(min(2, hits)),
        "num.miss": float(min(2, len(numbers) - hits)),
        "num.any": float(bool(numbers)),
        "num.long": float(min(2, sum(number in question.text.all for number in long))),
    }


def _rarity(option: OptionWords, weigh: Weigh) -> Features:
    telling = sorted(set(option.telling))
    return {
        "rare.mean": sum(map(weigh, telling)) / max(1, len(telling)) / 3,
        "rare.most": max(map(weigh, option.own), default=0.0) / 3,
    }


_AGAIN_WHEN_SHORT = (
    "al.asked", "len.longest", "len.ratio", "ov.frac", "ov.miss", "ov.zero", "px.own", "px.rel",
)  # fmt: skip
"""Features with another meaning, and so another weight, where the options are names and numbers (`short`)."""
_KEPT_WHEN_NEGATED = ("bi.frac", "flow.frac", "len.ratio", "ov.frac", "ov.miss", "ov.zero")


def option_features(
    question: Question, text: TextIndex, weigh: Weigh, odds: Mapping[str, float]
) -> list[Features]:
    """The features of each option, in the options' order; a missing one is 0. `odds` are as in `odds_features`."""
    asked = QuestionContext(question, text, weigh)
    phrased = phrasing(question.question, asked.options)
    rows = [overlap(option, asked) | phrases for option, phrases in zip(asked.options, phrased, strict=True)]
    if asked.negated:
        return [{f"neg.{name}": features.get(name, 0.0) for name in _KEPT_WHEN_NEGATED} for features in rows]
    for features, marked in zip(rows, marks(asked.options), strict=True):
        features.update(odds_features(marked, odds))
        if asked.short:
            features.update({f"short.{name}": features[name] for name in _AGAIN_WHEN_SHORT})
    return rows
