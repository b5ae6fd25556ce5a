"""Why a paper is in front of somebody, worked out from the paper as it is now."""

from collections.abc import Container, Iterable
from functools import lru_cache
from itertools import islice

from bot.domain.notices import Reason, Why
from bot.domain.papers import Paper
from bot.domain.query import Document, Query, document_of, match
from bot.domain.similarity import Likeness, written_words
from bot.domain.subscriptions import Subscriber, Subscription

_MOST_HITS = 8
_REMEMBERED = 256
"""Papers whose words are kept: the same ones are asked for again for each feed and message of a day."""
_FOUND = 4096
"""Answers that are kept: a paper goes to several places of a person, is edited, and its questions follow."""


def reasons(
    subscriber: Subscriber, paper: Paper, names: Container[str], likeness: Likeness | None = None
) -> tuple[Reason, ...]:
    """What made the named subscriptions match, in the subscriber's order.

    One that matches no longer (the paper was corrected) is named without its words; one that the subscriber
    no longer has is left out. A paper like another has the words that both share; they need the `likeness`.
    """
    return tuple(
        Reason(subscription=subscription.name, why=why_of(subscription, paper, likeness))
        for subscription in subscriber.subscriptions
        if subscription.name in names
    )


def why_of(subscription: Subscription, paper: Paper, likeness: Likeness | None = None) -> tuple[Why, ...]:
    """What in the paper makes the subscription match (at most eight things); nothing where it does not."""
    if subscription.query is not None:
        return _found(subscription.query, subscription.query.text, paper)
    document = _document(paper)
    near = likeness.nearest(subscription.like, paper.id, document) if likeness else None
    if near is None:
        return ()
    return _whys(
        Why(term=term, field=field, text=text) for term, field, text in written_words(near, document)
    )


@lru_cache(maxsize=_FOUND)
def _found(query: Query, text: str, paper: Paper) -> tuple[Why, ...]:  # noqa: ARG001 - equal queries may be written otherwise
    """What the query, written like this, finds in the paper."""
    found = match(query, _document(paper)) or ()
    return _whys(Why(term=hit.term, field=hit.field, text=hit.text) for hit in found)


@lru_cache(maxsize=_REMEMBERED)
def _document(paper: Paper) -> Document:
    return document_of(paper)


def _whys(found: Iterable[Why]) -> tuple[Why, ...]:
    return tuple(islice(dict.fromkeys(found), _MOST_HITS))
