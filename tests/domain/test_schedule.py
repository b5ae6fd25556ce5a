"""When a delivery may go out, in every kind of time zone and in the nights in which clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.domain.schedule import (
    WEEKDAYS,
    At,
    Hourly,
    Immediately,
    QuietHours,
    Schedule,
    local_day,
    parse_quiet_hours,
    parse_said_schedule,
    parse_schedule,
    parse_span,
    parse_time,
    parse_zone,
    release_time,
    schedule_in_words,
    schedule_text,
)
from bot.domain.translations import LANGUAGES

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # half an hour of summer time
    "Africa/Casablanca",  # clocks go back for Ramadan
    "Pacific/Apia",  # had no 30 December 2011
    "Asia/Kathmandu",  # 5:45 ahead
    "America/Sao_Paulo",  # changed at midnight
    "America/Nuuk",  # the last hour of a Saturday is skipped
    "Asia/Pyongyang",  # half an hour skipped before midnight
    "America/St_Johns",  # changed at a minute after midnight
    "Antarctica/Troll",  # two hours of summer time
    "Antarctica/Casey",  # three hours either way
    "Pacific/Kiritimati",
]
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

zones = st.sampled_from(ZONES).map(ZoneInfo)
times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 59]))
quiets = st.none() | st.tuples(times, times).filter(lambda span: span[0] != span[1]).map(
    lambda span: QuietHours(start=span[0], end=span[1])
)
schedules = st.one_of(
    st.just(Immediately()),
    st.just(Hourly()),
    st.builds(At, days=st.frozensets(st.integers(0, 6), min_size=1), at=times),
)


def changes(zone: ZoneInfo) -> list[datetime]:
    """Moments near which the zone's clock changed, to the hour, 1995 to 2030."""
    moments = []
    moment = datetime(1995, 1, 1, tzinfo=UTC)
    while moment.year < 2030:
        if moment.astimezone(zone).utcoffset() != (moment + 7 * DAY).astimezone(zone).utcoffset():
            hours = (moment + HOUR * hour for hour in range(7 * 24))
            moments.append(
                next(
                    h
                    for h in hours
                    if h.astimezone(zone).utcoffset() != (h + HOUR).astimezone(zone).utcoffset()
                )
            )
        moment += 7 * DAY
    return moments


CHANGES = {zone: changes(ZoneInfo(zone)) for zone in ZONES}


