"""Sending what is due, on an ordinary day and when a send ends badly."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from bot.domain.delivery import LONGEST_WAIT, MAX_ATTEMPTS
from bot.domain.errors import (
    ChannelDown,
    OutcomeUnknown,
    Refused,
    StateLocked,
    StateUnavailable,
    TargetGone,
    TargetMoved,
    TryLater,
)
from bot.domain.flood_guard import NO_GUARD
from bot.domain.message import MOST_PAPERS
from bot.domain.schedule import parse_quiet_hours, parse_schedule
from bot.domain.subscriptions import Subscriber
from bot.pipeline import dispatch
from bot.pipeline.dispatch import IN_FLIGHT
from bot.pipeline.send import SendRules
from tests.builders import NOW, a_channel, a_digest, a_quiz, a_subscriber, an_edition, an_entry
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.dispatching import MINUTE, people, started, until
from tests.rigs.ports import Faults

# --- the ordinary day -------------------------------------------------------------------------------------


async def test_nothing_to_send_sends_nothing(world: MakeWorld):
    made = started(world)
    assert await made.send() == {}
    assert await made.dispatcher.next_due() is None


async def test_everything_due_goes_out_on_every_channel_once(world: MakeWorld):
    made = started(world, a_subscriber("alice", a_channel(), a_channel("email"), a_channel("atom")))
    made.read("a.md", a_digest(1, 2))
    assert await made.send() == {"sent": 3, "merged": 3}
    assert [len(box.taken) for box in (made.telegram, made.email)] == [1, 1]
    assert [entry.paper.id[-1] for entry in made.feed_files.feeds["alice"].entries] == ["1", "2"]
    assert await made.send() == {}
    assert len(made.telegram.tried) == 1


async def test_one_paper_is_alerted_once_whatever_names_it_again(world: MakeWorld):
    made = started(world)
    for n in range(5):
        made.read(f"{n}.md", a_digest(an_entry(1, summary=f"Language models, version {n}.")))
        await made.send()
    again = world(a_subscriber(), first_run=0)
    again.read("after-restart.md", a_digest(1))
    await again.send()
    assert len(made.telegram.of("alert")) + len(again.telegram.of("alert")) == 1
    assert len(made.telegram.of("edit")) == 4


async def test_two_people_with_one_chat_get_one_alert(world: MakeWorld):
    made = started(world, a_subscriber("alice"), a_subscriber("bob"))
    made.read("a.md", a_digest(1))
    await made.send()
    assert made.telegram.papers() == [an_entry(1).id]


async def test_held_rows_go_out_together_when_their_time_has_come(world: MakeWorld):
    alice = a_subscriber("alice", a_channel(), quiet_hours=parse_quiet_hours("07:00-09:30"))
    made = started(world, alice)
    made.read("a.md", a_digest(1))
    made.clock.advance(hours=1)
    made.read("b.md", a_digest(2))
    assert await made.send() == {}
    assert await made.dispatcher.next_due() == NOW + timedelta(minutes=90)
    made.clock.advance(minutes=30)
    assert await made.send() == {"sent": 1, "merged": 1}
    assert len(made.telegram.taken) == 1


async def test_a_mail_waits_for_the_digests_time(world: MakeWorld):
    made = started(world, a_subscriber("alice", a_channel("email", deliver=parse_schedule("daily at 08:30"))))
    made.read("a.md", a_digest(1))
    assert (await made.send(), made.counts()) == ({}, {"held": 1})
    await made.send_all(days=1)
    assert made.clock.now() == NOW + timedelta(minutes=30)
    assert made.counts() == {"sent": 1}


async def test_a_long_list_goes_out_message_by_message(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(*range(1, MOST_PAPERS + 31)))
    await made.send()
    assert [len(outgoing.items) for outgoing in made.telegram.taken] == [MOST_PAPERS, 30]


async def test_many_targets_are_sent_to_side_by_side_but_not_all_at_once(world: MakeWorld):
    made = started(world, *people(IN_FLIGHT + 20))
    first, others = asyncio.Event(), asyncio.Event()
    made.telegram.answer(first, to="1")
    for number in range(2, IN_FLIGHT + 21):
        made.telegram.answer(others, to=str(number))
    made.read("a.md", a_digest(1))
    work = asyncio.create_task(made.send())
    await until(lambda: made.telegram.at_once == IN_FLIGHT)
    first.set()
    await until(lambda: len(made.telegram.tried) > IN_FLIGHT)
    others.set()
    assert await work == {"sent": IN_FLIGHT + 20}
    assert made.telegram.most_at_once == IN_FLIGHT


async def test_what_becomes_due_while_a_send_hangs_goes_out_before_it_ends(world: MakeWorld):
    made = started(world, *people(2))
    gate = asyncio.Event()
    made.telegram.answer(gate, to="1")
    made.telegram.answer(TryLater("busy", wait=timedelta(milliseconds=10)), to="2")
    made.read("a.md", a_digest(1))
    work = asyncio.create_task(made.send())
    await until(lambda: len(made.telegram.tried) == 2)
    made.clock.advance(seconds=5)
    await until(lambda: [message.target.address for message in made.telegram.taken] == ["2"])
    gate.set()
    assert await work == {"pending": 1, "sent": 2}


# --- how sends end ----------------------------------------------------------------------------------------


async def test_told_to_wait_it_waits_and_goes_again_as_it_was(world: MakeWorld):
    made = started(world)
    made.telegram.answer(TryLater("flood", wait=10 * MINUTE))
    made.read("a.md", a_digest(1, 2))
    assert await made.send() == {"pending": 2}
    made.read("b.md", a_digest(3))
    assert await made.dispatcher.next_due() == NOW + 10 * MINUTE
    made.clock.advance(9 * MINUTE)
    assert await made.send() == {}
    made.clock.advance(MINUTE)
    assert await made.send() == {"sent": 2, "merged": 1}
    first, again, rest = made.telegram.tried
    assert (again.id, [item.paper.id for item in again.items]) == (
        first.id,
        [item.paper.id for item in first.items],
    )
    assert [item.paper.id[-1] for item in rest.items] == ["3"]


async def test_waits_grow_and_end_in_a_dead_letter(world: MakeWorld):
    made = started(world)
    made.telegram.answer(*[TryLater("not now")] * MAX_ATTEMPTS)
    made.read("a.md", a_digest(1))
    gaps = []
    while made.counts()["dead"] == 0:
        before = made.clock.now()
        await made.send()
        due = await made.dispatcher.next_due()
        if due:
            gaps.append(due - before)
            made.clock.go_to(due)
    assert len(made.telegram.tried) == MAX_ATTEMPTS
    assert gaps[0] < timedelta(seconds=7)
    assert max(gaps) <= LONGEST_WAIT * 1.25
    assert timedelta(days=1.5) < sum(gaps, timedelta()) < timedelta(days=3)
    assert made.rows()[0].error == f"given up after {MAX_ATTEMPTS} tries: not now"


async def test_what_is_refused_is_a_dead_letter_with_the_reason_and_the_next_goes_on(world: MakeWorld):
    made = started(world)
    made.telegram.answer(Refused("Bad Request: message is too long"))
    made.read("a.md", a_digest(1))
    await made.send()
    made.read("b.md", a_digest(2))
    await made.send()
    assert made.states() == {"alert telegram 1": "dead", "alert telegram 2": "sent"}
    assert made.rows("dead")[0].error == "Bad Request: message is too long"


async def test_a_target_that_is_gone_keeps_its_rows_until_it_is_back(world: MakeWorld):
    made = started(world)
    made.telegram.answer(TargetGone("Forbidden: bot was blocked by the user"))
    made.read("a.md", a_digest(1))
    assert await made.send() == {"pending": 1}
    made.read("b.md", a_digest(2))
    assert await made.send_all(days=30) == {}
    assert len(made.telegram.tried) == 1
    counts = made.store.deliveries.counts(NOW)
    assert counts.suspended == {"telegram:1001": "Forbidden: bot was blocked by the user"}
    assert made.deliveries.revive("telegram:1001")
    assert await made.send() == {"sent": 2}
    assert made.telegram.papers() == [an_entry(1).id, an_entry(2).id]


async def test_a_target_that_moved_gets_it_at_once_at_its_new_address(world: MakeWorld):
    made = started(world, a_subscriber("alice", a_channel(address="-5")))
    made.telegram.answer(TargetMoved("upgraded", address="-1005"))
    made.read("a.md", a_digest(1))
    assert await made.send() == {"pending": 1, "sent": 1}
    assert [outgoing.target.address for outgoing in made.telegram.tried] == ["-5", "-1005"]
    made.read("b.md", a_digest(2))
    await made.send()
    assert made.telegram.tried[-1].target.address == "-1005"
    assert made.telegram.tried[-1].items


async def test_a_service_that_moves_a_target_for_ever_is_not_followed_for_ever(world: MakeWorld):
    made = started(world)
    made.telegram.answer(*[TargetMoved("moved", address=str(n % 2)) for n in range(50)])
    made.read("a.md", a_digest(1))
    await made.send()
    assert len(made.telegram.tried) == 4


async def test_what_nobody_knows_is_uncertain_and_never_sent_again_by_itself(world: MakeWorld):
    made = started(world)
    made.telegram.taken_before_failing = True
    made.telegram.answer(OutcomeUnknown("ReadTimeout"))
    made.read("a.md", a_digest(1))
    assert await made.send() == {"uncertain": 1}
    made.clock.advance(days=3)
    assert await made.send() == {}
    assert len(made.telegram.taken) == 1
    (row,) = made.rows("uncertain")
    assert (row.error, row.message) == ("ReadTimeout", made.telegram.taken[0].id)


async def test_what_nobody_knows_goes_again_where_the_settings_say_so(world: MakeWorld):
    made = started(world, rules=SendRules(resend_uncertain=frozenset({"telegram"}), flood_guard=NO_GUARD))
    made.telegram.answer(OutcomeUnknown("ReadTimeout"))
    made.read("a.md", a_digest(1))
    assert await made.send_all() == {"pending": 1, "sent": 1}


async def test_an_edit_that_nobody_knows_of_goes_again(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(1))
    await made.send()
    made.telegram.answer(OutcomeUnknown("ReadTimeout"))
    made.read("b.md", a_digest(an_entry(1, title="Corrected Language Models")))
    assert await made.send_all(days=1) == {"pending": 1, "sent": 1}


async def test_a_fault_of_ours_in_the_middle_of_a_send_is_uncertain(
    world: MakeWorld, caplog: pytest.LogCaptureFixture
):
    made = started(world)
    made.telegram.answer(KeyError("a bug"))
    made.read("a.md", a_digest(1))
    assert await made.send() == {"uncertain": 1}
    assert made.rows()[0].error == "unexpected: KeyError"
    assert "delivery.send_failed" in caplog.text


async def test_a_publisher_that_cancels_itself_is_uncertain(world: MakeWorld):
    made = started(world)
    made.telegram.answer(asyncio.CancelledError())
    made.read("a.md", a_digest(1))
    assert await made.send() == {"uncertain": 1}


async def test_a_message_that_cannot_be_put_together_is_a_dead_letter_with_a_text(world: MakeWorld):
    made = started(world, a_subscriber("alice", a_channel(), a_channel("email")))
    made.read("a.md", a_digest(1))
    made.faults.at("deliveries.unnamed", ZeroDivisionError("a bug"))
    assert await made.send() == {"dead": 1, "sent": 1}
    assert made.rows("dead")[0].error == "could not be put together: ZeroDivisionError('a bug')"


async def test_a_state_that_is_busy_while_a_message_is_put_together_only_delays_it(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(1))
    made.faults.at("deliveries.unnamed", StateLocked("held"))
    assert await made.send_all(days=1) == {"pending": 1, "sent": 1}


async def test_what_cannot_be_marked_as_leaving_does_not_leave_and_was_no_try(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(1))
    made.faults.at("outbox.mark", StateUnavailable("no space"))
    assert await made.send() == {"pending": 1}
    assert (made.telegram.taken, made.rows()[0].attempts) == ([], 0)
    assert await made.send_all(days=1) == {"sent": 1}


async def test_what_is_begun_is_marked_and_then_leaves_before_anything_else_runs(world: MakeWorld):
    class Watch(Faults):
        """Looks, one turn of the loop after a mark, whether the publisher has all that is marked."""

        def __call__(self, step: str) -> None:
            super().__call__(step)
            if step == "outbox.mark":
                marked = self.steps.count(step)
                asyncio.get_running_loop().call_soon(lambda: left.append(len(made.telegram.tried) >= marked))

    left: list[bool] = []
    made = started(world, *people(3), faults=Watch())
    made.read("a.md", a_digest(1))
    await made.send()
    assert left == [True] * 3
    assert made.faults.steps.index("outbox.begin done") < made.faults.steps.index("outbox.mark")


async def test_nobody_sends_on_a_channel_without_a_publisher(world: MakeWorld):
    made = started(
        world, a_subscriber("alice", a_channel(), a_channel("email"), a_channel("atom")), publishers=()
    )
    made.read("a.md", a_digest(1))
    assert await made.send() == {"sent": 1}
    assert made.states()["alert atom 1"] == "sent"
    assert await made.dispatcher.next_due() is None


# --- feeds ------------------------------------------------------------------------------------------------


async def test_a_feed_is_written_once_for_all_that_changed(world: MakeWorld):
    made = started(world, a_subscriber("alice", a_channel("atom")))
    made.read("a.md", a_digest(*range(1, 40)))
    await made.send()
    made.feed_files.writes.clear()
    made.read("a.html", a_digest(*(an_entry(n, editions=(an_edition(quiz=a_quiz()),)) for n in range(1, 40))))
    assert await made.send() == {"sent": 1, "merged": 38}
    assert made.feed_files.writes == ["alice"]


async def test_a_feed_that_cannot_be_written_now_is_written_later(world: MakeWorld):
    made = started(world, a_subscriber("alice", a_channel("atom")))
    made.feed_files.failures.append(ChannelDown("disk full"))
    made.read("a.md", a_digest(1))
    assert await made.send() == {"pending": 1}
    assert made.rows()[0].error == "the feed could not be written: disk full"
    assert await made.send_all(days=1) == {"sent": 1}


@pytest.mark.parametrize("left", [(), (a_subscriber("alice"),)], ids=["all", "their feed"])
async def test_the_feed_of_somebody_who_left_is_let_be(world: MakeWorld, left: tuple[Subscriber, ...]):
    made = started(world, a_subscriber("alice", a_channel("atom")))
    made.read("a.md", a_digest(1))
    made.subscribe(*left)
    assert await made.send() == {"skipped": 1}
    assert made.feed_files.writes == []


def test_a_flush_that_sent_nothing_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    dispatch._summary(Counter(), timedelta())
    assert "deliveries.done" not in caplog.text
    dispatch._summary(Counter(sent=1), timedelta(seconds=2))
    assert "deliveries.done" in caplog.text
