"""One target never holds up another, and a channel that fails is left alone and tried again."""

import asyncio
from datetime import timedelta

import pytest

from bot.domain.channels import Limit, Limits
from bot.domain.delivery import MAX_ATTEMPTS
from bot.domain.errors import (
    ChannelDown,
    OutcomeUnknown,
    Refused,
    StateLocked,
    TargetMoved,
    TryLater,
)
from bot.domain.schedule import parse_schedule
from bot.pipeline import dispatch
from bot.pipeline.circuit_breaker import CHANNEL_PAUSE, UNKNOWN_IN_A_ROW
from bot.pipeline.dispatch import IN_FLIGHT
from tests.builders import NOW, a_channel, a_digest, a_quiz, a_subscriber, an_edition, an_entry
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.dispatching import MINUTE, another_process, other_steps, people, started, until
from tests.rigs.world import World

# --- one target never holds up another --------------------------------------------------------------------


async def test_a_slow_target_delays_nobody_else(world: MakeWorld):
    made = started(world, *people(5))
    gate = asyncio.Event()
    made.telegram.answer(gate, to="3")
    made.read("a.md", a_digest(1))
    work = asyncio.create_task(made.send())
    await until(lambda: made.counts()["sent"] == 4)
    assert not work.done()
    gate.set()
    assert await work == {"sent": 5}


async def test_what_comes_while_a_slow_target_is_waited_for_goes_out_when_we_are_woken(world: MakeWorld):
    made = started(world, *people(2))
    gate = asyncio.Event()
    made.telegram.answer(gate, to="1")
    made.read("a.md", a_digest(1))
    work = asyncio.create_task(made.send())
    await until(lambda: made.counts()["sent"] == 1)
    made.read("b.md", a_digest(2))
    made.dispatcher.wake()
    await until(lambda: made.counts()["sent"] == 2)
    assert not work.done()
    gate.set()
    assert await work == {"sent": 4}
    assert [p.items[0].paper.id[-1] for p in made.telegram.taken if p.target.address == "1"] == ["1", "2"]


async def test_what_becomes_due_while_a_slow_target_is_waited_for_goes_out_in_time(world: MakeWorld):
    soon = a_subscriber("p2", a_channel(address="2", deliver=parse_schedule("daily at 08:01")))
    made = started(world, a_subscriber("p1", a_channel(address="1")), soon)
    gate = asyncio.Event()
    made.telegram.answer(gate, to="1")
    made.read("a.md", a_digest(1))
    made.clock.go_to(NOW + timedelta(seconds=59.99))
    work = asyncio.create_task(made.send())
    await until(lambda: made.faults.steps.count("outbox.next_due done") == 2)  # it waits for the next one
    made.clock.advance(seconds=1)
    await until(lambda: made.counts()["sent"] == 1)
    assert not work.done()
    gate.set()
    assert await work == {"sent": 2}


async def test_a_dead_target_delays_nobody_else(world: MakeWorld):
    made = started(world, *people(3))
    made.telegram.answer(*[TryLater("timeout")] * 100, to="2")
    for n in range(1, 6):
        made.read(f"{n}.md", a_digest(n))
        await made.send()
    sent = [outgoing.target.address for outgoing in made.telegram.taken]
    assert (sent.count("1"), sent.count("2"), sent.count("3")) == (5, 0, 5)


async def test_order_is_kept_at_each_target_through_failures(world: MakeWorld):
    made = started(world, a_subscriber("alice", a_channel(quizzes="all")))
    made.read("a.html", a_digest(an_entry(1, editions=(an_edition(quiz=a_quiz()),))))
    made.telegram.answer(
        TryLater("1"), TryLater("2"), TargetMoved("3", address="7"), TryLater("4", scope="channel")
    )
    await made.send_all(days=1)
    assert [outgoing.question for outgoing in made.telegram.taken] == [None, *a_quiz()]


# --- whole channels ---------------------------------------------------------------------------------------


