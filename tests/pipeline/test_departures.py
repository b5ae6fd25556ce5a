"""Feed files of people who left go, and only those."""

import logging

import pytest

from bot.domain.errors import ChannelDown
from bot.pipeline.departures import forget_feeds
from tests.builders import a_channel, a_digest, a_subscriber
from tests.pipeline.conftest import MakeWorld
from tests.rigs.publishers import KeptFeeds
from tests.rigs.world import World

FEED = a_channel("atom")


def forget(made: World, writer: KeptFeeds | None = None) -> tuple[str, ...]:
    return forget_feeds(made.store.intake, made.roster.matcher, writer or made.feed_files)


async def test_the_feed_of_who_left_or_gave_it_up_goes_and_comes_back_with_them(world: MakeWorld):
    people = [a_subscriber(name, FEED) for name in ("alice", "bob", "carol")]
    made = world(*people)
    made.read("a.md", a_digest(1))
    made.feeds.write_all(made.feed_files)
    assert forget(made) == ()
    made.subscribe(people[0], a_subscriber("bob", a_channel()))
    assert forget(made) == ("bob", "carol")
    assert set(made.feed_files.feeds) == {"all", "alice"}
    made.subscribe(*people)
    made.feeds.write_all(made.feed_files)
    assert forget(made) == ()
    assert set(made.feed_files.feeds) == {"all", "alice", "bob", "carol"}


async def test_who_only_writes_their_name_otherwise_keeps_the_file_on_any_file_system(world: MakeWorld):
    made = world(a_subscriber("Alice", FEED))
    made.look()
    made.subscribe(a_subscriber("alice", FEED))
    assert forget(made) == ()


async def test_a_file_that_cannot_be_removed_is_said_and_the_others_go(
    world: MakeWorld, caplog: pytest.LogCaptureFixture
):
    class Stubborn(KeptFeeds):
        def remove(self, name: str) -> None:
            if name == "alice":
                raise ChannelDown("read-only")
            super().remove(name)

    made = world(a_subscriber("alice", FEED), a_subscriber("bob", FEED))
    made.look()
    writer = Stubborn()
    made.feeds.write_all(writer)
    made.subscribe()
    with caplog.at_level(logging.WARNING):
        assert forget(made, writer) == ("alice", "bob")
    assert set(writer.feeds) == {"all", "alice"}
    assert [record.msg for record in caplog.records] == ["feed.not_removed"]
