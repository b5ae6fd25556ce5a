"""Refusals of a target are its own trouble: the others go on, until several in a row say that it is the channel's."""

import asyncio

import pytest

from bot.domain.delivery import MAX_REFUSALS
from bot.domain.errors import ChannelDown, KindForbidden, NotYet, TargetRefuses, TooLarge, TryLater
from bot.domain.incidents import NO_POLLS, REFUSED, STOPPED
from bot.pipeline.circuit_breaker import CHANNEL_PAUSE, REFUSED_IN_A_ROW, CircuitBreaker
from bot.pipeline.dispatch import LEASE
from bot.pipeline.ports.outbox import Outcome
from bot.pipeline.rate_limiter import RateLimiter
from bot.pipeline.send import SendResult
from tests.builders import NOW, a_channel, a_digest, a_quiz, a_subscriber, an_edition, an_entry
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.dispatching import MINUTE, people, started, until
from tests.rigs.world import World

RELAY = TargetRefuses("554 5.7.1 relay access denied")


def refused_address(made: World, number: int = 3, times: int = 50) -> str:
    made.email.answer(*[RELAY] * times, to=f"{number}@example.org")
    return f"email:{number}@example.org"


def incidents(made: World) -> list[tuple[str, str]]:
    return [(incident.subject, incident.kind) for incident in made.store.incidents.open_incidents()]


async def test_one_refused_address_stops_nobody_else(world: MakeWorld):
    made = started(world, *people(40, "email"))
    refused_address(made)
    for n in range(1, 4):
        made.read(f"{n}.md", a_digest(n))
        await made.send()
    assert made.counts() == {"sent": 39 * 3, "pending": 3}
    assert made.store.incidents.stopped_channels() == {}


async def test_a_refused_address_is_tried_less_and_less_then_suspended_and_said(world: MakeWorld):
    operator = a_subscriber("alice", a_channel("telegram"))
    made = started(world, operator, *people(4, "email"), alarms_to=("alice",))
    key = refused_address(made)
    made.read("a.md", a_digest(1))
    await made.send_all()
    assert len([message for message in made.email.tried if message.target.key == key]) == MAX_REFUSALS
    assert made.store.deliveries.suspended([key]) == {
        key: f"refused {MAX_REFUSALS} times: 554 5.7.1 relay access denied"
    }
    assert made.counts()["pending"] == 1
    assert incidents(made) == [(key, REFUSED)]
    (alarm,) = made.telegram.of("alarm")
    assert alarm.text is not None
    assert alarm.text.subject == f"The target “{key}” is refused, so nothing is sent there any more"


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_suspended_address_that_is_tried_again_by_hand_and_accepted_is_well_again(
    world: MakeWorld, *, restarted: bool
):
    addresses = people(4, "email")
    made = started(world, *addresses)
    key = refused_address(made, times=MAX_REFUSALS)
    made.read("a.md", a_digest(1))
    await made.send_all()
    again = world(*addresses, first_run=0, clock=made.clock) if restarted else made
    assert again.store.deliveries.revive(key)
    await again.send_all()
    assert again.counts() == {"sent": 4}
    assert incidents(again) == []


async def test_an_address_that_another_process_suspended_and_revived_is_well_again(world: MakeWorld):
    subscribers = people(1, "email")
    made = started(world, *subscribers)
    made.read("a.md", a_digest(1))
    await made.send()
    other = world(*subscribers, first_run=0, clock=made.clock)
    key = "email:1@example.org"
    assert other.store.deliveries.suspend(key, "no such mailbox", NOW)
    other.incidents.report(key, "no such mailbox", NOW, REFUSED)
    assert other.store.deliveries.revive(key)
    made.read("b.md", a_digest(2))
    await made.send()
    assert incidents(made) == []


