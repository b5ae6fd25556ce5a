"""What goes to a chat, over a real state."""

from bot.adapters.telegram.requests import ChatDeliveries
from bot.domain.errors import TargetGone, TargetMoved
from tests.builders import NOW, a_channel, a_digest, a_quiz, a_subscriber, an_edition, an_entry
from tests.pipeline.conftest import MakeWorld
from tests.rigs.world import World

READER = a_subscriber("alice", a_channel(), a_channel("email"), a_channel("atom"))


def started(world: MakeWorld, *subscribers, **more) -> World:
    made = world(*(subscribers or (READER,)), first_run=0, **more)
    made.look()
    return made


def chat_deliveries(made: World) -> ChatDeliveries:
    return ChatDeliveries(made.store.papers, made.deliveries, made.builder, made.registry)


async def test_a_chat_knows_its_subscribers_before_anything_was_sent(world: MakeWorld):
    bob, carol = a_subscriber("bob"), a_subscriber("carol", a_channel(address="2002"))
    made = started(world, a_subscriber(), bob, carol)
    assert [subscriber.id for subscriber in chat_deliveries(made).subscribers(("1001",))] == ["alice", "bob"]
    assert chat_deliveries(made).subscribers(("3003",)) == ()


async def test_a_chat_that_moved_still_knows_its_subscribers(world: MakeWorld):
    made = started(world, a_subscriber("alice", a_channel(address="-5")))
    made.telegram.answer(TargetMoved("upgraded", address="-1005"))
    made.read("a.md", a_digest(1))
    await made.send()
    assert [subscriber.id for subscriber in chat_deliveries(made).subscribers(("-1005",))] == ["alice"]
    assert chat_deliveries(made).stop(("-1005",), NOW)
    assert made.store.deliveries.counts(NOW).suspended == {"telegram:-5": "stopped in the chat"}


async def test_the_latest_for_a_chat_are_its_matches_with_reasons(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(1, an_entry(2, title="Cats", summary="Cats."), 3))
    told = chat_deliveries(made).latest(("1001",), 5)
    assert [message.paper.id[-1] for message in told] == ["1", "3"]
    assert told[0].reasons[0].subscription == "language models"
    assert len(chat_deliveries(made).latest(("1001",), 1)) == 1
    assert [match.paper.id[-1] for match in chat_deliveries(made).latest(("1001",), 5, 1)] == ["3"]


async def test_a_stranger_gets_the_latest_of_all(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(1, an_entry(2, title="Cats", summary="Cats.")))
    told = chat_deliveries(made).latest(("9",), 5)
    assert [(message.paper.id[-1], message.reasons) for message in told] == [("1", ()), ("2", ())]


async def test_a_chat_stops_and_goes_on_when_it_says_so(world: MakeWorld):
    made = started(world, a_subscriber())
    assert chat_deliveries(made).stop(("1001",), NOW)
    assert not chat_deliveries(made).stop(("1001",), NOW)
    made.read("a.md", a_digest(1))
    assert await made.send_all() == {}
    assert chat_deliveries(made).resume(("1001",))
    assert not chat_deliveries(made).resume(("1001",))
    assert await made.send() == {"sent": 1}


async def test_strangers_stop_nothing(world: MakeWorld):
    made = started(world)
    assert not chat_deliveries(made).stop(("9",), NOW)
    assert not chat_deliveries(made).resume(("9",))
    assert made.store.deliveries.counts(NOW).suspended == {}


async def test_somebody_who_had_blocked_the_bot_comes_back(world: MakeWorld):
    made = started(world, a_subscriber())
    made.telegram.answer(TargetGone("Forbidden: bot was blocked by the user"))
    made.read("a.md", a_digest(1))
    await made.send()
    assert chat_deliveries(made).resume(("1001",))
    assert await made.send() == {"sent": 1}


async def test_a_forum_that_is_back_revives_its_topics_but_those_that_wished_to_be_left(world: MakeWorld):
    topics = ["-1001/7", "-1001/8", "-1001/9"]
    made = started(
        world,
        *(a_subscriber(f"s{n}", a_channel(address=address)) for n, address in enumerate(topics)),
        a_subscriber("mail", a_channel("email", "a@b.c")),
    )
    made.telegram.answer(TargetGone("bot was kicked from the supergroup chat"), to="-1001/7")
    made.read("a.md", a_digest(1))
    await made.send()
    assert chat_deliveries(made).stop(("-1001/8",), NOW)
    assert chat_deliveries(made).resume(("-1001",))
    assert not chat_deliveries(made).resume(("-1001",))
    await made.send()
    *first, last = [outgoing.target.address for outgoing in made.telegram.taken]
    assert (sorted(first), last) == (["-1001/8", "-1001/9"], "-1001/7")
    assert list(made.store.deliveries.counts(NOW).suspended) == ["telegram:-1001/8"]


async def test_a_message_is_shown_again_whole_to_the_chat_it_went_to(world: MakeWorld):
    made = started(world, a_subscriber(daily_limit=2))
    made.read("a.md", a_digest(1, 2, 3))
    await made.send()
    (sent,) = made.telegram.taken
    made.read("b.md", a_digest(an_entry(3, title="Corrected Language Models")))
    again = chat_deliveries(made).message(sent.id, ("1001",))
    assert again is not None
    assert [item.paper.id[-1] for item in again.items] == ["1", "2", "3"]
    assert again.items[2].paper.title == "Corrected Language Models"
    assert (again.id, again.kind, again.more) == (sent.id, "alert", 0)


async def test_a_message_is_shown_to_nobody_else(world: MakeWorld):
    made = started(world, a_subscriber("alice", a_channel(quizzes="one")))
    made.read("a.html", a_digest(an_entry(1, editions=(an_edition(quiz=a_quiz()),))))
    await made.send()
    alert, quiz = made.telegram.taken
    assert chat_deliveries(made).message(alert.id, ("2002",)) is None
    assert chat_deliveries(made).message("unknown", ("1001",)) is None
    assert chat_deliveries(made).message(quiz.id, ("1001",)) is None
    made.subscribe()
    assert chat_deliveries(made).message(alert.id, ("1001",)) is None
