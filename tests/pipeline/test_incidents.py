"""Alarms: planned with the incidents, sent like every other delivery, and never twice."""

import asyncio
import datetime as dt
import logging
from datetime import timedelta
from pathlib import Path

import pytest

from bot.adapters.store import Store
from bot.domain.channels import Limit, Limits
from bot.domain.delivery import MAX_ATTEMPTS
from bot.domain.errors import (
    ChannelDown,
    DeliveryError,
    NotSent,
    OutcomeUnknown,
    Refused,
    SourceUnreachable,
    StateLocked,
    TargetGone,
    TargetMoved,
    TryLater,
)
from bot.domain.flood_guard import NO_GUARD
from bot.domain.schedule import parse_quiet_hours
from bot.domain.sources import Source
from bot.pipeline.circuit_breaker import CHANNEL_PAUSE
from bot.pipeline.incidents import IncidentLog, SourceWatch
from bot.pipeline.ingest import Ingest
from bot.pipeline.planning_runs import RunPlanner
from bot.pipeline.send import SendRules
from bot.pipeline.subscribers import SubscriberRegistry
from tests.builders import NOW, a_channel, a_digest, a_subscriber
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.dispatching import MINUTE, NO_GRACE, another_process, until
from tests.pipeline.test_sources import Memory, fetcher, unchanged
from tests.rigs.clock import VirtualClock
from tests.rigs.files import Press
from tests.rigs.publishers import FakePublisher
from tests.rigs.world import World

FIRST = dt.date(2026, 9, 7)
SOON = timedelta(seconds=10)


def alarmed(world: MakeWorld, *, down: bool = True, **more) -> World:
    """Alice, who looks after the sources, by chat and mail; the mail server has refused us where `down`."""
    alice = a_subscriber(
        "alice",
        a_channel(address="1"),
        a_channel("email", "alice@example.org"),
        a_channel("atom"),
        **more.pop("alice", {}),
    )
    made = world(alice, first_run=0, alarms_to=["alice"], **more)
    made.look()
    if down:
        made.incidents.report("email", "554 5.7.1 policy", made.clock.now())
    return made


def subjects(publisher: FakePublisher) -> list[str]:
    return [message.text.subject for message in publisher.of("alarm") if message.text]


def unsent(made: World) -> list[tuple[str, str | None]]:
    return [(record.state, record.error) for record, _ in made.store.deliveries.unsent_alarms()]


async def test_what_begins_and_what_ends_is_said_once_on_the_channels_that_work(world: MakeWorld):
    made = alarmed(world)
    assert await made.send() == {"sent": 1}
    made.incidents.report("email", "554 5.7.1 still", made.clock.advance(MINUTE))
    assert await made.send() == {}
    made.incidents.resolve("email", made.clock.now())
    made.incidents.resolve("email", made.clock.now())
    assert await made.send() == {"sent": 1}
    assert subjects(made.telegram) == ["No mails go out", "Mails go out again"]
    assert [message.target.key for message in made.telegram.taken] == ["telegram:1"] * 2
    assert made.email.taken == []
    assert made.feed_files.writes == []


async def test_nobody_is_told_where_nobody_is_named(world: MakeWorld):
    made = world(a_subscriber(), first_run=0, alarms_to=["somebody who left"])
    made.incidents.report("email", "535", made.clock.now())
    assert await made.send() == {}
    assert await made.dispatcher.next_due() is None


async def test_an_operator_who_left_gets_no_alarm_any_more(world: MakeWorld):
    made = alarmed(world)
    made.subscribe(a_subscriber("bob", a_channel(address="1")))
    assert await made.send() == {"skipped": 1}
    assert made.telegram.taken == []


async def test_planned_alarms_are_announced_once(world: MakeWorld):
    made = alarmed(world, down=False)
    announced: list[bool] = []
    made.incidents.on_planned(lambda: announced.append(True))
    made.incidents.report("email", "535", made.clock.now())
    assert announced == [True]
    made.incidents.report("email", "535", made.clock.now())
    assert announced == [True]  # no news, no alarm


async def test_incidents_and_their_alarms_are_stored_together_or_not_at_all(world: MakeWorld):
    made = alarmed(world, down=False)
    made.faults.at("incidents.commit", StateLocked("busy"))
    with pytest.raises(StateLocked):
        made.incidents.report("email", "535", made.clock.now())
    assert made.store.incidents.open_incidents() == ()
    assert unsent(made) == []
    made.incidents.report("email", "535", made.clock.now())
    assert unsent(made) == [("pending", None)]


async def test_no_daily_limit_holds_an_alarm_back(world: MakeWorld):
    made = alarmed(world, alice={"daily_limit": 1})
    made.read("a.md", a_digest(1, 2))
    ends = await made.send()
    assert subjects(made.telegram) == ["No mails go out"]
    assert ends["limited"] == 2  # of each channel's two papers one


