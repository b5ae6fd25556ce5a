"""Feeds as they stand: all papers, and each subscriber's own."""

import logging
from datetime import UTC, date, datetime, timedelta

import pytest

from bot.domain.errors import ChannelDown
from bot.domain.feeds import Feed
from bot.pipeline.feeds import FeedFiles, remove_orphan_feeds
from tests.builders import (
    AUTHORITY,
    NOW,
    a_channel,
    a_digest,
    a_reason,
    a_subscriber,
    a_subscription,
    an_entry,
)
from tests.pipeline.conftest import MakeWorld
from tests.rigs.publishers import KeptFeeds
from tests.rigs.world import World

DAY = date(2026, 9, 18)
READER = a_subscriber("alice", a_channel("atom"))


def started(world: MakeWorld, *subscribers, **more) -> World:
    made = world(*(subscribers or (READER,)), first_run=0, **more)
    made.look()
    return made


def words(feed: Feed) -> list[str]:
    """The words by which the newest entry's title matched."""
    return [why.text for reason in feed.entries[0].reasons for why in reason.why if why.field == "title"]


def digits(feed: Feed) -> list[str]:
    return [entry.paper.id[-1] for entry in feed.entries]


def test_the_feed_of_everything_holds_all_papers_newest_first(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(3, 1, an_entry(2, title="Cats", summary="Cats.")))
    made.read("b.md", a_digest(4, day=DAY + timedelta(days=1)))
    feed = made.feeds.everything()
    assert digits(feed) == ["4", "3", "1", "2"]
    assert (feed.id, feed.title) == (f"tag:{AUTHORITY}:feed/all", "Paperboy")
    assert (feed.self_url, feed.site_url) == (
        "https://papers.example.org/feed.atom",
        "https://papers.example.org",
    )
    assert feed.entries[0].id == f"tag:{AUTHORITY}:paper/{an_entry(4).id}"
    assert feed.entries[0].reasons == ()


def test_a_feed_is_cut_to_its_newest_entries(world: MakeWorld):
    made = started(world, entries=2)
    made.read("a.md", a_digest(3, 1, 2))
    assert digits(made.feeds.everything()) == ["3", "1"]
    assert digits(made.feeds.of_subscriber(READER)) == ["3", "1"]


def test_a_persons_feed_holds_what_was_noticed_with_the_reasons(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(1, an_entry(2, title="Cats", summary="Cats.")))
    feed = made.feeds.of_subscriber(READER)
    (entry,) = feed.entries
    assert [reason.subscription for reason in entry.reasons] == ["language models"]
    assert entry.reasons[0].why[0].text == "Language Models"
    assert (feed.id, feed.title) == (f"tag:{AUTHORITY}:feed/subscriber/alice", "Paperboy: alice")
    token = made.store.tokens.issue("feed", "alice")
    assert feed.self_url == f"https://papers.example.org/feeds/{token}.atom"


def test_an_entry_is_updated_only_when_its_paper_gained_something(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(1, 2))
    later = made.clock.advance(hours=2)
    made.read("b.md", a_digest(1, an_entry(2, summary="Another summary."), day=DAY + timedelta(days=1)))
    first, second = made.feeds.everything().entries
    assert (first.published, first.updated) == (datetime(2026, 9, 18, tzinfo=UTC), NOW)
    assert (second.published, second.updated) == (datetime(2026, 9, 18, tzinfo=UTC), later)
    assert made.feeds.everything().updated == later


def test_a_paper_is_not_published_after_we_saw_it(world: MakeWorld):
    made = started(world)
    made.read("future.md", a_digest(1, day=DAY + timedelta(days=3)))
    made.read("undated.md", a_digest(2, day=None))
    assert {entry.published for entry in made.feeds.everything().entries} == {NOW}


def test_entries_of_a_feed_that_did_not_change_are_not_made_again(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(1, 2))
    before = {entry.id: entry for entry in made.feeds.of_subscriber(READER).entries}
    made.read("b.md", a_digest(an_entry(2, summary="Another summary."), day=DAY + timedelta(days=1)))
    after = {entry.id: entry for entry in made.feeds.of_subscriber(READER).entries}
    kept, changed = (f"tag:{AUTHORITY}:paper/{an_entry(n).id}" for n in (1, 2))
    assert after[kept] is before[kept]
    assert after[changed] != before[changed]


def test_an_entry_says_why_by_the_query_as_it_is_now(world: MakeWorld):
    reader = a_subscriber("alice", a_channel("atom"), asks=(a_subscription("language models", name="mine"),))
    made = started(world, reader)
    made.read("a.md", a_digest(an_entry(1, title="Scale of Language Models")))
    assert words(made.feeds.of_subscriber(reader)) == ["Language Models"]
    reader = a_subscriber("alice", a_channel("atom"), asks=(a_subscription("scale", name="mine"),))
    made.subscribe(reader)
    assert words(made.feeds.of_subscriber(reader)) == ["Scale"]


def test_a_feed_without_entries_stays_as_it_is_from_day_to_day(world: MakeWorld):
    made = started(world)
    before = made.feeds.everything()
    made.clock.advance(days=3)
    assert before.entries == ()
    assert made.feeds.everything() == before


SITE = "https://papers.example.org"


