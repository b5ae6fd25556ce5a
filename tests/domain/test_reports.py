"""When an address that could not be reached for a while is given up."""

import datetime as dt

from bot.domain.reports import FORGOTTEN_AFTER, SOFT_DAYS, SoftBounces, with_bounce

FIRST = dt.date(2026, 9, 18)


def bounced_on(*days: int) -> SoftBounces:
    bounces = None
    for day in days:
        bounces = with_bounce(bounces, FIRST + dt.timedelta(days=day))
    assert bounces is not None
    return bounces


def test_reports_of_one_day_count_once():
    assert bounced_on(0, 0, 0) == SoftBounces(days=1, last=FIRST)


def test_a_report_that_comes_late_changes_nothing():
    assert bounced_on(0, 3, 1) == bounced_on(0, 3)


def test_an_address_is_given_up_after_enough_days():
    assert not bounced_on(*range(SOFT_DAYS - 1)).are_too_many
    assert bounced_on(*range(SOFT_DAYS)).are_too_many


def test_trouble_long_ago_is_forgotten():
    assert bounced_on(0, 1, 2, 2 + FORGOTTEN_AFTER.days).days == 4
    assert bounced_on(0, 1, 2, 3 + FORGOTTEN_AFTER.days).days == 1
