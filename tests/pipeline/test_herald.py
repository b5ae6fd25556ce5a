"""Bulletins on their way: once, in their turn, through every way in which a send can end."""

import asyncio
from datetime import timedelta

import pytest

from bot.domain.delivery import MAX_ATTEMPTS, STOPPED
from bot.domain.errors import (
    ChannelDown,
    DeliveryError,
    NotSent,
    OutcomeUnknown,
    Refused,
    StateLocked,
    TargetGone,
    TargetMoved,
    TryLater,
)
from bot.domain.pacing import Limit
from bot.pipeline.dispatch import CHANNEL_REST, Rules
from bot.pipeline.herald import LEASE
from bot.pipeline.pace import Limits
from tests.builders import NOW, a_channel, a_digest, a_subscriber
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.dispatching import MINUTE, NO_GRACE, until
from tests.rigs.world import World

SOON = timedelta(seconds=10)


def alarmed(world: MakeWorld, *, told: bool = True, **more) -> World:
    """Alice, who looks after the sources, by chat and mail; the mail server has refused us where `told`."""
    alice = a_subscriber("alice", a_channel(address="1"), a_channel("email", "alice@example.org"))
    made = world(alice, first_run=0, alarms_to=["alice"], **more)
    made.look()
    if told:
        made.alarms.channel_fails("email", "554 5.7.1 policy", made.clock.now())
    return made


async def tell(made: World):
    return await made.dispatcher.herald.flush()


def untold(made: World) -> list[tuple[str, str | None]]:
    return [(one.state, one.error) for one in made.store.bulletins.untold_bulletins(NOW)]


async def test_what_begins_and_what_ends_is_told_once_on_the_channels_that_work(world: MakeWorld):
    made = alarmed(world)
    assert await tell(made) == {"sent": 1}
    made.alarms.channel_fails("email", "554 5.7.1 still", made.clock.advance(MINUTE))
    assert await tell(made) == {}
    made.alarms.channel_works("email", made.clock.now())
    made.alarms.channel_works("email", made.clock.now())
    assert await tell(made) == {"sent": 1}
    assert [(one.target.key, one.subject) for one in made.telegram.told] == [
        ("telegram:1", "No mails go out"),
        ("telegram:1", "Mails go out again"),
    ]
    assert made.email.told == []


async def test_nobody_is_told_where_nobody_is_named(world: MakeWorld):
    made = world(a_subscriber(), first_run=0, alarms_to=["somebody who left"])
    made.alarms.channel_fails("email", "535", made.clock.now())
    assert await tell(made) == {}
    assert await made.dispatcher.herald.next_due() is None


async def test_whoever_listens_hears_of_it(world: MakeWorld):
    made = alarmed(world, told=False)
    heard: list[bool] = []
    made.alarms.listen(lambda: heard.append(True))
    made.alarms.channel_fails("email", "535", made.clock.now())
    made.alarms.channel_fails("email", "535", made.clock.now())
    assert heard == [True]


async def test_a_mail_server_that_refuses_us_is_told_by_chat_and_so_is_its_return(world: MakeWorld):
    made = alarmed(world, told=False)
    made.email.answer(ChannelDown("554 5.7.1 policy"))
    made.read("a.md", a_digest(1))
    await made.send()
    assert await tell(made) == {"sent": 1}
    made.clock.advance(CHANNEL_REST)
    await made.send()
    assert await tell(made) == {"sent": 1}
    assert [one.subject for one in made.telegram.told] == ["No mails go out", "Mails go out again"]
    assert "554 5.7.1 policy" in made.telegram.told[0].text


async def test_a_token_that_is_refused_is_told_by_mail(world: MakeWorld):
    made = alarmed(world, told=False)
    made.telegram.answer(ChannelDown("Telegram does not accept the token"))
    made.read("a.md", a_digest(1))
    await made.send()
    assert await tell(made) == {"sent": 1}
    assert [(one.target.key, one.subject) for one in made.email.told] == [
        ("email:alice@example.org", "No Telegram messages go out")
    ]


