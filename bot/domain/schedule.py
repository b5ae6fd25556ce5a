"""Schedule: when a delivery may go out, by digest times, quiet hours and time zone, over clock changes too."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.domain.translations import wording

WEEKDAYS = ("mondays", "tuesdays", "wednesdays", "thursdays", "fridays", "saturdays", "sundays")
_EVERY_DAY = frozenset(range(7))
_WORKING_DAYS = frozenset(range(5))
_TO = re.compile(r"[–—−~]|\s+to\s+|至|到")
"""Ways to write the dash of a time span."""
_SPAN = re.compile(
    r"(\d{1,4})\s*(?:(?P<minutes>m(?:in(?:ute)?s?)?)|(?P<hours>h(?:ours?)?)|(?P<days>d(?:ays?)?)|(?P<weeks>w(?:eeks?)?))",
    re.IGNORECASE | re.ASCII,
)
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_AT = re.compile(r"(\w+) at (\d{1,2}:\d{2})")
_SAID_AT = re.compile(r"(?:on )?(.*?) ?(?:\bat )?(\d{1,2}:\d{2})")
_SAID = {
    "at once": "immediately", "on the hour": "hourly", "every hour": "hourly",
    "立即": "immediately", "立即发送": "immediately", "马上": "immediately", "每小时": "hourly", "每到整点": "hourly",
    "every day": "daily", "每天": "daily", "每日": "daily", "工作日": "weekdays",
}  # fmt: skip
_CHINESE_WEEKDAY = re.compile("每?(?:星期|周|礼拜)([一二三四五六日天])")


@dataclass(frozen=True, kw_only=True, slots=True)
class Immediately:
    """Schedule: as soon as possible."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hourly:
    """Schedule: at each full hour of the wall clock."""


@dataclass(frozen=True, kw_only=True, slots=True)
class At:
    """Schedule: at one time of the wall clock on certain days of the week (Monday is 0)."""

    days: frozenset[int]
    at: time

    def __post_init__(self) -> None:
        if not self.days or not self.days <= _EVERY_DAY:
            raise ValueError(f"{set(self.days)} are no days of the week")


Schedule = Immediately | Hourly | At


@dataclass(frozen=True, kw_only=True, slots=True)
class QuietHours:
    """The part of each day in which nothing is sent; it goes over midnight where `end` is before `start`."""

    start: time
    end: time


def parse_span(text: str) -> timedelta | None:
    """The length of time in a text like `30m`, `6h`, `3 days` or `1w`; None for any other text."""
    matched = _SPAN.fullmatch(text.strip())
    return timedelta(**{matched.lastgroup: int(matched[1])}) if matched and matched.lastgroup else None


def parse_time(text: str) -> time:
    """The time of day in a text like `8:00` or `08:00`; raises ValueError with what is expected."""
    matched = _TIME.fullmatch(text.strip())
    if not matched:
        raise ValueError(f"{text!r} is not a time of day like 08:00")
    return time(int(matched[1]), int(matched[2]))


def parse_schedule(text: str) -> Schedule:
    """The schedule of a `deliver:` value; raises ValueError with the possible ones."""
    words = " ".join(text.split()).lower()
    if words == "immediately":
        return Immediately()
    if words == "hourly":
        return Hourly()
    matched = _AT.fullmatch(words)
    days = _days(matched[1]) if matched else None
    if not matched or days is None:
        raise ValueError(
            f"{text!r} is no delivery time; use immediately, hourly, daily at HH:MM, "
            "weekdays at HH:MM or mondays at HH:MM"
        )
    return At(days=days, at=parse_time(matched[2]))


def _days(word: str) -> frozenset[int] | None:
    if word in ("daily", "weekdays"):
        return _EVERY_DAY if word == "daily" else _WORKING_DAYS
    return frozenset({WEEKDAYS.index(word)}) if word in WEEKDAYS else None


def schedule_text(schedule: Schedule) -> str:
    """The schedule as it is written in the configuration."""
    if isinstance(schedule, At):
        days = {_EVERY_DAY: "daily", _WORKING_DAYS: "weekdays"}.get(schedule.days)
        return f"{days or WEEKDAYS[min(schedule.days)]} at {schedule.at:%H:%M}"
    return "hourly" if isinstance(schedule, Hourly) else "immediately"


def parse_said_schedule(text: str) -> Schedule:
    """The schedule that somebody typed: as in the configuration, as `schedule_in_words` shows it, or like `8:00` or `周一 8:00`.

    Raises ValueError as `parse_schedule`.
    """
    words = " ".join(unicodedata.normalize("NFKC", text).split()).lower()
    if matched := _SAID_AT.fullmatch(words):
        return parse_schedule(f"{_said_days(matched[1])} at {matched[2]}")
    return parse_schedule(_SAID.get(words, text))


def _said_days(words: str) -> str:
    if matched := _CHINESE_WEEKDAY.fullmatch(words):
        return WEEKDAYS["一二三四五六日".index(matched[1].replace("天", "日"))]
    return _SAID.get(words, words) or "daily"


