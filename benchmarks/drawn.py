"""Subscriptions and papers drawn from real digests, for the measurements of matching.

A subscription is 1 to 4 phrases of 1 to 3 words, drawn by Zipf's law from the word groups of the digests,
joined by AND, OR and NOT; 10 % of the phrases are limited to the title, 8 % are beginnings of words, and
5 % are names of authors. A million of them have about 340,000 matches with 30 papers.
"""

import random
from bisect import bisect
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Generic, TypeVar

from benchmarks.corpus import CORPUS
from bot.adapters.readers import read_digest
from bot.domain.digests import merge
from bot.domain.papers import Paper
from bot.domain.query import Query, parse
from bot.domain.query.folding import words
from bot.domain.query.syntax import Node, both, contradiction, either, negated

_T = TypeVar("_T")

ZIPF_EXPONENT = 1.0
ZIPF_OFFSET = 400
"""Nobody subscribes to the very commonest words alone: the law starts at this rank."""

STOP_WORDS = frozenset(
    """a about above across after all also an and any are as at be because been being between both but by can could
    did do does during each e g for from further had has have how however i ii iii if in into is it its iv may more
    most not of on only or other our over s same several should so some such than that the their them then there
    these they this those through to under up upon us use used using v via was we were what when where which while
    who whose will with within without would vs paper propose present introduce show method approach result new novel
    demonstrate achieve include including based main key primary objective research question methodology""".split()  # noqa: SIM905
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """One phrase of a subscription: folded words, or a name's plain words, or a beginning of a word."""

    words: tuple[str, ...]
    scope: str = ""
    prefix: bool = False

    def __str__(self) -> str:
        text = " ".join(self.words) + "*" * self.prefix
        return f"{self.scope}:{text}" if self.scope else text


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """A subscription: any of the `wanted` groups whole, and none of the `excluded` terms."""

    wanted: tuple[tuple[Term, ...], ...]
    excluded: tuple[Term, ...] = ()

    @property
    def query(self) -> Query:
        """The query, put together from its terms instead of parsed, which takes a tenth of the time."""
        wanted = either(tuple(both(tuple(map(_tree, group))) for group in self.wanted))
        return Query(root=both((wanted, *(negated(_tree(term)) for term in self.excluded))), text="")


def corpus_folder() -> Path:
    """Where the real digests are; SystemExit where they are not."""
    if not CORPUS.is_dir():
        raise SystemExit(f"no real digests in {CORPUS}; set PAPERBOY_CORPUS")
    return CORPUS


def papers(folder: Path) -> list[Paper]:
    """All papers of the digests, merged by id, by the day of their first digest."""
    found: dict[str, Paper] = {}
    for path in sorted((*folder.glob("tables/*.md"), *folder.glob("pages/*.html"))):
        digest = read_digest(path.read_bytes(), name=path.name)
        for entry in digest.entries:
            found[entry.id] = merge(found.get(entry.id), entry, digest=path.name, day=digest.date)
    return sorted(found.values(), key=lambda paper: str(paper.date))


@cache
def _tree(term: Term) -> Node:
    return parse(str(term)).root


class Draw:
    """Draws subscriptions from the words of papers; the same seed gives the same ones."""

    def __init__(self, papers: Sequence[Paper], seed: int) -> None:
        self._random = random.Random(seed)
        groups: tuple[Counter[tuple[str, ...]], ...] = (Counter(), Counter(), Counter())
        for paper in papers:
            for text in (paper.title, *(summary.text for summary in paper.summaries)):
                for group in _groups(words(text, "folded")):
                    groups[len(group) - 1][group] += 1
        self._groups = [_Zipf(sorted(counts, key=lambda group: (-counts[group], group))) for counts in groups]
        names = Counter(name for paper in papers for name in paper.authors if words(name, "plain"))
        self._names = _Zipf(sorted(names, key=lambda name: (-names[name], name)))

    def subscriptions(self, number: int) -> Iterator[Drawn]:
        """The next ones."""
        while number:
            drawn = self._subscription()
            if contradiction(drawn.query.root) is None:
                number -= 1
                yield drawn

    def _subscription(self) -> Drawn:
        terms = [self._term() for _ in range(self._random.choices((1, 2, 3, 4), (40, 30, 20, 10))[0])]
        wanted = [[terms[0]]]
        excluded: list[Term] = []
        for term in terms[1:]:
            joint = self._random.choices(("AND", "OR", "NOT"), (40, 40, 20))[0]
            if joint == "AND":
                wanted[-1].append(term)
            elif joint == "OR":
                wanted.append([term])
            else:
                excluded.append(term)
        return Drawn(wanted=tuple(map(tuple, wanted)), excluded=tuple(excluded))

    def _term(self) -> Term:
        kind = self._random.random()
        if kind < 0.05:
            return Term(words=tuple(words(self._names.drawn(self._random), "plain")), scope="author")
        if kind < 0.13:
            word = self._groups[0].drawn(self._random)[0]
            if len(word) > 4 and word.isalpha() and word.isascii():
                return Term(
                    words=(word[: self._random.randint(max(4, len(word) - 3), len(word) - 1)],), prefix=True
                )
        size = self._random.choices((0, 1, 2), (20, 50, 30))[0]
        scope = "title" if self._random.random() < 0.10 else ""
        return Term(words=self._groups[size].drawn(self._random), scope=scope)


class _Zipf(Generic[_T]):
    """Things by rank, drawn with probability 1 / (rank + offset)."""

    def __init__(self, things: Sequence[_T]) -> None:
        self._things = things
        weights = (1 / (rank + ZIPF_OFFSET) ** ZIPF_EXPONENT for rank in range(len(things)))
        self._sums = list(accumulate(weights))

    def drawn(self, source: random.Random) -> _T:
        return self._things[bisect(self._sums, source.random() * self._sums[-1])]


def _groups(folded: list[str]) -> Iterator[tuple[str, ...]]:
    for size in (1, 2, 3):
        for start in range(len(folded) - size + 1):
            group = tuple(folded[start : start + size])
            if STOP_WORDS.isdisjoint((group[0], group[-1])):
                yield group
