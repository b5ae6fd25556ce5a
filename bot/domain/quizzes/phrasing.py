"""How an option is worded, whatever the paper says: lengths, numbers, signs and turns of phrase beside the others'.

Who writes wrong options by the dozen has habits: absolute words, naive methods, costs, round numbers.
"""

import math
import re
from collections.abc import Mapping
from itertools import chain, pairwise

from bot.domain.quizzes.asked import OptionWords
from bot.domain.quizzes.tokens import width

Features = dict[str, float]

_TURNS = {
    name: frozenset(turns.split())
    for name, turns in {
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
    """All features of each option that need no text."""
    values = _value_features(question, [option.text for option in options])
    return [
        {
            **_lengths(option, others := [*options[:at], *options[at + 1 :]]),
            **values[at],
            **_signs(option),
            **_turns(option, others),
        }
        for at, option in enumerate(options)
    ]


def marks(options: tuple[OptionWords, ...]) -> list[list[str]]:
    """The stems and pairs of neighbouring stems (`^` before the first) that only this option has, sorted."""
    found = [{*option.stems, *map(" ".join, pairwise((_START, *option.stems)))} for option in options]
    return [sorted(mine.difference(*found[:at], *found[at + 1 :])) for at, mine in enumerate(found)]


def odds_features(marked: list[str], odds: Mapping[str, float]) -> Features:
    """What the known marks of an option say of its being right; `odds` are logarithms, 0 for even."""
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
    """Where each option's number stands among the others', where all begin with one."""
    values = [_value(option) for option in options]
    known = [value for value in values if value is not None]
    if len(known) < len(options) or len(set(known)) == 1:
        return [{} for _ in options]
    high, low = bool(_HIGH.search(question)), bool(_LOW.search(question))
    found = []
    for value in known:
        rank = (sum(other < value for other in known) - sum(other > value for other in known)) / (
            len(known) - 1
        )
        features = {"val.rank": rank, "val.middle": float(rank == 0), "val.round": float(value % 10 == 0)}
        found.append(features | ({"val.high": rank} if high else {}) | ({"val.low": rank} if low else {}))
    return found


def _value(option: str) -> float | None:
    found = _VALUE.search(option)
    if not found:
        return None
    try:
        value = float(found[0].replace(",", ""))
    except ValueError:  # 1.2.3
        return None
    unit = option[found.end() : found.end() + 10].strip().lower()
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


def _turns(option: OptionWords, others: list[OptionWords]) -> Features:
    own = set(option.words).difference(chain.from_iterable(other.words for other in others))
    return {f"turn.{name}": float(min(2, len(own & turns))) for name, turns in _TURNS.items()}