def schedule_in_words(schedule: Schedule, language: str) -> str:
    """The schedule as people say it in that language."""
    words = wording(language)
    if isinstance(schedule, At):
        at = f"{schedule.at:%H:%M}"
        if schedule.days == _EVERY_DAY:
            return words.every_day.format(at=at)
        if schedule.days == _WORKING_DAYS:
            return words.working_days.format(at=at)
        return words.one_weekday.format(day=words.weekdays[min(schedule.days)], at=at)
    return words.hourly if isinstance(schedule, Hourly) else words.at_once


def parse_quiet_hours(text: str) -> QuietHours:
    """The quiet hours of a text like `22:00-07:00`; raises ValueError for another one, and for an empty span."""
    start, dash, end = _TO.sub("-", unicodedata.normalize("NFKC", text)).partition("-")
    if not dash:
        raise ValueError(f"{text!r} is no span of quiet hours like 22:00-07:00")
    quiet = QuietHours(start=parse_time(start), end=parse_time(end))
    if quiet.start == quiet.end:
        raise ValueError("quiet hours that start and end at the same time would be the whole day or nothing")
    return quiet


def parse_zone(name: str) -> ZoneInfo:
    """The IANA time zone of that name; raises ValueError where there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no IANA time zone like Europe/Berlin") from error


def release_time(now: datetime, *, schedule: Schedule, quiet: QuietHours | None, zone: ZoneInfo) -> datetime:
    """The first moment, not before `now` (UTC), of the schedule and outside the quiet hours.

    A digest time inside the quiet hours is moved to their end. A time that the clock skips in spring means the end of the
    gap. Of a time that comes twice in autumn the first is meant, but the second for the end of quiet hours.
    """
    return _release_time(now, schedule, quiet, zone)


def local_day(now: datetime, zone: ZoneInfo) -> str:
    """The day of the person's calendar, in ISO form, by which a daily limit counts."""
    return now.astimezone(zone).date().isoformat()


# Cached: a digest is planned for many people with the same few schedules at one moment.
@lru_cache(maxsize=1024)
def _release_time(now: datetime, schedule: Schedule, quiet: QuietHours | None, zone: ZoneInfo) -> datetime:
    moments = (_after_quiet(moment, quiet, zone) for moment in _scheduled(now, schedule, zone))
    return next(moment for moment in moments if moment >= now)


def _scheduled(now: datetime, schedule: Schedule, zone: ZoneInfo) -> Iterable[datetime]:
    """The schedule's moments in order: from past ones, which quiet hours may have moved after `now`, to future ones."""
    if isinstance(schedule, At):
        return _digest_times(now, schedule, zone)
    return _full_hours(now, zone) if isinstance(schedule, Hourly) else (now,)


def _full_hours(now: datetime, zone: ZoneInfo) -> list[datetime]:
    """The full hours of the wall clock around `now`, enough for clock changes of up to three hours."""
    hour = now.astimezone(zone).replace(minute=0, second=0, microsecond=0, tzinfo=None)
    walls = [hour + timedelta(hours=hours) for hours in range(-4, 3)]
    return sorted({_moment(wall, zone, fold=fold) for wall in walls for fold in (0, 1)})


def _digest_times(now: datetime, schedule: At, zone: ZoneInfo) -> Iterator[datetime]:
    today = now.astimezone(zone).date()
    days = (today + timedelta(days=offset) for offset in range(-2, 9))
    return (
        _moment(datetime.combine(day, schedule.at), zone) for day in days if day.weekday() in schedule.days
    )


def _moment(wall: datetime, zone: ZoneInfo, *, fold: int = 0) -> datetime:
    """A wall-clock time in UTC; of one that comes twice that of `fold`, for one that does not exist the end of the gap.

    In a gap fold=0 uses the offset before the change and fold=1 the one after (PEP 495), so the change lies between these
    two moments; bisection finds it to the second.
    """
    moment = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall:
        return moment
    early, late = (wall.replace(tzinfo=zone, fold=side).astimezone(UTC) for side in (1, 0))
    before = early.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) / 2
        if middle.astimezone(zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    return late.replace(microsecond=0)


def _after_quiet(moment: datetime, quiet: QuietHours | None, zone: ZoneInfo) -> datetime:
    """The moment, or the end of the quiet hours in which it lies.

    Where a time zone skipped a day, one night's quiet hours may end when the next one's begin.
    """
    for start, end in _quiet_spans(moment, quiet, zone) if quiet else ():
        if start <= moment < end:
            moment = end
    return moment


def _quiet_spans(moment: datetime, quiet: QuietHours, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """The quiet hours of the day before, of the day and of the day after, in order."""
    over_midnight = quiet.end < quiet.start
    local = moment.astimezone(zone).date()
    for offset in (-1, 0, 1):
        day = local + timedelta(days=offset)
        start = _moment(datetime.combine(day, quiet.start), zone)
        end = _moment(datetime.combine(day + timedelta(days=over_midnight), quiet.end), zone, fold=1)
        yield start, end
