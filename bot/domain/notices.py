"""Notices: which subscriptions matched which papers, why, and how relevant a paper is to its subscriber."""

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

from bot.domain.papers import Paper, PaperId
from bot.domain.query import Document, Query, document_of, match
from bot.domain.similarity import Similarity, written_words
from bot.domain.subscriptions import Subscriber, Subscription

Matches = Mapping[str, Mapping[PaperId, Sequence[Subscription]]]
"""Subscriptions that match, by subscriber and paper."""

Notices = Mapping[str, Mapping[PaperId, tuple[str, ...]]]
"""Names of the subscriptions that matched, by subscriber and paper, in the subscriber's order.

Which words matched is found when it is shown, in the paper as it is then.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Why:
    """One part of a match: the query's term, the field, and the words as the paper writes them."""

    term: str
    field: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """A subscription that matched, and what in the paper made it match (at most eight, all different)."""

    subscription: str
    why: tuple[Why, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Rarity:
    """Rarity of a person's subscriptions: in how many of their `notices` each had a part."""

    counts: Mapping[str, int] = field(default_factory=dict)
    notices: int = 0

    def of(self, subscription: str) -> float:
        """The rarity from 1, for a subscription with a part in all notices, to 2, for one with a part in none; 1 without notices."""
        return 2 - self.counts.get(subscription, 0) / self.notices if self.notices else 1.0


NOTHING_KNOWN = Rarity()
_FIELD_WEIGHT = {"authors": 4.0, "title": 3.0, "points": 1.0, "summary": 1.0, "source": 0.5}
_PART_WEIGHT = 0.1
_QUIZ_BONUS, _SOURCES_BONUS = 2.0, 4.0


def relevance(reasons: tuple[Reason, ...], paper: Paper, rarity: Rarity = NOTHING_KNOWN) -> float:
    """Relevance of a paper for a subscriber: a message shows the most relevant paper first.

        for each subscription that matched:  field x rarity + 0.1 for each part of the match (8 at most)
        where the paper has a quiz:          + 2
        where several sources brought it:    + 4

    *field* is the heaviest that matched: a followed author 4, the title 3, points or summary 1, the source's name 0.5;
    1 where the words are gone. *rarity* (see `Rarity.of`) favours subscriptions that seldom match. So two subscriptions
    count more than one, and a rare word in the summary less than any in the title. Several sources
    together with a quiz count more than a word in the title, and less than a followed author with another match. Ties keep the digest's order,
    which is the source's own ranking.
    """
    total = math.fsum(_weight(reason, rarity.of(reason.subscription)) for reason in reasons)
    return total + _QUIZ_BONUS * paper.has_quiz + _SOURCES_BONUS * (paper.source_count > 1)


def _weight(reason: Reason, rarity: float) -> float:
    heaviest = max((_FIELD_WEIGHT.get(why.field, 1.0) for why in reason.why), default=1.0)
    return heaviest * rarity + _PART_WEIGHT * len(reason.why)


_MOST_PARTS = 8
_CACHED_DOCUMENTS = 256
"""The same papers are needed for each feed and message of a day."""
_CACHED_MATCHES = 4096
"""The same match is needed for each target of a subscriber, for edits, and for quizzes."""


def reasons_for(
    subscriber: Subscriber, paper: Paper, names: Container[str], similarity: Similarity | None = None
) -> tuple[Reason, ...]:
    """The reasons of the named subscriptions, in the subscriber's order; those that the subscriber no longer has are left out.

    A reason has no words where the subscription no longer matches (the paper was corrected). For a `like:` subscription
    they are the words that both papers share, which need the `similarity`.
    """
    return tuple(
        Reason(subscription=subscription.name, why=why_of(subscription, paper, similarity))
        for subscription in subscriber.subscriptions
        if subscription.name in names
    )


def why_of(subscription: Subscription, paper: Paper, similarity: Similarity | None = None) -> tuple[Why, ...]:
    """The parts of the match, at most eight; empty where the subscription does not match."""
    if subscription.query is not None:
        return _matched(subscription.query, subscription.query.text, paper)
    document = _document(paper)
    near = similarity.nearest(subscription.like, paper.id, document) if similarity else None
    if near is None:
        return ()
    return _whys(
        Why(term=term, field=field, text=text)
        for term, field, text in written_words(near.title, near.words, document)
    )


@lru_cache(maxsize=_CACHED_MATCHES)
def _matched(query: Query, text: str, paper: Paper) -> tuple[Why, ...]:  # noqa: ARG001 - equal queries may be written otherwise
    """The words of the paper that the query finds; `text` is its spelling, which the terms repeat."""
    hits = match(query, _document(paper)) or ()
    return _whys(Why(term=hit.term, field=hit.field, text=hit.text) for hit in hits)


@lru_cache(maxsize=_CACHED_DOCUMENTS)
def _document(paper: Paper) -> Document:
    return document_of(paper)


def _whys(whys: Iterable[Why]) -> tuple[Why, ...]:
    return tuple(islice(dict.fromkeys(whys), _MOST_PARTS))
