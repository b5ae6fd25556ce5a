"""The query language: text to syntax tree to matches, with the words that explain each."""

from bot.domain.query.documents import Document, Part, document_of
from bot.domain.query.evaluation import Hit, QueryEvaluator, match, missing
from bot.domain.query.parser import author_query, excluding, parse
from bot.domain.query.syntax import Query, implies

__all__ = [
    "Document",
    "Hit",
    "Part",
    "Query",
    "QueryEvaluator",
    "author_query",
    "document_of",
    "excluding",
    "implies",
    "match",
    "missing",
    "parse",
]
