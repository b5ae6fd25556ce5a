"""What the web server and the conversation may ask and do."""

from bot.domain.channels import Target
from bot.domain.delivery import STOPPED, UNSUBSCRIBED
from bot.domain.errors import TargetGone, TargetMoved
from bot.domain.papers import PaperId
from tests.builders import NOW, a_channel, a_digest, a_quiz, a_subscriber, an_edition, an_entry
from tests.pipeline.conftest import MakeWorld
from tests.rigs.world import World

MAIL = Target(kind="email", address="alice@example.org")
READER = a_subscriber("alice", a_channel(), a_channel("email"), a_channel("atom"))


def started(world: MakeWorld, *subscribers, **more) -> World:
    made = world(*(subscribers or (READER,)), first_run=0, **more)
    made.look()
    return made


# --- the reading room -------------------------------------------------------------------------------------


async def test_papers_and_feeds_can_be_read(world: MakeWorld):
    made = started(world)
    before = made.library.edition()
    made.read("a.md", a_digest(1))
    assert made.library.edition() != before
    stored = made.library.paper(an_entry(1).id)
    assert stored is not None
    assert stored.paper.title == an_entry(1).title
    assert made.library.paper(PaperId("arxiv:0000.00000")) is None
    assert made.library.everything() == made.feeds.everything()
    token = made.store.tokens.issue("feed", "alice")
    assert made.library.feed_behind(token) == made.feeds.of(READER)
    assert made.library.feed_behind("nothing") is None


async def test_whoever_got_a_mail_can_unsubscribe_with_it_as_often_as_they_like(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(1))
    await made.send()
    token = made.email.taken[0].unsubscribe_token or ""
    assert made.library.unsubscribable(token) == MAIL
    assert made.library.unsubscribe(token, NOW) == MAIL
    assert made.library.unsubscribe(token, NOW) == MAIL
    assert made.library.unsubscribable(token) == MAIL
    status = made.store.deliveries.target(MAIL.key)
    assert status is not None
    assert status.suspended == UNSUBSCRIBED
    made.read("b.md", a_digest(2))
    await made.send_all()
    assert len(made.email.taken) == 1
    assert len(made.telegram.taken) == 2


async def test_any_other_text_unsubscribes_nobody(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(1))
    await made.send()
    feed_token = made.store.tokens.issue("feed", MAIL.key)
    unsent = made.store.tokens.issue("unsubscribe", "email:never@example.org")
    for text in ("", "x" * 22, feed_token, unsent):
        assert made.library.unsubscribable(text) is None
        assert made.library.unsubscribe(text, NOW) is None
    assert made.store.deliveries.counts(NOW).suspended == {}


# --- the desk ---------------------------------------------------------------------------------------------


async def test_a_chat_knows_its_subscribers_before_anything_was_sent(world: MakeWorld):
    bob, carol = a_subscriber("bob"), a_subscriber("carol", a_channel(address="2002"))
    made = started(world, a_subscriber(), bob, carol)
    assert [one.id for one in made.desk.subscribers_at("1001")] == ["alice", "bob"]
    assert made.desk.subscribers_at("3003") == ()


async def test_a_chat_that_moved_still_knows_its_subscribers(world: MakeWorld):
    made = started(world, a_subscriber("alice", a_channel(address="-5")))
    made.telegram.answer(TargetMoved("upgraded", address="-1005"))
    made.read("a.md", a_digest(1))
    await made.send()
    assert [one.id for one in made.desk.subscribers_at("-1005")] == ["alice"]
    assert made.desk.stop("-1005", NOW)
    assert made.store.deliveries.counts(NOW).suspended == {"telegram:-5": STOPPED}


async def test_the_latest_for_a_chat_are_its_matches_with_reasons(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(1, an_entry(2, title="Cats", summary="Cats."), 3))
    told = made.desk.latest_for("1001", 5)
    assert [one.paper.id[-1] for one in told] == ["1", "3"]
    assert told[0].reasons[0].subscription == "language models"
    assert len(made.desk.latest_for("1001", 1)) == 1


async def test_a_stranger_gets_the_latest_of_all(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(1, an_entry(2, title="Cats", summary="Cats.")))
    told = made.desk.latest_for("9", 5)
    assert [(one.paper.id[-1], one.reasons) for one in told] == [("1", ()), ("2", ())]


async def test_a_chat_stops_and_goes_on_when_it_says_so(world: MakeWorld):
    made = started(world, a_subscriber())
    assert made.desk.stop("1001", NOW)
    assert not made.desk.stop("1001", NOW)
    made.read("a.md", a_digest(1))
    assert await made.send_all() == {}
    assert made.desk.resume("1001", NOW)
    assert not made.desk.resume("1001", NOW)
    assert await made.send() == {"sent": 1}


async def test_strangers_stop_nothing(world: MakeWorld):
    made = started(world)
    assert not made.desk.stop("9", NOW)
    assert not made.desk.resume("9", NOW)
    assert made.store.deliveries.counts(NOW).suspended == {}


async def test_somebody_who_had_blocked_the_bot_comes_back(world: MakeWorld):
    made = started(world, a_subscriber())
    made.telegram.answer(TargetGone("Forbidden: bot was blocked by the user"))
    made.read("a.md", a_digest(1))
    await made.send()
    assert made.desk.resume("1001", NOW)
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
    assert made.desk.stop("-1001/8", NOW)
    assert made.desk.resume("-1001", NOW)
    assert not made.desk.resume("-1001", NOW)
    await made.send()
    *first, last = [one.target.address for one in made.telegram.taken]
    assert (sorted(first), last) == (["-1001/8", "-1001/9"], "-1001/7")
    assert list(made.store.deliveries.counts(NOW).suspended) == ["telegram:-1001/8"]


async def test_a_message_is_shown_again_whole_to_the_chat_it_went_to(world: MakeWorld):
    made = started(world, a_subscriber(daily_limit=2))
    made.read("a.md", a_digest(1, 2, 3))
    await made.send()
    (sent,) = made.telegram.taken
    made.read("b.md", a_digest(an_entry(3, title="Corrected Language Models")))
    again = made.desk.message(sent.id, "1001")
    assert again is not None
    assert [item.paper.id[-1] for item in again.items] == ["1", "2", "3"]
    assert again.items[2].paper.title == "Corrected Language Models"
    assert (again.id, again.kind, again.more) == (sent.id, "alert", 0)


async def test_a_message_is_shown_to_nobody_else(world: MakeWorld):
    made = started(world, a_subscriber("alice", a_channel(quizzes="one")))
    made.read("a.html", a_digest(an_entry(1, editions=(an_edition(quiz=a_quiz()),))))
    await made.send()
    alert, quiz = made.telegram.taken
    assert made.desk.message(alert.id, "2002") is None
    assert made.desk.message("unknown", "1001") is None
    assert made.desk.message(quiz.id, "1001") is None
    made.subscribe()
    assert made.desk.message(alert.id, "1001") is None
