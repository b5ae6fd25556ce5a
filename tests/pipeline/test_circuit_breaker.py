"""Crashes, stops, cancellations and a state that fails: what is in flight is never lost."""

import asyncio
import threading

import pytest

from bot.domain.errors import (
    ChannelDown,
    StateError,
    StateLocked,
)
from bot.domain.flood_guard import NO_GUARD
from bot.pipeline.dispatch import LEASE, LEASE_CHECK_INTERVAL
from bot.pipeline.send import SendRules
from tests.builders import NOW, a_channel, a_digest, a_quiz, a_subscriber, an_edition, an_entry
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.dispatching import MINUTE, NO_GRACE, another_process, other_steps, people, started, until

# --- crashes, stops and cancellations ---------------------------------------------------------------------


async def test_what_a_process_that_hangs_was_sending_is_uncertain_when_its_lease_ends(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(1))
    with another_process(made):
        assert await made.send() == {}
        assert await made.dispatcher.next_due() == NOW + LEASE_CHECK_INTERVAL
        made.clock.advance(LEASE)
        assert await made.send() == {"uncertain": 1}
    assert made.telegram.tried == []


async def test_what_a_process_that_died_was_sending_is_uncertain_at_once(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(1))
    with another_process(made):
        pass
    assert await made.send() == {"uncertain": 1}
    assert made.telegram.tried == []


async def test_what_a_process_that_died_had_only_claimed_is_simply_sent(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(1))
    with another_process(made, begins=False):
        assert await made.send() == {}
    assert await made.send() == {"sent": 1}


async def test_a_claim_that_was_lost_before_its_request_is_not_sent(world: MakeWorld):
    """This process was so slow that its lease ended, and another one took the message over."""
    made = started(world)
    made.read("a.md", a_digest(1))

    def overtaken(step: str) -> None:
        if step == "outbox.begin" and made.clock.now() == NOW:
            made.store.outbox.expire(made.clock.advance(LEASE))

    made.outbox._hook = overtaken
    assert await made.send() == {"pending": 1, "sent": 1}
    assert len(made.telegram.taken) == 1


async def test_what_is_dropped_between_claim_and_request_is_not_sent(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(1))
    (row,) = made.rows()

    def drop(step: str) -> None:
        if step == "outbox.begin":
            assert made.store.deliveries.drop([row.key], made.clock.now()) == 1

    made.outbox._hook = drop
    assert await made.send() == {"pending": 1}
    assert made.counts() == {"dead": 1}
    assert made.telegram.taken == []


async def test_after_a_stop_what_is_in_flight_is_finished_and_nothing_more_begins(world: MakeWorld):
    made = started(world, a_subscriber("alice", a_channel(quizzes="all")))
    gate = asyncio.Event()
    made.telegram.answer(gate)
    made.read("a.html", a_digest(an_entry(1, editions=(an_edition(quiz=a_quiz()),))))
    work = asyncio.create_task(made.send())
    await until(lambda: made.telegram.at_once == 1)
    made.dispatcher.stop()
    gate.set()
    assert await work == {"sent": 1}
    assert made.counts() == {"sent": 1, "pending": 3}
    assert await made.send() == {}


async def test_a_flush_that_is_cancelled_writes_down_what_still_comes_in(world: MakeWorld):
    made = started(world)
    gate = asyncio.Event()
    made.telegram.answer(gate)
    made.read("a.md", a_digest(1))
    work = asyncio.create_task(made.send())
    await until(lambda: made.telegram.at_once == 1)
    work.cancel()
    await other_steps()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert made.counts() == {"sent": 1}


async def test_what_has_no_answer_when_the_grace_is_over_is_uncertain(world: MakeWorld):
    made = started(world, *people(3), rules=NO_GRACE)
    made.telegram.answer(asyncio.Event(), to="2")
    made.read("a.md", a_digest(1))
    work = asyncio.create_task(made.send())
    await until(lambda: made.counts()["sent"] == 2 and made.telegram.at_once == 1)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert made.counts() == {"sent": 2, "uncertain": 1}
    assert made.rows("uncertain")[0].error == "cut off while paperboy stopped"