async def test_a_channel_that_is_only_out_of_reach_for_a_while_alarms_nobody(world: MakeWorld):
    made = alarmed(world, told=False)
    made.email.answer(TryLater("connection refused", scope="channel"))
    made.read("a.md", a_digest(1))
    await made.send()
    assert await tell(made) == {}


async def test_an_answer_that_is_never_seen_leaves_it_uncertain_and_it_never_goes_again(world: MakeWorld):
    rules = Rules(resend_uncertain=frozenset({"telegram"}))
    made = alarmed(world, rules=rules)
    made.telegram.answer(OutcomeUnknown("timeout"))
    made.telegram.taken_before_failing = True
    assert await tell(made) == {"uncertain": 1}
    made.clock.advance(days=1)
    assert await tell(made) == {}
    assert untold(made) == [("uncertain", "timeout")]
    assert len(made.telegram.told) == 1


async def test_told_to_wait_it_waits_and_goes_again(world: MakeWorld):
    made = alarmed(world)
    made.telegram.answer(TryLater("flood", wait=timedelta(minutes=2)))
    assert await tell(made) == {"pending": 1}
    assert await made.dispatcher.herald.next_due() == NOW + 2 * MINUTE
    assert await tell(made) == {}
    made.clock.advance(2 * MINUTE)
    assert await tell(made) == {"sent": 1}


@pytest.mark.parametrize("error", [TryLater("busy"), NotSent("something else")])
async def test_waits_grow_and_end(world: MakeWorld, error: DeliveryError):
    made = alarmed(world)
    made.telegram.answer(*[error] * MAX_ATTEMPTS)
    for _ in range(MAX_ATTEMPTS):
        await tell(made)
        made.clock.advance(timedelta(hours=2))
    ((state, why),) = untold(made)
    assert (state, why) == ("dead", f"given up after {MAX_ATTEMPTS} tries: {error}")


@pytest.mark.parametrize("error", [Refused("can't parse"), TargetGone("bot was blocked by the user")])
async def test_what_is_refused_is_given_up_and_said(world: MakeWorld, error: DeliveryError):
    made = alarmed(world)
    made.telegram.answer(error)
    assert await tell(made) == {"dead": 1}
    assert untold(made) == [("dead", str(error))]


async def test_a_place_that_moved_is_told_where_it_is(world: MakeWorld):
    made = alarmed(world)
    made.telegram.answer(TargetMoved("upgraded", address="-1007"), to="1")
    assert await tell(made) == {"sent": 1}
    assert [one.target.address for one in made.telegram.told] == ["-1007"]


async def test_who_stopped_the_bot_is_left_in_peace(world: MakeWorld):
    made = alarmed(world)
    made.outbox.suspend("telegram:1", STOPPED, made.clock.now())
    assert await tell(made) == {"dead": 1}
    assert untold(made) == [("dead", "gets nothing more: stopped in the chat")]
    assert made.telegram.told == []


async def test_a_place_that_was_told_to_wait_gets_no_bulletin_before(world: MakeWorld):
    made = alarmed(world)
    made.telegram.answer(TryLater("flood", wait=MINUTE))
    made.read("a.md", a_digest(1))
    await made.send()
    assert await tell(made) == {"pending": 1}
    assert await made.dispatcher.herald.next_due() == NOW + MINUTE
    made.clock.advance(MINUTE)
    assert await tell(made) == {"sent": 1}


async def test_it_keeps_the_channels_pace(world: MakeWorld):
    limits = Limits(of=lambda _: Limit(most=1, span=MINUTE))
    made = alarmed(world, rules=Rules(limits=limits))
    made.read("a.md", a_digest(1))
    await made.send()
    assert await tell(made) == {"pending": 1}
    made.clock.advance(MINUTE)
    assert await tell(made) == {"sent": 1}