async def test_a_channel_that_refuses_us_is_left_alone_and_the_others_go_on(world: MakeWorld):
    made = started(world, a_subscriber("alice", a_channel(), a_channel("email")))
    made.email.answer(ChannelDown("535 authentication failed"))
    made.read("a.md", a_digest(1))
    assert await made.send() == {"sent": 1, "pending": 1}
    stop = made.store.incidents.stopped_channels()["email"]
    assert (stop.reason, stop.since, stop.until) == ("535 authentication failed", NOW, NOW + CHANNEL_PAUSE)
    made.read("b.md", a_digest(2))
    assert await made.send() == {"sent": 1}
    assert len(made.email.tried) == 1
    assert await made.dispatcher.next_due() == NOW + CHANNEL_PAUSE


async def test_one_message_tries_a_stopped_channel_before_the_others_follow(world: MakeWorld):
    made = started(world, *people(5, "email"))
    made.email.answer(*[ChannelDown("down")] * 5)
    made.read("a.md", a_digest(1))
    await made.send()
    made.clock.advance(CHANNEL_PAUSE)
    made.email.tried.clear()
    made.email.answers.clear()
    made.email.answer(ChannelDown("still down"))
    await made.send()
    assert len(made.email.tried) == 1
    assert made.store.incidents.stopped_channels()["email"].since == NOW
    made.clock.advance(CHANNEL_PAUSE)
    assert await made.send() == {"sent": 5}
    assert made.email.tried[1:] == made.email.taken
    assert made.store.incidents.stopped_channels() == {}


async def probing(
    world: MakeWorld, persons: int
) -> tuple[World, asyncio.Event, asyncio.Task[dict[str, int]]]:
    """A world in which one message tries a channel that was down, what lets it go on, and the work."""
    made = started(world, *people(persons))
    made.telegram.answer(*[ChannelDown("down")] * persons)
    made.read("a.md", a_digest(1))
    await made.send()
    made.telegram.answers.clear()
    gate = asyncio.Event()
    made.telegram.answer(gate)
    made.clock.advance(CHANNEL_PAUSE)
    work = asyncio.create_task(made.send())
    await until(lambda: made.telegram.at_once == 1)
    return made, gate, work


async def test_while_one_message_tries_a_channel_no_other_does(world: MakeWorld):
    made, gate, work = await probing(world, 3)
    before = made.faults.steps.count("incidents.stopped_channels")
    made.dispatcher.wake()
    await until(lambda: made.faults.steps.count("incidents.stopped_channels") > before)
    await other_steps()
    assert made.telegram.at_once == 1
    gate.set()
    assert await work == {"sent": 3}


