"""Delivery reports: what follows for the address that one is about, and only for that."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.errors import ReportsUnreadable
from bot.domain.reports import SOFT_DAYS, DeliveryReport
from bot.pipeline.reports import ReportReader
from tests.builders import a_channel, a_digest, a_subscriber
from tests.pipeline.conftest import MakeWorld
from tests.rigs.world import World

ANN = "email:ann@example.org"
DAY = timedelta(days=1)


class Box:
    """A box that holds these reports, or cannot be read."""

    def __init__(self, *reports: DeliveryReport) -> None:
        self.reports: Sequence[DeliveryReport] = reports
        self.trouble: ReportsUnreadable | None = None

    def read(self, take: Callable[[DeliveryReport], object]) -> None:
        if self.trouble:
            raise self.trouble
        for report in self.reports:
            take(report)


@pytest.fixture
def made(world: MakeWorld) -> World:
    operator = a_subscriber("operator", a_channel(address="1"))
    ann = a_subscriber("ann", a_channel("email", "ann@example.org"))
    made = world(operator, ann, alarms_to=["operator"])
    made.read("a", a_digest(1))
    return made


def report(made: World, kind: str, target: str = ANN, what: str = "550 5.1.1 no such user") -> DeliveryReport:
    return DeliveryReport(kind=kind, tokens=(made.store.tokens.issue("return", target),), what=what)


def read(made: World, *reports: DeliveryReport) -> int:
    box = Box(*reports)
    return ReportReader("email", box, made.store.tokens, made.store.deliveries, made.incidents).read(
        made.clock.now()
    )


def suspended(made: World) -> dict[str, str]:
    return dict(made.store.deliveries.counts(made.clock.now()).suspended)


async def test_an_address_that_is_gone_is_suspended_and_the_operator_is_told(made: World):
    await made.send()
    assert read(made, report(made, "gone"), report(made, "gone")) == 1
    assert suspended(made) == {ANN: "no such address: 550 5.1.1 no such user"}
    await made.send()
    (alarm,) = [message.text for message in made.telegram.of("alarm")]
    assert "ann@example.org" in alarm.subject + alarm.body
    assert "5.1.1" in alarm.body


async def test_the_alarm_is_over_when_a_mail_gets_there_again(made: World):
    await made.send()
    read(made, report(made, "gone"))
    await made.send()
    made.store.deliveries.revive(ANN)
    made.read("b", a_digest(2, day=made.clock.advance(DAY).date()))
    await made.send()
    assert not made.store.incidents.open_incidents()


def test_a_forged_report_changes_nothing_and_is_logged(made: World, caplog: pytest.LogCaptureFixture):
    true = report(made, "gone")
    forged = [
        replace(true, tokens=()),
        replace(true, tokens=("a" * 26,)),
        replace(true, tokens=(made.store.tokens.issue("unsubscribe", ANN),)),
    ]
    with caplog.at_level(logging.WARNING):
        assert read(made, *forged) == 0
    assert suspended(made) == {}
    assert [record.message for record in caplog.records] == ["report.unknown_token"] * 3


def test_a_report_is_about_the_first_address_with_a_true_token(made: World):
    true = report(made, "gone")
    assert read(made, replace(true, tokens=("b" * 26, *true.tokens))) == 1


def test_an_address_that_cannot_be_reached_is_suspended_after_days(made: World):
    full = report(made, "soft", what="452 4.2.2 mailbox full")
    for _ in range(SOFT_DAYS - 1):
        assert read(made, full, full) == 0
        made.clock.advance(DAY)
    assert suspended(made) == {}
    assert read(made, full) == 1
    assert suspended(made) == {ANN: f"not reached on {SOFT_DAYS} days: 452 4.2.2 mailbox full"}
    made.store.deliveries.revive(ANN)
    assert made.store.deliveries.note_bounce(ANN, made.clock.now().date()).days == 1


def test_a_complaint_is_the_wish_of_the_person_and_alarms_nobody(made: World):
    assert read(made, report(made, "complaint")) == 1
    assert suspended(made) == {ANN: "called spam by the recipient"}
    assert not made.store.incidents.open_incidents()


async def test_a_box_that_cannot_be_read_is_an_incident_until_it_can(made: World):
    box = Box()
    box.trouble = ReportsUnreadable("imaps://mail.example.org: no answer")
    reader = ReportReader("email", box, made.store.tokens, made.store.deliveries, made.incidents)
    assert reader.read(made.clock.now()) == 0
    (incident,) = made.store.incidents.open_incidents()
    assert (incident.subject, incident.kind) == ("email", "reports unreadable")
    await made.send()
    assert made.telegram.of("alarm")[0].text.subject == "Delivery reports cannot be read"
    box.trouble = None
    reader.read(made.clock.now())
    assert not made.store.incidents.open_incidents()