@pytest.mark.parametrize("step", ["outbox.claim done", "deliveries.unnamed", "outbox.begin done", "feed"])
async def test_what_was_claimed_but_not_sent_when_the_grace_is_over_waits_on(world: MakeWorld, step: str):
    """The flush is cancelled while rows are claimed, while a message is built, while it is begun, while a feed is written."""
    kind = "atom" if step == "feed" else "telegram"
    made = started(world, a_subscriber("alice", a_channel(kind)), rules=NO_GRACE)  # type: ignore[arg-type]
    made.read("a.md", a_digest(1))
    reached, go_on = threading.Event(), threading.Event()

    def hold(here: str) -> None:
        if here == step and not reached.is_set():
            reached.set()
            go_on.wait(30)

    made.outbox._hook = made.deliveries._hook = hold
    made.feed_files.before_write = lambda: hold("feed")
    work = asyncio.create_task(made.send())
    await until(reached.is_set)
    work.cancel()
    await other_steps()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert made.counts() == {"pending": 1}
    assert made.telegram.tried == []
    made.outbox._hook = made.deliveries._hook = made.faults
    assert await made.send_all(days=1) == {"sent": 1}


async def test_a_second_flush_waits_for_the_first(world: MakeWorld):
    made = started(world)
    gate = asyncio.Event()
    made.telegram.answer(gate)
    made.read("a.md", a_digest(1))
    sending, other = asyncio.create_task(made.send()), asyncio.create_task(made.send())
    await until(lambda: made.telegram.at_once == 1)
    gate.set()
    assert [await sending, await other] == [{"sent": 1}, {}]


async def test_ends_that_cannot_be_written_down_are_kept_and_written_by_the_next_flush(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(1))
    made.faults.at("outbox.settle", StateLocked("held"))
    with pytest.raises(StateLocked):
        await made.send()
    assert made.counts() == {"sending": 1}
    assert await made.send() == {"sent": 1}
    assert len(made.telegram.taken) == 1


async def test_ends_kept_beyond_the_lease_are_still_believed(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(1))
    made.faults.at("outbox.settle", StateLocked("held"), StateLocked("held"))
    for _ in range(2):
        with pytest.raises(StateLocked):
            await made.send()
    made.store.outbox.expire(NOW + LEASE)
    assert made.counts() == {"uncertain": 1}
    made.clock.advance(LEASE)
    assert await made.send() == {"sent": 1}
    assert made.counts() == {"sent": 1}


async def test_a_state_that_fails_in_the_middle_loses_nothing_that_is_in_flight(world: MakeWorld):
    made = started(world, *people(3))
    gate = asyncio.Event()
    made.telegram.answer(gate, to="1")
    made.telegram.answer(gate, to="2")
    made.faults.at("outbox.settle", StateError("disk full"))
    made.read("a.md", a_digest(1))
    work = asyncio.create_task(made.send())
    await until(lambda: "outbox.settle" in made.faults.steps)
    await other_steps()
    gate.set()
    with pytest.raises(StateError, match="disk full"):
        await work
    assert made.counts() == {"sent": 3}
    assert len(made.telegram.taken) == 3


async def test_a_channel_whose_stop_cannot_be_written_down_is_stopped_by_the_next_flush(world: MakeWorld):
    made = started(world)
    made.telegram.answer(ChannelDown("down"))
    made.faults.at("incidents.stop_channel", StateLocked("held"))
    made.read("a.md", a_digest(1))
    with pytest.raises(StateLocked):
        await made.send()
    assert await made.send() == {"pending": 1}
    assert "telegram" in made.store.incidents.stopped_channels()


