"""Buttons: pressed once, twice, late, by others, and with other data than we gave them."""

import re
from collections.abc import Sequence

import pytest

from bot.adapters.telegram.commands import BUTTONS, parse_button
from bot.adapters.telegram.rendering import Button, Message
from bot.adapters.telegram.requests import ChatSite
from bot.domain.chats import ChatFacts
from bot.domain.preferences import MOST_SUBSCRIPTIONS, ChosenChannel
from tests.adapters.telegram.conftest import MakeTalk
from tests.builders import NOW, a_channel, a_digest, a_quiz, a_subscriber, an_edition, an_entry
from tests.rigs.botapi import BotApi, Chat, SentMessage, SentPoll
from tests.rigs.talk import Answer, Talk, labels

ALICE = a_subscriber("alice", a_channel(address="1", quizzes="none"))

CHAT = ChosenChannel(kind="telegram", address="7")


async def subscribed(talk: Talk, chat: Chat, *queries: str, user: int = 1) -> None:
    for query in queries:
        answer = await talk.say(chat, f"/add {query}", user=user)
        await talk.press(answer.message, "Keep", user=user)


async def alerted(talk: Talk, *entries: object) -> SentMessage:
    """An alert on these papers, with the buttons that an alert has."""
    talk.made.look()
    talk.made.read("a.md", a_digest(*entries))  # type: ignore[arg-type]
    sent = await talk.deliver()
    return next(message for message in sent if isinstance(message, SentMessage))


async def pressed(talk: Talk, message: SentMessage, kind: str, number: int = 0, user: int = 1) -> Answer:
    """The button of that kind below an alert, as its data would be."""
    claim = next(row.message for row in talk.made.rows() if row.kind == "alert" and row.message)
    return await talk.press(message, user=user, data=f"{kind}:{claim}:{number}")


# --- data


def test_every_kind_of_button_fits_its_data() -> None:
    for name, kind in BUTTONS.items():
        data = ":".join([name, *["0" * 24] * kind.parts])
        assert parse_button(data) == (kind, ["0" * 24] * kind.parts)
        assert len(data) <= 64


@pytest.mark.parametrize(
    "data",
    [
        "",
        "keep",
        "keep:",
        "keep:a:b",
        "nothing:1",
        "keep:" + "x" * 60,
        "keep:ä",
        "more:1",
        "more:1:2:3",
        "KEEP:1",
        "a\0:1",
    ],
)
def test_any_other_data_is_no_button(data: str) -> None:
    assert parse_button(data) is None


