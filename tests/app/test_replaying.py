"""The replay must see what a broken way through the system does, and find nothing wrong with a sound one."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from bot.app.replaying import Play, prepare, replay
from bot.domain.channels import ChannelKind
from bot.domain.errors import UsageError
from bot.domain.matcher import SubscriptionMatcher
from bot.domain.message import OutgoingMessage, Receipt
from bot.pipeline.ports import Publisher

PEOPLE = 25


class Bent:
    """A publisher in front of a service; `bend` says what becomes of each message."""

    def __init__(self, inner: Publisher, bend: Callable[[Publisher, OutgoingMessage], object]) -> None:
        self.kind: ChannelKind = inner.kind
        self.capabilities = inner.capabilities
        self._inner = inner
        self._bend = bend

    async def send(self, parcel: OutgoingMessage) -> Receipt:
        return await self._bend(self._inner, parcel)

    async def close(self) -> None:
        await self._inner.close()


@pytest.fixture(scope="module")
def play(seeds: Path) -> Play:
    return prepare([seeds], subscribers=PEOPLE, faults=False)


def test_a_sound_way_loses_nothing_and_repeats_nothing(play: Play) -> None:
    card = replay(play)
    assert card.faultless, card.worst
    assert (card.digests, card.papers, card.subscribers) == (5, 82, PEOPLE)
    assert card.arrived + card.limited == card.expected > PEOPLE
    assert card.late == card.floods == 0


def test_the_same_play_ends_the_same(seeds: Path, play: Play) -> None:
    assert prepare([seeds], subscribers=PEOPLE, faults=False).people == play.people
    assert replay(play) == replay(play)


def test_with_faults_everything_arrives_once_in_the_end(seeds: Path) -> None:
    card = replay(prepare([seeds], subscribers=PEOPLE, faults=True))
    assert card.faultless, card.worst
    assert card.refused > 0


def test_a_message_that_is_forgotten_is_lost(play: Play) -> None:
    turn = count(1)

    async def forget(inner: Publisher, parcel: OutgoingMessage) -> Receipt:
        if next(turn) == 7:
            return Receipt(message="thrown away")
        return await inner.send(parcel)

    card = replay(play, wrap=lambda inner: Bent(inner, forget))
    assert card.lost > 0
    assert not card.faultless


def test_a_message_that_goes_out_twice_is_repeated(play: Play) -> None:
    card = replay(play, wrap=lambda inner: Bent(inner, _always_twice))
    assert card.repeated > 0
    assert not card.faultless


async def _always_twice(inner: Publisher, parcel: OutgoingMessage) -> Receipt:
    await inner.send(parcel)
    return await inner.send(parcel) if inner.kind == "email" else Receipt(message="1", poll="p")


def test_a_match_that_the_index_misses_is_lost(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = SubscriptionMatcher.matches

    def without_one(self: SubscriptionMatcher, papers: object) -> object:
        found = whole(self, papers)
        return dict(list(found.items())[1:])

    monkeypatch.setattr(SubscriptionMatcher, "matches", without_one)
    assert replay(play).lost > 0


def test_a_folder_without_digests_is_a_mistake_of_who_asked(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no dated digest"):
        prepare([tmp_path], subscribers=1, faults=False)
