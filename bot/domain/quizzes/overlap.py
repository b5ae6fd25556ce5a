"""How far the paper's text speaks for an option: the features that look words up."""

import math
from itertools import chain, pairwise

from bot.domain.quizzes.asked import Asked, OptionWords, Weigh
from bot.domain.quizzes.paper_text import SECTIONS
from bot.domain.quizzes.tokens import STOP_WORDS, is_number, stem

Features = dict[str, float]


def overlap(option: OptionWords, asked: Asked) -> Features:
    """All features of one option that need the text."""
    unasked = tuple(word for word in option.own if word not in asked.telling)
    return {
        **_coverage(option.own, asked),
        **_sections(option.own, asked),
        **_pairs(option, asked),
        **_alignment(option, asked),
        **_proximity(unasked, asked),
        **_context(unasked, asked),
        **_numbers(option, asked),
        **_rarity(option, asked.weigh),
    }


def _coverage(own: tuple[str, ...], asked: Asked) -> Features:
    """How much of what only this option says is in the text."""
    weigh, text = asked.weigh, asked.text
    whole = sum(map(weigh, own))
    hit = sum(weigh(word) for word in own if word in text.all)
    hinted = sum(weigh(word) for word in own if text.hints_at(word))
    found = sum(word in text.all for word in own)
    return {
        "ov.frac": (hit + 1.5) / (whole + 3),
        "ov.hit": math.sqrt(hit),
        "ov.miss": math.sqrt(max(0.0, whole - hit)),
        "ov.none": float(not own),
        "ov.zero": float(bool(own) and not found),
        "ov.full": float(bool(own) and found == len(own)),
        "ov.hint": (hinted + 1.5) / (whole + 3),
        "ov.often": sum(weigh(word) * math.log1p(text.counts.get(word, 0)) for word in own) / 6,
    }


def _sections(own: tuple[str, ...], asked: Asked) -> Features:
    """In which parts of the text the option's own words stand, and whether the question points there."""
    found: Features = {}
    whole = sum(map(asked.weigh, own))
    for section in SECTIONS:
        words = asked.text.sections.get(section)
        if words is None:
            continue
        hit = sum(asked.weigh(word) for word in own if word in words)
        found[f"sec.{section}"] = math.sqrt(hit)
        if section in asked.cued:
            found[f"cue.{section}"] = math.sqrt(hit)
        if section == "flow":
            found["flow.frac"] = (hit + 1) / (whole + 3)
    return found


def _word_pairs(option: OptionWords) -> set[tuple[str, str]]:
    return {*pairwise(option.stems), *pairwise(option.telling)}


def _pairs(option: OptionWords, asked: Asked) -> Features:
    """Neighbouring words that only this option has and that are neighbours in the text too."""
    others = chain.from_iterable(map(_word_pairs, asked.others(option)))
    own = sorted(_word_pairs(option).difference(others))
    found = [pair for pair in own if pair in asked.text.bigrams]
    weight = sum(
        asked.weigh(first) + asked.weigh(second)
        for first, second in found
        if first not in STOP_WORDS or second not in STOP_WORDS
    )
    return {
        "bi.hit": math.sqrt(weight),
        "bi.count": math.log1p(len(found)),
        "bi.frac": (len(found) + 0.3) / (len(own) + 2),
    }


def _alignment(option: OptionWords, asked: Asked) -> Features:
    """How well single sentences hold the option's own words, above all those that hold the question's."""
    held: dict[int, float] = {}
    for word in option.own:
        for segment in asked.text.segments.get(word, ()):
            held[segment] = held.get(segment, 0.0) + asked.weigh(word)
    held_all: dict[int, float] = {}
    for word in sorted(set(option.telling)):
        for segment in asked.text.segments.get(word, ()):
            held_all[segment] = held_all.get(segment, 0.0) + asked.weigh(word)
    like = asked.likeness
    best = max(held.values(), default=0.0)
    return {
        "al.best": math.sqrt(best),
        "al.frac": best / (sum(map(asked.weigh, option.own)) + 3),
        "al.asked": math.sqrt(max((hold * like[at] for at, hold in held.items()), default=0.0)),
        "al.full": math.sqrt(max((hold * (0.3 + like[at]) for at, hold in held_all.items()), default=0.0)),
        "al.sum": math.sqrt(sum(held[at] * like[at] ** 2 for at in sorted(held))),
        "al.top": math.sqrt(max((hold for at, hold in held.items() if at in asked.likeliest), default=0.0)),
    }


def _proximity(unasked: tuple[str, ...], asked: Asked) -> Features:
    """How near to the question's words the option's own words stand."""
    found = [(word, asked.text.places[word]) for word in unasked if word in asked.text.places]
    whole = sum(map(asked.weigh, unasked)) + 2
    near = sum(asked.weigh(word) * _most(asked.density, places) for word, places in found)
    close = sum(asked.weigh(word) * _most(asked.closeness, places) for word, places in found)
    closest = max((_most(asked.closeness, places) for _, places in found), default=0.0)
    numbers = [places for word, places in found if is_number(word)]
    return {
        "px.own": near / whole,
        "px.rel": near / whole / (asked.peak + 1),
        "px.sum": math.sqrt(near) / 3,
        "px.close": close / whole,
        "px.closest": closest,
        "px.closest rel": closest / (asked.closest + 1),
        "px.number": max((_most(asked.density, places) for places in numbers), default=0.0),
        "px.number close": max((_most(asked.closeness, places) for places in numbers), default=0.0),
    }


def _most(density: list[float], places: list[int]) -> float:
    return max(density[place] for place in places)


def _context(unasked: tuple[str, ...], asked: Asked) -> Features:
    """Whether the text denies or claims what the option says ("unlike existing …", "we propose …")."""
    denied = claimed = 0.0
    for word in unasked:
        places = asked.text.places.get(word)
        if places:
            weight = asked.weigh(word) / len(places)
            denied += weight * sum(asked.text.denied[place] for place in places)
            claimed += weight * sum(asked.text.claimed[place] for place in places)
    whole = sum(map(asked.weigh, unasked)) + 2
    return {"ctx.denied": denied / whole, "ctx.claimed": claimed / whole, "ctx.denials": math.sqrt(denied)}


def _numbers(option: OptionWords, asked: Asked) -> Features:
    numbers = [stem(word) for word in option.words if is_number(word)]
    hits = sum(number in asked.text.all for number in numbers)
    others = frozenset(chain.from_iterable(other.stems for other in asked.others(option)))
    long = {number for number in numbers if len(number) > 1} - others
    return {
        "num.hit": float(min(2, hits)),
        "num.miss": float(min(2, len(numbers) - hits)),
        "num.any": float(bool(numbers)),
        "num.long": float(min(2, sum(number in asked.text.all for number in long))),
    }


def _rarity(option: OptionWords, weigh: Weigh) -> Features:
    telling = sorted(set(option.telling))
    return {
        "rare.mean": sum(map(weigh, telling)) / max(1, len(telling)) / 3,
        "rare.most": max(map(weigh, option.own), default=0.0) / 3,
    }