async def test_several_different_addresses_refused_in_a_row_stop_the_channel(world: MakeWorld):
    made = started(world, *people(REFUSED_IN_A_ROW + 20, "email"), telegram={})
    made.email.answer(*[RELAY] * 200)
    made.read("a.md", a_digest(1))
    await made.send()
    stop = made.store.incidents.stopped_channels()["email"]
    assert "554 5.7.1 relay access denied" in stop.reason
    assert ("email", STOPPED) in incidents(made)


async def test_a_probe_never_takes_the_target_that_failed_and_its_success_lets_all_go(world: MakeWorld):
    made = started(world, *people(12, "email"))
    for n in range(1, 6):
        refused_address(made, n)
    made.email.capabilities = made.email.capabilities.__class__(at_once=1)
    made.read("a.md", a_digest(1))
    await made.send()
    assert "email" in made.store.incidents.stopped_channels()
    made.email.tried.clear()
    made.clock.advance(CHANNEL_PAUSE)
    await made.send()
    assert made.email.tried[0].target.address == "6@example.org"
    assert made.counts() == {"sent": 7, "pending": 5}
    assert made.store.incidents.stopped_channels() == {}


async def test_a_probe_that_is_refused_leaves_the_next_to_somebody_else(world: MakeWorld):
    made = started(world, *people(8, "email"))
    made.email.capabilities = made.email.capabilities.__class__(at_once=1)
    made.email.answer(*[RELAY] * 6)
    made.read("a.md", a_digest(1))
    await made.send()
    made.clock.advance(CHANNEL_PAUSE)
    await made.send()
    assert "email" in made.store.incidents.stopped_channels()
    made.clock.advance(CHANNEL_PAUSE)
    await made.send()
    assert [message.target.address[0] for message in made.email.tried[:7]] == list("1234567")
    assert made.store.incidents.stopped_channels() == {}
    await made.send_all()
    assert made.counts() == {"sent": 8}


async def test_a_stop_turns_away_at_once_what_waits_for_a_slot(world: MakeWorld):
    made = started(world, *people(1, "email"))
    made.read("a.md", a_digest(1))
    now, store = made.clock.now, made.store
    (claim,) = store.outbox.claim(now(), lease=LEASE, limit=1, kinds=("email",))
    limiter = RateLimiter({}, now=now)
    breaker = CircuitBreaker(store=store.incidents, limiter=limiter, incidents=made.incidents, now=now)
    outcome = Outcome(claim=claim, state="pending")
    await breaker.record(SendResult(outcome=outcome, trouble=ChannelDown("535 5.7.8 bad credentials")))
    with pytest.raises(NotYet) as put_back:
        async with limiter.slot(claim.target):
            pass
    assert put_back.value.until == now() + CHANNEL_PAUSE


async def test_a_stopped_channel_says_with_what_the_last_probe_was_refused(world: MakeWorld):
    made = started(world, *people(2, "email"))
    made.email.answer(ChannelDown("535 5.7.8 bad credentials"), RELAY)
    made.email.capabilities = made.email.capabilities.__class__(at_once=1)
    made.read("a.md", a_digest(1))
    await made.send()
    made.clock.advance(CHANNEL_PAUSE)
    await made.send()
    assert made.store.incidents.stopped_channels()["email"].reason == str(RELAY)


async def test_a_success_of_a_send_that_was_in_flight_lifts_a_stop(world: MakeWorld):
    made = started(world, *people(2, "email"))
    gate, other = asyncio.Event(), asyncio.Event()
    made.email.answer(gate, ChannelDown("550 5.7.1 not you"), to="1@example.org")
    made.email.answer(other, to="2@example.org")
    made.read("a.md", a_digest(1))
    work = asyncio.create_task(made.send())
    await until(lambda: made.email.at_once == 2)
    gate.set()
    await until(made.store.incidents.stopped_channels)
    other.set()
    await work
    assert made.store.incidents.stopped_channels() == {}
    assert incidents(made) == []


