"""The index that outlives a restart."""

import logging

import pytest

from bot.domain.errors import IndexUnusable
from bot.domain.query import parse
from bot.domain.query.index.index import Index
from bot.pipeline.subscribers import IndexCache, SubscriberRegistry
from tests.builders import a_paper, a_subscriber, a_subscription

QUERIES = [parse(text) for text in ("rag", "language models", "zebra OR scale")]


class Kept:
    """An index file in memory; `broken` refuses."""

    def __init__(self) -> None:
        self.data: bytes | None = None
        self.written = 0
        self.broken = False

    def read(self) -> bytearray | None:
        if self.broken:
            raise IndexUnusable("it cannot be read")
        return None if self.data is None else bytearray(self.data)

    def write(self, data: bytes) -> None:
        if self.broken:
            raise IndexUnusable("it cannot be written")
        self.data = data
        self.written += 1


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    """A file; three queries are worth it."""
    monkeypatch.setattr("bot.domain.matcher.INDEXED_FROM", 3)
    monkeypatch.setattr("bot.pipeline.subscribers.SAVED_FROM", 3)
    return Kept()


@pytest.fixture
def no_building(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """From when `setattr` is called on it, no index takes a query in."""
    return monkeypatch


def never(*_: object) -> int:
    raise AssertionError("the index is built")


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_a_restart_loads_what_was_saved(kept: Kept, no_building: pytest.MonkeyPatch) -> None:
    built = IndexCache(kept)(QUERIES)
    assert kept.written == 1
    no_building.setattr(Index, "add", never)
    loaded = IndexCache(kept)(QUERIES)
    assert loaded.to_bytes() == built.to_bytes() == kept.data
    assert kept.written == 1


def test_few_queries_leave_no_file(kept: Kept) -> None:
    cache = IndexCache(kept)
    cache.keep(cache(QUERIES[:2]))
    assert kept.data is None


@pytest.mark.parametrize("harm", ["torn", "damaged", "old"])
def test_a_file_that_cannot_be_trusted_is_said_and_replaced(
    kept: Kept, harm: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as before:
        if harm == "old":
            before.setattr("bot.domain.query.index.storage.VERSION", 0)
        whole = IndexCache(kept)(QUERIES).to_bytes()
    if harm == "torn":
        kept.data = whole[: len(whole) // 2]
    if harm == "damaged":
        kept.data = whole[:-40] + b"???" + whole[-37:]
    fresh = IndexCache(kept)(QUERIES)
    assert events(caplog) == ["index.unusable"]
    assert fresh.to_bytes() == kept.data
    caplog.clear()
    IndexCache(kept)(QUERIES)
    assert events(caplog) == []


def test_a_place_that_takes_no_file_costs_time_and_nothing_else(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    kept.broken = True
    with caplog.at_level(logging.WARNING):
        index = IndexCache(kept)(QUERIES)
    assert events(caplog) == ["index.unusable", "index.not_saved"]
    assert len(index) == 3
    assert not index.is_saved


def test_changed_subscriptions_change_the_index_in_place_and_are_saved_when_asked(
    kept: Kept, no_building: pytest.MonkeyPatch
) -> None:
    subscriptions = [a_subscription(text) for text in ("scale", "language models", "zebra", "horse")]
    registry = SubscriberRegistry(
        [a_subscriber(subscriptions=tuple(subscriptions[:3]))], indexes=IndexCache(kept)
    )
    registry.keep_index()
    assert kept.data is None
    assert registry.matcher.matches([a_paper()])
    index = registry.matcher.index
    registry.keep_index()
    assert kept.written == 1
    registry.replace([a_subscriber(subscriptions=tuple(subscriptions)), a_subscriber("bob", asks=("scale",))])
    assert registry.matcher.index is index
    assert set(registry.matcher.matches([a_paper()])) == {"alice", "bob"}
    registry.keep_index()
    registry.keep_index()
    assert kept.written == 2
    no_building.setattr(Index, "add", never)
    again = SubscriberRegistry(list(registry.matcher.subscribers.values()), indexes=IndexCache(kept))
    assert again.matcher.matches([a_paper()]) == registry.matcher.matches([a_paper()])


def test_a_registry_without_a_file_keeps_nothing(kept: Kept) -> None:
    registry = SubscriberRegistry([a_subscriber(asks=("scale", "zebra", "horse"))])
    registry.matcher.matches([a_paper()])
    registry.keep_index()
    assert kept.data is None