async def test_foreign_and_altered_data_does_nothing_and_says_so(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with()
    chat, other = api.chat(7), api.chat(8)
    offered = (await talk.say(chat, "/add rag")).message
    other_list = (await talk.say(other, "/add vlm")).message
    data = offered.buttons[0][0]["callback_data"]
    for wrong in (
        data + "x",
        data[:-1],
        "keep:zzzzzzzzzzzz",
        "ex:" + data[5:],
        "in:" + data[5:],
        "let:1:y",
        "?",
    ):
        answer = await talk.press(offered, user=7, data=wrong)
        assert answer.note is not None
        assert answer.sent == []
    assert "no longer works" in str((await talk.press(other_list, user=8, data=data)).note)
    assert talk.made.store.preferences.all_choices()[1] == {}


# --- keeping, editing, cancelling


async def test_a_subscription_is_kept_once_however_often_the_button_is_pressed(
    talk_with: MakeTalk, api: BotApi
) -> None:
    talk = await talk_with()
    offered = (await talk.say(api.chat(7), "/add rag")).message
    data = offered.buttons[0][0]["callback_data"]
    await talk.press(offered, "Keep", user=7)
    assert offered.text.startswith("Kept: rag")
    await talk.press(offered, user=7, data=data)
    await talk.press(offered, user=7, data=data)
    assert offered.text.startswith("You have this already: rag")
    assert len(talk.made.preferences.listed("chat7")) == 1


async def test_what_is_cancelled_changes_nothing(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with()
    offered = (await talk.say(api.chat(7), "/add rag")).message
    await talk.press(offered, "Cancel", user=7)
    assert offered.text == "Cancelled: nothing was changed."
    assert offered.buttons == ()


async def test_another_query_is_asked_for_and_the_next_text_is_it(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with()
    chat = api.chat(7)
    offered = (await talk.say(chat, "/add rag")).message
    asked = await talk.press(offered, "Edit", user=7)
    assert asked.message.asks == "new query"
    assert "Send me the new query for rag" in asked.text
    again = await talk.say(chat, "rag OR retrieval")
    assert again.text.startswith("rag OR retrieval")
    await talk.press(again.message, "Keep", user=7)
    assert [subscription.text for subscription in talk.made.preferences.listed("chat7")] == [
        "rag OR retrieval"
    ]
    assert "That is not a command" in (await talk.say(chat, "rag OR retrieval")).text


async def test_a_question_of_ours_is_forgotten_after_half_an_hour(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with()
    chat = api.chat(7)
    await talk.press((await talk.say(chat, "/add rag")).message, "Edit", user=7)
    talk.made.clock.advance(minutes=31)
    assert "That is not a command" in (await talk.say(chat, "vlm")).text


async def test_there_are_a_hundred_subscriptions_at_most(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with()
    for number in range(MOST_SUBSCRIPTIONS):
        talk.made.preferences.add("chat7", f"n{number}", talk.made.clock.now())
    offered = (await talk.say(api.chat(7), "/add rag")).message
    assert "100 already" in str((await talk.press(offered, "Keep", user=7)).note)


async def test_a_name_of_the_configuration_is_said_to_hold(talk_with: MakeTalk, api: BotApi) -> None:
    from tests.builders import a_subscription

    named = a_subscriber(
        "alice", a_channel(address="1"), asks=(a_subscription("language models", name="rag"),)
    )
    talk = await talk_with(named)
    offered = (await talk.say(api.chat(1), "/add rag")).message
    await talk.press(offered, "Keep")
    assert "configuration file has a subscription of this name" in offered.text
    shown = await talk.say(api.chat(1), "/list")
    assert "also made here" in shown.text


# --- the list


async def test_the_list_pauses_edits_and_removes(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with(ALICE)
    chat = api.chat(1)
    await subscribed(talk, chat, "rag", "vlm")
    shown = (await talk.say(chat, "/list")).message
    assert shown.text.splitlines() == [
        "1. language models · from the configuration file (can only be changed there)",
        "2. rag",
        "3. vlm",
    ]
    assert labels(shown) == [["1 ⏸"], ["2 ✎", "2 ⏸", "2 ✕"], ["3 ✎", "3 ⏸", "3 ✕"]]
    await talk.press(shown, "1 ⏸")
    await talk.press(shown, "2 ⏸")
    assert shown.text.splitlines()[:2] == [
        "1. language models ⏸ paused · from the configuration file (can only be changed there)",
        "2. rag ⏸ paused",
    ]
    person = talk.made.preferences.subscriber("alice")
    assert person is not None
    assert [subscription.name for subscription in person.subscriptions] == ["vlm"]
    await talk.press(shown, "1 ▶")
    asked = await talk.press(shown, "3 ✎")
    assert "new query for vlm" in asked.text
    offered = (await talk.say(chat, "vlm OR lvlm")).message
    await talk.press(offered, "Keep")
    assert offered.text == "Changed: vlm OR lvlm"
    stale = shown.buttons[2]
    await talk.press(shown, "2 ✕")
    assert shown.text.startswith("Removed: rag")
    for button in stale:
        assert "no longer exists" in str((await talk.press(shown, data=button["callback_data"])).note)


async def test_the_configurations_cannot_be_removed_from_the_chat(talk_with: MakeTalk, api: BotApi) -> None:
    from bot.adapters.telegram.requests import short_key

    talk = await talk_with(ALICE)
    chat = api.chat(1)
    assert "configuration file" in (await talk.say(chat, "/remove language models")).text
    shown = (await talk.say(chat, "/list")).message
    key = short_key("language models")
    assert "configuration file" in str((await talk.press(shown, data=f"del:{key}")).note)
    assert "no longer exists" in str((await talk.press(shown, data=f"ed:{key}")).note)


async def test_remove_takes_a_number_or_a_name(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with()
    chat = api.chat(7)
    await subscribed(talk, chat, "rag", "vlm", user=7)
    assert "Press ✕" in (await talk.say(chat, "/remove")).text
    assert (await talk.say(chat, "/remove 2")).text == "Removed: vlm"
    assert (await talk.say(chat, "/remove RAG")).text == "Removed: RAG"
    assert "no subscriptions here yet" in (await talk.say(chat, "/remove 9")).text
    assert talk.made.preferences.listed("chat7") == ()


async def test_a_long_list_has_pages(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with()
    for number in range(20):
        talk.made.preferences.add("chat7", f"query{number}", talk.made.clock.now())
    shown = (await talk.say(api.chat(7), "/list")).message
    assert "1–8 of 20" in shown.text
    await talk.press(shown, "›", user=7)
    await talk.press(shown, "›", user=7)
    assert "17–20 of 20" in shown.text
    assert labels(shown)[-1] == ["‹"]
    await talk.press(shown, "20 ✕", user=7)
    assert "17–19 of 19" in shown.text


async def test_a_list_of_the_longest_subscriptions_is_shown_whole_page_by_page(
    talk_with: MakeTalk, api: BotApi
) -> None:
    talk = await talk_with(first_run=0)
    chat = api.chat(7)
    for number in range(MOST_SUBSCRIPTIONS):
        query = f'"{number:03} <&> {"long " * 90}"'
        talk.made.preferences.add("chat7", query, NOW, channel=CHAT, called=f"{number:03} <&> {'name' * 18}")
    shown = (await talk.say(chat, "/list")).message
    numbers: list[str] = []
    for _ in range(-(-MOST_SUBSCRIPTIONS // 8)):
        numbers += re.findall(r"^\d+\. (\d{3}) <&>", shown.text, re.MULTILINE)
        assert len(shown.buttons) <= 9
        if labels(shown)[-1][-1] == "›":
            await talk.press(shown, "›", user=7)
    assert numbers == [f"{number:03}" for number in range(MOST_SUBSCRIPTIONS)]


async def test_in_a_forum_a_subscription_goes_to_its_topic_and_to_another(
    talk_with: MakeTalk, api: BotApi
) -> None:
    talk = await talk_with(first_run=0)
    forum = api.chat(-100, kind="supergroup", topics={3, 7}, administrators={77})
    await talk.say(forum, "hello", user=78, topic=7, topic_name="Retrieval")
    offered = (await talk.say(forum, "/add language models", user=77, topic=3)).message
    assert offered.thread == 3
    await talk.press(offered, "Keep", user=77)
    await talk.deliver()
    talk.made.read("a.md", a_digest(1))
    assert [message.thread for message in await talk.deliver()] == [3]
    shown = (await talk.say(forum, "/list", user=77, topic=3)).message
    assert "· topic 3" in shown.text
    await talk.press(shown, "1 ⇄", user=77)
    assert labels(shown) == [["General", "Retrieval"], ["topic 3"], ["‹"]]
    await talk.press(shown, "Retrieval", user=77)
    assert "· topic Retrieval" in shown.text
    await talk.deliver()
    talk.made.read("b.md", a_digest(2))
    assert [message.thread for message in await talk.deliver()] == [7]
    await talk.press(shown, "1 ⇄", user=77)
    await talk.press(shown, "General", user=77)
    await talk.deliver()
    talk.made.read("c.md", a_digest(3))
    assert [message.thread for message in await talk.deliver()] == [None]


async def test_a_topic_that_the_configuration_names_is_one_with_its_number(
    talk_with: MakeTalk, api: BotApi
) -> None:
    reader = a_subscriber("group", a_channel(address="-100/papers"), asks=("language models",))
    talk = await talk_with(reader, first_run=0)
    forum = api.chat(-100, kind="supergroup", topics={3}, administrators={77})
    talk.made.read("a.md", a_digest(1))
    assert [message.thread for message in await talk.deliver()] == [None]  # nobody saw it yet
    assert [incident.kind for incident in talk.made.store.incidents.open_incidents()] == ["topic gone"]
    api.name_topic(forum, 7, "Papers")
    assert "language models" in (await talk.say(forum, "/list", user=78, topic=7)).text
    offered = (await talk.say(forum, "/add language", user=77, topic=7)).message
    await talk.press(offered, "Keep", user=77)
    assert "· topic papers" in (await talk.say(forum, "/list", user=77, topic=7)).text
    await talk.deliver()
    talk.made.read("b.md", a_digest(2))
    assert [message.thread for message in await talk.deliver()] == [7]  # one alert for both subscriptions
    assert talk.made.store.incidents.open_incidents() == ()


async def test_a_renamed_topic_keeps_its_new_name_whatever_older_messages_say(
    talk_with: MakeTalk, api: BotApi
) -> None:
    talk = await talk_with()
    forum = api.chat(-100, kind="supergroup", topics={3})
    api.name_topic(forum, 7, "Papers")
    api.name_topic(forum, 7, "Reading", renamed=True)
    await talk.say(forum, "hello", user=78, topic=7, topic_name="Papers")
    assert talk.made.store.chats.topics(-100) == {7: "Reading"}
    api.name_topic(forum, 7, "Papers", renamed=True)
    await talk.settled()
    assert talk.made.store.chats.topics(-100) == {7: "Papers"}


async def test_what_the_bot_may_send_is_asked_again_when_it_becomes_something_else(
    talk_with: MakeTalk, api: BotApi
) -> None:
    talk = await talk_with()
    chats = talk.made.store.chats
    group = api.chat(-5, kind="group", condition="no_polls")
    for change in (lambda: api.promote(group), lambda: api.upgrade(group, -1005)):
        chats.keep_chat_facts(-5, ChatFacts(id=-5, kind="group", messages=True, polls=False))
        change()
        await talk.settled()
        assert chats.chat_facts(-5) is None


async def test_only_administrators_press_what_changes_a_group(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with()
    group = api.chat(-5, kind="group", administrators={77})
    offered = (await talk.say(group, "/preview rag", user=78)).message
    assert "Only administrators" in str((await talk.press(offered, "Keep", user=78)).note)
    assert talk.made.preferences.listed("chat-5") == ()
    await talk.press(offered, "Keep", user=77)
    assert [subscription.name for subscription in talk.made.preferences.listed("chat-5")] == ["rag"]


async def test_a_group_that_becomes_a_supergroup_keeps_its_subscriptions(
    talk_with: MakeTalk, api: BotApi
) -> None:
    talk = await talk_with(first_run=0)
    group = api.chat(-5, kind="group", administrators={77})
    await subscribed(talk, group, "language models", user=77)
    offered = (await talk.say(group, "/add rag", user=77)).message
    new = api.upgrade(group, -1005)
    await talk.settled()
    assert "language models" in (await talk.say(new, "/list", user=77)).text
    assert "no longer works" in str((await talk.press(offered, data="keep:x", user=77)).note)
    await talk.deliver()
    talk.made.read("a.md", a_digest(1))
    assert [message.chat.id for message in await talk.deliver()] == [-1005]


# --- below alerts


async def test_a_paper_is_saved_once_and_taken_back(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with(ALICE, first_run=0)
    chat = api.chat(1)
    alert = await alerted(talk, 1, 2)
    assert "Saved." in str((await pressed(talk, alert, "save", 1)).note)
    assert "Already" in str((await pressed(talk, alert, "save", 1)).note)
    await pressed(talk, alert, "save", 0)
    assert "no longer works" in str((await pressed(talk, alert, "save", 9)).note)
    shown = (await talk.say(chat, "/saved")).message
    assert shown.text.startswith("Saved papers\n\n1. Paper ")
    assert labels(shown) == [["1 ✕", "2 ✕"]]
    await talk.press(shown, "1 ✕")
    assert "2. " not in shown.text
    bib = await talk.say(chat, "/export bib")
    assert bib.text.startswith("@misc{ghanem2026paper,")
    assert "TY  - UNPB" in (await talk.say(chat, "/export ris")).text
    await talk.press(shown, "1 ✕")
    assert "Nothing saved" in shown.text


async def test_a_long_bibliography_comes_as_a_file(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with(ALICE, first_run=0)
    chat = api.chat(1)
    talk.made.read("a.md", a_digest(*range(1, 40)))
    for number in range(1, 40):
        paper = talk.made.store.papers.newest(40)[number - 1].paper.id
        talk.made.preferences.save("telegram:1", paper, talk.made.clock.now())
    await talk.say(chat, "/export bib")
    (file,) = api.files
    assert file.name == "papers.bib"
    assert file.content.count("@misc{") == 39
    shown = (await talk.say(chat, "/saved")).message
    await talk.press(shown, "›")
    assert "6–10 of 39" in shown.text


async def test_in_a_group_everybody_saves_for_themselves(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with(a_subscriber("club", a_channel(address="-5")), first_run=0)
    api.chat(-5, kind="group")
    alert = await alerted(talk, 1)
    await pressed(talk, alert, "save", user=78)
    assert "Paper 1" in (await talk.say(api.chat(78), "/saved")).text
    assert "Nothing saved" in (await talk.say(api.chat(79), "/saved")).text


TOOLS = [
    an_entry(20 + number, title=f"Agents {number}: Language Models", summary=text)
    for number, text in enumerate(
        ["tool use agent planning calling executing", "agent tool calling plans executing steps"]
    )
]


async def test_more_like_one_shows_its_neighbours_and_follows_them(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with(ALICE, first_run=0)
    alert = await alerted(talk, *TOOLS, 1, 2, 3, 4, 5, 6, 7)
    order = [part for part in alert.text.splitlines() if "Agents 0" in part]
    number = int(order[0].split(".")[0]) - 1
    near = await pressed(talk, alert, "like", number)
    assert near.text.startswith("Like “Agents 0: Language Models”")
    assert "Agents 1" in near.text
    await talk.press(near.message, "Follow")
    assert [subscription.text for subscription in talk.made.preferences.listed("alice")] == [
        "language models",
        "like 2509.14020",
    ]
    alone = await pressed(talk, alert, "like", 8)
    assert labels(alone.message) == [["Follow papers like this"]]


async def test_not_for_me_tells_what_brought_it_and_leaves_a_word_out(
    talk_with: MakeTalk, api: BotApi
) -> None:
    talk = await talk_with(ALICE, first_run=0)
    talk.made.look()
    talk.made.read("0.md", a_digest(1, 2, 3, 4, 5))
    medical = an_entry(30, title="Language Models for Medical Imaging", summary="Medical imaging, medical.")
    talk.made.read("b.md", a_digest(medical))
    await talk.deliver()
    alert = api.messages[-1]
    number = next(
        int(part.split(".")[0]) - 1 for part in alert.text.splitlines() if "Medical Imaging" in part
    )
    told = await pressed(talk, alert, "not", number)
    assert told.text.startswith("It came through language models.")
    assert labels(told.message)[0] == ["NOT medical (−0)"]
    await talk.press(told.message, "NOT medical")
    assert told.message.text == "Left out from now on: medical"
    person = talk.made.preferences.subscriber("alice")
    assert person is not None
    assert person.exclude == ("medical",)
    await talk.deliver()
    talk.made.read("c.md", a_digest(an_entry(31, title="Language Models in Medical Use"), 9))
    assert "Medical" not in "".join(message.text for message in await talk.deliver())
    assert "Always left out: medical" in (await talk.say(api.chat(1), "/list")).text
    await talk.press(told.message, "Undo")
    assert talk.made.preferences.choices("alice").exclude == ()


async def test_quiz_me_asks_about_the_paper_until_all_was_asked(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with(ALICE, first_run=0)
    quizzed = an_entry(1, editions=(an_edition(quiz=a_quiz(2)),))
    alert = await alerted(talk, quizzed, 2)
    for _ in range(2):
        assert "question is coming" in str(
            (await pressed(talk, alert, "quiz", _order(alert, "Paper 1:"))).note
        )
        (poll,) = await talk.deliver()
        assert isinstance(poll, SentPoll)
    assert "All questions" in str((await pressed(talk, alert, "quiz", _order(alert, "Paper 1:"))).note)
    assert "no quiz" in str((await pressed(talk, alert, "quiz", _order(alert, "Paper 2:"))).note)


def _order(alert: SentMessage, title: str) -> int:
    return next(int(part.split(".")[0]) - 1 for part in alert.text.splitlines() if title in part)


async def test_more_of_a_message_comes_only_where_the_message_went(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with(ALICE, first_run=0)
    api.chat(1)
    await alerted(talk, *range(1, 21))
    alert = api.messages[0]
    other = (await talk.say(api.chat(2), "/help")).message
    assert "no longer works" in str((await pressed(talk, other, "more", 8, user=2)).note)
    assert "no longer works" in str((await pressed(talk, alert, "more", 99)).note)
    answer = await pressed(talk, alert, "more", 8)
    assert "of 20" in answer.text


# --- who may subscribe, and who is gone


async def test_a_stranger_is_put_before_the_operators_with_buttons(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with(site=ChatSite(operators=(99,)), first_run=0)
    operator, stranger = api.chat(99), api.chat(7)
    offered = (await talk.say(stranger, "/add language models")).message
    asked = await talk.press(offered, "Keep", user=7)
    assert "the operator's approval" in offered.text
    (question,) = asked.sent
    assert question.chat is operator
    assert question.text == "Person 7 would like to subscribe to language models"
    again = (await talk.say(stranger, "/add rag")).message
    await talk.press(again, "Keep", user=7)
    assert "has been asked already" in again.text
    assert isinstance(question, SentMessage)
    assert "no longer works" in str(
        (await talk.press(question, data=question.buttons[0][0]["callback_data"], user=7)).note
    )
    told = await talk.press(question, "Allow", user=99)
    assert question.text == "Allowed."
    assert told.message.chat is stranger
    assert "Your request was approved." in told.text
    assert [subscription.name for subscription in talk.made.preferences.listed("chat7")] == [
        "language models"
    ]
    await talk.deliver()
    talk.made.read("a.md", a_digest(1))
    assert [message.chat.id for message in await talk.deliver()] == [7]
    await subscribed(talk, stranger, "rag", user=7)
    assert len(talk.made.preferences.listed("chat7")) == 2


async def test_who_is_refused_is_told_and_stays_out(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with(site=ChatSite(operators=(99,)))
    api.chat(99)
    stranger = api.chat(7)
    offered = (await talk.say(stranger, "/add rag")).message
    (question,) = (await talk.press(offered, "Keep", user=7)).sent
    assert isinstance(question, SentMessage)
    told = await talk.press(question, "Refuse", user=99)
    assert "has declined subscriptions" in told.text
    again = (await talk.say(stranger, "/add rag")).message
    await talk.press(again, "Keep", user=7)
    assert "has declined subscriptions" in again.text
    assert talk.made.preferences.subscriber("chat7") is None


async def test_without_operators_only_the_file_subscribes(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with(ALICE, site=ChatSite())
    offered = (await talk.say(api.chat(7), "/add rag")).message
    await talk.press(offered, "Keep", user=7)
    assert "This chat's ID is 7." in offered.text
    await subscribed(talk, api.chat(1), "rag")
    assert len(talk.made.preferences.listed("alice")) == 2


async def test_operators_see_counts(talk_with: MakeTalk, api: BotApi) -> None:
    from bot.adapters.telegram.requests import Status

    now = Status(papers=3, subscribers=1, pending=0, held=0, uncertain=1, dead=0, incidents=("x is silent",))
    operator = api.chat(99)
    talk = await talk_with(site=ChatSite(operators=(99,), status=lambda _: now), introduces=True)
    assert "1 uncertain" in (await talk.say(operator, "/status")).text
    assert "• x is silent" in api.messages[-1].text
    assert "status" in api.scopes["chat:99", ""]
    assert "Only operators" in (await talk.say(api.chat(7), "/status")).text


async def test_everything_about_a_person_is_deleted_by_a_button_of_theirs(
    talk_with: MakeTalk, api: BotApi
) -> None:
    talk = await talk_with(first_run=0)
    chat = api.chat(424242424)
    user = chat.id
    await subscribed(talk, chat, "language models", user=user)
    await talk.deliver()
    talk.made.read("a.md", a_digest(1))
    await talk.deliver()
    asked = (await talk.say(chat, "/delete_me")).message
    data = asked.buttons[0][0]["callback_data"]
    assert "no longer works" in str((await talk.press(asked, data=data, user=7)).note)
    kept = (await talk.say(chat, "/delete_me")).message
    await talk.press(kept, "Keep it", user=user)
    assert kept.text == "Cancelled: nothing was changed."
    await talk.press(asked, "Delete everything", user=user)
    assert asked.text.startswith("Deleted: what you set 1, ")
    assert asked.text.endswith("nothing about you is left.")
    await talk.deliver()
    assert "no subscriptions here yet" in (await talk.say(chat, "/list")).text


async def test_a_feed_is_made_renewed_and_ended_in_private(talk_with: MakeTalk, api: BotApi) -> None:
    renewed: list[str] = []
    site = ChatSite(
        is_open=True, feed_address=lambda name: f"https://x.example/{name}.atom", renew_feed=renewed.append
    )
    talk = await talk_with(site=site)
    chat = api.chat(7)
    shown = (await talk.say(chat, "/feed")).message
    await talk.press(shown, "Make one", user=7)
    assert "https://x.example/chat7.atom" in shown.text
    again = (await talk.say(chat, "/feed")).message
    await talk.press(again, "New address", user=7)
    assert renewed == ["chat7"]
    await talk.press(again, "Turn it off", user=7)
    assert again.text == "The feed is turned off."
    assert "no longer works" in str((await talk.press(again, data="feed:other", user=7)).note)
    group = (await talk.say(api.chat(-5, kind="group"), "/help")).message
    assert "no longer works" in str((await talk.press(group, data="feed:make", user=7)).note)


def test_buttons_stand_in_their_rows() -> None:
    from bot.adapters.telegram.client import _keyboard

    buttons: Sequence[Button] = (
        Button(text="a", data="x:1"),
        Button(text="b", data="x:2", row=1),
        Button(text="c", data="x:3"),
    )
    keyboard = _keyboard(Message(html="x", buttons=tuple(buttons)))
    assert keyboard is not None
    assert [[button.text for button in row] for row in keyboard.inline_keyboard] == [["a", "c"], ["b"]]


def test_every_kind_of_row_that_may_be_deleted_has_a_name_for_people() -> None:
    from bot.adapters.store.preferences import _rows_about
    from bot.adapters.telegram.texts import TEXTS

    kinds = {name for name, *_ in _rows_about("chat7", 7, whole=True)} | {"updates"}
    assert {f"row.{kind}" for kind in kinds} == {key for key in TEXTS if key.startswith("row.")}