@st.composite
def moments(draw, zone: ZoneInfo) -> datetime:
    """Any moment, or one within two days of a change of the clock."""
    known = CHANGES[zone.key]
    if known and draw(st.booleans()):
        return draw(st.sampled_from(known)) + draw(st.timedeltas(-2 * DAY, 2 * DAY))
    return draw(st.datetimes(datetime(1995, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001


@st.composite
def situations(draw) -> tuple[datetime, ZoneInfo]:
    zone = draw(zones)
    return draw(moments(zone)), zone


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def released(now: str, schedule: str = "immediately", quiet: str = "", zone: str = "Europe/Berlin") -> str:
    """The release in local time with its offset."""
    moment = release_time(
        utc(now),
        schedule=parse_schedule(schedule),
        quiet=parse_quiet_hours(quiet) if quiet else None,
        zone=ZoneInfo(zone),
    )
    return moment.astimezone(ZoneInfo(zone)).isoformat()


def within(moment: datetime, quiet: QuietHours, zone: ZoneInfo) -> bool:
    """What a person who looks at a clock on the wall says."""
    shown = moment.astimezone(zone).time()
    if quiet.start < quiet.end:
        return quiet.start <= shown < quiet.end
    return shown >= quiet.start or shown < quiet.end


# --- properties --------------------------------------------------------------------------------------


@given(situations(), schedules, quiets)
def test_a_release_is_never_before_now_nor_in_quiet_hours(situation, schedule, quiet):
    now, zone = situation
    moment = release_time(now, schedule=schedule, quiet=quiet, zone=zone)
    assert moment >= now
    assert moment.tzinfo is UTC
    assert quiet is None or not within(moment, quiet, zone)


@given(situations(), schedules, quiets)
def test_a_release_asked_for_again_at_its_moment_is_the_same(situation, schedule, quiet):
    now, zone = situation
    moment = release_time(now, schedule=schedule, quiet=quiet, zone=zone)
    assert release_time(moment, schedule=schedule, quiet=quiet, zone=zone) == moment


@given(situations(), schedules, quiets, st.timedeltas(timedelta(0), 3 * DAY))
def test_what_comes_later_is_never_released_sooner(situation, schedule, quiet, later):
    now, zone = situation
    first, second = (
        release_time(moment, schedule=schedule, quiet=quiet, zone=zone) for moment in (now, now + later)
    )
    assert first <= second
    assert second == first or second >= now + later > first


@given(situations(), quiets)
def test_outside_quiet_hours_what_is_immediate_goes_now(situation, quiet):
    now, zone = situation
    moment = release_time(now, schedule=Immediately(), quiet=quiet, zone=zone)
    assume(quiet is None or not within(now, quiet, zone))
    # The hour that comes twice may lie between the two ends of the quiet hours.
    doubled = {now + step for step in (-3 * HOUR, -HOUR, -HOUR / 2, HOUR / 2, HOUR, 3 * HOUR)}
    if quiet is None or not any(within(other, quiet, zone) for other in doubled):
        assert moment == now


@given(situations(), times)
def test_a_daily_digest_comes_exactly_once_on_each_day_of_the_calendar(situation, at):
    now, zone = situation
    digests, moment, until = [], now, now + 6 * DAY
    while moment < until:
        moment = release_time(moment, schedule=At(days=frozenset(range(7)), at=at), quiet=None, zone=zone)
        digests.append(moment)
        moment += timedelta(microseconds=1)
    calendar = [now.astimezone(zone).date() + DAY * day for day in range(-1, 9)]
    firsts = [datetime.combine(day, at, tzinfo=zone).astimezone(UTC) for day in calendar]
    exist = {
        first for first, day in zip(firsts, calendar, strict=True) if day_and_time(first, zone) == (day, at)
    }
    assert exist & {first for first in firsts if now <= first < until} <= set(digests)
    for digest in set(digests) - exist:  # its time is skipped that day: the end of the gap stands for it
        assert digest.astimezone(zone).utcoffset() > (digest - MINUTE).astimezone(zone).utcoffset()


def day_and_time(moment: datetime, zone: ZoneInfo) -> tuple[date, time]:
    shown = moment.astimezone(zone)
    return shown.date(), shown.time()


@given(situations())
def test_hourly_releases_are_full_hours_of_the_wall_clock_or_the_end_of_a_gap(situation):
    now, zone = situation
    moment = release_time(now, schedule=Hourly(), quiet=None, zone=zone)
    shown = moment.astimezone(zone)
    before = (moment - timedelta(microseconds=1)).astimezone(zone)
    assert shown.minute == shown.second == shown.microsecond == 0 or shown.utcoffset() > before.utcoffset()


@given(situations())
def test_no_full_hour_is_left_out(situation):
    now, zone = situation
    moment = release_time(now, schedule=Hourly(), quiet=None, zone=zone)
    assert moment - now <= HOUR * 1.5
    step = now.replace(second=0, microsecond=0) + MINUTE
    while step < moment:
        assert step.astimezone(zone).minute != 0
        step += MINUTE


# --- examples ------------------------------------------------------------------------------------------


def test_an_ordinary_digest_waits_for_its_time():
    assert released("2026-11-20T09:00+01:00", "daily at 08:00") == "2026-11-21T08:00:00+01:00"
    assert released("2026-11-20T07:59+01:00", "daily at 08:00") == "2026-11-20T08:00:00+01:00"


def test_the_very_moment_counts():
    assert released("2026-11-20T08:00+01:00", "daily at 08:00") == "2026-11-20T08:00:00+01:00"


def test_a_digest_on_weekdays_leaves_the_weekend_out():
    assert released("2026-11-20T09:00+01:00", "weekdays at 08:00") == "2026-11-23T08:00:00+01:00"


@pytest.mark.parametrize("now", ["2026-11-23T08:00:01+01:00", "2026-11-30T07:00+01:00"])
def test_a_weekly_digest_waits_for_its_day(now):
    assert released(now, "mondays at 08:00") == "2026-11-30T08:00:00+01:00"


def test_quiet_hours_hold_over_midnight():
    for now in ("2026-11-20T22:00+01:00", "2026-11-20T23:59+01:00", "2026-11-21T06:59+01:00"):
        assert released(now, quiet="22:00-07:00") == "2026-11-21T07:00:00+01:00"
    for now in ("2026-11-20T21:59:00+01:00", "2026-11-21T07:00:00+01:00"):
        assert released(now, quiet="22:00-07:00") == now


def test_quiet_hours_hold_within_a_day():
    assert released("2026-11-20T12:30+01:00", quiet="12:00-13:00") == "2026-11-20T13:00:00+01:00"
    assert released("2026-11-20T13:00+01:00", quiet="12:00-13:00") == "2026-11-20T13:00:00+01:00"


def test_a_digest_inside_quiet_hours_takes_along_what_came_while_it_waited():
    for now in ("2026-11-20T05:00+01:00", "2026-11-20T06:30+01:00", "2026-11-20T07:00+01:00"):
        assert released(now, "daily at 06:00", "22:00-07:00") == "2026-11-20T07:00:00+01:00"
    assert released("2026-11-20T07:01+01:00", "daily at 06:00", "22:00-07:00") == "2026-11-21T07:00:00+01:00"


def test_hourly_waits_for_the_end_of_quiet_hours_and_not_for_the_hour_after():
    assert released("2026-11-20T23:10+01:00", "hourly", "22:00-07:30") == "2026-11-21T07:30:00+01:00"
    assert released("2026-11-21T07:10+01:00", "hourly", "22:00-07:30") == "2026-11-21T07:30:00+01:00"
    assert released("2026-11-21T07:31+01:00", "hourly", "22:00-07:30") == "2026-11-21T08:00:00+01:00"


def test_a_digest_time_that_is_skipped_in_spring_comes_at_the_end_of_the_gap():
    assert released("2026-03-28T12:00+01:00", "daily at 02:30") == "2026-03-29T03:00:00+02:00"
    assert released("2026-03-29T03:00:01+02:00", "daily at 02:30") == "2026-03-30T02:30:00+02:00"


def test_a_digest_time_that_comes_twice_in_autumn_is_the_first():
    assert released("2026-10-24T12:00+02:00", "daily at 02:30") == "2026-10-25T02:30:00+02:00"
    assert released("2026-10-25T02:30:01+02:00", "daily at 02:30") == "2026-10-26T02:30:00+01:00"


def test_quiet_hours_that_lie_in_the_gap_hold_nothing():
    assert released("2026-03-29T01:59:59+01:00", quiet="02:00-03:00") == "2026-03-29T01:59:59+01:00"
    assert released("2026-03-29T03:00:00+02:00", quiet="02:00-03:00") == "2026-03-29T03:00:00+02:00"


def test_quiet_hours_that_end_in_the_gap_end_with_it():
    assert released("2026-03-29T01:30+01:00", quiet="22:00-02:30") == "2026-03-29T03:00:00+02:00"


def test_quiet_hours_that_begin_in_the_gap_begin_at_its_end():
    assert released("2026-03-29T01:59+01:00", quiet="02:30-07:00") == "2026-03-29T01:59:00+01:00"
    assert released("2026-03-29T03:00+02:00", quiet="02:30-07:00") == "2026-03-29T07:00:00+02:00"


def test_quiet_hours_that_end_in_the_double_hour_end_at_its_second_time():
    assert released("2026-10-25T02:29+02:00", quiet="22:00-02:30") == "2026-10-25T02:30:00+01:00"
    assert released("2026-10-25T02:10+01:00", quiet="22:00-02:30") == "2026-10-25T02:30:00+01:00"


def test_quiet_hours_that_begin_in_the_double_hour_begin_at_its_first_time():
    assert released("2026-10-25T02:29+02:00", quiet="02:30-07:00") == "2026-10-25T02:29:00+02:00"
    assert released("2026-10-25T02:31+02:00", quiet="02:30-07:00") == "2026-10-25T07:00:00+01:00"


def test_both_nights_keep_their_quiet_hours_whole():
    assert released("2026-03-28T23:00+01:00", quiet="22:00-07:00") == "2026-03-29T07:00:00+02:00"
    assert released("2026-10-24T23:00+02:00", quiet="22:00-07:00") == "2026-10-25T07:00:00+01:00"


def test_new_york_changes_at_two_as_well():
    zone = "America/New_York"
    assert released("2026-03-08T01:00-05:00", "daily at 02:30", zone=zone) == "2026-03-08T03:00:00-04:00"
    assert released("2026-11-01T00:00-04:00", "daily at 01:30", zone=zone) == "2026-11-01T01:30:00-04:00"


def test_lord_howe_moves_by_half_an_hour():
    zone = "Australia/Lord_Howe"
    assert released("2026-10-04T01:00+10:30", "daily at 02:15", zone=zone) == "2026-10-04T02:30:00+11:00"
    assert released("2026-10-04T01:10+10:30", "hourly", zone=zone) == "2026-10-04T02:30:00+11:00"
    assert released("2026-04-05T01:10+11:00", "hourly", zone=zone) == "2026-04-05T02:00:00+10:30"


def test_kathmandu_has_its_full_hours_at_a_quarter():
    now = "2026-11-20T12:01+05:45"
    assert released(now, "hourly", zone="Asia/Kathmandu") == "2026-11-20T13:00:00+05:45"
    assert utc("2026-11-20T13:00+05:45").minute == 15


def test_sao_paulo_once_skipped_midnight():
    zone = "America/Sao_Paulo"
    assert released("2018-11-03T12:00-03:00", "daily at 00:00", zone=zone) == "2018-11-04T01:00:00-02:00"
    assert released("2018-11-03T23:00-03:00", quiet="22:00-00:30", zone=zone) == "2018-11-04T01:00:00-02:00"


def test_nuuk_skips_the_last_hour_of_a_saturday():
    zone = "America/Nuuk"
    assert released("2026-03-28T12:00-02:00", "saturdays at 23:30", zone=zone) == "2026-03-29T00:00:00-01:00"


def test_a_day_that_never_was_is_not_missed():
    zone = "Pacific/Apia"
    assert released("2011-12-29T12:00-10:00", "fridays at 08:00", zone=zone) == "2011-12-31T00:00:00+14:00"
    assert released("2011-12-29T12:00-10:00", "saturdays at 08:00", zone=zone) == "2011-12-31T08:00:00+14:00"


def test_the_nights_around_a_day_that_never_was_are_one():
    assert (
        released("2011-12-29T23:00-10:00", quiet="22:00-07:00", zone="Pacific/Apia")
        == "2011-12-31T07:00:00+14:00"
    )


def test_casablanca_goes_back_for_ramadan():
    zone = "Africa/Casablanca"
    assert released("2026-02-15T01:00+01:00", "daily at 02:30", zone=zone) == "2026-02-15T02:30:00+01:00"
    assert released("2026-02-15T02:31+01:00", quiet="22:00-02:45", zone=zone) == "2026-02-15T02:45:00+00:00"


def test_a_day_is_the_persons_own():
    assert local_day(utc("2026-11-20T23:30+00:00"), BERLIN) == "2026-11-21"
    assert local_day(utc("2026-11-20T23:30+00:00"), ZoneInfo("America/New_York")) == "2026-11-20"


# --- what people write ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("immediately", Immediately()),
        ("Hourly", Hourly()),
        ("daily at 8:05", At(days=frozenset(range(7)), at=time(8, 5))),
        ("  weekdays   at 08:00 ", At(days=frozenset(range(5)), at=time(8))),
        ("Sundays at 23:59", At(days=frozenset({6}), at=time(23, 59))),
    ],
)
def test_delivery_times_are_read(text, schedule):
    assert parse_schedule(text) == schedule


@pytest.mark.parametrize(
    "text", ["", "daily", "daily at 8", "monday at 08:00", "daily at 24:00", "at 08:00", "daily at 08:60"]
)
def test_other_delivery_times_are_refused_with_what_is_possible(text):
    with pytest.raises(ValueError, match=r"no delivery time; use immediately|not a time of day like 08:00"):
        parse_schedule(text)


@pytest.mark.parametrize(
    "text",
    ["immediately", "hourly", "daily at 08:05", "weekdays at 00:00", "mondays at 23:59", "sundays at 08:00"],
)
def test_a_schedule_is_written_as_it_is_read(text):
    assert schedule_text(parse_schedule(text)) == text


@pytest.mark.parametrize("days", [frozenset(), frozenset({7}), frozenset({-1, 0})])
def test_a_digest_without_a_day_of_the_week_cannot_be_made(days):
    with pytest.raises(ValueError, match="no days of the week"):
        At(days=days, at=time(8))


@pytest.mark.parametrize("text", ["8", "08:0", "24:00", "08:60", "008:00", "-1:00", "08:00:00", "٠٨:٠٠", ""])
def test_what_is_no_time_of_day_is_refused(text):
    with pytest.raises(ValueError, match="is not a time of day like 08:00"):
        parse_time(text)


@pytest.mark.parametrize(
    "text", ["22:00-07:00", " 22:00 - 7:00", "22:00–07:00", "22:00—07:00", "22:00 to 7:00", "22：00至07：00"]
)
def test_quiet_hours_are_read(text):
    assert parse_quiet_hours(text) == QuietHours(start=time(22), end=time(7))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("22:00", "no span of quiet hours"),
        ("22:00-25:00", "not a time of day"),
        ("07:00-7:00", "whole day or nothing"),
    ],
)
def test_other_quiet_hours_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_quiet_hours(text)


