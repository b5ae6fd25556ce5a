"""Reading, unsubscribing and feeds over a real state."""

from bot.adapters.web.service import WebService
from bot.app.config.channels import CAPABILITIES
from bot.domain.channels import Target
from bot.domain.papers import PaperId
from bot.pipeline.finder import PaperFinder
from bot.pipeline.preferences import Preferences
from tests.builders import NOW, a_channel, a_digest, a_subscriber, an_entry
from tests.pipeline.conftest import MakeWorld
from tests.rigs.world import World

MAIL = Target(kind="email", address="alice@example.org")
READER = a_subscriber("alice", a_channel(), a_channel("email"), a_channel("atom"))


def a_service(made: World, *, is_open: bool = True) -> WebService:
    return WebService(
        is_open=is_open,
        papers=made.store.papers,
        deliveries=made.deliveries,
        tokens=made.store.tokens,
        feeds=made.feeds,
        finder=PaperFinder(made.store.full_text, made.store.papers),
        bot_name=made.store.chats.bot_name,
        capabilities=CAPABILITIES,
        preferences=Preferences(
            made.store.preferences, made.registry, made.store.deliveries, made.store.papers
        ),
        stopped=made.store.incidents.stopped_channels,
        metrics=lambda: b"paperboy_papers 4.0\n",
    )


def started(world: MakeWorld) -> tuple[World, WebService]:
    made = world(READER, first_run=0)
    made.look()
    return made, a_service(made)


async def test_papers_and_feeds_can_be_read(world: MakeWorld):
    made, service = started(world)
    before = service.version()
    made.read("a.md", a_digest(1))
    assert service.version() != before
    stored = service.paper(an_entry(1).id)
    assert stored is not None
    assert stored.paper.title == an_entry(1).title
    assert service.paper(PaperId("arxiv:0000.00000")) is None
    assert service.feeds.everything() == made.feeds.everything()
    token = made.store.tokens.issue("feed", "alice")
    assert service.feeds.of_token(token) == made.feeds.of_subscriber(READER)
    assert service.feeds.of_token("nothing") is None


async def test_the_token_of_a_mail_unsubscribes_and_may_be_used_again(world: MakeWorld):
    made, service = started(world)
    made.read("a.md", a_digest(1))
    await made.send()
    token = made.email.taken[0].unsubscribe_token or ""
    assert service.unsubscribe_target(token) == MAIL
    assert service.unsubscribe(token, NOW) == MAIL
    assert service.unsubscribe(token, NOW) == MAIL
    assert service.unsubscribe_target(token) == MAIL
    status = made.store.deliveries.target(MAIL.key)
    assert status is not None
    assert (status.suspended, status.opted_out) == ("unsubscribed by the recipient", "unsubscribed")
    made.read("b.md", a_digest(2))
    await made.send_all()
    assert len(made.email.taken) == 1
    assert len(made.telegram.taken) == 2


async def test_any_other_token_unsubscribes_nobody(world: MakeWorld):
    made, service = started(world)
    made.read("a.md", a_digest(1))
    await made.send()
    feed_token = made.store.tokens.issue("feed", MAIL.key)
    unsent = made.store.tokens.issue("unsubscribe", "email:never@example.org")
    for text in ("", "x" * 22, feed_token, unsent):
        assert service.unsubscribe_target(text) is None
        assert service.unsubscribe(text, NOW) is None
    assert made.store.deliveries.counts(NOW).suspended == {}