async def test_quiet_hours_hold_an_alarm_until_they_end(world: MakeWorld):
    made = alarmed(world, alice={"quiet_hours": parse_quiet_hours("07:00-09:30")})
    assert unsent(made) == [("held", None)]
    assert await made.send() == {}
    made.clock.advance(timedelta(minutes=90))
    assert await made.send() == {"sent": 1}


async def test_a_mail_server_that_refuses_us_is_said_by_chat_and_so_is_its_return(world: MakeWorld):
    made = alarmed(world, down=False)
    made.email.answer(ChannelDown("554 5.7.1 policy"))
    made.read("a.md", a_digest(1))
    await made.send()
    made.clock.advance(CHANNEL_PAUSE)
    await made.send()
    assert subjects(made.telegram) == ["No mails go out", "Mails go out again"]
    first = made.telegram.of("alarm")[0].text
    assert first is not None
    assert "554 5.7.1 policy" in first.body


async def test_a_token_that_is_refused_is_said_by_mail(world: MakeWorld):
    made = alarmed(world, down=False)
    made.telegram.answer(ChannelDown("Telegram does not accept the token"))
    made.read("a.md", a_digest(1))
    await made.send()
    assert subjects(made.email) == ["No Telegram messages go out"]
    assert made.email.of("alarm")[0].target.key == "email:alice@example.org"


async def test_a_channel_that_is_only_out_of_reach_for_a_while_alarms_nobody(world: MakeWorld):
    made = alarmed(world, down=False)
    made.email.answer(TryLater("connection refused", scope="channel"))
    made.read("a.md", a_digest(1))
    await made.send()
    assert unsent(made) == []
    assert subjects(made.telegram) == []


async def test_an_alarm_whose_answer_is_never_seen_is_uncertain_and_never_goes_again(world: MakeWorld):
    made = alarmed(world, rules=SendRules(resend_uncertain=frozenset({"telegram"}), flood_guard=NO_GUARD))
    made.telegram.answer(OutcomeUnknown("timeout"))
    made.telegram.taken_before_failing = True
    assert await made.send() == {"uncertain": 1}
    made.clock.advance(days=1)
    assert await made.send() == {}
    assert unsent(made) == [("uncertain", "timeout")]
    assert len(made.telegram.taken) == 1


async def test_told_to_wait_it_waits_and_goes_again(world: MakeWorld):
    made = alarmed(world)
    made.telegram.answer(TryLater("flood", wait=timedelta(minutes=2)))
    assert await made.send() == {"pending": 1}
    assert await made.dispatcher.next_due() == NOW + 2 * MINUTE
    made.clock.advance(2 * MINUTE)
    assert await made.send() == {"sent": 1}


@pytest.mark.parametrize("error", [TryLater("busy"), NotSent("something else")])
async def test_waits_grow_and_end(world: MakeWorld, error: DeliveryError):
    made = alarmed(world)
    made.telegram.answer(*[error] * MAX_ATTEMPTS)
    for _ in range(MAX_ATTEMPTS):
        await made.send()
        made.clock.advance(timedelta(hours=2))
    assert unsent(made) == [("dead", f"given up after {MAX_ATTEMPTS} tries: {error}")]


async def test_an_alarm_that_is_refused_is_a_dead_letter_until_the_operator_drops_it(world: MakeWorld):
    made = alarmed(world)
    made.telegram.answer(Refused("can't parse"))
    assert await made.send() == {"dead": 1}
    assert unsent(made) == [("dead", "can't parse")]
    ((record, _),) = made.store.deliveries.unsent_alarms()
    assert made.store.deliveries.drop([record.key], NOW) == 1
    assert unsent(made) == []


async def test_an_alarm_to_a_target_that_is_gone_waits_for_its_return(world: MakeWorld):
    made = alarmed(world)
    made.telegram.answer(TargetGone("bot was blocked by the user"))
    assert await made.send() == {"pending": 1}
    assert unsent(made) == [("pending", "bot was blocked by the user")]
    made.deliveries.revive("telegram:1")
    assert await made.send() == {"sent": 1}


async def test_a_target_that_moved_gets_it_where_it_is(world: MakeWorld):
    made = alarmed(world)
    made.telegram.answer(TargetMoved("upgraded", address="-1007"), to="1")
    assert (await made.send())["sent"] == 1
    assert [message.target.address for message in made.telegram.taken] == ["-1007"]


async def test_who_stopped_the_bot_is_left_in_peace(world: MakeWorld):
    made = alarmed(world)
    made.deliveries.suspend("telegram:1", "stopped", made.clock.now())
    assert await made.send() == {}
    assert made.telegram.tried == []


async def test_an_alarm_keeps_the_channels_rate_limits(world: MakeWorld):
    made = alarmed(
        world, telegram={"limits": Limits(per_target=lambda _: Limit(most=1, span=MINUTE))}, down=False
    )
    made.read("a.md", a_digest(1))
    await made.send()
    made.incidents.report("email", "535", made.clock.now())
    assert await made.send() == {}
    made.clock.advance(MINUTE)
    assert await made.send() == {"sent": 1}


