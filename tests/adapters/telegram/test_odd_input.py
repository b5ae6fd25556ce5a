"""What the bot makes of input that is unusual: signs, kinds of messages, buttons and votes that few people ever send."""

import json
from typing import Any

import pytest

from bot.adapters.telegram.updates import (
    ButtonPress,
    CommandMessage,
    Event,
    TextMessage,
    parse_update,
    read_vote,
)
from bot.domain.quizzes.votes import PollState, Vote
from tests.adapters.telegram.conftest import MakeTalk
from tests.adapters.telegram.test_buttons import ALICE, alerted
from tests.builders import a_digest
from tests.rigs.botapi import BotApi, SentMessage
from tests.rigs.talk import ChatSite, labels

CHAT = {"id": 7, "type": "private", "first_name": "Ann"}
ANN = {"id": 7, "is_bot": False, "first_name": "Ann"}
US = {"id": 9, "is_bot": True, "first_name": "Paperboy", "username": "paperboy_bot"}


def event(**message: Any) -> Event | None:
    told = {"message_id": 3, "date": 1, "chat": CHAT, "from": ANN, **message}
    return parse_update({"update_id": 1, "message": told}, "paperboy_bot")


# --- texts


@pytest.mark.parametrize(
    "text", ["\u200f/add rag", "/add\u200b rag", "\ufeff/add rag\u200b", "／add rag", "/add \u202erag\u202c"]
)
def test_signs_that_show_nothing_change_no_command(text: str) -> None:
    said = event(text=text)
    assert isinstance(said, CommandMessage)
    assert (said.name, said.arguments) == ("add", "rag")


def test_signs_that_join_letters_stay() -> None:
    said = event(text="/add می\u200cشود")
    assert isinstance(said, CommandMessage)
    assert said.arguments == "می\u200cشود"


def test_the_words_below_a_picture_are_read_as_a_text() -> None:
    said = event(caption="/add rag", photo=[])
    assert isinstance(said, CommandMessage)
    assert said.arguments == "rag"
    assert isinstance(event(caption="agents", photo=[]), TextMessage)
    assert event(sticker={}) is None


def test_copies_of_what_was_said_elsewhere_are_not_answered() -> None:
    assert event(text="/list", is_automatic_forward=True) is None
    assert event(text="WebSailor", via_bot=US) is None
    assert event(text="/list", via_bot=US | {"username": "gif"}) is not None


@pytest.mark.parametrize("text", ["🙂", "?", "(", "\u200b", "…"])
async def test_a_text_without_a_word_is_told_what_is_searched_for(
    talk_with: MakeTalk, api: BotApi, text: str
) -> None:
    talk = await talk_with()
    assert (
        await talk.say(api.chat(7), text)
    ).text == "I can only search for words. /help lists all commands."


@pytest.mark.parametrize("text", ["{}", "/search {}", "/add {}"])
async def test_a_paper_is_found_by_its_link(talk_with: MakeTalk, api: BotApi, text: str) -> None:
    talk = await talk_with()
    talk.made.read("a.md", a_digest(1, 2))
    chat = api.chat(7)
    found = await talk.say(chat, text.format("https://arxiv.org/abs/2509.14001v2"))
    assert found.text.startswith("I have this paper:\n\n1. Paper 1")
    assert labels(found.message) == [["Follow papers like this"]]
    await talk.press(found.message, "Follow", user=7)
    assert [subscription.text for subscription in talk.made.preferences.listed("chat7")] == [
        "like 2509.14001"
    ]
    assert "do not have this paper" in (await talk.say(chat, text.format("2609.99999"))).text


# --- settings


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("/digest at once", "papers come at once"),
        ("/digest 8:00", "every day at 08:00"),
        ("/digest every day 8:00", "every day at 08:00"),
        ("/digest sundays 18:30", "on Sundays at 18:30"),
        ("/digest quizzes", "Quizzes: when you press Quiz me"),
        ("/quiet 22:00 to 07:00", "Quiet hours: 22:00-07:00"),
        ("/quiet none", "No quiet hours."),
        ("/language English", "From now on I will write English here."),
        ("/language zh-Hant", "好的，这里以后用中文。"),
        ("/language 中文", "好的，这里以后用中文。"),
        ("/snooze 3 days", "Nothing comes until 2026-09-21"),
        ("/snooze 30 minutes", "Nothing comes until 2026-09-18"),
        ("/timezone Beijing", "Time zones are written like Europe/Berlin."),
        ("/timezone UTC+2", "Time zones are written like Europe/Berlin."),
        ("/timezone localtime", "I do not know a time zone localtime."),
        ("/timezone Factory", "I do not know a time zone Factory."),
    ],
)
async def test_settings_are_understood_as_people_write_them(
    talk_with: MakeTalk, api: BotApi, text: str, answer: str
) -> None:
    talk = await talk_with()
    assert answer in (await talk.say(api.chat(7), text)).text


