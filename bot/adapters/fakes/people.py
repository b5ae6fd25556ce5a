"""Made-up subscribers whose interests are drawn from what a folder of digests speaks of."""

import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import time
from itertools import pairwise
from zoneinfo import ZoneInfo

from bot.domain.digests import Digest
from bot.domain.errors import QuerySyntaxError
from bot.domain.query import author_query, excluding, parse
from bot.domain.schedule import At, Hourly, Immediately, QuietHours, Schedule
from bot.domain.subscriptions import Channel, Quizzes, Subscriber, Subscription

_WORD = re.compile(r"[A-Za-z][a-z]{3,}")
_EVERYDAY = frozenset(
    [
        "with",
        "from",
        "that",
        "this",
        "into",
        "over",
        "using",
        "toward",
        "towards",
        "based",
        "through",
        "beyond",
        "your",
        "more",
    ]
)
_ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Shanghai")
_TIMES = (time(8), time(12), time(18))
_DAILY, _WORKING = frozenset(range(7)), frozenset(range(5))
_POOL = 160


@dataclass(frozen=True, kw_only=True, slots=True)
class Vocabulary:
    """Words, pairs of words and authors, the most frequent first."""

    words: tuple[str, ...]
    pairs: tuple[str, ...]
    authors: tuple[str, ...]


def vocabulary(digests: Iterable[Digest]) -> Vocabulary:
    """What titles and authors of the digests are made of, without what is everywhere."""
    words, pairs, authors = Counter[str](), Counter[str](), Counter[str]()
    papers = 0
    for entry in (entry for digest in digests for entry in digest.entries):
        papers += 1
        said = [word.lower() for word in _WORD.findall(entry.title)]
        words.update(set(said) - _EVERYDAY)
        pairs.update({f"{a} {b}" for a, b in pairwise(said) if not {a, b} & _EVERYDAY})
        authors.update(set(entry.authors))
    often = max(papers // 80, 3)
    return Vocabulary(
        words=_frequent(words, often, 300),
        pairs=_frequent(pairs, often, 200),
        authors=_frequent(authors, often, 100),
    )


def _frequent(counted: Counter[str], often: int, most: int) -> tuple[str, ...]:
    ordered = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    return tuple(name for name, count in ordered if count <= often)[:most]


def draw_people(count: int, digests: Sequence[Digest], seed: int) -> tuple[Subscriber, ...]:
    """So many subscribers, the same for the same digests and seed."""
    rng = random.Random(seed)  # noqa: S311 - made-up people
    spoken = vocabulary(digests)
    pool = [one for one in (_query(rng, spoken) for _ in range(_POOL)) if one is not None]
    return tuple(_person(number, rng, pool, spoken) for number in range(count))


def _query(rng: random.Random, spoken: Vocabulary) -> Subscription | None:
    if len(spoken.words) < 2:  # noqa: PLR2004 - nothing to draw two from
        return None
    one, other = rng.sample(spoken.words, 2)
    pair = rng.choice(spoken.pairs or spoken.words)
    forms = (pair, pair, pair, one, f"title:{one}", f"{one} AND {other}", f"{pair} AND NOT {other}")
    text = rng.choice((*forms, f"({one} OR {other}) NEAR/5 {rng.choice(spoken.words)}", f'"{one}"'))
    try:
        return Subscription(name=text, text=text, query=parse(text))
    except QuerySyntaxError:
        return None


def _person(number: int, rng: random.Random, pool: Sequence[Subscription], spoken: Vocabulary) -> Subscriber:
    name = f"person-{number:04}"
    wanted = {one.name: one for one in rng.sample(pool, min(rng.randint(1, 3), len(pool)))}
    if spoken.authors and rng.random() < 0.3:  # noqa: PLR2004 - these numbers are the people
        with suppress(QuerySyntaxError):
            author = rng.choice(spoken.authors)
            wanted.setdefault(author, Subscription(name=author, text=author, query=author_query(author)))
    if spoken.words and rng.random() < 0.2:  # noqa: PLR2004
        without = rng.choice(spoken.words)
        wanted = {one.name: one for one in (_without(one, without) for one in wanted.values())}
    return Subscriber(
        id=name,
        timezone=ZoneInfo(rng.choice(_ZONES)),
        language="zh" if rng.random() < 0.1 else "en",  # noqa: PLR2004
        quiet_hours=QuietHours(start=time(22), end=time(7)) if rng.random() < 0.3 else None,  # noqa: PLR2004
        daily_limit=rng.choice((1, 3, 5)) if rng.random() < 0.3 else None,  # noqa: PLR2004
        channels=_channels(number, name, rng),
        subscriptions=tuple(wanted.values()),
    )


def _without(wanted: Subscription, word: str) -> Subscription:
    with suppress(QuerySyntaxError):
        if wanted.query is not None:
            return replace(wanted, query=excluding(wanted.query, (parse(word),)))
    return wanted


def _channels(number: int, name: str, rng: random.Random) -> tuple[Channel, ...]:
    quizzes: Quizzes = rng.choice(("none", "one", "all"))
    crowd = rng.random() < 0.15  # noqa: PLR2004
    address = str(-100_000 - number) if crowd else str(100_000 + number)
    telegram = Channel(kind="telegram", address=address, quizzes=quizzes, deliver=_schedule(rng))
    email = Channel(kind="email", address=f"{name}@example.org", deliver=_schedule(rng))
    feed = Channel(kind="atom", address=name)
    return rng.choices(
        ((telegram,), (email,), (telegram, email), (feed,), (telegram, feed)), weights=(45, 30, 15, 6, 4)
    )[0]


def _schedule(rng: random.Random) -> Schedule:
    at = rng.choice(_TIMES)
    return rng.choices(
        (
            Immediately(),
            Hourly(),
            At(days=_DAILY, at=at),
            At(days=_WORKING, at=at),
            At(days=frozenset({rng.randrange(7)}), at=at),
        ),
        weights=(30, 5, 30, 15, 20),
    )[0]
