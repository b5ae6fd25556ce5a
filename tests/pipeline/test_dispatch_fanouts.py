"""What was fanned out goes out like everything else."""

import pytest

from bot.domain.message import OutgoingMessage, Receipt
from tests.builders import a_channel, a_digest, a_subscriber
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.dispatching import people, started
from tests.rigs.day import as_if_many
from tests.rigs.world import World


@pytest.fixture
def seven(world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> World:
    """Seven people who are treated as many: their alerts are written out two people at a time."""
    as_if_many(monkeypatch)
    return started(world, *people(7))


def in_rows(made: World) -> int:
    return len(made.store.deliveries.list_rows(states=(), keys=(), limit=100))


async def test_a_digest_goes_to_everybody_in_one_flush(seven: World):
    taken = seven.read("a.md", a_digest(1, 2))
    assert (taken.notices, taken.deliveries, in_rows(seven)) == (14, 14, 0)
    assert await seven.dispatcher.next_due() == seven.clock.now()
    assert await seven.send() == {"sent": 7, "merged": 7}
    assert sorted(parcel.target.address for parcel in seven.telegram.taken) == list("1234567")
    assert await seven.dispatcher.next_due() is None


async def test_two_digests_that_come_together_are_one_message_to_each(seven: World):
    seven.look(seven.press.file("a.md", a_digest(1, 2)), seven.press.file("b.md", a_digest(2, 3)))
    assert await seven.send() == {"sent": 7, "merged": 14}
    assert [len(parcel.items) for parcel in seven.telegram.taken] == [3] * 7


async def test_the_first_are_told_before_the_last_are_written_out(seven: World):
    written: list[int] = []
    send = seven.telegram.send

    async def noting(parcel: OutgoingMessage) -> Receipt:
        written.append(in_rows(seven))
        return await send(parcel)

    seven.telegram.send = noting  # type: ignore[method-assign]
    seven.read("a.md", a_digest(1))
    assert await seven.send() == {"sent": 7}
    assert 2 <= written[0] < 7


async def test_who_stops_leaves_the_rest_for_the_next_start(seven: World, world: MakeWorld):
    seven.read("a.md", a_digest(1))
    seven.dispatcher.stop()
    assert await seven.send() == {}
    assert in_rows(seven) == 0
    again = world(*people(7), first_run=0)
    assert await again.send() == {"sent": 7}


async def test_who_is_new_meanwhile_gets_their_first_matches_and_nobody_anything_twice(
    seven: World, world: MakeWorld
):
    seven.read("a.md", a_digest(1))
    again = world(*people(7), a_subscriber("new", a_channel(address="99")), first_run=1)
    again.look()
    assert await again.send() == {"sent": 8}


async def test_who_left_meanwhile_gets_nothing(seven: World, world: MakeWorld):
    seven.read("a.md", a_digest(1))
    again = world(*people(5), first_run=0)
    assert (await again.send())["sent"] == 5
    assert [row.error for row in again.rows("merged")] == ["no longer subscribed"] * 2
