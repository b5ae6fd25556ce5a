"""Sign-ups by mail address: one mail that asks, nothing else before a yes, and what a yes brings."""

from datetime import timedelta

import pytest

from bot.domain.errors import QuerySyntaxError, TryLater
from bot.domain.preferences import LONGEST_QUERY
from bot.domain.sign_ups import KEPT_FOR, VALID_FOR, ConfirmationRequest
from bot.pipeline.preferences import ChoiceRefused
from bot.pipeline.sign_ups import SignUps
from tests.builders import NOW, a_channel, a_digest, a_subscriber
from tests.pipeline.conftest import MakeWorld
from tests.rigs.world import World

ADDRESS = "ann@example.org"
DAY = timedelta(days=1)


class Asked:
    """Keeps the mails that ask; `trouble` is raised instead."""

    kind = "email"

    def __init__(self) -> None:
        self.requests: list[ConfirmationRequest] = []
        self.trouble: Exception | None = None

    async def ask(self, request: ConfirmationRequest, /) -> None:
        if self.trouble:
            raise self.trouble
        self.requests.append(request)

    @property
    def token(self) -> str:
        return self.requests[-1].token


def sign_ups(made: World, asked: Asked) -> SignUps:
    return SignUps(made.store.sign_ups, made.store.tokens, made.preferences, made.store.deliveries, asked)


async def test_nothing_is_sent_before_the_owner_says_yes(world: MakeWorld):
    made, asked = world(), Asked()
    service = sign_ups(made, asked)
    assert await service.ask("Ann <Ann@Example.org>", "language  models", NOW)
    (request,) = asked.requests
    assert (request.sign_up.address, request.sign_up.query) == (ADDRESS, "language models")
    assert service.pending(asked.token, NOW) == request.sign_up
    made.read("a.md", a_digest(1))
    await made.send_all()
    assert made.email.taken == []
    assert made.registry.subscribers == {}


async def test_a_yes_subscribes_once_with_what_was_chosen(world: MakeWorld):
    made, asked = world(), Asked()
    service = sign_ups(made, asked)
    await service.ask(
        ADDRESS, "language models", NOW, language="zh", deliver="mondays at 7:00", timezone="Asia/Tokyo"
    )
    for _ in range(2):
        added = service.confirm(asked.token, NOW + timedelta(hours=1))
        assert added is not None
        assert added.name == "language models"
    (ann,) = made.registry.subscribers.values()
    assert ann.id == service.subscriber_of(ADDRESS)
    assert [channel.target for channel in ann.channels] == [f"email:{ADDRESS}"]
    assert [subscription.text for subscription in ann.subscriptions] == ["language models"]
    assert (ann.language, ann.timezone.key) == ("zh", "Asia/Tokyo")
    made.registry.refresh()
    made.read("a.md", a_digest(1))
    await made.send_all(days=9)
    assert len(made.email.taken) == 1


async def test_who_has_a_configured_channel_there_gets_one_more_subscription(world: MakeWorld):
    made, asked = world(a_subscriber("ann", a_channel("email", "Ann@Example.org"))), Asked()
    service = sign_ups(made, asked)
    await service.ask(ADDRESS, "rag", NOW, language="zh", timezone="Asia/Tokyo")
    service.confirm(asked.token, NOW)
    assert list(made.registry.subscribers) == ["ann"]
    ann = made.registry.subscribers["ann"]
    assert "rag" in [subscription.name for subscription in ann.subscriptions]
    assert (ann.language, ann.timezone.key) == ("en", "UTC")  # their own settings stay


async def test_an_address_is_asked_once_a_day_and_again_after_a_yes(world: MakeWorld):
    made, asked = world(), Asked()
    service = sign_ups(made, asked)
    assert await service.ask(ADDRESS, "rag", NOW)
    assert not await service.ask(ADDRESS.upper(), "agents", NOW + timedelta(hours=1))
    service.confirm(asked.token, NOW + timedelta(hours=2))
    assert await service.ask(ADDRESS, "agents", NOW + timedelta(hours=3))
    assert len(asked.requests) == 2


async def test_a_yes_lifts_a_suspension(world: MakeWorld):
    made, asked = world(), Asked()
    made.store.deliveries.opt_out(f"email:{ADDRESS}", "unsubscribed", NOW)
    service = sign_ups(made, asked)
    await service.ask(ADDRESS, "rag", NOW)
    assert made.store.deliveries.counts(NOW).suspended
    service.confirm(asked.token, NOW)
    assert not made.store.deliveries.counts(NOW).suspended
    made.store.deliveries.opt_out(f"email:{ADDRESS}", "unsubscribed", NOW)
    service.confirm(asked.token, NOW)
    assert made.store.deliveries.counts(NOW).suspended  # an old link undoes nothing


async def test_a_link_ends_and_other_texts_open_nothing(world: MakeWorld):
    made, asked = world(), Asked()
    service = sign_ups(made, asked)
    await service.ask(ADDRESS, "rag", NOW)
    assert service.pending(asked.token, NOW + VALID_FOR - timedelta(seconds=1)) is not None
    assert service.confirm(asked.token, NOW + VALID_FOR) is None
    assert service.confirm("x" * 22, NOW) is None
    assert service.confirm(made.store.tokens.issue("unsubscribe", asked.requests[0].sign_up.id), NOW) is None
    assert made.registry.subscribers == {}
    later = NOW + KEPT_FOR + DAY
    await service.ask("bob@example.org", "rag", later)
    assert made.store.tokens.subject("confirm", asked.requests[0].token) is None
    assert made.store.sign_ups.sign_up(asked.requests[0].sign_up.id) is None


async def test_a_mail_server_that_refuses_is_told_to_the_caller(world: MakeWorld):
    made, asked = world(), Asked()
    asked.trouble = TryLater("greylisted")
    with pytest.raises(TryLater):
        await sign_ups(made, asked).ask(ADDRESS, "rag", NOW)


@pytest.mark.parametrize(
    ("address", "query", "more", "why"),
    [
        ("nobody", "rag", {}, "address"),
        ("a@b.c, d@e.f", "rag", {}, "address"),
        (ADDRESS, "x" * (LONGEST_QUERY + 1), {}, "too long"),
        (ADDRESS, "rag", {"deliver": "sometimes"}, "times"),
        (ADDRESS, "rag", {"timezone": "Mars/Olympus"}, "zone"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    world: MakeWorld, address: str, query: str, more: dict[str, str], why: str
):
    asked = Asked()
    with pytest.raises(ChoiceRefused) as refused:
        await sign_ups(world(), asked).ask(address, query, NOW, **more)
    assert refused.value.why == why
    assert asked.requests == []


async def test_a_query_that_cannot_be_read_is_refused(world: MakeWorld):
    asked = Asked()
    with pytest.raises(QuerySyntaxError):
        await sign_ups(world(), asked).ask(ADDRESS, "(rag", NOW)
    assert asked.requests == []


async def test_an_unknown_language_is_english(world: MakeWorld):
    asked = Asked()
    await sign_ups(world(), asked).ask(ADDRESS, "rag", NOW, language="fr")
    assert asked.requests[0].sign_up.language == "en"