async def test_leases_of_somebody_else_do_not_keep_us_busy(world: MakeWorld):
    """A row that is said to be due and cannot be claimed must not become a loop that never rests."""
    made = started(world, *people(2))
    gate = asyncio.Event()
    made.telegram.answer(gate, to="1")
    made.read("a.md", a_digest(1))
    work = asyncio.create_task(made.send())
    await until(lambda: made.counts()["sent"] == 1)
    made.clock.advance(2 * LEASE)  # our own lease ends while we wait
    made.faults.steps.clear()
    await asyncio.sleep(0.12)
    assert made.faults.steps.count("incidents.stopped_channels") <= 5
    gate.set()
    await work
    assert made.counts() == {"sent": 2}


async def test_what_another_machine_left_behind_is_uncertain_while_a_long_flush_goes_on(world: MakeWorld):
    made = started(world, *people(2))
    gate = asyncio.Event()
    made.telegram.answer(gate)
    made.read("a.md", a_digest(1))
    with another_process(made):
        work = asyncio.create_task(made.send())
        await until(lambda: made.telegram.at_once == 1)
    made.clock.advance(LEASE_CHECK_INTERVAL)
    made.dispatcher.wake()
    await until(lambda: made.counts()["uncertain"] == 1)
    assert not work.done()
    gate.set()
    assert await work == {"uncertain": 1, "sent": 1}


async def test_a_clock_that_jumps_while_a_message_is_on_its_way_sends_it_no_second_time(world: MakeWorld):
    made = started(world, rules=SendRules(resend_uncertain=frozenset({"telegram"}), flood_guard=NO_GUARD))
    gate = asyncio.Event()
    made.telegram.answer(gate)
    made.read("a.md", a_digest(1))
    work = asyncio.create_task(made.send())
    await until(lambda: made.telegram.at_once == 1)
    made.clock.advance(60 * MINUTE)
    before = made.faults.steps.count("outbox.claim empty")
    made.dispatcher.wake()
    await until(lambda: made.faults.steps.count("outbox.claim empty") > before)
    gate.set()
    assert await work == {"sent": 1}
    assert len(made.telegram.tried) == 1


async def test_a_send_that_is_cut_off_before_it_began_waits_on(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(1))
    loop, cut_off = asyncio.get_running_loop(), 0

    def cut_off_the_first(loop, coroutine, **more):
        nonlocal cut_off
        task = asyncio.Task(coroutine, loop=loop, **more)
        if coroutine.__name__ == "_deliver" and not cut_off:
            cut_off += task.cancel()
        return task

    loop.set_task_factory(cut_off_the_first)
    assert await made.send() == {"pending": 1, "sent": 1}
    assert len(made.telegram.tried) == 1


async def test_a_fault_of_ours_with_a_stop_keeps_no_end_from_being_written_down(
    world: MakeWorld, caplog: pytest.LogCaptureFixture
):
    made = started(world)
    made.telegram.answer(ChannelDown("down"))
    made.faults.at("incidents.stop_channel", ZeroDivisionError("ours"))
    made.read("a.md", a_digest(1))
    assert await made.send() == {"pending": 1}
    assert "channel.record_failed" in caplog.text
    assert made.counts() == {"pending": 1}


async def test_what_went_out_before_a_stop_that_cannot_be_written_down_is_settled(world: MakeWorld):
    made = started(world, *people(2))
    first, second = asyncio.Event(), asyncio.Event()
    made.telegram.answer(first, to="1")
    made.telegram.answer(second, ChannelDown("down"), to="2")
    made.faults.at("incidents.stop_channel", StateLocked("held"))
    made.read("a.md", a_digest(1))
    work = asyncio.create_task(made.send())
    await until(lambda: made.telegram.at_once == 2)
    first.set()
    second.set()
    with pytest.raises(StateLocked):
        await work
    assert made.counts() == {"sent": 1, "sending": 1}
    assert await made.send() == {"pending": 1}


async def test_a_state_that_fails_inside_a_publisher_is_no_reason_to_send_again(world: MakeWorld):
    made = started(world)
    made.telegram.taken_before_failing = True
    made.telegram.answer(StateLocked("held"))
    made.read("a.md", a_digest(1))
    assert await made.send() == {"uncertain": 1}
    assert len(made.telegram.tried) == 1
