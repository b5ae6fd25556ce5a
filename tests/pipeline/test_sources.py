"""Sources are asked when they are due, each alone."""

import asyncio
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.errors import SourceUnreachable, StateLocked
from bot.domain.sources import Source, SourceState
from bot.pipeline.sources import CONCURRENCY, Fetch, Fetcher, FetchResult
from tests.rigs.clock import VirtualClock

NOW = datetime(2031, 5, 5, 12, tzinfo=UTC)


class Memory:
    """States of sources in memory."""

    def __init__(self) -> None:
        self.states: dict[str, SourceState] = {}

    def source_states(self) -> Mapping[str, SourceState]:
        return dict(self.states)

    def save_source_state(self, state: SourceState) -> None:
        self.states[state.name] = state


def source(name: str, kind: str = "url") -> Source:
    return Source(name=name, kind=kind, address=f"https://example.org/{name}")


def fetcher(
    names: str, fetch: Fetch, memory: Memory | None = None, clock: VirtualClock | None = None
) -> Fetcher:
    return Fetcher(
        [source(name) for name in names.split()],
        states=memory or Memory(),
        fetch=fetch,
        clock=clock or VirtualClock(NOW),
        rng=random.Random(1),
    )


async def unchanged(source: Source) -> bool:
    return False


async def test_a_source_that_was_never_asked_is_due_at_once_and_then_after_its_interval() -> None:
    clock = VirtualClock(NOW)
    work = fetcher("a b", unchanged, clock=clock)
    assert [result.source.name for result in await work.fetch_due()] == ["a", "b"]
    assert await work.fetch_due() == []
    due = await work.next_due()
    assert due is not None
    assert timedelta(hours=5) < due - NOW < timedelta(hours=7)
    clock.advance(timedelta(hours=7))
    assert len(await work.fetch_due()) == 2


async def test_one_that_fails_stops_no_other_and_waits_longer_each_time() -> None:
    async def fetch(source: Source) -> bool:
        if source.name == "away":
            raise SourceUnreachable("the server answered 503", retry_after=timedelta(hours=3))
        if source.name == "broken":
            raise ValueError("ours")
        return True

    memory = Memory()
    results = await fetcher("away broken fine", fetch, memory).fetch_due()
    assert [(result.changed, result.state.error) for result in results] == [
        (False, "the server answered 503"),
        (False, "ours"),
        (True, ""),
    ]
    assert memory.states["away"].next_at == NOW + timedelta(hours=3)
    assert memory.states["broken"].failures == 1
    assert memory.states["fine"].changed_at == NOW


async def test_an_error_without_a_text_is_named_by_its_class() -> None:
    async def fetch(source: Source) -> bool:
        raise MemoryError

    (result,) = await fetcher("a", fetch).fetch_due()
    assert result.state.error == "MemoryError"


async def test_a_state_that_cannot_be_written_is_raised_when_the_others_have_ended() -> None:
    class Locked(Memory):
        def save_source_state(self, state: SourceState) -> None:
            if state.name == "a":
                raise StateLocked("locked")
            super().save_source_state(state)

    memory = Locked()
    with pytest.raises(StateLocked):
        await fetcher("a b", unchanged, memory).fetch()
    assert list(memory.states) == ["b"]


async def test_each_result_is_told_as_it_comes_and_each_name_asked_once() -> None:
    told: list[FetchResult] = []
    results = await fetcher("a b c", unchanged).fetch(["b", "a", "b"], done=told.append)
    assert [result.source.name for result in results] == ["b", "a"]
    assert sorted(told, key=lambda result: result.source.name) == [results[1], results[0]]


async def test_what_cannot_be_reached_is_a_finding() -> None:
    async def away(source: Source) -> bool:
        raise SourceUnreachable("away")

    work = fetcher("a b", away)
    await work.fetch(["b"])
    assert [finding.subject for finding in work.findings()] == ["b"]


async def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(KeyError, match="b"):
        await fetcher("a", unchanged).fetch(["b"])


async def test_without_sources_nothing_is_ever_due() -> None:
    work = fetcher("", unchanged)
    assert await work.next_due() is None
    assert work.states() == {}


async def test_only_so_many_are_asked_at_a_time() -> None:
    in_flight = most = 0

    async def fetch(source: Source) -> bool:
        nonlocal in_flight, most
        in_flight += 1
        most = max(most, in_flight)
        await asyncio.sleep(0)
        in_flight -= 1
        return False

    await fetcher("a b c d e f g h i", fetch).fetch()
    assert most == CONCURRENCY
