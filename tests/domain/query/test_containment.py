"""Queries that bring nothing that another one does not bring."""

import pytest
from hypothesis import given

from bot.domain.query import Document, Query, match, parse
from bot.domain.query.syntax import contained
from tests.domain.query.samples import documents, queries


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("graph neural", "graph"),
        ("title:graph", "graph"),
        ("graph AND robot", "graph"),
        ("graph", "graph OR robot"),
        ("graph AND robot", "robot OR cat"),
        ("graph AND robot AND NOT cat", "robot AND graph"),
        ("graph OR rag", "cat OR rag OR graph"),
        ("graph AND NOT cat", "graph AND NOT cat food"),
        ('"graphs"', "graph"),
        ('"quantization"', "quantiz*"),
    ],
)
def test_what_follows_is_seen(first: str, second: str):
    assert contained(parse(first), parse(second))
    assert not contained(parse(second), parse(first))


@given(queries(), queries(), documents())
def test_nothing_is_called_contained_that_is_not(first: Query, second: Query, document: Document):
    if contained(first, second) and match(first, document) is not None:
        assert match(second, document) is not None


def test_two_giants_are_not_compared_for_ever(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("bot.domain.query.syntax.MAX_CONTAINMENT_STEPS", 10)
    many = " OR ".join(f"word{number}" for number in range(100))
    assert not contained(parse(many), parse(f"{many} OR more"))
