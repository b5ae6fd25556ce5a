"""Incidents: what changed, and the alarms on it, word by word."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.app.config.channels import CAPABILITIES
from bot.domain.analysis.findings import Finding, SourceDay, source_findings
from bot.domain.incidents import (
    JOB_FAILING,
    NO_POLLS,
    REFUSED,
    REPORTS,
    SECOND_POLLER,
    STOPPED,
    TASK_FAILING,
    TOPIC_GONE,
    Incident,
    IncidentDiff,
    alarms,
    compare_sources,
    report_incident,
    resolve_incidents,
    takes_alarms,
)
from bot.domain.message import WrittenDelivery
from bot.domain.schedule import parse_quiet_hours
from bot.domain.subscriptions import Subscriber
from tests.builders import NOW, a_channel, a_subscriber

LATER = NOW + timedelta(days=1)
ALICE = a_subscriber("alice", a_channel(address="1"))


def an_incident(kind: str = "silent", subject: str = "tables in seeds", **parts) -> Incident:
    given = {"what": "nothing since 2026-09-11: 4 digests have not come", "since": NOW, **parts}
    return Incident(subject=subject, kind=kind, **given)


def plan(diff: IncidentDiff, recipients: list[Subscriber], now: datetime) -> tuple[WrittenDelivery, ...]:
    return alarms(diff, recipients, CAPABILITIES, now)


def began(*incidents: Incident) -> IncidentDiff:
    return IncidentDiff(open=incidents, opened=incidents)


def ended(*incidents: Incident) -> IncidentDiff:
    return IncidentDiff(open=(), closed=incidents)


def test_the_beginning_is_told_in_plain_sentences() -> None:
    (alarm,) = plan(began(an_incident()), [ALICE], NOW)
    assert alarm.text.subject == "The source “tables in seeds” has fallen silent"
    assert alarm.text.body == (
        "Nothing since 2026-09-11: 4 digests have not come.\n\n"
        "Noticed on Friday, 18 September 2026 at 08:00 (UTC). The command “paperboy doctor” tells more. "
        "You will be told when it is over."
    )
    assert (alarm.delivery.target, alarm.delivery.due_at) == ("telegram:1", NOW)
    assert (alarm.delivery.kind, alarm.delivery.state) == ("alarm", "pending")


def test_the_end_is_told_with_when_it_was_noticed_in_the_readers_own_time() -> None:
    reader = a_subscriber("bob", a_channel(address="1"), timezone=ZoneInfo("Asia/Tokyo"))
    (alarm,) = plan(ended(an_incident()), [reader], LATER)
    assert (alarm.text.subject, alarm.text.body) == (
        "The source “tables in seeds” is heard again",
        "It had fallen silent. That was noticed on Friday, 18 September 2026 at 17:00 (Asia/Tokyo).",
    )


@pytest.mark.parametrize(
    ("kind", "begun", "over"),
    [
        ("silent", "The source “a.md” has fallen silent", "The source “a.md” is heard again"),
        ("empty", "The source “a.md” sends empty digests", "The source “a.md” sends papers again"),
        ("no authors", "The source “a.md” no longer names authors", "The source “a.md” names authors again"),
        (
            "no keys",
            "The source “a.md” no longer names the answers",
            "The source “a.md” names the answers again",
        ),
        (
            "changed form",
            "The source “a.md” may have changed its form",
            "The source “a.md” can be read again",
        ),
        ("unreadable", "The file “a.md” cannot be read", "The file “a.md” is no longer in the way"),
        ("unreachable", "The source “a.md” cannot be reached", "The source “a.md” can be reached again"),
        (
            "nothing new",
            "The source “a.md” changes and brings nothing new",
            "The source “a.md” brings new papers again",
        ),
        ("a kind to come", "The source “a.md” needs a look", "The source “a.md” is well again"),
        (
            REFUSED,
            "The target “a.md” is refused, so nothing is sent there any more",
            "The target “a.md” is accepted again",
        ),
        (
            NO_POLLS,
            "The chat “a.md” forbids polls, so no questions are sent there",
            "The chat “a.md” takes polls again",
        ),
        (REPORTS, "Delivery reports cannot be read", "Delivery reports can be read again"),
        (TASK_FAILING, "The task “a.md” fails", "The task “a.md” works again"),
        (JOB_FAILING, "The job “a.md” fails", "The job “a.md” works again"),
    ],
)
def test_every_kind_of_trouble_has_words_for_its_beginning_and_its_end(
    kind: str, begun: str, over: str
) -> None:
    (first,) = plan(began(an_incident(kind, "a.md")), [ALICE], NOW)
    (last,) = plan(ended(an_incident(kind, "a.md")), [ALICE], LATER)
    assert (first.text.subject, last.text.subject) == (begun, over)


def test_several_at_once_are_one_message_that_names_the_first_ones() -> None:
    many = [an_incident("unreadable", f"{n}.md", what="no digest?") for n in range(10)]
    (alarm,) = plan(began(*many), [ALICE], NOW)
    assert alarm.text.subject == "10 things need a look"
    first, *_, more, end = alarm.text.body.split("\n\n")
    assert first == "The file “0.md” cannot be read. No digest?"
    assert more == "And 2 more."
    assert end.startswith("Noticed on")
    (two,) = plan(ended(*many[:2]), [ALICE], LATER)
    assert two.text.subject == "2 things are well again"
    assert two.text.body.count("\n\n") == 1


def test_a_description_of_more_than_three_hundred_characters_is_cut_between_words() -> None:
    def described(what: str) -> str:
        (alarm,) = plan(began(an_incident(what=what)), [ALICE], NOW)
        return alarm.text.body.partition("\n\n")[0]

    whole = "Many words, " * 24 + "twelve more."
    assert described(whole) == whole
    assert described(f"{whole} And one.") == "Many words, " * 24 + "twelve…"


def test_each_place_is_told_once_and_feeds_never() -> None:
    shared = a_subscriber(
        "bob", a_channel(address="1"), a_channel("email", "b@example.org"), a_channel("atom")
    )
    told = plan(began(an_incident()), [ALICE, shared], NOW)
    assert [message.delivery.target for message in told] == ["telegram:1", "email:b@example.org"]
    assert len({message.delivery.key for message in told}) == 2


def test_a_stopped_channel_is_told_on_the_others() -> None:
    reader = a_subscriber("bob", a_channel(address="1"), a_channel("email", "b@example.org"))
    stopped = report_incident("email", STOPPED, "554 5.7.1 policy", (), NOW)
    (alarm,) = plan(stopped, [reader], NOW)
    assert (alarm.delivery.target, alarm.text.subject) == ("telegram:1", "No mails go out")
    over = resolve_incidents("email", stopped.open)
    (other,) = plan(over, [reader], LATER)
    assert (other.delivery.target, other.text.subject) == ("telegram:1", "Mails go out again")
    (third,) = plan(report_incident("telegram", SECOND_POLLER, "Conflict", (), NOW), [reader], NOW)
    assert (third.delivery.target, third.text.subject) == (
        "email:b@example.org",
        "A second program answers for the bot",
    )


def test_quiet_hours_hold_it_back() -> None:
    asleep = a_subscriber("bob", a_channel(address="1"), quiet_hours=parse_quiet_hours("07:00-09:30"))
    (alarm,) = plan(began(an_incident()), [asleep], NOW)
    assert alarm.delivery.due_at == NOW + timedelta(minutes=90)


def test_the_same_news_has_the_same_key_and_another_incident_another() -> None:
    def key(found: IncidentDiff, now=NOW) -> str:
        (alarm,) = plan(found, [ALICE], now)
        return alarm.delivery.key

    assert key(began(an_incident())) == key(began(an_incident(what="other words")), LATER)
    assert key(began(an_incident())) != key(ended(an_incident()))
    assert key(began(an_incident())) != key(began(an_incident(since=LATER)))


def test_who_has_only_a_feed_cannot_be_told() -> None:
    assert takes_alarms(ALICE)
    assert not takes_alarms(a_subscriber("carol", a_channel("atom")))


def test_a_channel_that_goes_on_failing_is_no_news_and_says_why_last() -> None:
    first = report_incident("email", STOPPED, "535", (an_incident(),), NOW)
    assert first.opened == first.open[1:]
    again = report_incident("email", STOPPED, "550", first.open, LATER)
    assert not again
    assert [(incident.what, incident.since) for incident in again.open[1:]] == [("550", NOW)]
    assert again.open[0] == an_incident()


def test_looks_at_sources_leave_the_channels_incidents_alone() -> None:
    open_ones = report_incident("email", STOPPED, "535", (), NOW).open
    assert compare_sources([], open_ones, LATER) == IncidentDiff(open=open_ones)
    assert not resolve_incidents("telegram", open_ones)
    assert resolve_incidents("email", open_ones).closed == open_ones


def test_a_topic_that_is_gone_is_told_where_its_messages_go() -> None:
    (alarm,) = plan(report_incident("telegram:1/7", TOPIC_GONE, "thread not found", (), NOW), [ALICE], NOW)
    assert (
        alarm.text.subject == "The topic “telegram:1/7” is not found, so its messages go to the chat itself"
    )


# --- sources ----------------------------------------------------------------------------------------------


def a_finding(kind: str = "silent", source: str = "tables", *, urgent: bool = True) -> Finding:
    return Finding(
        area="sources", kind=kind, subject=source, what=f"{source} are {kind}", urgent=urgent, figures={}
    )


def an_open_incident(kind: str = "silent", source: str = "tables") -> Incident:
    return Incident(subject=source, kind=kind, what=f"{source} are {kind}", since=NOW)


def test_what_is_wrong_for_the_first_time_is_news() -> None:
    diff = compare_sources([a_finding()], (), NOW)
    assert diff.opened == diff.open == (an_open_incident(),)
    assert diff


def test_what_goes_on_is_no_news_and_keeps_its_beginning() -> None:
    diff = compare_sources([a_finding()], (an_open_incident(),), LATER)
    assert not diff
    assert diff.open == (an_open_incident(),)


def test_what_is_right_again_is_news() -> None:
    diff = compare_sources([], (an_open_incident(),), LATER)
    assert (diff.closed, diff.open) == ((an_open_incident(),), ())


def test_two_kinds_of_trouble_are_two_incidents() -> None:
    assert len(compare_sources([a_finding("silent"), a_finding("no keys")], (), NOW).opened) == 2


def test_what_is_only_good_to_know_or_no_source_raises_no_alarm() -> None:
    other = Finding(area="subscriptions", kind="dead", subject="x", what="y", figures={})
    assert not compare_sources([a_finding(urgent=False), other], (), NOW)


def test_seven_empty_digests_in_a_row_are_one_incident() -> None:
    """As in October 2025: each of them comes, none has a paper."""
    first = date(2025, 10, 1)
    days = [first + timedelta(days=n) for n in range(23) if (first + timedelta(days=n)).weekday() < 5]
    digests = [SourceDay(day=day, name=f"{day}.md", entries=0 if day.day >= 15 else 14) for day in days]
    before: tuple[Incident, ...] = ()
    opened = []
    for count in range(1, len(digests) + 1):
        moment = NOW + timedelta(days=count)
        diff = compare_sources(
            source_findings("tables", digests[:count], digests[count - 1].day), before, moment
        )
        before = diff.open
        opened += diff.opened
    assert [incident.kind for incident in opened] == ["empty"]
    assert sum(not digest.entries for digest in digests) == 7


def test_a_channel_that_is_not_known_any_more_is_told_in_general_words() -> None:
    gone = an_incident(kind=STOPPED, subject="pigeon", area="channels", what="it flew away")
    strange = an_incident(kind="strange", subject="email", area="channels", what="it hums")
    texts = [plan(began(incident), [ALICE], NOW)[0].text for incident in (gone, strange)]
    assert [text.subject for text in texts] == [
        "The source “pigeon” needs a look",
        "The source “email” needs a look",
    ]
