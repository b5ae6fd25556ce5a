"""What people are told of incidents, word by word."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.domain.alarms import (
    SECOND_POLLER,
    STOPPED,
    TOPIC_GONE,
    Incident,
    News,
    channel_fails,
    channel_works,
    news,
)
from bot.domain.bulletins import bulletins, can_be_told
from bot.domain.schedule import parse_quiet_hours
from tests.builders import NOW, a_channel, a_subscriber

LATER = NOW + timedelta(days=1)
ALICE = a_subscriber("alice", a_channel(address="1"))


def an_incident(kind: str = "silent", source: str = "tables in seeds", **parts) -> Incident:
    given = {"what": "nothing since 2026-09-11: 4 digests have not come", "since": NOW, **parts}
    return Incident(source=source, kind=kind, **given)


def began(*incidents: Incident) -> News:
    return News(open=incidents, opened=incidents)


def ended(*incidents: Incident) -> News:
    return News(open=(), closed=incidents)


def test_the_beginning_is_told_in_plain_sentences() -> None:
    (one,) = bulletins(began(an_incident()), [ALICE], NOW)
    assert one.subject == "The source “tables in seeds” has fallen silent"
    assert one.text == (
        "Nothing since 2026-09-11: 4 digests have not come.\n\n"
        "Noticed on Friday, 18 September 2026 at 08:00 (UTC). The command “paperboy doctor” tells more. "
        "You will be told when it is over."
    )
    assert (one.target.key, one.due_at, one.created_at) == ("telegram:1", NOW, NOW)
    assert one.name.isalnum()


def test_the_end_is_told_with_when_it_was_noticed_in_the_readers_own_time() -> None:
    reader = a_subscriber("bob", a_channel(address="1"), timezone=ZoneInfo("Asia/Tokyo"))
    (one,) = bulletins(ended(an_incident()), [reader], LATER)
    assert (one.subject, one.text) == (
        "The source “tables in seeds” is heard again",
        "It had fallen silent. That was noticed on Friday, 18 September 2026 at 17:00 (Asia/Tokyo).",
    )


@pytest.mark.parametrize(
    "kind", ["silent", "empty", "no authors", "no keys", "changed form", "unreadable", "something new"]
)
def test_every_kind_of_trouble_has_words_for_its_beginning_and_its_end(kind: str) -> None:
    (first,) = bulletins(began(an_incident(kind, "a.md")), [ALICE], NOW)
    (last,) = bulletins(ended(an_incident(kind, "a.md")), [ALICE], LATER)
    for text in (first.subject, last.subject):
        assert text.startswith("The file “a.md” " if kind == "unreadable" else "The source “a.md” ")
        assert not text.endswith(".")
    assert first.subject != last.subject


def test_several_at_once_are_one_message_that_names_the_first_ones() -> None:
    many = [an_incident("unreadable", f"{n}.md", what="no digest?") for n in range(10)]
    (one,) = bulletins(began(*many), [ALICE], NOW)
    assert one.subject == "10 things need a look"
    first, *_, more, end = one.text.split("\n\n")
    assert first == "The file “0.md” cannot be read. No digest?"
    assert more == "And 2 more."
    assert end.startswith("Noticed on")
    (two,) = bulletins(ended(*many[:2]), [ALICE], LATER)
    assert two.subject == "2 things are well again"
    assert two.text.count("\n\n") == 1


def test_what_is_very_long_is_cut() -> None:
    (one,) = bulletins(began(an_incident(what="many words " * 100)), [ALICE], NOW)
    assert one.text.split("\n\n")[0].endswith("…")
    assert len(one.text) < 600


def test_each_place_is_told_once_and_feeds_never() -> None:
    shared = a_subscriber(
        "bob", a_channel(address="1"), a_channel("email", "b@example.org"), a_channel("atom")
    )
    told = bulletins(began(an_incident()), [ALICE, shared], NOW)
    assert [one.target.key for one in told] == ["telegram:1", "email:b@example.org"]
    assert len({one.key for one in told}) == 2


def test_a_stopped_channel_is_told_on_the_others() -> None:
    reader = a_subscriber("bob", a_channel(address="1"), a_channel("email", "b@example.org"))
    stopped = channel_fails("email", STOPPED, "554 5.7.1 policy", (), NOW)
    (one,) = bulletins(stopped, [reader], NOW)
    assert (one.target.key, one.subject) == ("telegram:1", "No mails go out")
    over = channel_works("email", stopped.open)
    (other,) = bulletins(over, [reader], LATER)
    assert (other.target.key, other.subject) == ("telegram:1", "Mails go out again")
    (third,) = bulletins(channel_fails("telegram", SECOND_POLLER, "Conflict", (), NOW), [reader], NOW)
    assert (third.target.key, third.subject) == (
        "email:b@example.org",
        "A second program answers for the bot",
    )


def test_quiet_hours_hold_it_back() -> None:
    asleep = a_subscriber("bob", a_channel(address="1"), quiet_hours=parse_quiet_hours("07:00-09:30"))
    (one,) = bulletins(began(an_incident()), [asleep], NOW)
    assert one.due_at == NOW + timedelta(minutes=90)


def test_the_same_news_has_the_same_key_and_another_incident_another() -> None:
    def key(found: News, now=NOW) -> str:
        (one,) = bulletins(found, [ALICE], now)
        return one.key

    assert key(began(an_incident())) == key(began(an_incident(what="other words")), LATER)
    assert key(began(an_incident())) != key(ended(an_incident()))
    assert key(began(an_incident())) != key(began(an_incident(since=LATER)))


def test_who_has_only_a_feed_cannot_be_told() -> None:
    assert can_be_told(ALICE)
    assert not can_be_told(a_subscriber("carol", a_channel("atom")))


def test_a_channel_that_goes_on_failing_is_no_news_and_says_why_last() -> None:
    first = channel_fails("email", STOPPED, "535", (an_incident(),), NOW)
    assert first.opened == first.open[1:]
    again = channel_fails("email", STOPPED, "550", first.open, LATER)
    assert not again
    assert [(one.what, one.since) for one in again.open[1:]] == [("550", NOW)]
    assert again.open[0] == an_incident()


def test_looks_at_sources_leave_the_channels_incidents_alone() -> None:
    open_ones = channel_fails("email", STOPPED, "535", (), NOW).open
    assert news([], open_ones, LATER) == News(open=open_ones)
    assert not channel_works("telegram", open_ones)
    assert channel_works("email", open_ones).closed == open_ones


def test_a_topic_that_is_gone_is_told_where_its_messages_go() -> None:
    (one,) = bulletins(channel_fails("telegram:1/7", TOPIC_GONE, "thread not found", (), NOW), [ALICE], NOW)
    assert one.subject == "The topic “telegram:1/7” is gone, so its messages go to the chat itself"