def test_a_zone_is_known_by_its_name():
    assert parse_zone("Europe/Berlin") is BERLIN


@pytest.mark.parametrize(
    "name", ["Europe/Berlinn", "", "Europe", "../etc/passwd", "/etc/localtime", "a\0b", "CEST "]
)
def test_what_is_no_zone_is_refused(name):
    with pytest.raises(ValueError, match="no IANA time zone"):
        parse_zone(name)


def test_schedules_that_differ_are_not_mixed_up():
    """Releases are remembered by everything they depend on."""
    now = utc("2026-11-20T12:00+00:00")
    schedule: Schedule = At(days=frozenset(range(7)), at=time(8))
    berlin, utc_zone = (
        release_time(now, schedule=schedule, quiet=None, zone=zone) for zone in (BERLIN, ZoneInfo("UTC"))
    )
    assert utc_zone - berlin == HOUR


@pytest.mark.parametrize(
    ("written", "span"),
    [
        ("30m", timedelta(minutes=30)),
        ("5 min", timedelta(minutes=5)),
        (" 6H ", timedelta(hours=6)),
        ("3 days", timedelta(days=3)),
        ("1 week", timedelta(weeks=1)),
        ("0d", timedelta(0)),
        ("9999w", timedelta(weeks=9999)),
    ],
)
def test_a_span_is_a_number_and_a_unit_as_a_letter_or_a_word(written: str, span: timedelta) -> None:
    assert parse_span(written) == span