async def test_the_wait_that_a_service_named_is_kept_whoever_is_still_accepted(world: MakeWorld):
    made = started(world, *people(2))
    gate, other = asyncio.Event(), asyncio.Event()
    made.telegram.answer(gate, TryLater("flood", wait=CHANNEL_PAUSE, scope="channel"), to="1")
    made.telegram.answer(other, to="2")
    made.read("a.md", a_digest(1))
    work = asyncio.create_task(made.send())
    await until(lambda: made.telegram.at_once == 2)
    gate.set()
    await until(made.store.incidents.stopped_channels)
    other.set()
    await work
    assert "telegram" in made.store.incidents.stopped_channels()


async def test_a_channel_that_is_told_to_wait_for_an_hour_or_more_is_an_incident(world: MakeWorld):
    made = started(world, *people(1, "email"))
    made.email.answer(TryLater("550 5.4.5 daily limit", wait=60 * MINUTE, scope="channel"))
    made.read("a.md", a_digest(1))
    await made.send()
    assert incidents(made) == [("email", STOPPED)]
    await made.send_all()
    assert (made.counts(), incidents(made)) == ({"sent": 1}, [])


async def test_a_message_that_is_too_large_goes_in_smaller_ones_and_loses_nothing(world: MakeWorld):
    made = started(world, *people(1, "email"))

    async def send(message, begin):
        if len(message.items) > 3:
            raise TooLarge("552 5.3.4 too large")
        return await takes(message, begin)

    takes, made.email.send = made.email.send, send  # type: ignore[method-assign]
    made.read("a.md", a_digest(*range(1, 12)))
    await made.send_all()
    assert len(set(made.email.papers())) == len(made.email.papers()) == 11
    assert set(made.counts()) == {"sent", "merged"}
    assert max(len(message.items) for message in made.email.taken) == 3


QUIZ = an_edition(quiz=a_quiz())
NO_POLLS_HERE = KindForbidden("Bad Request: not enough rights to send polls to the chat")


def quizzed(made: World, name: str, number: int) -> None:
    made.read(name, a_digest(an_entry(number, editions=(QUIZ,))))


async def test_a_chat_that_forbids_polls_is_said_once_and_gets_its_alerts(world: MakeWorld):
    made = started(world, a_subscriber("alice", a_channel(quizzes="all")))
    alert = asyncio.Event()
    alert.set()
    made.telegram.answer(alert, to="1001")
    send = made.telegram.send

    async def without_polls(message, begin):
        if message.kind == "quiz":
            made.telegram.tried.append(message)
            raise NO_POLLS_HERE
        return await send(message, begin)

    made.telegram.send = without_polls  # type: ignore[method-assign]
    for number in (1, 2):
        quizzed(made, f"{number}.html", number)
        await made.send_all(days=0)
    assert made.counts() == {"sent": 2, "skipped": 2 * len(a_quiz())}
    assert len([message for message in made.telegram.tried if message.kind == "quiz"]) == 1
    (incident,) = made.store.incidents.open_incidents()
    assert (incident.kind, incident.what) == (NO_POLLS, str(NO_POLLS_HERE))
    made.telegram.send = send  # type: ignore[method-assign]
    made.clock.advance(hours=6)
    quizzed(made, "3.html", 3)
    await made.send_all(days=1)
    assert made.counts()["sent"] == 3 + len(a_quiz())
    assert incidents(made) == []


async def test_after_a_restart_one_poll_tries_a_chat_that_forbade_them(world: MakeWorld):
    alice = a_subscriber("alice", a_channel(quizzes="all"))
    made = started(world, alice)
    made.incidents.report("telegram:1001", "no polls", NOW, NO_POLLS)
    again = world(alice, first_run=0, clock=made.clock)
    quizzed(again, "a.html", 1)
    await again.send_all(days=1)
    assert again.counts() == {"sent": 1 + len(a_quiz())}
    assert incidents(again) == []
