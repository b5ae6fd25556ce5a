"""Notices: that a subscription matched a paper, why it did, and how much the paper should matter."""

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
"""By subscriber the papers that match, each with the subscriptions that it matches."""

Notices = Mapping[str, Mapping[PaperId, tuple[str, ...]]]
"""Notices: of a subscriber the papers to know of, each with the names of the subscriptions that matched, in their order.

What exactly matched is worked out when it is shown, from the paper as it is then.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Why:
    """One thing that matched: the query's term, the field, and the words as the paper writes them."""

    term: str
    field: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """One subscription that matched, and what in the paper made it match (at most eight, no repeats)."""

    subscription: str
    why: tuple[Why, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Rarity:
    """How often each subscription of a person was noticed for a paper, of so many notices."""

    counts: Mapping[str, int] = field(default_factory=dict)
    notices: int = 0

    def of(self, subscription: str) -> float:
        """1 for a subscription that brings all of somebody's papers, up to 2 for one that seldom brings any.

        While nothing is known, 1.
        """
        return 2 - self.counts.get(subscription, 0) / self.notices if self.notices else 1.0


NOTHING_KNOWN = Rarity()
_FIELD_WEIGHT = {"authors": 4.0, "title": 3.0, "points": 1.0, "summary": 1.0, "source": 0.5}
_EACH = 0.1
_QUIZ_BONUS, _SOURCES_BONUS = 2.0, 4.0


def relevance(reasons: tuple[Reason, ...], paper: Paper, rarity: Rarity = NOTHING_KNOWN) -> float:
    """Relevance of a paper for a subscriber: a message shows the most relevant paper first.

        for each subscription that matched:  field x rarity + 0.1 for each thing (there are 8 at most)
        where the paper has a quiz:          + 2
        where several sources brought it:    + 4

    *field*: the weightiest that matched: a followed author 4, the title 3, points or summary 1, the source's
    name 0.5; 1 where the words are gone. *rarity*: 2 less the share of the person's notices that the
    subscription had a part in: what matches everything tells least. So two subscriptions count more than
    one, and a rare word in the summary less than any in the title. That several sources chose a paper, or an editor wrote
    questions on it, says more than one word in the title, and less than a followed author with another match. Ties keep the
    digest's order, which is the source's own ranking, so that the same state gives the same order.
    """
    total = math.fsum(_weight(reason, rarity.of(reason.subscription)) for reason in reasons)
    return total + _QUIZ_BONUS * paper.has_quiz + _SOURCES_BONUS * (paper.source_count > 1)


def _weight(reason: Reason, rarity: float) -> float:
    heaviest = max((_FIELD_WEIGHT.get(why.field, 1.0) for why in reason.why), default=1.0)
    return heaviest * rarity + _EACH * len(reason.why)


_MOST_HITS = 8
_MOST_DOCUMENTS = 256
"""Papers whose words are kept: the same ones are asked for again for each feed and message of a day."""
_MOST_ANSWERS = 4096
"""Cached results: a paper goes to several targets of a subscriber, is edited, and its questions follow."""


def reasons_for(
    subscriber: Subscriber, paper: Paper, names: Container[str], similarity: Similarity | None = None
) -> tuple[Reason, ...]:
    """The reasons of the named subscriptions, in the subscriber's order.

    One that matches no longer (the paper was corrected) is named without its words; one that the subscriber
    no longer has is left out. A paper like another has the words that both share; they need the `similarity`.
    """
    return tuple(
        Reason(subscription=subscription.name, why=why_of(subscription, paper, similarity))
        for subscription in subscriber.subscriptions
        if subscription.name in names
    )


def why_of(subscription: Subscription, paper: Paper, similarity: Similarity | None = None) -> tuple[Why, ...]:
    """The words of the paper that make the subscription match (at most eight); empty where it does not match."""
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


@lru_cache(maxsize=_MOST_ANSWERS)
def _matched(query: Query, text: str, paper: Paper) -> tuple[Why, ...]:  # noqa: ARG001 - equal queries may be written otherwise
    """The words of the paper that the query finds; `text` is its spelling, which the terms repeat."""
    hits = match(query, _document(paper)) or ()
    return _whys(Why(term=hit.term, field=hit.field, text=hit.text) for hit in hits)


@lru_cache(maxsize=_MOST_DOCUMENTS)
def _document(paper: Paper) -> Document:
    return document_of(paper)


def _whys(whys: Iterable[Why]) -> tuple[Why, ...]:
    return tuple(islice(dict.fromkeys(whys), _MOST_HITS))
