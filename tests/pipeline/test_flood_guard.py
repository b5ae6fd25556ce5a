"""The flood guard at work: what is over waits, goes out together, and stops nothing else."""

from collections import Counter
from datetime import timedelta

import pytest

from bot.domain.delivery import Delivery
from bot.domain.message import Begin, OutgoingMessage, Receipt, unrecorded
from bot.domain.papers import PaperId
from bot.pipeline.history import ledger
from bot.pipeline.send import SendRules
from tests.builders import NOW, a_channel, a_digest, a_quiz, a_subscriber, an_edition, an_entry
from tests.pipeline.conftest import MakeWorld
from tests.rigs.publishers import FakePublisher
from tests.rigs.world import World

MINUTE = timedelta(minutes=1)
QUIZZED = a_subscriber("alice", a_channel(quizzes="all"))


@pytest.fixture
def guarded(world: MakeWorld) -> World:
    return world(a_subscriber(), rules=SendRules())


def sent(made: World, kind: str = "alert") -> list[list[str]]:
    return [[item.paper.id[-2:] for item in message.items] for message in made.telegram.of(kind)]


def quizzed(*numbers: int) -> list:
    return [an_entry(number, editions=(an_edition(quiz=a_quiz(of=str(number))),)) for number in numbers]


async def bring(made: World, *numbers: int) -> None:
    """A digest a minute, each sent at once."""
    for number in numbers:
        made.read(f"{number}.md", a_digest(number))
        await made.send()
        made.clock.advance(MINUTE)


async def test_the_fourth_message_in_ten_minutes_waits_and_takes_along_what_comes_meanwhile(guarded: World):
    await bring(guarded, 1, 2, 3, 4, 5, 6)
    assert sent(guarded) == [["01"], ["02"], ["03"]]
    assert await guarded.dispatcher.next_due() == NOW + 10 * MINUTE
    await guarded.send_all()
    assert sent(guarded) == [["01"], ["02"], ["03"], ["04", "05", "06"]]


async def test_nobody_claims_what_the_guard_holds_back(world: MakeWorld):
    made = world(QUIZZED, rules=SendRules())
    for number in range(1, 21):
        made.read(f"{number}.md", a_digest(*quizzed(number)))
    await made.send_all()
    messages = len(made.telegram.taken) + len(made.feed_files.writes)
    assert len(made.telegram.of("quiz")) == 60
    claims = Counter(step for step in made.faults.steps if step.startswith("outbox.claim "))
    assert claims["outbox.claim done"] == messages == made.faults.steps.count("outbox.begin")
    assert (
        claims["outbox.claim empty"] < 3 * messages
    )  # a look at each of two channels after each message, and no more


async def test_the_count_holds_over_a_restart(guarded: World, world: MakeWorld):
    await bring(guarded, 1, 2, 3)
    again = world(a_subscriber(), rules=SendRules(), clock=guarded.clock)
    await bring(again, 4)
    assert sent(again) == []
    await again.send_all()
    assert sent(again) == [["04"]]


async def test_a_target_that_waits_holds_up_no_other(world: MakeWorld):
    people = [a_subscriber(f"p{n}", a_channel(address=str(n))) for n in range(70)]
    made = world(*people, rules=SendRules())
    await bring(made, 1, 2, 3)
    bob = a_subscriber("zoe", a_channel(address="999"))
    made.subscribe(*people, bob)
    made.read("4.md", a_digest(4))
    await made.send()
    assert {message.target.address for message in made.telegram.taken[210:]} == {"999"}


async def test_edits_and_alarms_are_not_counted_and_do_not_wait(guarded: World):
    await bring(guarded, 1, 2, 3)
    guarded.read("1b.md", a_digest(an_entry(1, title="A Corrected Title of Language Models")))
    guarded.read("4.md", a_digest(4))
    await guarded.send()
    assert sent(guarded, "edit") == [["01"]]
    assert sent(guarded) == [["01"], ["02"], ["03"]]


async def test_quizzes_of_what_was_shown_go_on_while_a_message_waits(world: MakeWorld):
    made = world(QUIZZED, rules=SendRules())
    for number in (1, 2, 3, 4):
        made.read(f"{number}.md", a_digest(*quizzed(number)))
        await made.send()
    assert sent(made) == [["01"], ["02"], ["03"]]
    assert sent(made, "quiz") == [["01"]] * 3 + [["02"]] * 3 + [["03"]] * 3
    await made.send_all()
    assert sent(made)[3:] == [["04"]]
    assert sent(made, "quiz")[9:] == [["04"]] * 3


async def test_the_tenth_poll_in_ten_minutes_waits(world: MakeWorld):
    made = world(QUIZZED, rules=SendRules())
    made.read("a.md", a_digest(*quizzed(1, 2, 3, 4)))
    await made.send()
    assert len(sent(made, "quiz")) == 9
    assert await made.dispatcher.next_due() == NOW + 10 * MINUTE
    await made.send_all()
    assert len(sent(made, "quiz")) == 12


async def test_what_a_person_asks_for_is_not_counted_and_does_not_wait(world: MakeWorld):
    made = world(QUIZZED, rules=SendRules())
    made.read("a.md", a_digest(*quizzed(1, 2, 3, 4)))
    await made.send()
    for number in range(3):
        with made.store.quizzes.transaction() as tx:
            assert tx.plan([a_question_of(1, f"more {number}")], made.clock.now(), asked=True) == 1
    await made.send()
    ended = {row.part: row.state for row in made.rows() if row.part.startswith("more")}
    assert set(ended.values()) == {"skipped"}  # no such question; but it did not wait
    assert len([row for row in made.rows("pending") if row.kind == "quiz"]) == 3


def a_question_of(paper: int, part: str) -> Delivery:
    return Delivery(
        "telegram:1001", "alice", "quiz", PaperId(f"arxiv:2509.{14000 + paper}"), "pending", NOW, part
    )


async def test_the_ledger_says_what_waits(guarded: World):
    await bring(guarded, 1, 2, 3, 4)
    store, person = guarded.store, a_subscriber()
    kept = ledger(person, NOW.date(), store.digests, store.deliveries, store.papers)
    assert kept.ends == {"sent": 3, "waits for the flood guard": 1}
    await guarded.send_all()
    kept = ledger(person, NOW.date(), store.digests, store.deliveries, store.papers)
    assert kept.ends == {"sent": 4}


class ShowsOne(FakePublisher):
    """Shows the best paper of a message; the others stand behind a button."""

    async def send(self, outgoing: OutgoingMessage, begin: Begin = unrecorded) -> Receipt:
        receipt = await super().send(outgoing, begin)
        return Receipt(
            message=receipt.message, poll=receipt.poll, option_order=receipt.option_order, papers_shown=1
        )


async def test_of_a_paper_behind_the_button_no_poll_is_sent_by_itself(world: MakeWorld):
    service = ShowsOne("telegram")
    made = world(QUIZZED, rules=SendRules(), publishers=[service])
    made.read("a.md", a_digest(*quizzed(1, 2)))
    await made.send()
    assert [item.paper.id[-1] for message in service.of("quiz") for item in message.items] == ["1"] * 3
    hidden = made.rows("skipped")
    assert [(row.paper[-1], row.cause) for row in hidden] == [("2", "paper behind more")] * 3
    with made.store.quizzes.transaction() as tx:
        assert tx.release_now(hidden[0].key, made.clock.now())
        assert not tx.release_now(hidden[0].key, made.clock.now())
    await made.send()
    assert [item.paper.id[-1] for message in service.of("quiz") for item in message.items] == ["1"] * 3 + [
        "2"
    ]
