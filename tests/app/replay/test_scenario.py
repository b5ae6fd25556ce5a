"""A replay finds no fault with a sound system, and every loss and repetition of a broken one."""

from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path

import pytest

from bot.app.replay.scenario import Scenario, prepare, replay
from bot.domain.channels import ChannelKind
from bot.domain.errors import UsageError
from bot.domain.matcher import MatchResult, SubscriberMatches
from bot.domain.message import Begin, OutgoingMessage, Receipt, unrecorded
from bot.pipeline.ports import Publisher

SUBSCRIBERS = 25


class BrokenPublisher:
    """A publisher in front of a service; `send` replaces its own."""

    def __init__(self, inner: Publisher, send: Callable[[Publisher, OutgoingMessage], object]) -> None:
        self.kind: ChannelKind = inner.kind
        self.capabilities = inner.capabilities
        self._inner = inner
        self._send = send

    async def send(self, message: OutgoingMessage, begin: Begin = unrecorded, /) -> Receipt:
        await begin()
        return await self._send(self._inner, message)

    async def close(self) -> None:
        await self._inner.close()


@pytest.fixture(scope="module")
def scenario(seeds: Path) -> Scenario:
    return prepare([seeds], subscribers=SUBSCRIBERS, faults=False)


def test_a_sound_system_loses_nothing_and_repeats_nothing(scenario: Scenario) -> None:
    card = replay(scenario)
    assert card.faultless, card.worst
    assert (card.digests, card.papers, card.subscribers) == (5, 82, SUBSCRIBERS)
    assert card.arrived + card.limited == card.expected > SUBSCRIBERS
    assert card.late == card.floods == 0


def test_the_same_scenario_gives_the_same_scorecard(seeds: Path, scenario: Scenario) -> None:
    assert prepare([seeds], subscribers=SUBSCRIBERS, faults=False).subscribers == scenario.subscribers
    assert replay(scenario) == replay(scenario)


def test_with_faults_everything_arrives_once_in_the_end(seeds: Path) -> None:
    card = replay(prepare([seeds], subscribers=SUBSCRIBERS, faults=True))
    assert card.faultless, card.worst
    assert card.refused > 0


def test_a_message_that_is_forgotten_is_lost(scenario: Scenario) -> None:
    calls = count(1)

    async def forget(inner: Publisher, message: OutgoingMessage) -> Receipt:
        if next(calls) == 7:
            return Receipt(message="thrown away")
        return await inner.send(message)

    card = replay(scenario, wrap=lambda inner: BrokenPublisher(inner, forget))
    assert card.lost > 0
    assert not card.faultless


def test_a_message_that_goes_out_twice_is_repeated(scenario: Scenario) -> None:
    card = replay(scenario, wrap=lambda inner: BrokenPublisher(inner, _always_twice))
    assert card.repeated > 0
    assert not card.faultless


async def _always_twice(inner: Publisher, message: OutgoingMessage) -> Receipt:
    await inner.send(message)
    return await inner.send(message) if inner.kind == "email" else Receipt(message="1", poll="p")


def test_a_match_that_the_index_misses_is_lost(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = MatchResult.after

    def without_one(self: MatchResult, name: str) -> Iterator[SubscriberMatches]:
        return islice(whole(self, name), 1, None)

    monkeypatch.setattr(MatchResult, "after", without_one)
    assert replay(scenario).lost > 0


def test_a_folder_that_is_missing_or_has_no_digest_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no dated digest"):
        prepare([tmp_path], subscribers=1, faults=False)
    with pytest.raises(UsageError, match="nowhere is no folder"):
        prepare([tmp_path, tmp_path / "nowhere"], subscribers=1, faults=False)