async def test_a_channel_that_refuses_it_is_left_alone_and_tried_again(world: MakeWorld):
    made = alarmed(world)
    made.telegram.answer(ChannelDown("wrong token"), ChannelDown("wrong token"))
    assert await tell(made) == {"pending": 1, "sent": 1}  # which the mail now tells
    assert [one.subject for one in made.email.told] == ["No Telegram messages go out"]
    assert made.store.outbox.stopped_channels()["telegram"].until == NOW + CHANNEL_REST
    assert await made.dispatcher.herald.next_due() == NOW + CHANNEL_REST
    assert await tell(made) == {}
    made.clock.advance(CHANNEL_REST)
    assert await tell(made) == {"pending": 1}
    made.clock.advance(CHANNEL_REST)
    assert (await tell(made))["sent"] == 2
    assert made.store.outbox.stopped_channels() == {}
    assert [one.subject for one in made.email.told][1:] == ["Telegram messages go out again"]


async def test_a_whole_channel_told_to_wait_does(world: MakeWorld):
    made = alarmed(world)
    made.telegram.answer(TryLater("flood", wait=MINUTE, scope="channel"))
    assert await tell(made) == {"pending": 1}
    assert made.store.outbox.stopped_channels()["telegram"].until == NOW + MINUTE


async def test_channels_that_somebody_else_has_are_let_be(world: MakeWorld):
    made = alarmed(world)
    made.dispatcher.leave("telegram")
    assert await tell(made) == {}
    made.dispatcher.take("telegram")
    assert await tell(made) == {"sent": 1}


async def test_what_a_crash_left_behind_is_uncertain_when_its_lease_ends(world: MakeWorld):
    made = alarmed(world)
    made.store.bulletins.claim_bulletins(NOW, lease=LEASE, limit=1, kinds=("telegram",))
    assert await made.dispatcher.herald.next_due() == NOW + LEASE
    assert await tell(made) == {}
    made.clock.advance(LEASE)
    assert await tell(made) == {"uncertain": 1}


async def test_ends_that_cannot_be_written_down_are_kept_for_the_next_time(world: MakeWorld):
    made = alarmed(world)
    made.faults.at("bulletins.settle_bulletins", StateLocked("busy"))
    with pytest.raises(StateLocked):
        await tell(made)
    assert await tell(made) == {"sent": 1}
    assert len(made.telegram.told) == 1


async def test_a_state_that_is_busy_only_delays(world: MakeWorld):
    made = alarmed(world)
    made.faults.at("outbox.place", StateLocked("busy"))
    assert await tell(made) == {"pending": 1}
    made.clock.advance(SOON)
    assert await tell(made) == {"sent": 1}


async def test_a_fault_of_ours_in_the_middle_is_uncertain(world: MakeWorld):
    made = alarmed(world)
    made.telegram.answer(ZeroDivisionError("ours"))
    assert await tell(made) == {"uncertain": 1}
    assert untold(made) == [("uncertain", "unexpected: ZeroDivisionError")]


@pytest.mark.parametrize("rules", [NO_GRACE, None])
async def test_cut_off_while_nobody_knows_it_is_uncertain(world: MakeWorld, rules: Rules | None):
    made = alarmed(world, rules=rules or Rules(grace=timedelta(seconds=0.05)))
    made.telegram.answer(asyncio.Event())
    work = asyncio.create_task(tell(made))
    await until(lambda: not made.telegram.answers["1"] and not made.telegram.answers[""])
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert untold(made) == [("uncertain", "cut off while paperboy stopped")]


async def test_cut_off_after_the_answer_came_it_is_sent_and_nothing_more_begins(world: MakeWorld):
    made = alarmed(world)
    gate = asyncio.Event()
    made.telegram.answer(gate)
    work = asyncio.create_task(tell(made))
    await until(lambda: not made.telegram.answers[""])
    made.alarms.channel_works("email", made.clock.now())
    work.cancel()
    await asyncio.sleep(0)
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert [state for state, _ in untold(made)] == ["pending"]
    assert len(made.telegram.told) == 1


async def test_cut_off_before_the_publisher_had_it_it_goes_again(world: MakeWorld):
    made = alarmed(world, rules=NO_GRACE)
    work = asyncio.create_task(tell(made))
    await until(lambda: "outbox.place" in made.faults.steps)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    state = made.store.bulletins.untold_bulletins(NOW)
    assert [one.state for one in state] in (["pending"], [])
    await tell(made)
    assert len(made.telegram.told) == 1
