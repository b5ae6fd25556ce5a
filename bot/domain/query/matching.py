"""The choice between matching query by query and the index."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from bot.domain.query.documents import Document
from bot.domain.query.evaluation import Matcher
from bot.domain.query.language import Query

WORTH_AN_INDEX = 2_000
"""Queries from which on building the index, and importing numpy, pays within one day of papers."""


class Matching(Protocol):
    """Many queries, ready for papers."""

    def matches(self, documents: Sequence[Document]) -> Iterator[tuple[int, int]]:
        """(index of the query, index of the document) of each match, by document, then by query."""
        ...


def matching_of(queries: Sequence[Query]) -> Matching:
    """The faster way to match so many queries; both give the same."""
    if len(queries) < WORTH_AN_INDEX:
        return Matcher(queries)
    from bot.domain.query.index import Index

    return Index(queries)
