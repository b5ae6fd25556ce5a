"""Updates that nobody expects: the handler takes whatever the Bot API's types can hold, and leaves the state whole."""

import json
import logging
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.adapters.telegram.commands import BUTTONS, COMMANDS, Conversation, parse_button
from bot.adapters.telegram.requests import ChatSite
from bot.adapters.telegram.updates import (
    ButtonPress,
    CommandMessage,
    is_vote,
    parse_update,
    read_vote,
    stored_update,
    topic_seen,
)
from bot.app.config.channels import CAPABILITIES
from bot.domain.preferences import with_choices
from tests.adapters.telegram.conftest import MakeTalk
from tests.builders import a_channel, a_digest, a_quiz, a_subscriber, an_edition, an_entry
from tests.pipeline.conftest import MakeWorld
from tests.rigs.botapi import BotApi
from tests.rigs.random_updates import random_update
from tests.rigs.talk import services_of
from tests.rigs.world import World

SUBSCRIBERS = (
    a_subscriber("alice", a_channel(address="7")),
    a_subscriber("club", a_channel(address="-100/3")),
)


@pytest.fixture
def conversation(world: MakeWorld) -> tuple[Conversation, World]:
    made = world(*SUBSCRIBERS)
    quizzed = an_entry(4, editions=(an_edition(quiz=a_quiz(2)),))
    made.read("a.md", a_digest(1, 2, 3, quizzed))
    site = ChatSite(is_open=True, operators=(99,), feed_address=lambda name: f"https://x.example/{name}")
    return Conversation(services_of(made, site), made.clock.now), made


def is_whole(made: World) -> bool:
    """The state reads as it is shown: nothing is half changed."""
    _, choices = made.store.preferences.all_choices()
    everybody = with_choices(made.registry.configured.values(), choices, CAPABILITIES)
    return {subscriber.id: subscriber for subscriber in everybody} == dict(made.registry.subscribers)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_no_update_breaks_the_handler_or_the_state(
    conversation: tuple[Conversation, World], seed: int
) -> None:
    talk, made = conversation
    rng = Random(seed)
    for _ in range(10):
        stored = stored_update(json.loads(json.dumps(random_update(rng))))
        assert stored is not None
        body, raw = stored.body, json.loads(stored.body)
        topic_seen(raw)
        if is_vote(raw):
            read_vote(body)
            continue
        event = parse_update(raw, "paperboy_bot")
        if event is not None:
            talk.asks_for_rights(event)
            talk.too_fast(event)
            talk.decide(event, may_change=rng.random() < 0.7)
    assert is_whole(made)


def test_random_updates_are_of_every_kind_of_event_button_and_command() -> None:
    rng = Random(7)
    events = [parse_update(json.loads(json.dumps(random_update(rng))), "paperboy_bot") for _ in range(4_000)]
    kinds = {type(event).__name__ for event in events}
    assert {
        "CommandMessage",
        "TextMessage",
        "ButtonPress",
        "InlineQuery",
        "NoneType",
    } <= kinds
    assert COMMANDS.keys() <= {event.name for event in events if isinstance(event, CommandMessage)}
    presses = [parse_button(event.data) for event in events if isinstance(event, ButtonPress)]
    assert {id(press[0]) for press in presses if press} == {id(kind) for kind in BUTTONS.values()}


async def test_the_service_answers_on_after_random_updates(
    talk_with: MakeTalk, api: BotApi, caplog: pytest.LogCaptureFixture
) -> None:
    talk = await talk_with(*SUBSCRIBERS)
    for number in (7, 8, -5, -100):
        api.chat(number, kind="private" if number > 0 else "supergroup")
    rng = Random(11)
    with caplog.at_level(logging.ERROR):
        for _ in range(60):
            update = random_update(rng)
            (kind,) = update.keys() - {"update_id"}
            api.updates.add(kind, update[kind])
        await talk.settled()
    assert [record for record in caplog.records if record.msg == "chat.answer_failed"] == []
    talk.made.clock.advance(minutes=2)
    assert "/add" in (await talk.say(api.chat(9), "/help")).text
    api.complaints.clear()