async def test_a_full_channel_is_not_looked_at_over_and_over(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(dispatch, "_LEAST_WAIT", 0)
    made = started(world, *people(4), telegram={"at_once": 3})
    gate = asyncio.Event()
    made.telegram.answer(gate, gate, gate)
    made.read("a.md", a_digest(1))
    work = asyncio.create_task(made.send())
    await until(lambda: made.telegram.at_once == 3)
    assert await looks_meanwhile(made) < 10
    gate.set()
    assert await work == {"sent": 4}


async def test_a_channel_that_is_probed_is_not_looked_at_over_and_over(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(dispatch, "_LEAST_WAIT", 0)
    made, gate, work = await probing(world, 2)
    assert await looks_meanwhile(made) < 10
    gate.set()
    assert await work == {"sent": 2}


async def looks_meanwhile(made: World) -> int:
    """How often the next due time was asked for while the threads had time for a hundred looks."""
    before = made.faults.steps.count("outbox.next_due")
    for _ in range(200):
        await asyncio.to_thread(int)
    return made.faults.steps.count("outbox.next_due") - before


async def test_an_answer_about_the_message_itself_opens_the_channel_too(world: MakeWorld):
    made = started(world)
    made.telegram.answer(ChannelDown("down"), Refused("can't parse"))
    made.read("a.md", a_digest(1))
    await made.send()
    made.clock.advance(CHANNEL_PAUSE)
    assert await made.send() == {"dead": 1}
    assert made.store.incidents.stopped_channels() == {}


async def test_a_try_that_sends_nothing_leaves_the_channel_to_the_next(world: MakeWorld):
    made = started(world, *people(2))
    made.telegram.answer(*[ChannelDown("down")] * 2)
    made.read("a.md", a_digest(1))
    await made.send()
    made.telegram.answers.clear()  # the second may have been put back before it was tried
    made.subscribe(people(2)[1])
    made.clock.advance(CHANNEL_PAUSE)
    assert await made.send() == {"skipped": 1, "sent": 1}
    assert made.store.incidents.stopped_channels() == {}


async def test_told_to_leave_the_whole_channel_alone_we_do_for_so_long(world: MakeWorld):
    made = started(world, *people(2))
    made.telegram.answer(TryLater("flood", wait=2 * MINUTE, scope="channel"), to="1")
    made.read("a.md", a_digest(1))
    await made.send()
    assert made.store.incidents.stopped_channels()["telegram"].until == NOW + 2 * MINUTE
    before = len(made.telegram.taken)  # the other one's may have been on its way already
    made.clock.advance(2 * MINUTE)
    assert await made.send() == {"sent": 2 - before}


async def test_a_channel_that_stays_down_is_tried_less_and_less(world: MakeWorld):
    made = started(world)
    made.telegram.answer(*[TryLater("down", scope="channel")] * 30)
    made.read("a.md", a_digest(1))
    ends = await made.send_all(days=1)
    assert ends["sent"] == 1
    tries = len(made.telegram.tried)
    assert tries == 31
    (row,) = made.rows()
    assert row.attempts == 1  # a channel's failure is no try of the message


async def test_days_of_a_stopped_channel_make_no_dead_letters(world: MakeWorld):
    made = started(world)
    made.telegram.answer(*[ChannelDown("wrong token")] * (MAX_ATTEMPTS + 10), TryLater("flood"))
    made.read("a.md", a_digest(1))
    await made.send_all(days=10)
    assert made.counts() == {"sent": 1}


async def test_after_many_answers_never_seen_a_channel_rests(world: MakeWorld):
    made = started(world, *people(200))
    made.telegram.answer(*[OutcomeUnknown("502")] * 200)
    made.read("a.md", a_digest(1))
    ends = await made.send()
    assert ends["uncertain"] <= 2 * IN_FLIGHT
    assert ends["uncertain"] >= UNKNOWN_IN_A_ROW
    assert made.store.incidents.stopped_channels()["telegram"].reason == "502"


async def test_some_answers_never_seen_among_good_ones_stop_nothing(world: MakeWorld):
    made = started(world)
    for n in range(1, 10):
        if n % 2:
            made.telegram.answer(OutcomeUnknown("502"))
        made.read(f"{n}.md", a_digest(n))
        await made.send()
        made.clock.advance(MINUTE)
    assert made.store.incidents.stopped_channels() == {}
    assert made.counts() == {"uncertain": 5, "sent": 4}


async def test_a_try_whose_answer_is_never_seen_leaves_the_channel_stopped(world: MakeWorld):
    made = started(world, *people(3))
    made.telegram.answer(*[ChannelDown("down")] * 3)
    made.read("a.md", a_digest(1))
    await made.send()
    made.telegram.answers.clear()  # some may have been put back before they were tried
    made.telegram.answer(OutcomeUnknown("502"))
    made.clock.advance(CHANNEL_PAUSE)
    assert await made.send() == {"uncertain": 1}
    assert made.store.incidents.stopped_channels()["telegram"].since == NOW


async def test_a_channel_that_somebody_else_has_is_let_be_until_it_is_ours_again(world: MakeWorld):
    made = started(world, a_subscriber("alice", a_channel(), a_channel("email")))
    made.read("a.md", a_digest(1))
    made.dispatcher.leave_channel("telegram")
    assert await made.send() == {"sent": 1}
    assert await made.dispatcher.next_due() is None
    made.dispatcher.take_channel("telegram")
    made.dispatcher.take_channel("telegram")
    assert await made.send() == {"sent": 1}
    assert [len(box.taken) for box in (made.telegram, made.email)] == [1, 1]


async def test_a_channel_without_a_publisher_cannot_be_taken(world: MakeWorld):
    made = started(world, publishers=())
    made.dispatcher.take_channel("telegram")
    made.read("a.md", a_digest(1))
    assert await made.send() == {}


# --- pace -------------------------------------------------------------------------------------------------

ONE_A_MINUTE = Limit(most=1, span=MINUTE)


async def test_what_the_channels_pace_does_not_allow_now_is_put_back_untried(world: MakeWorld):
    made = started(world, *people(3), telegram={"limits": Limits(overall=ONE_A_MINUTE)})
    made.read("a.md", a_digest(1))
    await made.send()
    assert len(made.telegram.tried) == 1
    await made.send_all(days=1)
    assert made.counts() == {"sent": 3}
    assert {row.attempts for row in made.rows()} == {1}
    assert made.clock.now() >= NOW + 2 * MINUTE


async def test_a_targets_pace_holds_across_restarts(world: MakeWorld):
    two_a_minute = {"limits": Limits(per_target=lambda _: Limit(most=2, span=MINUTE))}
    quizzed = a_subscriber("alice", a_channel(quizzes="all"))
    made = started(world, quizzed, telegram=two_a_minute)
    made.read("a.html", a_digest(an_entry(1, editions=(an_edition(quiz=a_quiz()),))))
    await made.send()
    assert len(made.telegram.taken) == 2
    again = world(quizzed, first_run=0, telegram=two_a_minute, clock=made.clock)
    assert await again.send() == {}
    made.clock.advance(MINUTE)
    await again.send_all(days=1)
    assert len(again.telegram.taken) == 2


async def test_what_another_machine_sent_while_it_had_the_channel_counts(world: MakeWorld):
    three_a_minute = {"limits": Limits(per_target=lambda _: Limit(most=3, span=MINUTE))}
    made = started(world, telegram=three_a_minute)
    other = world(a_subscriber(), first_run=0, telegram=three_a_minute, clock=made.clock)
    made.read("a.md", a_digest(1))
    assert await made.send() == {"sent": 1}
    made.dispatcher.leave_channel("telegram")
    made.read("b.md", a_digest(2))
    assert await other.send() == {"sent": 1}
    made.clock.advance(seconds=1)
    made.dispatcher.take_channel("telegram")
    made.read("c.md", a_digest(3))
    assert await made.send() == {"sent": 1}
    made.read("d.md", a_digest(4))
    assert await made.send() == {}


async def test_what_another_process_is_sending_does_not_count_as_late(
    world: MakeWorld, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("INFO")
    made = started(world, *people(2))
    made.read("a.md", a_digest(1))
    with another_process(made):
        assert await made.send() == {"sent": 1}
    (record,) = (record for record in caplog.records if record.getMessage() == "deliveries.done")
    assert record.__dict__["oldest_seconds"] == 0


async def test_a_state_that_is_busy_while_the_pace_is_asked_only_delays(world: MakeWorld):
    made = started(world, telegram={"limits": Limits(per_target=lambda _: Limit(most=2, span=MINUTE))})
    made.faults.at("deliveries.sends_since", StateLocked("held"))
    made.read("a.md", a_digest(1))
    assert await made.send_all(days=1) == {"pending": 1, "sent": 1}
    assert len(made.telegram.tried) == 1


async def test_no_more_is_claimed_than_soon_has_a_slot(world: MakeWorld, caplog: pytest.LogCaptureFixture):
    a_minute = Limits(overall=Limit(most=3, span=MINUTE))
    made = started(world, *people(20), telegram={"limits": a_minute})
    made.read("a.md", a_digest(1))
    gate = asyncio.Event()
    made.telegram.answer(gate, gate, gate)

    def claimed() -> int:
        return sum(record.message == "delivery.claimed" for record in caplog.records)

    with caplog.at_level("DEBUG", "bot.pipeline.dispatch"):
        flushing = asyncio.create_task(made.send())
        await until(lambda: made.telegram.at_once == 3)
        made.dispatcher.wake()  # the last look may have been before these three took their slots
        await until(lambda: claimed() == 6)
        looks = made.faults.steps.count("outbox.next_due done")
        made.dispatcher.wake()
        await until(lambda: made.faults.steps.count("outbox.next_due done") > looks)
        assert claimed() == 6  # three are under way, three wait for a slot
        gate.set()
        assert (await flushing)["sent"] == 3