async def test_an_alarm_probes_a_channel_that_was_stopped(world: MakeWorld):
    made = alarmed(world)
    made.telegram.answer(ChannelDown("wrong token"), ChannelDown("wrong token"))
    assert await made.send() == {"pending": 1, "sent": 1}  # which the mail now says
    assert subjects(made.email) == ["No Telegram messages go out"]
    assert made.store.incidents.stopped_channels()["telegram"].until == NOW + CHANNEL_PAUSE
    assert await made.dispatcher.next_due() == NOW + CHANNEL_PAUSE
    assert await made.send() == {}
    made.clock.advance(CHANNEL_PAUSE)
    assert await made.send() == {"pending": 1}
    made.clock.advance(CHANNEL_PAUSE)
    assert (await made.send())["sent"] == 2
    assert made.store.incidents.stopped_channels() == {}
    assert subjects(made.email)[1:] == ["Telegram messages go out again"]


async def test_channels_that_another_machine_has_are_let_be(world: MakeWorld):
    made = alarmed(world)
    made.dispatcher.leave_channel("telegram")
    assert await made.send() == {}
    made.dispatcher.take_channel("telegram")
    assert await made.send() == {"sent": 1}


async def test_an_alarm_that_a_crash_left_behind_is_uncertain(world: MakeWorld):
    made = alarmed(world, rules=SendRules(resend_uncertain=frozenset({"telegram"}), flood_guard=NO_GUARD))
    with another_process(made):
        assert await made.send() == {}
    assert await made.send() == {"uncertain": 1}


@pytest.mark.parametrize("rules", [NO_GRACE, SendRules(grace=timedelta(seconds=0.05), flood_guard=NO_GUARD)])
async def test_cut_off_while_nobody_knows_it_is_uncertain(world: MakeWorld, rules: SendRules):
    made = alarmed(world, rules=rules)
    made.telegram.answer(asyncio.Event())
    work = asyncio.create_task(made.send())
    await until(lambda: made.telegram.at_once == 1)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert unsent(made) == [("uncertain", "cut off while paperboy stopped")]


def days(count: int) -> list[dt.date]:
    weekdays = (FIRST + dt.timedelta(days=number) for number in range(3 * count))
    return [day for day in weekdays if day.weekday() < 5][:count]


def noon(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(12), dt.UTC)


def test_a_source_that_falls_silent_is_told_once_and_again_when_it_is_well(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(f"sqlite:///{tmp_path}/state.sqlite3")
    press = Press()
    ingest = Ingest(
        store.digests,
        SubscriberRegistry(),
        RunPlanner(store.digests, store.full_text, first_run=0),
        press.read,
        press.peek_date,
    )
    incidents = IncidentLog(store.incidents, SubscriberRegistry(), {})
    watch = SourceWatch(store.digests, store.papers, incidents, fetcher("", unchanged))
    *usual, last = days(15)

    def digest(day: dt.date) -> None:
        ingest.process([press.file(f"{day}.md", a_digest(day.day, day=day))], noon(day))

    for day in usual:
        digest(day)
        assert not watch.check(noon(day))
    assert not watch.check(noon(usual[-1] + dt.timedelta(days=3)))  # a weekend is none of its days
    with caplog.at_level(logging.INFO):
        silent = watch.check(noon(usual[-1] + dt.timedelta(days=10)))
        assert [incident.kind for incident in silent.opened] == ["silent"]
        assert not watch.check(noon(usual[-1] + dt.timedelta(days=11)))
        assert store.incidents.open_incidents() == silent.open
        digest(last + dt.timedelta(days=14))
        assert watch.check(noon(last + dt.timedelta(days=14))).closed == silent.opened
    assert [
        record.getMessage() for record in caplog.records if record.getMessage().startswith("source.")
    ] == [
        "source.incident_opened",
        "source.incident_closed",
    ]
    assert store.incidents.open_incidents() == ()
    store.close()


async def test_a_source_that_cannot_be_reached_for_a_day_is_an_incident_until_it_is(tmp_path: Path) -> None:
    away = True

    async def fetch(source: Source) -> bool:
        if away:
            raise SourceUnreachable("the server answered 503")
        return True

    store, clock = Store(f"sqlite:///{tmp_path}/state.sqlite3"), VirtualClock()
    work = fetcher("cl", fetch, Memory(), clock)
    incidents = IncidentLog(store.incidents, SubscriberRegistry(), {})
    watch = SourceWatch(store.digests, store.papers, incidents, work)
    await work.fetch()
    clock.advance(hours=23)
    assert not watch.check(clock.now())
    clock.advance(hours=1)
    (incident,) = watch.check(clock.now()).opened
    assert (incident.subject, incident.kind) == ("cl", "unreachable")
    assert not watch.check(clock.now())
    away = False
    await work.fetch()
    assert watch.check(clock.now()).closed == (incident,)
    store.close()
