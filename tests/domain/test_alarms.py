import datetime as dt

from bot.domain.alarms import Incident, news
from bot.domain.analysis.checks import Finding, SourceDay, source_findings
from tests.builders import NOW

LATER = NOW + dt.timedelta(hours=1)


def a_finding(kind: str = "silent", source: str = "tables", *, urgent: bool = True) -> Finding:
    return Finding(
        area="sources", kind=kind, subject=source, what=f"{source} are {kind}", urgent=urgent, figures={}
    )


def an_incident(kind: str = "silent", source: str = "tables") -> Incident:
    return Incident(source=source, kind=kind, what=f"{source} are {kind}", since=NOW)


def test_what_is_wrong_for_the_first_time_is_news() -> None:
    found = news([a_finding()], (), NOW)
    assert found.opened == found.open == (an_incident(),)
    assert found


def test_what_goes_on_is_no_news_and_keeps_its_beginning() -> None:
    found = news([a_finding()], (an_incident(),), LATER)
    assert not found
    assert found.open == (an_incident(),)


def test_what_is_right_again_is_news() -> None:
    found = news([], (an_incident(),), LATER)
    assert (found.closed, found.open) == ((an_incident(),), ())


def test_two_kinds_of_trouble_are_two_incidents() -> None:
    assert len(news([a_finding("silent"), a_finding("no keys")], (), NOW).opened) == 2


def test_what_is_only_good_to_know_or_no_source_raises_no_alarm() -> None:
    other = Finding(area="subscriptions", kind="dead", subject="x", what="y", figures={})
    assert not news([a_finding(urgent=False), other], (), NOW)


def test_seven_empty_digests_in_a_row_are_one_incident() -> None:
    """As in October 2025: each of them comes, none has a paper."""
    first = dt.date(2025, 10, 1)
    days = [first + dt.timedelta(days=n) for n in range(23) if (first + dt.timedelta(days=n)).weekday() < 5]
    digests = [SourceDay(day=day, name=f"{day}.md", entries=0 if day.day >= 15 else 14) for day in days]
    before: tuple[Incident, ...] = ()
    opened = []
    for count in range(1, len(digests) + 1):
        moment = NOW + dt.timedelta(days=count)
        found = news(source_findings("tables", digests[:count], digests[count - 1].day), before, moment)
        before = found.open
        opened += found.opened
    assert [one.kind for one in opened] == ["empty"]
    assert sum(not one.entries for one in digests) == 7