@pytest.mark.parametrize("written", ["", "6", "h", "3 months", "3 hou", "-1d", "1.5h", "99999w", "\u0663d"])
def test_any_other_text_is_no_span(written: str) -> None:
    assert parse_span(written) is None


SCHEDULES = tuple(
    map(parse_schedule, ("immediately", "hourly", "daily at 07:05", "weekdays at 18:00"))
) + tuple(parse_schedule(f"{day} at 09:30") for day in WEEKDAYS)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("schedule", SCHEDULES, ids=schedule_text)
def test_what_people_are_shown_and_what_stands_in_the_file_may_be_typed(
    schedule: Schedule, language: str
) -> None:
    assert parse_said_schedule(schedule_in_words(schedule, language)) == schedule
    assert parse_said_schedule(schedule_text(schedule).upper()) == schedule


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("8:00", "daily at 08:00"),
        ("at 8:00", "daily at 08:00"),
        (" Every  day 8:00", "daily at 08:00"),
        ("weekdays 8:00", "weekdays at 08:00"),
        ("On Mondays at 8:00", "mondays at 08:00"),
        ("every hour", "hourly"),
        ("马上", "immediately"),
        ("每小时", "hourly"),
        ("每日8：00", "daily at 08:00"),
        ("周一 8:00", "mondays at 08:00"),
        ("每周天 8:00", "sundays at 08:00"),
        ("礼拜六 8:00", "saturdays at 08:00"),
    ],
)
def test_times_may_be_said_in_other_ways(said: str, meant: str) -> None:
    assert schedule_text(parse_said_schedule(said)) == meant


@pytest.mark.parametrize("said", ["", "  ", "sometimes", "on", "8", "25:00", "每周八 8:00", "every day"])
def test_what_is_no_time_is_said(said: str) -> None:
    with pytest.raises(ValueError, match=r"no delivery time|not a time of day"):
        parse_said_schedule(said)