# --- buttons


async def test_a_button_of_a_message_that_is_out_of_reach_is_answered(
    talk_with: MakeTalk, api: BotApi
) -> None:
    talk = await talk_with(ALICE, first_run=0)
    alert = await alerted(talk, 1)
    for number, query in enumerate(({"inline_message_id": "AA"}, {}, {"message": {"date": 0}}), start=1):
        api.pressed[str(number)] = ""
        api.updates.add(
            "callback_query",
            {"id": str(number), "from": ANN, "chat_instance": "1", "data": "save:0:0", **query},
        )
        await talk.settled()
        assert "no longer works" in str(api.answered[str(number)])
    reachable = {"message_id": alert.id, "date": 0, "chat": alert.chat.described()}
    pressed = parse_update({"callback_query": {"id": "9", "data": "x", "message": reachable}}, "paperboy_bot")
    assert isinstance(pressed, ButtonPress)
    assert pressed.message == alert.id


@pytest.mark.parametrize(("first", "second"), [("Allow", "Allow"), ("Refuse", "Allow"), ("Allow", "Refuse")])
async def test_of_two_operators_the_first_answer_holds_and_is_told_once(
    talk_with: MakeTalk, api: BotApi, first: str, second: str
) -> None:
    talk = await talk_with(site=ChatSite(operators=(99, 98)))
    api.chat(99)
    api.chat(98)
    offered = (await talk.say(api.chat(7), "/add rag")).message
    first_message, other = (await talk.press(offered, "Keep", user=7)).sent
    assert isinstance(first_message, SentMessage)
    assert isinstance(other, SentMessage)
    assert len((await talk.press(other, first, user=98)).sent) == 1
    assert (await talk.press(first_message, second, user=99)).sent == []
    assert first_message.text == other.text == {"Allow": "Allowed.", "Refuse": "Refused."}[first]
    assert len(talk.made.preferences.listed("chat7")) == (first == "Allow")


async def test_who_deleted_everything_is_not_let_in_afterwards(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with(site=ChatSite(operators=(99,)))
    api.chat(99)
    chat = api.chat(7)
    offered = (await talk.say(chat, "/add rag")).message
    (question,) = (await talk.press(offered, "Keep", user=7)).sent
    assert isinstance(question, SentMessage)
    sure = (await talk.say(chat, "/delete_me")).message
    await talk.press(sure, "Delete everything", user=7)
    assert "no longer works" in str((await talk.press(question, "Allow", user=99)).note)
    assert talk.made.preferences.subscriber("chat7") is None


# --- votes


def vote(**update: Any) -> Vote | PollState | None:
    return read_vote(json.dumps({"update_id": 1, **update}))


def test_votes_with_numbers_that_no_state_holds_are_left_out() -> None:
    assert vote(poll_answer={"poll_id": "9", "user": {"id": 2**70}, "option_ids": [0]}) is None
    assert vote(poll_answer={"poll_id": "9", "user": {"id": True}, "option_ids": [0]}) is None
    assert vote(poll_answer={"poll_id": "9", "user": {"id": 5}, "option_ids": [2**70, True, 1]}) == Vote(
        poll="9", person=5, options=(1,)
    )
    state = vote(
        poll={
            "id": "9",
            "question": "?",
            "options": [{"text": "a", "voter_count": 2**70}],
            "total_voter_count": True,
        }
    )
    assert isinstance(state, PollState)
    assert (state.counts, state.voters) == ((0,), 0)


async def test_a_vote_that_cannot_be_stored_holds_no_other_back(
    talk_with: MakeTalk, api: BotApi, caplog: pytest.LogCaptureFixture
) -> None:
    talk = await talk_with(ALICE)
    api.updates.add("poll_answer", {"poll_id": "9", "user": {"id": 2**70}, "option_ids": [0]})
    api.updates.add("poll_answer", {"poll_id": "9", "user": ANN, "option_ids": [0]})
    await talk.settled()
    assert "/add" in (await talk.say(api.chat(1), "/help")).text
    assert "chat.votes_failed" not in caplog.messages