def test_the_archive_has_a_document_a_month_each_with_the_way_to_the_one_before(world: MakeWorld):
    made = started(world)
    assert (made.feeds.months(), made.feeds.everything().previous) == ((), None)
    assert not made.feeds.is_closed(date(2026, 9, 1), NOW)
    made.read("old.md", a_digest(1, 2, day=date(2026, 7, 30)))
    made.read("less-old.md", a_digest(3, day=date(2026, 8, 3)))
    made.read("new.md", a_digest(4))
    assert made.feeds.months() == (date(2026, 7, 1), date(2026, 8, 1), date(2026, 9, 1))
    assert made.feeds.everything().previous == f"{SITE}/archive/2026-08.atom"
    august = made.feeds.month(date(2026, 8, 1))
    assert august is not None
    assert (august.self_url, august.current, august.previous) == (
        f"{SITE}/archive/2026-08.atom",
        f"{SITE}/feed.atom",
        f"{SITE}/archive/2026-07.atom",
    )
    assert (august.id, digits(august)) == (f"tag:{AUTHORITY}:feed/archive/2026-08", ["3"])
    july = made.feeds.month(date(2026, 7, 1))
    assert july is not None
    assert (july.previous, digits(july)) == (None, ["2", "1"])
    assert made.feeds.month(date(2026, 6, 1)) is None
    assert not made.feeds.is_closed(date(2026, 7, 1), NOW)
    assert made.feeds.is_closed(date(2026, 7, 1), NOW + timedelta(days=8))


def test_what_comes_later_of_a_closed_month_stands_in_the_month_it_came(world: MakeWorld):
    made = started(world)
    made.read("old.md", a_digest(1, day=date(2026, 7, 30)))
    before = made.feeds.month(date(2026, 7, 1))
    made.clock.advance(days=30)
    made.read("late.md", a_digest(2, day=date(2026, 7, 31)))
    assert made.feeds.month(date(2026, 7, 1)) == before
    october = made.feeds.month(date(2026, 10, 1))
    assert october is not None
    assert digits(october) == ["2"]


def test_a_querys_feed_has_a_name_of_its_own_and_says_why(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(1))
    stored = made.store.papers.newest(1)[0]
    feed = made.feeds.of_query("cats", [(stored, (a_reason("cats"),))], "/feed.atom?q=cats")
    assert (feed.title, feed.self_url) == ("Paperboy: cats", f"{SITE}/feed.atom?q=cats")
    assert feed.id != made.feeds.of_query("dogs", [], "/feed.atom?q=dogs").id
    assert [reason.subscription for reason in feed.entries[0].reasons] == ["cats"]
    assert made.feeds.entries == 100


def test_a_token_opens_the_feed_of_whoever_still_has_one(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(1))
    token = made.store.tokens.issue("feed", "alice")
    feed = made.feeds.of_token(token)
    assert feed is not None
    assert digits(feed) == ["1"]
    assert made.feeds.of_token("x" * 22) is None
    made.subscribe(a_subscriber("alice"))
    assert made.feeds.of_token(token) is None
    made.subscribe()
    assert made.feeds.of_token(token) is None


def test_every_feed_file_is_written_and_the_changed_ones_are_counted(world: MakeWorld):
    made = started(world, READER, a_subscriber("bob"), a_subscriber("carol", a_channel("atom", "carol")))
    assert made.feeds.write_all(made.feed_files) == 3
    assert set(made.feed_files.feeds) == {"all", "alice", "carol"}
    assert made.feeds.write_all(made.feed_files) == 0
    made.subscribe(READER, a_subscriber("carol", a_channel("atom", "carol"), asks=("cats",)))
    made.read("a.md", a_digest(1))
    assert made.feeds.write_all(made.feed_files) == 2


def test_one_feed_file_is_written_for_whoever_has_one(world: MakeWorld):
    made = started(world, READER, a_subscriber("bob"))
    assert made.feeds.write_for(made.feed_files, "alice")
    assert not made.feeds.write_for(made.feed_files, "bob")
    assert not made.feeds.write_for(made.feed_files, "nobody")
    assert made.feed_files.writes == ["alice"]


def test_the_edition_moves_with_the_papers_and_with_what_people_ask_for(world: MakeWorld):
    made = started(world)
    versions = [made.feeds.version()]
    made.read("a.md", a_digest(1))
    versions.append(made.feeds.version())
    made.subscribe(a_subscriber("alice", a_channel("atom"), asks=("scale",)))
    versions.append(made.feeds.version())
    assert len(set(versions)) == 3
    again = world(a_subscriber("alice", a_channel("atom"), asks=("scale",)))
    assert again.feeds.version() == versions[-1]


FEED = a_channel("atom")


def forget(made: World, writer: KeptFeeds | None = None) -> tuple[str, ...]:
    return remove_orphan_feeds(made.store.digests, made.registry.matcher, writer or made.feed_files)


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


def test_feed_files_that_cannot_be_written_are_an_incident_and_tried_again_less_and_less(world: MakeWorld):
    made = started(world, READER)
    files = FeedFiles(made.feeds, made.feed_files, made.incidents)
    made.feed_files.failures.extend([ChannelDown("No space left on device")] * 4)
    assert files.write(NOW) == 0
    assert files.error == "No space left on device"
    (incident,) = made.store.incidents.open_incidents()
    assert (incident.subject, incident.kind, incident.what) == ("atom", "stopped", "No space left on device")
    moments, now = [], NOW
    while (again := files.retry(now)) is not None:
        if again != now:
            moments.append(again)
        assert files.retry(again - timedelta(seconds=1)) == again
        now = again
    assert [moment - NOW for moment in moments] == [timedelta(seconds=seconds) for seconds in (5, 10, 20, 40)]
    assert made.store.incidents.open_incidents() == ()
    assert set(made.feed_files.feeds) == {"all", "alice"}
    assert files.error is None


def test_feed_files_that_are_written_after_a_restart_end_the_incident(world: MakeWorld):
    made = started(world, READER)
    made.feed_files.failures.append(ChannelDown("read-only"))
    FeedFiles(made.feeds, made.feed_files, made.incidents).write(NOW)
    assert FeedFiles(made.feeds, made.feed_files, made.incidents).write(NOW) == 2
    assert made.store.incidents.open_incidents() == ()
